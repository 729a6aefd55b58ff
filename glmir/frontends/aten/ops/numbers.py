"""Arithmetic on the numbers of a program.

Numbers that are known are Python's; sizes are symbolic and stay so as long as the arithmetic is exact in them; what is
left becomes ops on tensors without axes, in i64, f64 or bool.
"""

import math as python
import operator
from collections.abc import Callable
from typing import TypeAlias, TypeVar

import numpy as np

from ....dims import (
    Dim,
    SymInt,
    dim_max,
    dim_min,
    divides,
    is_nonnegative,
    is_positive,
    known_different,
    known_equal,
)
from ....ir import Op, Value
from ....ops import math
from ....types import DType
from .. import formulas as f
from ..promotion import dtype_of_number
from ..registry import Table
from ..scalars import Int, Number, Scalar, SymFloat, plain_fraction
from ..scope import Scope, cast, known_int
from ..tensors import Unsupported
from .arithmetic import known

TABLE = Table()

Known: TypeAlias = int | float
_KnownT = TypeVar("_KnownT", bound=Known)
_BinaryOp: TypeAlias = Callable[[Value, Value], Op]
_Fraction: TypeAlias = tuple[Dim, int]
"""A dim divided by a positive integer."""


def is_float(x: Number) -> bool:
    return dtype_of_number(x).is_float


def wide_dtype(*numbers: Number) -> DType:
    """The dtype in which PyTorch computes with plain numbers: f64 when one is a float, else i64."""
    return DType.F64 if any(map(is_float, numbers)) else DType.I64


def number_of(scope: Scope, value: Value) -> Number:
    """A value without axes as a number."""
    return scope.number(value)


def computed(scope: Scope, op: _BinaryOp, a: Number, b: Number, dtype: DType | None = None) -> Number:
    """What an op gives for two numbers, when the model runs."""
    dtype = dtype or wide_dtype(a, b)
    return number_of(scope, op(scope.scalar(a, dtype), scope.scalar(b, dtype)).result)


def fraction(x: Number) -> _Fraction | None:
    """The number as an exact fraction; None for what depends on data and for floats that are no plain fractions."""
    if isinstance(x, Scalar):
        return None
    if isinstance(x, SymFloat):
        return x.dim, x.divisor
    if isinstance(x, SymInt):
        return x, 1
    if isinstance(x, int):
        return int(x), 1
    ratio_ = plain_fraction(x)
    return None if ratio_ is None else (ratio_.numerator, ratio_.denominator)


def _symbolic_float(dim: Dim, divisor: int) -> Number:
    whole = divides(divisor, dim)
    if whole is not None:
        dim, divisor = whole, 1
    return dim / divisor if isinstance(dim, int) else SymFloat(dim, divisor)


def _combined(scope: Scope, on_numbers: Callable[[Dim, Dim], Dim], op: _BinaryOp, a: Number, b: Number) -> Number:
    """a + b, a - b, min(a, b), max(a, b), by what it is for whole numbers."""
    x, y = fraction(a), fraction(b)
    if x is None or y is None:
        return computed(scope, op, a, b)
    result = on_numbers(x[0] * y[1], y[0] * x[1])
    if is_float(a) or is_float(b):
        return _symbolic_float(result, x[1] * y[1])
    return result


def _both_known(a: Number, b: Number) -> tuple[Known, Known] | None:
    x, y = known(a), known(b)
    return None if x is None or y is None else (x, y)


@TABLE.imports("add")
def total(scope: Scope, a: Number, b: Number) -> Number:
    """a + b"""
    if numbers := _both_known(a, b):
        return numbers[0] + numbers[1]
    return _combined(scope, operator.add, math.Add, a, b)


@TABLE.imports("sub")
def difference(scope: Scope, a: Number, b: Number) -> Number:
    """a - b"""
    if numbers := _both_known(a, b):
        return numbers[0] - numbers[1]
    return _combined(scope, operator.sub, math.Sub, a, b)


