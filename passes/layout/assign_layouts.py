"""assign-layouts: which ops run with channels last, so that the fewest bytes are transposed.

Each op that can run in either order gets a binary label, each value a cost, its bytes, that is due when its maker and
any of its users disagree; ops with a fixed order, inputs and outputs are pinned (spec/layouts.md).
"""

from dataclasses import dataclass, field

from ...dims import SymInt, evaluate, free_symbols
from ...ir import Function, Module, Op, Value
from ...ops import tensor
from ...ops.enums import Layout
from ...ops.nn.activation import SoftmaxFamily
from ...pass_manager import Property, module_pass
from ...types import TensorType
from ...weights import Weight
from .channels_last import (
    Form,
    channels_last_form,
    moved_axis,
    moves_only_ones,
    permuted,
    to_channels_first,
    to_channels_last,
)
from .free_transposes import gives_either_order, is_absorbed, takes_either_order
from .minimum_cut import ONE, ZERO, LabelProblem, Node

NOMINAL_SIZE = 16
"""What a symbolic dim counts for in the cost."""

TRANSPOSE_OVERHEAD = 256
"""What any transpose costs beside its bytes, so that of cuts with equal bytes the one with fewer transposes wins."""

RESHAPE_COST = 16
"""What a transpose costs that moves no bytes, and so becomes a reshape: an op to run nevertheless."""


def _all_channels_first(module: Module) -> bool:
    ops = (op for function in module.functions.values() for op in function.ops)
    return all(getattr(op, "layout", Layout.NCHW) is Layout.NCHW for op in ops)


CHANNELS_FIRST = Property("channels-first", "every op with a layout is channels-first", _all_channels_first)


@module_pass(requires=(CHANNELS_FIRST,))
def assign_layouts(module: Module, *, spatial: Layout = Layout.NHWC) -> bool:
    """Runs spatial ops channels-last, and the others where that saves transposes"""
    if spatial is Layout.NCHW:
        return False
    changed = [_assign(function) for function in module.functions.values()]
    return any(changed)


def _assign(function: Function) -> bool:
    forms = {op: form for op in function.ops if (form := _form(op)) is not None}
    if not any(form.is_required for form in forms.values()):
        return False
    labels, _ = _Problem(function, forms).solve()
    chosen = {op: form for op, form in forms.items() if form.is_required or labels[op]}
    _Rewrite(function, chosen).run()
    return True


def transposed_bytes(function: Function) -> int:
    """The bytes that the function's transposes move in one run, as the cut counts them."""
    total = 0
    for op in function.ops:
        if isinstance(op, SoftmaxFamily):
            total += _cost_of_softmax(op.x.type, op.axis)
        elif isinstance(op, tensor.Transpose) and not isinstance(op.x.owner, tensor.Constant):
            total += 0 if is_absorbed(op) else _cost(op.x.type, op.permutation)
    return total


def _form(op: Op) -> Form | None:
    return _transpose_form(op) if isinstance(op, tensor.Transpose) else channels_last_form(op)


def _transpose_form(op: tensor.Transpose) -> Form | None:
    """A transpose can take its operand, or give its result, channels-last at no cost of its own, and may vanish so."""
    rank = op.x.type.rank
    if rank < 3:
        return None
    if _takes_operand_last(op):
        order = permuted(to_channels_first(rank), op.permutation)
        return Form((op.x,), rank, lambda last: tensor.Transpose(last[op.x], order), result_follows=False)
    order = permuted(op.permutation, to_channels_last(rank))
    return Form((), rank, lambda last: tensor.Transpose(op.x, order))


def _takes_operand_last(op: tensor.Transpose) -> bool:
    if op.permutation != to_channels_last(op.x.type.rank):
        return False
    # Of rank 3 the permutation is its own inverse: the side counts on which it can vanish.
    owner = op.x.owner
    return op.x.type.rank > 3 or (owner is not None and channels_last_form(owner) is not None)


