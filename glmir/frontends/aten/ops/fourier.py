"""Discrete Fourier transforms, as products with constant matrices."""

from collections.abc import Sequence

import numpy as np

from ....dims import Dim, SymInt
from ....ir import Array, Value
from ....ops import math, tensor
from ...fourier import Parts, angles, real_of_half, transformed
from ...layers import scalar
from ..axes import axes_of, axis_of
from ..building import joined, sliced
from ..complex_tensors import ComplexTensor, complex_of
from ..promotion import as_float
from ..registry import Table
from ..scalars import Int
from ..scope import Scope, known_int, known_ints
from ..tensors import Tensor, Unsupported

TABLE = Table()

_LARGEST = 8192
"""The longest axis that is transformed: the matrices grow as its square."""

Axes = int | Sequence[int] | None


def _scale(size: int, norm: str | None, is_inverse: bool) -> float:
    """What a transform is multiplied by; the inverse of a pair divides by the size unless ``norm`` says otherwise."""
    if norm == "ortho":
        return float(size**-0.5)
    if norm not in (None, "backward", "forward"):
        raise Unsupported(f"there is no norm {norm!r}")
    return 1 / size if is_inverse == (norm != "forward") else 1.0


def _checked_size(size: Dim) -> int:
    if isinstance(size, SymInt):
        raise Unsupported(f"the axis that it transforms has the symbolic size {size}; declare the size as a number")
    if not 0 < size <= _LARGEST:
        raise Unsupported(f"it transforms {size} elements; at least 1 and at most {_LARGEST} are supported")
    return size


def _resized(x: Value, axis: int, size: int) -> Value:
    """The axis cut, or filled with zeros, to a size."""
    now = x.type.shape[axis]
    if isinstance(now, SymInt):
        raise Unsupported(f"the axis that it transforms has the symbolic size {now}; declare the size as a number")
    if size <= now:
        return sliced(x, axis, 0, size)
    high = tuple(size - now if i == axis else 0 for i in range(x.type.rank))
    return tensor.Pad(x, scalar(0, x), (0,) * x.type.rank, high).result


def transform(x: Parts, axis: int, is_inverse: bool, scale: float) -> tuple[Value, Value]:
    """The transform of all elements of an axis; of real ones, too."""
    size = _checked_size(x[0].type.shape[axis])
    return transformed(x, axis, size, size, is_inverse, scale)


