"""Tensor types: element dtypes, symbolic shapes and quantization (spec/types.md)."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from .dim_terms import linear_symbol
from .dims import Dim, SymInt, ceil_div, free_symbols, known_different, product, substitute

Shape = tuple[Dim, ...]

# The element type of an array is known only at run time: the one place where Any stands for it.
Array = NDArray[Any]


class DType(enum.Enum):
    """An element dtype; the enum value is its name in the text."""

    BOOL = "bool"
    I4 = "i4"
    U4 = "u4"
    I8 = "i8"
    I16 = "i16"
    I32 = "i32"
    I64 = "i64"
    U8 = "u8"
    U16 = "u16"
    U32 = "u32"
    U64 = "u64"
    F16 = "f16"
    BF16 = "bf16"
    F32 = "f32"
    F64 = "f64"

    # Members are singletons, so identity is the right hash and is four times as fast as the enum's own.
    __hash__ = object.__hash__

    @cached_property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy dtype that holds one element (4-bit integers take a byte each in memory)."""
        return np.dtype(_NUMPY[self.value])

    @cached_property
    def bits(self) -> int:
        """Bits of one stored element."""
        return 8 if self is DType.BOOL else int(self.value.lstrip("biuf"))

    @property
    def lowest(self) -> int:
        """The least number of an integer dtype."""
        return -(1 << (self.bits - 1)) if self.is_signed_integer else 0

    @property
    def highest(self) -> int:
        """The greatest number of an integer dtype."""
        return (1 << (self.bits - self.is_signed_integer)) - 1

    @property
    def largest(self) -> float:
        """The greatest finite number of a floating-point dtype; the least is its negative."""
        return float(ml_dtypes.finfo(self.numpy).max)  # type: ignore[no-untyped-call]

    @property
    def smallest(self) -> float:
        """The least positive number of a floating-point dtype that keeps all its bits; many processors flush those
        below it to zero."""
        return float(ml_dtypes.finfo(self.numpy).smallest_normal)  # type: ignore[no-untyped-call]

    @property
    def is_float(self) -> bool:
        return self in _FLOATS

    @property
    def is_signed_integer(self) -> bool:
        return self.value.startswith("i")

    @property
    def is_unsigned_integer(self) -> bool:
        return self.value.startswith("u")

    @property
    def is_integer(self) -> bool:
        return self.value[0] in "iu"

    @property
    def is_numeric(self) -> bool:
        return self is not DType.BOOL

    @staticmethod
    def of(dtype: "np.dtype[np.generic] | type[np.generic]") -> "DType":
        """The DType of a numpy dtype; raises ValueError for dtypes that the IR has not (strings, complex, …)."""
        found = _BY_NUMPY.get(np.dtype(dtype))
        if found is None:
            raise ValueError(f"the IR has no element type for numpy's {np.dtype(dtype)}")
        return found


_NUMPY: dict[str, "type[np.generic]"] = {
    "bool": np.bool_,
    "i4": ml_dtypes.int4,
    "u4": ml_dtypes.uint4,
    "i8": np.int8,
    "i16": np.int16,
    "i32": np.int32,
    "i64": np.int64,
    "u8": np.uint8,
    "u16": np.uint16,
    "u32": np.uint32,
    "u64": np.uint64,
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "f32": np.float32,
    "f64": np.float64,
}
_BY_NUMPY: dict["np.dtype[np.generic]", DType] = {np.dtype(t): DType(name) for name, t in _NUMPY.items()}
_FLOATS = frozenset((DType.F16, DType.BF16, DType.F32, DType.F64))


@dataclass(frozen=True)
class QuantizedType:
    """How a float tensor is stored as integers: ``real = (stored - zero_point) * scale``.

    ``scales`` has one entry (per tensor), one per index of ``axis`` (per channel), or, with ``block``, one per block of
    ``block`` consecutive elements along ``axis``, in row-major order of the blocked shape. ``zero_points`` is empty
    when all are zero, else as long as ``scales``.
    """

    storage: DType
    scales: tuple[float, ...]
    zero_points: tuple[int, ...] = ()
    axis: int | None = None
    block: int | None = None

    def __post_init__(self) -> None:
        if not self.storage.is_integer:
            raise ValueError(f"quantized storage is an integer dtype, not {self.storage.value}")
        if not self.scales or not all(0 < s < inf for s in self.scales):
            raise ValueError("scales are positive numbers, at least one")
        if self.zero_points and len(self.zero_points) != len(self.scales):
            raise ValueError("there are as many zero points as scales, or none")
        if self.axis is None and (len(self.scales) != 1 or self.block is not None):
            raise ValueError("several scales, or a block size, need an axis")
        if self.axis is not None and self.axis < 0:
            raise ValueError("the axis counts from the front, from 0")
        if self.block is not None and self.block < 1:
            raise ValueError("the block size is at least 1")

    def parameters_shape(self, shape: Shape) -> Shape:
        """How the scales lie over a tensor of ``shape``: an array that, its blocks repeated, broadcasts against it.

        Blocks run along the axis only, so with blocks every other axis counts in full.
        """
        if self.axis is None:
            return (1,) * len(shape)
        if self.block is None:
            return tuple(d if i == self.axis else 1 for i, d in enumerate(shape))
        return tuple(ceil_div(d, self.block) if i == self.axis else d for i, d in enumerate(shape))