@TABLE.imports("mul")
def product(scope: Scope, a: Number, b: Number) -> Number:
    """a * b"""
    if numbers := _both_known(a, b):
        return numbers[0] * numbers[1]
    x, y = fraction(a), fraction(b)
    if x is None or y is None:
        return computed(scope, math.Mul, a, b)
    result = x[0] * y[0]
    return _symbolic_float(result, x[1] * y[1]) if is_float(a) or is_float(b) else result


@TABLE.imports("div", "truediv")
def ratio(scope: Scope, a: Number, b: Number) -> Number:
    """a / b, a float"""
    if numbers := _both_known(a, b):
        return _quotient(*numbers)
    x, y = fraction(a), fraction(b)
    if x is None or y is None or y[0] == 0:
        return computed(scope, math.Div, a, b, DType.F64)
    dividend, divisor = x[0] * y[1], y[0] * x[1]
    if isinstance(divisor, int):
        return _symbolic_float(dividend if divisor > 0 else -dividend, abs(divisor))
    whole = divides(divisor, dividend)
    if whole is not None:
        return _symbolic_float(whole, 1)
    return computed(scope, math.Div, a, b, DType.F64)


def _quotient(a: Known, b: Known) -> float:
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b)) if b == 0 else a / b


@TABLE.imports("floordiv")
def floordiv(scope: Scope, a: Number, b: Number) -> Number:
    if numbers := _both_known(a, b):
        return numbers[0] // numbers[1]
    if not isinstance(a, Scalar | SymFloat | float) and not isinstance(b, Scalar | SymFloat | float):
        return a // b
    if is_float(a) or is_float(b):
        return to_float(scope, floored(scope, ratio(scope, a, b)))
    rest = computed(scope, math.FloorMod, a, b)
    return computed(scope, math.Div, difference(scope, a, rest), b)


@TABLE.imports("__round_to_zero_floordiv")
def truncated_quotient(scope: Scope, a: Int, b: Int) -> Number:
    if isinstance(a, int) and isinstance(b, int):
        return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    if not isinstance(a, Scalar) and not isinstance(b, Scalar) and is_nonnegative(a) and is_positive(b):
        return a // b
    return computed(scope, math.Div, a, b)


@TABLE.imports("remainder", "mod")
def remainder(scope: Scope, a: Number, b: Number) -> Number:
    if numbers := _both_known(a, b):
        return numbers[0] % numbers[1]
    if not isinstance(a, Scalar | SymFloat | float) and not isinstance(b, Scalar | SymFloat | float):
        return a % b
    return computed(scope, math.FloorMod, a, b)


@TABLE.imports("fmod")
def fmod(scope: Scope, a: Number, b: Number) -> Number:
    if numbers := _both_known(a, b):
        return python.fmod(*numbers)
    return computed(scope, math.Fmod, a, b, DType.F64)


@TABLE.imports("divmod")
def divmod_(scope: Scope, x: Number, y: Number) -> tuple[Number, Number]:
    return floordiv(scope, x, y), remainder(scope, x, y)


@TABLE.imports("pow")
def power(scope: Scope, a: Number, b: Number) -> Number:
    """a ** b, a float for integers too (aten::pow.int)"""
    if numbers := _both_known(a, b):
        with np.errstate(all="ignore"):
            return float(np.power(np.float64(numbers[0]), np.float64(numbers[1])))
    if b in (1, 2) and not isinstance(a, Scalar):
        return to_float(scope, a if b == 1 else product(scope, a, a))
    return computed(scope, math.Pow, a, b, DType.F64)


@TABLE.imports("neg")
def negative(scope: Scope, a: Number) -> Number:
    return difference(scope, 0, a) if not isinstance(a, float) else -a


@TABLE.imports("abs", "prim::abs")
def absolute(scope: Scope, a: Number) -> Number:
    number = known(a)
    if number is not None:
        return abs(number)
    if isinstance(a, SymInt) and is_nonnegative(a):
        return a
    if isinstance(a, SymFloat) and is_nonnegative(a.dim):
        return a
    return number_of(scope, f.absolute(scope.scalar(a, wide_dtype(a))))


