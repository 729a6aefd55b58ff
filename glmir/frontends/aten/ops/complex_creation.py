"""New complex tensors, and arithmetic with complex numbers that the program knows."""

from collections.abc import Sequence

from ....ops import math
from ....types import DType
from ..complex_tensors import ComplexTensor, as_complex, complex_of
from ..dtypes import ComplexDType
from ..registry import Importer, Overload, Table
from ..scalars import Int, Number
from ..scope import Scope
from ..tensors import Tensor, Unsupported
from . import complex_numbers
from .creation import filled

TABLE = Table()


def lift(table: Table) -> None:
    """Puts what takes complex dtypes in front of the importers for real ones, which refuse them."""
    for name, importer in _CREATORS.items():
        table.overloads[name].insert(0, Overload(importer))


def _filled(scope: Scope, size: Sequence[Int], number: Number | complex, part: DType) -> ComplexTensor:
    real, imag = (number.real, number.imag) if isinstance(number, complex) else (number, 0)
    return complex_of(scope, filled(scope, size, real, part), filled(scope, size, imag, part))


def _zeros(scope: Scope, size: Sequence[Int], *, dtype: ComplexDType, **_options: object) -> ComplexTensor:
    return _filled(scope, size, 0, dtype.part)


def _ones(scope: Scope, size: Sequence[Int], *, dtype: ComplexDType, **_options: object) -> ComplexTensor:
    return _filled(scope, size, 1, dtype.part)


def _full(
    scope: Scope, size: Sequence[Int], fill_value: Number | complex, *, dtype: ComplexDType, **_options: object
) -> ComplexTensor:
    return _filled(scope, size, fill_value, dtype.part)


def _zeros_like(
    scope: Scope, self: Tensor | ComplexTensor, *, dtype: ComplexDType, **_options: object
) -> ComplexTensor:
    return _filled(scope, as_complex(self).real.shape, 0, dtype.part)


def _ones_like(scope: Scope, self: Tensor | ComplexTensor, *, dtype: ComplexDType, **_options: object) -> ComplexTensor:
    return _filled(scope, as_complex(self).real.shape, 1, dtype.part)


def _new_zeros(
    scope: Scope, self: Tensor | ComplexTensor, size: Sequence[Int], *, dtype: ComplexDType, **_options: object
) -> ComplexTensor:
    return _filled(scope, size, 0, dtype.part)


_CREATORS: dict[str, Importer] = {
    "zeros": _zeros,
    "empty": _zeros,
    "ones": _ones,
    "full": _full,
    "zeros_like": _zeros_like,
    "empty_like": _zeros_like,
    "ones_like": _ones_like,
    "new_zeros": _new_zeros,
    "new_empty": _new_zeros,
}


@TABLE.imports("full")
def full_of_complex(
    scope: Scope, size: Sequence[Int], fill_value: complex, *, dtype: None = None, **_options: object
) -> ComplexTensor:
    return _filled(scope, size, fill_value, DType.F32)


@TABLE.imports("ones_like")
def ones_like(scope: Scope, self: ComplexTensor, *, dtype: None = None, **_options: object) -> ComplexTensor:
    return _filled(scope, self.real.shape, 1, self.real.dtype)


@TABLE.imports("new_zeros", "new_empty")
def new_zeros(
    scope: Scope, self: ComplexTensor, size: Sequence[Int], *, dtype: None = None, **_options: object
) -> ComplexTensor:
    return _filled(scope, size, 0, self.real.dtype)


# Arithmetic


def _number(scope: Scope, number: complex, beside: ComplexTensor) -> ComplexTensor:
    return _filled(scope, (), number, beside.real.dtype)


def _complex(x: Tensor | ComplexTensor) -> ComplexTensor:
    given = as_complex(x)
    if not given.real.dtype.is_float:
        raise Unsupported(f"a complex number meets a tensor of {given.real.dtype.value}")
    return given


@TABLE.imports("add")
def add(scope: Scope, self: Tensor | ComplexTensor, other: complex, *, alpha: Number = 1) -> ComplexTensor:
    x = _complex(self)
    return complex_numbers.add(scope, x, _number(scope, other, x), alpha=alpha)


@TABLE.imports("sub", "subtract")
def sub(scope: Scope, self: Tensor | ComplexTensor, other: complex, *, alpha: Number = 1) -> ComplexTensor:
    x = _complex(self)
    return complex_numbers.sub(scope, x, _number(scope, other, x), alpha=alpha)


@TABLE.imports("mul", "multiply")
def mul(scope: Scope, self: Tensor | ComplexTensor, other: complex) -> ComplexTensor:
    x = _complex(self)
    real, imag = (complex_numbers.scaled(scope, x, part) for part in (other.real, other.imag))
    turned = ComplexTensor(scope.tensor(math.Neg(imag.imag.value).result), imag.real)
    return complex_numbers.add(scope, real, turned)


@TABLE.imports("div", "divide", "true_divide")
def div(scope: Scope, self: Tensor | ComplexTensor, other: complex) -> ComplexTensor:
    x = _complex(self)
    return complex_numbers.div_complex(scope, x, _number(scope, other, x))
