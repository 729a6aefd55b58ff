"""Elementwise ops of one operand."""

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...ir import Array, Op, Value
from ...opdef import constraint, op, op_family
from ...types import DType, TensorType


@op_family
class Unary(Op):
    """An elementwise op of one operand whose result has the operand's type."""

    compute: ClassVar[Callable[..., Array]]
    x: Value

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.x.type.shape)

    def evaluate(self, x: Array) -> Array:
        return np.asarray(type(self).compute(x)).astype(x.dtype, copy=False)


@op_family
class FloatUnary(Unary):
    """An elementwise op on floats."""

    @constraint
    def operand_is_float(self) -> bool:
        """the operand is a float tensor"""
        return self.x.type.dtype.is_float


@op_family
class NumericUnary(Unary):
    """An elementwise op on numbers."""

    @constraint
    def operand_is_numeric(self) -> bool:
        """the operand is not bool"""
        return self.x.type.dtype.is_numeric


@op
class Abs(NumericUnary):
    """|x|"""

    compute = staticmethod(np.abs)


@op
class Neg(NumericUnary):
    """-x"""

    compute = staticmethod(np.negative)


@op
class Sign(NumericUnary):
    """-1, 0 or 1 as x is negative, zero or positive"""

    compute = staticmethod(np.sign)


@op
class Floor(FloatUnary):
    """The largest integer not above x"""

    compute = staticmethod(np.floor)


@op
class Ceil(FloatUnary):
    """The smallest integer not below x"""

    compute = staticmethod(np.ceil)


@op
class Round(FloatUnary):
    """The nearest integer, halves to even"""

    compute = staticmethod(np.rint)


@op
class Exp(FloatUnary):
    """e to the power x"""

    compute = staticmethod(np.exp)


@op
class Log(FloatUnary):
    """The natural logarithm"""

    compute = staticmethod(np.log)


@op
class Sqrt(FloatUnary):
    """The square root"""

    compute = staticmethod(np.sqrt)


@op
class Rsqrt(FloatUnary):
    """1 / sqrt(x)"""

    compute = staticmethod(lambda x: 1 / np.sqrt(x))


@op
class Reciprocal(FloatUnary):
    """1 / x"""

    compute = staticmethod(lambda x: 1 / x)


@op
class Square(NumericUnary):
    """x * x"""

    compute = staticmethod(np.square)


@op
class Sin(FloatUnary):
    """The sine of x radians"""

    compute = staticmethod(np.sin)


@op
class Cos(FloatUnary):
    """The cosine of x radians"""

    compute = staticmethod(np.cos)


@op
class Tan(FloatUnary):
    """The tangent of x radians"""

    compute = staticmethod(np.tan)


@op
class Asin(FloatUnary):
    """The arc sine, in radians"""

    compute = staticmethod(np.arcsin)


@op
class Acos(FloatUnary):
    """The arc cosine, in radians"""

    compute = staticmethod(np.arccos)


@op
class Atan(FloatUnary):
    """The arc tangent, in radians"""

    compute = staticmethod(np.arctan)


@op
class Sinh(FloatUnary):
    """The hyperbolic sine"""

    compute = staticmethod(np.sinh)


@op
class Cosh(FloatUnary):
    """The hyperbolic cosine"""

    compute = staticmethod(np.cosh)


@op
class Tanh(FloatUnary):
    """The hyperbolic tangent"""

    compute = staticmethod(np.tanh)


@op
class Asinh(FloatUnary):
    """The inverse hyperbolic sine"""

    compute = staticmethod(np.arcsinh)


@op
class Acosh(FloatUnary):
    """The inverse hyperbolic cosine"""

    compute = staticmethod(np.arccosh)


@op
class Atanh(FloatUnary):
    """The inverse hyperbolic tangent"""

    compute = staticmethod(np.arctanh)