@TABLE.imports("max", "prim::max")
def larger(scope: Scope, a: Number, b: Number) -> Number:
    if numbers := _both_known(a, b):
        return max(_widened(*numbers))
    return _combined(scope, dim_max, math.Maximum, a, b)


@TABLE.imports("min", "prim::min")
def smaller(scope: Scope, a: Number, b: Number) -> Number:
    if numbers := _both_known(a, b):
        return min(_widened(*numbers))
    return _combined(scope, dim_min, math.Minimum, a, b)


def _widened(a: Known, b: Known) -> tuple[Known, Known]:
    """Both as floats when one is: max(3, 2.5) is 3.0."""
    return (float(a), float(b)) if isinstance(a, float) or isinstance(b, float) else (a, b)


# Comparisons.


def _compared(
    scope: Scope, a: Number, b: Number, on_numbers: Callable[[Known, Known], bool],
    on_difference: Callable[[Dim], bool | None], op: _BinaryOp,
) -> Number:  # fmt: skip
    """``on_difference`` tells what is known from b - a; None when it cannot tell."""
    if numbers := _both_known(a, b):
        return on_numbers(*numbers)
    x, y = fraction(a), fraction(b)
    if x is not None and y is not None:
        answer = on_difference(y[0] * x[1] - x[0] * y[1])
        if answer is not None:
            return answer
    return computed(scope, op, a, b)


@TABLE.imports("eq")
def equals(scope: Scope, a: Number, b: Number) -> Number:
    return _compared(scope, a, b, operator.eq, _is_zero, math.Equal)


@TABLE.imports("ne")
def differs(scope: Scope, a: Number, b: Number) -> Number:
    return _compared(scope, a, b, operator.ne, lambda d: _opposite(_is_zero(d)), math.NotEqual)


@TABLE.imports("lt")
def is_less(scope: Scope, a: Number, b: Number) -> Number:
    return _compared(scope, a, b, operator.lt, _is_above_zero, math.Less)


@TABLE.imports("gt")
def is_greater(scope: Scope, a: Number, b: Number) -> Number:
    return _compared(scope, a, b, operator.gt, lambda d: _is_above_zero(-d), math.Greater)


@TABLE.imports("le")
def is_at_most(scope: Scope, a: Number, b: Number) -> Number:
    return _compared(scope, a, b, operator.le, lambda d: _opposite(_is_above_zero(-d)), math.LessEqual)


@TABLE.imports("ge")
def is_at_least(scope: Scope, a: Number, b: Number) -> Number:
    return _compared(scope, a, b, operator.ge, lambda d: _opposite(_is_above_zero(d)), math.GreaterEqual)


def _is_zero(difference_: Dim) -> bool | None:
    return True if known_equal(difference_, 0) else False if known_different(difference_, 0) else None


def _is_above_zero(difference_: Dim) -> bool | None:
    return True if is_positive(difference_) else False if is_nonnegative(-difference_) else None


