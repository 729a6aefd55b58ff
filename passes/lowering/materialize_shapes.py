"""Gives ops with symbolic shapes, bounds and counts the operands that supply the numbers at run time.

A symbol's number is read off the shape of a tensor that shows it: a function input, or the result that introduced a
data-dependent symbol. Dims are then computed from those by integer ops, in i64, and equal computations are merged by
``eliminate-common-subexpressions``.
"""

from collections.abc import Iterator

import numpy as np

from ...dim_terms import Factor, is_symbol, linear_symbol, terms
from ...dims import Dim, SymInt, is_nonnegative, is_positive, known_equal
from ...ir import Function, Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.math import Binary
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ...types import DType
from ..patterns import constant, reshape
from .building import concat, slice_axes

RULES = RuleSet()


def dim_value(x: Value, axis: int, dtype: DType = DType.I64) -> Value:
    """The size of ``x`` along an axis, as a scalar integer: a constant where it is known."""
    dim = x.type.shape[axis]
    if isinstance(dim, int):
        return constant(np.array(dim, dtype.numpy))
    size = slice_axes(tensor.Shape(x).result, [0], [axis], [1])
    return _as(reshape(size, ()), dtype)


def dim_at(op: Op, dim: Dim, dtype: DType = DType.I64) -> Value | None:
    """The number that a dim has at run time, as a scalar for use by ``op``; None when nothing shows its symbols."""
    computed = _vector([dim], _Scope(op))
    return None if computed is None else _as(reshape(computed, ()), dtype)


def _as(x: Value, dtype: DType) -> Value:
    return x if x.type.dtype is dtype else tensor.Cast(x, dtype).result


class _Scope:
    """The symbols that an op can see, and where."""

    def __init__(self, op: Op) -> None:
        self._op = op
        self._found: dict[str, Value] = {}

    def size(self, symbol: str) -> Value | None:
        """i64[1]: the symbol's number."""
        if symbol not in self._found and self._op.function is not None:
            found = _find(symbol, self._op, self._op.function)
            if found is not None:
                self._found[symbol] = found
        return self._found.get(symbol)


def _find(symbol: str, op: Op, function: Function) -> Value | None:
    """The number of a symbol: from a value whose type shows it alone, else from one that shows it as ``2*n + 1``."""
    for is_alone in (True, False):
        for value in _visible(op, function):
            if (found := _size_in(value, symbol, is_alone)) is not None:
                return found
    return None


def _visible(op: Op, function: Function) -> Iterator[Value]:
    yield from function.inputs
    for earlier in function.ops:
        if earlier is op:
            return
        yield from earlier.results


def _size_in(value: Value, symbol: str, is_alone: bool) -> Value | None:
    for axis, dim in enumerate(value.type.shape):
        if isinstance(dim, int) or (is_alone and not is_symbol(dim, symbol)):
            continue
        linear = linear_symbol(dim)
        if linear is None or linear[0] != symbol:
            continue
        size = slice_axes(tensor.Shape(value).result, [0], [axis], [1])
        _, factor, offset = linear
        size = size if offset == 0 else math.Sub(size, _i64(offset)).result
        return size if factor == 1 else math.Div(size, _i64(factor)).result
    return None


def _vector(dims: tuple[Dim, ...] | list[Dim], scope: _Scope) -> Value | None:
    """i64[len(dims)]: the numbers of the dims; None when a symbol is not to be seen."""
    parts: list[Value] = []
    known: list[int] = []
    for dim in dims:
        if isinstance(dim, int):
            known.append(dim)
            continue
        if (number := _number(dim, scope)) is None:
            return None
        if known:
            parts.append(_i64(*known))
            known = []
        parts.append(number)
    if known or not parts:
        parts.append(_i64(*known))
    return parts[0] if len(parts) == 1 else concat(parts, 0)


def _i64(*numbers: int) -> Value:
    return constant(np.array(numbers, np.int64))


def _number(dim: Dim, scope: _Scope) -> Value | None:
    """i64[1]: the sum of the dim's terms."""
    total: Value | None = None
    for coefficient, factors in sorted(terms(dim), key=lambda term: not term[1]):
        summand: Value | None = None
        for factor in factors:
            value = _factor(factor, scope)
            if value is None:
                return None
            summand = value if summand is None else math.Mul(summand, value).result
        if summand is None:
            summand = _i64(coefficient)
        elif coefficient != 1:
            summand = math.Mul(summand, _i64(coefficient)).result
        total = summand if total is None else math.Add(total, summand).result
    return _i64(0) if total is None else total