def real_transform(x: Value, axis: int, scale: float) -> tuple[Value, Value]:
    """The first half of the transform of real elements, which tells all: size // 2 + 1 elements."""
    size = _checked_size(x.type.shape[axis])
    return transformed((x, None), axis, size // 2 + 1, size, False, scale)


def inverse_matrices(size: int, scale: float) -> tuple[Array, Array]:
    """What the parts of half a transform are multiplied by to give ``size`` real elements: [size // 2 + 1, size]."""
    half = size // 2 + 1
    turned = angles(half, size, size)
    # Every element but the first, and the middle one of an even size, stands for two.
    counts = np.full((half, 1), 2.0)
    counts[0] = 1
    if size % 2 == 0:
        counts[-1] = 1
    return np.cos(turned) * counts * scale, -np.sin(turned) * counts * scale


def inverse_real_transform(real: Value, imag: Value, axis: int, size: int, scale: float) -> Value:
    """The real elements whose transform begins with these."""
    half = _checked_size(size) // 2 + 1
    return real_of_half((_resized(real, axis, half), _resized(imag, axis, half)), axis, size, size, scale)


def _parts_of(x: Tensor | ComplexTensor) -> Parts:
    if isinstance(x, ComplexTensor):
        return x.parts
    return as_float(x.value), None


def _sized(x: Parts, axes: Sequence[int], sizes: Sequence[int] | None) -> Parts:
    """The axes cut or filled to the sizes; -1 leaves one as it is."""
    real, imag = x
    for axis, size in zip(axes, sizes or (), strict=False):
        if size != -1:
            real, imag = _resized(real, axis, size), None if imag is None else _resized(imag, axis, size)
    return real, imag


def _fft(
    scope: Scope, x: Parts, axes: Sequence[int], sizes: Sequence[int] | None, norm: str | None, is_inverse: bool
) -> ComplexTensor:
    real, imag = _sized(x, axes, sizes)
    for axis in axes:
        scale = _scale(_checked_size(real.type.shape[axis]), norm, is_inverse)
        real, imag = transform((real, imag), axis, is_inverse, scale)
    if imag is None:
        imag = math.Mul(real, scalar(0, real)).result
    return complex_of(scope, real, imag)


def _rfft(scope: Scope, x: Parts, axes: Sequence[int], sizes: Sequence[int] | None, norm: str | None) -> ComplexTensor:
    if x[1] is not None:
        raise Unsupported("it takes real tensors")
    real, _ = _sized(x, axes, sizes)
    *others, last = axes
    half = real_transform(real, last, _scale(_checked_size(real.type.shape[last]), norm, False))
    return _fft(scope, half, others, None, norm, False) if others else complex_of(scope, *half)


def _irfft(scope: Scope, x: Parts, axes: Sequence[int], sizes: Sequence[int] | None, norm: str | None) -> Value:
    *others, last = axes
    if sizes is not None:
        x = _sized(x, others, sizes[:-1])
    if others:
        x = _fft(scope, x, others, None, norm, True).parts
    real, imag = x
    if imag is None:
        imag = math.Mul(real, scalar(0, real)).result
    size = sizes[-1] if sizes is not None and sizes[-1] != -1 else 2 * (_checked_size(real.type.shape[last]) - 1)
    return inverse_real_transform(real, imag, last, size, _scale(size, norm, True))


def _one_size(n: Int | None) -> tuple[int] | None:
    return None if n is None else (known_int(n, "the number of elements that it transforms"),)


def _axes_and_sizes(
    x: Tensor | ComplexTensor, s: Sequence[Int] | None, dim: Axes
) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """The axes in the order given, the last ones if only sizes are given."""
    sizes = None if s is None else known_ints(s, "the number of elements that it transforms")
    if dim is None:
        return axes_of(None, x.rank)[-len(sizes) if sizes else 0 :], sizes
    dims = (dim,) if isinstance(dim, int) else dim
    return tuple(axis_of(d, x.rank) for d in dims), sizes


@TABLE.imports("fft_fft")
def fft(
    scope: Scope, self: Tensor | ComplexTensor, n: Int | None = None, dim: int = -1, norm: str | None = None
) -> ComplexTensor:
    return _fft(scope, _parts_of(self), (axis_of(dim, self.rank),), _one_size(n), norm, False)


@TABLE.imports("fft_ifft")
def ifft(
    scope: Scope, self: Tensor | ComplexTensor, n: Int | None = None, dim: int = -1, norm: str | None = None
) -> ComplexTensor:
    return _fft(scope, _parts_of(self), (axis_of(dim, self.rank),), _one_size(n), norm, True)


@TABLE.imports("fft_rfft")
def rfft(scope: Scope, self: Tensor, n: Int | None = None, dim: int = -1, norm: str | None = None) -> ComplexTensor:
    return _rfft(scope, _parts_of(self), (axis_of(dim, self.rank),), _one_size(n), norm)


@TABLE.imports("fft_irfft")
def irfft(
    scope: Scope, self: Tensor | ComplexTensor, n: Int | None = None, dim: int = -1, norm: str | None = None
) -> Value:
    return _irfft(scope, _parts_of(self), (axis_of(dim, self.rank),), _one_size(n), norm)


@TABLE.imports("fft_fft2")
def fft2(
    scope: Scope,
    self: Tensor | ComplexTensor,
    s: Sequence[Int] | None = None,
    dim: Axes = (-2, -1),
    norm: str | None = None,
) -> ComplexTensor:
    return _fft(scope, _parts_of(self), *_axes_and_sizes(self, s, dim), norm, False)


@TABLE.imports("fft_ifft2")
def ifft2(
    scope: Scope,
    self: Tensor | ComplexTensor,
    s: Sequence[Int] | None = None,
    dim: Axes = (-2, -1),
    norm: str | None = None,
) -> ComplexTensor:
    return _fft(scope, _parts_of(self), *_axes_and_sizes(self, s, dim), norm, True)


@TABLE.imports("fft_rfft2")
def rfft2(
    scope: Scope, self: Tensor, s: Sequence[Int] | None = None, dim: Axes = (-2, -1), norm: str | None = None
) -> ComplexTensor:
    return _rfft(scope, _parts_of(self), *_axes_and_sizes(self, s, dim), norm)


@TABLE.imports("fft_irfft2")
def irfft2(
    scope: Scope,
    self: Tensor | ComplexTensor,
    s: Sequence[Int] | None = None,
    dim: Axes = (-2, -1),
    norm: str | None = None,
) -> Value:
    return _irfft(scope, _parts_of(self), *_axes_and_sizes(self, s, dim), norm)


@TABLE.imports("fft_fftn")
def fftn(
    scope: Scope,
    self: Tensor | ComplexTensor,
    s: Sequence[Int] | None = None,
    dim: Axes = None,
    norm: str | None = None,
) -> ComplexTensor:
    return fft2(scope, self, s, dim, norm)


@TABLE.imports("fft_ifftn")
def ifftn(
    scope: Scope,
    self: Tensor | ComplexTensor,
    s: Sequence[Int] | None = None,
    dim: Axes = None,
    norm: str | None = None,
) -> ComplexTensor:
    return ifft2(scope, self, s, dim, norm)


@TABLE.imports("fft_rfftn")
def rfftn(
    scope: Scope, self: Tensor, s: Sequence[Int] | None = None, dim: Axes = None, norm: str | None = None
) -> ComplexTensor:
    return rfft2(scope, self, s, dim, norm)


@TABLE.imports("fft_irfftn")
def irfftn(
    scope: Scope,
    self: Tensor | ComplexTensor,
    s: Sequence[Int] | None = None,
    dim: Axes = None,
    norm: str | None = None,
) -> Value:
    return irfft2(scope, self, s, dim, norm)


# What the transforms decompose to


def _named_norm(normalization: int, is_inverse: bool) -> str | None:
    """The norm of c10's fft_norm_mode: 0 does not scale, 1 divides by the root of the size, 2 by the size."""
    if normalization == 1:
        return "ortho"
    return "backward" if is_inverse == (normalization == 2) else "forward"


@TABLE.imports("_fft_r2c")
def fft_r2c(scope: Scope, self: Tensor, dim: Sequence[int], normalization: int, onesided: bool) -> ComplexTensor:
    axes, _ = _axes_and_sizes(self, None, dim)
    norm = _named_norm(normalization, False)
    x = _parts_of(self)
    return _rfft(scope, x, axes, None, norm) if onesided else _fft(scope, x, axes, None, norm, False)


@TABLE.imports("_fft_c2c")
def fft_c2c(scope: Scope, self: ComplexTensor, dim: Sequence[Int], normalization: int, forward: bool) -> ComplexTensor:
    axes, _ = _axes_and_sizes(self, None, known_ints(dim, "the axis that it transforms"))
    return _fft(scope, self.parts, axes, None, _named_norm(normalization, not forward), not forward)


@TABLE.imports("_fft_c2r")
def fft_c2r(scope: Scope, self: ComplexTensor, dim: Sequence[int], normalization: int, last_dim_size: Int) -> Value:
    axes, _ = _axes_and_sizes(self, None, dim)
    size = known_int(last_dim_size, "the number of elements that it gives")
    sizes = (*(-1 for _ in axes[:-1]), size)
    return _irfft(scope, self.parts, axes, sizes, _named_norm(normalization, True))


# Order


@TABLE.imports("fft_fftshift")
def fftshift(self: Tensor, dim: Axes = None) -> Value:
    x = self.value
    for axis in axes_of(dim, x.type.rank):
        size = x.type.shape[axis]
        x = _halves_swapped(x, axis, size - size // 2)
    return x


@TABLE.imports("fft_ifftshift")
def ifftshift(self: Tensor, dim: Axes = None) -> Value:
    x = self.value
    for axis in axes_of(dim, x.type.rank):
        x = _halves_swapped(x, axis, x.type.shape[axis] // 2)
    return x


def _halves_swapped(x: Value, axis: int, middle: Dim) -> Value:
    """The axis with the elements from ``middle`` on in front."""
    rest = x.type.shape[axis] - middle
    return joined([sliced(x, axis, middle, rest), sliced(x, axis, 0, middle)], axis)
