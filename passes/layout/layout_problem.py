"""The choice of an order for every op of a module as a label problem: label 1 is the order, 0 as the op stands."""

from collections.abc import Iterator, Mapping

from ...ir import Function, Module, Op, Return, Value
from ...ops import tensor
from ...ops.nn.activation import SoftmaxFamily
from .borders import Borders, is_call
from .channels_last import Order, inverse, permuted
from .costs import Costs, moved_type
from .forms import Form, form_in
from .free_transposes import always_moves, can_take, gives_either_order, takes_either_order
from .minimum_cut import ONE, ZERO, LabelProblem, Node
from .reordering import reorder


def forms_of(function: Function, order: Order) -> dict[Op, Form]:
    """The forms of a function's ops in the order; that of a transpose takes part of the order's own permutation, and
    may vanish so."""
    forms: dict[Op, Form] = {}
    inside: set[Value] = set()
    for op in function.ops:
        if isinstance(op, tensor.Transpose):
            form = _transpose_form(op, order, op.x in inside)
        else:
            form = form_in(op, order)
        if form is None:
            continue
        forms[op] = form
        begins = isinstance(op, tensor.Transpose) and not form.follows
        if form.result_follows and (begins or form.is_required or not inside.isdisjoint(form.follows)):
            inside.update(op.results)
    return forms


def _transpose_form(op: tensor.Transpose, order: Order, is_inside: bool) -> Form | None:
    """A transpose can take its operand, or give its result, in the order at no cost of its own.

    One whose permutation is its own inverse could do either, but not both: ``is_inside`` says that the ops before it
    come from where the order begins, so that here it ends. It ends as well where nothing behind it can take it on.
    """
    axes = order.axes(op.x.type.rank)
    if axes is None or always_moves(op, order):
        return None
    ends = is_inside or inverse(axes) != axes or not any(can_take(user, op.result, order) for user in op.result.uses)
    if op.permutation == axes and ends:
        remaining = permuted(inverse(axes), op.permutation)
        return Form((op.x,), len(axes), lambda last: tensor.Transpose(last[op.x], remaining), result_follows=False)
    composed = permuted(op.permutation, axes)
    return Form((), len(axes), lambda last: tensor.Transpose(op.x, composed))


class LayoutProblem:
    """One problem for all functions. ``forms`` are the ops with a choice, and those that have none but the order."""

    def __init__(self, module: Module, order: Order, costs: Costs) -> None:
        self._module = module
        self.order = order
        self.borders = Borders(module, order)
        self.forms = {op: f for fn in module.functions.values() for op, f in forms_of(fn, order).items()}
        self._costs = costs
        self._problem = LabelProblem()
        for place in self.borders.nodes():
            self._problem.add_node(place)
        for function in module.functions.values():
            self._describe(function, costs.runs[function])

    @property
    def is_required(self) -> bool:
        """Whether there is an op that must take the order."""
        return any(form.is_required for form in self.forms.values())

    def solve(self) -> tuple[dict[Node, int], int]:
        """The labels of least cost, of ops and borders, and that cost."""
        return self._problem.solve()

    def cost(self, labels: Mapping[Node, int]) -> int:
        """What the transposes cost with these labels; whatever has none and need not move stays as it is."""
        return self._problem.cost(labels)

    def carry_out(self, labels: Mapping[Node, int]) -> None:
        """Rebuilds the ops and borders with label 1, and those that must be, in the order."""
        chosen = {op: form for op, form in self.forms.items() if form.is_required or labels.get(op)}
        reorder(self._module, self.order, chosen, self.borders, lambda place: labels.get(place) == 1)

    def _describe(self, function: Function, runs: int) -> None:
        for op in function.ops:
            form = self.forms.get(op)
            if form is not None or gives_either_order(op, self.order):
                self._problem.add_node(op)
            if isinstance(op, SoftmaxFamily):
                self._cost_of_softmax(op, form, runs)
            elif isinstance(op, tensor.Transpose) and not isinstance(op.x.owner, tensor.Constant):
                self._cost_of_transpose(op, form, runs)
        for value in function.values():
            if not isinstance(value.owner, tensor.Constant):
                self._cost_of_value(value, runs)

    def _cost_of_transpose(self, op: tensor.Transpose, form: Form | None, runs: int) -> None:
        type_, axes = moved_type(op), self.order.axes(op.x.type.rank)
        as_it_is = runs * self._costs.transpose(type_, op.permutation)
        if form is None or axes is None:
            self._constant(as_it_is)
            return
        if form.follows:
            moved, permutation = permuted(type_.shape, axes), permuted(inverse(axes), op.permutation)
        else:
            moved, permutation = type_.shape, permuted(op.permutation, axes)
        self._problem.cost_of_zero(op, as_it_is)
        self._problem.cost_of_one(op, runs * self._costs.transpose(type_.with_shape(moved), permutation))

    def _cost_of_softmax(self, op: SoftmaxFamily, form: Form | None, runs: int) -> None:
        type_, axes = op.x.type, self.order.axes(op.x.type.rank)
        as_it_is = runs * self._costs.softmax(type_, op.axis)
        if form is None or axes is None:
            self._constant(as_it_is)
            return
        moved = type_.with_shape(permuted(type_.shape, axes))
        self._problem.cost_of_zero(op, as_it_is)
        self._problem.cost_of_one(op, runs * self._costs.softmax(moved, axes.index(op.axis)))

    def _constant(self, cost: int) -> None:
        """What is due whatever is chosen."""
        self._problem.cost_of_difference(ZERO, (ONE,), cost)

    def _label(self, op: Op) -> Node:
        form = self.forms.get(op)
        if form is None:
            return op if gives_either_order(op, self.order) else ZERO
        return ONE if form.is_required else op

    def _maker(self, value: Value) -> Node:
        if value.owner is None:
            return self.borders.of_input(value)
        if is_call(value.owner):
            return self.borders.of_result(value)
        form = self.forms.get(value.owner)
        return ZERO if form is not None and not form.result_follows else self._label(value.owner)

    def _cost_of_value(self, value: Value, runs: int) -> None:
        axes = self.order.axes(value.type.rank)
        if axes is not None:
            users = list(dict.fromkeys(self._users(value)))
            self._problem.cost_of_difference(self._maker(value), users, runs * self._costs.transpose(value.type, axes))
        raised: dict[int, list[Node]] = {}
        for user in value.uses:
            form = self.forms.get(user)
            if form is not None and value.type.rank < form.rank and value in form.follows:
                raised.setdefault(form.rank, []).append(self._label(user))
        for rank, raised_users in raised.items():
            aligned = value.type.with_shape((1,) * (rank - value.type.rank) + value.type.shape)
            axes = self.order.axes(rank)
            assert axes is not None
            cost = runs * self._costs.transpose(aligned, axes)
            self._problem.cost_of_difference(ZERO, list(dict.fromkeys(raised_users)), cost)

    def _users(self, value: Value) -> Iterator[Node]:
        """Who wants the value at its own rank, and so in which order."""
        for user in value.uses:
            if isinstance(user, Return) or is_call(user):
                places = zip(user.operands, self.borders.of_operands(user), strict=True)
                yield from (place for operand, place in places if operand is value)
                continue
            form = self.forms.get(user)
            if form is None or value not in form.follows:
                if not takes_either_order(user, value, self.order):
                    yield ZERO
            elif value.type.rank < form.rank:
                # Brought to the op's rank it is another tensor, which only the one as it stands can become.
                yield ZERO
            else:
                yield self._label(user)