@dataclass(frozen=True, slots=True)
class TensorType:
    """A tensor's dtype and shape. ``dtype`` says what an element means, ``quantization`` how it is stored, if not so.

    Raises ValueError when the quantization does not fit the shape.
    """

    dtype: DType
    shape: Shape
    quantization: QuantizedType | None = None

    def __post_init__(self) -> None:
        if self.quantization is None:
            return
        if not self.dtype.is_float:
            raise ValueError(f"what is quantized is a float, not {self.dtype.value}")
        if self.quantization.axis is not None and self.quantization.axis >= len(self.shape):
            raise ValueError(f"there is no axis {self.quantization.axis} in a tensor of rank {len(self.shape)}")
        expected = product(self.quantization.parameters_shape(self.shape))
        if known_different(expected, len(self.quantization.scales)):
            raise ValueError(f"there are {expected} scales for this shape, not {len(self.quantization.scales)}")

    @property
    def stored(self) -> DType:
        """The dtype of the array that holds the tensor."""
        return self.dtype if self.quantization is None else self.quantization.storage

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_static(self) -> bool:
        """Whether every dim is an integer."""
        return all(isinstance(d, int) for d in self.shape)

    @property
    def static_shape(self) -> tuple[int, ...]:
        """The shape as integers; raises ValueError when a dim is symbolic."""
        if not self.is_static:
            raise ValueError(f"{self} has symbolic dims")
        return tuple(d for d in self.shape if isinstance(d, int))

    @property
    def elements(self) -> Dim:
        """How many elements the tensor has."""
        return product(self.shape)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The free symbols of the shape, sorted."""
        return tuple(sorted({s for d in self.shape if isinstance(d, SymInt) for s in free_symbols(d)}))

    def with_shape(self, shape: Sequence[Dim]) -> "TensorType":
        return replace(self, shape=tuple(shape))

    def with_dtype(self, dtype: DType) -> "TensorType":
        return replace(self, dtype=dtype)

    def substitute(self, mapping: dict[str, Dim]) -> "TensorType":
        """The type with symbols replaced."""
        return self.with_shape([d if isinstance(d, int) else substitute(d, mapping) for d in self.shape])

    def __str__(self) -> str:
        return f"{_element_text(self)}[{', '.join(map(str, self.shape))}]"


def _element_text(type_: TensorType) -> str:
    quantization = type_.quantization
    if quantization is None:
        return type_.dtype.value
    parts = [quantization.storage.value, f"scales=[{', '.join(map(repr, quantization.scales))}]"]
    if quantization.zero_points:
        parts.append(f"zero_points=[{', '.join(map(str, quantization.zero_points))}]")
    if quantization.axis is not None:
        parts.append(f"axis={quantization.axis}")
    if quantization.block is not None:
        parts.append(f"block={quantization.block}")
    return f"quant<{type_.dtype.value}, {', '.join(parts)}>"


def compatible(declared: TensorType, inferred: TensorType) -> bool:
    """Whether one value can have both types: same dtype and rank, and no dim provably different."""
    return (
        declared.dtype is inferred.dtype
        and declared.rank == inferred.rank
        and not any(known_different(a, b) for a, b in zip(declared.shape, inferred.shape, strict=True))
    )


def bind_lone_symbols(type_: TensorType, shape: Sequence[int], sizes: dict[str, int]) -> None:
    """Adds to ``sizes`` what an array of ``shape`` tells of the symbols that stand alone in a dim of its type: ``n``,
    or ``2*n + 1``."""
    for dim, size in zip(type_.shape, shape, strict=False):
        if isinstance(dim, SymInt) and (linear := linear_symbol(dim)) is not None:
            name, factor, offset = linear
            sizes.setdefault(name, (size - offset) // factor)
