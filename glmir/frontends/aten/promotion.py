"""Type promotion, as PyTorch's documentation of torch.result_type describes it."""

from collections.abc import Sequence

from ...dims import Dim, SymInt
from ...ir import Value
from ...types import DType
from .scalars import Number, Scalar
from .scope import Scope, cast, expand
from .tensors import Tensor, Unsupported

_ORDER = (
    DType.BOOL, DType.U8, DType.I8, DType.I16, DType.I32, DType.I64, DType.F16, DType.BF16, DType.F32, DType.F64,
)  # fmt: skip


def promote(a: DType, b: DType) -> DType:
    """The dtype that holds both."""
    if a is b:
        return a
    low, high = sorted((a, b), key=_rank)
    if low is DType.U8 and high is DType.I8:
        return DType.I16
    if low is DType.F16 and high is DType.BF16:
        return DType.F32
    return high


def _rank(dtype: DType) -> int:
    if dtype not in _ORDER:
        raise Unsupported(f"arithmetic of {dtype.value} with another dtype is not supported")
    return _ORDER.index(dtype)


def _category(dtype: DType) -> int:
    return 0 if dtype is DType.BOOL else 2 if dtype.is_float else 1


def dtype_of_number(number: Number) -> DType:
    """The dtype that a number by itself stands for: bool, i64, f32 (the default float)."""
    if isinstance(number, Scalar):
        return DType.F32 if number.dtype.is_float else DType.BOOL if number.dtype is DType.BOOL else DType.I64
    if isinstance(number, bool):
        return DType.BOOL
    return DType.I64 if isinstance(number, int | SymInt) else DType.F32


def result_type(operands: Sequence[Tensor | Number]) -> DType:
    """The dtype in which an elementwise operation computes.

    Tensors with axes count first; tensors without, then numbers, only when they are of a higher kind (bool, integer,
    float) than all those.
    """
    groups: list[list[DType]] = [[], [], []]
    for x in operands:
        if isinstance(x, Tensor):
            groups[0 if x.rank else 1].append(x.dtype)
        else:
            groups[2].append(dtype_of_number(x))
    chosen: DType | None = None
    for group in groups:
        if not group:
            continue
        dtype = group[0]
        for other in group[1:]:
            dtype = promote(dtype, other)
        if chosen is None or _category(dtype) > _category(chosen):
            chosen = dtype
    if chosen is None:
        raise Unsupported("it has no operands")
    return chosen


def promoted(scope: Scope, operands: Sequence[Tensor | Number], dtype: DType | None = None) -> list[Value]:
    """The operands as values of one dtype: ``dtype``, or what they promote to."""
    dtype = dtype or result_type(operands)
    return [as_value(scope, x, dtype) for x in operands]


def as_value(scope: Scope, x: Tensor | Number, dtype: DType) -> Value:
    """A tensor or number as a value of a dtype."""
    return cast(x.value, dtype) if isinstance(x, Tensor) else scope.scalar(x, dtype)


def as_float(x: Value) -> Value:
    """What float operations (sqrt, mean, true division) make of integers: the default float, f32."""
    return x if x.type.dtype.is_float else cast(x, DType.F32)


def fitted(value: Value, dtype: DType, shape: Sequence[Dim]) -> Value:
    """A result as an in-place operation stores it: in the target's dtype, broadcast to its shape."""
    own = (1,) * (len(shape) - value.type.rank) + value.type.shape
    # A size that is known, and not 1, is also the target's, which may be a symbol (``x[:, a:b] = y``).
    sizes = [o if isinstance(o, int) and o != 1 else d for o, d in zip(own, shape, strict=True)]
    return expand(cast(value, dtype), sizes)
