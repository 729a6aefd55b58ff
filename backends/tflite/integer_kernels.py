"""What the runtime's integer kernels ask of scales and zero points: conditions of emitters on quantized values.

Where they ask less, XNNPACK may still leave an op to the runtime's own kernels; the results are the same but for the
last place.
"""

from collections.abc import Callable, Iterator

import numpy as np

from ...ir import Op, Value
from ...ops import math, nn, quant, tensor
from ...ops.enums import Activation
from ...passes.lowering.fold_quantization import quantization_of
from ...passes.patterns import constant_array, elements_of, is_compressed
from ...types import DType, QuantizedType

StoredCondition = Callable[[Op], bool]

I8, I16 = DType.I8, DType.I16
UNIT_I8 = QuantizedType(I8, (1 / 256,), (-128,))
"""From 0 to 1: what LOGISTIC and SOFTMAX give."""

UNIT_I16 = QuantizedType(I16, (1 / 32768,))
SIGNED_UNIT_I8 = QuantizedType(I8, (1 / 128,))
"""From -1 to 1: what TANH gives."""

LOG_UNIT_I8 = QuantizedType(I8, (16 / 256,), (127,))
"""From -16 to 0: what LOG_SOFTMAX gives."""

_BIAS_TOLERANCE = 1e-5
"""By how much a bias's scale may differ from the product of the scales of input and weight: what rounding costs."""

BLOCK_MULTIPLE = 32
"""What XNNPACK asks block sizes to be multiples of."""

HALVES = np.finfo(np.float16)
"""What scales of blocks are stored in."""

COARSEST_PRODUCT = 256
"""XNNPACK refuses a whole model for a layer whose products are coarser than so many steps of its result."""

_LARGEST_RATIOS = {I8: 2.0**19, I16: 2.0**14}
"""How much coarser than its sum a summand may be: ADD, SUB and SQUARED_DIFFERENCE stop the process beyond."""

_COARSEST_SUM = 2.0**107
"""2**20 times the scale of a sum must be a finite f32: they stop the process beyond. Scales are that coarse where masks
add the lowest number that there is."""


def with_one_scale_each(*storages: DType) -> StoredCondition:
    """A condition: all numbers are stored in the same integers, each tensor with one scale."""

    def condition(op: Op) -> bool:
        return _storage(_numbers(op), storages) is not None

    condition.__doc__ = f"all numbers as {_names(storages)}, with one scale a tensor"
    return condition


def with_one_scale(*storages: DType) -> StoredCondition:
    """A condition: all numbers are stored in the same integers, with the same scale and zero point."""

    def condition(op: Op) -> bool:
        numbers = list(_numbers(op))
        return _storage(numbers, storages) is not None and len({v.type.quantization for v in numbers}) == 1

    condition.__doc__ = f"all numbers as {_names(storages)}, with one scale and zero point for all of them"
    return condition


def giving(*results: QuantizedType) -> StoredCondition:
    """A condition: one scale a tensor, that of the result fixed."""
    storages = [q.storage for q in results]

    def condition(op: Op) -> bool:
        return _storage(_numbers(op), storages) is not None and op.results[0].type.quantization in results

    texts = [f"{q.storage.value} of scale 1/{round(1 / q.scales[0])} about {(*q.zero_points, 0)[0]}" for q in results]
    condition.__doc__ = f"results as {' or '.join(texts)}"
    return condition


def and_gentle_scales(condition: StoredCondition) -> StoredCondition:
    """The condition, and that no operand is very much coarser than the result."""

    def both(op: Op) -> bool:
        if not condition(op):
            return False
        (result,) = _parameters(op.results)
        largest = _LARGEST_RATIOS[result.storage]
        if result.scales[0] > _COARSEST_SUM:
            return False
        return all(q.scales[0] < largest * result.scales[0] for q in _parameters(op.operands))

    both.__doc__ = f"{condition.__doc__}, of scales that are not too different"
    return both


