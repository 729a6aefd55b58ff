"""TensorProto to numpy array: a read-only view of the mapped file where the encoding allows it, else a decoded array.

Data types and storage rules: onnx.proto, message TensorProto.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx
from onnx_graphsurgeon.ir.tensor import LazyValues

from ...errors import InputError
from ..file_mapping import map_file
from .wire import Buffer

Array: TypeAlias = npt.NDArray[np.generic]

_STRING = 8
# TensorProto.DataType -> (dtype, bits an element takes in raw data, typed field that may hold the data instead).
# float6 is left out: numpy has no use for it and no target can store it.
_STORAGE: Mapping[int, tuple[np.dtype[np.generic], int, str]] = {
    1: (np.dtype(np.float32), 32, "float_data"),
    2: (np.dtype(np.uint8), 8, "int32_data"),
    3: (np.dtype(np.int8), 8, "int32_data"),
    4: (np.dtype(np.uint16), 16, "int32_data"),
    5: (np.dtype(np.int16), 16, "int32_data"),
    6: (np.dtype(np.int32), 32, "int32_data"),
    7: (np.dtype(np.int64), 64, "int64_data"),
    9: (np.dtype(np.bool_), 8, "int32_data"),
    10: (np.dtype(np.float16), 16, "int32_data"),
    11: (np.dtype(np.float64), 64, "double_data"),
    12: (np.dtype(np.uint32), 32, "uint64_data"),
    13: (np.dtype(np.uint64), 64, "uint64_data"),
    14: (np.dtype(np.complex64), 64, "float_data"),
    15: (np.dtype(np.complex128), 128, "double_data"),
    16: (np.dtype(ml_dtypes.bfloat16), 16, "int32_data"),
    17: (np.dtype(ml_dtypes.float8_e4m3fn), 8, "int32_data"),
    18: (np.dtype(ml_dtypes.float8_e4m3fnuz), 8, "int32_data"),
    19: (np.dtype(ml_dtypes.float8_e5m2), 8, "int32_data"),
    20: (np.dtype(ml_dtypes.float8_e5m2fnuz), 8, "int32_data"),
    21: (np.dtype(ml_dtypes.uint4), 4, "int32_data"),
    22: (np.dtype(ml_dtypes.int4), 4, "int32_data"),
    23: (np.dtype(ml_dtypes.float4_e2m1fn), 4, "int32_data"),
    24: (np.dtype(ml_dtypes.float8_e8m0fnu), 8, "int32_data"),
    25: (np.dtype(ml_dtypes.uint2), 2, "int32_data"),
    26: (np.dtype(ml_dtypes.int2), 2, "int32_data"),
}
_SIGNED_PACKED = frozenset({22, 26})
# How one entry of a typed field is stored before it is read as the tensor's dtype.
_FIELD_DTYPES: Mapping[str, np.dtype[np.generic]] = {
    "float_data": np.dtype(np.float32),
    "double_data": np.dtype(np.float64),
    "int32_data": np.dtype(np.int32),
    "int64_data": np.dtype(np.int64),
    "uint64_data": np.dtype(np.uint64),
}
_KNOWN_DATA_TYPES = frozenset(onnx.TensorProto.DataType.values())
_MAX_RANK = 64  # numpy's own limit
_MAX_BYTES = 1 << 62


class TensorReader:
    """Reads the tensors of one model.

    `buffer` is the mapped model and `ranges` the payloads cut out of it (see `wire`), None and empty for a model that
    came as a ModelProto. `folder` is where external data lies, None where the model is not a file.
    """

    def __init__(self, source: str, buffer: Buffer | None, ranges: frozenset[tuple[int, int]], folder: str | None):
        self.source = source
        self._buffer = buffer
        self._ranges = ranges
        self._folder = folder
        self._external: dict[str, Buffer] = {}

    def problem(self, tensor: onnx.TensorProto) -> str | None:
        """Why the tensor cannot be read, completing a sentence that starts with its name; None if it can.

        Raises InputError where its external data file cannot be read.
        """
        if tensor.data_type != _STRING and tensor.data_type not in _STORAGE:
            return f"has the data type {_data_type_name(tensor.data_type)}, which is not supported"
        dims = list(tensor.dims)
        if any(dim < 0 for dim in dims):
            return f"has a negative dimension in {dims}"
        # numpy multiplies the non-zero dims even of an empty array.
        if len(dims) > _MAX_RANK or 16 * math.prod(dim for dim in dims if dim) > _MAX_BYTES:
            return f"has {len(dims)} dimensions of {math.prod(dims)} elements, which is more than can be addressed"
        if tensor.HasField("segment") and self._cut_range(tensor) is None:
            return "is stored in segments, which ONNX has deprecated"
        if tensor.data_type == _STRING:
            return _contradiction(dims, math.prod(dims), len(tensor.string_data), "strings")
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            return self._external_problem(tensor)
        return self._inline_problem(tensor)

    def array(self, tensor: onnx.TensorProto) -> Array:
        """The tensor's elements in its own shape and dtype (ml_dtypes for those numpy lacks), read-only.

        A view of the mapped file unless the data are packed below a byte, encoded as varints, or came in a ModelProto.
        The tensor must have no `problem`.
        """
        dims = tuple(tensor.dims)
        if tensor.data_type == _STRING:
            strings = np.empty(len(tensor.string_data), dtype=object)
            strings[:] = list(tensor.string_data)
            return _read_only(strings.reshape(dims))
        dtype, bits, field = _STORAGE[tensor.data_type]
        located = self._located(tensor)
        if located is not None:
            buffer, offset = located
            if bits >= 8:
                return np.ndarray(dims, dtype, buffer, offset)
            packed = np.ndarray((math.ceil(math.prod(dims) * bits / 8),), np.uint8, buffer, offset)
            return _unpack(packed, bits, tensor.data_type, dims)
        entries = np.array(getattr(tensor, field), dtype=_FIELD_DTYPES[field])
        if bits < 8:
            return _unpack(entries.astype(np.uint8), bits, tensor.data_type, dims)
        if field in ("int32_data", "uint64_data") and entries.dtype.itemsize != dtype.itemsize:
            entries = entries.astype(f"u{dtype.itemsize}")
        return _read_only(entries.view(dtype).reshape(dims))

    def _located(self, tensor: onnx.TensorProto) -> tuple[Buffer, int] | None:
        """The buffer that holds the tensor's raw bytes and where in it they begin; None if a typed field holds them."""
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            entries = _external_entries(tensor)
            buffer = self._external_file(entries.get("location", ""), tensor.name)
            # An empty tensor may point at the very end of a file, or into an empty one.
            return (buffer, int(entries.get("offset", "0"))) if 0 not in tensor.dims else (b"", 0)
        cut = self._cut_range(tensor)
        if cut is not None and self._buffer is not None:
            return self._buffer, cut[0]
        return (tensor.raw_data, 0) if tensor.HasField("raw_data") else None

    def _cut_range(self, tensor: onnx.TensorProto) -> tuple[int, int] | None:
        cut = (tensor.segment.begin, tensor.segment.end)
        return cut if tensor.HasField("segment") and cut in self._ranges else None

    def _inline_problem(self, tensor: onnx.TensorProto) -> str | None:
        dims, (_, bits, field) = list(tensor.dims), _STORAGE[tensor.data_type]
        count = math.prod(dims)
        byte_count = math.ceil(count * bits / 8)
        cut = self._cut_range(tensor)
        typed_count = len(getattr(tensor, field))
        if (cut is not None) + tensor.HasField("raw_data") + (typed_count > 0) > 1:
            return "holds its data twice"
        if cut is not None:
            return _contradiction(dims, byte_count, cut[1] - cut[0], "bytes")
        if tensor.HasField("raw_data"):
            return _contradiction(dims, byte_count, len(tensor.raw_data), "bytes")
        if bits < 8:
            return _contradiction(dims, byte_count, typed_count, f"entries of {field}")
        parts = 2 if tensor.data_type in (14, 15) else 1
        return _contradiction(dims, count * parts, typed_count, f"entries of {field}")

    def _external_problem(self, tensor: onnx.TensorProto) -> str | None:
        entries = _external_entries(tensor)
        location = entries.get("location", "")
        offset, length = _byte_count(entries.get("offset", "0")), _byte_count(entries.get("length", "-1"))
        if offset is None or offset < 0 or length is None:
            return f"has external data with an invalid offset or length in '{location}'"
        byte_count = math.ceil(math.prod(tensor.dims) * _STORAGE[tensor.data_type][1] / 8)
        if "length" in entries and length != byte_count:
            return _contradiction(list(tensor.dims), byte_count, length, "bytes")
        available = len(self._external_file(location, tensor.name))
        if offset + byte_count > available:
            return (
                f"has its external data at bytes {offset} to {offset + byte_count} of '{location}', "
                f"which has only {available} bytes"
            )
        return None

    def _external_file(self, location: str, tensor_name: str) -> Buffer:
        """The mapped external data file, opened once. Symbolic links in the folder are followed: caches use them."""
        if location in self._external:
            return self._external[location]
        user = f"{self.source}: the external data of tensor '{tensor_name}'"
        if self._folder is None:
            raise InputError(f"{user} lies in a file beside the model, so the model must be given as a path.")
        windows = PureWindowsPath(location)
        if not location or "\0" in location or os.path.isabs(location) or windows.drive or windows.root:
            raise InputError(f"{user} lies at '{location}', which is not a path relative to the model's folder.")
        if ".." in windows.parts:
            raise InputError(f"{user} lies at '{location}', which leads out of the model's folder.")
        self._external[location] = map_file(os.path.join(self._folder, location), f"{user} cannot be read")
        return self._external[location]


