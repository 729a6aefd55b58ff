"""Window functions and frequencies of signal processing, all of them constants."""

from collections.abc import Callable, Sequence

import numpy as np

from ....ir import Array, Value
from ....types import DType
from ..registry import Importer, Table
from ..scope import constant
from ..work import require_small

TABLE = Table()

_BLACKMAN = (0.42, 0.5, 0.08)


def _cosines(weights: Sequence[float]) -> Callable[[int], Array]:
    """w0 - w1 cos(x) + w2 cos(2x) - … over one turn (Harris, "On the Use of Windows for Harmonic Analysis", 1978)."""

    def window(size: int) -> Array:
        angles = 2 * np.pi * np.arange(size) / (size - 1)
        terms = [(-1) ** order * weight * np.cos(order * angles) for order, weight in enumerate(weights)]
        return np.asarray(np.sum(terms, axis=0))

    return window


def _window(length: int, periodic: bool, dtype: DType | None, shape: Callable[[int], Array]) -> Value:
    """The window of ``length`` points; a periodic one is the beginning of that with one point more."""
    require_small(length, "the window")
    size = length + 1 if periodic else length
    points = np.ones(length) if length <= 1 else shape(size)[:length]
    return constant(np.asarray(points).astype((dtype or DType.F32).numpy))


def _plain(shape: Callable[[int], Array]) -> Importer:
    def importer(
        window_length: int, periodic: bool = True, *, dtype: DType | None = None, layout: object = None,
        device: object = None, pin_memory: object = None,
    ) -> Value:  # fmt: skip
        return _window(window_length, periodic, dtype, shape)

    return importer


TABLE.imports("hann_window")(_plain(_cosines((0.5, 0.5))))
TABLE.imports("blackman_window")(_plain(_cosines(_BLACKMAN)))
TABLE.imports("bartlett_window")(_plain(np.bartlett))


@TABLE.imports("hamming_window")
def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *, dtype: DType | None = None,
    layout: object = None, device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    return _window(window_length, periodic, dtype, _cosines((alpha, beta)))


@TABLE.imports("kaiser_window")
def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: DType | None = None,
    layout: object = None, device: object = None, pin_memory: object = None,
) -> Value:  # fmt: skip
    return _window(window_length, periodic, dtype, lambda size: np.kaiser(size, beta))


@TABLE.imports("fft_fftfreq")
def fftfreq(
    n: int, d: float = 1.0, *, dtype: DType | None = None, layout: object = None, device: object = None,
    pin_memory: object = None,
) -> Value:  # fmt: skip
    return constant(np.fft.fftfreq(n, d).astype((dtype or DType.F32).numpy))


@TABLE.imports("fft_rfftfreq")
def rfftfreq(
    n: int, d: float = 1.0, *, dtype: DType | None = None, layout: object = None, device: object = None,
    pin_memory: object = None,
) -> Value:  # fmt: skip
    return constant(np.fft.rfftfreq(n, d).astype((dtype or DType.F32).numpy))
