"""Normalizations. Source: `normalization` of the operator classes."""

from collections.abc import Sequence

import numpy as np

from .....types import Array
from ..kinds import ProgramError


def _channels(values: Array, x: Array) -> Array:
    if values.shape != x.shape[1:2]:
        raise ProgramError(f"{list(values.shape)} values for the channels of {list(x.shape)}")
    return values.reshape(-1, *[1] * (x.ndim - 2))


def _scaled(normal: Array, gamma: Array | None, beta: Array | None) -> Array:
    scaled = normal if gamma is None else normal * _channels(gamma, normal)
    return scaled if beta is None else scaled + _channels(beta, normal)


def batch_norm(
    x: Array, mean: Array, variance: Array, epsilon: float, gamma: Array | None = None, beta: Array | None = None
) -> Array:
    if not 3 <= x.ndim <= 5:
        raise ProgramError(f"x has rank {x.ndim}, not 3 to 5")
    deviation = np.sqrt(_channels(variance, x) + np.float32(epsilon))
    return _scaled((x - _channels(mean, x)) / deviation, gamma, beta)


def instance_norm(x: Array, epsilon: float, gamma: Array | None = None, beta: Array | None = None) -> Array:
    if not 3 <= x.ndim <= 4:
        raise ProgramError(f"x has rank {x.ndim}, not 3 or 4")
    return _scaled(_normalized(x, tuple(range(2, x.ndim)), epsilon), gamma, beta)


def layer_norm(
    x: Array, axes: Sequence[int], epsilon: float, gamma: Array | None = None, beta: Array | None = None
) -> Array:
    """gamma and beta have the dimensions of x at the axes."""
    places = sorted(axis % x.ndim for axis in axes)
    shape = [x.shape[i] if i in places else 1 for i in range(x.ndim)]
    result = _normalized(x, tuple(places), epsilon)
    for values in (gamma, beta):
        if values is not None and list(values.shape) != [x.shape[i] for i in places]:
            raise ProgramError(f"gamma or beta is of shape {list(values.shape)}, x {list(x.shape)}, axes {places}")
    if gamma is not None:
        result = result * gamma.reshape(shape)
    return result if beta is None else result + beta.reshape(shape)


def _normalized(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    centred = x - np.mean(x, axis=axes, keepdims=True)
    variance = np.mean(np.square(centred), axis=axes, keepdims=True)
    return np.asarray(centred / np.sqrt(variance + np.float32(epsilon)))


def l2_norm(x: Array, epsilon: float) -> Array:
    """x over the root of the sum of squares of the last three dimensions."""
    if x.ndim < 3:
        raise ProgramError(f"x has rank {x.ndim}, not 3 or more")
    return np.asarray(x / np.sqrt(np.sum(np.square(x), axis=(-3, -2, -1), keepdims=True) + np.float32(epsilon)))


def local_response_norm(x: Array, size: int, alpha: float, beta: float, k: float) -> Array:
    """Channels normalized by ``size`` neighbours. Rank 3 would take the batch for channels, so it is refused."""
    if x.ndim != 4:
        raise ProgramError(f"x has rank {x.ndim}, only rank 4 has channels as documented")
    before = (size - 1) // 2
    squares = np.pad(np.square(x), [(0, 0), (before, size - 1 - before), (0, 0), (0, 0)])
    total = sum(squares[:, i : i + x.shape[1]] for i in range(size))
    return x / np.power(np.float32(k) + np.float32(alpha / size) * total, np.float32(beta))
