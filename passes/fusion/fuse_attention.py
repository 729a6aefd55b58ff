"""fuse-attention: scaled products of queries and keys, their softmax and its product with values as one op.

Exporters write the scale on either side, the mask as a sum or a choice, the heads as an axis or merged with the batch,
heads that share keys and values as repeats. Nothing is broadcast, and what else uses the parts keeps them apart.
"""

from dataclasses import dataclass

import numpy as np

from ...dims import known_equal, product
from ...ir import Module, Value
from ...opdef import replace
from ...ops import math, nn, quant, tensor
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ...types import Shape
from ..patterns import constant, constant_array, is_number, reshape
from .attention_scores import Scores, is_finite, merged_leading, scores_of, without_factor

RULES = RuleSet()


@module_pass()
def fuse_attention(module: Module) -> bool:
    """Makes attention of its parts."""
    return apply_rules(module, RULES)


@dataclass(frozen=True)
class _Weights:
    """A softmax over keys; ``is_guarded`` when rows in which all is hidden count as zeros: those that are no numbers,
    or, ``is_tested``, those whose scores all are -inf."""

    softmax: nn.Softmax
    is_guarded: bool
    is_tested: bool = False


@RULES.on(math.MatMul)
def product_of_weights_and_values(op: math.MatMul) -> Value | None:
    """matmul(softmax(matmul(q, transpose(k)) * c + m), v) -> attention(q, k, v, m)"""
    weights = None if op.transpose_x or not op.result.type.dtype.is_float else _weights_of(op.x)
    if weights is None:
        return None
    scores = scores_of(weights.softmax.x, is_tested=weights.is_tested)
    if scores is None or weights.softmax.x.type.rank not in (3, 4):
        return None
    v = transposed(op.y) if op.transpose_y else op.y
    y = _attention(scores, v, weights.softmax.x.type.shape)
    if y is None:
        return None
    if weights.is_guarded and not is_finite(scores.mask):
        y = _zeros_in_hidden_rows(y, scores.mask)
    return None if y is None else reshape(y, op.result.type.shape)


def _weights_of(value: Value) -> _Weights | None:
    """The softmax that ``value`` is, perhaps guarded, perhaps with its leading axes merged."""
    for weights in merged_leading(value):
        owner = weights.owner
        if isinstance(owner, nn.Softmax) and weights.has_one_use and _is_over_keys(owner):
            return _Weights(owner, is_guarded=False)
        if weights.has_one_use and isinstance(owner, math.Select) and (found := _behind_test(owner)) is not None:
            return found
        match owner:
            case math.Select(condition=Value(owner=math.IsNan(x=tested), has_one_use=True), x=zero, y=kept):
                softmax = kept.owner
                is_alone = weights.has_one_use and tested is kept and len(kept.uses) == 2
                if is_alone and isinstance(softmax, nn.Softmax) and _is_over_keys(softmax) and is_number(zero, 0):
                    return _Weights(softmax, is_guarded=True)
    return None


def _behind_test(guard: math.Select) -> _Weights | None:
    """The softmax where not all scores of a row are -inf, and zeros elsewhere."""
    match guard.condition.owner:
        case math.ReduceAny(x=Value(owner=math.NotEqual(x=scores, y=lowest)) as test, axes=axes, keep_dims=True):
            kept, zeros = guard.x, guard.y
        case math.ReduceAll(x=Value(owner=math.Equal(x=scores, y=lowest)) as test, axes=axes, keep_dims=True):
            kept, zeros = guard.y, guard.x
        case _:
            return None
    softmax, array = kept.owner, constant_array(zeros)
    if not isinstance(softmax, nn.Softmax) or not _is_over_keys(softmax) or softmax.x is not scores:
        return None
    is_alone = kept.has_one_use and test.has_one_use and guard.condition.has_one_use
    if not is_alone or axes != (softmax.axis,) or array is None or array.any() or not is_number(lowest, -np.inf):
        return None
    return _Weights(softmax, is_guarded=True, is_tested=True)


def _is_over_keys(softmax: nn.Softmax) -> bool:
    return softmax.axis == softmax.x.type.rank - 1


