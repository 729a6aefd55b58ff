"""Weights of few bits in blocks, as onnxruntime's weight quantizers pack them (com.microsoft).

https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

import numpy as np

from ....ir import Array, Value
from ....ops import math, nn, quant, tensor
from ....types import DType
from ..node import ImporterTable, Node, Unsupported, cast, check_axis, constant

TABLE = ImporterTable("com.microsoft")

# NormalFloat of 4 bits: Dettmers et al., QLoRA, 2023, appendix E.
_NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip

# A sign, two bits of exponent and one of mantissa, over the largest.
_FP4 = (
    0.0, 0.005208333333, 0.66666667, 1.0, 0.33333333, 0.5, 0.16666667, 0.25,
    -0.0, -0.005208333333, -0.66666667, -1.0, -0.33333333, -0.5, -0.16666667, -0.25,
)  # fmt: skip

_TABLES = (_FP4, _NF4)


@TABLE.imports("MatMulNBits")
def mat_mul_n_bits(node: Node) -> Value:
    """A product with a matrix of 2, 4 or 8 bits whose rows are in blocks, each with a scale and a zero point."""
    rows, columns, block, bits = (node.int(name) for name in ("N", "K", "block_size", "bits"))
    blocks = -(-columns // block)
    packed, scales = _known(node, 1), _known(node, 2).reshape(rows, blocks)
    integers = unpacked(packed.reshape(-1), bits).reshape(rows, blocks * block)[:, :columns]
    x, bias = node.operand(0), node.optional(5)
    order = _order(node, columns, block)
    if order is not None:
        integers = integers[:, order]
        x = tensor.Gather(x, constant(order), x.type.rank - 1).result
    zeros = None if node.optional(3) is None else _known(node, 3)
    name = _name(node, 1)
    if zeros is None or zeros.dtype == np.uint8:
        points = None if zeros is None else _points(zeros, rows, blocks, bits)
        weight = in_blocks(integers, scales, points, bits, block, 1, name)
    else:
        weight = _about_floats(integers, scales, zeros.reshape(rows, blocks), block, name)
    return nn.Linear(x, weight, bias).result


def _known(node: Node, index: int) -> Array:
    array = node.constant(index)
    if array is None:
        raise Unsupported(f"input {index} is a part of a packed weight and must be constant")
    return array


def _name(node: Node, index: int) -> str:
    owner = node.operand(index).owner
    return owner.value.name if isinstance(owner, tensor.Constant) else ""


def unpacked(packed: Array, bits: int) -> Array:
    """The integers of so many bits in bytes, the lowest bits first, along the last axis: u8."""
    if bits not in (2, 4, 8):
        raise Unsupported(f"its weight has {bits} bits an element, not 2, 4 or 8")
    if bits == 8:
        return packed
    parts = [packed >> shift & ((1 << bits) - 1) for shift in range(0, 8, bits)]
    return np.stack(parts, axis=-1).reshape(*packed.shape[:-1], -1)


def _points(packed: Array, rows: int, blocks: int, bits: int) -> Array:
    """The zero points [rows, blocks]; each row begins with a byte of its own."""
    return unpacked(packed.reshape(rows, -1), bits)[:, :blocks]


def in_blocks(
    integers: Array, scales: Array, points: Array | None, bits: int, block: int, axis: int, name: str = ""
) -> Value:
    """Unsigned integers of so many bits as numbers; no zero points are the middle of what the bits hold."""
    middle = 1 << (bits - 1)
    signed, unsigned = (DType.I8, DType.U8) if bits == 8 else (DType.I4, DType.U4)
    zero: Value | None = None
    if points is None or np.all(points == middle):
        stored = (integers.astype(np.int16) - middle).astype(np.int8).astype(signed.numpy)
    else:
        stored = integers.astype(unsigned.numpy)
        zero = constant(np.ascontiguousarray(points).astype(unsigned.numpy))
    return quant.Dequantize(constant(stored, name), constant(np.ascontiguousarray(scales)), zero, axis, block).result


def _about_floats(integers: Array, scales: Array, zeros: Array, block: int, name: str) -> Value:
    """``(q - zero) * scale`` for zero points that are no integers: the numbers themselves."""
    columns = integers.shape[1]
    scale, zero = (np.repeat(v.astype(np.float32), block, axis=1)[:, :columns] for v in (scales, zeros))
    return constant(((integers.astype(np.float32) - zero) * scale).astype(scales.dtype), name)


def _order(node: Node, columns: int, block: int) -> Array | None:
    """The columns in the order of the blocks that ``g_idx`` puts them in; None where they lie so."""
    if node.optional(4) is None:
        return None
    groups = _known(node, 4).reshape(-1)[:columns].astype(np.int64)
    if np.array_equal(groups, np.arange(columns) // block):
        return None
    order = np.argsort(groups, kind="stable")
    if not np.array_equal(groups[order], np.arange(columns) // block):
        raise Unsupported(f"its g_idx gives blocks that are not of {block} columns each")
    return order


@TABLE.imports("MatMulBnb4")
def mat_mul_bnb4(node: Node) -> Value:
    """A product with a matrix of entries of a table, scaled by blocks of its elements."""
    rows, columns, block = (node.int(name) for name in ("N", "K", "block_size"))
    kind = node.int("quant_type")
    if kind not in (0, 1):
        raise Unsupported(f"its quant_type {kind} is neither 0 (FP4) nor 1 (NF4)")
    packed, largest = _known(node, 1).reshape(-1), _known(node, 2).reshape(-1)
    # The first of two is in the high half.
    indices = np.stack([packed >> 4, packed & 15], axis=-1).reshape(-1)[: rows * columns]
    table = np.array(_TABLES[kind], np.float32)
    scales = np.repeat(largest.astype(np.float32), block)[: rows * columns]
    numbers = (table[indices] * scales).astype(largest.dtype)
    shape = (rows, columns) if node.int("transB", 1) else (columns, rows)
    weight = constant(numbers.reshape(shape), _name(node, 1))
    if node.int("transB", 1):
        return nn.Linear(node.operand(0), weight, None).result
    return math.MatMul(node.operand(0), weight).result


@TABLE.imports("GatherBlockQuantized")
def gather_block_quantized(node: Node) -> Value:
    """Parts of a table of few bits, in blocks along an axis, as floats."""
    data, scales = _known(node, 0), _known(node, 2)
    given = None if node.optional(3) is None else _known(node, 3)
    dtype, bits = node.type(0).dtype, node.int("bits", 4)
    if dtype is DType.U8:
        integers = unpacked(data, bits)
        points = None if given is None else unpacked(given, bits)[..., : scales.shape[-1]]
    else:
        bits = dtype.bits
        integers, points = data, given
    axis = check_axis(node.int("quantize_axis", 1), integers.ndim)
    block = node.int("block_size", 128)
    if dtype is DType.U8:
        table = in_blocks(integers, scales, points, bits, block, axis, _name(node, 0))
    else:
        zero = None if points is None else constant(points)
        table = quant.Dequantize(node.operand(0), node.operand(2), zero, axis, block).result
    gathered = tensor.Gather(table, node.operand(1), check_axis(node.int("gather_axis", 0), integers.ndim)).result
    return cast(gathered, node.type(2).dtype)
