"""Functions on the numbers of a program: those of Python's math module, and conversions from tensors and texts."""

import math as python
from collections.abc import Callable

import numpy as np

from ....types import DType
from ..promotion import dtype_of_number
from ..registry import Importer, Table
from ..scalars import Int, Number, SymFloat
from ..scope import Scope
from ..tensors import Tensor, Unsupported
from . import comparison, unary
from .arithmetic import known
from .numbers import to_bool, to_float, to_int

TABLE = Table()

_OF_ONE: dict[str, Callable[[float], float]] = {
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "cos": np.cos,
    "cosh": np.cosh,
    "degrees": np.degrees,
    "erf": python.erf,
    "erfc": python.erfc,
    "exp": np.exp,
    "expm1": np.expm1,
    "fabs": np.abs,
    "gamma": python.gamma,
    "lgamma": python.lgamma,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "radians": np.radians,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}

_ON_TENSORS = {"degrees": "rad2deg", "fabs": "abs", "radians": "deg2rad"}
"""The tensor functions, where they are named otherwise."""

_LARGEST_FACTORIAL = 20
"""The factorial of more does not fit in 64 bits."""

_OF_TWO: dict[str, Callable[[float, float], float]] = {
    "atan2": python.atan2,
    "copysign": python.copysign,
    "mathremainder": python.remainder,
}


def _of_one(name: str, function: Callable[[float], float]) -> Importer:
    on_tensors = _ON_TENSORS.get(name, name)

    def importer(scope: Scope, a: Number) -> Number:
        number = known(a)
        if number is not None:
            with np.errstate(all="ignore"):
                return float(function(float(number)))
        return _by_tensors(scope, unary.TABLE, on_tensors, a)

    return importer


def _of_two(name: str, function: Callable[[float, float], float]) -> Importer:
    def importer(scope: Scope, a: Number, b: Number) -> Number:
        x, y = known(a), known(b)
        if x is not None and y is not None:
            return function(float(x), float(y))
        return _by_tensors(scope, comparison.TABLE, name, a, b)

    return importer


def _by_tensors(scope: Scope, table: Table, name: str, *numbers: Number) -> Number:
    """The function of the same name on tensors, for numbers that only running the model shows."""
    if name not in table:
        raise Unsupported("its operand depends on the shapes or the data")
    result = table.call(scope, name, [scope.tensor(scope.scalar(n, DType.F64)) for n in numbers], {})
    assert isinstance(result, Tensor)
    return scope.number(result.value)


for _name, _function in _OF_ONE.items():
    TABLE.imports(_name)(_of_one(_name, _function))
for _name, _binary in _OF_TWO.items():
    TABLE.imports(_name)(_of_two(_name, _binary))


@TABLE.imports("log")
def log_to_base(a: float, b: float) -> float:
    return python.log(a) / python.log(b)


@TABLE.imports("gcd")
def gcd(a: int, b: int) -> int:
    return python.gcd(a, b)


@TABLE.imports("factorial")
def factorial(a: int) -> int:
    if a > _LARGEST_FACTORIAL:
        raise Unsupported("its result has more than 64 bits")
    return python.factorial(a)


@TABLE.imports("ldexp")
def ldexp(x: float, i: int) -> float:
    return python.ldexp(x, i)


@TABLE.imports("frexp")
def frexp(a: float) -> tuple[float, int]:
    return python.frexp(a)


@TABLE.imports("modf")
def modf(a: float) -> tuple[float, float]:
    return python.modf(a)


@TABLE.imports("isnan")
def isnan(scope: Scope, a: Number) -> Number:
    number = known(a)
    return python.isnan(number) if number is not None else _asked(scope, "isnan", a)


@TABLE.imports("isinf")
def isinf(scope: Scope, a: Number) -> Number:
    number = known(a)
    return python.isinf(number) if number is not None else _asked(scope, "isinf", a)


@TABLE.imports("isfinite")
def isfinite(scope: Scope, a: Number) -> Number:
    number = known(a)
    return python.isfinite(number) if number is not None else _asked(scope, "isfinite", a)


def _asked(scope: Scope, name: str, a: Number) -> Number:
    if isinstance(a, SymFloat) or not dtype_of_number(a).is_float:
        return name == "isfinite"
    return _by_tensors(scope, unary.TABLE, name, a)


# Tensors of one element as numbers.


@TABLE.imports("item", "_local_scalar_dense", "ScalarImplicit")
def item(scope: Scope, self: Tensor) -> Number:
    return scope.number(self.value)


@TABLE.imports("Int", "IntImplicit")
def int_of_tensor(scope: Scope, a: Tensor) -> Int:
    return to_int(scope, scope.number(a.value))


@TABLE.imports("Float", "FloatImplicit")
def float_of_tensor(scope: Scope, a: Tensor) -> Number:
    return to_float(scope, scope.number(a.value))


@TABLE.imports("Bool")
def bool_of_tensor(scope: Scope, a: Tensor) -> Number:
    return to_bool(scope, scope.number(a.value))


@TABLE.imports("IntImplicit", "FloatImplicit", "ScalarImplicit", "item")
def number_itself(a: Number) -> Number:
    return a


@TABLE.imports("Int", "int")
def int_of_text(a: str) -> int:
    return int(a)


@TABLE.imports("Float", "float")
def float_of_text(a: str) -> float:
    return float(a)
