"""What the evaluations of several layers share: precision and layout of arrays."""

import ml_dtypes
import numpy as np

from ...ir import Array
from ..enums import Layout

_HALVES = frozenset((np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)))


def widen(x: Array) -> Array:
    """Halves as f32, in which the runtimes compute them; anything else as it is."""
    return x.astype(np.float32) if x.dtype in _HALVES else x


def channels_first(x: Array, layout: Layout) -> Array:
    """A view of ``x`` as [N, C, *spatial]."""
    return x if layout is Layout.NCHW else np.moveaxis(x, -1, 1)


def from_channels_first(x: Array, layout: Layout) -> Array:
    """A view of ``x`` [N, C, *spatial] in ``layout``."""
    return x if layout is Layout.NCHW else np.moveaxis(x, 1, -1)


def along_axis(parameter: Array, axis: int, rank: int) -> Array:
    """``parameter`` [C] shaped to broadcast along ``axis`` of a tensor of ``rank``."""
    return parameter.reshape([-1 if i == axis else 1 for i in range(rank)])