def is_integer_layer(op: nn.Conv | nn.ConvTranspose | nn.Linear) -> bool:
    """i8 (or i16) activations with one scale, i8 weights without zero points, and a bias in the unit of the products,
    which is less than 256 steps of the result"""
    storage = _storage([op.x, op.result], (I8, I16))
    if storage is None or not is_symmetric_weight(op.weight, output_axis(op), I8):
        return False
    (x,), (weight,), (result,) = (_parameters((v,)) for v in (op.x, op.weight, op.result))
    if max(weight.scales) * x.scales[0] >= COARSEST_PRODUCT * result.scales[0]:
        return False
    return op.bias is None or _is_product_bias(op, op.bias, DType.I32 if storage is I8 else DType.I64)


def is_dynamic_layer(op: Op) -> bool:
    """float activations, i8 weights without zero points, and one group of channels"""
    if not isinstance(op, nn.Conv | nn.Linear) or (isinstance(op, nn.Conv) and op.groups != 1):
        return False
    others = [v for v in (op.x, op.bias, op.result) if v is not None]
    return not any(v.type.quantization for v in others) and is_symmetric_weight(op.weight, 0, I8)


def is_four_bit_block(op: quant.Dequantize) -> bool:
    """Whether these are integers of four bits in such blocks along the second axis as XNNPACK takes, of a matrix."""
    shape, block = op.x.type.shape, op.block
    return (
        op.x.type.dtype in (DType.I4, DType.U4)
        and block is not None
        and block % BLOCK_MULTIPLE == 0
        and len(shape) == 2
        and op.axis == 1
        and isinstance(shape[1], int)
        and shape[1] % block == 0
    )


def has_four_bit_blocks(op: quant.Dequantize) -> bool:
    """Whether these are integers of four bits in blocks, of a matrix, that can be looked up in."""
    columns, block = op.x.type.shape[-1], op.block
    is_matrix = op.x.type.rank == 2 and op.axis == 1 and op.x.type.dtype in (DType.I4, DType.U4)
    return is_matrix and block is not None and block % 2 == 0 and isinstance(columns, int) and columns % block == 0


def is_four_bit_matrix(op: quant.Dequantize) -> bool:
    """Whether a fully connected layer takes such integers: of four bits about 0, in blocks or per output channel."""
    if op.x.type.dtype is not DType.I4 or (op.zero_point is not None and elements_of(op.zero_point).any()):
        return False
    columns = op.x.type.shape[-1]
    is_one_block = isinstance(columns, int) and columns % BLOCK_MULTIPLE == 0
    scales = elements_of(op.scale)
    fits = bool((scales >= HALVES.smallest_normal).all() and (scales <= HALVES.max).all())
    return fits and (is_four_bit_block(op) or (op.block is None and op.axis in (None, 0) and is_one_block))


def is_four_bit_layer(op: nn.Linear) -> bool:
    """float activations, no fused one, and i4 weights in blocks of 32, 64, ..., without zero points"""
    quantization = op.weight.type.quantization
    others = [v for v in (op.x, op.bias, op.result) if v is not None]
    if quantization is None or not isinstance(op.weight.owner, tensor.Constant) or quantization.zero_points:
        return False
    if quantization.storage is not DType.I4 or any(v.type.quantization for v in others):
        return False
    block, columns = quantization.block, op.weight.type.static_shape[1]
    is_in_blocks = quantization.axis == 1 and block is not None and block % BLOCK_MULTIPLE == 0 and columns % block == 0
    return is_in_blocks and op.activation is Activation.NONE


def is_storable_layer(op: nn.Linear) -> bool:
    """i8 weights without zero points (or i4 ones, in blocks or not), and activations that are floats, or i8 or i16"""
    return is_four_bit_layer(op) or is_integer_or_dynamic_layer(op)


def is_integer_or_dynamic_layer(op: nn.Conv | nn.Linear) -> bool:
    """i8 weights without zero points, and activations that are floats, or i8 (or i16) with one scale"""
    return is_dynamic_layer(op) or is_integer_layer(op)


def output_axis(op: nn.Conv | nn.ConvTranspose | nn.Linear) -> int:
    """The axis of the weight that counts output channels."""
    return 1 if isinstance(op, nn.ConvTranspose) else 0


