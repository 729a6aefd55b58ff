"""expand-integer-products: products of integers in floats that hold them exactly, quantizing by a range as arithmetic.

A product of f32 is exact while its sums are below 2**24. Where more may come together, factors are taken apart into 16
times a high part and a low part.
"""

from math import prod

import numpy as np

from ...ir import Array, Module, Value
from ...ops import math, nn, quant, tensor
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ...types import DType
from ..compressed_weights import known_transpose
from ..patterns import constant, constant_array, is_constant
from .building import folded, folded_reshape, scalar
from .expand_quantization import quantize_as_arithmetic, times_scale

RULES = RuleSet()

EXACT = 2**24
"""Integers up to this are exact in f32."""

_PART = 16
"""What the high part of a factor is multiplied by."""


@module_pass(needed=True)
def expand_integer_products(module: Module) -> bool:
    """Computes products of integers, and integers by a range, with floats, to the same bits."""
    return apply_rules(module, RULES)


@RULES.on(quant.DynamicQuantize)
def range_as_arithmetic(op: quant.DynamicQuantize) -> tuple[Value, ...]:
    """dynamic_quantize(x) -> quantize(x, (high - low) / 255, -low / scale), high = max(x, 0), low = min(x, 0)"""
    axes = tuple(range(op.x.type.rank))
    nothing = scalar(0, op.x)
    low, high = op.x, op.x
    if axes:
        low, high = math.ReduceMin(op.x, axes, False).result, math.ReduceMax(op.x, axes, False).result
    low, high = math.Minimum(low, nothing).result, math.Maximum(high, nothing).result
    step = math.Div(math.Sub(high, low).result, scalar(255, op.x)).result
    scale = math.Select(math.Greater(high, low).result, step, scalar(1, op.x)).result
    place = math.Clamp(math.Div(math.Neg(low).result, scale).result, 0.0, 255.0).result
    zero = tensor.Cast(math.Round(place).result, DType.U8).result
    return quant.Quantize(op.x, scale, zero, storage=DType.U8).result, scale, zero


@RULES.on(quant.Dequantize)
def rounding_by_range(op: quant.Dequantize) -> Value | None:
    """dequantize(quantize(x)) -> (clamp(round(x / scale) + zero) - zero) * scale for one scale that a range gives"""
    match op.x.owner:
        case quant.Quantize(scale=op.scale, zero_point=op.zero_point, axis=None) as stored if op.axis is None:
            integers = None if is_constant(op.scale) else quantize_as_arithmetic(stored)
            if isinstance(integers, tensor.Cast) and op.result.type.dtype is DType.F32 is integers.x.type.dtype:
                return times_scale(op, integers.x)
    return None


@RULES.on(quant.IntegerMatMul)
def matrix_product_in_floats(op: quant.IntegerMatMul) -> Value:
    """integer_mat_mul(x, y) -> cast(matmul(x - x_zero, y - y_zero)), or sums of such of parts of the factors"""
    count = op.x.type.shape[-1]
    return _exact(op, count if isinstance(count, int) else None)


@RULES.on(quant.IntegerConv)
def convolution_in_floats(op: quant.IntegerConv) -> Value:
    """integer_conv(x, w) -> cast(conv(x - x_zero, w - w_zero)), or sums of such of parts of the factors"""
    taps = op.weight.type.shape[1:]
    sizes = [d for d in taps if isinstance(d, int)]
    return _exact(op, prod(sizes) if len(sizes) == len(taps) else None)


def _exact(op: quant.IntegerProduct, count: int | None) -> Value:
    """The sums of ``count`` products (none: not known how many) as i32."""
    (x, x_zero), (y, y_zero) = op.factors
    x_limit, y_limit = _limit(x, x_zero), _limit(y, y_zero)
    known = _centred(op)
    if count is not None:
        sums = _largest_sum(op, known) if known is not None else y_limit * count
        if sums * x_limit <= EXACT:
            return _product(op, _data(op), _weight(op, known))
    weights = _known_parts(op, known) if known is not None else _parts(_weight(op, None))
    data: tuple[Value, ...] = (_data(op),)
    if count is None or _PART * x_limit * count > EXACT:
        data = _parts(data[0])
    return _joined([_joined([_product(op, d, w) for w in weights]) for d in data])


