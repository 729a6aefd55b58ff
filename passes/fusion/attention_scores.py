"""What stands between the product of queries and keys and its softmax: a factor, masks, axes merged and split."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from ...dims import known_equal, product
from ...ir import Value
from ...ops import math, tensor
from ...ops.enums import Activation
from ...types import Shape
from ..patterns import constant, constant_array, either_order, number
from .rules.matching import factored

HIDES = -1e30
"""A number so low that any score is lost in it: a sum with it hides as well as the number in the score's place."""

HIDES_BESIDE_OTHERS = -1e8
"""A number whose exponential is zero beside that of any score: it hides as well where another key of the row is
shown, for there the sum with a score makes no difference."""

_DEEPEST = 4
"""Masks that are added or chosen one after the other, at most."""


@dataclass(frozen=True)
class Scores:
    """``product * scale + mask``, where the product's leading axes may be merged to one."""

    product: math.MatMul
    scale: float
    mask: Value | None = None


def scores_of(value: Value, depth: int = 0, is_tested: bool = False) -> Scores | None:
    """How ``value``, of any rank, is made of a product that nothing else uses; None when it is not.

    ``is_tested`` says that a guard looks at ``value`` besides the softmax.
    """
    if len(value.users) != (2 if is_tested else 1) or sum(value.uses.values()) != len(value.users) or depth > _DEEPEST:
        return None
    owner = value.owner
    if isinstance(owner, math.Add) and owner.activation is Activation.NONE:
        return _with_summand(owner, depth)
    if isinstance(owner, math.Select):
        return _with_choice(owner, depth)
    if is_tested:
        # Without a mask there is nothing to guard against.
        return None
    unscaled, scale = without_factor(value)
    inner = unscaled.owner
    if isinstance(inner, tensor.Reshape) and unscaled.has_one_use:
        if not _keeps_matrices(inner.x.type.shape, unscaled.type.shape):
            return None
        unscaled, factor = without_factor(inner.x)
        scale, inner = scale * factor, unscaled.owner
    if not isinstance(inner, math.MatMul) or not unscaled.has_one_use or inner.transpose_x:
        return None
    return Scores(inner, scale)


def _with_summand(total: math.Add, depth: int) -> Scores | None:
    """scores + mask"""
    for inner, mask in either_order(total):
        if inner.type.shape != total.result.type.shape or mask.type.rank > inner.type.rank:
            continue
        scores = scores_of(inner, depth + 1)
        if scores is None:
            continue
        if scores.mask is None:
            return replace(scores, mask=mask)
        joined = math.Add(scores.mask, mask).result
        # Two that broadcast along different axes are better added to the scores one after the other, unless all layers
        # share their sum.
        is_shared = len(scores.mask.users) > 1 and len(mask.users) > 1
        if is_shared or _is_shape_of_one(joined, scores.mask, mask):
            return replace(scores, mask=joined)
    return None


def _with_choice(choice: math.Select, depth: int) -> Scores | None:
    """scores where a condition holds, elsewhere a number that hides them"""
    for is_kept in (True, False):
        inner, other = (choice.x, choice.y) if is_kept else (choice.y, choice.x)
        lowest = number(other)
        hides = HIDES_BESIDE_OTHERS if _shows_keys_in_all_rows(choice.condition, is_kept) else HIDES
        if lowest is None or lowest > hides or inner.type.shape != choice.result.type.shape:
            continue
        scores = scores_of(inner, depth + 1)
        if scores is None:
            continue
        shown = scores.mask
        if shown is None:
            shown = constant(np.zeros((), inner.type.dtype.numpy))
        hidden = constant(np.asarray(lowest).astype(inner.type.dtype.numpy))
        mask = math.Select(choice.condition, *((shown, hidden) if is_kept else (hidden, shown))).result
        if _is_shape_of_one(mask, choice.condition, shown):
            return replace(scores, mask=mask)
    return None


def _shows_keys_in_all_rows(condition: Value, is_shown: bool) -> bool:
    """Whether it is known that no row of scores is hidden as a whole."""
    array = constant_array(condition)
    return array is not None and array.ndim > 0 and bool((array == is_shown).any(-1).all())


def without_factor(value: Value) -> tuple[Value, float]:
    """x and c when ``value`` is x times a number c, and nothing else uses it."""
    found = factored(value) if value.has_one_use else None
    return found if found is not None and isfinite(found[1]) else (value, 1.0)


def is_finite(mask: Value | None) -> bool:
    """Whether no element is known to be infinite: of a mask that hides by a large number."""
    if mask is None:
        return True
    array = constant_array(mask)
    if array is not None:
        return bool(np.isfinite(array).all())
    match mask.owner:
        case math.Select(x=x, y=y):
            return is_finite(x) and is_finite(y)
        case tensor.Reshape(x=x) | tensor.Expand(x=x) | tensor.Gather(x=x):
            return is_finite(x)
    return False


def _keeps_matrices(before: Shape, after: Shape) -> bool:
    """Whether a reshape merges or splits leading axes only."""
    if len(before) < 3 or len(after) < 3:
        return False
    pairs = [*zip(before[-2:], after[-2:], strict=True), (product(before[:-2]), product(after[:-2]))]
    return all(known_equal(a, b) for a, b in pairs)


def _is_shape_of_one(value: Value, *operands: Value) -> bool:
    return any(without_leading_ones(value) == without_leading_ones(x) for x in operands)


def without_leading_ones(value: Value) -> Shape:
    shape = value.type.shape
    ones = next((axis for axis, dim in enumerate(shape) if dim != 1), len(shape))
    return shape[ones:]


def merged_leading(value: Value) -> Iterator[Value]:
    """``value``, and what it was before a reshape that merged or split its leading axes."""
    yield value
    match value.owner:
        case tensor.Reshape(x=x) if value.has_one_use and _keeps_matrices(x.type.shape, value.type.shape):
            yield x
