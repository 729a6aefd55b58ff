"""Storages and the tensors that view them, as numpy arrays over the mapped archive.

What a tensor is rebuilt from: torch/_utils.py (_rebuild_tensor_v2, _rebuild_tensor_v3, _rebuild_qtensor) and
torch/csrc/jit/serialization/pickler.cpp. A storage holds elements of one dtype in the byte order that the member
``byteorder`` names; several tensors may view one storage by offset and strides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...types import Array
from .members import Archive

NumpyDType: TypeAlias = "np.dtype[np.generic]"

MAX_RANK = 32
MAX_TENSORS = 200_000
"""How many tensors and storages one pickle may make."""
MAX_SHARED_BYTES = 1 << 30
"""How many bytes tensors that share elements (tied weights, expanded tensors) may have together beyond eight times
those stored: what copies each of them stays within that."""

DTYPES: dict[str, NumpyDType] = {
    "bool": np.dtype(np.bool_),
    "uint8": np.dtype(np.uint8),
    "int8": np.dtype(np.int8),
    "int16": np.dtype(np.int16),
    "uint16": np.dtype(np.uint16),
    "int32": np.dtype(np.int32),
    "uint32": np.dtype(np.uint32),
    "int64": np.dtype(np.int64),
    "uint64": np.dtype(np.uint64),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
    "complex64": np.dtype(np.complex64),
    "complex128": np.dtype(np.complex128),
    "quint8": np.dtype(np.uint8),
    "qint8": np.dtype(np.int8),
    "qint32": np.dtype(np.int32),
    "float8_e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "float8_e4m3fnuz": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "float8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "float8_e5m2fnuz": np.dtype(ml_dtypes.float8_e5m2fnuz),
}
"""torch's dtypes by name, and the numpy dtype of one stored element (quantized dtypes: of the integer)."""

STORAGE_CLASSES = {
    "BoolStorage": "bool",
    "ByteStorage": "uint8",
    "CharStorage": "int8",
    "ShortStorage": "int16",
    "IntStorage": "int32",
    "LongStorage": "int64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QUInt8Storage": "quint8",
    "QInt8Storage": "qint8",
    "QInt32Storage": "qint32",
    "UntypedStorage": "",
}
"""Names of storage classes and the dtype of their elements; "" for bytes whose dtype the tensor says."""


@dataclass(frozen=True, eq=False)
class Quantization:
    """How the integers of a quantized tensor mean reals: ``real = (stored - zero_point) * scale``."""

    scheme: str
    """torch's name: per_tensor_affine, per_channel_affine, per_channel_affine_float_qparams."""
    scales: Array
    """f64[channels], or f64[1] for the whole tensor."""
    zero_points: Array
    """i64, or f64 for per_channel_affine_float_qparams; as long as ``scales``."""
    axis: int | None


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor as the archive holds it; not copied, except where a storage is not aligned in the file."""

    array: Array
    """A read-only view of the storage in the tensor's shape, dtype and strides; quantized ones hold the integers."""
    storage: str
    """The member that holds the storage: tensors of one member are views of each other's memory."""
    offset: int
    """Where in the storage the tensor begins, in elements."""
    strides: tuple[int, ...]
    """In elements."""
    requires_grad: bool = False
    quantized: Quantization | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Storage:
    """What a persistent id stands for: a member of bytes and the dtype of its elements, None if the tensor says it."""

    member: str
    dtype: NumpyDType | None


class Storages:
    """The storages of an archive, each read once, and the tensors over them."""

    def __init__(self, archive: Archive, folder: str | None) -> None:
        """Without a folder, tensors read as zeros: nothing is loaded."""
        self._archive = archive
        self._folder = folder
        self._bytes: dict[str, NDArray[np.uint8]] = {}
        self._made = 0
        self._viewed = 0
        self._stored = 0

    def find(self, key: str, class_name: str, elements: int) -> Storage:
        """The storage of a persistent id; raises InputError if its member is missing or shorter than the id says."""
        self._count_one()
        name = STORAGE_CLASSES[class_name]
        dtype = DTYPES[name] if name else None
        if self._folder is None:
            return Storage(key, dtype)
        # Mobile archives share constants between pickles: their keys are paths.
        member = key if "/" in key and key in self._archive else f"{self._folder}/{key}"
        needed = elements * (dtype.itemsize if dtype else 1)
        if needed == 0 and member not in self._archive:
            self._bytes.setdefault(member, np.empty(0, np.uint8))
        present = self._load(member).size
        if not 0 <= needed <= present:
            raise InputError(
                f"Storage {member} has {present} bytes, but the {elements} elements of its {class_name} take {needed}. "
                "The archive is damaged; save or download the model again."
            )
        return Storage(member, dtype)

    def view(
        self, storage: Storage, dtype: NumpyDType, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> Array:
        """The read-only array that views a storage; offset and strides in elements.

        Raises InputError for a view that leaves the storage, or if all views together read far more than is stored.
        """
        member = storage.member
        self._count_one()
        if offset < 0 or min(shape, default=0) < 0 or min(strides, default=0) < 0:
            raise InputError(f"A tensor of storage {member} has negative sizes: {list(shape)}, {list(strides)}.")
        if self._folder is None or 0 in shape:
            return _zeros(shape, dtype)
        data = self._load(member)
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        needed = (last + 1) * dtype.itemsize
        if needed > data.size:
            raise InputError(
                f"A tensor of shape {list(shape)} reads {needed} bytes of storage {member}, which has {data.size}. "
                "The archive is damaged; save or download the model again."
            )
        self._viewed += math.prod(shape) * dtype.itemsize
        if self._viewed > 8 * self._stored + MAX_SHARED_BYTES:
            raise InputError(
                f"The tensors of the archive repeat its {self._stored} stored bytes to more than "
                f"{MAX_SHARED_BYTES >> 30} GB (at storage {member}): no model needs that, so it is refused."
            )
        # The stride of an axis of one element means nothing and may be any number.
        steps = tuple(stride * dtype.itemsize if size > 1 else 0 for size, stride in zip(shape, strides, strict=True))
        return np.ndarray(shape, dtype, data, offset * dtype.itemsize, steps)

    def _count_one(self) -> None:
        self._made += 1
        if self._made > MAX_TENSORS:
            raise InputError(f"The archive has more than {MAX_TENSORS} tensors, more than any model: it is refused.")

    def _load(self, member: str) -> NDArray[np.uint8]:
        found = self._bytes.get(member)
        if found is None:
            found = self._archive.raw(member)
            if found.ctypes.data % 8:
                found = found.copy()
                found.flags.writeable = False
            self._bytes[member] = found
            self._stored += found.size
        return found


def require_little_endian(archive: Archive) -> None:
    """Raises InputError for an archive whose storages are in the other byte order."""
    if "byteorder" not in archive:
        return
    order = archive.read("byteorder")[:16].strip()
    if order != b"little":
        shown = order.decode("ascii", "replace")
        raise InputError(
            f"The archive stores its weights in {shown!r}-endian byte order; glmc reads little-endian ones. "
            "Load it with PyTorch and save it again on a little-endian machine."
        )


def _zeros(shape: tuple[int, ...], dtype: NumpyDType) -> Array:
    """A read-only array of zeros that takes no memory; raises InputError if numpy cannot count its elements."""
    try:
        return np.broadcast_to(np.zeros((), dtype), shape)
    except (ValueError, OverflowError):
        raise InputError(f"A tensor has impossible sizes: {list(shape)}.") from None
