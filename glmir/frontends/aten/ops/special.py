"""Special functions that the IR lacks, by approximations good to single precision.

AS stands for Abramowitz and Stegun, "Handbook of Mathematical Functions".
"""

import math as numbers
from collections.abc import Sequence

from ....ir import Value
from ....ops import math
from .. import formulas as f
from ..promotion import as_float
from ..registry import Table
from ..tensors import Tensor
from ..work import require_few
from .unary import log_of_one_plus

TABLE = Table()

# Giles, "Approximating the erfinv function" (GPU Computing Gems 2, 2011), table 5: single precision.
_ERFINV_CENTRE = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
    0.246640727, 1.50140941,
)  # fmt: skip
_ERFINV_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
    1.00167406, 2.83297682,
)  # fmt: skip
# Press, Teukolsky, Vetterling, Flannery, "Numerical Recipes", section 6.2: the relative error is below 1.2e-7.
_ERFCX = (
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
    -1.26551223,
)  # fmt: skip
# Lanczos, "A Precision Approximation of the Gamma Function", SIAM Journal on Numerical Analysis B 1 (1964), gamma = 5.
_LANCZOS_SHIFT = 5.5
_LANCZOS = (76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155, 1.208650973866179e-3,
            -5.395239384953e-6)  # fmt: skip
_LANCZOS_CONSTANT = 1.000000000190015
# AS 6.3.18: the coefficients of 1/x**2, 1/x**4, … in log(x) - 1/(2x) - digamma(x).
_DIGAMMA = (1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12, 0.0)
_DIGAMMA_STEPS = 6
_BESSEL_BORDER = 3.75
# AS 9.8.1 to 9.8.4, in (x/3.75)**2 below the border, in 3.75/x above it.
_I0_NEAR = (0.0045813, 0.0360768, 0.2659732, 1.2067492, 3.0899424, 3.5156229, 1.0)
_I0_FAR = (
    0.00392377, -0.01647633, 0.02635537, -0.02057706, 0.00916281, -0.00157565, 0.00225319, 0.01328592, 0.39894228,
)  # fmt: skip
_I1_NEAR = (0.00032411, 0.00301532, 0.02658733, 0.15084934, 0.51498869, 0.87890594, 0.5)
_I1_FAR = (
    -0.00420059, 0.01787654, -0.02895312, 0.02282967, -0.01031555, 0.00163801, -0.00362018, -0.03988024, 0.39894228,
)  # fmt: skip


@TABLE.imports("erfinv", "special_erfinv")
def erfinv(self: Tensor) -> Value:
    return _erfinv(as_float(self.value))


def _erfinv(x: Value) -> Value:
    w = f.neg(f.log(f.mul(f.sub(1, x), f.add(x, 1))))
    centre = f.polynomial(f.sub(w, 2.5), *_ERFINV_CENTRE)
    # The root is not taken of what lies in the centre, and the border itself is infinite.
    tail = f.polynomial(f.sub(math.Sqrt(f.maximum(w, 5)).result, 3), *_ERFINV_TAIL)
    inside = f.mul(f.select(f.less(w, 5), centre, tail), x)
    return f.select(f.equal(f.absolute(x), 1), f.mul(x, numbers.inf), inside)


@TABLE.imports("special_ndtr")
def ndtr(self: Tensor) -> Value:
    x = as_float(self.value)
    return f.mul(f.add(math.Erf(f.mul(x, numbers.sqrt(0.5))).result, 1), 0.5)


@TABLE.imports("special_ndtri")
def ndtri(self: Tensor) -> Value:
    x = as_float(self.value)
    return f.mul(_erfinv(f.sub(f.mul(x, 2), 1)), numbers.sqrt(2))


@TABLE.imports("special_log_ndtr")
def log_ndtr(self: Tensor) -> Value:
    x = as_float(self.value)
    z = f.mul(x, numbers.sqrt(0.5))
    below = f.sub(f.log(f.mul(_erfcx_of_positive(f.absolute(z)), 0.5)), math.Square(z).result)
    above = log_of_one_plus(f.mul(f.sub(1, math.Erf(z).result), -0.5))
    return f.select(f.less(x, -1), below, above)


@TABLE.imports("special_erfcx")
def erfcx(self: Tensor) -> Value:
    x = as_float(self.value)
    positive = _erfcx_of_positive(f.absolute(x))
    return f.select(f.less(x, 0), f.sub(f.mul(f.exp(math.Square(x).result), 2), positive), positive)


def _erfcx_of_positive(x: Value) -> Value:
    """exp(x**2) * erfc(x) of what is not negative."""
    t = math.Reciprocal(f.add(f.mul(x, 0.5), 1)).result
    return f.mul(f.exp(f.polynomial(t, *_ERFCX)), t)


@TABLE.imports("special_entr")
def entr(self: Tensor) -> Value:
    x = as_float(self.value)
    inside = f.neg(f.mul(x, f.log(x)))
    return f.select(f.equal(x, 0), 0, f.select(f.less(x, 0), -numbers.inf, inside))


