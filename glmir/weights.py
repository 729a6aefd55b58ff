"""Weights: constant tensors that live outside the text, memory-mapped and compared by content only at need."""

import errno
import hashlib
import json
import mmap
import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np

from .types import Array as Array
from .types import DType, TensorType

INLINE_LIMIT = 16
"""Constants of at most this many elements are printed inside the text."""


RELEASED_FROM = 2**28
"""Mapped files of fewer bytes may stay in memory."""


class Weight:
    """A named constant array. The array is never written to; it may be memory-mapped or a strided view of another.

    ``quantized``, when given, is the type that the array's integers are stored for: ``array`` then holds the stored
    integers, and the weight means ``(array - zero_points) * scales``. Raises ValueError when array and type disagree.

    Two weights are equal when types and bytes are; names do not count, nor do the payloads of NaNs in weights that the
    text spells out. The content is hashed on the first comparison with another weight of equal type, not before.
    """

    def __init__(self, array: Array, name: str = "", quantized: TensorType | None = None) -> None:
        # What numpy computes from arrays without axes are scalars, not arrays.
        self._array = np.asanyarray(array)
        self.name = name
        self._quantized = quantized
        self._wide: DType | None = None
        if quantized is not None and (quantized.stored.numpy != array.dtype or quantized.shape != array.shape):
            raise ValueError(f"an array of {array.dtype}{list(array.shape)} cannot hold {quantized}")

    @classmethod
    def widened(cls, short: Array, dtype: DType, name: str = "") -> "Weight":
        """Numbers of a shorter float as ``dtype``. Only the short ones are kept: ``array`` is made anew each time."""
        weight = cls(short, name)
        weight._wide = dtype
        return weight

    @property
    def array(self) -> Array:
        return self._array if self._wide is None else self._array.astype(self._wide.numpy)

    @cached_property
    def type(self) -> TensorType:
        return self._quantized or TensorType(self._wide or DType.of(self._array.dtype), self._array.shape)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of type and row-major bytes."""
        digest = hashlib.sha256(str(self.type).encode())
        # As bytes: the dtypes of ml_dtypes have no buffer format of their own.
        digest.update(np.ascontiguousarray(self.array).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()

    @property
    def is_inline(self) -> bool:
        """Whether the printer writes the elements into the text."""
        return self._array.size <= INLINE_LIMIT

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Weight):
            return NotImplemented
        if self is other or (self._array is other._array and self.type == other.type):
            return True
        if self.type != other.type:
            return False
        if self.is_inline:
            return _canonical_bytes(self.array) == _canonical_bytes(other.array)
        return self.content_hash == other.content_hash

    def __hash__(self) -> int:
        return hash((self.type.shape, self.type.dtype))

    def __repr__(self) -> str:
        return f"Weight({self.name!r}, {self.type})"


def release(array: Array) -> None:
    """Gives back the memory into which a large mapped file was read for ``array``; it is read again at need."""
    source: object = array
    while isinstance(source, np.ndarray | memoryview):
        source = source.base if isinstance(source, np.ndarray) else source.obj
    if not isinstance(source, mmap.mmap) or len(source) < RELEASED_FROM or not array.size:
        return
    if not hasattr(source, "madvise"):
        # A system that has no such call.
        return
    start = np.frombuffer(source, np.uint8).__array_interface__["data"][0]
    low, high = (address - start for address in np.lib.array_utils.byte_bounds(array))
    # Whole pages alone: the others are shared with neighbours.
    low, high = low + -low % mmap.PAGESIZE, high - high % mmap.PAGESIZE
    if low < high:
        source.madvise(mmap.MADV_DONTNEED, low, high - low)


def _canonical_bytes(array: Array) -> bytes:
    """The elements, row-major; all NaNs alike, as in the text."""
    if array.dtype.kind not in "iub" and DType.of(array.dtype).is_float:
        array = np.where(np.isnan(array), np.array(np.nan, array.dtype), array)
    return array.tobytes()


def assign_names(weights: Iterable[tuple[Weight, str]]) -> dict[int, str]:
    """Unique sidecar keys: id(weight) -> name, for (weight, name of the value it initialises) pairs in print order.

    Weights of one name share a key if they are equal; the later ones of another content, and those without a name, get
    the content's hash appended. (Equal weights of different names keep both names: to find them means to hash all.)
    """
    names: dict[int, str] = {}
    owners: dict[str, Weight] = {}
    for weight, value_name in weights:
        if id(weight) in names:
            continue
        name = weight.name or value_name or "w"
        # safetensors reserves the name __metadata__.
        if not (weight.name or value_name) or name == "__metadata__":
            name = f"{name}_{weight.content_hash[:12]}"
        while owners.setdefault(name, weight) != weight:
            name = f"{name}_{weight.content_hash[:12]}"
        names[id(weight)] = name
    return names


_SAFETENSORS = {
    DType.BOOL: "BOOL",
    DType.I8: "I8",
    DType.I16: "I16",
    DType.I32: "I32",
    DType.I64: "I64",
    DType.U8: "U8",
    DType.U16: "U16",
    DType.U32: "U32",
    DType.U64: "U64",
    DType.F16: "F16",
    DType.BF16: "BF16",
    DType.F32: "F32",
    DType.F64: "F64",
}


def save_sidecar(path: Path, weights: dict[str, Weight]) -> None:
    """Writes the ``.safetensors`` file that stands beside a ``.glir`` file, whole or not at all.

    Quantized weights are stored as their integers; safetensors has no 4-bit dtypes, so those take a byte an element.
    Raises OSError.
    """
    # Imported here: compiling writes no sidecar.
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    def stored(weight: Weight) -> Array:
        array = weight.array if DType.of(weight.array.dtype) in _SAFETENSORS else weight.array.astype(np.int8)
        return np.ascontiguousarray(array).reshape(array.shape)

    # The old file may be mapped by the very weights that are being saved: it is replaced, not overwritten.
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        save_file({name: stored(weight) for name, weight in sorted(weights.items())}, unfinished)
        unfinished.replace(path)
    except SafetensorError as error:
        # A full disk, and the like: safetensors has a class of its own for it.
        raise OSError(errno.EIO, str(error)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def load_sidecar(path: Path) -> dict[str, Array]:
    """Maps a ``.safetensors`` file into memory: name -> read-only array over the mapping.

    Raises ValueError when the file is not one (format: 8-byte little-endian header length, JSON header, data).
    """
    data = np.memmap(path, dtype=np.uint8, mode="r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    if data.size < 8 or start > data.size:
        raise ValueError("it is not a safetensors file")
    header = json.loads(bytes(data[8:start]))
    if not isinstance(header, dict):
        raise ValueError("its header is not an object")
    return {name: _mapped(data[start:], name, entry) for name, entry in header.items() if name != "__metadata__"}


def _mapped(data: Array, name: str, entry: object) -> Array:
    """The array that a header entry describes."""
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]}:
            pass
        case _:
            raise ValueError(f"the entry of {name} is damaged")
    if dtype not in _BY_SAFETENSORS:
        raise ValueError(f"{name} has the dtype {dtype}, which the IR has not")
    if not 0 <= begin <= end <= data.size:
        raise ValueError(f"{name} lies outside the file")
    try:
        return data[begin:end].view(_BY_SAFETENSORS[dtype].numpy).reshape(shape)
    except (ValueError, TypeError):
        raise ValueError(f"the size of {name} is not that of its shape") from None


_BY_SAFETENSORS = {text: dtype for dtype, text in _SAFETENSORS.items()}
