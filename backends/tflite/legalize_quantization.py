"""Rules on pairs of quantize and dequantize, before they are folded: they bring numbers to what integer kernels take.

What the rules put between an op and its pair is a pair again: folding makes a requantization of it.
"""

import math as numbers
from collections.abc import Iterable, Mapping

import numpy as np

from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, quant, tensor
from ...ops.enums import Activation, ResizeMode
from ...passes.lowering.fold_quantization import quantization_of
from ...passes.patterns import constant, constant_array, is_known
from ...passes.quantization.moves import moved_operands
from ...rewriter import RuleSet
from ...types import DType, QuantizedType
from .integer_kernels import LOG_UNIT_I8, SIGNED_UNIT_I8, UNIT_I8, UNIT_I16

RULES = RuleSet()
"""They come to an end by themselves, and are tried on all ops."""

_SIGN = 128
_FINEST = 0.9
"""How much finer than what a kernel gives the scale of its result may be: the kernel's rounding then costs a bit."""


def paired(x: Value, quantization: QuantizedType) -> Value:
    """``dequantize(quantize(x))``: the numbers that the integers can hold."""
    scale = constant(np.array(quantization.scales[0], x.type.dtype.numpy))
    zero = constant(np.array((*quantization.zero_points, 0)[0], quantization.storage.numpy))
    stored = quant.Quantize(x, scale, zero, storage=quantization.storage).result
    return quant.Dequantize(stored, scale, zero).result


def _source(x: Value) -> QuantizedType | None:
    """How the integers are quantized that the numbers come from, when one scale tells."""
    quantization = quantization_of(x.owner) if isinstance(x.owner, quant.Dequantize) else None
    return quantization if quantization is not None and quantization.axis is None else None


def _asked(x: Value) -> QuantizedType | None:
    """The one scale in which everything that takes the numbers stores them."""
    asked = {quantization_of(user) if isinstance(user, quant.Quantize) else None for user in x.uses}
    found = next(iter(asked)) if len(asked) == 1 else None
    return found if found is not None and found.axis is None else None


# ---- unsigned integers


def _shifted(op: quant.Scaled) -> Value | None:
    """The zero point of the same numbers as i8, constant."""
    if op.zero_point is None:
        return constant(np.full(op.scale.type.static_shape, -_SIGN, np.int8)) if op.scale.type.is_static else None
    zero = constant_array(op.zero_point)
    return None if zero is None else constant((zero.astype(np.int16) - _SIGN).astype(np.int8))


@RULES.on(quant.Quantize)
def quantize_signed(op: quant.Quantize) -> Op | None:
    """quantize(x, u8) -> quantize(dequantize(quantize(x, i8)), u8)"""
    zero = _shifted(op) if op.storage is DType.U8 and constant_array(op.scale) is not None else None
    if zero is None or isinstance(op.x.owner, quant.Dequantize):
        return None
    signed = replace(op, zero_point=zero, storage=DType.I8).result
    return replace(op, x=quant.Dequantize(signed, op.scale, zero, op.axis, op.block).result)


@RULES.on(quant.Dequantize)
def dequantize_signed(op: quant.Dequantize) -> Op | Value | None:
    """dequantize(x, u8) -> dequantize(quantize(dequantize(x, u8), i8)), of constants dequantize(x - 128, i8)"""
    zero = _shifted(op) if op.x.type.dtype is DType.U8 and constant_array(op.scale) is not None else None
    if zero is None:
        return None
    stored = constant_array(op.x)
    if stored is not None:
        return replace(op, x=constant((stored.astype(np.int16) - _SIGN).astype(np.int8), op.x), zero_point=zero)
    source = op.x.owner
    if isinstance(source, quant.Quantize) and quantization_of(source) == quantization_of(op):
        inner = source.x.owner
        if isinstance(inner, quant.Dequantize) and _is_same_signed(inner, op, zero):
            return inner.result
    if all(isinstance(u, quant.Quantize) and u.storage is DType.I8 for u in op.result.uses):
        return None
    signed = quant.Quantize(replace(op).result, op.scale, zero, op.axis, op.block, storage=DType.I8).result
    return replace(op, x=signed, zero_point=zero)


