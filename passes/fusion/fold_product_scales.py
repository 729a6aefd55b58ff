"""fold-product-scales: sums of integers that are scaled become products of the numbers that the integers stand for.

Networks whose activations are quantized at run time are written so. Their weights stay integers, and what is around the
products (biases, activations, layouts) is that of any layer.
"""

from collections.abc import Sequence

import numpy as np

from ...dims import known_equal
from ...ir import Array, Module, Op, Value
from ...ops import math, nn, quant, tensor
from ...ops.enums import Activation
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ...types import DType
from ..compressed_weights import known_transpose
from ..patterns import constant, constant_array, either_order, reshape

RULES = RuleSet()


@module_pass()
def fold_product_scales(module: Module) -> bool:
    """Makes layers on dequantized numbers of products of integers with the scales behind them."""
    return apply_rules(module, RULES)


@RULES.on(math.Mul)
def scales_into_product(op: math.Mul) -> Op | None:
    """cast(integer_product(x, w)) * (a * b) -> product(dequantize(x, a), dequantize(w, b)), for f32"""
    if op.activation is not Activation.NONE or op.result.type.dtype is not DType.F32:
        return None
    for product, scale in either_order(op):
        match product:
            case Value(
                owner=tensor.Cast(x=Value(owner=quant.IntegerMatMul() as inner, has_one_use=True)), has_one_use=True
            ):
                axis = inner.result.type.rank - 1
            case Value(
                owner=tensor.Cast(x=Value(owner=quant.IntegerConv() as inner, has_one_use=True)), has_one_use=True
            ):
                axis = 1
            case _:
                continue
        scales = _scales(scale, inner, axis)
        if scales is not None and op.result.type.shape == product.type.shape:
            return _scaled_product(inner, *scales)
    return None


def _scales(scale: Value, product: quant.IntegerProduct, axis: int) -> tuple[Value, Array] | None:
    """What ``scale`` multiplies all sums by, and what those of each channel: one number, or a vector."""
    computed: list[Value] = []
    known: Array = np.ones((), np.float32)
    rank, channels = product.results[0].type.rank, product.results[0].type.shape[axis]
    for factor in _factors(scale):
        array, shape = constant_array(factor), factor.type.shape
        if all(d == 1 for d in shape) and len(shape) <= rank:
            if array is None:
                computed.append(reshape(factor, ()))
            else:
                known = known * array.reshape(())
            continue
        lying = (1,) * (rank - len(shape)) + shape
        is_vector = len(lying) == rank and all(d == 1 or i == axis for i, d in enumerate(lying))
        if array is None or not is_vector or not known_equal(lying[axis], channels):
            return None
        known = known * array.reshape(-1)
    if not np.all(np.isfinite(known)):
        return None
    return _product_of(computed), np.asarray(known, np.float32)


def _factors(scale: Value) -> Sequence[Value]:
    match scale.owner:
        case math.Mul(x=x, y=y, activation=Activation.NONE):
            return (*_factors(x), *_factors(y))
    return (scale,)


def _product_of(factors: Sequence[Value]) -> Value:
    if not factors:
        return constant(np.ones((), np.float32))
    product, *others = factors
    for factor in others:
        product = math.Mul(product, factor).result
    return product


def _scaled_product(op: quant.IntegerProduct, x_scale: Value, scales: Array) -> Op | None:
    (x, x_zero), _ = op.factors
    if x_zero is not None and x_zero.type.rank:
        return None
    data = quant.Dequantize(x, x_scale, x_zero).result
    if isinstance(op, quant.IntegerConv):
        weight = _real(op.weight, scales, op.weight_zero, 0)
        if weight is None:
            return None
        return nn.Conv(data, weight, None, op.strides, op.padding, op.dilations, op.groups)
    assert isinstance(op, quant.IntegerMatMul)
    weight = _real(op.y, scales, op.y_zero, op.y.type.rank - 1)
    matrix = None if weight is None or weight.type.rank != 2 else known_transpose(weight, (1, 0))
    if matrix is not None:
        return nn.Linear(data, matrix, None)
    return None if weight is None else math.MatMul(data, weight)


def _real(x: Value, scales: Array, zeros: Value | None, axis: int) -> Value | None:
    """The numbers that the integers stand for, by one scale, or those of ``axis``."""
    if zeros is not None:
        kept = [d for d in zeros.type.shape if d != 1]
        zeros = reshape(zeros, tuple(kept)) if constant_array(zeros) is None else _squeezed(zeros)
    vectors = [v.shape if isinstance(v, np.ndarray) else v.type.shape for v in (scales, zeros) if v is not None]
    if all(shape == () for shape in vectors):
        return quant.Dequantize(x, constant(scales), zeros).result
    size = x.type.shape[axis]
    if not isinstance(size, int) or any(shape not in ((), (size,)) for shape in vectors):
        return None
    if zeros is not None and zeros.type.rank == 0:
        array = constant_array(zeros)
        zeros = tensor.Expand(zeros, None, (size,)).result if array is None else constant(np.full(size, array))
    return quant.Dequantize(x, constant(np.broadcast_to(scales, (size,)).copy()), zeros, axis).result


def _squeezed(zeros: Value) -> Value:
    array = constant_array(zeros)
    assert array is not None
    return constant(array.reshape([d for d in array.shape if d != 1]), zeros)
