"""fuse-rotary-embeddings: columns that are rotated in pairs, in the ways in which models spell it.

Parts are compared by which columns of which tensor they are, since slices of slices have become one.
"""

from dataclasses import dataclass, replace

from ...dims import Dim, known_equal
from ...ir import Module, Value
from ...ops import math, nn, tensor
from ...ops.enums import Activation
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..lowering.building import concat, folded, folded_reshape, insert_axis
from ..patterns import either_order, is_constant, reshape

RULES = RuleSet()


@module_pass()
def fuse_rotary_embeddings(module: Module) -> bool:
    """Makes rotary embeddings of their parts."""
    return apply_rules(module, RULES)


_Window = tuple[tuple[Dim, ...], tuple[Dim, ...], tuple[int, ...]]
"""Starts, sizes and strides along all axes but the last."""


@dataclass(frozen=True)
class _Columns:
    """``count`` columns of ``base``, along its last axis, from ``start`` on, ``step`` apart; all axes before as cut."""

    base: Value
    window: _Window
    start: int
    count: int
    step: int = 1

    def is_beside(self, other: "_Columns") -> bool:
        """Whether the others are of the same rows."""
        return self.base is other.base and self.window == other.window

    def is_pair(self, other: "_Columns", interleaved: bool) -> bool:
        """Whether these are the first of all pairs, and the others the second."""
        if not self.is_beside(other) or (self.count, self.step) != (other.count, other.step):
            return False
        distance = other.start - self.start
        if interleaved:
            return self.step % 2 == 0 and distance == self.step // 2
        return distance == self.count * self.step


@RULES.on(math.Add)
def product_with_turned_columns(op: math.Add) -> nn.RotaryEmbedding | None:
    """x * cos + concat(-x2, x1) * sin -> rotary_embedding(x, cos, sin), x1 and x2 the halves of x or every other one"""
    if op.activation is not Activation.NONE or not op.result.type.dtype.is_float or op.result.type.rank == 0:
        return None
    for plain, turned in either_order(op):
        if not _is_product(plain) or not _is_product(turned):
            continue
        for factor, sin in either_order(turned.owner):
            parts = _turned(factor)
            if parts is None or not isinstance(parts[0].owner, math.Neg):
                continue
            second, first, interleaved = _columns_of(parts[0].owner.x), _columns_of(parts[1]), parts[2]
            if second is None or first is None or not first.is_pair(second, interleaved):
                continue
            for x, cos in either_order(plain.owner):
                whole = _columns_of(x)
                if whole is not None and whole == _whole(first, interleaved) and x.type.shape == op.result.type.shape:
                    return _rotary(x, cos, sin, interleaved)
    return None


def _is_product(value: Value) -> bool:
    product = value.owner
    return isinstance(product, math.Mul) and value.has_one_use and product.activation is Activation.NONE


def _whole(first: _Columns, interleaved: bool) -> _Columns:
    """The columns whose pairs begin with these."""
    step = first.step // 2 if interleaved else first.step
    return replace(first, count=2 * first.count, step=step)


def _rotary(x: Value, cos: Value, sin: Value, interleaved: bool) -> nn.RotaryEmbedding | None:
    columns = x.type.shape[-1]
    if not isinstance(columns, int) or not all(_is_table(t, x) for t in (cos, sin)):
        return None
    return nn.RotaryEmbedding(x, cos, sin, columns, interleaved)


def _is_table(table: Value, x: Value) -> bool:
    """Whether a number for each column, broadcast along other axes, and not larger than x."""
    own, shape = table.type.shape, x.type.shape
    if not 1 <= len(own) <= len(shape) or not known_equal(own[-1], shape[-1]):
        return False
    return all(a == 1 or known_equal(a, b) for a, b in zip(reversed(own), reversed(shape), strict=False))