@RULES.on(quant.Dequantize)
def dequantize_before_moves(op: quant.Dequantize) -> Op | None:
    """dequantize(move(x, u8)) -> move(dequantize(x, u8)), next to what quantizes x"""
    move = op.x.owner
    if op.x.type.dtype is not DType.U8 or op.axis is not None or move is None or len(move.results) != 1:
        return None
    moved = moved_operands(move)
    if not moved or is_known(op.x):
        return None
    return replace(move, **_with(move, {x: replace(op, x=x).result for x in moved}))


def _is_same_signed(inner: quant.Dequantize, op: quant.Dequantize, zero: Value) -> bool:
    expected = replace(op, x=inner.x, zero_point=zero) if inner.x.type.dtype is DType.I8 else None
    return expected is not None and quantization_of(inner) == quantization_of(expected)


# ---- what only moves elements


@RULES.on(quant.Quantize)
def pairs_before_moves(op: quant.Quantize) -> Op | None:
    """quantize(move(x)) -> quantize(move(dequantize(quantize(x)))), so that what computes x gives integers

    Structural rules put transposes, reshapes and slices behind the ops that they rewrite. Nothing is rounded that was
    not: what moves, and the greatest of several, is the same before rounding and behind it.
    """
    quantization, move = quantization_of(op), op.x.owner
    if quantization is None or quantization.axis is not None or move is None or len(move.results) != 1:
        return None
    if any(not isinstance(u, quant.Quantize) or quantization_of(u) != quantization for u in op.x.uses):
        return None
    bare = [x for x in moved_operands(move) if not isinstance(x.owner, quant.Dequantize) and not is_known(x)]
    if not bare:
        return None
    pairs = {x: paired(x, quantization) for x in bare}
    return replace(op, x=replace(move, **_with(move, pairs)).result)


@RULES.on(tensor.Pad)
def pad_with_stored_number(op: tensor.Pad) -> Op | None:
    """quantize(pad(dequantize(x), number)) -> quantize(pad(dequantize(x), dequantize(integer))) in the scale of x"""
    number, source = constant_array(op.value), _source(op.x)
    if number is None or source is None or source != _asked(op.result):
        return None
    return replace(op, value=_number_in(float(number), source, op.x))


def _with(op: Op, replacements: Mapping[Value, Value]) -> dict[str, object]:
    """The operand fields of ``op`` with some values replaced."""
    fields: dict[str, object] = {}
    for field in op.definition.operand_fields:
        operand: object = getattr(op, field.name)
        if isinstance(operand, tuple):
            operand = tuple(replacements.get(v, v) for v in operand)
        elif isinstance(operand, Value):
            operand = replacements.get(operand, operand)
        fields[field.name] = operand
    return fields


# ---- scales that kernels give, or ask for

_GIVEN: dict[type[Op], dict[DType, QuantizedType]] = {
    nn.Softmax: {DType.I8: UNIT_I8},
    nn.Sigmoid: {DType.I8: UNIT_I8, DType.I16: UNIT_I16},
    math.Tanh: {DType.I8: SIGNED_UNIT_I8, DType.I16: UNIT_I16},
    nn.LogSoftmax: {DType.I8: LOG_UNIT_I8},
}


def _given_by_kernel(op: nn.Softmax | nn.Sigmoid | math.Tanh | nn.LogSoftmax) -> Value | None:
    asked, source = _asked(op.result), _source(op.x)
    given = None if asked is None or source is None else _GIVEN[type(op)].get(asked.storage)
    if given is None or asked is None or source is None or source.storage is not asked.storage or asked == given:
        return None
    return paired(replace(op).result, given) if asked.scales[0] >= _FINEST * given.scales[0] else None


@RULES.on(nn.Softmax)
def softmax_in_its_scale(op: nn.Softmax) -> Value | None:
    """quantize(softmax(x)) -> quantize(dequantize(quantize(softmax(x), 1/256 about -128)))"""
    return _given_by_kernel(op)


@RULES.on(nn.Sigmoid)
def sigmoid_in_its_scale(op: nn.Sigmoid) -> Value | None:
    """quantize(sigmoid(x)) -> quantize(dequantize(quantize(sigmoid(x), 1/256 about -128)))"""
    return _given_by_kernel(op)


@RULES.on(math.Tanh)
def tanh_in_its_scale(op: math.Tanh) -> Value | None:
    """quantize(tanh(x)) -> quantize(dequantize(quantize(tanh(x), 1/128)))"""
    return _given_by_kernel(op)


