"""Elementwise functions of one tensor."""

import math as numbers
from collections.abc import Callable

from ....ir import Op, Value
from ....ops import math
from ....types import DType
from .. import formulas as f
from ..promotion import as_float
from ..registry import Importer, Table
from ..scope import cast
from ..tensors import Tensor, Unsupported

TABLE = Table()

_FLOAT_FUNCTIONS: dict[tuple[str, ...], Callable[[Value], Op]] = {
    ("exp",): math.Exp,
    ("log",): math.Log,
    ("sqrt",): math.Sqrt,
    ("rsqrt",): math.Rsqrt,
    ("reciprocal",): math.Reciprocal,
    ("sin",): math.Sin,
    ("cos",): math.Cos,
    ("tan",): math.Tan,
    ("asin", "arcsin"): math.Asin,
    ("acos", "arccos"): math.Acos,
    ("atan", "arctan"): math.Atan,
    ("sinh",): math.Sinh,
    ("cosh",): math.Cosh,
    ("tanh",): math.Tanh,
    ("asinh", "arcsinh"): math.Asinh,
    ("acosh", "arccosh"): math.Acosh,
    ("atanh", "arctanh"): math.Atanh,
    ("erf", "special_erf"): math.Erf,
}
"""Functions that the IR has; of integers they give floats."""

_ROUNDINGS: dict[tuple[str, ...], Callable[[Value], Value]] = {
    ("floor",): f.floor,
    ("ceil",): lambda x: math.Ceil(x).result,
    ("trunc", "fix"): f.truncated,
}
"""Functions that leave integers as they are."""


def _of_float(function: Callable[[Value], Op]) -> Importer:
    def importer(self: Tensor) -> Value:
        return function(as_float(self.value)).result

    return importer


def _rounding(function: Callable[[Value], Value]) -> Importer:
    def importer(self: Tensor) -> Value:
        return function(self.value) if self.dtype.is_float else self.value

    return importer


for _names, _function in _FLOAT_FUNCTIONS.items():
    TABLE.imports(*_names)(_of_float(_function))
for _names, _round in _ROUNDINGS.items():
    TABLE.imports(*_names)(_rounding(_round))


@TABLE.imports("round", "special_round")
def round_(self: Tensor, *, decimals: int = 0) -> Value:
    x = self.value
    if not x.type.dtype.is_float:
        return x
    if decimals == 0:
        return math.Round(x).result
    scale = 10.0 ** abs(decimals)
    if decimals < 0:
        return f.mul(math.Round(f.div(x, scale)).result, scale)
    return f.div(math.Round(f.mul(x, scale)).result, scale)


@TABLE.imports("frac")
def frac(self: Tensor) -> Value:
    return f.sub(self.value, f.truncated(self.value))


@TABLE.imports("abs", "absolute", "prim::abs")
def abs_(self: Tensor) -> Value:
    return self.value if self.dtype is DType.BOOL else f.absolute(self.value)


@TABLE.imports("neg", "negative")
def neg(self: Tensor) -> Value:
    if self.dtype is DType.BOOL:
        raise Unsupported("it negates bools, which PyTorch refuses")
    return f.neg(self.value)


@TABLE.imports("positive")
def positive(self: Tensor) -> Tensor:
    return self


@TABLE.imports("sign", "sgn")
def sign(self: Tensor) -> Value:
    return self.value if self.dtype is DType.BOOL else math.Sign(self.value).result


@TABLE.imports("square")
def square(self: Tensor) -> Value:
    x = cast(self.value, DType.I64) if self.dtype is DType.BOOL else self.value
    return math.Square(x).result


@TABLE.imports("exp2", "special_exp2")
def exp2(self: Tensor) -> Value:
    return f.power(2, as_float(self.value))


@TABLE.imports("expm1", "special_expm1")
def expm1(self: Tensor) -> Value:
    """Near zero 2t / (1 - t) with t = tanh(x/2), which loses no digits where exp(x) is near 1."""
    x = as_float(self.value)
    t = math.Tanh(f.mul(x, 0.5)).result
    near = f.div(f.mul(t, 2), f.sub(1, t))
    return f.select(f.less(f.absolute(x), 0.5), near, f.sub(f.exp(x), 1))


@TABLE.imports("log1p", "special_log1p")
def log1p(self: Tensor) -> Value:
    return log_of_one_plus(as_float(self.value))


