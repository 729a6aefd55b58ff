"""Attention recognised: products, softmax and the rearrangement of heads as one operator."""

from ...dims import known_equal
from ...ir import Op, Value
from ...ops import math, nn, tensor
from ...ops.enums import Activation
from ...passes.patterns import either_order, number, reshape
from ...rewriter import RuleSet

RULES = RuleSet()

_BETWEEN_HEADS_AND_ROWS = (0, 2, 1, 3)
_ROWS_AS_COLUMNS = (0, 1, 3, 2)
_STACKED = (2, 0, 3, 1, 4)
"""[B, rows, parts, H, columns] as [parts, B, H, rows, columns]."""


@RULES.on(math.MatMul)
def attention_of_heads(op: math.MatMul) -> Op | None:
    """matmul(softmax(matmul(q, transpose(k)) * c + m), v) -> attention(q, k, v, m), each with a head axis"""
    match op:
        case math.MatMul(x=Value(owner=nn.Softmax(x=scores, axis=3), has_one_use=True), transpose_x=False):
            scores, mask = _without_mask(scores)
            product, scale = _without_scale(scores)
        case _:
            return None
    if not isinstance(product, math.MatMul) or product.transpose_x or op.result.type.rank != 4:
        return None
    q, factor = _without_factor(product.x)
    k = product.y if product.transpose_y else _transposed(product.y, _ROWS_AS_COLUMNS)
    v = _transposed(op.y, _ROWS_AS_COLUMNS) if op.transpose_y else op.y
    heads = q.type.shape[1] if q.type.rank == 4 else None
    if not isinstance(heads, int) or not _has_equal_batches(q, k, v) or not q.type.dtype.is_float:
        return None
    return nn.Attention(q, k, v, mask, heads, factor * scale) if _is_full(mask, q, k) else None


def _without_mask(scores: Value) -> tuple[Value, Value | None]:
    """What a sum adds to the scaled products of queries and keys."""
    match scores:
        case Value(owner=math.Add(activation=Activation.NONE) as total, has_one_use=True):
            for product, mask in either_order(total):
                if product.has_one_use and _without_scale(product)[0] is not None:
                    return product, mask
    return scores, None


def _without_scale(scores: Value) -> tuple[math.MatMul | None, float]:
    """The product of queries and keys, and the number that it is multiplied by."""
    if not scores.has_one_use:
        return None, 1.0
    match scores.owner:
        case math.MatMul() as product:
            return product, 1.0
        case math.Mul(x=Value(owner=math.MatMul() as product, has_one_use=True), y=y, activation=Activation.NONE):
            factor = number(y)
            return (None, 1.0) if factor is None else (product, float(factor))
        case math.Div(x=Value(owner=math.MatMul() as product, has_one_use=True), y=y, activation=Activation.NONE):
            divisor = number(y)
            return (None, 1.0) if not divisor else (product, 1 / float(divisor))
    return None, 1.0


def _without_factor(q: Value) -> tuple[Value, float]:
    """x and c when the queries are x * c for a number c."""
    match q:
        case Value(owner=math.Mul(x=x, y=y, activation=Activation.NONE), has_one_use=True):
            factor = number(y)
            if factor is not None and x.type.shape == q.type.shape:
                return x, float(factor)
    return q, 1.0


def _has_equal_batches(q: Value, k: Value, v: Value) -> bool:
    """Whether nothing is broadcast: the operator does not."""
    shapes = [x.type.shape for x in (q, k, v)]
    return all(len(s) == 4 for s in shapes) and all(
        known_equal(a, b) for shape in shapes[1:] for a, b in zip(shapes[0][:2], shape[:2], strict=True)
    )


def _is_full(mask: Value | None, q: Value, k: Value) -> bool:
    """Whether the mask has an element for every query and key: the runtime broadcasts other axes only."""
    if mask is None:
        return True
    shape, rows, columns = mask.type.shape, q.type.shape[2], k.type.shape[2]
    if not 2 <= len(shape) <= 4 or not (known_equal(shape[-2], rows) and known_equal(shape[-1], columns)):
        return False
    leading = zip(reversed(shape[:-2]), reversed(q.type.shape[:2]), strict=False)
    return all(a == 1 or known_equal(a, b) for a, b in leading)


def _transposed(x: Value, permutation: tuple[int, ...]) -> Value:
    """``x`` with its axes reordered; transposes meet."""
    match x.owner:
        case tensor.Transpose(x=source, permutation=inner) if len(inner) == len(permutation):
            joined = tuple(inner[axis] for axis in permutation)
            return source if joined == tuple(range(len(joined))) else tensor.Transpose(source, joined).result
    return tensor.Transpose(x, permutation).result


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
