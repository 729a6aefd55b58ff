"""Interval arithmetic: numbers that the elements of a tensor provably lie between, from the ops that compute it."""

from collections.abc import Callable, Mapping
from math import exp, inf, isnan, prod

import numpy as np

from ...ir import Op, Value
from ...ops import math, nn, quant, tensor
from ...types import DType
from ..patterns import constant_array

Limits = tuple[float, float]

_DEPTH = 16
"""How many ops back the search for limits looks."""

_LARGEST_EXPONENT = 700.0
"""exp of more than this does not fit a double."""

ANY: Limits = (-inf, inf)


def limits(x: Value) -> Limits:
    """The greatest number known to be at most, and the least known to be at least, every element of ``x``."""
    return _limits(x, _DEPTH)


def _limits(x: Value, depth: int) -> Limits:
    dtype = x.type.dtype
    own = ANY if dtype.is_float else (0.0, 1.0) if dtype is DType.BOOL else (float(dtype.lowest), float(dtype.highest))
    array = constant_array(x)
    if array is not None:
        return _of_array(array) if x.type.quantization is None else own
    find = None if x.owner is None or depth == 0 else _FIND.get(type(x.owner))
    if x.owner is None or find is None:
        return own
    operands = [_limits(v, depth - 1) for v in x.owner.operands]
    low, high = find(x.owner, operands)
    if isnan(low) or isnan(high):
        return own
    # A cast of numbers that its dtype has not, and an integer that overflows, can be any.
    return (low, high) if own[0] <= low and high <= own[1] else own


def _of_array(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Limits:
    if not array.size:
        return 0.0, 0.0
    wide = array.astype(np.float64)
    low, high = float(wide.min()), float(wide.max())
    return ANY if isnan(low) or isnan(high) else (low, high)


_Find = Callable[[Op, list[Limits]], Limits]


def _always(low: float, high: float) -> _Find:
    return lambda op, operands: (low, high)


def _first(op: Op, operands: list[Limits]) -> Limits:
    """Ops that only move elements of their first operand, or combine them to something between."""
    return operands[0]


def _union(op: Op, operands: list[Limits]) -> Limits:
    return min(low for low, _ in operands), max(high for _, high in operands)


def _with_zero(op: Op, operands: list[Limits]) -> Limits:
    return min(0.0, *(low for low, _ in operands)), max(0.0, *(high for _, high in operands))


def _monotone(function: Callable[[float], float]) -> _Find:
    return lambda op, operands: (function(operands[0][0]), function(operands[0][1]))


def _clamp(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, math.Clamp)
    low, high = (min(max(bound, op.minimum), op.maximum) for bound in operands[0])
    return low, high


def _maximum(op: Op, operands: list[Limits]) -> Limits:
    (a, b), (c, d) = operands
    return max(a, c), max(b, d)


def _minimum(op: Op, operands: list[Limits]) -> Limits:
    (a, b), (c, d) = operands
    return min(a, c), min(b, d)


def _neg(op: Op, operands: list[Limits]) -> Limits:
    low, high = operands[0]
    return -high, -low


def _abs(op: Op, operands: list[Limits]) -> Limits:
    low, high = operands[0]
    return max(0.0, low, -high), max(-low, high)


def _square(op: Op, operands: list[Limits]) -> Limits:
    low, high = _abs(op, operands)
    return low * low, high * high


def _add(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, math.Add)
    (a, b), (c, d) = operands
    return _activated(op, (a + c, b + d))


def _sub(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, math.Sub)
    (a, b), (c, d) = operands
    largest = op.y.owner
    if isinstance(largest, math.ReduceMax) and largest.x is op.x and largest.keep_dims:
        return _activated(op, (a - d, 0.0))
    return _activated(op, (a - d, b - c))


def _mul(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, math.Mul)
    if op.x is op.y:
        return _activated(op, _square(op, operands))
    # Nothing times infinity is nothing here: the bound is infinite, not the number.
    products = [a * b if a and b else 0.0 for a in operands[0] for b in operands[1]]
    return _activated(op, (min(products), max(products)))


def _div(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, math.Div)
    low, high = operands[1]
    if not op.x.type.dtype.is_float or low <= 0 <= high:
        return ANY
    inverse = sorted((1 / low, 1 / high))
    products = [a * b if a and b else 0.0 for a in operands[0] for b in inverse]
    return _activated(op, (min(products), max(products)))


def _activated(op: math.ActivatedArithmetic, found: Limits) -> Limits:
    low, high = (float(math.activate(np.asarray(bound), op.activation)) for bound in found)
    return low, high


def _sum(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, math.ReduceSum)
    sizes = [op.x.type.shape[a] for a in op.axes]
    count = prod(d if isinstance(d, int) else inf for d in sizes)
    low, high = (bound * count if bound else 0.0 for bound in operands[0])
    return low, high


def _dequantize(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, quant.Dequantize)
    scale = constant_array(op.scale)
    zeros = np.zeros(()) if op.zero_point is None else constant_array(op.zero_point)
    if scale is None or zeros is None or not scale.size:
        return ANY
    low, high = operands[0]
    ends = [(bound - zeros.astype(np.float64)) * scale for bound in (low, high)]
    return float(np.min(ends)), float(np.max(ends))


def _select(op: Op, operands: list[Limits]) -> Limits:
    return _union(op, operands[1:])


def _exp(x: float) -> float:
    return exp(x) if x < _LARGEST_EXPONENT else inf


_FIND: Mapping[type[Op], _Find] = {
    **dict.fromkeys(
        (
            tensor.Cast, tensor.Reshape, tensor.Transpose, tensor.Slice, tensor.DynamicSlice, tensor.Split,
            tensor.Expand, tensor.Tile, tensor.Reverse, tensor.Gather, tensor.GatherElements, tensor.GatherNd,
            math.ReduceMax, math.ReduceMin, math.ReduceMean, nn.MaxPool, tensor.DepthToSpace, tensor.SpaceToDepth,
        ),
        _first,
    ),
    **dict.fromkeys((nn.Sigmoid, nn.HardSigmoid, nn.Softmax), _always(0.0, 1.0)),
    **dict.fromkeys((math.Tanh, math.Erf, math.Sin, math.Cos, math.Sign, nn.Softsign), _always(-1.0, 1.0)),
    **dict.fromkeys((tensor.Pad, nn.AveragePool, tensor.Trilu), _with_zero),
    math.Floor: _monotone(lambda x: float(np.floor(x))),
    math.Ceil: _monotone(lambda x: float(np.ceil(x))),
    math.Round: _monotone(lambda x: float(np.rint(x))),
    nn.Relu6: _always(0.0, 6.0),
    nn.Relu: _monotone(lambda x: max(x, 0.0)),
    math.Exp: _monotone(_exp),
    math.Sqrt: _monotone(lambda x: max(x, 0.0) ** 0.5),
    tensor.Concat: _union,
    tensor.Shape: _always(0.0, 2.0**31 - 1),
    math.Clamp: _clamp,
    math.Maximum: _maximum,
    math.Minimum: _minimum,
    math.Neg: _neg,
    math.Abs: _abs,
    math.Square: _square,
    math.Add: _add,
    math.Sub: _sub,
    math.Mul: _mul,
    math.Div: _div,
    math.ReduceSum: _sum,
    math.Select: _select,
    quant.Dequantize: _dequantize,
}  # fmt: skip