def is_symmetric_weight(weight: Value, axis: int, *storages: DType) -> bool:
    """Whether a constant is stored in such integers about 0, with one scale or one for each index of ``axis``."""
    quantization = weight.type.quantization
    return (
        isinstance(weight.owner, tensor.Constant)
        and quantization is not None
        and quantization.storage in storages
        and not quantization.zero_points
        and quantization.block is None
        and quantization.axis in (None, axis)
    )


def _is_product_bias(op: nn.Conv | nn.ConvTranspose | nn.Linear, bias: Value, storage: DType) -> bool:
    found, x, weight = (v.type.quantization for v in (bias, op.x, op.weight))
    if not isinstance(bias.owner, tensor.Constant) or found is None or x is None or weight is None:
        return False
    if found.storage is not storage or found.zero_points or len(found.scales) not in (1, *bias.type.shape):
        return False
    products = np.multiply(x.scales[0], weight.scales)
    return bool(np.allclose(found.scales, products, rtol=_BIAS_TOLERANCE, atol=0.0))


def is_integer_product(op: math.MatMul) -> bool:
    """i8 or i16 operands and results, with one scale a tensor"""
    return _storage(_numbers(op), (I8, I16)) is not None


def is_moved_or_looked_up(op: tensor.Gather) -> bool:
    """all numbers as i8 or i16 with one scale and zero point, or a table of i8 with a scale a row (or i4 in blocks)"""
    return with_one_scale(I8, I16)(op) or is_lookup(op)


def is_lookup(op: tensor.Gather) -> bool:
    """Whether rows of a stored table become floats."""
    known = [d for d in op.result.type.shape if isinstance(d, int)]
    return (
        op.axis == 0
        and op.x.type.rank == 2
        and op.result.type.quantization is None
        and (is_symmetric_weight(op.x, 0, I8) or _is_table_of_blocks(op.x))
        and len(known) >= op.result.type.rank - 1
    )


def _is_table_of_blocks(table: Value) -> bool:
    quantization = table.type.quantization
    return (
        isinstance(table.owner, tensor.Constant)
        and quantization is not None
        and quantization.storage is DType.I4
        and not quantization.zero_points
        and quantization.axis == 1
        and quantization.block is not None
        and quantization.block % 2 == 0
    )


def is_convertible(op: quant.Convert) -> bool:
    """f32, and i8, u8 or i16 with one scale a tensor, but not i16 as u8"""
    values = [v for v in (op.x, op.result) if v.type.quantization is not None]
    storages = [_storage([v], (I8, DType.U8, I16)) for v in values]
    return op.x.type.dtype is DType.F32 and None not in storages and storages != [I16, DType.U8]


def is_storable_weight(op: quant.Dequantize) -> bool:
    """a constant of i8 or i4 as f32, with one scale or one for each index of an axis"""
    return (
        is_compressed(op.result)
        and op.result.type.dtype is DType.F32
        and op.x.type.dtype in (I8, DType.I4)
        and op.block is None
        and quantization_of(op) is not None
        and constant_array(op.x) is not None
    )


def _numbers(op: Op) -> Iterator[Value]:
    """Operands and results that are numbers, not positions or truths."""
    return (v for v in (*op.operands, *op.results) if v.type.dtype.is_float)


def _storage(values: Iterator[Value] | list[Value], storages: tuple[DType, ...] | list[DType]) -> DType | None:
    """The integers in which all values are stored, each with one scale; those of 16 bits about 0."""
    found: set[DType] = set()
    for value in values:
        quantization = value.type.quantization
        if quantization is None or quantization.axis is not None or quantization.storage not in storages:
            return None
        if quantization.storage is I16 and quantization.zero_points:
            return None
        found.add(quantization.storage)
    return found.pop() if len(found) == 1 else None


def _parameters(values: tuple[Value, ...]) -> list[QuantizedType]:
    return [v.type.quantization for v in values if v.type.quantization is not None]


def _names(storages: tuple[DType, ...]) -> str:
    return " or ".join(s.value for s in storages)
