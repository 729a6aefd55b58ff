"""Quantized types in an MNN file: weights of few bits packed as IDSTQuan, activations as descriptions of tensors.

The packed bytes of a weight (type 1, which MNN's source/core/ConvolutionCommon.cpp reads): the number of dims; the dims
(rows, columns); the number of values in a table; the table in ascending order; an index into it for every element, of
as many bits as the table needs, the highest bit first. A row is what has one scale.
"""

from collections.abc import Callable
from math import gcd, prod

import numpy as np

from ...ir import Array, Value
from ...ops.enums import Activation
from ...ops.math import Unary
from ...quantized import quantize
from ...types import DType, QuantizedType, TensorType
from ..array_bytes import exactly
from .schema import TensorQuantInfo
from .schema_enums import DataType, ScaleStorageType
from .schema_parameters import IDSTQuan

BYTES = (DType.I8, DType.U8)
FEW_BITS = (DType.I4, DType.U4, *BYTES)

PACKED = 1
"""The ``type`` of an IDSTQuan whose elements are indices into a table."""

HALVES = 3
"""The ``type`` of an IDSTQuan whose elements are f16."""

SMALLEST_ROW = 8
"""Scales of shorter rows take about as much room as floats, and kernels read so many elements at once."""

LOWEST_MAPPED = -127
"""The lowest integer that has a place in the runtime's tables of functions."""

ANCHOR = -1
"""The integer of which rows with a zero point say what it stands for. In the middle of 4 bits it is at most 8 scales
from zero, which halves hold where the scale has 8 significant bits. The runtime takes 0 for an old way to say -128."""

PIECE = 1 << 20

Spread = Callable[[Array], Array]
"""What makes one parameter a row of the parameters of a type."""


def row_spread(type_: TensorType) -> Spread | None:
    """How the parameters of a weight [outputs, inputs, *kernel] lie over rows of one scale, of equal lengths, of which
    every output has as many; None where there are no such rows."""
    quantization = type_.quantization
    if quantization is None or quantization.storage not in FEW_BITS or type_.rank < 2:
        return None
    outputs, inputs, *kernel = type_.static_shape
    axis, block = quantization.axis, quantization.block
    if axis is None:
        return lambda parameters: np.repeat(parameters, outputs)
    if axis == 0 and block is None:
        return lambda parameters: parameters
    if axis != 1 or (block is None and prod(kernel) < SMALLEST_ROW):
        return None
    if block is None:
        return lambda parameters: np.tile(parameters, outputs)
    # What remains behind the last whole block is shorter.
    size = gcd(block, inputs) if block < inputs else inputs
    if size * prod(kernel) < SMALLEST_ROW or not _is_equal_over(quantization, prod(kernel)):
        return None
    of_row = np.arange(0, inputs, size) // block
    return lambda parameters: parameters.reshape(outputs, -1, prod(kernel))[:, of_row, 0].reshape(-1)


def _is_equal_over(quantization: QuantizedType, taps: int) -> bool:
    """Whether the parameters of blocks are the same at all places of the kernel."""
    numbers = (np.array(n).reshape(-1, taps) for n in (quantization.scales, quantization.zero_points))
    return taps == 1 or all(bool(np.all(n == n[:, :1])) for n in numbers)


def pack_weight(type_: TensorType, stored: Array, fewest_bits: bool = True) -> IDSTQuan:
    """The weight of a quantized type for which ``row_spread`` has found rows; ``stored`` are its integers.

    With the ``fewest_bits`` that tell them apart, or with 8, which kernels of integers need.
    """
    spread, quantization = row_spread(type_), type_.quantization
    assert spread is not None and quantization is not None
    scales = spread(np.array(quantization.scales, np.float64))
    offset = signed_offset(quantization.storage)
    integers = (stored.astype(np.int16) - offset).astype(np.int8)
    bits = quantization.storage.bits
    table = _table(integers, bits) if fewest_bits else _all_of(8)
    if not quantization.zero_points and not offset:
        return _packed(integers, table, scales.astype(np.float32), scales.size)
    zeros = spread(np.array(quantization.zero_points or (0,) * len(quantization.scales), np.float64)) - offset
    # weight = (integer - anchor) * scale + what the anchor stands for.
    pairs = np.stack([(ANCHOR - zeros) * scales, scales], 1).astype(np.float32)
    packed = _packed(integers, table, pairs.reshape(-1), scales.size)
    packed.read_type, packed.a_min = scales.size, ANCHOR
    return packed


