"""Rebuilds the chosen ops of a module in another order and places transposes between them and the others."""

from collections.abc import Callable, Mapping

from ...dims import Dim
from ...ir import Function, Module, Op, Value
from ...opdef import replace
from ...ops import control, tensor
from ...rewriter import insert_new_ops
from ...weights import Weight
from .borders import Borders, is_call
from .channels_last import Axes, Order, inverse
from .forms import Form
from .minimum_cut import Node


def reorder(
    module: Module, order: Order, chosen: Mapping[Op, Form], borders: Borders, is_chosen: Callable[[Node], bool]
) -> None:
    """Gives the chosen ops their form, and moves what crosses a chosen place of the borders in the order."""
    for function in module.functions.values():
        _Reordering(function, order, chosen, borders, is_chosen).run()


class _Reordering:
    def __init__(
        self,
        function: Function,
        order: Order,
        chosen: Mapping[Op, Form],
        borders: Borders,
        is_chosen: Callable[[Node], bool],
    ) -> None:
        self._function = function
        self._order = order
        self._chosen = chosen
        self._borders = borders
        self._is_chosen = is_chosen
        self._moved: dict[tuple[Value, int], Value] = {}
        """A value and a rank -> the value at that rank in the order."""
        self._rebuilt: dict[Value, Value] = {}

    def run(self) -> None:
        inputs = [self._change_input(index) for index in self._chosen_inputs()]
        rebuilt = [op for op in self._function.ops if op in self._chosen or (is_call(op) and self._changes(op))]
        for op in rebuilt:
            form = self._chosen.get(op)
            if form is not None:
                self._put(op, form.build({v: self._in_order(v, form.rank, op) for v in form.follows}))
            else:
                self._put(op, self._changed_call(op))
        self._change_outputs()
        for op in reversed(rebuilt):
            self._retire(op)
        for old, new in inputs:
            self._restore(old, new)

    def _axes(self, rank: int) -> Axes:
        axes = self._order.axes(rank)
        assert axes is not None
        return axes

    def _chosen_inputs(self) -> list[int]:
        inputs = self._function.inputs
        return [i for i, v in enumerate(inputs) if self._is_chosen(self._borders.of_input(v))]

    def _change_input(self, index: int) -> tuple[Value, Value]:
        old = self._function.inputs[index]
        axes = self._axes(old.type.rank)
        new = Value(tensor.Transpose(old, axes).result.type, old.name)
        old.name = ""
        self._function.inputs[index] = new
        self._moved[old, old.type.rank] = new
        return old, new

    def _change_outputs(self) -> None:
        places = self._borders.of_operands(self._function.ret)
        if any(self._is_chosen(place) for place in places):
            outputs = [self._at(v, place, None) for v, place in zip(self._function.outputs, places, strict=True)]
            self._function.set_outputs(outputs, self._function.output_names)

    def _changes(self, op: Op) -> bool:
        places = [*self._borders.of_operands(op), *(self._borders.of_result(r) for r in op.results)]
        return any(self._is_chosen(place) for place in places)

    def _changed_call(self, op: Op) -> Op:
        assert isinstance(op, control.If | control.While)
        places = self._borders.of_operands(op)[-len(op.values) :] if op.values else []
        values = tuple(self._at(v, place, op) for v, place in zip(op.values, places, strict=True))
        if isinstance(op, control.While):
            shapes, ends = (self._moved_shapes(op, dims) for dims in (op.shapes, op.ends))
            return replace(op, values=values, shapes=shapes, ends=ends)
        types = (tensor.Transpose(r, self._axes(r.type.rank)).result.type if self._follows(r) else r.type
                 for r in op.results)  # fmt: skip
        return replace(op, values=values, types=tuple(types))

    def _moved_shapes(self, op: control.While, dims: tuple[Dim, ...]) -> tuple[Dim, ...]:
        """The shapes of the values that a loop resizes, as the rebuilt op has them."""
        moved: list[Dim] = []
        for i in op.resized:
            rank = op.values[i].type.rank
            shape, dims = dims[:rank], dims[rank:]
            moved += [shape[axis] for axis in self._axes(rank)] if self._follows(op.results[i]) else shape
        return tuple(moved)

    def _at(self, value: Value, place: Node, before: Op | None) -> Value:
        return self._in_order(value, value.type.rank, before) if self._is_chosen(place) else value

    def _follows(self, result: Value) -> bool:
        """Whether the rebuilt op gives the result in the order."""
        assert result.owner is not None
        if is_call(result.owner):
            return self._is_chosen(self._borders.of_result(result))
        return self._chosen[result.owner].result_follows

    def _put(self, op: Op, new: Op) -> None:
        insert_new_ops(new.results, lambda inserted: self._function.ops.insert_before(op, inserted))
        new.location = op.location
        for old_result, new_result in zip(op.results, new.results, strict=True):
            new_result.name, old_result.name = old_result.name, ""
            self._rebuilt[old_result] = new_result
            if self._follows(old_result):
                self._moved[old_result, old_result.type.rank] = new_result

    def _in_order(self, value: Value, rank: int, before: Op | None) -> Value:
        """The value in the order, brought to ``rank`` first; made once and shared."""
        # A result that was rebuilt in the same form for both orders is asked for by its new value.
        value = self._current(value)
        found = self._moved.get((value, rank))
        if found is not None:
            return found
        shape = (1,) * (rank - value.type.rank) + value.type.shape
        axes = self._axes(rank)
        if isinstance(value.owner, tensor.Constant) and value.type.quantization is None:
            weight = value.owner.value
            array = weight.array.reshape((1,) * (rank - weight.array.ndim) + weight.array.shape).transpose(axes)
            made: Op = tensor.Constant(Weight(array, weight.name))
            made.location = value.owner.location
            if before is None:
                self._function.ops.append(made)
            else:
                self._function.ops.insert_before(before, made)
        else:
            aligned = value
            if rank > value.type.rank:
                reshape = tensor.Reshape(value, None, shape)
                self._insert_after_definition(value, reshape)
                aligned = reshape.result
            made = tensor.Transpose(aligned, axes)
            self._insert_after_definition(aligned, made)
        self._moved[value, rank] = made.results[0]
        return made.results[0]

    def _current(self, value: Value) -> Value:
        rebuilt = self._rebuilt.get(value)
        if rebuilt is None or (value, value.type.rank) in self._moved:
            return value
        return rebuilt

    def _insert_after_definition(self, value: Value, op: Op) -> None:
        if value.owner is None:
            self._function.ops.prepend(op)
        else:
            self._function.ops.insert_after(value.owner, op)
            op.location = value.owner.location

    def _retire(self, op: Op) -> None:
        """Gives the remaining users of a rebuilt op its results in the order they know, and erases it."""
        for result in op.results:
            new = self._rebuilt[result]
            if self._follows(result):
                self._restore(result, new)
            elif result.is_used:
                result.replace_all_uses_with(new)
        op.erase()

    def _restore(self, old: Value, new: Value) -> None:
        """Gives the remaining users of ``old`` what they know of ``new``, which is in the order."""
        if not old.is_used:
            return
        restored = tensor.Transpose(new, inverse(self._axes(old.type.rank)))
        self._insert_after_definition(new, restored)
        old.replace_all_uses_with(restored.result)
