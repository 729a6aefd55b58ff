"""Rules on compressed weights, before pairs are folded: they bring them to the forms that TFLite has.

Integers of 8 bits, with a scale for each output channel, are what the runtime makes floats of when it loads a model,
and what XNNPACK then takes as constant. Integers of 4 bits in blocks are a form of fully connected layers alone,
without zero points. What other layers keep in blocks, and palettes, are rounded once more, to 8 bits.
"""

import numpy as np

from ...ir import Array, Op, Value
from ...opdef import replace
from ...ops import math, nn, quant, tensor
from ...ops.enums import Activation, Layout
from ...passes.compressed_weights import known_reshape
from ...passes.lowering.activations import split_off_activation
from ...passes.lowering.building import folded_reshape
from ...passes.lowering.rounded_weights import rounded_to_bytes
from ...passes.patterns import constant, constant_array, elements_of, is_compressed
from ...passes.quantization.weights import WeightUse, weights_of
from ...rewriter import RuleSet
from ...types import DType
from .integer_kernels import has_four_bit_blocks, is_four_bit_block, is_four_bit_matrix

RULES = RuleSet()

_LEAST_RANK = 2
"""Of what layers multiply with. Operands of arithmetic are stored in the scale that is asked for."""

_MIDDLE = 8
"""What makes signed integers of unsigned ones of four bits."""


def _stored(value: Value) -> quant.Dequantize | None:
    """The op by which a weight's integers become floats, when all of it is constant."""
    owner = value.owner
    return owner if isinstance(owner, quant.Dequantize) and is_compressed(value) else None


@RULES.on(nn.Conv)
def pointwise_conv_of_blocks(op: nn.Conv) -> Op | None:
    """conv(x, w[o, c, 1, 1]) -> linear(x, w[o, c]) for channels last and weights in blocks"""
    stored = _stored(op.weight)
    if stored is None or stored.block is None or stored.x.type.dtype not in (DType.I4, DType.U4):
        return None
    is_pointwise = op.groups == 1 and op.spatial_rank == 2 and all(d == 1 for d in op.weight.type.shape[2:])
    if not is_pointwise or op.layout is not Layout.NHWC or any(d != 0 for d in op.padding):
        return None
    weight = known_reshape(op.weight, op.weight.type.static_shape[:2]) if all(s == 1 for s in op.strides) else None
    return None if weight is None else nn.Linear(op.x, weight, op.bias, op.activation)


@RULES.on(nn.Linear)
def activation_of_four_bit_linear(op: nn.Linear) -> Value | None:
    """linear(x, w in 4 bits, activation=f) -> f(linear(x, w)): the runtime's own kernels forget it"""
    stored = _stored(op.weight)
    is_four_bit = stored is not None and stored.x.type.dtype in (DType.I4, DType.U4)
    return split_off_activation(op) if is_four_bit else None


@RULES.on(nn.Linear)
def linear_of_affine_blocks(op: nn.Linear) -> Op | None:
    """linear(x, (q - z) * s) -> linear(x, (q - 8) * s) + linear(sums of x over blocks, (8 - z) * s)"""
    stored = _stored(op.weight)
    if stored is None or not is_four_bit_block(stored):
        return None
    parts = _around_middle(stored)
    if parts is None:
        return None
    weight, offsets = parts
    sums = math.ReduceSum(_in_blocks(op.x, stored), (op.x.type.rank,), False).result
    product = replace(op, weight=weight, activation=Activation.NONE).result
    return math.Add(product, nn.Linear(sums, offsets, None).result, op.activation)


@RULES.on(tensor.Gather)
def gather_of_affine_blocks(op: tensor.Gather) -> Value | None:
    """gather((q - z) * s, i) -> gather((q - 8) * s, i) + gather((8 - z) * s, i), by blocks"""
    stored = _stored(op.x)
    if stored is None or op.axis != 0 or not has_four_bit_blocks(stored):
        return None
    parts = _around_middle(stored)
    if parts is None:
        return None
    table, offsets = parts
    rows = _in_blocks(replace(op, x=table).result, stored)
    added = folded_reshape(tensor.Gather(offsets, op.indices, 0).result, (*rows.type.shape[:-1], 1))
    return folded_reshape(math.Add(rows, added).result, op.result.type.shape)


