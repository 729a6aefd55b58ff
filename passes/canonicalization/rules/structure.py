"""Ops that only move elements: those that move nothing go, chains of them become one."""

from ....dims import Dim
from ....ir import Op, Value
from ....opdef import replace
from ....ops import math, quant, tensor
from ....ops.enums import PadMode
from ....ops.inference import broadcast, can_broadcast
from ....rewriter import RuleSet
from ....types import DType
from ...patterns import same_shape

RULES = RuleSet()


def _all_zero(amounts: tuple[Dim, ...]) -> bool:
    return all(a == 0 for a in amounts)


@RULES.on(tensor.Transpose)
def transpose_nothing(op: tensor.Transpose) -> Value | None:
    """transpose(x) -> x when no axis moves"""
    return op.x if op.permutation == tuple(range(len(op.permutation))) else None


@RULES.on(tensor.Transpose)
def transpose_twice(op: tensor.Transpose) -> Op | None:
    """transpose(transpose(x, p), q) -> transpose(x, p∘q)"""
    match op:
        case tensor.Transpose(x=Value(owner=tensor.Transpose(x=x, permutation=inner)), permutation=outer):
            return tensor.Transpose(x, tuple(inner[axis] for axis in outer))
    return None


@RULES.on(tensor.Transpose)
def transpose_ones(op: tensor.Transpose) -> Op | None:
    """transpose(x) -> reshape(x) when only axes of size 1 move"""
    shape = op.x.type.shape
    moved = [axis for axis in op.permutation if shape[axis] != 1]
    if moved != sorted(moved) or len(moved) == len(shape):
        return None
    return tensor.Reshape(op.x, None, op.result.type.shape)


@RULES.on(tensor.Reshape)
def reshape_nothing(op: tensor.Reshape) -> Value | None:
    """reshape(x) -> x when the shape stays"""
    return op.x if same_shape(op.x, op.result) else None


@RULES.on(tensor.Reshape)
def reshape_twice(op: tensor.Reshape) -> Op | None:
    """reshape(reshape(x, s), t) -> reshape(x, t)"""
    match op:
        case tensor.Reshape(x=Value(owner=tensor.Reshape(x=x))):
            return replace(op, x=x)
    return None


@RULES.on(quant.Convert)
def convert_to_own_type(op: quant.Convert) -> Value | None:
    """convert(x) -> x when it stays stored as it is"""
    return op.x if op.x.type == op.result.type else None


@RULES.on(tensor.Cast)
def cast_nothing(op: tensor.Cast) -> Value | None:
    """cast(x) -> x when the dtype stays"""
    return op.x if op.dtype is op.x.type.dtype else None


@RULES.on(tensor.Cast)
def cast_twice(op: tensor.Cast) -> Op | None:
    """cast(cast(x, wide), d) -> cast(x, d) when the wide dtype holds every x"""
    match op:
        case tensor.Cast(x=Value(owner=tensor.Cast(x=x, dtype=wide)), dtype=dtype) if _holds(wide, x.type.dtype):
            return tensor.Cast(x, dtype)
    return None


_INTEGERS_HELD = {DType.F16: 11, DType.BF16: 8, DType.F32: 24, DType.F64: 53}
"""How many bits of an integer a float dtype holds without rounding."""


def _holds(wide: DType, narrow: DType) -> bool:
    """Whether every value of ``narrow`` is one of ``wide``."""
    if wide is narrow or narrow is DType.BOOL:
        return True
    if wide is DType.BOOL:
        return False
    if wide.is_float and narrow.is_float:
        return wide.bits > narrow.bits
    if wide.is_float:
        return narrow.bits - narrow.is_signed_integer <= _INTEGERS_HELD[wide]
    if narrow.is_float or (narrow.is_signed_integer and wide.is_unsigned_integer):
        return False
    return wide.bits - wide.is_signed_integer >= narrow.bits - narrow.is_signed_integer


@RULES.on(tensor.Expand)
def expand_nothing(op: tensor.Expand) -> Value | None:
    """expand(x) -> x when the shape stays"""
    return op.x if same_shape(op.x, op.result) else None


@RULES.on(tensor.Expand)
def expand_twice(op: tensor.Expand) -> Op | None:
    """expand(expand(x, s), t) -> expand(x, t)"""
    match op:
        case tensor.Expand(x=Value(owner=tensor.Expand(x=x))):
            return replace(op, x=x)
    return None


