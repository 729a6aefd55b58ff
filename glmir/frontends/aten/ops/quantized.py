"""Quantized tensors: making them, what they tell, rounding as in training, and the pairs of torch.export."""

from collections.abc import Sequence

import numpy as np

from ....ir import Value
from ....ops import math, quant, tensor
from ....types import DType
from ...layers import scalar
from ..axes import axes_of, axis_of
from ..promotion import as_float
from ..quantization import (
    SCHEMES,
    QuantizedOverload,
    QuantizedTensor,
    RoundedOverload,
    Scales,
    known_scales,
    quantized,
    storage_of,
)
from ..registry import Table
from ..scalars import Number, Scalar
from ..scope import Scope, cast, constant, reshape
from ..tensors import Tensor, Unsupported
from .reduction import largest_over, smallest_over

TABLE = Table()

_MOVING = (
    *("view", "reshape", "_unsafe_view", "flatten", "unflatten", "unsqueeze", "squeeze", "transpose", "permute", "t"),
    *("select", "slice", "narrow", "index_select", "index", "split", "split_with_sizes", "chunk", "unbind", "expand"),
    *("clone", "contiguous", "detach", "alias", "flip", "repeat", "stack", "relu", "max_pool1d", "max_pool2d"),
    *("quantized_max_pool1d", "quantized_max_pool2d", "max", "min", "amax", "amin", "sort", "topk", "dropout"),
    *("quantized::max_pool1d", "quantized::max_pool2d"),
    *("feature_dropout", "channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "upsample_nearest1d", "roll", "tile"),
    *("upsample_nearest2d", "upsample_nearest3d", "size", "dim", "numel", "len", "stride", "is_contiguous", "view_as"),
    *("is_floating_point", "eq", "ne", "lt", "le", "gt", "ge", "argmax", "argmin", "prim::device", "movedim", "gather"),
    *("pad", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "replication_pad2d", "lift_fresh", "swapaxes"),
    *("identity", "masked_fill", "where", "expand_as", "reshape_as", "unfold", "moveaxis"),
)
"""What gives no numbers but those of its operands."""

_COMPUTING = (
    *("avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d"),
    *("adaptive_avg_pool3d", "_adaptive_avg_pool3d", "mean", "upsample_bilinear2d", "hardtanh", "clamp", "relu6"),
    *("cat", "leaky_relu", "clamp_min", "clamp_max", "prelu", "threshold"),
)
"""What gives other numbers, which PyTorch rounds by the scales of the operand."""


def lift(table: Table) -> None:
    """Adds to the importers of float tensors what makes them serve quantized ones."""
    for rank in (1, 2):
        table.overloads[f"quantized::max_pool{rank}d"] = list(table.overloads.get(f"max_pool{rank}d", []))
        table.overloads[f"quantized_max_pool{rank}d"] = list(table.overloads.get(f"max_pool{rank}d", []))
    for names, kind in ((_MOVING, QuantizedOverload), (_COMPUTING, RoundedOverload)):
        for name in names:
            overloads = table.overloads.get(name, [])
            overloads.extend([kind(o.importer) for o in overloads if not isinstance(o, QuantizedOverload)])


# Making


@TABLE.imports("quantize_per_tensor")
def quantize_per_tensor(scope: Scope, self: Tensor, scale: Number, zero_point: Number, dtype: int) -> QuantizedTensor:
    return quantized(scope, self.value, _scales(scope, scale, zero_point, dtype))


@TABLE.imports("quantize_per_tensor")
def quantize_by_tensors(scope: Scope, self: Tensor, scale: Tensor, zero_point: Tensor, dtype: int) -> QuantizedTensor:
    one, zero = scope.number(scale.value), scope.number(zero_point.value)
    return quantize_per_tensor(scope, self, one, zero, dtype)


@TABLE.imports("quantize_per_tensor")
def quantize_list(
    scope: Scope, tensors: Sequence[Tensor], scales: Tensor, zero_points: Tensor, dtype: int
) -> list[QuantizedTensor]:
    found = []
    for place, one in enumerate(tensors):
        pair = [tensor.Slice(t.value, (place,), (1,), (1,)).result for t in (scales, zero_points)]
        found.append(quantize_per_tensor(scope, one, scope.number(pair[0]), scope.number(pair[1]), dtype))
    return found


def _scales(scope: Scope, scale: Number, zero_point: Number, code: int) -> Scales:
    """Scales that are numbers of the program, known or not."""
    storage = storage_of(code)
    if isinstance(scale, int | float) and isinstance(zero_point, int):
        return known_scales(float(scale), zero_point, code)
    return Scales(scope.scalar(scale, DType.F32), scope.scalar(zero_point, storage), storage)


@TABLE.imports("quantize_per_channel")
def quantize_per_channel(
    scope: Scope, self: Tensor, scales: Tensor, zero_points: Tensor, axis: int, dtype: int
) -> QuantizedTensor:
    storage = storage_of(dtype)
    zero = zero_points.value
    if zero.type.dtype.is_float:
        raise Unsupported("zero points that are floats are not supported")
    of = Scales(cast(scales.value, DType.F32), cast(zero, storage), storage, axis_of(axis, self.rank))
    return quantized(scope, self.value, of)


@TABLE.imports("quantize_per_tensor_dynamic")
def quantize_per_tensor_dynamic(scope: Scope, self: Tensor, dtype: int, reduce_range: bool) -> QuantizedTensor:
    return quantized(scope, self.value, dynamic_scales(scope, self.value, reduce_range, storage_of(dtype)))


def dynamic_scales(scope: Scope, x: Value, reduce_range: bool, storage: DType = DType.U8) -> Scales:
    """The scale and zero point that take in all elements of x and 0."""
    scale, zero = _dynamic(x, storage, reduce_range)
    return Scales(scope.insert(scale), scope.insert(cast(zero, storage)), storage)


def _dynamic(x: Value, storage: DType, reduce_range: bool) -> tuple[Value, Value]:
    """The scale, f32 [], and the zero point, f32 []."""
    low, high = storage.lowest, storage.highest
    if reduce_range:
        low, high = -(-low // 2), high // 2
    axes = axes_of(None, x.type.rank)
    smallest = math.Clamp(smallest_over(x, axes, False), maximum=0.0).result
    largest = math.Clamp(largest_over(x, axes, False), 0.0).result
    scale = math.Div(math.Sub(largest, smallest).result, scalar(high - low, x)).result
    # Of zeros alone any scale will do; PyTorch's is 0.1.
    scale = math.Select(math.Equal(scale, scalar(0, x)).result, scalar(0.1, x), scale).result
    zero = math.Sub(scalar(low, x), math.Round(math.Div(smallest, scale).result).result).result
    return scale, math.Clamp(zero, float(low), float(high)).result


@TABLE.imports("_choose_qparams_per_tensor")
def choose_qparams(scope: Scope, self: Tensor, reduce_range: bool = False) -> tuple[Number, Number]:
    scale, zero = _dynamic(self.value, DType.U8, reduce_range)
    return scope.number(scale), scope.number(cast(zero, DType.I64))


# What they tell


@TABLE.imports("dequantize")
def dequantize(self: QuantizedTensor | Tensor) -> Tensor:
    return self.real if isinstance(self, QuantizedTensor) else self


@TABLE.imports("dequantize")
def dequantize_list(tensors: Sequence[QuantizedTensor]) -> list[Tensor]:
    return [t.real for t in tensors]


@TABLE.imports("int_repr")
def int_repr(self: QuantizedTensor) -> Value:
    return self.scales.quantized(self.real.value)


@TABLE.imports("q_scale")
def q_scale(scope: Scope, self: QuantizedTensor) -> Number:
    number = self.scales.number
    return scope.number(self.scales.scale) if number is None else number


@TABLE.imports("q_zero_point")
def q_zero_point(scope: Scope, self: QuantizedTensor) -> Number:
    zero = self.scales.zero_point
    return 0 if zero is None else scope.number(cast(zero, DType.I64))


@TABLE.imports("q_per_channel_scales")
def q_per_channel_scales(self: QuantizedTensor) -> Value:
    return cast(self.scales.scale, DType.F64)


@TABLE.imports("q_per_channel_zero_points")
def q_per_channel_zero_points(self: QuantizedTensor) -> Value:
    zero, scale = self.scales.zero_point, self.scales.scale
    if zero is None:
        return tensor.Expand(constant(np.array(0, np.int64)), None, scale.type.shape).result
    return zero if zero.type.dtype.is_float else cast(zero, DType.I64)


@TABLE.imports("q_per_channel_axis")
def q_per_channel_axis(self: QuantizedTensor) -> int:
    return self.scales.axis or 0


@TABLE.imports("qscheme")
def qscheme(self: QuantizedTensor) -> int:
    return SCHEMES["per_tensor_affine" if self.scales.axis is None else "per_channel_affine"]


@TABLE.imports("is_quantized", "prim::is_quantized")
def is_quantized(self: object) -> bool:
    return isinstance(self, QuantizedTensor)


@TABLE.imports("prim::dtype")
def dtype_of(a: QuantizedTensor) -> int:
    return a.scales.code


# Rounding as in quantization-aware training: the result is of floats


def _in_range(
    x: Value, scale: Value, zero: Value | None, axis: int | None, low: int, high: int, storage: DType | None = None
) -> Value:
    """x as integers of [low, high]."""
    storage = storage or _smallest_storage(low, high)
    zero = None if zero is None else cast(zero, storage)
    integers = quant.Quantize(x, scale, zero, axis, None, storage).result
    if (low, high) == (storage.lowest, storage.highest):
        return integers
    # The IR clamps numbers of 8 bits on no target; 32 bits hold them all.
    return cast(math.Clamp(cast(integers, DType.I32), float(low), float(high)).result, storage)


def _smallest_storage(low: int, high: int) -> DType:
    fitting = (s for s in (DType.I8, DType.U8, DType.I16, DType.U16) if s.lowest <= low and high <= s.highest)
    found = next(fitting, None)
    if found is None:
        raise Unsupported(f"integers from {low} to {high} do not fit 16 bits")
    return found


def _fake_quantized(x: Value, scale: Value, zero: Value | None, axis: int | None, low: int, high: int) -> Value:
    scale = cast(scale, x.type.dtype)
    integers = _in_range(x, scale, zero, axis, low, high)
    stored_zero = None if zero is None else cast(zero, integers.type.dtype)
    return quant.Dequantize(integers, scale, stored_zero, axis).result


@TABLE.imports("fake_quantize_per_tensor_affine")
def fake_quantize_per_tensor(
    scope: Scope, self: Tensor, scale: float, zero_point: int, quant_min: int, quant_max: int
) -> Value:
    zero = constant(np.array(zero_point, np.int32)) if zero_point else None
    return _fake_quantized(self.value, scalar(scale, self.value), zero, None, quant_min, quant_max)


@TABLE.imports("fake_quantize_per_tensor_affine")
def fake_quantize_by_tensors(self: Tensor, scale: Tensor, zero_point: Tensor, quant_min: int, quant_max: int) -> Value:
    one, zero = (reshape(t.value, ()) for t in (scale, zero_point))
    return _fake_quantized(self.value, one, zero, None, quant_min, quant_max)


@TABLE.imports("_fake_quantize_learnable_per_tensor_affine")
def fake_quantize_learnable_per_tensor(
    self: Tensor, scale: Tensor, zero_point: Tensor, quant_min: int, quant_max: int, grad_factor: float = 1.0
) -> Value:
    zero = math.Clamp(math.Round(as_float(zero_point.value)).result, float(quant_min), float(quant_max)).result
    one = reshape(scale.value, ())
    return _fake_quantized(self.value, one, reshape(zero, ()), None, quant_min, quant_max)


@TABLE.imports("fake_quantize_per_channel_affine")
def fake_quantize_per_channel(
    self: Tensor, scale: Tensor, zero_point: Tensor, axis: int, quant_min: int, quant_max: int
) -> Value:
    zero = zero_point.value
    if zero.type.dtype.is_float:
        zero = math.Round(zero).result
    return _fake_quantized(self.value, scale.value, zero, axis_of(axis, self.rank), quant_min, quant_max)


@TABLE.imports("fake_quantize_per_tensor_affine_cachemask")
def fake_quantize_with_mask(
    scope: Scope, self: Tensor, scale: float, zero_point: int, quant_min: int, quant_max: int
) -> tuple[Value, Value]:
    x, by = self.value, scalar(scale, self.value)
    rounded = math.Add(math.Round(math.Div(x, by).result).result, scalar(zero_point, x)).result
    mask = math.Equal(math.Clamp(rounded, float(quant_min), float(quant_max)).result, rounded).result
    return fake_quantize_per_tensor(scope, self, scale, zero_point, quant_min, quant_max), mask


# quantized_decomposed: the integers are tensors of their own


@TABLE.imports("quantized_decomposed::quantize_per_tensor")
def decomposed_quantize(
    scope: Scope,
    input: Tensor,
    scale: Tensor | Number,
    zero_point: Tensor | Number,
    quant_min: int | Tensor,
    quant_max: int | Tensor,
    dtype: DType,
) -> Value:
    low, high = (_limit(scope, limit) for limit in (quant_min, quant_max))
    one, zero = _scalar(scope, scale), _scalar(scope, zero_point)
    return _decomposed_in_range(as_float(input.value), one, zero, None, low, high, dtype)


def _limit(scope: Scope, limit: int | Tensor) -> int:
    number = scope.number(limit.value) if isinstance(limit, Tensor) else limit
    if not isinstance(number, int):
        raise Unsupported("the range of its integers depends on the data")
    return number


def _decomposed_in_range(
    x: Value, scale: Value, zero: Value | None, axis: int | None, low: int, high: int, dtype: DType
) -> Value:
    by = cast(scale, x.type.dtype)
    if dtype not in quant.pairs.STORED:
        wide = scalar(1, x) if zero is None else cast(zero, x.type.dtype)
        rounded = math.Add(math.Round(math.Div(x, by).result).result, wide).result
        return cast(math.Clamp(rounded, float(low), float(high)).result, dtype)
    return _in_range(x, by, zero, axis, low, high, dtype)


def _scalar(scope: Scope, number: Tensor | Number) -> Value:
    if isinstance(number, Tensor):
        return reshape(number.value, ())
    if isinstance(number, Scalar):
        return number.value
    return scope.scalar(number, DType.F32 if isinstance(number, float) else DType.I32)


@TABLE.imports("quantized_decomposed::dequantize_per_tensor")
def decomposed_dequantize(
    scope: Scope,
    input: Tensor,
    scale: Tensor | Number,
    zero_point: Tensor | Number,
    quant_min: object,
    quant_max: object,
    dtype: DType,
    *,
    out_dtype: DType | None = None,
) -> Value:
    x = input.value
    by = cast(_scalar(scope, scale), out_dtype or DType.F32)
    return quant.Dequantize(x, by, cast(_scalar(scope, zero_point), x.type.dtype)).result


@TABLE.imports("quantized_decomposed::quantize_per_channel")
def decomposed_quantize_per_channel(
    input: Tensor, scales: Tensor, zero_points: Tensor, axis: int, quant_min: int, quant_max: int, dtype: DType
) -> Value:
    x = as_float(input.value)
    along = axis_of(axis, x.type.rank)
    return _decomposed_in_range(x, scales.value, zero_points.value, along, quant_min, quant_max, dtype)


@TABLE.imports("quantized_decomposed::dequantize_per_channel")
def decomposed_dequantize_per_channel(
    input: Tensor,
    scales: Tensor,
    zero_points: Tensor | None,
    axis: int,
    quant_min: int,
    quant_max: int,
    dtype: DType,
    *,
    out_dtype: DType | None = None,
) -> Value:
    x = input.value
    zero = None if zero_points is None else cast(zero_points.value, x.type.dtype)
    by = cast(scales.value, out_dtype or DType.F32)
    return quant.Dequantize(x, by, zero, axis_of(axis, x.type.rank)).result


@TABLE.imports("quantized_decomposed::dequantize_per_channel_group")
def decomposed_dequantize_per_group(
    input: Tensor,
    scales: Tensor,
    zero_points: Tensor | None,
    quant_min: int,
    quant_max: int,
    dtype: DType,
    group_size: int,
    output_dtype: DType,
) -> Value:
    x = input.value
    zero = None if zero_points is None else cast(zero_points.value, x.type.dtype)
    return quant.Dequantize(x, cast(scales.value, output_dtype), zero, x.type.rank - 1, group_size).result


@TABLE.imports("quantized_decomposed::choose_qparams")
def decomposed_choose_qparams(
    input: Tensor, quant_min: int, quant_max: int, eps: float, dtype: DType
) -> tuple[Value, Value]:
    if (quant_min, quant_max) != (dtype.lowest, dtype.highest):
        raise Unsupported(f"integers from {quant_min} to {quant_max} of {dtype.value} are not supported")
    scale, zero = _dynamic(input.value, dtype, False)
    wide = math.Maximum(scale, scalar(eps, scale)).result
    return cast(wide, DType.F64), cast(zero, DType.I64)
