"""What is known, at compile time, of the elements of shape tensors: ``[n, 3, h // 2]`` instead of ``i64[3]``.

Models compute shapes with tensor ops (take the shape, pick a size, halve it, concatenate, reshape). This analysis
follows such a computation with symbolic dims for elements. Ops that only move elements run their own ``evaluate`` on
arrays of objects; arithmetic on numbers runs ``evaluate`` in the tensors' own dtypes, and arithmetic on symbols follows
dims.py, in which nothing overflows.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .dims import (
    Dim,
    SymInt,
    dim_max,
    dim_min,
    is_nonnegative,
    is_positive,
    known_different,
    known_equal,
    lower_bound,
)
from .ir import Array, Op, Value
from .ops import math, tensor
from .ops.enums import Activation
from .types import DType, TensorType

ELEMENT_LIMIT = 1024
"""Tensors of more elements are not followed: shape tensors are small."""

Element: TypeAlias = Dim | float | None
"""A number (bool included), a symbolic dim, or None for an unknown element."""

Contents: TypeAlias = NDArray[np.object_]
"""The elements of a tensor, in its shape, as an object array of ``Element``."""

_Argument: TypeAlias = Contents | tuple[Contents, ...] | None
_Rule: TypeAlias = Callable[[Op, Sequence[_Argument]], Array | tuple[Array, ...]]
_Symbolic: TypeAlias = Callable[..., Element]

_FAILURES = (TypeError, ValueError, IndexError, ArithmeticError)
"""What an op raises when the elements that it must know (indices, lengths) are unknown or symbolic."""


class SymbolicContents:
    """The contents of values, computed on demand and kept: valid as long as the ops looked at stay as they are."""

    def __init__(self) -> None:
        self._contents: dict[Value, Contents | None] = {}

    def of(self, value: Value) -> Contents | None:
        """The elements of a small tensor, or None when none is known; single elements may be None, for unknown.

        Elements of integer tensors are Dims, those of bool and float tensors, where known, bools and floats.
        """
        pending = [value]
        while pending:
            current = pending[-1]
            missing = [v for v in self._sources(current) if v not in self._contents]
            if missing and current not in self._contents:
                pending.extend(missing)
                continue
            pending.pop()
            if current not in self._contents:
                self._compute(current)
        return self._contents[value]

    def _sources(self, value: Value) -> tuple[Value, ...]:
        """The values whose contents those of ``value`` are computed from."""
        op = value.owner
        if op is None or isinstance(op, tensor.Shape) or type(op) not in _RULES or not _may_be_small(value.type):
            return ()
        return op.operands

    def _compute(self, value: Value) -> None:
        op = value.owner
        if op is None or type(op) not in _RULES or not all(_may_be_small(r.type) for r in op.results):
            self._contents[value] = None
            return
        try:
            with np.errstate(all="ignore"):
                computed = _RULES[type(op)](op, self._arguments(op))
        except _FAILURES:
            self._contents.update(dict.fromkeys(op.results))
            return
        arrays = computed if isinstance(computed, tuple) else (computed,)
        for result, array in zip(op.results, arrays, strict=True):
            self._contents[result] = _kept(np.asarray(array, np.object_))

    def _arguments(self, op: Op) -> list[_Argument]:
        """The contents of the operands, as ``evaluate`` takes them; raises ValueError when nothing is known of any."""
        if isinstance(op, tensor.Shape):
            return []
        if op.operands and all(self._contents[v] is None for v in op.operands):
            raise ValueError("no operand is known")
        arguments: list[_Argument] = []
        for field in op.definition.operand_fields:
            operand: object = getattr(op, field.name)
            if isinstance(operand, tuple):
                arguments.append(tuple(map(self._elements, operand)))
            else:
                arguments.append(self._elements(operand) if isinstance(operand, Value) else None)
        return arguments

    def _elements(self, value: Value) -> Contents:
        """The contents, all None when nothing is known; raises ValueError when not even the shape is."""
        contents = self._contents[value]
        if contents is not None:
            return contents
        if not _may_be_small(value.type):
            raise ValueError("the operand is large")
        return np.full(value.type.static_shape, None, np.object_)


def _may_be_small(type_: TensorType) -> bool:
    elements = lower_bound(type_.elements)
    return elements is None or elements <= ELEMENT_LIMIT


def _kept(contents: Contents) -> Contents | None:
    """The contents, now read-only, or None when they are too many or tell nothing."""
    if contents.size > ELEMENT_LIMIT or (contents.size and all(e is None for e in contents.flat)):
        return None
    contents.setflags(write=False)
    return contents


def _objects(array: Array) -> Contents:
    """The elements as Python numbers."""
    if array.dtype == np.bool_:
        return array.astype(np.object_)
    dtype = DType.of(array.dtype)
    wide = np.float64 if dtype.is_float else np.uint64 if dtype is DType.U64 else np.int64
    return array.astype(wide).astype(np.object_)


def _numbers(contents: Contents, dtype: DType) -> Array:
    """The elements in the tensor's own dtype; raises TypeError when one is unknown or symbolic."""
    if not _are_numbers(contents).all():
        raise TypeError("not all elements are numbers")
    # By way of a wide dtype: ml_dtypes do not convert from objects.
    wide = np.float64 if dtype.is_float else np.bool_ if dtype is DType.BOOL else np.int64
    return contents.astype(np.uint64 if dtype is DType.U64 else wide).astype(dtype.numpy)


