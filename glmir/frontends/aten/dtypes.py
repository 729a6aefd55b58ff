"""PyTorch's dtypes: the numbers that programs and archives write for them."""

from dataclasses import dataclass

from ...types import DType
from .tensors import Unsupported

_CODES: dict[int, DType] = {
    0: DType.U8,
    1: DType.I8,
    2: DType.I16,
    3: DType.I32,
    4: DType.I64,
    5: DType.F16,
    6: DType.F32,
    7: DType.F64,
    11: DType.BOOL,
    15: DType.BF16,
    27: DType.U16,
    28: DType.U32,
    29: DType.U64,
}
"""c10::ScalarType, as TorchScript's code writes it."""

_UNSUPPORTED = {
    8: "complex32", 9: "complex64", 10: "complex128", 12: "qint8", 13: "quint8", 14: "qint32",
}  # fmt: skip


@dataclass(frozen=True)
class ComplexDType:
    """A complex dtype, which the IR lacks: the dtype of its two parts."""

    part: DType


COMPLEX_DTYPES: dict[object, ComplexDType] = {
    9: ComplexDType(DType.F32),
    10: ComplexDType(DType.F64),
    "complex64": ComplexDType(DType.F32),
    "complex128": ComplexDType(DType.F64),
}
"""By the numbers that TorchScript's code writes, and by the names that exported programs get here with."""


def dtype_of_code(code: int) -> DType:
    """The dtype of a c10::ScalarType; raises Unsupported for those that the IR lacks."""
    if code not in _CODES:
        raise Unsupported(f"tensors of dtype {_UNSUPPORTED.get(code, code)} are not supported")
    return _CODES[code]


def code_of_dtype(dtype: DType) -> int:
    """The c10::ScalarType of a dtype."""
    return next(code for code, d in _CODES.items() if d is dtype)