def _cost(type_: TensorType, permutation: tuple[int, ...]) -> int:
    if permutation == tuple(sorted(permutation)):
        return 0
    if moves_only_ones(type_.shape, permutation):
        return RESHAPE_COST
    elements = type_.elements
    if isinstance(elements, SymInt):
        elements = evaluate(elements, dict.fromkeys(free_symbols(elements), NOMINAL_SIZE))
    return elements * max(type_.dtype.bits // 8, 1) + TRANSPOSE_OVERHEAD


def _cost_of_softmax(type_: TensorType, axis: int) -> int:
    """Targets compute it along the last axis: along another one they transpose before and behind."""
    swap = [*range(type_.rank)]
    swap[axis], swap[-1] = swap[-1], swap[axis]
    return 2 * _cost(type_, tuple(swap))


@dataclass
class _Problem:
    """The function's layout choice as a label problem: label 1 is channels-last."""

    function: Function
    forms: dict[Op, Form]
    problem: LabelProblem = field(default_factory=LabelProblem)

    def solve(self) -> tuple[dict[Node, int], int]:
        for op in self.forms:
            self.problem.add_node(op)
            if isinstance(op, tensor.Transpose):
                self._cost_of_transpose(op)
            elif isinstance(op, SoftmaxFamily):
                self.problem.cost_of_zero(op, _cost_of_softmax(op.x.type, op.axis))
                last = op.x.type.with_shape(permuted(op.x.type.shape, to_channels_last(op.x.type.rank)))
                self.problem.cost_of_one(op, _cost_of_softmax(last, moved_axis(op.axis, last.rank)))
        for value in self.function.values():
            if not isinstance(value.owner, tensor.Constant):
                self._cost_of_value(value)
        return self.problem.solve()

    def _cost_of_transpose(self, op: tensor.Transpose) -> None:
        rank = op.x.type.rank
        last_order = (
            permuted(to_channels_first(rank), op.permutation)
            if self.forms[op].follows
            else permuted(op.permutation, to_channels_last(rank))
        )
        self.problem.cost_of_zero(op, _cost(op.x.type, op.permutation))
        # Of an operand that follows, the shape is the permuted one; its ones count the same.
        shape = permuted(op.x.type.shape, to_channels_last(rank)) if self.forms[op].follows else op.x.type.shape
        self.problem.cost_of_one(op, _cost(op.x.type.with_shape(shape), last_order))

    def _label(self, op: Op) -> Node:
        form = self.forms.get(op)
        if form is None:
            return op if gives_either_order(op) else ZERO
        return ONE if form.is_required else op

    def _maker(self, value: Value) -> Node:
        if value.owner is None:
            return ZERO
        form = self.forms.get(value.owner)
        return ZERO if form is not None and not form.result_follows else self._label(value.owner)

    def _cost_of_value(self, value: Value) -> None:
        same_rank: list[Node] = []
        raised: dict[int, list[Node]] = {}
        for user in value.uses:
            form = self.forms.get(user)
            if form is None or value not in form.follows:
                if not takes_either_order(user, value):
                    same_rank.append(ZERO)
            elif value.type.rank < form.rank:
                # Brought to the op's rank it is another tensor, which only the channels-first one can become.
                same_rank.append(ZERO)
                raised.setdefault(form.rank, []).append(self._label(user))
            else:
                same_rank.append(self._label(user))
        if value.type.rank >= 3:
            cost = _cost(value.type, to_channels_last(value.type.rank))
            self.problem.cost_of_difference(self._maker(value), list(dict.fromkeys(same_rank)), cost)
        for rank, users in raised.items():
            aligned = value.type.with_shape((1,) * (rank - value.type.rank) + value.type.shape)
            self.problem.cost_of_difference(ZERO, list(dict.fromkeys(users)), _cost(aligned, to_channels_last(rank)))


class _Rewrite:
    """Rebuilds the chosen ops channels-last and places the transposes between them and the others."""

    def __init__(self, function: Function, chosen: dict[Op, Form]) -> None:
        self._function = function
        self._chosen = chosen
        self._last: dict[tuple[Value, int], Value] = {}
        self._rebuilt: dict[Value, Value] = {}

    def run(self) -> None:
        for op, form in self._chosen.items():
            self._rebuild(op, form)
        for op in reversed(list(self._chosen)):
            self._retire(op)

    def _rebuild(self, op: Op, form: Form) -> None:
        operands = {v: self._channels_last(v, form.rank, op) for v in form.follows}
        new = form.build(operands)
        self._function.ops.insert_before(op, new)
        new.location = op.location
        for old_result, new_result in zip(op.results, new.results, strict=True):
            new_result.name, old_result.name = old_result.name, ""
            self._rebuilt[old_result] = new_result
            if form.result_follows:
                self._last[old_result, old_result.type.rank] = new_result

    def _channels_last(self, value: Value, rank: int, before: Op) -> Value:
        """The channels-last form of a value, brought to ``rank`` first; made once and shared."""
        # A result that was rebuilt in the same form for both orders is asked for by its new value.
        value = self._current(value)
        found = self._last.get((value, rank))
        if found is not None:
            return found
        shape = (1,) * (rank - value.type.rank) + value.type.shape
        order = to_channels_last(rank)
        if isinstance(value.owner, tensor.Constant) and value.type.quantization is None:
            weight = value.owner.value
            array = weight.array.reshape((1,) * (rank - weight.array.ndim) + weight.array.shape).transpose(order)
            made: Op = tensor.Constant(Weight(array, weight.name))
            made.location = value.owner.location
            self._function.ops.insert_before(before, made)
        else:
            aligned = value
            if rank > value.type.rank:
                reshape = tensor.Reshape(value, None, shape)
                self._insert_after_definition(value, reshape)
                aligned = reshape.result
            made = tensor.Transpose(aligned, order)
            self._insert_after_definition(aligned, made)
        self._last[value, rank] = made.results[0]
        return made.results[0]

    def _current(self, value: Value) -> Value:
        rebuilt = self._rebuilt.get(value)
        if rebuilt is None or (value, value.type.rank) in self._last:
            return value
        return rebuilt

    def _insert_after_definition(self, value: Value, op: Op) -> None:
        if value.owner is not None:
            self._function.ops.insert_after(value.owner, op)
            op.location = value.owner.location
            return
        first = next(iter(self._function.ops))
        self._function.ops.insert_before(first, op)

    def _retire(self, op: Op) -> None:
        """Gives the remaining users of a rebuilt op its result in the order they know, and erases it."""
        form = self._chosen[op]
        for result in op.results:
            new = self._rebuilt[result]
            if form.result_follows and result.is_used:
                restored = tensor.Transpose(new, to_channels_first(result.type.rank))
                restored.location = op.location
                assert new.owner is not None
                self._function.ops.insert_after(new.owner, restored)
                new = restored.result
            if result.is_used:
                result.replace_all_uses_with(new)
        op.erase()
