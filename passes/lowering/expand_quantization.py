"""expand-quantization: quantize and dequantize as plain arithmetic, for targets and dtypes without an op for them."""

import numpy as np

from ...ir import Module, Op, Value
from ...ops import math, quant, tensor
from ...ops.quant.pairs import computing_dtype
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ...types import DType
from ..patterns import constant, is_compressed
from .building import as_dtype, folded, folded_reshape

RULES = RuleSet()


@RULES.on(quant.Quantize)
def quantize_as_arithmetic(op: quant.Quantize) -> Op | None:
    """quantize(x) -> cast(clamp(round(x / scale) + zero_point))"""
    dtype = computing_dtype(op.x.type.dtype)
    if not _is_expressible(op):
        return None
    y = math.Round(math.Div(as_dtype(op.x, dtype), _over(op, op.scale, dtype)).result).result
    if op.zero_point is not None:
        y = math.Add(y, _over(op, op.zero_point, dtype)).result
    clamped = math.Clamp(y, float(op.storage.lowest), float(op.storage.highest))
    return tensor.Cast(clamped.result, op.storage)


@RULES.on(quant.Dequantize)
def dequantize_as_arithmetic(op: quant.Dequantize) -> Value | None:
    """dequantize(x) -> (x - zero_point) * scale"""
    dtype = computing_dtype(op.scale.type.dtype)
    if not _is_expressible(op) or is_compressed(op.result):
        return None
    return times_scale(op, as_dtype(op.x, dtype))


def times_scale(op: quant.Dequantize, numbers: Value) -> Value:
    """The integers, as floats, less their zero points, times their scales."""
    dtype, y = numbers.type.dtype, numbers
    if op.zero_point is not None:
        y = math.Sub(y, _over(op, op.zero_point, dtype)).result
    return as_dtype(math.Mul(y, _over(op, op.scale, dtype)).result, op.scale.type.dtype)


@module_pass(needed=True)
def expand_quantization(module: Module) -> bool:
    """Computes quantize and dequantize by arithmetic on floats, to the same bits."""
    return apply_rules(module, RULES)


def _is_expressible(op: quant.Scaled) -> bool:
    return op.block is None or op.axis is None or isinstance(op.x.type.shape[op.axis], int)


def _over(op: quant.Scaled, parameters: Value, dtype: DType) -> Value:
    """Scales or zero points as they broadcast against x."""
    parameters = as_dtype(parameters, dtype)
    if op.axis is None:
        return parameters
    size = op.x.type.shape[op.axis]
    if op.block is not None:
        assert isinstance(size, int)
        places = constant(np.arange(size) // op.block)
        return folded(tensor.Gather(parameters, places, op.axis))
    return folded_reshape(parameters, tuple(size if i == op.axis else 1 for i in range(op.x.type.rank)))
