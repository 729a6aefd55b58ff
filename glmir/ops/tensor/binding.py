"""Symbolic attributes when an op runs: by then they are numbers, or a run-time operand supplies them."""

from ...dims import Dim, SymInt, known_different
from ...ir import Array, Value
from ...types import DType, Shape


def bound(dim: Dim) -> int:
    """The number that a dim has become; raises ValueError when nothing bound its symbols."""
    if isinstance(dim, SymInt):
        raise ValueError(f"the dimension {dim} has no value")
    return dim


def bound_shape(shape: Shape, dims: Array | None) -> tuple[int, ...]:
    """The shape in numbers, with those that nothing bound from ``dims``, one entry an axis; raises ValueError."""
    if dims is None:
        return tuple(map(bound, shape))
    return tuple(int(run_time) if isinstance(d, SymInt) else d for d, run_time in zip(shape, dims, strict=True))


def is_shape_operand(value: Value | None, length: int) -> bool:
    """Whether ``value`` is absent, or i32 or i64 of rank 1 and not provably of another length."""
    if value is None:
        return True
    type_ = value.type
    return type_.dtype in (DType.I32, DType.I64) and type_.rank == 1 and not known_different(type_.shape[0], length)


def shapes_may_agree(a: Shape, b: Shape) -> bool:
    """Whether the ranks are equal and no dims provably different."""
    return len(a) == len(b) and not any(known_different(x, y) for x, y in zip(a, b, strict=True))
