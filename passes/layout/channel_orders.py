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
from .channel_ties import Place, tie_of


class Preference(enum.Enum):
    """What decides the order of a tensor's channels: the tensors that take them, those first that need them in an
    exact order; or nothing, and they stay."""

    TAKERS = "takers"
    EXACT_TAKERS = "exact-takers"
    NONE = "none"


@dataclass(eq=False)
class Alike:
    """Tensors whose channels are in one order, each with its axis; ``is_fixed`` if that cannot be chosen."""

    count: int
    members: dict[Value, int] = field(default_factory=dict)
    is_fixed: bool = False


Orders: TypeAlias = dict[Alike, Labels]
"""For tensors that are alike: which of the old channels stands at each place."""


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
            if value in found:
                known = found[value]
                if known is not alike or known.members[value] != axis:
                    # The same elements, along two axes.
                    alike.is_fixed = known.is_fixed = True
            elif value.type.shape[axis] != channels or regions.axes.get(value, axis) != axis:
                alike.is_fixed = True
            else:
                alike.members[value], found[value] = axis, alike
                waiting += _tied(value, axis, alike, regions)
    return found


def _tied(value: Value, axis: int, alike: Alike, regions: Regions) -> list[Place]:
    """What the ops around a value tie to it, other than movers; fixes its order where one needs it as it is."""
    if is_constant(value) or value.owner is None or value.type.quantization is not None:
        alike.is_fixed = True
        return []
    ties = [tie_of(op, value, axis) for op in (value.owner, *value.uses) if op not in regions.movers]
    alike.is_fixed |= None in ties
    return [place for tie in ties if tie is not None for place in tie.places]


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
    groups = list(dict.fromkeys(alike.values()))
    if preference is Preference.NONE:
        return {group: np.arange(group.count) for group in groups}
    occurrences = _occurrences(regions, demands, alike)
    # From the last takers on, for what these want is asked of those before.
    ranks: dict[Alike, Labels] = {}
    for group in reversed(groups):
        known = occurrences.get(group, [])
        ranks[group] = np.arange(group.count) if group.is_fixed else _ranks(group, known, ranks, preference)
    orders: Orders = {}
    for group in groups:
        keys = [ranks[group]]
        assembled = next((v for v in group.members if v in regions.routes), None)
        if assembled is not None and not group.is_fixed:
            owners, channels = regions.parts(assembled)
            keys += [owners, place_in_sources(regions, alike, orders, owners, channels)]
        # Numpy sorts by the last key first, and leaves what is equal as it is.
        orders[group] = np.lexsort(keys[::-1])
    return orders


def _occurrences(regions: Regions, demands: list[Value], alike: dict[Value, Alike]) -> dict[Alike, list[Occurrence]]:
    found: dict[Alike, list[Occurrence]] = {}
    for number, demand in enumerate(demands):
        owners, channels = regions.parts(demand)
        for owner in np.unique(owners):
            positions = np.flatnonzero(owners == owner)
            occurrence = Occurrence(number, alike[demand], channels[positions], positions)
            found.setdefault(alike[regions.sources[owner]], []).append(occurrence)
    return found


def _ranks(group: Alike, occurrences: list[Occurrence], ranks: Orders, preference: Preference) -> Labels:
    """Numbers by which channels are sorted, equal for those that nothing tells apart."""
    takers: list[list[int]] = [[] for _ in range(group.count)]
    exact: list[list[int]] = [[] for _ in range(group.count)]
    wanted: list[list[int]] = [[] for _ in range(group.count)]
    for occurrence in occurrences:
        known = ranks.get(occurrence.taker)
        places = occurrence.positions if known is None else known[occurrence.positions]
        placed = exact if occurrence.taker.is_fixed else wanted
        for channel, place in zip(occurrence.channels.tolist(), places.tolist(), strict=True):
            takers[channel].append(occurrence.demand)
            placed[channel].append(place)
    columns = (takers, exact, wanted) if preference is Preference.TAKERS else (exact, takers, wanted)
    keys = [tuple(map(tuple, row)) for row in zip(*columns, strict=True)]
    numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
    return np.array([numbers[key] for key in keys], np.int64)


def place_in_sources(
    regions: Regions, alike: dict[Value, Alike], orders: Orders, owners: Labels, channels: Labels
) -> Labels:
    """Where channels of the sources stand in these when they have the orders; those without one stay."""
    places = channels.copy()
    for owner in np.unique(owners):
        order = orders.get(alike[regions.sources[owner]])
        if order is not None:
            inverse = np.empty_like(order)
            inverse[order] = np.arange(len(order))
            places[owners == owner] = inverse[channels[owners == owner]]
    return places