@TABLE.imports("lgamma", "special_gammaln")
def lgamma(self: Tensor) -> Value:
    return _lgamma(as_float(self.value))


def _lgamma(x: Value) -> Value:
    is_low = f.less(x, 0.5)
    # AS 6.1.17: gamma(x) * gamma(1 - x) = pi / sin(pi * x).
    z = f.select(is_low, f.sub(1, x), x)
    t = f.add(z, _LANCZOS_SHIFT)
    series = f.add(f.div(_LANCZOS[0], f.add(z, 1)), _LANCZOS_CONSTANT)
    for place, coefficient in enumerate(_LANCZOS[1:], 2):
        series = f.add(series, f.div(coefficient, f.add(z, place)))
    scale = f.log(f.div(f.mul(series, numbers.sqrt(2 * numbers.pi)), z))
    result = f.add(f.sub(f.mul(f.add(z, 0.5), f.log(t)), t), scale)
    sine = f.absolute(math.Sin(f.mul(f.sub(x, f.floor(x)), numbers.pi)).result)
    reflected = f.sub(numbers.log(numbers.pi), f.add(f.log(sine), result))
    return f.select(is_low, reflected, result)


@TABLE.imports("mvlgamma", "special_multigammaln")
def mvlgamma(self: Tensor, p: int) -> Value:
    x = as_float(self.value)
    result = _lgamma(x)
    require_few(p, "the factors")
    for place in range(1, p):
        result = f.add(result, _lgamma(f.sub(x, place / 2)))
    return f.add(result, p * (p - 1) / 4 * numbers.log(numbers.pi))


@TABLE.imports("digamma", "special_digamma", "special_psi")
def digamma(self: Tensor) -> Value:
    x = as_float(self.value)
    is_low = f.less(x, 0.5)
    z = f.select(is_low, f.sub(1, x), x)
    # AS 6.3.5: digamma(z + 1) = digamma(z) + 1 / z, until the series is good.
    steps = math.Reciprocal(z).result
    for step in range(1, _DIGAMMA_STEPS):
        steps = f.add(steps, math.Reciprocal(f.add(z, step)).result)
    far = f.add(z, _DIGAMMA_STEPS)
    inverse = math.Reciprocal(far).result
    series = f.add(f.polynomial(math.Square(inverse).result, *_DIGAMMA), f.mul(inverse, 0.5))
    result = f.sub(f.sub(f.log(far), series), steps)
    # AS 6.3.7: digamma(1 - x) = digamma(x) + pi / tan(pi * x).
    tangent = math.Tan(f.mul(f.sub(x, f.floor(x)), numbers.pi)).result
    reflected = f.sub(result, f.div(numbers.pi, tangent))
    finite = f.select(is_low, reflected, result)
    return f.select(f.equal(x, 0), f.neg(math.Reciprocal(x).result), finite)


def _bessel(x: Value, near: Value, far: Sequence[float], is_scaled: bool) -> Value:
    """A modified Bessel function of |x|, times exp(-|x|) if scaled; ``near`` is that of small numbers, not scaled."""
    size = f.absolute(x)
    clipped = f.maximum(size, _BESSEL_BORDER)
    scaled_far = f.div(f.polynomial(f.div(_BESSEL_BORDER, clipped), *far), math.Sqrt(clipped).result)
    is_near = f.less(size, _BESSEL_BORDER)
    if is_scaled:
        return f.select(is_near, f.mul(near, f.exp(f.neg(size))), scaled_far)
    return f.select(is_near, near, f.mul(scaled_far, f.exp(size)))


def _near(x: Value, coefficients: Sequence[float]) -> Value:
    return f.polynomial(math.Square(f.mul(x, 1 / _BESSEL_BORDER)).result, *coefficients)


def _i0(x: Value, is_scaled: bool) -> Value:
    return _bessel(x, _near(x, _I0_NEAR), _I0_FAR, is_scaled)


def _i1(x: Value, is_scaled: bool) -> Value:
    size = _bessel(x, f.mul(_near(x, _I1_NEAR), f.absolute(x)), _I1_FAR, is_scaled)
    return f.select(f.less(x, 0), f.neg(size), size)


@TABLE.imports("i0", "special_i0", "special_modified_bessel_i0")
def i0(self: Tensor) -> Value:
    return _i0(as_float(self.value), is_scaled=False)


@TABLE.imports("special_i0e")
def i0e(self: Tensor) -> Value:
    return _i0(as_float(self.value), is_scaled=True)


@TABLE.imports("special_i1", "special_modified_bessel_i1")
def i1(self: Tensor) -> Value:
    return _i1(as_float(self.value), is_scaled=False)


@TABLE.imports("special_i1e")
def i1e(self: Tensor) -> Value:
    return _i1(as_float(self.value), is_scaled=True)