def log_of_one_plus(x: Value) -> Value:
    """log(1 + x), without loss near zero.

    Goldberg, "What Every Computer Scientist Should Know About Floating-Point Arithmetic", theorem 4: with u = 1 + x as
    it is rounded, log(u) * x / (u - 1).
    """
    u = f.add(x, 1)
    is_one = f.equal(u, 1)
    divisor = f.select(is_one, 1, f.sub(u, 1))
    near = f.select(is_one, x, f.div(f.mul(f.log(u), x), divisor))
    return f.select(f.less(f.absolute(x), 0.5), near, f.log(u))


@TABLE.imports("log2")
def log2(self: Tensor) -> Value:
    return f.div(f.log(as_float(self.value)), numbers.log(2))


@TABLE.imports("log10")
def log10(self: Tensor) -> Value:
    return f.div(f.log(as_float(self.value)), numbers.log(10))


@TABLE.imports("erfc", "special_erfc")
def erfc(self: Tensor) -> Value:
    return f.sub(1, math.Erf(as_float(self.value)).result)


@TABLE.imports("logit", "special_logit")
def logit(self: Tensor, eps: float | None = None) -> Value:
    x = as_float(self.value)
    if eps is not None:
        x = math.Clamp(x, eps, 1 - eps).result
    return f.log(f.div(x, f.sub(1, x)))


@TABLE.imports("sinc", "special_sinc")
def sinc(self: Tensor) -> Value:
    x = as_float(self.value)
    is_zero = f.equal(x, 0)
    angle = f.mul(f.select(is_zero, 1, x), numbers.pi)
    return f.select(is_zero, 1, f.div(math.Sin(angle).result, angle))


@TABLE.imports("deg2rad")
def deg2rad(self: Tensor) -> Value:
    return f.mul(as_float(self.value), numbers.pi / 180)


@TABLE.imports("rad2deg")
def rad2deg(self: Tensor) -> Value:
    return f.mul(as_float(self.value), 180 / numbers.pi)


@TABLE.imports("logical_not")
def logical_not(self: Tensor) -> Value:
    return f.negated(cast(self.value, DType.BOOL))


@TABLE.imports("bitwise_not", "__invert__")
def bitwise_not(self: Tensor) -> Value:
    if self.dtype is DType.BOOL:
        return f.negated(self.value)
    return math.BitwiseNot(self.value).result


def _nowhere(x: Value) -> Value:
    """False for every element."""
    return math.NotEqual(x, x).result


@TABLE.imports("isnan")
def isnan(self: Tensor) -> Value:
    return math.IsNan(self.value).result if self.dtype.is_float else _nowhere(self.value)


@TABLE.imports("isinf")
def isinf(self: Tensor) -> Value:
    return math.IsInf(self.value).result if self.dtype.is_float else _nowhere(self.value)


@TABLE.imports("isfinite")
def isfinite(self: Tensor) -> Value:
    if not self.dtype.is_float:
        return math.Equal(self.value, self.value).result
    return f.less(f.absolute(self.value), numbers.inf)


@TABLE.imports("isposinf")
def isposinf(self: Tensor) -> Value:
    return f.equal(self.value, numbers.inf) if self.dtype.is_float else _nowhere(self.value)


@TABLE.imports("isneginf")
def isneginf(self: Tensor) -> Value:
    return f.equal(self.value, -numbers.inf) if self.dtype.is_float else _nowhere(self.value)


@TABLE.imports("isreal")
def isreal(self: Tensor) -> Value:
    # NaN is real too, and differs from itself.
    return f.either(math.Equal(self.value, self.value).result, math.NotEqual(self.value, self.value).result)


@TABLE.imports("signbit")
def signbit(self: Tensor) -> Value:
    x = self.value
    if x.type.dtype is DType.BOOL:
        return _nowhere(x)
    return f.is_below_zero(x) if x.type.dtype.is_float else f.less(x, 0)


@TABLE.imports("nan_to_num")
def nan_to_num(
    self: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Value:
    x = self.value
    dtype = x.type.dtype
    if not dtype.is_float:
        return x
    result = f.select(math.IsNan(x).result, nan or 0.0, x)
    if posinf is None and neginf is None and abs(nan or 0.0) < numbers.inf:
        return math.Clamp(result, -dtype.largest, dtype.largest).result
    result = f.select(f.equal(x, numbers.inf), dtype.largest if posinf is None else posinf, result)
    return f.select(f.equal(x, -numbers.inf), -dtype.largest if neginf is None else neginf, result)