def _are_numbers(contents: Contents) -> NDArray[np.bool_]:
    flags = [isinstance(e, int | float) for e in contents.flat]
    return np.array(flags, np.bool_).reshape(contents.shape)


def _contents_of(arguments: Sequence[_Argument]) -> list[Contents]:
    """The arguments of an op that has single operands only."""
    return [a for a in arguments if isinstance(a, np.ndarray)]


def _shape(op: Op, arguments: Sequence[_Argument]) -> Contents:
    assert isinstance(op, tensor.Shape)
    contents = np.empty(op.x.type.rank, np.object_)
    contents[:] = op.x.type.shape
    return contents


def _dims(op: Op, arguments: Sequence[_Argument]) -> Contents:
    assert isinstance(op, tensor.Dims)
    contents = np.empty(len(op.dims), np.object_)
    contents[:] = op.dims
    return contents


def _constant(op: Op, arguments: Sequence[_Argument]) -> Contents:
    assert isinstance(op, tensor.Constant)
    if op.result.type.quantization is not None:
        raise ValueError("the array of a quantized constant is not what it means")
    return _objects(op.value.array)


def _moved(op: Op, arguments: Sequence[_Argument]) -> Array | tuple[Array, ...]:
    """An op that moves elements: only the operands that say where must be numbers."""
    fields = [f.name for f in op.definition.operand_fields]
    return op.evaluate(
        *(
            a.astype(np.int64) if name in ("indices", "starts", "ends") and isinstance(a, np.ndarray) else a
            for name, a in zip(fields, arguments, strict=True)
        )
    )


def _calculated(op: Op, arguments: Sequence[_Argument]) -> Array | tuple[Array, ...]:
    """An op on numbers, all of them known."""
    contents = _contents_of(arguments)
    computed = op.evaluate(*(_numbers(c, v.type.dtype) for c, v in zip(contents, op.operands, strict=True)))
    if isinstance(computed, tuple):
        return tuple(map(_objects, computed))
    return _objects(np.asarray(computed))


def _range(op: Op, arguments: Sequence[_Argument]) -> Array | tuple[Array, ...]:
    if op.operands[0].type.dtype.is_float:
        return _calculated(op, arguments)
    return _moved(op, arguments)


def _elementwise(symbolic: _Symbolic) -> _Rule:
    """An elementwise op: ``evaluate`` where all elements that meet are numbers, ``symbolic`` elsewhere."""

    def rule(op: Op, arguments: Sequence[_Argument]) -> Contents:
        contents = np.broadcast_arrays(*_contents_of(arguments))
        concrete = np.logical_and.reduce([_are_numbers(c) for c in contents])
        # A number stands in for the others meanwhile, so that the rest can be computed at once.
        filled = [np.where(concrete, c, 1).astype(np.object_) for c in contents]
        result = np.asarray(_calculated(op, filled), np.object_)
        if not concrete.all():
            others = zip(*(c[~concrete] for c in contents), strict=True)
            result[~concrete] = _column([_attempt(op, symbolic, elements) for elements in others])
        return result

    return rule


def _attempt(op: Op, symbolic: _Symbolic, elements: tuple[Element, ...]) -> Element:
    if getattr(op, "activation", Activation.NONE) is not Activation.NONE:
        return None
    try:
        return symbolic(*elements)
    except ZeroDivisionError:
        return None


def _column(elements: Sequence[Element]) -> Contents:
    column = np.empty(len(elements), np.object_)
    column[:] = elements
    return column


def _cast(op: Op, arguments: Sequence[_Argument]) -> Array | tuple[Array, ...]:
    assert isinstance(op, tensor.Cast)
    dtype = op.dtype

    def convert(x: Element) -> Element:
        if not isinstance(x, SymInt):
            return None
        if dtype is DType.BOOL:
            return _not_equal(x, 0)
        # A symbol's floats are not followed, and narrow integers may not hold it.
        fits = dtype.is_signed_integer or (dtype.is_unsigned_integer and is_nonnegative(x))
        return x if fits and dtype.bits >= 32 else None

    return _elementwise(convert)(op, arguments)


