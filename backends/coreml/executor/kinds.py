"""Names of element types, what holds them in memory, and how values carry them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from ....errors import GlmirError
from ....types import Array
from ..schema import DataType

KINDS: Mapping[int, str] = MappingProxyType(
    {
        DataType.BOOL: "bool",
        DataType.STRING: "str",
        DataType.FLOAT16: "fp16",
        DataType.FLOAT32: "fp32",
        DataType.FLOAT64: "fp64",
        DataType.INT4: "i4",
        DataType.INT8: "i8",
        DataType.INT16: "i16",
        DataType.INT32: "i32",
        DataType.INT64: "i64",
        DataType.UINT1: "u1",
        DataType.UINT2: "u2",
        DataType.UINT3: "u3",
        DataType.UINT4: "u4",
        DataType.UINT6: "u6",
        DataType.UINT8: "u8",
        DataType.UINT16: "u16",
        DataType.UINT32: "u32",
        DataType.UINT64: "u64",
    }
)

NUMPY: Mapping[str, np.dtype[np.generic]] = MappingProxyType(
    {
        "bool": np.dtype(np.bool_),
        "fp16": np.dtype(np.float16),
        "fp32": np.dtype(np.float32),
        "fp64": np.dtype(np.float64),
        "i4": np.dtype(np.int8),
        "i8": np.dtype(np.int8),
        "i16": np.dtype(np.int16),
        "i32": np.dtype(np.int32),
        "i64": np.dtype(np.int64),
        "u1": np.dtype(np.uint8),
        "u2": np.dtype(np.uint8),
        "u3": np.dtype(np.uint8),
        "u4": np.dtype(np.uint8),
        "u6": np.dtype(np.uint8),
        "u8": np.dtype(np.uint8),
        "u16": np.dtype(np.uint16),
        "u32": np.dtype(np.uint32),
        "u64": np.dtype(np.uint64),
    }
)
"""What an array of a kind is made of; integers of less than a byte take a byte each."""

DTYPE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "bool": "bool",
        "fp16": "fp16",
        "fp32": "fp32",
        "int8": "i8",
        "int16": "i16",
        "int32": "i32",
        "uint8": "u8",
        "uint16": "u16",
        "uint32": "u32",
    }
)
"""Kinds by the names that parameters like ``dtype`` give them."""

SUB_BYTE_BITS: Mapping[str, int] = MappingProxyType({"i4": 4, "u1": 1, "u2": 2, "u3": 3, "u4": 4, "u6": 6})


class ProgramError(GlmirError):
    """The package is malformed, or its program is not one that Core ML would run."""


@dataclass
class State:
    """A buffer that outlives a prediction."""

    kind: str
    array: Array


Labels = Sequence[str] | Sequence[int]


@dataclass(frozen=True)
class Operand:
    """A value with the type that the program gives it.

    ``kind`` is the kind of a tensor's elements; "str" (one text), "list" (labels), "state".
    ``constant`` says that the value is known before the program runs.
    """

    kind: str
    value: Array | str | Labels | State
    constant: bool = False

    @property
    def array(self) -> Array:
        """The elements of a tensor."""
        if not isinstance(self.value, np.ndarray):
            raise ProgramError(f"a tensor is needed, not a {self.kind}")
        return self.value


@dataclass(frozen=True)
class DeclaredType:
    """The type that the program declares for a value; None stands for a dimension that it leaves open.

    ``kind`` is an element kind, "str" for a text, "list", "dictionary" or "state" (then of the wrapped tensor's type).
    """

    kind: str
    dims: tuple[int | None, ...] = ()
    wrapped: DeclaredType | None = field(default=None)

    def __str__(self) -> str:
        return f"{self.kind}[{', '.join('?' if d is None else str(d) for d in self.dims)}]"

    def accepts(self, operand: Operand) -> bool:
        """Whether the operand is of this type."""
        if isinstance(operand.value, State):
            wrapped = self.wrapped
            return self.kind == "state" and wrapped is not None and wrapped.accepts_array(operand.value.array)
        if not isinstance(operand.value, np.ndarray) or self.kind == "dictionary":
            return operand.kind == self.kind
        return operand.kind == self.kind and self.accepts_array(operand.value)

    def accepts_array(self, array: Array) -> bool:
        """Whether the array has these dimensions, and elements as this type's are held."""
        if array.dtype != NUMPY.get(self.kind) or array.ndim != len(self.dims):
            return False
        return all(d is None or d == size for d, size in zip(self.dims, array.shape, strict=True))