@RULES.on(math.Binary)
def expand_before_broadcast(op: math.Binary) -> Op | None:
    """expand(x) + y -> x + y when y gives the sum its shape anyway, and likewise for every elementwise op"""
    for name, other in (("x", op.y), ("y", op.x)):
        expanded = getattr(op, name).owner
        if not isinstance(expanded, tensor.Expand) or not can_broadcast(expanded.x.type.shape, other.type.shape):
            continue
        if broadcast(expanded.x.type.shape, other.type.shape) == op.result.type.shape and same_shape(other, op.result):
            return replace(op, **{name: expanded.x})
    return None


@RULES.on(tensor.Tile)
def tile_once(op: tensor.Tile) -> Value | None:
    """tile(x) -> x when it repeats nothing"""
    return op.x if all(r == 1 for r in op.repeats) else None


@RULES.on(tensor.Reverse)
def reverse_nothing(op: tensor.Reverse) -> Value | None:
    """reverse(x) -> x along axes of size 1"""
    return op.x if all(op.x.type.shape[a] == 1 for a in op.axes) else None


@RULES.on(tensor.Pad)
def pad_nothing(op: tensor.Pad) -> Value | None:
    """pad(x) -> x when it adds nothing"""
    return op.x if _all_zero((*op.low, *op.high)) else None


@RULES.on(tensor.Pad)
def pad_twice(op: tensor.Pad) -> Op | None:
    """pad(pad(x, a), b) -> pad(x, a + b) with the same constant"""
    match op:
        case tensor.Pad(x=Value(owner=tensor.Pad(mode=PadMode.CONSTANT) as inner), mode=PadMode.CONSTANT):
            if inner.value is op.value:
                low = tuple(a + b for a, b in zip(inner.low, op.low, strict=True))
                high = tuple(a + b for a, b in zip(inner.high, op.high, strict=True))
                return replace(op, x=inner.x, low=low, high=high)
    return None


@RULES.on(tensor.Concat)
def concat_one(op: tensor.Concat) -> Value | None:
    """concat([x]) -> x"""
    return op.xs[0] if len(op.xs) == 1 else None


@RULES.on(tensor.Concat)
def concat_empty(op: tensor.Concat) -> Op | None:
    """concat([x, empty]) -> concat([x])"""
    kept = tuple(x for x in op.xs if x.type.shape[op.axis] != 0)
    return replace(op, xs=kept) if kept and len(kept) < len(op.xs) else None


@RULES.on(tensor.Concat)
def concat_flat(op: tensor.Concat) -> Op | None:
    """concat([concat([x, y]), z]) -> concat([x, y, z]) along the same axis"""
    xs: list[Value] = []
    for x in op.xs:
        inner = x.owner
        if isinstance(inner, tensor.Concat) and inner.axis == op.axis and set(x.uses) == {op}:
            xs.extend(inner.xs)
        else:
            xs.append(x)
    return replace(op, xs=tuple(xs)) if len(xs) > len(op.xs) else None


@RULES.on(tensor.Concat)
def concat_of_split(op: tensor.Concat) -> Value | None:
    """concat(split(x)) -> x when all parts come together again"""
    split = op.xs[0].owner
    if isinstance(split, tensor.Split) and split.axis == op.axis and op.xs == split.results:
        return split.x
    return None


@RULES.on(tensor.Split)
def split_once(op: tensor.Split) -> list[Value] | None:
    """split(x) -> x when there is one part"""
    return [op.x] if len(op.sizes) == 1 else None


@RULES.on(math.MatMul)
def transpose_into_product(op: math.MatMul) -> Op | None:
    """matmul(transpose(x), y) -> matmul(x, y) with the operand read transposed, when the last two axes swap"""
    for name in ("x", "y"):
        source = _untransposed(getattr(op, name))
        if source is not None:
            flag = f"transpose_{name}"
            return replace(op, **{name: source, flag: not getattr(op, flag)})
    return None


def _untransposed(value: Value) -> Value | None:
    """``value`` with its last two axes exchanged, where that takes no transpose; leading axes may be regrouped."""
    match value.owner:
        case tensor.Transpose(x=x, permutation=permutation) if _swaps_last_two(permutation):
            return x
        case tensor.Reshape(x=Value(owner=tensor.Transpose(x=x, permutation=inner)), dims=None, shape=shape):
            if len(shape) > 1 and _swaps_last_two(inner) and x.type.shape[-2:] == (shape[-1], shape[-2]):
                return tensor.Reshape(x, None, (*shape[:-2], shape[-1], shape[-2])).result
    return None


def _swaps_last_two(permutation: tuple[int, ...]) -> bool:
    rank = len(permutation)
    return rank >= 2 and permutation == (*range(rank - 2), rank - 1, rank - 2)