def _opposite(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


# Logic and bits.

_BITS: dict[str, tuple[Callable[[int, int], int], _BinaryOp, _BinaryOp]] = {
    "__and__": (operator.and_, math.BitwiseAnd, math.LogicalAnd),
    "__or__": (operator.or_, math.BitwiseOr, math.LogicalOr),
    "__xor__": (operator.xor, math.BitwiseXor, math.LogicalXor),
}


def _bits(on_numbers: Callable[[int, int], int], op: _BinaryOp, on_bools: _BinaryOp) -> Callable[..., Number]:
    def importer(scope: Scope, a: Number, b: Number) -> Number:
        if isinstance(a, int) and isinstance(b, int):
            return on_numbers(a, b)
        are_bools = all(dtype_of_number(n) is DType.BOOL for n in (a, b))
        return computed(scope, on_bools if are_bools else op, a, b, DType.BOOL if are_bools else DType.I64)

    return importer


for _name, _ops in _BITS.items():
    TABLE.imports(_name)(_bits(*_ops))


@TABLE.imports("__lshift__")
def shifted_left(scope: Scope, a: Int, b: Int) -> Number:
    if isinstance(b, int) and not isinstance(a, Scalar):
        return a * (1 << _shift(b))
    return computed(scope, math.ShiftLeft, a, b)


@TABLE.imports("__rshift__")
def shifted_right(scope: Scope, a: Int, b: Int) -> Number:
    if isinstance(b, int) and not isinstance(a, Scalar):
        return a // (1 << _shift(b))
    return computed(scope, math.ShiftRight, a, b)


def _shift(places: int) -> int:
    if not 0 <= places < 64:
        raise Unsupported(f"an integer is shifted by {places} bits")
    return places


@TABLE.imports("__not__")
def inverted(scope: Scope, self: Number) -> Number:
    truth = to_bool(scope, self)
    if isinstance(truth, Scalar):
        return number_of(scope, f.negated(truth.value))
    return not truth


# Conversions.


@TABLE.imports("Int", "int", "prim::Int")
def to_int(scope: Scope, a: Number) -> Int:
    """The number without its fraction."""
    if isinstance(a, SymFloat) and is_nonnegative(a.dim):
        return a.floor()
    if isinstance(a, SymFloat | Scalar) and not (isinstance(a, Scalar) and a.dtype.is_integer):
        return _as_int(number_of(scope, cast(scope.scalar(a, DType.F64), DType.I64)))
    return _as_int(a)


def _as_int(a: Number) -> Int:
    return a if isinstance(a, SymInt | Scalar) else int(known(a) or 0)


@TABLE.imports("Float", "float", "prim::Float")
def to_float(scope: Scope, a: Number) -> Number:
    number = known(a)
    if number is not None:
        return float(number)
    if isinstance(a, SymInt):
        return SymFloat(a)
    return a if is_float(a) else number_of(scope, scope.scalar(a, DType.F64))


@TABLE.imports("Bool", "bool", "prim::Bool")
def to_bool(scope: Scope, a: Number) -> Number:
    if dtype_of_number(a) is DType.BOOL:
        return a
    return differs(scope, a, 0)


@TABLE.imports("floor", "math_floor")
def floored(scope: Scope, a: Number) -> Int:
    return _rounded(scope, a, python.floor, SymFloat.floor, math.Floor)


@TABLE.imports("ceil", "math_ceil")
def ceiled(scope: Scope, a: Number) -> Int:
    return _rounded(scope, a, python.ceil, SymFloat.ceil, math.Ceil)


def _rounded(
    scope: Scope, a: Number, on_number: Callable[[float], int], on_symbolic: Callable[[SymFloat], Dim],
    op: Callable[[Value], Op],
) -> Int:  # fmt: skip
    number = known(a)
    if number is not None:
        return on_number(number)
    if isinstance(a, SymFloat):
        return on_symbolic(a)
    if not is_float(a):
        return to_int(scope, a)
    return to_int(scope, number_of(scope, op(scope.scalar(a, DType.F64)).result))


@TABLE.imports("round")
def rounded(scope: Scope, a: Number) -> Number:
    number = known(a)
    if number is not None:
        return float(round(number))
    if isinstance(a, SymInt):
        return SymFloat(a)
    return number_of(scope, math.Round(scope.scalar(a, DType.F64)).result)


@TABLE.imports("prim::IfThenElse")
def if_then_else(scope: Scope, cond: Number, x: object, y: object) -> object:
    truth = to_bool(scope, cond)
    if isinstance(truth, Scalar):
        raise Unsupported("its condition depends on the data")
    return x if truth else y


@TABLE.imports("__range_length")
def range_length(scope: Scope, lo: Int, hi: Int, step: Int) -> Int:
    """How many numbers range(lo, hi, step) has."""
    stride = known_int(step, "the step of a loop")
    if stride == 0:
        raise Unsupported("the step of a loop is 0")
    distance = difference(scope, hi, lo) if stride > 0 else difference(scope, lo, hi)
    length = floordiv(scope, total(scope, distance, abs(stride) - 1), abs(stride))
    return _as_int(larger(scope, length, 0))


@TABLE.imports("__derive_index")
def derive_index(scope: Scope, index: Int, start: Int, step: Int) -> Number:
    return total(scope, start, product(scope, index, step))
