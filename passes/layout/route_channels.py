"""route-channels: instead of channels being shuffled between layers, the layers' weights are.

Which channels meet is known beforehand. A layer with constant weights gives its channels in any order and takes them in
any; so the tensors between layers get orders in which what is taken together stands together, and of many shuffles,
splits and concatenations few slices and concatenations are left.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ...ir import Function, Module, Op, Value
from ...opdef import replace
from ...ops import tensor
from ...pass_manager import module_pass
from ...rewriter import erase_if_dead, insert_new_ops, is_allowed, record_rewrite
from ..patterns import constant, constant_array
from .channel_orders import Alike, Orders, Preference, alike_tensors, choose_orders, place_in_sources
from .channel_regions import Regions, regions_of
from .channel_routes import Labels
from .channel_ties import tie_of
from .costs import Costs, costs_of

NAME = "order_into_weights"

OP_OVERHEAD = 1024
"""What an op costs beside the bytes that it writes."""

PART_OVERHEAD = 256
"""What each part of a concatenation or split costs beside its bytes."""

ROUNDS = 4
"""What fell apart into tensors of their own may be ordered better one by one."""

MOST_PARTS = 64
"""A tensor of more parts is not put together."""

Changes = dict[Op, dict[str, dict[int, Labels]]]
"""For an op its constants, by their fields, and the orders that their axes get."""

Part = tuple[Value, int, int]
"""A source, the first of some of its channels and their number."""


@module_pass()
def route_channels(module: Module) -> bool:
    """Permutes weights so that channels need no shuffling, and moves fewer bytes of activations."""
    costs = costs_of(module)
    changed = [_route(function, costs) for function in module.functions.values()]
    return any(changed)


def _route(function: Function, costs: Costs) -> bool:
    changed = False
    for _ in range(ROUNDS):
        regions = regions_of(function) if is_allowed(NAME) else None
        if regions is None or not _reorder(regions, costs):
            break
        changed = True
    return changed


def _reorder(regions: Regions, costs: Costs) -> bool:
    demands = regions.demands()
    alike = alike_tensors(regions, demands)
    components = _components(regions, demands, alike)
    plans = {p: _Plan(regions, alike, choose_orders(regions, demands, alike, p), costs) for p in Preference}
    chosen: list[tuple[_Plan, _Component]] = []
    for component in components:
        before = _cost_before(component, costs)
        best, after = min(((p, plan.cost(component.demands)) for p, plan in plans.items()), key=lambda pair: pair[1])
        if after < before and is_allowed(NAME):
            chosen.append((plans[best], component))
            record_rewrite(NAME)
    _apply(chosen)
    return bool(chosen)


def _apply(chosen: Sequence[tuple["_Plan", "_Component"]]) -> None:
    """Makes the demanded tensors of their parts and permutes the constants of the ops between."""
    # A layer can take its channels from one component and give them to another: all is found before anything changes.
    changes: Changes = {}
    for plan, component in chosen:
        plan.add_changes(component, changes)
    for plan, component in chosen:
        plan.make(component.demands)
    permuted: dict[tuple[Value, bytes], Value] = {}
    for op, constants in changes.items():
        _rebuild(op, constants, permuted)
    for _, component in chosen:
        for op in reversed(component.movers):
            if op.function is not None:
                erase_if_dead(op)


@dataclass
class _Component:
    """What hangs together: if the order of one tensor changes, what another is made of may."""

    movers: list[Op] = field(default_factory=list)
    demands: list[Value] = field(default_factory=list)
    members: dict[Value, Alike] = field(default_factory=dict)


def _components(regions: Regions, demands: list[Value], alike: dict[Value, Alike]) -> list[_Component]:
    """Those in which channels are not only put together, and of which nothing without channels is taken."""
    parents: dict[Alike, Alike] = {}

    def root(group: Alike) -> Alike:
        while (parent := parents.setdefault(group, group)) is not group:
            parents[group] = group = parents[parent]
        return group

    first: dict[Value, Alike] = {}
    for value, route in regions.routes.items():
        owners = np.unique(regions.owners[route.labels.reshape(-1)])
        groups = [alike[regions.sources[owner]] for owner in owners]
        if not groups:
            continue
        first[value] = groups[0]
        for other in (*groups, alike.get(value, groups[0])):
            parents[root(other)] = root(groups[0])
    found: dict[Alike, _Component] = {}
    for op in regions.movers:
        if all(r in first for r in op.results):
            found.setdefault(root(first[op.results[0]]), _Component()).movers.append(op)
    for value in demands:
        if value in first and (key := root(first[value])) in found:
            found[key].demands.append(value)
    for value, group in alike.items():
        if (key := root(group)) in found:
            found[key].members[value] = group
    kept = {v for op in regions.movers if any(r not in first for r in op.results) for v in op.operands}
    return [
        component
        for component in found.values()
        if not all(isinstance(op, tensor.Concat) for op in component.movers)
        and not any(r in kept for op in component.movers for r in op.results)
    ]


def _cost_before(component: _Component, costs: Costs) -> int:
    total = 0
    sliced: set[Value] = set()
    for op in component.movers:
        if isinstance(op, tensor.Reshape):
            continue
        total += sum(costs.bytes(r.type) for r in op.results)
        if isinstance(op, tensor.Slice):
            # Slices of one tensor are one split.
            total += PART_OVERHEAD + (0 if op.x in sliced else OP_OVERHEAD)
            sliced.add(op.x)
        elif isinstance(op, tensor.Concat):
            total += OP_OVERHEAD + PART_OVERHEAD * len(op.xs)
        else:
            total += OP_OVERHEAD + PART_OVERHEAD * (len(op.results) - 1)
    return total


@dataclass(frozen=True)
class _Plan:
    """Orders for all tensors, and what follows from them."""

    regions: Regions
    alike: dict[Value, Alike]
    orders: Orders
    costs: Costs

    def order(self, value: Value) -> Labels | None:
        """The order of a tensor's channels; None where they stay."""
        order = self.orders[self.alike[value]]
        return None if (order == np.arange(len(order))).all() else order

    def parts(self, demand: Value) -> tuple[Part, ...]:
        """The runs of channels that the demanded tensor is made of, one after the other."""
        order = self.orders[self.alike[demand]]
        owners, channels = (part[order] for part in self.regions.parts(demand))
        places = place_in_sources(self.regions, self.alike, self.orders, owners, channels)
        is_first = np.ones(len(places), bool)
        is_first[1:] = (owners[1:] != owners[:-1]) | (places[1:] != places[:-1] + 1)
        starts = np.flatnonzero(is_first)
        counts = np.diff([*starts, len(places)])
        sources = self.regions.sources
        return tuple((sources[owners[s]], int(places[s]), int(count)) for s, count in zip(starts, counts, strict=True))

    def cost(self, demands: Iterable[Value]) -> float:
        """What the ops cost that make the demanded tensors."""
        total = 0
        made: set[tuple[Part, ...]] = set()
        sliced: set[Value] = set()
        cut: set[Part] = set()
        for demand in demands:
            parts = self.parts(demand)
            if len(parts) > MOST_PARTS:
                return float("inf")
            if parts in made:
                continue
            made.add(parts)
            for part in parts:
                if part in cut or self.is_whole(part):
                    continue
                cut.add(part)
                source, _, count = part
                channels = source.type.shape[self.regions.axes[source]]
                assert isinstance(channels, int)
                total += self.costs.bytes(source.type) * count // channels + PART_OVERHEAD
                total += 0 if source in sliced else OP_OVERHEAD
                sliced.add(source)
            if len(parts) > 1:
                total += self.costs.bytes(demand.type) + OP_OVERHEAD + PART_OVERHEAD * len(parts)
        return total

    def is_whole(self, part: Part) -> bool:
        source, _, count = part
        return count == source.type.shape[self.regions.axes[source]]

    def make(self, demands: Iterable[Value]) -> None:
        """Puts what is made of parts in the place of the demanded tensors."""
        made: dict[tuple[Part, ...], Value] = {}
        cut: dict[Part, Value] = {}
        for demand in demands:
            parts = self.parts(demand)
            if parts not in made:
                made[parts] = self._made(demand, parts, cut)
            self._put_in_place(demand, made[parts])

    def add_changes(self, component: _Component, changes: Changes) -> None:
        """Adds what changes of the ops that see channels in another order."""
        for value, group in component.members.items():
            order = self.order(value)
            if order is None or value.owner is None:
                continue
            for op in (value.owner, *value.uses):
                tie = None if op in self.regions.movers else tie_of(op, value, group.members[value])
                for constant_field, axis in () if tie is None else tie.constants:
                    changes.setdefault(op, {}).setdefault(constant_field, {})[axis] = order
            # It is no longer what the source has under this name.
            value.name = ""

    def _made(self, demand: Value, parts: Sequence[Part], cut: dict[Part, Value]) -> Value:
        """The parts one after the other, which are cut where they have not been."""
        values = []
        for part in parts:
            source, start, count = part
            if part not in cut and not self.is_whole(part):
                axis = self.regions.axes[source]
                starts = tuple(start if a == axis else 0 for a in range(source.type.rank))
                shape = tuple(count if a == axis else d for a, d in enumerate(source.type.shape))
                cut[part] = _inserted(tensor.Slice(source, starts, shape, (1,) * source.type.rank), demand)
            values.append(source if self.is_whole(part) else cut[part])
        if len(values) == 1:
            return values[0]
        return _inserted(tensor.Concat(tuple(values), self.regions.axes[demand]), demand)

    def _put_in_place(self, demand: Value, made: Value) -> None:
        if not made.name and self.order(demand) is None:
            made.name, demand.name = demand.name, ""
        demand.replace_all_uses_with(made)