@RULES.on(tensor.Concat)
def rotated_halves(op: tensor.Concat) -> nn.RotaryEmbedding | None:
    """concat(x1 * cos - x2 * sin, x2 * cos + x1 * sin) -> rotary_embedding(x, concat(cos, cos), concat(sin, sin))"""
    if op.axis != op.result.type.rank - 1 or len(op.xs) not in (2, 3):
        return None
    rotary = _rotated(op.xs[0], op.xs[1], interleaved=False)
    return rotary if rotary is None or len(op.xs) == 2 else _beside(rotary, op.xs[2])


@RULES.on(tensor.Concat)
def rotated_pairs(op: tensor.Concat) -> Value | None:
    """stack(x1 * cos - x2 * sin, x2 * cos + x1 * sin) -> reshape(rotary_embedding(x, …)), x1, x2 every other column"""
    if op.axis != op.result.type.rank - 1 or len(op.xs) != 2:
        return None
    first, second = (_without_last_axis(x) for x in op.xs)
    rotary = None if first is None or second is None else _rotated(first, second, interleaved=True)
    return None if rotary is None else reshape(rotary.result, op.result.type.shape)


def _rotated(real: Value, imaginary: Value, interleaved: bool) -> nn.RotaryEmbedding | None:
    match real.owner, imaginary.owner:
        case (
            math.Sub(x=Value(owner=math.Mul() as ac), y=Value(owner=math.Mul() as bs), activation=Activation.NONE),
            math.Add(x=Value(owner=math.Mul()) as left, y=Value(owner=math.Mul()) as right, activation=Activation.NONE),
        ):
            products = (ac.result, bs.result, left, right)
        case _:
            return None
    if not all(map(_is_product, products)) or not (real.has_one_use and imaginary.has_one_use):
        return None
    for a, cos in either_order(ac):
        for b, sin in either_order(bs):
            first, second = _columns_of(a), _columns_of(b)
            if first is None or second is None or not first.is_pair(second, interleaved):
                continue
            are_tables = all(_is_table(t, a) and _is_worth_doubling(t) for t in (cos, sin))
            if are_tables and _are_products((left, right), (b, cos), (a, sin)):
                x = _taken(_whole(first, interleaved))
                return _rotary(x, _doubled(cos, interleaved), _doubled(sin, interleaved), interleaved)
    return None


def _is_worth_doubling(table: Value) -> bool:
    """Whether more than the two products of one embedding use the table, or it is doubled beforehand."""
    return is_constant(table) or len(table.users) > 2


def _are_products(found: tuple[Value, Value], *expected: tuple[Value, Value]) -> bool:
    """Whether these are the products of those factors, in any order."""
    pairs = [set(either_order(value.owner)) for value in found]
    return any(expected[0] in pairs[i] and expected[1] in pairs[1 - i] for i in (0, 1))


def _doubled(table: Value, interleaved: bool) -> Value:
    """A table with each number for both columns of its pair."""
    if not interleaved:
        return concat((table, table), table.type.rank - 1)
    last = insert_axis(table, table.type.rank)
    spread = concat((last, last), table.type.rank)
    return folded_reshape(spread, (*table.type.shape[:-1], table.type.shape[-1] * 2))


@RULES.on(tensor.Concat)
def columns_beside_rotated(op: tensor.Concat) -> nn.RotaryEmbedding | None:
    """concat(rotary_embedding(first columns of x), the others) -> rotary_embedding(x) of the first columns only"""
    match op.xs:
        case (Value(owner=nn.RotaryEmbedding() as rotary, has_one_use=True), rest) if op.axis == rest.type.rank - 1:
            return _beside(rotary, rest)
    return None


def _beside(rotary: nn.RotaryEmbedding, rest: Value) -> nn.RotaryEmbedding | None:
    """The embedding of the first columns only of a tensor that has ``rest`` behind them."""
    rotated, others = _columns_of(rotary.x), _columns_of(rest)
    if rotated is None or others is None or not rotated.is_beside(others):
        return None
    if rotated.step != 1 or others.step != 1 or others.start != rotated.start + rotated.count:
        return None
    if rotary.columns != rotated.count or rotary.x.type.shape[:-1] != rest.type.shape[:-1]:
        return None
    x = _taken(replace(rotated, count=rotated.count + others.count))
    return nn.RotaryEmbedding(x, rotary.cos, rotary.sin, rotary.columns, rotary.interleaved)