@RULES.on(nn.LogSoftmax)
def log_softmax_in_its_scale(op: nn.LogSoftmax) -> Value | None:
    """quantize(log_softmax(x)) -> quantize(dequantize(quantize(log_softmax(x), 1/16 about 127)))"""
    return _given_by_kernel(op)


def _in_scale_of_operand(op: nn.AveragePool | nn.Resize) -> Value | None:
    asked, source = _asked(op.result), _source(op.x)
    if asked is None or source is None or asked == source or asked.storage is not source.storage:
        return None
    return paired(replace(op).result, source)


@RULES.on(nn.AveragePool)
def average_in_scale_of_operand(op: nn.AveragePool) -> Value | None:
    """quantize(average_pool(x)) -> quantize(dequantize(quantize(average_pool(x), scale of x)))"""
    return _in_scale_of_operand(op)


@RULES.on(nn.Resize)
def resize_in_scale_of_operand(op: nn.Resize) -> Value | None:
    """quantize(resize(x)) -> quantize(dequantize(quantize(resize(x), scale of x))), for linear interpolation"""
    return _in_scale_of_operand(op) if op.mode is ResizeMode.LINEAR else None


def _in_scale_of_result(values: Iterable[Value], result: Value) -> list[Value] | None:
    asked, values = _asked(result), list(values)
    sources = [_source(v) for v in values]
    if asked is None or None in sources or all(s == asked for s in sources):
        return None
    return [v if s == asked else paired(v, asked) for v, s in zip(values, sources, strict=True)]


@RULES.on(math.Maximum)
def maximum_in_scale_of_result(op: math.Maximum) -> Op | None:
    """quantize(maximum(x, y)) -> quantize(maximum(dequantize(quantize(x)), dequantize(quantize(y))))"""
    operands = _in_scale_of_result((op.x, op.y), op.result)
    return None if operands is None else replace(op, x=operands[0], y=operands[1])


@RULES.on(math.Minimum)
def minimum_in_scale_of_result(op: math.Minimum) -> Op | None:
    """quantize(minimum(x, y)) -> quantize(minimum(dequantize(quantize(x)), dequantize(quantize(y))))"""
    operands = _in_scale_of_result((op.x, op.y), op.result)
    return None if operands is None else replace(op, x=operands[0], y=operands[1])


@RULES.on(math.Select)
def select_in_scale_of_result(op: math.Select) -> Op | None:
    """quantize(select(c, x, y)) -> quantize(select(c, dequantize(quantize(x)), dequantize(quantize(y))))"""
    operands = _in_scale_of_result((op.x, op.y), op.result)
    return None if operands is None else replace(op, x=operands[0], y=operands[1])


# ---- ops that the target computes in two steps


@RULES.on(nn.HardSigmoid)
def hard_sigmoid_by_saturation(op: nn.HardSigmoid) -> Op | None:
    """quantize(hard_sigmoid(x)) -> quantize(alpha * dequantize(quantize(relu(x + beta / alpha), 0 to 1 / alpha)))"""
    asked, source = _asked(op.result), _source(op.x)
    if asked is None or source is None or source.storage is not asked.storage or op.alpha <= 0:
        return None
    storage = asked.storage
    if storage not in (DType.I8, DType.I16):
        return None
    levels = storage.highest - (storage.lowest if storage is DType.I8 else 0)
    points = (storage.lowest,) if storage is DType.I8 else ()
    # Its highest number is 1 / alpha: what is greater saturates there, as hard_sigmoid does at 1.
    inner = QuantizedType(storage, (float(np.float32(1 / op.alpha / levels)),), points)
    shifted = math.Add(op.x, _stored_number(op.beta / op.alpha, storage, op.x), Activation.RELU).result
    return math.Mul(paired(shifted, inner), _stored_number(op.alpha, storage, op.x))


def _stored_number(number: float, storage: DType, like: Value) -> Value:
    """A constant, exact as the highest integer times its scale; its sign is that of the integer."""
    scale = constant(np.array(abs(number) / storage.highest or 1.0, like.type.dtype.numpy))
    integer = constant(np.array(round(np.sign(number)) * storage.highest, storage.numpy))
    return quant.Dequantize(integer, scale, None).result


