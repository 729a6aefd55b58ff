"""Tensors that grow by as much in every round of a counted loop: ``for i in range(n): y = torch.cat((y, part))``.

A value of a loop keeps its type, so such a tensor has its last size from the start, and every round writes its part.
While the body is imported the axis has a symbol of its own for its size; where the body needs to know that size, the
loop is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...dims import Dim, SymInt, free_symbols, known_different
from ...ir import Function, Value
from ...ops import math, tensor
from ...types import DType, TensorType
from ..aten.scalars import Scalar
from ..aten.scope import Scope, cast, constant, reshape
from ..aten.tensors import Unsupported
from .structures import Slot


@dataclass
class _Growth:
    """The axis of a value that grows, and the symbol that stands for its size meanwhile."""

    axis: int
    symbol: str


@dataclass
class Growing:
    """The values of one loop that grow; ``count`` is the number of its rounds, None if only its condition tells."""

    scope: Scope
    count: Scalar | SymInt | None
    _growths: dict[int, _Growth] = field(default_factory=dict)

    def found(self, types: list[TensorType], results: Sequence[Value]) -> bool:
        """Whether a value turned out to grow; its type then has a symbol for the size, to run the body on anew."""
        if self.count is None:
            return False
        known = len(self._growths)
        for i, (before, after) in enumerate(zip(types, [r.type for r in results], strict=True)):
            if before.dtype is not after.dtype or before.rank != after.rank or i in self._growths:
                continue
            pairs = enumerate(zip(before.shape, after.shape, strict=True))
            match [axis for axis, (a, b) in pairs if known_different(a, b)]:
                case [axis] if isinstance(results[i].owner, tensor.Concat):
                    symbol = self.scope.fresh_symbol()
                    (name,) = free_symbols(symbol)
                    types[i] = before.with_shape([symbol if a == axis else d for a, d in enumerate(before.shape)])
                    self._growths[i] = _Growth(axis, name)
        return len(self._growths) > known

    def preallocate(
        self, body: Function, initial: list[Value], results: list[Value], types: list[TensorType], counter: object
    ) -> None:
        """Gives what grows its last size: in ``types``, as ``initial`` values, as the body's inputs and ``results``.

        ``counter`` is the slot of the number of the round.
        """
        for i, growth in self._growths.items():
            assert isinstance(counter, Slot)
            joined = self._joined(body, i, results[i], growth)
            added = results[i].type.shape[growth.axis] - body.inputs[i].type.shape[growth.axis]
            if not isinstance(added, int):
                raise Unsupported(f"a tensor in a loop on data grows by the symbolic size {added} in every round")
            start = initial[i].type.shape[growth.axis]
            initial[i] = self._room(initial[i], growth.axis, added)
            types[i] = initial[i].type
            body.ops.unlink(joined)
            body.inputs[i] = Value(types[i])
            with self.scope.inside(body):
                results[i] = self._written(body.inputs[i], joined, body.inputs[counter.index], start, added)

    def _joined(self, body: Function, i: int, result: Value, growth: _Growth) -> tensor.Concat:
        """What appends in every round; raises Unsupported if the body uses the tensor, or its size, in another way."""
        given, op = body.inputs[i], result.owner
        is_appended = isinstance(op, tensor.Concat) and op.function is body and op.xs[0] is given
        functions = (body, *self.scope.callees.values())
        sized = {v for f in functions for v in f.values() if growth.symbol in v.type.symbols}
        counted = any(
            growth.symbol in free_symbols(d)
            for f in functions
            for op_ in f.ops
            if isinstance(op_, tensor.Dims)
            for d in op_.dims
            if isinstance(d, SymInt)
        )
        if not is_appended or not given.has_one_use or result.is_used or counted or not sized <= {given, result}:
            raise Unsupported("a tensor that grows in a loop on data is used for more than appending to it")
        assert isinstance(op, tensor.Concat)
        return op

    def _room(self, initial: Value, axis: int, added: int) -> Value:
        """The initial value, and behind it room for what all rounds add."""
        scope, rounds = self.scope, self.count
        assert rounds is not None
        if isinstance(rounds, Scalar):
            number = cast(rounds.value, DType.I64)
            most = math.Maximum(number, constant(np.array(0, np.int64))).result
            room: Dim | Scalar = Scalar(scope.insert(math.Mul(most, constant(np.array(added, np.int64))).result))
        else:
            room = rounds * added
        sizes = [room if a == axis else d for a, d in enumerate(initial.type.shape)]
        zero = constant(np.zeros((), initial.type.dtype.numpy))
        zeros = scope.insert(tensor.Expand(zero, scope.vector(sizes), scope.dims(sizes)[0]).result)
        if initial.type.shape[axis] == 0:
            return zeros
        return scope.insert(tensor.Concat((initial, zeros), axis).result)

    def _written(self, whole: Value, joined: tensor.Concat, counter: Value, start: Dim, added: int) -> Value:
        """The whole with the part of this round."""
        parts = joined.xs[1:]
        part = parts[0] if len(parts) == 1 else tensor.Concat(parts, joined.axis).result
        place = math.Add(
            math.Mul(counter, constant(np.array(added, np.int64))).result, self.scope.scalar(start, DType.I64)
        ).result
        zero = constant(np.array([0], np.int64))
        starts = tuple(reshape(place, (1,)) if a == joined.axis else zero for a in range(whole.type.rank))
        vector = starts[0] if len(starts) == 1 else tensor.Concat(starts, 0).result
        return self.scope.insert(tensor.DynamicUpdateSlice(whole, part, vector).result)
