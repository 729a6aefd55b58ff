"""Interval arithmetic: numbers that the elements of a tensor provably lie between, from the ops that compute it."""

from collections.abc import Callable, Mapping
from math import exp, inf, isnan, log, prod

import numpy as np

from ...ir import Function, Op, Value
from ...ops import math, nn, quant, tensor
from ...types import DType
from ..patterns import constant_array
from .layer_limits import ANY, LAYERS, Find, Limits, activated, product

_DEPTH = 16
"""How many ops back the search for limits looks."""

_LARGEST_EXPONENT = 700.0
"""exp of more than this does not fit a double."""


def limits(x: Value) -> Limits:
    """The greatest number known to be at most, and the least known to be at least, every element of ``x``."""
    return _search(x, _DEPTH, {})


class FunctionLimits:
    """The limits of all values of a function, from its inputs on: those of the inputs are not known."""

    def __init__(self, function: Function) -> None:
        self._found: dict[Value, Limits] = {v: _own(v) for v in function.inputs}
        for op in function.ops:
            operands = [self._found[v] for v in op.operands]
            self._found |= {result: _computed(result, op, operands) for result in op.results}

    def of(self, value: Value) -> Limits:
        return self._found[value]

    def magnitude(self, value: Value) -> float:
        """At least as large as every element's."""
        low, high = self._found[value]
        return max(-low, high)


def _search(x: Value, depth: int, found: dict[tuple[Value, int], Limits]) -> Limits:
    if (x, depth) in found:
        return found[x, depth]
    op = x.owner
    is_end = op is None or (depth == 0 and not isinstance(op, tensor.Constant)) or type(op) not in _FIND
    operands = [] if is_end or op is None else [_search(v, depth - 1, found) for v in op.operands]
    found[x, depth] = _own(x) if is_end or op is None else _computed(x, op, operands)
    return found[x, depth]


def _own(x: Value) -> Limits:
    """What the dtype says."""
    dtype = x.type.dtype
    return ANY if dtype.is_float else (0.0, 1.0) if dtype is DType.BOOL else (float(dtype.lowest), float(dtype.highest))


def _computed(x: Value, op: Op, operands: list[Limits]) -> Limits:
    """The limits of a result, from those of the operands."""
    own, find = _own(x), _FIND.get(type(op))
    # What a quantized result is rounded to may lie a little outside.
    if find is None or x.type.quantization is not None:
        return own
    low, high = find(op, operands)
    if isnan(low) or isnan(high):
        return own
    # A cast of numbers that its dtype has not, and an integer that overflows, can be any.
    return (low, high) if own[0] <= low and high <= own[1] else own


def _constant(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, tensor.Constant)
    return _of_array(op.value.array)


def _of_array(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Limits:
    if not array.size:
        return 0.0, 0.0
    # Not all dtypes of few bits can be compared.
    wide = array if array.dtype.kind in "fiub" else array.astype(np.float64)
    low, high = float(wide.min()), float(wide.max())
    return ANY if isnan(low) or isnan(high) else (low, high)


def _always(low: float, high: float) -> Find:
    return lambda op, operands: (low, high)


def _first(op: Op, operands: list[Limits]) -> Limits:
    """Ops that only move elements of their first operand, or combine them to something between."""
    return operands[0]


def _cast(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, tensor.Cast)
    low, high = operands[0]
    if op.dtype is DType.BOOL:
        return 0.0, 1.0
    return (low, high) if op.dtype.is_float else (float(np.floor(low)), float(np.ceil(high)))


def _union(op: Op, operands: list[Limits]) -> Limits:
    return min(low for low, _ in operands), max(high for _, high in operands)


def _with_zero(op: Op, operands: list[Limits]) -> Limits:
    return min(0.0, *(low for low, _ in operands)), max(0.0, *(high for _, high in operands))


def _monotone(function: Callable[[float], float]) -> Find:
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
    return activated(op.activation, (a + c, b + d))


def _sub(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, math.Sub)
    (a, b), (c, d) = operands
    largest = op.y.owner
    if isinstance(largest, math.ReduceMax) and largest.x is op.x and largest.keep_dims:
        return activated(op.activation, (a - d, 0.0))
    return activated(op.activation, (a - d, b - c))


def _mul(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, math.Mul)
    if op.x is op.y:
        return activated(op.activation, _square(op, operands))
    products = [product(a, b) for a in operands[0] for b in operands[1]]
    return activated(op.activation, (min(products), max(products)))


def _div(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, math.Div)
    low, high = operands[1]
    if not op.x.type.dtype.is_float or low <= 0 <= high:
        return ANY
    inverse = sorted((1 / low, 1 / high))
    products = [product(a, b) for a in operands[0] for b in inverse]
    return activated(op.activation, (min(products), max(products)))


def _sum(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, math.ReduceSum)
    sizes = [op.x.type.shape[a] for a in op.axes]
    count = prod(d if isinstance(d, int) else inf for d in sizes)
    low, high = (product(bound, count) for bound in operands[0])
    return low, high


def _running_sum(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, math.CumSum)
    size = op.x.type.shape[op.axis]
    count = size if isinstance(size, int) else inf
    low, high = (product(bound, count) for bound in operands[0])
    return min(low, 0.0, operands[0][0]), max(high, 0.0, operands[0][1])


def _reciprocal(op: Op, operands: list[Limits]) -> Limits:
    low, high = operands[0]
    return ANY if low <= 0 <= high else (1 / high, 1 / low)


def _inverse_root(op: Op, operands: list[Limits]) -> Limits:
    low, high = operands[0]
    return (0.0 if high <= 0 else high**-0.5), (low**-0.5 if low > 0 else inf)


def _logarithm(op: Op, operands: list[Limits]) -> Limits:
    low, high = operands[0]
    return (log(low) if low > 0 else -inf), (log(high) if high > 0 else -inf) if high < inf else inf


def _power(op: Op, operands: list[Limits]) -> Limits:
    assert isinstance(op, math.Pow)
    low, high = operands[0]
    exponents = operands[1]
    if low < 0 or exponents[0] != exponents[1] or exponents[0] < 0:
        return ANY
    try:
        return low ** exponents[0], high ** exponents[0]
    except OverflowError:
        return 0.0, inf


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


_FIND: Mapping[type[Op], Find] = {
    **LAYERS,
    tensor.Constant: _constant,
    tensor.Cast: _cast,
    **dict.fromkeys(
        (
            tensor.Reshape, tensor.Transpose, tensor.Slice, tensor.DynamicSlice, tensor.Split,
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
    math.CumSum: _running_sum,
    math.Reciprocal: _reciprocal,
    math.Rsqrt: _inverse_root,
    math.Log: _logarithm,
    math.Pow: _power,
    nn.LogSoftmax: _always(-inf, 0.0),
    math.Select: _select,
    quant.Dequantize: _dequantize,
}  # fmt: skip
