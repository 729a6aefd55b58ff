"""decompose-rotary-embeddings: rotated columns as two products and a sum, in the form that costs least.

The sign of the turned columns goes into the table of sines, which all layers share.
"""

import numpy as np

from ...ir import Module, Value
from ...ops import math, nn, tensor
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..patterns import constant, reshape
from .building import concat, folded

RULES = RuleSet()


@module_pass()
def decompose_rotary_embeddings(module: Module) -> bool:
    """Makes products and sums of rotary embeddings."""
    return apply_rules(module, RULES)


@RULES.on(nn.RotaryEmbedding)
def rotary_embedding_as_products(op: nn.RotaryEmbedding) -> Value:
    """rotary_embedding(x, cos, sin) -> x * cos + concat(x2, x1) * (sin * signs), x1 and x2 the two columns of pairs"""
    last, axis = op.x.type.shape[-1], op.x.type.rank - 1
    if last == op.columns:
        return _rotated(op, op.x)
    part, rest = tensor.Split(op.x, axis, (op.columns, last - op.columns)).results
    return concat((_rotated(op, part), rest), axis)


def _rotated(op: nn.RotaryEmbedding, x: Value) -> Value:
    signs = np.ones(op.columns, op.x.type.dtype.numpy)
    signs[:: 2 if op.interleaved else 1][: op.columns // 2] = -1
    sin = folded(math.Mul(op.sin, constant(signs)))
    plain = math.Mul(x, op.cos).result
    return math.Add(plain, math.Mul(_exchanged(x, op.interleaved), sin).result).result


def _exchanged(x: Value, interleaved: bool) -> Value:
    """The columns of every pair in each other's place."""
    *leading, columns = x.type.shape
    pairs = reshape(x, (*leading, columns // 2, 2)) if interleaved else x
    axis = pairs.type.rank - 1
    half = pairs.type.shape[axis] // 2
    first, second = tensor.Split(pairs, axis, (half, half)).results
    return reshape(concat((second, first), axis), x.type.shape)
