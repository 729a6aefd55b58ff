"""Constants of element types that the IR has not, as numbers of a type that holds them all.

Floats of 8 and 4 bits (https://onnx.ai/onnx/technical/float8.html, float4.html) and integers of 2 bits are how weights
are stored: what reads them casts them, or gives them scales.
"""

from collections.abc import Mapping

import ml_dtypes
import numpy as np

from ...ir import Array
from ...types import DType

_WIDER: Mapping[np.dtype[np.generic], DType] = {
    np.dtype(ml_dtypes.float8_e4m3fn): DType.F16,
    np.dtype(ml_dtypes.float8_e4m3fnuz): DType.F16,
    np.dtype(ml_dtypes.float8_e5m2): DType.F16,
    np.dtype(ml_dtypes.float8_e5m2fnuz): DType.F16,
    np.dtype(ml_dtypes.float4_e2m1fn): DType.F16,
    # Powers of two beyond those of halves.
    np.dtype(ml_dtypes.float8_e8m0fnu): DType.F32,
    np.dtype(ml_dtypes.int2): DType.I8,
    np.dtype(ml_dtypes.uint2): DType.U8,
}


def widened(array: Array) -> Array:
    """The same numbers; the array itself where the IR has its type, or no type holds its elements."""
    wider = _WIDER.get(array.dtype)
    # By way of f32: not all of these types convert to one another.
    return array if wider is None else array.astype(np.float32).astype(wider.numpy)
