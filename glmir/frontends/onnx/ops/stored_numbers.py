"""Numbers as ONNX's quantized operators take and give them: integers, scales and zero points."""

import numpy as np

from ....ir import Value
from ....ops import math, quant, tensor
from ....types import DType
from ..node import Node, cast, constant, scalar


def only(x: Value) -> Value:
    """What holds one element, without axes."""
    if not x.type.rank:
        return x
    if isinstance(x.owner, tensor.Constant):
        return constant(np.asarray(x.owner.value.array).reshape(()), x.owner.value.name)
    return tensor.Reshape(x, None, ()).result


def is_single(x: Value | None) -> bool:
    """Whether there is one element at most."""
    return x is None or all(d == 1 for d in x.type.shape)


def dequantized(node: Node, index: int, axis: int | None = None) -> Value:
    """The numbers of the operand of that place, whose scale and zero point are the two behind it, as f32."""
    return real(node.operand(index), node.operand(index + 1), node.optional(index + 2), axis)


def quantized(node: Node, x: Value, index: int, like: DType, axis: int | None = None) -> Value:
    """The integers of ``x`` by the scale of that place and the zero point behind it, whose dtype they have, or that of
    ``like``."""
    zero = node.optional(index + 1)
    storage = like if zero is None else zero.type.dtype
    scale, zero, axis = parameters(x, single(node.operand(index)), zero, axis)
    if not _has_parameters_of(x, scale, axis):
        return _quantized_by_arithmetic(x, scale, zero, storage)
    return quant.Quantize(x, scale, zero, axis, storage=storage).result


def real(x: Value, scale: Value, zero: Value | None, axis: int | None = None) -> Value:
    """``(x - zero) * scale``, as f32; vectors of scales or zero points lie along ``axis``, others broadcast."""
    scale, zero, axis = parameters(x, single(scale), zero, axis)
    if _has_parameters_of(x, scale, axis):
        return quant.Dequantize(x, scale, zero, axis).result
    numbers = cast(x, DType.F32)
    if zero is not None:
        numbers = math.Sub(numbers, cast(zero, DType.F32)).result
    return math.Mul(numbers, scale).result


def _has_parameters_of(x: Value, scale: Value, axis: int | None) -> bool:
    return scale.type.rank == 0 or (axis is not None and scale.type.rank == 1 and x.type.rank > axis)


def _quantized_by_arithmetic(x: Value, scale: Value, zero: Value | None, storage: DType) -> Value:
    """By scales that broadcast in any way."""
    integers = math.Round(math.Div(x, scale).result).result
    if zero is not None:
        integers = math.Add(integers, cast(zero, DType.F32)).result
    bounded = math.Clamp(integers, float(storage.lowest), float(storage.highest)).result
    return tensor.Cast(bounded, storage).result


def single(scale: Value) -> Value:
    """A scale as f32: results are computed in that whatever the scale is stored in."""
    if isinstance(scale.owner, tensor.Constant) and scale.type.dtype is not DType.F32:
        weight = scale.owner.value
        return constant(weight.array.astype(np.float32), weight.name)
    return cast(scale, DType.F32)


def parameters(x: Value, scale: Value, zero: Value | None, axis: int | None) -> tuple[Value, Value | None, int | None]:
    """Scale and zero point without axes, and no axis, or both as vectors, or both as they are."""
    if is_single(scale) and is_single(zero):
        return only(scale), None if zero is None else only(zero), None
    if axis is None or scale.type.rank > 1 or (zero is not None and zero.type.rank > 1):
        return scale, zero, axis
    size = next(v.type.shape[0] for v in (scale, zero) if v is not None and not is_single(v))
    spread = [None if v is None else _spread(v, size) for v in (scale, zero)]
    assert spread[0] is not None
    return spread[0], spread[1], axis


def _spread(x: Value, size: object) -> Value:
    """A vector of so many elements, of one or of as many."""
    if not is_single(x) or not isinstance(size, int) or x.type.shape == (size,):
        return x
    if isinstance(x.owner, tensor.Constant):
        weight = x.owner.value
        return constant(np.full(size, weight.array.reshape(()), weight.array.dtype), weight.name)
    return tensor.Expand(only(x), None, (size,)).result


def product_of_scales(x_scale: Value, y_scale: Value, factor: float = 1.0) -> Value:
    """The scale of products: ``factor * x_scale * y_scale``, constant when both are; a vector if one is."""
    a, b = (only(s) if is_single(s) else s for s in (single(x_scale), single(y_scale)))
    known = [s.owner.value.array for s in (a, b) if isinstance(s.owner, tensor.Constant)]
    if len(known) == 2:
        return constant(np.asarray(known[0] * known[1] * np.float32(factor), np.float32))
    product = math.Mul(a, b).result
    return product if factor == 1 else math.Mul(product, scalar(factor, product)).result
