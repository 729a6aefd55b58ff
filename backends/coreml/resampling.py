"""What ``nn.resize`` is in the terms of Core ML's resampling ops."""

from ...dims import known_equal
from ...ops import nn
from ..tflite.resampling import Convention, convention

__all__ = ["Convention", "convention", "integer_factor"]


def integer_factor(op: nn.Resize, axis: int) -> int | None:
    """How many times as long the axis becomes, whatever its size; None when that is no integer."""
    size, result = op.x.type.shape[axis], op.shape[axis]
    if isinstance(size, int) and isinstance(result, int):
        return result // size if size and result % size == 0 else None
    factor = result // size
    return factor if isinstance(factor, int) and known_equal(result, size * factor) else None
