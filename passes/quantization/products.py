"""Layers as matrix products: which vectors a weight is multiplied by, and the weight as rows that multiply them.

What an error of a weight does to a layer's result depends on the second moments of those vectors, ``sum(v v^T)``.
"""

import math
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from ...ir import Array, Value
from ...ops import math as arithmetic
from ...ops import nn
from ...ops.nn.arrays import channels_first, widen
from ...ops.nn.windows import Windows, as_ints
from .weights import WeightUse

LARGEST_WINDOW = 2048
"""Windows of more elements are taken apart into their positions, whose vectors then count as uncorrelated."""

LARGEST_VECTOR = 4096
"""For longer vectors the matrix of second moments is too large: 128 MB in double precision."""

SAMPLED = 512
"""Vectors that are taken of one array at most, about: more tell little new."""


@dataclass(frozen=True)
class Product:
    """A weight as matrices [groups, rows, n], each of which multiplies its own n elements of vectors [groups * n].

    Where all groups see the same vectors, these have n elements. ``source`` is the tensor that the vectors are parts
    of; of the same tensor and ``kind`` they are the same vectors. Rows are taken one by one, though those that add up
    to one result (positions of a window, taken apart) could make up for each other's errors too.
    """

    use: WeightUse
    source: Value
    kind: Hashable
    order: tuple[int, ...]
    """The weight's axes in the order groups, rows, inputs."""

    groups: int
    inner: int
    """How many axes, the last in ``order``, are inputs."""

    windows: Windows | None = None
    axis: int = -1
    """Without windows: the axis of the source that the vectors lie along."""

    def matrices(self, weight: Array) -> Array:
        """The weight, or what has its shape, as [groups, rows, n]."""
        return weight.transpose(self.order).reshape(self.groups, -1, self.size)

    def weight(self, matrices: Array) -> Array:
        """The inverse of ``matrices``."""
        shape = self.use.value.type.static_shape
        moved = matrices.reshape([shape[axis] for axis in self.order])
        return np.ascontiguousarray(moved.transpose(np.argsort(self.order)))

    @property
    def size(self) -> int:
        """n"""
        shape = self.use.value.type.static_shape
        return math.prod(shape[axis] for axis in self.order[len(self.order) - self.inner :])

    def vectors(self, source: Array) -> Array:
        """The vectors in one array of the source, f32[count, n], or a regular sample of them where there are many."""
        if self.windows is not None:
            assert isinstance(self.use.op, nn.Conv)
            return _read_off(channels_first(widen(source), self.use.op.layout), self.windows)
        if self.kind == RECURRENT:
            # [T, D, B, H]
            time, directions, batch, hidden = source.shape
            vectors = source.transpose(0, 2, 1, 3).reshape(time * batch, directions * hidden)
        else:
            vectors = np.moveaxis(source, self.axis, -1).reshape(-1, source.shape[self.axis])
        return widen(vectors[sampled(len(vectors))])

    def moments(self, gram: Array) -> Array:
        """The second moments of each group, [groups or 1, n, n], out of those of the whole vectors."""
        starts = range(0, len(gram), self.size)
        return np.stack([gram[i : i + self.size, i : i + self.size] for i in starts])


RECURRENT = "recurrent"


def product_of(use: WeightUse, is_joint: bool = True) -> Product | None:
    """How a weight multiplies; None for tables, batches of matrices, depthwise convolutions, and vectors too long.

    Unless ``is_joint``, windows are taken apart into their positions, so that all layers on a tensor see the same.
    """
    product = _product_of(use, is_joint)
    if product is None or product.size * product.groups > LARGEST_VECTOR:
        return None
    return product


def _product_of(use: WeightUse, is_joint: bool) -> Product | None:
    match use.op:
        case nn.Linear() as op:
            return Product(use, op.x, ("axis", op.x.type.rank - 1), (0, 1), 1, 1)
        case nn.Conv() as op if op.groups == 1 or op.weight.type.shape[1] != 1:
            return _convolution(use, op, is_joint)
        case nn.ConvTranspose(groups=1) as op:
            # [C, O, *kernel]
            axis = op.layout.channel_axis(op.x.type.rank)
            return Product(use, op.x, ("axis", axis), (*range(1, op.weight.type.rank), 0), 1, 1, axis=axis)
        case nn.Recurrent() as op:
            directions = op.direction.count
            if use.field == "weight":
                return Product(use, op.x, ("axis", 2), (0, 1, 2), directions, 1)
            return Product(use, op.results[0], RECURRENT, (0, 1, 2), directions, 1)
        case arithmetic.MatMul() as op if use.value.type.rank == 2:
            return _matrix_product(use, op)
    return None


def _matrix_product(use: WeightUse, op: arithmetic.MatMul) -> Product:
    is_right = use.field == "y"
    source = op.x if is_right else op.y
    is_moved = op.transpose_x if is_right else not op.transpose_y
    axis = source.type.rank - (2 if is_moved else 1)
    assert use.output_axis is not None
    return Product(use, source, ("axis", axis), (use.output_axis, use.input_axis), 1, 1, axis=axis)


def _convolution(use: WeightUse, op: nn.Conv, is_joint: bool) -> Product:
    """[O, C / groups, *kernel]"""
    rank, axis = op.weight.type.rank, op.layout.channel_axis(op.x.type.rank)
    _, channels, *kernel = op.weight.type.static_shape
    order = tuple(range(rank))
    window = math.prod(kernel)
    is_point = window == 1 and all(s == 1 for s in op.strides) and all(p == 0 for p in op.padding)
    is_known = all(isinstance(p, int) for p in op.padding)
    if is_joint and is_known and not is_point and op.groups * channels * window <= LARGEST_WINDOW:
        kind = ("windows", *kernel, op.strides, op.padding, op.dilations, op.layout)
        return Product(use, op.x, kind, order, op.groups, rank - 1, op.windows)
    # A position of the kernel at a time: each is a row of its own.
    return Product(use, op.x, ("axis", axis), (0, *range(2, rank), 1), op.groups, 1, axis=axis)


def _read_off(image: Array, windows: Windows) -> Array:
    """What windows see of [N, C, *spatial], f32[count, C * window], of at most about SAMPLED windows."""
    padded = windows.pad(image, 0)
    spatial = tuple(range(2, padded.ndim))
    extents = as_ints(windows.extents)
    views = np.lib.stride_tricks.sliding_window_view(padded, extents, axis=spatial)
    steps, taps = ([slice(None, None, s) for s in sizes] for sizes in (windows.strides, windows.dilations))
    places = np.moveaxis(views[(slice(None), slice(None), *steps, *taps)], 1, 1 + len(spatial))
    positions = places.shape[: 1 + len(spatial)]
    chosen = np.arange(math.prod(positions))[sampled(math.prod(positions))]
    return places[np.unravel_index(chosen, positions)].reshape(len(chosen), -1)


def sampled(count: int) -> slice:
    """At most about SAMPLED of ``count`` places, at an odd step, which meets all columns of most images."""
    return slice(None, None, max(1, count // SAMPLED) | 1 if count > SAMPLED else 1)


__all__ = ["Product", "product_of"]