# Cody, "Rational Chebyshev Approximations for the Error Function", Mathematics of Computation 23 (1969): numerators and
# denominators, highest power first, of erf(x) / x in x**2 up to 0.46875, and of erfc(x) * exp(x**2) in x above.
_ERF_TOP = (0.185777706184603153, 3.16112374387056560, 113.864154151050156, 377.485237685302021, 3209.37758913846947)
_ERF_BOTTOM = (1.0, 23.6012909523441209, 244.024637934444173, 1282.61652607737228, 2844.23683343917062)
_ERFC_TOP = (
    2.15311535474403846e-8, 0.564188496988670089, 8.88314979438837594, 66.1191906371416295, 298.635138197400131,
    881.952221241769090, 1712.04761263407058, 2051.07837782607147, 1230.33935479799725,
)  # fmt: skip
_ERFC_BOTTOM = (
    1.0, 15.7449261107098347, 117.693950891312499, 537.181101862009858, 1621.38957456669019,
    3290.79923573345963, 4362.61909014324716, 3439.36767414372164, 1230.33935480374942,
)  # fmt: skip
_ERF_BLOCK = 1 << 14
"""Elements computed at once: the steps' temporaries then stay in the cache, which is five times as fast."""


def erf(x: Array) -> Array:
    """The error function, elementwise, in double precision: the largest error is 3e-16."""
    flat = np.asarray(x, np.float64).ravel()
    result = np.empty_like(flat)
    for start in range(0, flat.size, _ERF_BLOCK):
        block = slice(start, start + _ERF_BLOCK)
        result[block] = _erf_block(flat[block])
    return result.reshape(np.shape(x))


def _erf_block(x: NDArray[np.float64]) -> NDArray[np.float64]:
    # Beyond 6 the result is 1 to the last bit.
    distance = np.minimum(np.abs(x), 6.0)
    square = np.square(np.minimum(distance, 0.46875))
    near = x * _polynomial(_ERF_TOP, square) / _polynomial(_ERF_BOTTOM, square)
    rest = np.exp(-distance * distance) * _polynomial(_ERFC_TOP, distance) / _polynomial(_ERFC_BOTTOM, distance)
    return np.where(distance <= 0.46875, near, np.copysign(1 - rest, x))


def _polynomial(coefficients: tuple[float, ...], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Horner's scheme, in place."""
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result *= x
        result += coefficient
    return result


@op
class Erf(FloatUnary):
    """The error function"""

    compute = staticmethod(erf)


@op
class Clamp(NumericUnary):
    """x limited to [minimum, maximum]; infinite bounds do not limit

    ```
    %y = math.clamp(%x: f32[2, 3]) {minimum = 0.0, maximum = 6.0} : f32[2, 3]
    ```
    """

    minimum: float = -math.inf
    maximum: float = math.inf

    @constraint
    def bounds_fit(self) -> bool:
        """finite bounds of an integer tensor are integers that its dtype holds"""
        if self.x.type.dtype.is_float:
            return True
        limits = np.iinfo(self.x.type.dtype.numpy.name)
        return all(
            math.isinf(b) or (b.is_integer() and limits.min <= b <= limits.max) for b in (self.minimum, self.maximum)
        )

    def evaluate(self, x: Array) -> Array:
        if not math.isinf(self.minimum):
            x = np.maximum(x, np.asarray(self.minimum).astype(x.dtype))
        if not math.isinf(self.maximum):
            x = np.minimum(x, np.asarray(self.maximum).astype(x.dtype))
        return x


@op_family
class FloatPredicate(FloatUnary):
    """A question about each element of a float tensor."""

    def infer(self) -> TensorType:
        return TensorType(DType.BOOL, self.x.type.shape)

    def evaluate(self, x: Array) -> Array:
        return type(self).compute(x)


@op
class IsNan(FloatPredicate):
    """Whether x is not a number"""

    compute = staticmethod(np.isnan)


@op
class IsInf(FloatPredicate):
    """Whether x is infinite, of either sign"""

    compute = staticmethod(np.isinf)
