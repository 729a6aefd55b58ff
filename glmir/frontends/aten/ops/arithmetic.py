"""Elementwise arithmetic on tensors."""

import math as numbers

from ....dims import SymInt
from ....ir import Value
from ....ops import math
from ....types import DType
from .. import formulas as f
from ..promotion import as_float, promoted, result_type
from ..registry import Table
from ..scalars import Number, Scalar, SymFloat
from ..scope import Scope, cast
from ..tensors import Tensor, Unsupported

TABLE = Table()


def known(x: Tensor | Number) -> float | None:
    """The number when it is known at compile time; None for tensors and what depends on shapes or data."""
    return None if isinstance(x, Tensor | Scalar | SymInt | SymFloat) else x


def _scaled(scope: Scope, x: Value, alpha: Number) -> Value:
    return x if known(alpha) == 1 else _product(x, scope.scalar(alpha, x.type.dtype))


def _product(x: Value, y: Value) -> Value:
    return f.both(x, y) if x.type.dtype is DType.BOOL else math.Mul(x, y).result


def _without_bools(x: Value) -> Value:
    if x.type.dtype is DType.BOOL:
        raise Unsupported("it subtracts bools, which PyTorch refuses")
    return x


@TABLE.imports("add")
def add(scope: Scope, self: Tensor, other: Tensor | Number, alpha: Number = 1) -> Value:
    x, y = promoted(scope, (self, other))
    y = _scaled(scope, y, alpha)
    return f.either(x, y) if x.type.dtype is DType.BOOL else math.Add(x, y).result


@TABLE.imports("sub", "subtract")
def sub(scope: Scope, self: Tensor, other: Tensor | Number, alpha: Number = 1) -> Value:
    x, y = promoted(scope, (self, other))
    return math.Sub(_without_bools(x), _scaled(scope, y, alpha)).result


@TABLE.imports("rsub")
def rsub(scope: Scope, self: Tensor, other: Tensor | Number, alpha: Number = 1) -> Value:
    x, y = promoted(scope, (self, other))
    return math.Sub(y, _scaled(scope, _without_bools(x), alpha)).result


@TABLE.imports("mul", "multiply")
def mul(scope: Scope, self: Tensor, other: Tensor | Number) -> Value:
    x, y = promoted(scope, (self, other))
    return _product(x, y)


@TABLE.imports("div", "divide", "true_divide")
def div(scope: Scope, self: Tensor, other: Tensor | Number, *, rounding_mode: str | None = None) -> Value:
    x, y = promoted(scope, (self, other))
    match rounding_mode:
        case None:
            return math.Div(as_float(x), as_float(y)).result
        case "floor":
            return _floor_divided(scope, x, y, known(other))
        case "trunc":
            quotient = math.Div(x, y).result
            return f.truncated(quotient) if x.type.dtype.is_float else quotient
    raise Unsupported(f"the rounding mode {rounding_mode} is unknown")


@TABLE.imports("floor_divide")
def floor_divide(scope: Scope, self: Tensor, other: Tensor | Number) -> Value:
    x, y = promoted(scope, (self, other))
    return _floor_divided(scope, x, y, known(other))


def _floor_divided(scope: Scope, x: Value, y: Value, divisor: float | None) -> Value:
    if x.type.dtype is DType.BOOL:
        raise Unsupported("it divides bools, which PyTorch refuses")
    if not x.type.dtype.is_float:
        size = _symbolic_quotient(scope, x, y)
        return math.Div(math.Sub(x, math.FloorMod(x, y).result).result, y).result if size is None else size
    if divisor is not None and divisor == int(divisor) and divisor:
        return f.floor(math.Div(x, y).result)
    # The quotient may be rounded up to a whole number (1 / 0.1); without the remainder it is whole itself.
    whole = math.Round(math.Div(math.Sub(x, math.FloorMod(x, y).result).result, y).result).result
    return whole if divisor else f.select(f.equal(y, 0), math.Div(x, y).result, whole)