def _taken(columns: _Columns) -> Value:
    """The columns as a value."""
    shape = columns.base.type.shape
    if columns == replace(_all_of(columns.base), count=columns.count) and columns.count == shape[-1]:
        return columns.base
    starts, sizes, strides = columns.window
    cut = tensor.Slice(columns.base, (*starts, columns.start), (*sizes, columns.count), (*strides, columns.step))
    return folded(cut)


def _all_of(base: Value, count: int = 0) -> _Columns:
    leading = base.type.shape[:-1]
    zeros: tuple[Dim, ...] = (0,) * len(leading)
    return _Columns(base, (zeros, leading, (1,) * len(leading)), 0, count)


def _turned(value: Value) -> tuple[Value, Value, bool] | None:
    """The two parts that are concatenated along the last axis, or, True, that alternate along it."""
    rank = value.type.rank
    match value.owner:
        case tensor.Concat(xs=(first, second), axis=axis) if axis == rank - 1:
            return first, second, False
        case tensor.Reshape(x=Value(owner=tensor.Concat(xs=(first, second), axis=axis)) as stack) if axis == rank:
            last = value.type.shape[-1]
            if not isinstance(last, int) or stack.type.shape != (*value.type.shape[:-1], last // 2, 2):
                return None
            a, b = _without_last_axis(first), _without_last_axis(second)
            return None if a is None or b is None else (a, b, True)
    return None


def _without_last_axis(part: Value) -> Value | None:
    """What was given a last axis of size 1."""
    match part.owner:
        case tensor.Reshape(x=x) if part.type.shape == (*x.type.shape, 1):
            return x
    return None


def _columns_of(value: Value) -> _Columns | None:
    """Which columns of what the value is; None when they are not known."""
    last = value.type.shape[-1] if value.type.rank else None
    if not isinstance(last, int):
        return None
    match value.owner:
        case tensor.Slice() as part:
            return _columns_of_slice(part, last)
        case tensor.Split(x=x, axis=axis, sizes=sizes) if axis == value.type.rank - 1:
            known = [size for size in sizes[: value.index] if isinstance(size, int)]
            outer = _columns_of(x) if len(known) == value.index else None
            return outer and replace(outer, start=outer.start + sum(known) * outer.step, count=last)
        case tensor.Reshape(x=Value(owner=tensor.Slice() | tensor.Split()) as one) if one.type.shape[-1] == 1:
            return _columns_of_pairs(value, one)
    return _all_of(value, last)


def _columns_of_slice(part: tensor.Slice, count: int) -> _Columns | None:
    start, step = part.starts[-1], part.strides[-1]
    if not isinstance(start, int) or step < 1:
        return None
    whole = _all_of(part.x)
    window = (part.starts[:-1], part.sizes[:-1], part.strides[:-1])
    if window != whole.window:
        return _Columns(part.x, window, start, count, step)
    outer = _columns_of(part.x)
    return outer and replace(outer, start=outer.start + start * outer.step, count=count, step=step * outer.step)


def _columns_of_pairs(value: Value, one: Value) -> _Columns | None:
    """Every other column, taken as one of two along an axis that the columns were split into."""
    if one.type.shape != (*value.type.shape, 1):
        return None
    chosen = _columns_of(one)
    if chosen is None or chosen.base.type.shape != (*value.type.shape, 2) or chosen.count != 1:
        return None
    match chosen.base.owner:
        case tensor.Reshape(x=x) if x.type.shape == (*value.type.shape[:-1], 2 * chosen.base.type.shape[-2]):
            outer = _columns_of(x)
            count = value.type.shape[-1]
            if outer is None or not isinstance(count, int):
                return None
            start = outer.start + chosen.start * outer.step
            return replace(outer, start=start, count=count, step=2 * outer.step)
    return None
