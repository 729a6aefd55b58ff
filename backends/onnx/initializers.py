"""Initializers: elements as ONNX stores them, which large ones do without until the file is written."""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx_graphsurgeon.ir.tensor import LazyValues

from ...types import Array, DType

ONNX_TYPES: Mapping[DType, int] = {
    DType.BOOL: onnx.TensorProto.BOOL,
    DType.I4: onnx.TensorProto.INT4,
    DType.U4: onnx.TensorProto.UINT4,
    DType.I8: onnx.TensorProto.INT8,
    DType.I16: onnx.TensorProto.INT16,
    DType.I32: onnx.TensorProto.INT32,
    DType.I64: onnx.TensorProto.INT64,
    DType.U8: onnx.TensorProto.UINT8,
    DType.U16: onnx.TensorProto.UINT16,
    DType.U32: onnx.TensorProto.UINT32,
    DType.U64: onnx.TensorProto.UINT64,
    DType.F16: onnx.TensorProto.FLOAT16,
    DType.BF16: onnx.TensorProto.BFLOAT16,
    DType.F32: onnx.TensorProto.FLOAT,
    DType.F64: onnx.TensorProto.DOUBLE,
}

INLINE_BYTES = 1024
"""Arrays of at most this size are copied into the graph; the rest goes from where it lies to the file."""


class Initializer(LazyValues):  # type: ignore[misc]  # onnx-graphsurgeon is untyped
    """The values of a constant as graphsurgeon exports them: a TensorProto, which it does not look into.

    Without ``is_inside`` the tensor has no data: the serialiser writes them behind it.
    """

    def __init__(self, name: str, array: Array, is_inside: bool) -> None:
        dtype = DType.of(array.dtype)
        self.shape = list(array.shape)
        self.dtype = array.dtype
        self.nbytes = array.nbytes
        self.tensor = onnx.TensorProto(name=name, dims=array.shape, data_type=ONNX_TYPES[dtype])
        if is_inside:
            self.tensor.raw_data = stored(array).tobytes()


def stored(array: Array) -> Array:
    """The elements as ONNX's raw data has them: little-endian, those of four bits two to a byte, the first below."""
    if DType.of(array.dtype) not in (DType.I4, DType.U4):
        return array.astype(array.dtype.newbyteorder("<"), copy=False)
    nibbles = array.reshape(-1).astype(np.uint8) & 0xF
    even = np.pad(nibbles, (0, nibbles.size % 2))
    return np.asarray(even[::2] | even[1::2] << 4)
