"""Masks as onnxruntime's Attention takes them: of every query and key, and lowest numbers that are not the lowest."""

import numpy as np

from ...dims import known_equal
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...passes.lowering.building import expanded
from ...passes.patterns import constant, constant_array, number
from ...rewriter import RuleSet
from ...types import DType, Shape

RULES = RuleSet()

TOO_LOW = -3.4e38
"""A row of scores that are all f32's lowest number onnxruntime (1.31) makes zeros. The mean of the values is due where
one finite number hides all keys, and comes out for any higher one."""

LOWEST = -3.3e38


@RULES.on(nn.Attention)
def mask_for_every_query(op: nn.Attention) -> Op | None:
    """attention(q, k, v, m) -> attention(q, k, v, expand(m)), with an element for every query and key"""
    # The runtime broadcasts other axes only.
    if op.mask is None:
        return None
    sizes: Shape = (op.q.type.shape[-2], op.k.type.shape[-2])
    own = op.mask.type.shape
    if len(own) >= 2 and all(known_equal(a, b) for a, b in zip(own[-2:], sizes, strict=True)):
        return None
    return replace(op, mask=expanded(op.mask, (*own[:-2], *sizes)))


@RULES.on(nn.Attention)
def lowest_number_of_mask(op: nn.Attention) -> Op | None:
    """attention(q, k, v, m) -> attention(q, k, v, maximum(m, a little above the lowest number))"""
    if op.mask is None or op.mask.type.dtype is not DType.F32:
        return None
    raised = _raised(op.mask)
    return None if raised is op.mask else replace(op, mask=raised)


def _raised(mask: Value) -> Value:
    """``mask`` without finite numbers below ``TOO_LOW``; itself when it has none."""
    array = constant_array(mask)
    if array is not None:
        is_low = np.isfinite(array) & (array < TOO_LOW)
        return constant(np.where(is_low, np.float32(LOWEST), array), mask) if is_low.any() else mask
    match mask.owner:
        case math.Select(condition=condition, x=x, y=y):
            raised = _raised(x), _raised(y)
            return mask if raised == (x, y) else math.Select(condition, *raised).result
        case tensor.Expand(x=x) | tensor.Reshape(x=x) as move:
            source = _raised(x)
            return mask if source is x else replace(move, x=source).result
        case math.Maximum(y=y) if (lowest := number(y)) is not None and lowest >= TOO_LOW:
            return mask
    return math.Maximum(mask, constant(np.array(LOWEST, np.float32))).result
