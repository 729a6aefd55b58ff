"""What a value is as an affine function of others: the sum of products with constant matrices, and a constant row.

However exporters write the gates of a recurrent cell (one product for all of them and slices, one for each, of input
and state apart or side by side), these matrices are the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...ir import Array, Value
from ...ops import math, nn, tensor
from ...ops.enums import Activation
from ..patterns import constant_array


@dataclass(frozen=True)
class AffineSum:
    """sum(x @ matrix.T for x, matrix in parts) + bias, with x [B, columns], matrix [rows, columns], bias [rows]."""

    parts: dict[Value, Array]
    bias: Array

    def rows(self, start: int, count: int) -> "AffineSum":
        """The part of the result from ``start`` on."""
        parts = {x: matrix[start : start + count] for x, matrix in self.parts.items()}
        return AffineSum(parts, self.bias[start : start + count])

    def plus(self, other: "AffineSum") -> "AffineSum":
        parts = dict(self.parts)
        for x, matrix in other.parts.items():
            parts[x] = parts[x] + matrix if x in parts else matrix
        return AffineSum(parts, self.bias + other.bias)


DEEPEST = 8
"""Gates are sums of few products; sums of many stand elsewhere."""


def affine(value: Value, depth: int = 0) -> AffineSum | None:
    """What ``value`` [B, rows] is; None when it is not known to be affine with constant matrices."""
    if depth > DEEPEST or value.type.rank != 2 or not isinstance(value.type.shape[1], int):
        return None
    match value.owner:
        case tensor.Constant() | tensor.Expand():
            return _constant(value)
        case nn.Linear(x=x, weight=weight, bias=bias, activation=Activation.NONE):
            return _product(x, constant_array(weight), bias)
        case math.Add(x=x, y=y, activation=Activation.NONE):
            left, right = affine(x, depth + 1), _summand(y, value, depth)
            return None if left is None or right is None or x.type != value.type else left.plus(right)
        case tensor.Slice(x=x, starts=(0, int(start)), strides=(1, 1)) if x.type.shape[0] == value.type.shape[0]:
            whole = affine(x, depth + 1)
            return None if whole is None else whole.rows(start, value.type.shape[1])
        case tensor.Split(x=x, axis=1) as split:
            whole = affine(x, depth + 1)
            return None if whole is None else _part(whole, split, value)
    return None


def _part(whole: AffineSum, split: tensor.Split, value: Value) -> AffineSum | None:
    index = split.results.index(value)
    sizes = [size for size in split.sizes if isinstance(size, int)]
    return whole.rows(sum(sizes[:index]), sizes[index]) if len(sizes) == len(split.sizes) else None


def _constant(value: Value) -> AffineSum | None:
    """A constant whose rows are all the same, or one row that is expanded to as many as the model is run with."""
    if isinstance(value.owner, tensor.Expand):
        return _summand(value.owner.x, value, DEEPEST)
    array = constant_array(value)
    if array is None or not array.size or array.dtype != value.type.dtype.numpy or (array != array[:1]).any():
        return None
    return AffineSum({}, array[0])


def _summand(value: Value, total: Value, depth: int) -> AffineSum | None:
    """What is added: affine itself, or a constant that broadcasts to it."""
    array, rows = constant_array(value), total.type.shape[1]
    if value.type == total.type:
        return affine(value, depth + 1)
    if array is None or not isinstance(rows, int):
        return None
    if array.size != 1 and array.shape != (rows,) and array.shape != (1, rows):
        return None
    return AffineSum({}, np.broadcast_to(array.reshape(-1), (rows,)))


def _product(x: Value, weight: Array | None, bias: Value | None) -> AffineSum | None:
    summand = None if bias is None else constant_array(bias)
    if weight is None or (bias is not None and summand is None) or not x.type.dtype.is_float or x.type.rank != 2:
        return None
    total = AffineSum({}, np.zeros(len(weight), weight.dtype) if summand is None else summand)
    start = 0
    for part in _side_by_side(x):
        columns = part.type.shape[1]
        if not isinstance(columns, int):
            return None
        matrix = weight[:, start : start + columns]
        start += columns
        known = _constant(part) if isinstance(part.owner, tensor.Constant | tensor.Expand) else None
        total = total.plus(
            AffineSum({part: matrix}, np.zeros_like(total.bias))
            if known is None
            else AffineSum({}, matrix @ known.bias)
        )
    return total


def _side_by_side(x: Value) -> Iterable[Value]:
    match x.owner:
        case tensor.Concat(xs=xs, axis=1):
            return xs
    return (x,)