def _joined(parts: list[Value]) -> Value:
    """A low part, and 16 times a high part if there is one."""
    low, *high = parts
    return math.Add(low, math.Mul(high[0], scalar(_PART, low)).result).result if high else low


def _limit(x: Value, zero: Value | None) -> int:
    """At least as large as the factor's elements, less their zero points."""
    lowest, highest = x.type.dtype.lowest, x.type.dtype.highest
    zeros = np.zeros(1, np.int64) if zero is None else constant_array(zero)
    if zeros is None or not zeros.size:
        return highest - lowest
    low, high = int(zeros.min()), int(zeros.max())
    return max(highest - low, high - lowest)


def _centred(op: quant.IntegerProduct) -> Array | None:
    """The weight less its zero points, when both are known."""
    _, (y, zero) = op.factors
    stored, zeros = constant_array(y), None if zero is None else constant_array(zero)
    if stored is None or (zero is not None and zeros is None):
        return None
    return stored.astype(np.int16) - (0 if zeros is None else _lying(op, zeros).astype(np.int16))


def _lying(op: quant.IntegerProduct, zeros: Array) -> Array:
    """Zero points of the weight as they broadcast."""
    if isinstance(op, quant.IntegerConv) and zeros.ndim:
        return zeros.reshape(-1, *[1] * (op.weight.type.rank - 1))
    return zeros


def _largest_sum(op: quant.IntegerProduct, weight: Array) -> int:
    """The largest sum of magnitudes that are multiplied with one element of the result's data."""
    axes = -2 if isinstance(op, quant.IntegerMatMul) else tuple(range(1, weight.ndim))
    return int(np.abs(weight).sum(axis=axes, dtype=np.int64).max(initial=0))


def _data(op: quant.IntegerProduct) -> Value:
    (x, zero), _ = op.factors
    return _real(x, zero)


def _real(x: Value, zero: Value | None) -> Value:
    """The factor less its zero points, as f32."""
    one = constant(np.ones((), np.float32))
    if zero is None or zero.type.rank == 0:
        return quant.Dequantize(x, one, zero).result
    return math.Sub(quant.Dequantize(x, one, None).result, folded(tensor.Cast(zero, DType.F32))).result


def _weight(op: quant.IntegerProduct, known: Array | None) -> Value:
    _, (y, zero) = op.factors
    if known is not None:
        return _stored(op, known)
    if zero is not None and isinstance(op, quant.IntegerConv) and zero.type.rank:
        zero = folded_reshape(zero, (op.weight.type.shape[0], *(1,) * (op.weight.type.rank - 1)))
    return _real(y, zero)


def _stored(op: quant.IntegerProduct, weight: Array) -> Value:
    """A known weight, in bytes where those hold it."""
    _, (y, _) = op.factors
    fits = weight.size and weight.min() >= DType.I8.lowest and weight.max() <= DType.I8.highest
    stored = constant(weight.astype(np.int8 if fits else np.int16), y)
    return quant.Dequantize(stored, constant(np.ones((), np.float32)), None).result


def _known_parts(op: quant.IntegerProduct, weight: Array) -> tuple[Value, Value]:
    """A low part from 0 to 15, and a high part of which each unit is 16."""
    return _stored(op, weight & (_PART - 1)), _stored(op, weight >> 4)


def _parts(x: Value) -> tuple[Value, Value]:
    high = math.Floor(math.Mul(x, scalar(1 / _PART, x)).result).result
    return math.Sub(x, math.Mul(high, scalar(_PART, x)).result).result, high


def _product(op: quant.IntegerProduct, data: Value, weight: Value) -> Value:
    """The product as i32."""
    if isinstance(op, quant.IntegerConv):
        product = nn.Conv(data, weight, None, op.strides, op.padding, op.dilations, op.groups).result
    else:
        matrix = known_transpose(weight, (1, 0)) if weight.type.rank == 2 else None
        product = math.MatMul(data, weight).result if matrix is None else nn.Linear(data, matrix, None).result
    return tensor.Cast(product, DType.I32).result
