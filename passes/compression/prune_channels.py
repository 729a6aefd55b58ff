"""prune-channels: channels of little weight leave the network, with all that only they need.

What goes together is solved for the whole module (channel_groups.py); of each set of channels that the same axes have,
those whose weights have the lowest L2 norm go.
"""

import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...ir import Function, Module, Op, Value
from ...ops import tensor
from ...pass_manager import module_pass
from ..patterns import constant_array
from ..quantization.weights import weights_of
from .channel_couplings import couple
from .channel_groups import ChannelGroups, Labels
from .op_axes import OpAxes
from .remove_channels import remove_channels
from .selection import check_share, named

Mask: TypeAlias = NDArray[np.bool_]


class Scope(enum.Enum):
    """Whether each layer loses the same share, or those of the whole module go that weigh least within their layers."""

    LAYER = "layer"
    GLOBAL = "global"


@module_pass()
def prune_channels(
    module: Module,
    *,
    amount: float = 0.0,
    scope: Scope = Scope.LAYER,
    multiple: int = 1,
    limit: float = 0.9,
    keep: str = "",
    keep_statistics: bool = False,
) -> bool:
    """Removes the share ``amount`` of the channels, those of the lowest L2 norm, from the layers and all that follows.

    Channels left in a layer are a multiple of ``multiple``; no layer loses more than ``limit``. ``keep`` names layers
    that lose none, separated by ``;``; with ``keep_statistics`` no channel goes that a layer norm averages over. Raises
    InputError for options out of range.
    """
    check_share("amount", amount)
    check_share("limit", limit)
    if multiple < 1:
        raise InputError(f"channels can be a multiple of 1 or more, not of {multiple}")
    if amount == 0:
        return False
    budget = Budget(amount, scope, multiple, limit)
    groups, is_removed = removed_channels(module, budget, keep, keep_statistics)
    if not is_removed.any():
        return False
    for function in module.functions.values():
        remove_channels(function, groups, is_removed)
    return True


@dataclass(frozen=True)
class Budget:
    """How much goes: see the options of the pass."""

    amount: float
    scope: Scope = Scope.LAYER
    multiple: int = 1
    limit: float = 0.9


def removed_channels(
    module: Module, budget: Budget, keep: str = "", keep_statistics: bool = False
) -> tuple[ChannelGroups, Mask]:
    """The groups of the module's channels, and for each label whether the pass removes it."""
    functions = list(module.functions.values())
    groups, frozen = channel_groups(functions, keep, keep_statistics)
    found = _candidates(functions, groups, frozen)
    choose = _per_layer if budget.scope is Scope.LAYER else _global
    is_removed = np.zeros(len(groups.roots), bool)
    is_removed[found.classes[choose(found, budget)]] = True
    return groups, is_removed[groups.roots]


def channel_groups(functions: list[Function], keep: str, keep_statistics: bool) -> tuple[ChannelGroups, Mask]:
    """The solved groups of the functions' channels, and for each label whether it has to stay."""
    groups, is_kept = ChannelGroups(functions), named(keep)
    for function in functions:
        for value in function.inputs:
            for axis in range(value.type.rank):
                groups.freeze(groups.of(value, axis, None))
        for value in function.outputs:
            for axis in range(value.type.rank):
                groups.freeze(groups.of(value, axis, function.ret))
        for op in function.ops:
            couple(OpAxes(op, groups, keep_statistics))
            if is_kept(op):
                for labels in _made_channels(op, groups):
                    groups.freeze(labels)
    return groups, groups.solve()


def _made_channels(op: Op, groups: ChannelGroups) -> Iterator[Labels]:
    """The labels of the channels that the op's weights make."""
    for use in weights_of(op):
        # The entries of an embedding are chosen by number; what it makes are their features.
        axis = use.input_axis if isinstance(op, tensor.Gather) else use.output_axis
        if axis is not None:
            yield groups.of(use.value, axis, op)