def _packed(integers: Array, table: Array, alpha: Array, rows: int) -> IDSTQuan:
    bits = _bits_of(table)
    shape = (rows, integers.size // rows)
    is_wide = max(shape) > np.iinfo(np.uint16).max
    dims = np.array(shape, np.uint32 if is_wide else np.uint16)
    head = bytes([dims.size]) + dims.tobytes() + bytes([table.size % 256]) + table.tobytes()
    index_of_byte = np.searchsorted(table, np.arange(256, dtype=np.uint8).view(np.int8)).astype(np.uint8)
    indices = _in_bits(index_of_byte[integers.reshape(-1).view(np.uint8)], bits)
    packed = IDSTQuan(
        buffer=np.concatenate([np.frombuffer(head, np.int8), indices.view(np.int8)]),
        type=PACKED,
        quant_scale=1.0,
        a_max_or_bits=bits,
        shape_int32=is_wide,
    )
    halves = alpha.astype(np.float16)
    if np.array_equal(halves, alpha):
        packed.alpha_fp16, packed.scale_storage = halves.view(np.uint16), ScaleStorageType.FP16
    else:
        packed.alpha = alpha
    return packed


def _table(integers: Array, bits: int) -> Array:
    """The values that occur, if indices into them take fewer than ``bits`` bits; else all of so many bits."""
    counts = sum(np.bincount(p, minlength=256) for p in _pieces(integers.reshape(-1).view(np.uint8)))
    occurring = np.sort(np.flatnonzero(counts).astype(np.uint8).view(np.int8))
    return occurring if _bits_of(occurring) < bits else _all_of(bits)


def _all_of(bits: int) -> Array:
    """All integers of so many bits."""
    half = 1 << (bits - 1)
    return np.arange(-half, half).astype(np.int8)


def _bits_of(table: Array) -> int:
    """The bits of an index; the runtime reads at least one."""
    return max(int(table.size - 1).bit_length(), 1)


def _in_bits(indices: Array, bits: int) -> Array:
    """Bytes that hold ``bits`` bits of each index, the highest first."""
    if bits == 8:
        return indices
    if bits == 4:
        even = np.append(indices, np.uint8(0)) if indices.size % 2 else indices
        return np.asarray(even[::2] << 4 | even[1::2])
    return np.concatenate([np.packbits(np.unpackbits(p[:, None], axis=1)[:, 8 - bits :]) for p in _pieces(indices)])


def _pieces(array: Array) -> list[Array]:
    """Runs of a vector, for what takes many times their room."""
    return np.split(array, range(PIECE, array.size, PIECE))


def packed_halves(weight: Array) -> IDSTQuan | None:
    """A large weight as f16, when that holds its elements exactly: half the room, and nothing else. None when not."""
    halves = exactly(weight, DType.F16)
    if halves is None:
        return None
    return IDSTQuan(buffer=halves.reshape(-1).view(np.int8), type=HALVES, quant_scale=1.0)


def is_byte_tensor(type_: TensorType) -> bool:
    """Whether it is stored in 8 bits with one scale, as the runtime's activations are."""
    quantization = type_.quantization
    return quantization is not None and quantization.storage in BYTES and quantization.axis is None


def describe_tensor(value: Value) -> TensorQuantInfo:
    """What a tensor of bytes holds. Activations that an op has fused are bounds of what its result stores."""
    low, high = _limits(value)
    quantization = value.type.quantization
    assert quantization is not None
    offset = signed_offset(quantization.storage)
    return TensorQuantInfo(
        scale=quantization.scales[0],
        zero=float((quantization.zero_points or (0,))[0] - offset),
        min=float(low - offset),
        max=float(high - offset),
        type=DataType.INT8,
    )


def _limits(value: Value) -> tuple[int, int]:
    """The lowest and the highest integer."""
    storage = value.type.stored
    activation = getattr(value.owner, "activation", Activation.NONE)
    low, high = storage.lowest, storage.highest
    if activation in (Activation.RELU, Activation.RELU6):
        low = int(quantize(np.array(0.0), value.type))
    if activation is Activation.RELU6:
        high = int(quantize(np.array(6.0), value.type))
    if any(isinstance(user, Unary) and user.result.type.quantization is not None for user in value.uses):
        low = max(low, LOWEST_MAPPED + signed_offset(storage))
    return low, high


def signed_offset(storage: DType) -> int:
    """What is taken from stored integers to make them signed."""
    return 0 if storage.is_signed_integer else 1 << (storage.bits - 1)