def _reduction(combine: _Symbolic) -> _Rule:
    """A reduction: ``evaluate`` when all elements are numbers, else ``combine``, two elements at a time."""

    def rule(op: Op, arguments: Sequence[_Argument]) -> Array | tuple[Array, ...]:
        assert isinstance(op, math.Reduction)
        (x,) = _contents_of(arguments)
        if _are_numbers(x).all():
            return _calculated(op, arguments)
        rest = [d for i, d in enumerate(x.shape) if i not in op.axes]
        rows = np.moveaxis(x, op.axes, range(len(op.axes))).reshape(prod(x.shape[a] for a in op.axes), prod(rest))
        reduced = list(rows[0])
        for row in rows[1:]:
            reduced = [combine(a, b) for a, b in zip(reduced, row, strict=True)]
        return _column(reduced).reshape(
            [1 if i in op.axes else d for i, d in enumerate(x.shape)] if op.keep_dims else rest
        )

    return rule


def _known(function: Callable[..., Element]) -> _Symbolic:
    """``function``, but None as soon as an element is unknown."""
    return lambda *elements: None if any(e is None for e in elements) else function(*elements)


def _divide(x: Dim, y: Dim) -> Element:
    """Truncated division; it is the floored one where both are provably not negative."""
    return x // y if is_nonnegative(x) and is_nonnegative(y) else None


def _fmod(x: Dim, y: Dim) -> Element:
    return x % y if is_nonnegative(x) and is_nonnegative(y) else None


def _absolute(x: Dim) -> Element:
    return x if is_nonnegative(x) else -x if is_nonnegative(-x) else None


def _equal(x: Dim, y: Dim) -> bool | None:
    return True if known_equal(x, y) else False if known_different(x, y) else None


def _not_equal(x: Dim, y: Dim) -> bool | None:
    equal = _equal(x, y)
    return None if equal is None else not equal


def _less(x: Dim, y: Dim) -> bool | None:
    return True if is_positive(y - x) else False if is_nonnegative(x - y) else None


def _less_equal(x: Dim, y: Dim) -> bool | None:
    return True if is_nonnegative(y - x) else False if is_positive(x - y) else None


def _and(x: Element, y: Element) -> Element:
    return False if x is False or y is False else None


def _or(x: Element, y: Element) -> Element:
    return True if x is True or y is True else None


def _select(condition: Element, x: Element, y: Element) -> Element:
    if condition is None:
        return x if x == y else None
    return x if condition else y


def _unknown(*elements: Element) -> None:
    """For ops that are followed on numbers only."""


def _rules() -> dict[type[Op], _Rule]:
    rules: dict[type[Op], _Rule] = {
        tensor.Shape: _shape,
        tensor.Constant: _constant,
        tensor.Dims: _dims,
        tensor.Cast: _cast,
        tensor.Range: _range,
        tensor.NonZero: _calculated,
        math.CumSum: _calculated,
        math.ReduceSum: _reduction(_known(lambda x, y: x + y)),
        math.ReduceProd: _reduction(_known(lambda x, y: x * y)),
        math.ReduceMax: _reduction(_known(dim_max)),
        math.ReduceMin: _reduction(_known(dim_min)),
        math.ReduceAny: _reduction(_or),
        math.ReduceAll: _reduction(_and),
    }
    rules.update(dict.fromkeys(_MOVING, _moved))
    rules.update((op, _elementwise(symbolic)) for op, symbolic in _ELEMENTWISE.items())
    return rules


_MOVING: tuple[type[Op], ...] = (
    tensor.Reshape,
    tensor.Transpose,
    tensor.Concat,
    tensor.Split,
    tensor.Pad,
    tensor.Expand,
    tensor.Tile,
    tensor.Reverse,
    tensor.Slice,
    tensor.DynamicSlice,
    tensor.Gather,
    tensor.GatherElements,
    tensor.GatherNd,
    tensor.ScatterElements,
    tensor.ScatterNd,
)

_ELEMENTWISE: dict[type[Op], _Symbolic] = {
    math.Add: _known(lambda x, y: x + y),
    math.Sub: _known(lambda x, y: x - y),
    math.Mul: _known(lambda x, y: x * y),
    math.Div: _known(_divide),
    math.FloorMod: _known(lambda x, y: x % y),
    math.Fmod: _known(_fmod),
    math.Neg: _known(lambda x: -x),
    math.Abs: _known(_absolute),
    math.Square: _known(lambda x: x * x),
    math.Maximum: _known(dim_max),
    math.Minimum: _known(dim_min),
    math.Equal: _known(_equal),
    math.NotEqual: _known(_not_equal),
    math.Less: _known(_less),
    math.LessEqual: _known(_less_equal),
    math.Greater: _known(lambda x, y: _less(y, x)),
    math.GreaterEqual: _known(lambda x, y: _less_equal(y, x)),
    math.LogicalAnd: _and,
    math.LogicalOr: _or,
    math.Select: _select,
    **dict.fromkeys(
        (
            math.LogicalNot,
            math.LogicalXor,
            math.Pow,
            math.Sign,
            math.Floor,
            math.Ceil,
            math.Round,
            math.Sqrt,
            math.Reciprocal,
            math.Clamp,
        ),
        _unknown,
    ),
}

_RULES = _rules()
