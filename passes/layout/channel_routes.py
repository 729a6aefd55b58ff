"""Where the channels of tensors come from that are only put together, taken apart and put in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...dims import Dim
from ...ir import Op, Value
from ...ops import tensor
from ..axis_atoms import common_atoms
from ..patterns import constant_array

Labels: TypeAlias = NDArray[np.int64]

Movement = (
    tensor.Concat | tensor.Split | tensor.Slice | tensor.Gather | tensor.Reverse | tensor.Reshape | tensor.Transpose
)


@dataclass(frozen=True)
class Route:
    """What a tensor is made of: its axes ``axes`` hold the channels ``labels``, which has their shape, and the others
    what tensors of shape ``frame`` hold beside their channels, in the same order; ``frame`` has None at their axis."""

    labels: Labels
    axes: tuple[int, ...]
    frame: tuple[Dim | None, ...]

    @staticmethod
    def of(value: Value, axis: int, labels: Labels) -> "Route":
        """Of a tensor whose channels stand along ``axis``."""
        shape = value.type.shape
        return Route(labels, (axis,), (*shape[:axis], None, *shape[axis + 1 :]))

    def is_plain(self, value: Value) -> bool:
        """Whether the value has its channels along one axis, where tensors of the frame have them."""
        if len(self.axes) != 1:
            return False
        (axis,), shape = self.axes, value.type.shape
        return (*shape[:axis], None, *shape[axis + 1 :]) == self.frame


def route_through(op: Op, routes: Mapping[Value, Route]) -> tuple[Route, ...] | None:
    """What the results of an op are made of that moves whole channels; None when it does more, or this is not known."""
    sources = [routes.get(operand) for operand in moved_operands(op)]
    known = [route for route in sources if route is not None]
    if not known or len(known) < len(sources):
        return None
    first = known[0]
    match op:
        case tensor.Concat():
            return _concatenated(op, known)
        case tensor.Split():
            return _split(op, first)
        case tensor.Slice():
            return _sliced(op, first)
        case tensor.Gather():
            return _gathered(op, first)
        case tensor.Reverse():
            return _reversed(op, first)
        case tensor.Transpose():
            return _transposed(op, first)
        case tensor.Reshape():
            return _reshaped(op, first)
    return None


def moved_operands(op: Op) -> tuple[Value, ...]:
    """The operands whose elements the results hold."""
    match op:
        case tensor.Concat():
            return op.xs
        case (
            tensor.Split() | tensor.Slice() | tensor.Gather() | tensor.Reverse() | tensor.Transpose() | tensor.Reshape()
        ):
            return (op.x,)
    return ()


def moved_axes(op: Op) -> Iterable[int]:
    """The axes of the operands along which the op takes elements apart or puts them together."""
    match op:
        case tensor.Concat() | tensor.Split() | tensor.Gather():
            return (op.axis,)
        case tensor.Reverse():
            return op.axes
        case tensor.Slice():
            axes = zip(op.starts, op.sizes, op.strides, op.x.type.shape, strict=True)
            return [i for i, (start, size, stride, dim) in enumerate(axes) if (start, size, stride) != (0, dim, 1)]
        case tensor.Reshape(dims=None):
            return _divided_axes(op)
    return ()


def _divided_axes(op: tensor.Reshape) -> list[int]:
    """The axes of x that a reshape deals out to several axes."""
    atoms = common_atoms(op.x.type.shape, op.shape)
    if atoms is None:
        return []
    return [axis for axis, made_of in enumerate(atoms.before) if len(made_of) > 1 and made_of not in atoms.after]


def _concatenated(op: tensor.Concat, routes: list[Route]) -> tuple[Route, ...] | None:
    first = routes[0]
    if op.axis not in first.axes or any((r.axes, r.frame) != (first.axes, first.frame) for r in routes):
        return None
    place = first.axes.index(op.axis)
    labels = np.concatenate([r.labels for r in routes], axis=place)
    return (Route(labels, first.axes, first.frame),)


def _split(op: tensor.Split, route: Route) -> tuple[Route, ...] | None:
    sizes = [size for size in op.sizes if isinstance(size, int)]
    if op.axis not in route.axes or len(sizes) < len(op.sizes):
        return None
    parts = np.split(route.labels, np.cumsum(sizes)[:-1], axis=route.axes.index(op.axis))
    return tuple(Route(part, route.axes, route.frame) for part in parts)


def _sliced(op: tensor.Slice, route: Route) -> tuple[Route, ...] | None:
    labels = route.labels
    for axis in moved_axes(op):
        start, size, stride = op.starts[axis], op.sizes[axis], op.strides[axis]
        if axis not in route.axes or not isinstance(start, int) or not isinstance(size, int):
            return None
        labels = labels.take(range(start, start + size * stride, stride), axis=route.axes.index(axis))
    return (Route(labels, route.axes, route.frame),)


def _gathered(op: tensor.Gather, route: Route) -> tuple[Route, ...] | None:
    indices = constant_array(op.indices)
    if op.axis not in route.axes or indices is None or indices.ndim > 1:
        return None
    labels = route.labels.take(indices.astype(np.int64), axis=route.axes.index(op.axis))
    if indices.ndim == 1:
        return (Route(labels, route.axes, route.frame),)
    # One index alone: its axis goes.
    left = [axis for axis in route.axes if axis != op.axis]
    return (Route(labels, tuple(axis - (axis > op.axis) for axis in left), route.frame),) if left else None


def _reversed(op: tensor.Reverse, route: Route) -> tuple[Route, ...] | None:
    if any(axis not in route.axes for axis in op.axes):
        return None
    return (Route(np.flip(route.labels, tuple(route.axes.index(a) for a in op.axes)), route.axes, route.frame),)


def _transposed(op: tensor.Transpose, route: Route) -> tuple[Route, ...] | None:
    shape = op.x.type.shape
    others = [axis for axis in op.permutation if axis not in route.axes and shape[axis] != 1]
    if others != sorted(others):
        return None
    moved = [axis for axis in op.permutation if axis in route.axes]
    axes = tuple(op.permutation.index(axis) for axis in moved)
    return (Route(route.labels.transpose([route.axes.index(axis) for axis in moved]), axes, route.frame),)


def _reshaped(op: tensor.Reshape, route: Route) -> tuple[Route, ...] | None:
    """Where no axis of the result holds channels and something else."""
    atoms = common_atoms(op.x.type.shape, op.shape) if op.dims is None else None
    if atoms is None:
        return None
    of_channels = {atom for axis in route.axes for atom in atoms.before[axis]}
    axes, sizes = [], []
    for axis, made_of in enumerate(atoms.after):
        held = of_channels.intersection(made_of)
        if not held:
            continue
        known = [size for atom in made_of if isinstance(size := atoms.sizes[atom], int)]
        if len(held) < len(made_of) or len(known) < len(made_of):
            return None
        axes.append(axis)
        sizes.append(prod(known))
    if prod(sizes) != route.labels.size or not axes:
        return None
    return (Route(route.labels.reshape(sizes), tuple(axes), route.frame),)