def _inserted(op: tensor.Slice | tensor.Concat, place: Value) -> Value:
    """The result of an op that is inserted before the owner of ``place``."""
    owner = place.owner
    assert owner is not None and owner.function is not None
    op.location = owner.location
    owner.function.ops.insert_before(owner, op)
    return op.result


def _rebuild(op: Op, constants: dict[str, dict[int, Labels]], permuted: dict[tuple[Value, bytes], Value]) -> None:
    """Puts an op in the place of ``op`` whose constants have other orders along some axes."""
    assert op.function is not None
    fields: dict[str, Value] = {}
    for name, orders in constants.items():
        old: Value = getattr(op, name)
        key = (old, b"".join(bytes([axis]) + order.tobytes() for axis, order in sorted(orders.items())))
        if key not in permuted:
            array = constant_array(old)
            assert array is not None
            for axis, order in orders.items():
                array = array.take(order, axis)
            permuted[key] = constant(array, old)
        fields[name] = permuted[key]
    rebuilt = replace(op, **fields)
    insert_new_ops(rebuilt.results, partial(op.function.ops.insert_before, op))
    for before, after in zip(op.results, rebuilt.results, strict=True):
        after.type, after.name, before.name = before.type, before.name, ""
        before.replace_all_uses_with(after)
    rebuilt.location = op.location
    erase_if_dead(op)
