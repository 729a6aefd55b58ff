"""merge-layers: layers that stand side by side, or one behind another, with nothing but sums between become one.

Networks that are trained with many branches a layer (RepVGG, arXiv:2101.03697; MobileOne, arXiv:2206.04040; ACNet,
arXiv:1908.03930; diverse branch blocks, arXiv:2103.13425) need one convolution a layer to compute the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np

from ...ir import Module, Op, Value
from ...opdef import replace
from ...ops import math, nn
from ...ops.enums import Activation
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..thrift import thrifty
from . import fold_batch_norm
from .layer_algebra import has_constant_weights
from .layer_maps import Frame, elements, is_linear, layer_of, map_of, multiplications, reach_of
from .rules import layer_borders, layer_order, layers_through_moves
from .window_maps import MOST_MULTIPLICATIONS, Reach, WindowMap, pointwise, reach_together, sum_of_maps

# What merges leave behind a layer goes into it, so that the next merge sees it.
RULES = RuleSet(fold_batch_norm.RULES, layer_order.RULES, layer_borders.RULES, layers_through_moves.RULES)

LONGEST_BRANCH = 6
"""A branch has at most so many ops."""

LARGEST_SUM = 64
"""Sums of more operands than that are no layer's branches."""


@module_pass()
def merge_layers(module: Module, *, grows: bool = True) -> bool:
    """Merges layers with constant weights over one input that end in a sum, and layers behind layers when the result
    costs no more.

    Without ``grows``, only where no more is stored in the end: not for weights that others use as well.
    """
    return apply_rules(module, RULES if grows else thrifty(RULES))


@RULES.on(math.Add)
def layers_of_sum(op: math.Add) -> Op | Value | None:
    """conv(x, v) + conv(x, w) -> conv(x, v + w), for all that is linear: norms, scales, pools, linear layers, x"""
    return _merged_sum(op)


@RULES.on(math.Sub)
def layers_of_difference(op: math.Sub) -> Op | Value | None:
    """conv(x, v) - conv(x, w) -> conv(x, v - w), for all that is linear: norms, scales, pools, linear layers, x"""
    return _merged_sum(op)


@RULES.on(nn.Conv)
def conv_behind_conv(op: nn.Conv) -> Op | None:
    """conv(conv(x, v), w) -> conv(x, w * v) when that has no more weights and multiplications; pools likewise"""
    return _merged_chain(op)


@RULES.on(nn.BatchNorm)
def norm_behind_pool(op: nn.BatchNorm) -> Op | None:
    """batch_norm(average_pool(x)) -> conv(x), each channel for itself, when every window has the same divisor"""
    pool = op.x.owner
    if not isinstance(pool, nn.AveragePool) or not op.x.has_one_use:
        return None
    frame = Frame(op.x.type.rank, pool.layout)
    composed = _map_of_branch(Branch(pool.x, (op, pool), 1), frame)
    layer = None if composed is None else layer_of(composed, pool.x, frame, Activation.NONE)
    return layer if layer is not None and layer.results[0].type == op.result.type else None


@RULES.on(nn.Linear)
def linear_behind_linear(op: nn.Linear) -> Op | None:
    """linear(linear(x, v), w) -> linear(x, w · v) when that has no more weights and multiplications"""
    return _merged_chain(op)


def _merged_chain(op: nn.Conv | nn.Linear) -> Op | None:
    inner = op.x.owner
    if not isinstance(inner, nn.Conv | nn.Linear | nn.AveragePool) or not is_linear(inner) or not op.x.has_one_use:
        return None
    frame = Frame.of(op)
    reaches = reach_of(op, frame), reach_of(inner, frame)
    if reaches[0] is None or reaches[1] is None or not has_constant_weights(op):
        return None
    merged = reaches[0].behind(reaches[1])
    before = multiplications(reaches[0], op.result) + multiplications(reaches[1], op.x)
    stored = reaches[0].weights + (0 if isinstance(inner, nn.AveragePool) else reaches[1].weights)
    if multiplications(merged, op.result) > before or merged.weights > stored or merged.is_dilated_and_strided:
        return None
    composed = _map_of_branch(Branch(inner.x, (op, inner), 1), frame)
    layer = None if composed is None else layer_of(composed, inner.x, frame, op.activation, op.weight)
    return layer if layer is not None and layer.results[0].type == op.result.type else None


@dataclass(frozen=True)
class Branch:
    """A summand: ``sign`` times what ``ops``, the last one first, make of ``source``; ``source`` itself without any."""

    source: Value
    ops: tuple[Op, ...]
    sign: int

    @property
    def has_layer(self) -> bool:
        return any(isinstance(op, nn.Conv | nn.Linear) for op in self.ops)


def _map_of_branch(branch: Branch, frame: Frame) -> WindowMap | None:
    """The branch as one map of its source; None when an op of it is none, or when borders come between."""
    channels = frame.channels(branch.source)
    if not branch.ops:
        return None if channels is None else _identity(channels, frame).scaled(branch.sign)
    maps = [map_of(op, frame) for op in branch.ops]
    known = [m for m in maps if m is not None]
    if len(known) < len(maps):
        return None
    for outer, inner in pairwise(known):
        effort = outer.reach.weights * inner.reach.weights // max(inner.reach.outputs, 1)
        if effort > MOST_MULTIPLICATIONS:
            return None
    composed = known[-1]
    for outer in reversed(known[:-1]):
        if outer.reach.crosses_borders(composed.reach, bool(composed.bias.any())):
            return None
        composed = outer.behind(composed)
    return composed.scaled(branch.sign)