_EXTREMA: dict[str, type[Binary]] = {"max": math.Maximum, "min": math.Minimum}


def _factor(factor: Factor, scope: _Scope) -> Value | None:
    if isinstance(factor, str):
        return scope.size(factor)
    kind, a, b = factor
    x, y = _number(a, scope), _number(b, scope)
    if x is None or y is None:
        return None
    if kind in _EXTREMA:
        return _EXTREMA[kind](x, y).result
    if not (is_nonnegative(a) and is_positive(b)):
        # Integer division rounds towards zero; without its remainder it need not round.
        x = math.Sub(x, math.FloorMod(x, y).result).result
    return math.Div(x, y).result


def _run_time(op: Op, dims: tuple[Dim, ...]) -> Value | None:
    """i64[len(dims)] for use by ``op``; None when it is not needed, or not to be had."""
    if not any(isinstance(d, SymInt) for d in dims):
        return None
    return _vector(dims, _Scope(op))


@RULES.on(tensor.Dims)
def dims_at_run_time(op: tensor.Dims) -> Value | None:
    """dims([n, 3]) -> [size of x, 3]"""
    numbers = _vector(op.dims, _Scope(op))
    return None if numbers is None else _as(numbers, op.index_dtype)


@RULES.on(tensor.Reshape)
def reshape_at_run_time(op: tensor.Reshape) -> Op | None:
    """reshape(x, [n, m]) -> reshape(x, dims); one symbolic dim alone follows from the others"""
    if op.dims is not None or sum(isinstance(d, SymInt) for d in op.shape) <= 1:
        return None
    dims = _run_time(op, op.shape)
    return None if dims is None else replace(op, dims=dims)


@RULES.on(tensor.Expand)
def expand_at_run_time(op: tensor.Expand) -> Op | None:
    """expand(x, [n, 3]) -> expand(x, dims)"""
    dims = None if op.dims is not None else _run_time(op, op.shape)
    return None if dims is None else replace(op, dims=dims)


@RULES.on(nn.Resize)
def resize_at_run_time(op: nn.Resize) -> Op | None:
    """resize(x, [n, 2 * h]) -> resize(x, dims)"""
    dims = None if op.dims is not None else _run_time(op, op.shape)
    return None if dims is None else replace(op, dims=dims)


@RULES.on(math.TopK)
def top_k_at_run_time(op: math.TopK) -> Op | None:
    """top_k(x, k = n) -> top_k(x, count)"""
    count = None if op.count is not None else _run_time(op, (op.k,))
    return None if count is None else replace(op, count=count)


@RULES.on(tensor.Slice)
def backward_slice_as_reverse(op: tensor.Slice) -> Op | None:
    """slice(x, starts, sizes, -strides) -> reverse(slice(x, starts - (sizes - 1) * strides, sizes, strides))"""
    axes = tuple(axis for axis, stride in enumerate(op.strides) if stride < 0)
    if not axes or not _needs_operand(op):
        return None
    parts = list(zip(op.starts, op.sizes, op.strides, strict=True))
    starts = tuple(start + (size - 1) * step if step < 0 else start for start, size, step in parts)
    forward = tensor.Slice(op.x, starts, op.sizes, tuple(abs(step) for step in op.strides))
    return tensor.Reverse(forward.result, axes)


@RULES.on(tensor.Slice)
def slice_at_run_time(op: tensor.Slice) -> Op | None:
    """slice(x, starts = [n]) -> dynamic_slice(x, starts, ends)"""
    bounds = zip(op.starts, op.sizes, op.strides, strict=True)
    # Backwards, the end before the first element would count from the back.
    if not op.strides or any(s < 0 for s in op.strides):
        return None
    ends = tuple(start + size * stride for start, size, stride in bounds)
    scope = _Scope(op)
    first, last = _vector(op.starts, scope), _vector(ends, scope)
    if first is None or last is None:
        return None
    return tensor.DynamicSlice(op.x, first, last, tuple(range(op.x.type.rank)), op.strides, op.sizes)


@module_pass(needed=True)
def materialize_shapes(module: Module) -> bool:
    """Gives ops with symbolic shapes, bounds and counts the operands that supply the numbers at run time."""
    return apply_rules(module, _NEEDED)


def _needs_operand(op: Op) -> bool:
    if not isinstance(op, tensor.Slice):
        return True
    axes = zip(op.x.type.shape, op.starts, op.sizes, strict=True)
    return any(
        isinstance(start, SymInt) or (isinstance(size, SymInt) and not known_equal(start + size, dim))
        for dim, start, size in axes
    )


_NEEDED = RuleSet(RULES, only=_needs_operand)