def _symbolic_quotient(scope: Scope, x: Value, y: Value) -> Value | None:
    """``h // 2`` of symbolic sizes as one of them; None when the operands are no such numbers."""
    if x.type.rank or y.type.rank:
        return None
    a, b = scope.number(x), scope.number(y)
    if not isinstance(a, SymInt) or not isinstance(b, int | SymInt) or b == 0:
        return None
    return scope.scalar(a // b, x.type.dtype)


@TABLE.imports("remainder")
def remainder(scope: Scope, self: Tensor, other: Tensor | Number) -> Value:
    x, y = promoted(scope, (self, other))
    return math.FloorMod(x, y).result


@TABLE.imports("remainder")
def remainder_of_number(scope: Scope, self: Number, other: Tensor) -> Value:
    x, y = promoted(scope, (self, other))
    return math.FloorMod(x, y).result


@TABLE.imports("fmod")
def fmod(scope: Scope, self: Tensor, other: Tensor | Number) -> Value:
    x, y = promoted(scope, (self, other))
    return math.Fmod(x, y).result


@TABLE.imports("pow")
def pow_(scope: Scope, self: Tensor, exponent: Tensor | Number) -> Value:
    dtype = result_type((self, exponent))
    x = cast(self.value, dtype)
    power = known(exponent)
    if dtype is DType.BOOL:
        raise Unsupported("it raises bools to bools, which PyTorch refuses")
    if power is None:
        return math.Pow(x, *promoted(scope, (exponent,), dtype)).result
    return _known_power(x, power)


def _known_power(x: Value, exponent: float) -> Value:
    match exponent:
        case 1:
            return x
        case 2:
            return math.Square(x).result
        case 3:
            return math.Mul(math.Square(x).result, x).result
    if not x.type.dtype.is_float:
        if exponent < 0:
            raise Unsupported("it raises integers to a negative power, which PyTorch refuses")
        return f.power(x, exponent)
    match exponent:
        case 0.5:
            return math.Sqrt(x).result
        case -0.5:
            return math.Rsqrt(x).result
        case -1:
            return math.Reciprocal(x).result
        case -2:
            return math.Reciprocal(math.Square(x).result).result
    return f.power(x, exponent)


@TABLE.imports("pow")
def pow_of_number(scope: Scope, self: Number, exponent: Tensor) -> Value:
    x, y = promoted(scope, (self, exponent))
    if known(self) == numbers.e:
        return math.Exp(y).result
    return math.Pow(x, y).result


@TABLE.imports("float_power")
def float_power(scope: Scope, self: Tensor, exponent: Tensor | Number) -> Value:
    x = cast(self.value, DType.F64)
    power = known(exponent)
    if power is not None:
        return _known_power(x, power)
    return math.Pow(x, *promoted(scope, (exponent,), DType.F64)).result


@TABLE.imports("float_power")
def float_power_of_number(scope: Scope, self: Number, exponent: Tensor) -> Value:
    x, y = promoted(scope, (self, exponent), DType.F64)
    return math.Pow(x, y).result


@TABLE.imports("addcmul")
def addcmul(scope: Scope, self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Value:
    x, a, b = promoted(scope, (self, tensor1, tensor2))
    return math.Add(x, _scaled(scope, math.Mul(a, b).result, value)).result


@TABLE.imports("addcdiv")
def addcdiv(scope: Scope, self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Value:
    x, a, b = promoted(scope, (self, tensor1, tensor2))
    if not x.type.dtype.is_float:
        raise Unsupported("it divides integers, which PyTorch refuses")
    return math.Add(x, math.Div(_scaled(scope, a, value), b).result).result


@TABLE.imports("lerp")
def lerp(scope: Scope, self: Tensor, end: Tensor, weight: Tensor | Number) -> Value:
    x, y = self.value, end.value
    (w,) = promoted(scope, (weight,), x.type.dtype)
    return math.Add(x, math.Mul(w, math.Sub(y, x).result).result).result