def _identity(channels: int, frame: Frame) -> WindowMap:
    return pointwise(np.ones(channels), np.zeros(channels), frame.spatial_rank)


Summand = tuple[Value, int]
"""A value of a sum and its sign."""


def _merged_sum(op: math.Add | math.Sub) -> Op | Value | None:
    """The sum with the branches over one value in one layer; None when no two of them become one."""
    if not op.result.type.dtype.is_float or _is_part_of_sum(op.result):
        return None
    summands = _summands(op)
    if len(summands) > LARGEST_SUM:
        return None
    for branches in _branches_by_source(summands, op.result):
        found = _merged_branches(branches, op.result)
        if found is not None:
            layer, merged = found
            rest = [s for i, s in enumerate(summands) if i not in merged]
            return _with_rest(layer, rest, op.activation)
    return None


def _is_part_of_sum(value: Value) -> bool:
    """Whether the sum that uses ``value`` takes in its summands."""
    user = next(iter(value.uses), None)
    is_summand = isinstance(user, math.Add | math.Sub) and user.result.type.shape == value.type.shape
    return is_summand and _is_plain_sum(value)


def _is_plain_sum(value: Value) -> bool:
    owner = value.owner
    return isinstance(owner, math.Add | math.Sub) and owner.activation is Activation.NONE and value.has_one_use


def _summands(op: math.Add | math.Sub) -> list[Summand]:
    """What the op and the sums that it alone uses add up, in order."""
    found: list[Summand] = []
    waiting: list[Summand] = [(op.result, 1)]
    while waiting and len(found) <= LARGEST_SUM:
        value, sign = waiting.pop()
        owner = value.owner
        is_inner = value is op.result or (_is_plain_sum(value) and value.type.shape == op.result.type.shape)
        if is_inner and isinstance(owner, math.Add | math.Sub):
            waiting += [(owner.y, sign if isinstance(owner, math.Add) else -sign), (owner.x, sign)]
        else:
            found.append((value, sign))
    return found


def _branches_by_source(summands: Sequence[Summand], result: Value) -> list[dict[int, Branch]]:
    """For every value that several summands are branches of, these by their indices; the most branches first."""
    by_source: dict[Value, dict[int, Branch]] = {}
    for index, (value, sign) in enumerate(summands):
        if value.type.shape != result.type.shape:
            continue
        for branch in _branches(value, sign):
            by_source.setdefault(branch.source, {}).setdefault(index, branch)
    return sorted((b for b in by_source.values() if len(b) > 1), key=len, reverse=True)


def _branches(value: Value, sign: int) -> Iterator[Branch]:
    """The value as what ever longer chains of ops make of their sources."""
    ops: list[Op] = []
    yield Branch(value, (), sign)
    while len(ops) < LONGEST_BRANCH and value.owner is not None and is_linear(value.owner) and value.has_one_use:
        ops.append(value.owner)
        value = value.owner.operands[0]
        yield Branch(value, tuple(ops), sign)


def _merged_branches(branches: Mapping[int, Branch], result: Value) -> tuple[Op, set[int]] | None:
    """One layer for as many of the branches as it computes at no more cost, and their indices."""
    layers = [op for b in branches.values() for op in b.ops if isinstance(op, nn.Conv | nn.Linear)]
    if not layers:
        return None
    frame = Frame.of(layers[0])
    reaches = {i: r for i, b in branches.items() if (r := _reach_of_branch(b, frame)) is not None}
    maps: dict[int, WindowMap] = {}
    total: Reach | None = None
    # The largest first: what it reads anyway, the others add nothing to. Of equal ones that which is not dearer as one.
    own = {i: _own_cost(branches[i], frame) for i in reaches}
    dearer = {i: multiplications(reach, result) > own[i] for i, reach in reaches.items()}
    for index in sorted(reaches, key=lambda i: (not branches[i].has_layer, -reaches[i].weights, dearer[i])):
        branch, reach = branches[index], reaches[index]
        together = reach if total is None else reach_together((total, reach))
        cost = own[index] if total is None else multiplications(total, result) + elements(result) + own[index]
        if together is None or multiplications(together, result) > cost:
            continue
        found = _map_of_branch(branch, frame)
        if found is not None:
            maps[index], total = found, together
    if total is None or len(maps) < 2:
        return None
    source, like = next(iter(branches.values())).source, layers[0].weight
    layer = layer_of(sum_of_maps(list(maps.values()), total), source, frame, Activation.NONE, like)
    if layer is None or layer.results[0].type != result.type:
        return None
    return layer, set(maps)


def _own_cost(branch: Branch, frame: Frame) -> int:
    """What the branch's ops cost as they are: nothing for the value itself."""
    reaches = [(reach_of(op, frame), op.results[0]) for op in branch.ops]
    return sum(multiplications(r, v) for r, v in reaches if r)


def _reach_of_branch(branch: Branch, frame: Frame) -> Reach | None:
    channels = frame.channels(branch.source)
    if not branch.ops:
        return None if channels is None else _identity(channels, frame).reach
    reaches = [reach_of(op, frame) for op in branch.ops]
    known = [r for r in reaches if r is not None]
    return reduce(Reach.behind, known) if len(known) == len(reaches) else None


def _with_rest(layer: Op, rest: Sequence[Summand], activation: Activation) -> Op:
    """The layer with the other summands added, and the activation applied."""
    if not rest:
        return replace(layer, activation=activation)
    total = layer
    for index, (value, sign) in enumerate(rest):
        last = activation if index == len(rest) - 1 else Activation.NONE
        combine = math.Add if sign > 0 else math.Sub
        total = combine(total.results[0], value, last)
    return total
