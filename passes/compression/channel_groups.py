"""Which channels can only go together: equivalence classes over the indices of all axes of all values.

Every index of every axis of a known size has a label. Ops couple labels: to remove one index is to remove all of its
class, everywhere (Fang et al., "DepGraph: Towards Any Structural Pruning", arXiv:2301.12900, where whole layers are
coupled; single indices make concatenations, slices, groups and heads nothing special). A class is frozen when one of
its labels is: the indices of inputs and outputs, of spatial axes, of what an op sees that is unknown here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...ir import Function, Op, Value
from ...ops import tensor
from ..axis_atoms import Atoms, common_atoms

Labels: TypeAlias = NDArray[np.int64]
Axis: TypeAlias = tuple[Labels, tuple[int, ...]]
"""The labels of an axis and the atoms that it is made of."""

Key: TypeAlias = tuple[Value, int, Op | None]
"""A value, one of its axes, and the op that sees it so; None where all see it alike."""


@dataclass(frozen=True)
class Cluster:
    """Axes of both sides of a reshape that are made of the same atoms, of which one atom at most may lose indices.

    ``axes`` are the labels of the axes, each with its atoms; ``sizes`` the atoms' sizes.
    """

    axes: tuple[Axis, ...]
    sizes: dict[int, int]

    def along(self, atom: int) -> list[Labels]:
        """For each axis that has the atom its labels as [size of the atom, all others]."""
        found = []
        for labels, atoms in self.axes:
            if atom in atoms:
                grid = labels.reshape([self.sizes[a] for a in atoms])
                # Numpy cannot tell what -1 is where there are no elements.
                others = grid.size // max(self.sizes[atom], 1)
                found.append(np.moveaxis(grid, atoms.index(atom), 0).reshape(self.sizes[atom], others))
        return found


class ChannelGroups:
    """The labels of all axes of some functions' values, and their classes once ``solve`` has run."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self.labels: dict[Key, Labels] = {}
        self._pairs: list[tuple[Labels, Labels]] = []
        self._frozen: list[Labels] = []
        self._clusters: list[Cluster] = []
        count = 0
        for value in (v for function in functions for v in function.values()):
            users: Iterable[Op | None] = value.users if is_private(value) else (None,)
            for user in users:
                for axis, dim in enumerate(value.type.shape):
                    size = dim if isinstance(dim, int) else 0
                    self.labels[value, axis, user] = np.arange(count, count + size)
                    count += size
        self.roots: Labels = np.arange(count)
        """For each label its class: the lowest label in it."""

    def of(self, value: Value, axis: int, user: Op | None) -> Labels:
        """The labels of an axis as ``user`` sees it; none for an axis whose size is a symbol."""
        return self.labels[value, axis, user if is_private(value) else None]

    def couple(self, a: Labels, b: Labels) -> None:
        """Makes a[i] and b[i] go together; where the axes are not known to be alike, both stay."""
        if a.shape != b.shape:
            self.freeze(a)
            self.freeze(b)
            return
        self._pairs.append((a.reshape(-1), b.reshape(-1)))

    def couple_rows(self, grid: Labels) -> None:
        """Makes the labels of each row go together."""
        self.couple(np.broadcast_to(grid[:, :1], grid.shape), grid)

    def freeze(self, labels: Labels) -> None:
        self._frozen.append(labels.reshape(-1))

    def couple_reshape(self, op: tensor.Reshape, before: list[Labels], after: list[Labels]) -> None:
        """Couples the axes of a reshape: those that stay whole at once, the others when ``solve`` sees which may go."""
        atoms = common_atoms(op.x.type.shape, op.shape) if op.dims is None else None
        if atoms is None:
            for labels in (*before, *after):
                self.freeze(labels)
            return
        for axes in _clusters(atoms, before, after):
            sizes = {a: size for _, made_of in axes for a in made_of if isinstance(size := atoms.sizes[a], int)}
            if all(a in sizes for _, made_of in axes for a in made_of):
                self._clusters.append(Cluster(axes, sizes))
            else:
                # An axis with a symbolic atom has no labels: nothing of the cluster can go.
                for labels, _ in axes:
                    self.freeze(labels)
        for labels, made_of in zip((*before, *after), (*atoms.before, *atoms.after), strict=True):
            if not made_of:
                self.freeze(labels)

    def solve(self) -> NDArray[np.bool_]:
        """Finds the classes; returns for each label whether its class is frozen."""
        waiting = self._clusters
        while True:
            frozen = self._merged()
            if not waiting:
                return frozen
            decided = [(c, atoms) for c in waiting if len(atoms := _free_atoms(c, frozen)) <= 1]
            if not decided:
                # Several atoms are free, as heads and their features are: the one of most indices is the finest cut.
                first = waiting[0]
                atoms = _free_atoms(first, frozen)
                decided = [(first, [max(atoms, key=lambda a: (first.sizes[a], a))])]
            for cluster, atoms in decided:
                self._decide(cluster, atoms[0] if atoms else None)
            done = {id(cluster) for cluster, _ in decided}
            waiting = [c for c in waiting if id(c) not in done]

    def _decide(self, cluster: Cluster, atom: int | None) -> None:
        for labels, atoms in cluster.axes:
            if atom not in atoms:
                self.freeze(labels)
        if atom is None:
            return
        grids = cluster.along(atom)
        for grid in grids:
            self.couple_rows(grid)
            self.couple(grids[0][:, 0], grid[:, 0])

    def _merged(self) -> NDArray[np.bool_]:
        """Works the couplings that wait into ``roots``; which labels are frozen."""
        if self._pairs:
            left, right = zip(*self._pairs, strict=True)
            _merge(self.roots, np.concatenate(left), np.concatenate(right))
            self._pairs = []
        frozen = np.zeros(len(self.roots), bool)
        for labels in self._frozen:
            frozen[self.roots[labels]] = True
        return frozen[self.roots]