@dataclass(frozen=True)
class _Candidates:
    """The classes that may go, each with its squared L2 norm and its layer: a number, the same for the same axes."""

    classes: Labels
    importance: NDArray[np.float64]
    layers: Labels

    @cached_property
    def sizes(self) -> Labels:
        """How many classes each layer has."""
        return np.bincount(self.layers)


def _candidates(functions: list[Function], groups: ChannelGroups, frozen: Mask) -> _Candidates:
    is_made = np.zeros(len(groups.roots), bool)
    importance = np.zeros(len(groups.roots))
    seen: set[tuple[Value, Op | None]] = set()
    for op in (op for function in functions for op in function.ops):
        for labels in _made_channels(op, groups):
            is_made[groups.roots[labels]] = True
        for value in op.operands:
            _add_squares(value, op, groups, importance, seen)
    classes = np.flatnonzero(is_made & ~frozen & (groups.roots == np.arange(len(groups.roots))))
    return _Candidates(classes, importance[classes], _layers(classes, groups))


def _add_squares(
    value: Value,
    op: Op,
    groups: ChannelGroups,
    importance: NDArray[np.float64],
    seen: set[tuple[Value, Op | None]],
) -> None:
    """Adds to each class the squares of the weights that would go with it."""
    array = constant_array(value)
    if array is None or not value.type.dtype.is_float or value.type.rank == 0:
        return
    key = (value, op if (value, 0, op) in groups.labels else None)
    if key in seen:
        return
    seen.add(key)
    squares = np.square(array.astype(np.float64))
    for axis in range(array.ndim):
        others = tuple(a for a in range(array.ndim) if a != axis)
        np.add.at(importance, groups.roots[groups.of(value, axis, op)], squares.sum(axis=others))


def _layers(classes: Labels, groups: ChannelGroups) -> Labels:
    """Numbers the sets of axes: classes that have indices in the same axes get the same number."""
    is_candidate = np.zeros(len(groups.roots), bool)
    is_candidate[classes] = True
    # A sum of random numbers, one an axis, tells sets apart; the generator is seeded, so that it is the same each time.
    rng = np.random.default_rng(0)
    marks = np.zeros(len(groups.roots), np.uint64)
    for labels in groups.labels.values():
        mark = rng.integers(1, 2**63, dtype=np.uint64)
        roots = np.unique(groups.roots[labels])
        marks[roots[is_candidate[roots]]] += mark
    _, layers = np.unique(marks[classes], return_inverse=True)
    return np.asarray(layers, np.int64).reshape(-1)


def _removable(count: int, share: float, multiple: int) -> int:
    """How many of ``count`` channels go, so that a multiple is left, and one at least."""
    left = max(math.ceil(count * (1 - share) - 1e-9), 1)
    return max(count - math.ceil(left / multiple) * multiple, 0)


def _per_layer(found: _Candidates, budget: Budget) -> Mask:
    return _lowest(found, found.importance, np.full(len(found.sizes), min(budget.amount, budget.limit)), budget)


def _global(found: _Candidates, budget: Budget) -> Mask:
    """Importance is held against its layer's mean: layers differ in the size of their weights for many reasons."""
    means = np.bincount(found.layers, found.importance) / found.sizes
    relative = found.importance / np.where(means > 0, means, 1)[found.layers]
    lowest = np.argsort(relative, kind="stable")[: int(budget.amount * len(relative) + 1e-9)]
    shares = np.bincount(found.layers[lowest], minlength=len(found.sizes)) / found.sizes
    return _lowest(found, relative, np.minimum(shares, budget.limit), budget)


def _lowest(found: _Candidates, importance: NDArray[np.float64], shares: NDArray[np.float64], budget: Budget) -> Mask:
    """Of each layer the channels of the lowest importance, as large a share of it as is given."""
    removed = np.zeros(len(found.classes), bool)
    order = np.lexsort((importance, found.layers))
    starts = np.cumsum(found.sizes) - found.sizes
    for start, size, share in zip(starts, found.sizes, shares, strict=True):
        count = _removable(int(size), float(share), budget.multiple)
        removed[order[start : start + count]] = True
    return removed
