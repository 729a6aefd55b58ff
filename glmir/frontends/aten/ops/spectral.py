"""Spectrograms: the short-time Fourier transform, its inverse, and the windows that they use."""

import numpy as np

from ....dims import Dim, SymInt, known_equal
from ....ir import Array, Value
from ....ops import math, nn, tensor
from ....ops.enums import PadMode
from ...layers import scalar
from ..building import sliced
from ..complex_tensors import ComplexTensor, complex_of
from ..registry import Table
from ..scalars import Int
from ..scope import Scope, constant, known_dim, reshape
from ..tensors import Tensor, Unsupported
from ..work import require_small
from .complex_numbers import view_as_real_copy
from .fourier import inverse_matrices

TABLE = Table()

_PAD_MODES = {"reflect": PadMode.REFLECT, "constant": PadMode.CONSTANT, "replicate": PadMode.EDGE}


@TABLE.imports("stft")
def stft(
    scope: Scope,
    self: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> ComplexTensor | Value:
    if align_to_window:
        raise Unsupported("align_to_window=True is not supported")
    x = self.value
    hop = hop_length or n_fft // 4
    rows = reshape(x, (1, 1, *x.type.shape) if x.type.rank == 1 else (x.type.shape[0], 1, x.type.shape[1]))
    parts = _frames_transformed(rows, n_fft, hop, _window_of(window, win_length, n_fft, x), onesided, normalized)
    if x.type.rank == 1:
        parts = [reshape(p, p.type.shape[1:]) for p in parts]
    spectrum = complex_of(scope, *parts)
    return spectrum if return_complex else view_as_real_copy(spectrum)


@TABLE.imports("stft")
def stft_centered(
    scope: Scope,
    self: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> ComplexTensor | Value:
    x = self
    if center:
        if pad_mode not in _PAD_MODES:
            raise Unsupported(f"there is no padding {pad_mode!r}")
        wide = tuple(n_fft // 2 if i == self.rank - 1 else 0 for i in range(self.rank))
        x = scope.tensor(tensor.Pad(self.value, None, wide, wide, _PAD_MODES[pad_mode]).result)
    return stft(scope, x, n_fft, hop_length, win_length, window, normalized, onesided, return_complex, align_to_window)


def _window_of(window: Tensor | None, win_length: int | None, n_fft: int, x: Value) -> Value:
    """The window in the middle of n_fft elements; without one, ones in its place."""
    length = win_length or n_fft
    values = constant(np.ones(length, x.type.dtype.numpy)) if window is None else window.value
    if values.type.shape != (length,):
        raise Unsupported(f"its window is {values.type}, not of {length} elements")
    low = (n_fft - length) // 2
    if length == n_fft:
        return values
    return tensor.Pad(values, scalar(0, values), (low,), (n_fft - length - low,)).result


def _times_window(matrix: Array, window: Value) -> Value:
    """[rows, 1, n_fft]: the rows of a matrix multiplied by the window, at once if that is known."""
    match window.owner:
        case tensor.Constant(value=weight):
            product = matrix * weight.array.astype(np.float64)
            return constant(product[:, None, :].astype(window.type.dtype.numpy))
    return math.Mul(constant(matrix[:, None, :].astype(window.type.dtype.numpy)), window).result


def _frames_transformed(
    x: Value, n_fft: int, hop: int, window: Value, onesided: bool | None, normalized: bool
) -> list[Value]:
    """Both parts [B, F, T] of the transforms of the frames of x [B, 1, L]: a convolution with cosines and sines."""
    rows = n_fft if onesided is False else n_fft // 2 + 1
    require_small(rows * n_fft, "the matrix of the transform")
    turns = np.outer(np.arange(rows), np.arange(n_fft)) % n_fft
    angles = 2 * np.pi * turns / n_fft
    scale = n_fft**-0.5 if normalized else 1.0
    matrix = np.concatenate([np.cos(angles), -np.sin(angles)]) * scale
    y = nn.Conv(x, _times_window(matrix, window), None, (hop,), (0, 0), (1,)).result
    return [sliced(y, 1, start, rows) for start in (0, rows)]


@TABLE.imports("istft")
def istft(
    scope: Scope,
    self: ComplexTensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: Int | None = None,
    return_complex: bool = False,
) -> Value:
    if return_complex or onesided is False:
        raise Unsupported("complex signals are not supported")
    real, imag = self.parts
    hop = hop_length or n_fft // 4
    if real.type.rank == 2:
        real, imag = (reshape(p, (1, *p.type.shape)) for p in (real, imag))
    weights = _window_of(window, win_length, n_fft, real)
    frames = tensor.Concat((real, imag), 1).result
    matrix = np.concatenate(inverse_matrices(n_fft, n_fft**-0.5 if normalized else 1 / n_fft))
    signal = _overlapped(frames, _times_window(matrix, weights), hop)
    count = real.type.shape[2]
    ones = tensor.Expand(scalar(1, real), None, (1, 1, count)).result
    square = reshape(math.Square(weights).result, (1, 1, n_fft))
    y = _trimmed(signal, _overlapped(ones, square, hop), n_fft, center, length)
    batch, _, size = y.type.shape
    return reshape(y, (size,) if self.rank == 2 else (batch, size))


def _overlapped(frames: Value, weight: Value, hop: int) -> Value:
    """[B, 1, L]: each frame made n_fft elements by the weight [F, 1, n_fft], and those added up, hop apart."""
    return nn.ConvTranspose(frames, weight, None, (hop,), (0, 0), (1,), (0,)).result


def _trimmed(signal: Value, envelope: Value, n_fft: int, center: bool, length: Int | None) -> Value:
    """The part of the signal that is asked for, divided by what the windows add up to."""
    whole = signal.type.shape[2]
    start = n_fft // 2 if center else 0
    asked = None if length is None else known_dim(length, "the length of the signal")
    end: Dim = whole - start if asked is None else start + asked
    missing = end - whole
    size: Dim = end - start
    if isinstance(missing, int) and missing > 0:
        size = whole - start
    elif isinstance(missing, SymInt) and not known_equal(end, whole):
        # A symbolic length is that of a signal that was transformed before: it is not longer than the frames reach.
        missing = 0
    y = math.Div(sliced(signal, 2, start, size), sliced(envelope, 2, start, size)).result
    if isinstance(missing, int) and missing > 0:
        return tensor.Pad(y, scalar(0, y), (0, 0, 0), (0, 0, missing)).result
    return y
