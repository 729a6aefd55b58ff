"""Weights: constant tensors that live outside the text, memory-mapped and compared by content only when they must be."""

import hashlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np

from .types import Array as Array
from .types import DType, TensorType

INLINE_LIMIT = 16
"""Constants of at most this many elements are printed inside the text."""


class Weight:
    """A named constant array. The array is never written to; it may be memory-mapped or a strided view of another.

    Two weights are equal when dtype, shape and bytes are; names do not count. The content is hashed on the first
    comparison with another weight of equal dtype and shape, not before.
    """

    def __init__(self, array: Array, name: str = "") -> None:
        self.array = array
        self.name = name

    @cached_property
    def type(self) -> TensorType:
        return TensorType(DType.of(self.array.dtype), self.array.shape)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of dtype, shape and row-major bytes."""
        digest = hashlib.sha256(str(self.type).encode())
        digest.update(np.ascontiguousarray(self.array).data.cast("B") if self.array.size else b"")
        return digest.hexdigest()

    @property
    def is_inline(self) -> bool:
        """Whether the printer writes the elements into the text."""
        return self.array.size <= INLINE_LIMIT

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Weight):
            return NotImplemented
        if self is other or self.array is other.array:
            return True
        if self.array.shape != other.array.shape or self.array.dtype != other.array.dtype:
            return False
        if self.is_inline:
            return np.ascontiguousarray(self.array).tobytes() == np.ascontiguousarray(other.array).tobytes()
        return self.content_hash == other.content_hash

    def __hash__(self) -> int:
        return hash((self.array.shape, self.array.dtype))

    def __repr__(self) -> str:
        return f"Weight({self.name!r}, {self.type})"


def assign_names(weights: Iterable[tuple[Weight, str]]) -> dict[int, str]:
    """Unique sidecar keys: id(weight) -> name, for (weight, name of the value it initialises) pairs in print order.

    Equal weights share a key. A name that is missing, or taken by another content, gets the content's hash appended.
    """
    names: dict[int, str] = {}
    owners: dict[str, Weight] = {}
    for weight, value_name in weights:
        if id(weight) in names:
            continue
        name = weight.name or value_name or f"w_{weight.content_hash[:12]}"
        if owners.setdefault(name, weight) != weight:
            name = f"{name}_{weight.content_hash[:12]}"
            owners.setdefault(name, weight)
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
    """Writes the ``.safetensors`` file that stands beside a ``.glir`` file."""
    from safetensors.numpy import save_file

    def stored(weight: Weight) -> Array:
        # safetensors has no 4-bit dtypes: those are stored a byte each and restored by the type in the text.
        array = weight.array if weight.type.dtype in _SAFETENSORS else weight.array.astype(np.int8)
        return np.ascontiguousarray(array)

    save_file({name: stored(weight) for name, weight in sorted(weights.items())}, path)


def load_sidecar(path: Path) -> dict[str, Array]:
    """Maps a ``.safetensors`` file into memory: name -> read-only array over the mapping.

    Raises ValueError when the file is not one (format: 8-byte little-endian header length, JSON header, data).
    """
    import json

    data = np.memmap(path, dtype=np.uint8, mode="r")
    if data.size < 8:
        raise ValueError(f"{path} is not a safetensors file")
    start = 8 + int(data[:8].view(np.uint64)[0])
    if start > data.size:
        raise ValueError(f"{path} is not a safetensors file")
    by_name = {text: dtype for dtype, text in _SAFETENSORS.items()}
    arrays: dict[str, Array] = {}
    for name, entry in json.loads(bytes(data[8:start])).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        arrays[name] = data[start + begin : start + end].view(by_name[entry["dtype"]].numpy).reshape(entry["shape"])
    return arrays
