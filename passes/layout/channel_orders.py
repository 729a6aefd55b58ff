"""The order of channels that each tensor of a region gets."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from ...ir import Value
from ..patterns import is_constant
from .channel_regions import Regions
from .channel_routes import Labels
from .channel_ties import tie_of


class Preference(enum.Enum):
    """What decides the order of a tensor's channels: the tensors that take them, those first that need them in an
    exact order; or nothing, and they stay."""

    TAKERS = "takers"
    EXACT_TAKERS = "exact-takers"
    NONE = "none"


@dataclass
class Alike:
    """Tensors whose channels are in one order, each with their axis; ``is_fixed`` if this cannot be chosen."""

    count: int
    members: dict[Value, int] = field(default_factory=dict)
    is_fixed: bool = False


Orders: TypeAlias = dict[int, Labels]
"""By the ``id`` of an ``Alike``: which of the old channels stands at each place."""


def alike_tensors(regions: Regions, demands: Iterable[Value]) -> dict[Value, Alike]:
    """For the sources and the demanded tensors of the regions, and all that are tied to them, what is alike."""
    found: dict[Value, Alike] = {}
    for start in (*regions.sources, *demands):
        if start in found:
            continue
        axis = regions.axes[start]
        channels = start.type.shape[axis]
        assert isinstance(channels, int)
        alike = Alike(channels)
        waiting = [(start, axis)]
        while waiting:
            value, axis = waiting.pop()
            if value in alike.members:
                alike.is_fixed |= alike.members[value] != axis
                continue
            if value in found or value.type.shape[axis] != alike.count or regions.axes.get(value, axis) != axis:
                # The tensor has another order to keep, along another axis.
                alike.is_fixed = True
                if value in found:
                    found[value].is_fixed = True
                continue
            alike.members[value], found[value] = axis, alike
            if is_constant(value) or value.owner is None or value.type.quantization is not None:
                alike.is_fixed = True
                continue
            for op in (value.owner, *value.uses):
                if op in regions.movers:
                    continue
                tie = tie_of(op, value, axis)
                if tie is None:
                    alike.is_fixed = True
                else:
                    waiting.extend(tie.places)
    return found


@dataclass(frozen=True)
class Occurrence:
    """That channels of one tensor stand at ``positions`` of a demanded tensor, which is the ``demand``-th."""

    demand: int
    taker: Alike
    channels: Labels
    positions: Labels


def choose_orders(regions: Regions, demands: list[Value], alike: dict[Value, Alike], preference: Preference) -> Orders:
    """An order for each set of tensors, so that few and long runs of channels make each demanded tensor.

    Channels that the same tensors take stand together, as those tensors have them, else as their parts come.
    """
    groups = list({id(a): a for a in alike.values()}.values())
    if preference is Preference.NONE:
        return {id(a): np.arange(a.count) for a in groups}
    occurrences = _occurrences(regions, demands, alike)
    ranks: dict[int, Labels] = {}
    for group in reversed(groups):
        is_free = not group.is_fixed
        ranks[id(group)] = (
            _ranks(group, occurrences.get(id(group), []), ranks, preference) if is_free else np.arange(group.count)
        )
    orders: Orders = {}
    for group in groups:
        assembled = next((v for v in group.members if v in regions.routes), None)
        ties = [np.arange(group.count)]
        if assembled is not None and not group.is_fixed:
            ties[:0] = _places(regions, assembled, alike, orders)
        orders[id(group)] = np.lexsort((*reversed(ties), ranks[id(group)]))
    return orders


def _occurrences(regions: Regions, demands: list[Value], alike: dict[Value, Alike]) -> dict[int, list[Occurrence]]:
    found: dict[int, list[Occurrence]] = {}
    for number, demand in enumerate(demands):
        owners, channels = regions.parts(demand)
        for owner in np.unique(owners):
            positions = np.flatnonzero(owners == owner)
            occurrence = Occurrence(number, alike[demand], channels[positions], positions)
            found.setdefault(id(alike[regions.sources[owner]]), []).append(occurrence)
    return found


def _ranks(group: Alike, occurrences: list[Occurrence], ranks: dict[int, Labels], preference: Preference) -> Labels:
    """Numbers by which channels are sorted, equal for those that nothing tells apart."""
    takers: list[list[int]] = [[] for _ in range(group.count)]
    exact: list[list[int]] = [[] for _ in range(group.count)]
    inner: list[list[int]] = [[] for _ in range(group.count)]
    for occurrence in occurrences:
        known = ranks.get(id(occurrence.taker))
        wanted = occurrence.positions if known is None else known[occurrence.positions]
        is_exact = occurrence.taker.is_fixed
        for channel, place in zip(occurrence.channels.tolist(), wanted.tolist(), strict=True):
            takers[channel].append(occurrence.demand)
            (exact if is_exact else inner)[channel].append(place)
    if preference is Preference.TAKERS:
        keys = [(t, e, i) for t, e, i in zip(takers, exact, inner, strict=True)]
    else:
        keys = [(e, t, i) for t, e, i in zip(takers, exact, inner, strict=True)]
    numbers = {key: number for number, key in enumerate(sorted({_frozen(key) for key in keys}))}
    return np.array([numbers[_frozen(key)] for key in keys], np.int64)


def _frozen(key: tuple[list[int], list[int], list[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(map(tuple, key))


def _places(regions: Regions, value: Value, alike: dict[Value, Alike], orders: Orders) -> list[Labels]:
    """For each channel of a moved tensor the number of its source, and its place there."""
    owners, channels = regions.parts(value)
    return [owners, place_in_sources(regions, alike, orders, owners, channels)]


def place_in_sources(
    regions: Regions, alike: dict[Value, Alike], orders: Orders, owners: Labels, channels: Labels
) -> Labels:
    """Where channels of the sources stand in these when they have the orders; those without one stay."""
    places = channels.copy()
    for owner in np.unique(owners):
        order = orders.get(id(alike[regions.sources[owner]]))
        if order is not None:
            inverse = np.empty_like(order)
            inverse[order] = np.arange(len(order))
            places[owners == owner] = inverse[channels[owners == owner]]
    return places