def _attention(scores: Scores, v: Value, shape: Shape) -> Value | None:
    """Attention whose scores have ``shape``: [B, H, S, T], or [B, S, T] for one head."""
    if any(isinstance(x.owner, quant.Dequantize) for x in (scores.product.x, scores.product.y, v)):
        # Targets have integer kernels for the products.
        return None
    q, of_queries = without_factor(scores.product.x)
    k, of_keys = without_factor(scores.product.y)
    k = k if scores.product.transpose_y else transposed(k)
    leading = shape[:-2]
    heads = leading[1] if len(leading) == 2 else 1
    operands = [_with_leading(x, leading) for x in (q, k, v)]
    if not isinstance(heads, int) or operands[0] is None or operands[1] is None or operands[2] is None:
        return None
    mask = scores.mask
    if mask is not None and len(leading) == 1 and mask.type.rank == 3:
        batch, rows, columns = mask.type.shape
        mask = reshape(mask, (batch, 1, rows, columns))
    scale = of_queries * of_keys * scores.scale
    return nn.Attention(operands[0], operands[1], operands[2], mask, heads, scale).result


def _with_leading(x: Value, leading: Shape) -> Value | None:
    """``x`` with these axes before those of its matrices, unless it would be broadcast to them."""
    own = x.type.shape[:-2]
    if len(own) == len(leading):
        return x if all(known_equal(a, b) for a, b in zip(own, leading, strict=True)) else None
    if len(own) != 1 or not known_equal(own[0], product(leading)):
        return None
    shape = (*leading, *x.type.shape[-2:])
    for source in merged_leading(x):
        if source.type.shape == shape:
            return source
    return reshape(x, shape)


def _zeros_in_hidden_rows(y: Value, mask: Value | None) -> Value | None:
    """``y`` with zeros in the rows all of whose scores the mask hides by -inf."""
    if mask is None or mask.type.rank == 0:
        return None
    best = math.ReduceMax(mask, (mask.type.rank - 1,), keep_dims=True).result
    dtype = mask.type.dtype.numpy
    is_seen = math.Greater(best, constant(np.array(-np.inf, dtype))).result
    return math.Select(is_seen, y, constant(np.zeros((), dtype))).result


def transposed(x: Value) -> Value:
    """``x`` with its last two axes exchanged; transposes meet."""
    rank = x.type.rank
    exchanged = (*range(rank - 2), rank - 1, rank - 2)
    match x.owner:
        case tensor.Transpose(x=source, permutation=inner):
            joined = tuple(inner[axis] for axis in exchanged)
            return source if joined == tuple(range(rank)) else tensor.Transpose(source, joined).result
    return tensor.Transpose(x, exchanged).result


@RULES.on(nn.Attention)
def repeated_heads(op: nn.Attention) -> nn.Attention | None:
    """attention(q, repeat(k), repeat(v)) -> attention(q, k, v), whose heads share keys and values"""
    if op.q.type.rank != 4 or op.shared_heads != op.heads:
        return None
    k, v = without_repeats(op.k, 1), without_repeats(op.v, 1)
    if k is None or v is None or k.type.shape[1] != v.type.shape[1]:
        return None
    return replace(op, k=k, v=v)


def without_repeats(x: Value, axis: int) -> Value | None:
    """What ``x`` repeats each position of along an axis, in a row; None when it does not."""
    match x.owner:
        case tensor.Transpose(x=inner, permutation=permutation):
            source = without_repeats(inner, permutation[axis])
            return None if source is None else tensor.Transpose(source, permutation).result
        case tensor.Reshape(x=Value(owner=tensor.Expand(x=single, shape=shape))):
            return _spread_along(single, shape, x.type.shape, axis)
        case tensor.Gather(x=source, indices=indices, axis=gathered) if gathered == axis:
            chosen, count = constant_array(indices), source.type.shape[axis]
            if chosen is None or chosen.ndim != 1 or not isinstance(count, int) or count == 0 or chosen.size % count:
                return None
            return source if np.array_equal(chosen, np.repeat(np.arange(count), chosen.size // count)) else None
    return None


def _spread_along(single: Value, spread: Shape, shape: Shape, axis: int) -> Value | None:
    """The same where an axis of 1 behind the repeated one was expanded and then merged with it."""
    if len(spread) != len(shape) + 1:
        return None
    own, repeats = spread[axis], spread[axis + 1]
    rest = (*shape[:axis], *shape[axis + 1 :])
    is_merge = known_equal(shape[axis], own * repeats) and (*spread[:axis], *spread[axis + 2 :]) == rest
    if not is_merge or not isinstance(own, int) or single.type.shape != (*spread[: axis + 1], 1, *spread[axis + 2 :]):
        return None
    return reshape(single, (*shape[:axis], own, *shape[axis + 1 :]))