def is_private(value: Value) -> bool:
    """Whether each op sees the value as its own: a constant along one axis at most, which costs little to have twice.

    Equal biases of layers that have nothing to do with each other are one constant.
    """
    return isinstance(value.owner, tensor.Constant) and sum(d != 1 for d in value.type.shape) <= 1


def _merge(roots: Labels, a: Labels, b: Labels) -> None:
    """Joins the classes of a[i] and b[i] in place, each class then named by its lowest label.

    Shiloach and Vishkin, "An O(log n) parallel connectivity algorithm", 1982: hook the higher root to the lower one,
    then make all paths one step long, until nothing changes.
    """
    while True:
        a, b = roots[a], roots[b]
        differ = a != b
        if not differ.any():
            return
        a, b = a[differ], b[differ]
        np.minimum.at(roots, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(above := roots[roots], roots):
            roots[:] = above


def _clusters(atoms: Atoms, before: list[Labels], after: list[Labels]) -> Iterator[tuple[Axis, ...]]:
    """The axes of both sides of a reshape, those together that are made of the same atoms; both sides are in order."""
    sides = (zip(before, atoms.before, strict=True), zip(after, atoms.after, strict=True))
    left, right = ([(labels, tuple(made_of)) for labels, made_of in side if made_of] for side in sides)
    while left:
        axes = [left.pop(0), right.pop(0)]
        ends = [axes[0][1][-1], axes[1][1][-1]]
        while ends[0] != ends[1]:
            side, queue = (0, left) if ends[0] < ends[1] else (1, right)
            axes.append(queue.pop(0))
            ends[side] = axes[-1][1][-1]
        yield tuple(axes)


def _free_atoms(cluster: Cluster, frozen: NDArray[np.bool_]) -> list[int]:
    """The atoms of which some index may go, as far as is known."""
    return [a for a in cluster.sizes if not np.any([frozen[g].any(axis=1) for g in cluster.along(a)], axis=0).all()]