@RULES.on(math.Clamp)
def clamp_by_saturation(op: math.Clamp) -> Value | None:
    """quantize(clamp(x)) -> quantize(x) where the integers reach no further than the limits"""
    asked, source = _asked(op.result), _source(op.x)
    if asked is None or source is None or source.storage is not asked.storage:
        return None
    lowest, highest = _ends(asked)
    half = asked.scales[0] / 2
    return op.x if op.minimum <= lowest + half and op.maximum >= highest - half else None


@RULES.on(math.Clamp)
def clamp_by_extrema(op: math.Clamp) -> Op | None:
    """quantize(clamp(x, a, b)) -> quantize(minimum(maximum(x, a), b)), of constants in the scale of the result"""
    asked, source = _asked(op.result), _source(op.x)
    if asked is None or source is None or source.storage is not asked.storage or _has_kernel(op):
        return None
    lowest, highest = _ends(asked)
    x, half = op.x, asked.scales[0] / 2
    made: Op | None = None
    if op.minimum > lowest + half:
        made = math.Maximum(x, _number_in(op.minimum, asked, x))
        x = paired(made.results[0], asked)
    if op.maximum < highest - half:
        made = math.Minimum(x, _number_in(op.maximum, asked, x))
    return made


def _has_kernel(op: math.Clamp) -> bool:
    return (op.minimum, op.maximum) in ((0.0, numbers.inf), (0.0, 6.0), (-1.0, 1.0), (0.0, 1.0))


def _ends(quantization: QuantizedType) -> tuple[float, float]:
    """The lowest and the highest number that can be stored."""
    zero, storage = (*quantization.zero_points, 0)[0], quantization.storage
    return (storage.lowest - zero) * quantization.scales[0], (storage.highest - zero) * quantization.scales[0]


def _number_in(number: float, quantization: QuantizedType, like: Value) -> Value:
    """A constant in a scale that is given."""
    zero, storage = (*quantization.zero_points, 0)[0], quantization.storage
    # What pads where maxima are looked for may be infinite.
    integer = int(np.clip(np.rint(number / quantization.scales[0]) + zero, storage.lowest, storage.highest))
    scale = constant(np.array(quantization.scales[0], like.type.dtype.numpy))
    stored, zero_point = (constant(np.array(n, storage.numpy)) for n in (integer, zero))
    return quant.Dequantize(stored, scale, zero_point).result


@RULES.on(nn.Silu)
def silu_by_stored_sigmoid(op: nn.Silu) -> Op | None:
    """quantize(silu(x)) -> quantize(x * dequantize(quantize(sigmoid(x), 1/256 about -128)))"""
    asked, source = _asked(op.result), _source(op.x)
    given = None if asked is None else _GIVEN[nn.Sigmoid].get(asked.storage)
    if given is None or source is None or source.storage is not given.storage:
        return None
    return math.Mul(op.x, paired(nn.Sigmoid(op.x).result, given))


def _stored_in_bytes(op: nn.FloatActivation) -> tuple[QuantizedType, QuantizedType] | None:
    """How operand and result are stored, when both are i8 of one scale."""
    asked, source = _asked(op.result), _source(op.x)
    if asked is None or source is None or {asked.storage, source.storage} != {DType.I8}:
        return None
    return source, asked


@RULES.on(nn.HardSwish)
def hard_swish_in_three_steps(op: nn.HardSwish) -> Op | None:
    """quantize(hard_swish(x)) -> quantize(dequantize(quantize(x * dequantize(quantize(x + 3, 0 to 6)))) * 1/6)

    The kernel of one step takes ten times as long as the three: it is no part of XNNPACK.
    """
    stored = _stored_in_bytes(op)
    if stored is None:
        return None
    _, asked = stored
    # What is below 0 or above 6 saturates, as it shall.
    gate = paired(
        math.Add(op.x, _stored_number(3.0, DType.I8, op.x)).result, QuantizedType(DType.I8, (6 / 255,), (-128,))
    )
    sixfold = QuantizedType(DType.I8, (float(np.float32(6 * asked.scales[0])),), asked.zero_points)
    return math.Mul(paired(math.Mul(op.x, gate).result, sixfold), _stored_number(1 / 6, DType.I8, op.x))
