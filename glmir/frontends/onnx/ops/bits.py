"""BitCast: the bits of numbers read as numbers of another type, which no runtime but ONNX's does, by arithmetic."""

from dataclasses import dataclass

import numpy as np

from ....ir import Value
from ....ops import math, tensor
from ....types import DType
from ..node import Imported, ImporterTable, Node, Unsupported, cast, constant, scalar

TABLE = ImporterTable()


@dataclass(frozen=True)
class _Format:
    """A binary floating-point format of IEEE 754: the bits of its fraction and of its exponent.

    Its numbers are computed with as ``number``, its bits as ``bits``.
    """

    fraction: int
    exponent: int
    number: DType
    bits: DType

    @property
    def bias(self) -> int:
        return (1 << (self.exponent - 1)) - 1

    @property
    def width(self) -> int:
        return 1 + self.fraction + self.exponent


_FORMATS = {
    DType.F16: _Format(10, 5, DType.F32, DType.I32),
    DType.BF16: _Format(7, 8, DType.F32, DType.I32),
    DType.F32: _Format(23, 8, DType.F32, DType.I32),
    DType.F64: _Format(52, 11, DType.F64, DType.I64),
}


@TABLE.imports("BitCast")
def _bit_cast(node: Node) -> Imported:
    x, dtype = node.operand(0), node.dtype("to")
    if x.type.dtype.bits != dtype.bits:
        raise Unsupported(f"elements of {x.type.dtype.value} and {dtype.value} are not of one size")
    array = node.constant(0)
    if array is not None:
        return constant(array.view(dtype.numpy))
    if not x.type.dtype.is_float and not dtype.is_float:
        return cast(x, dtype)
    if x.type.dtype.is_float and dtype.is_float:
        return x if x.type.dtype is dtype else _decoded(_encoded(x), dtype)
    return cast(_encoded(x), dtype) if x.type.dtype.is_float else _decoded(x, dtype)


def _encoded(x: Value) -> Value:
    """The bits of floats, as integers with a sign of the floats' width or more."""
    form = _FORMATS[x.type.dtype]
    number = cast(x, form.number)
    magnitude = math.Abs(number).result
    is_subnormal = math.Less(magnitude, scalar(2.0 ** (1 - form.bias), number)).result
    fraction, exponent = _normalised(magnitude, form)
    fraction = math.Mul(math.Sub(fraction, scalar(1, number)).result, scalar(2.0**form.fraction, number)).result
    # Half of the factor at a time: as a whole it may be no number of the type.
    steps = form.bias - 1 + form.fraction
    small = math.Mul(magnitude, scalar(2.0 ** (steps // 2), number)).result
    small = math.Mul(small, scalar(2.0 ** (steps - steps // 2), number)).result
    field = math.Select(is_subnormal, _integer(0, form), math.Add(exponent, _integer(form.bias, form)).result).result
    rest = cast(math.Select(is_subnormal, small, fraction).result, form.bits)
    bits = math.Add(math.ShiftLeft(field, _integer(form.fraction, form)).result, rest).result
    top = ((1 << form.exponent) - 1) << form.fraction
    bits = math.Select(math.IsInf(number).result, _integer(top, form), bits).result
    bits = math.Select(math.IsNan(number).result, _integer(top | 1 << (form.fraction - 1), form), bits).result
    is_negative_zero = math.Less(math.Reciprocal(number).result, scalar(0, number)).result
    is_negative = math.LogicalOr(math.Less(number, scalar(0, number)).result, is_negative_zero).result
    return math.Select(is_negative, math.Add(bits, _integer(-(1 << (form.width - 1)), form)).result, bits).result


def _normalised(x: Value, form: _Format) -> tuple[Value, Value]:
    """x = y * 2**e with y in [1, 2), by halving the range of e that is left; for finite numbers but the subnormal."""
    exponent = _integer(0, form)
    for power in reversed(range(form.exponent - 1)):
        step = 1 << power
        for factor, is_beyond in (
            (-step, math.GreaterEqual(x, scalar(2.0**step, x)).result),
            (step, math.Less(x, scalar(2.0 ** (1 - step), x)).result),
        ):
            x = math.Select(is_beyond, math.Mul(x, scalar(2.0**factor, x)).result, x).result
            moved = math.Sub(exponent, _integer(factor, form)).result
            exponent = math.Select(is_beyond, moved, exponent).result
    return x, exponent


def _decoded(x: Value, dtype: DType) -> Value:
    """The floats whose bits are those of integers of their width."""
    form = _FORMATS[dtype]
    bits = cast(x, form.bits)
    fields = (1 << form.exponent) - 1
    field = math.BitwiseAnd(math.ShiftRight(bits, _integer(form.fraction, form)).result, _integer(fields, form)).result
    fraction = math.BitwiseAnd(bits, _integer((1 << form.fraction) - 1, form)).result
    powers = 2.0 ** (np.clip(np.arange(fields + 1), 1, fields - 1) - float(form.bias))
    power = tensor.Gather(constant(powers.astype(form.number.numpy)), field, 0).result
    share = math.Mul(cast(fraction, form.number), scalar(2.0**-form.fraction, power)).result
    is_normal = math.Greater(field, _integer(0, form)).result
    value = math.Mul(math.Add(share, cast(is_normal, form.number)).result, power).result
    is_infinite = math.Equal(fraction, _integer(0, form)).result
    beyond = math.Select(is_infinite, scalar(np.inf, value), scalar(np.nan, value)).result
    value = math.Select(math.Equal(field, _integer(fields, form)).result, beyond, value).result
    sign = math.BitwiseAnd(bits, _integer(-(1 << (form.width - 1)), form)).result
    is_positive = math.Equal(sign, _integer(0, form)).result
    return cast(math.Select(is_positive, value, math.Neg(value).result).result, dtype)


def _integer(number: int, form: _Format) -> Value:
    return constant(np.array(number).astype(form.bits.numpy))