class MappedValues(LazyValues):  # type: ignore[misc]  # onnx-graphsurgeon is untyped
    """The values of a constant, viewed in the mapped file when graphsurgeon first asks for `constant.values`."""

    def __init__(self, tensor: onnx.TensorProto, reader: TensorReader) -> None:
        self.tensor = tensor
        self.reader = reader
        self.shape = list(tensor.dims)
        self.dtype = np.dtype(object) if tensor.data_type == _STRING else _STORAGE[tensor.data_type][0]
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize

    def load(self) -> Array:
        return self.reader.array(self.tensor)


def is_known_data_type(data_type: int) -> bool:
    """Whether `data_type` is an element type the ONNX standard defines (0, undefined, among them)."""
    return data_type in _KNOWN_DATA_TYPES


def _data_type_name(data_type: int) -> str:
    return onnx.TensorProto.DataType.Name(data_type) if is_known_data_type(data_type) else str(data_type)


def _external_entries(tensor: onnx.TensorProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in tensor.external_data if isinstance(entry.value, str)}


def _byte_count(text: str) -> int | None:
    try:
        return int(text) if len(text) < 20 else None
    except ValueError:
        return None


def _contradiction(dims: list[int], expected: int, actual: int, unit: str) -> str | None:
    if expected == actual:
        return None
    return f"has the dimensions {dims}, which take {expected} {unit}, but holds {actual}"


def _unpack(packed: npt.NDArray[np.uint8], bits: int, data_type: int, dims: tuple[int, ...]) -> Array:
    """Spreads elements of 2 or 4 bits, the first in the lowest bits of a byte, to one a byte."""
    per_byte = 8 // bits
    spread = np.empty((packed.size, per_byte), np.uint8)
    for place in range(per_byte):
        spread[:, place] = packed >> (place * bits)
    spread &= (1 << bits) - 1
    if data_type in _SIGNED_PACKED:
        sign = np.uint8(1 << (bits - 1))
        spread = (spread ^ sign) - sign
    elements = spread.reshape(-1)[: math.prod(dims)]
    return _read_only(elements.view(_STORAGE[data_type][0]).reshape(dims))


def _read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array
