"""What can be told of the sign of integers that are known at run time only."""

from collections.abc import Callable, Mapping

from ...ir import Op, Value
from ...ops import math, nn, tensor
from ...types import DType
from ..patterns import constant_array

_DEPTH = 24
"""How many ops back the analyses look."""


def is_nonnegative_at_run_time(value: Value, depth: int = _DEPTH) -> bool:
    """Whether all elements of an integer tensor are provably 0 or more (sums are taken not to overflow)."""
    array = constant_array(value)
    if array is not None:
        return not array.size or bool(array.min() >= 0)
    if value.type.dtype.is_unsigned_integer:
        return True
    op = value.owner
    if op is None or depth == 0 or type(op) not in _RULES:
        return False
    return _RULES[type(op)](op, value, lambda v: is_nonnegative_at_run_time(v, depth - 1))


def is_size_at_run_time(value: Value, bits: int = 32, depth: int = _DEPTH) -> bool:
    """Whether all elements of an integer tensor are sizes, positions or computed from such, and constants fit ``bits``.

    Sums and products of sizes are taken to be sizes: no tensor has more elements than 32 bits count.
    """
    array = constant_array(value)
    if array is not None:
        limit = 2 ** (bits - 1)
        return not array.size or bool(array.min() >= -limit and array.max() < limit)
    op = value.owner
    if op is None or depth == 0 or type(op) not in _SIZE_RULES:
        return False
    if isinstance(op, tensor.Cast) and op.x.type.dtype.is_integer and op.x.type.dtype.numpy.itemsize * 8 <= bits:
        return op.x.type.dtype is not DType.U32
    return _SIZE_RULES[type(op)](op, value, lambda v: is_size_at_run_time(v, bits, depth - 1))


def magnitude_at_run_time(value: Value, depth: int = _DEPTH) -> int | None:
    """What no element of an integer tensor exceeds in magnitude, as remainders and masks tell; None for unknown."""
    array = constant_array(value)
    if array is not None:
        return max(-int(array.min(initial=0)), int(array.max(initial=0)))
    op = value.owner
    if op is None or depth == 0:
        return None
    if isinstance(op, math.FloorMod | math.Fmod):
        return magnitude_at_run_time(op.y, depth - 1)
    if isinstance(op, math.BitwiseAnd):
        mask = constant_array(op.y)
        return int(mask.max(initial=0)) if mask is not None and bool((mask >= 0).all()) else None
    if isinstance(op, _MOVING) or (isinstance(op, tensor.Cast) and op.x.type.dtype.is_integer):
        return magnitude_at_run_time(op.operands[0], depth - 1)
    return None


_Proof = Callable[[Value], bool]
_Rule = Callable[[Op, Value, _Proof], bool]


def _always(op: Op, value: Value, holds: _Proof) -> bool:
    return True


def _first(op: Op, value: Value, holds: _Proof) -> bool:
    """Ops that only move elements of their first operand."""
    return holds(op.operands[0])


def _all(op: Op, value: Value, holds: _Proof) -> bool:
    return all(map(holds, op.operands))


def _any(op: Op, value: Value, holds: _Proof) -> bool:
    return any(map(holds, op.operands))


def _divisor(op: Op, value: Value, holds: _Proof) -> bool:
    return holds(op.operands[1])


def _cast(op: Op, value: Value, holds: _Proof) -> bool:
    source = op.operands[0]
    if source.type.dtype.is_float:
        # Of floats only what a comparison has let through is no NaN.
        return isinstance(source.owner, math.Select) and _select_nonnegative(source.owner, source, _is_zero)
    return not source.type.dtype.is_numeric or holds(source)


def _is_zero(value: Value) -> bool:
    array = constant_array(value)
    return array is not None and not array.any()


def _size_cast(op: Op, value: Value, holds: _Proof) -> bool:
    source = op.operands[0]
    return source.type.dtype is DType.BOOL or (source.type.dtype in (DType.I32, DType.I64) and holds(source))


def _range(op: Op, value: Value, holds: _Proof) -> bool:
    start, _, delta = op.operands
    return holds(start) and holds(delta)


def _select(op: Op, value: Value, holds: _Proof) -> bool:
    return all(map(holds, op.operands[1:]))


def _select_nonnegative(op: Op, value: Value, holds: _Proof) -> bool:
    match op:
        case math.Select(condition=Value(owner=math.Greater(x=x, y=bound)), x=chosen) if x is chosen:
            # A maximum: where x is taken it is above what is not negative, or above -1.
            number = constant_array(bound)
            if holds(bound) or (number is not None and bool((number >= -1).all())):
                return holds(op.y)
    return _select(op, value, holds)


def _clamp(op: Op, value: Value, holds: _Proof) -> bool:
    return isinstance(op, math.Clamp) and op.minimum >= 0


def _difference(op: Op, value: Value, holds: _Proof) -> bool:
    """The last position less another one."""
    array, found = constant_array(op.operands[0]), op.operands[1].owner
    if array is None or not isinstance(found, math.ArgReduction):
        return False
    dim = found.x.type.shape[found.axis]
    return isinstance(dim, int) and bool((array >= dim - 1).all())


def _top_k(op: Op, value: Value, holds: _Proof) -> bool:
    return value is op.results[1] or holds(op.operands[0])


_MOVING: tuple[type[Op], ...] = (
    tensor.Reshape,
    tensor.Transpose,
    tensor.Slice,
    tensor.DynamicSlice,
    tensor.Split,
    tensor.Expand,
    tensor.Tile,
    tensor.Reverse,
    tensor.Gather,
    tensor.GatherElements,
    tensor.GatherNd,
    tensor.Trilu,
    math.ReduceMax,
    math.ReduceMin,
)
_RULES: Mapping[type[Op], _Rule] = {
    **dict.fromkeys((tensor.Shape, tensor.NonZero, math.ArgMax, math.ArgMin, math.Abs, math.Square), _always),
    **dict.fromkeys((nn.Relu, nn.Relu6), _always),
    **dict.fromkeys((*_MOVING, math.ShiftRight, math.ReduceSum, math.CumSum), _first),
    **dict.fromkeys((tensor.Concat, tensor.Pad, math.Add, math.Mul, math.Div, math.Minimum), _all),
    **dict.fromkeys((math.Maximum, math.BitwiseAnd), _any),
    math.Sub: _difference,
    math.FloorMod: _divisor,
    tensor.Cast: _cast,
    tensor.Range: _range,
    math.Select: _select_nonnegative,
    math.Clamp: _clamp,
    math.TopK: _top_k,
}

_SIZE_RULES: Mapping[type[Op], _Rule] = {
    **dict.fromkeys((tensor.Shape, tensor.NonZero, math.ArgMax, math.ArgMin), _always),
    **dict.fromkeys((*_MOVING, math.ShiftRight, math.ReduceSum, math.ReduceProd, math.CumSum), _first),
    **dict.fromkeys((tensor.Concat, tensor.Pad, tensor.Range, math.Maximum, math.Minimum, math.Neg, math.Abs), _all),
    **dict.fromkeys((math.Add, math.Sub, math.Mul, math.Div, math.Fmod, nn.Relu, nn.Relu6), _all),
    math.FloorMod: _divisor,
    tensor.Cast: _size_cast,
    math.Select: _select,
    math.TopK: _top_k,
}
