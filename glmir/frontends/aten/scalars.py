"""Numbers of a program: known ones are Python's own, symbolic sizes are ``SymInt``; the rest are these two."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from ...dims import Dim, SymInt
from ...ir import Value
from ...types import DType


@dataclass(frozen=True, eq=False)
class Scalar:
    """A number that only running the model shows: a tensor without axes. Its kind is i64 (int), f64 (float) or bool.

    The value may have a narrower dtype of the same kind.
    """

    value: Value

    @property
    def dtype(self) -> DType:
        return self.value.type.dtype


@dataclass(frozen=True)
class SymFloat:
    """A float computed from symbolic sizes: ``dim / divisor``, where ``divisor`` is positive.

    ``x.size(2) * 0.5`` is ``SymFloat(h, 2)``. What is no rational multiple of sizes is a ``Scalar``.
    """

    dim: Dim
    divisor: int = 1

    def times(self, factor: float) -> "SymFloat | None":
        """The product with a number; None when the number is no plain fraction."""
        ratio = plain_fraction(factor)
        return None if ratio is None else SymFloat(self.dim * ratio.numerator, self.divisor * ratio.denominator)

    def floor(self) -> Dim:
        return self.dim // self.divisor

    def ceil(self) -> Dim:
        return -((-self.dim) // self.divisor)


Int: TypeAlias = int | SymInt | Scalar
"""An integer argument."""

Number: TypeAlias = int | float | bool | SymInt | SymFloat | Scalar
"""An argument that may be any number (a ``Scalar`` of ATen's schemas)."""


def plain_fraction(number: float) -> Fraction | None:
    """The fraction of small terms that the number is (0.5, 2/3); None when there is none."""
    if number != number or number in (float("inf"), float("-inf")):
        return None
    ratio = Fraction(number).limit_denominator(4096)
    return ratio if float(ratio) == number and abs(ratio.numerator) < 1 << 32 else None