def _around_middle(stored: quant.Dequantize) -> tuple[Value, Value] | None:
    """Affine blocks of a matrix as (q - 8) * s, and the offsets (8 - z) * s, f32[rows, blocks]."""
    if stored.zero_point is None:
        return None
    integers, scales, zeros = (constant_array(v) for v in (stored.x, stored.scale, stored.zero_point))
    if integers is None or scales is None or zeros is None:
        return None
    middle = _MIDDLE if stored.x.type.dtype is DType.U4 else 0
    signed, zeros = integers.astype(np.int8) - middle, zeros.astype(np.int8) - middle
    # Blocks of zeros, whose scales mean nothing, must not become a difference of large numbers: kernels round both.
    blocks = signed.reshape(*zeros.shape, -1)
    is_empty = np.all(blocks == zeros[..., None], axis=-1)
    signed, zeros = np.where(is_empty[..., None], 0, blocks).reshape(signed.shape), np.where(is_empty, 0, zeros)
    # They are stored as halves, which are exact to a hundredth of what rounding to four bits costs.
    offsets = (-zeros * scales).astype(np.float16).astype(scales.dtype)
    weight = constant(signed.astype(DType.I4.numpy), stored.x)
    return replace(stored, x=weight, zero_point=None).result, constant(offsets)


def _in_blocks(x: Value, stored: quant.Dequantize) -> Value:
    """``x`` [..., n] as [..., blocks, block]."""
    assert stored.block is not None
    return folded_reshape(x, (*x.type.shape[:-1], stored.x.type.static_shape[1] // stored.block, stored.block))


@RULES.on(quant.Dequantize)
def weight_about_zero(op: quant.Dequantize) -> Op | None:
    """dequantize(q, s, z) -> dequantize(q - z, s) for constant bytes whose distance from the zero point is a byte's"""
    if op.zero_point is None or op.block is not None or op.x.type.dtype not in (DType.I8, DType.U8):
        return None
    stored, zeros = constant_array(op.x), constant_array(op.zero_point)
    if stored is None or zeros is None or not stored.size or op.x.type.rank < _LEAST_RANK:
        return None
    centred = stored.astype(np.int16) - op.over(zeros.astype(np.int16), stored.shape)
    if int(np.abs(centred).max()) > DType.I8.highest:
        return None
    return replace(op, x=constant(centred.astype(np.int8), op.x), zero_point=None)


@RULES.on(Op)
def storable_weights(op: Op) -> Op | None:
    """op(x, dequantize(w in 4 bits, or in blocks) or depalettize(w)) -> op(x, dequantize(w in 8 bits))"""
    changed: dict[str, Value] = {}
    for use in weights_of(op):
        stored = _stored(use.value)
        weight = rounded_to_bytes(use, keeps_tables=False) if stored is None else _storable(use, stored)
        if weight is not None:
            changed[use.field] = weight
    return replace(op, **changed) if changed else None


def _storable(use: WeightUse, stored: quant.Dequantize) -> Value | None:
    """The weight in a form that can be stored; None when it is."""
    integers = constant_array(stored.x)
    if (
        integers is None
        or stored.x.type.dtype not in (DType.I4, DType.U4, DType.I8)
        or constant_array(stored.scale) is None
    ):
        return None
    if isinstance(use.op, nn.Linear) and is_four_bit_matrix(stored):
        return None if stored.block is not None else _in_one_block(stored)
    if (
        isinstance(use.op, tensor.Gather)
        and use.op.axis == 0
        and stored.zero_point is None
        and has_four_bit_blocks(stored)
    ):
        return None
    if stored.block is None:
        return None if stored.x.type.dtype is DType.I8 else _in_bytes(stored, integers)
    return rounded_to_bytes(use, keeps_tables=False)


def _in_one_block(stored: quant.Dequantize) -> Value:
    """Scales of output channels as those of blocks that are as long as the rows: without XNNPACK the runtime's kernels
    take no others for four bits."""
    rows, columns = stored.x.type.static_shape
    scales = np.broadcast_to(elements_of(stored.scale).reshape(-1, 1), (rows, 1))
    return quant.Dequantize(stored.x, constant(np.ascontiguousarray(scales)), None, 1, columns).result


def _in_bytes(stored: quant.Dequantize, integers: Array) -> Value:
    """The same integers of four bits, a byte each."""
    zero = None if stored.zero_point is None else constant_array(stored.zero_point)
    middle = _MIDDLE if stored.x.type.dtype is DType.U4 else 0
    signed = constant((integers.astype(np.int8) - middle).astype(np.int8), stored.x)
    if zero is None:
        zero_point = None if middle == 0 else constant(np.full(stored.scale.type.static_shape, -middle, np.int8))
    else:
        zero_point = constant((zero.astype(np.int8) - middle).astype(np.int8))
    return replace(stored, x=signed, zero_point=zero_point).result
