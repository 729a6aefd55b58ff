"""What layers cost: the products that they sum up."""

from collections.abc import Mapping
from math import prod

from ...dims import Dim, UnboundSymbolError, evaluate
from ...ir import Op, Value
from ...ops import math, nn


def multiplications(op: Op, sizes: Mapping[str, int]) -> int:
    """How many products a layer sums up; 0 for other ops. ``sizes`` are those of symbolic dims; unknown ones are 1."""
    match op:
        case nn.Conv() | nn.Linear():
            return _elements(op.results[0], sizes) * prod(_size(d, sizes) for d in op.weight.type.shape[1:])
        case nn.ConvTranspose():
            return _elements(op.x, sizes) * prod(_size(d, sizes) for d in op.weight.type.shape[1:])
        case math.MatMul():
            return _elements(op.result, sizes) * _size(op.x.type.shape[-2 if op.transpose_x else -1], sizes)
    return 0


def _elements(value: Value, sizes: Mapping[str, int]) -> int:
    return prod(_size(d, sizes) for d in value.type.shape)


def _size(dim: Dim, sizes: Mapping[str, int]) -> int:
    try:
        return dim if isinstance(dim, int) else evaluate(dim, dict(sizes))
    except UnboundSymbolError:
        return 1


__all__ = ["multiplications"]
