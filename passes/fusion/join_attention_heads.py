"""join-attention-heads: attention takes its heads side by side, as layers make them, for targets that want them so."""

from ...dims import known_equal
from ...ir import Module, Value
from ...ops import math, nn, tensor
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..patterns import reshape

RULES = RuleSet()

_BETWEEN_HEADS_AND_ROWS = (0, 2, 1, 3)
_STACKED = (2, 0, 3, 1, 4)
"""[B, rows, parts, H, columns] as [parts, B, H, rows, columns]."""


@module_pass()
def join_attention_heads(module: Module) -> bool:
    """Makes attention with the heads side by side of attention whose heads are split off and merged around it."""
    return apply_rules(module, RULES)


@RULES.on(tensor.Reshape)
def attention_with_heads_together(op: tensor.Reshape) -> Value | None:
    """reshape(transpose(attention(q, k, v))) -> attention(q, k, v), its heads side by side in every operand"""
    match op.x:
        case Value(
            owner=tensor.Transpose(x=Value(owner=nn.Attention() as inner, has_one_use=True), permutation=permutation),
            has_one_use=True,
        ) if permutation == _BETWEEN_HEADS_AND_ROWS and inner.q.type.rank == 4:
            pass
        case _:
            return None
    parts: _Parts = {}
    q, k, v = (_heads_together(x, parts) for x in (inner.q, inner.k, inner.v))
    if q is None or k is None or v is None:
        return None
    return reshape(nn.Attention(q, k, v, inner.mask, inner.heads, inner.scale).result, op.shape)


@RULES.on(tensor.Reshape)
def selected_rows_behind_heads(op: tensor.Reshape) -> Value | None:
    """reshape(transpose(select(c, attention, s))) -> select(reshape(c), reshape(transpose(attention)), s), c by rows"""
    match op.x:
        case Value(
            owner=tensor.Transpose(x=Value(owner=math.Select() as selected, has_one_use=True), permutation=permutation),
            has_one_use=True,
        ) if permutation == _BETWEEN_HEADS_AND_ROWS and selected.y.type.rank == 0:
            condition, y = selected.condition, selected.x
        case _:
            return None
    is_attention = isinstance(y.owner, nn.Attention) and y.has_one_use and y.type == selected.result.type
    if not is_attention or condition.type.rank != 4:
        return None
    batch, heads, rows, columns = condition.type.shape
    if heads != 1 or columns != 1 or len(op.shape) != 3 or not known_equal(op.shape[1], y.type.shape[2]):
        return None
    together = reshape(tensor.Transpose(y, permutation).result, op.shape)
    return math.Select(reshape(condition, (batch, rows, 1)), together, selected.y).result


_Parts = dict[Value, tuple[Value, ...]]
"""What was cut into queries, keys and values, and its parts."""


def _heads_together(x: Value, parts: _Parts) -> Value | None:
    """[B, rows, H * columns], from which ``x`` [B, H, rows, columns] was made; None when it was not."""
    match x.owner:
        case tensor.Transpose(x=Value(owner=tensor.Reshape(x=source)) as split, permutation=permutation):
            batch, rows, heads, columns = split.type.shape
            if permutation == _BETWEEN_HEADS_AND_ROWS and source.type.shape == (batch, rows, heads * columns):
                return source
        case tensor.Reshape(x=part) if x.type.shape == part.type.shape[1:]:
            return _part_of_stack(part, parts)
    return None


def _part_of_stack(part: Value, parts: _Parts) -> Value | None:
    """The same for one of several that lie side by side in one projection, and then were stacked along a first axis."""
    stack, index = _place_in_stack(part)
    match stack:
        case Value(owner=tensor.Transpose(x=Value(owner=tensor.Reshape(x=source)) as split, permutation=permutation)):
            if permutation != _STACKED or len(source.type.shape) != 3:
                return None
            batch, rows, count, heads, columns = split.type.shape
            if not isinstance(count, int) or source.type.shape != (batch, rows, count * heads * columns):
                return None
            if source not in parts:
                parts[source] = tensor.Split(source, 2, (heads * columns,) * count).results
            return parts[source][index]
    return None


def _place_in_stack(part: Value) -> tuple[Value | None, int]:
    """What ``part`` is one position of, along the first axis, and which."""
    match part.owner:
        case tensor.Split(x=stack, axis=0, sizes=sizes) if all(size == 1 for size in sizes):
            return stack, part.index
        case tensor.Slice(x=stack, starts=(int(index), *rest), sizes=(1, *sizes)):
            is_whole = tuple(sizes) == stack.type.shape[1:] and all(start == 0 for start in rest)
            return (stack, index) if is_whole else (None, 0)
    return None, 0
