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
from ...ops.nn.windows import Windows
from .weights import WeightUse

LARGEST_WINDOW = 2048
"""Windows of more elements are taken apart into their positions, whose vectors then count as uncorrelated."""

LARGEST_VECTOR = 8192
"""For longer vectors the matrix of second moments is too large."""

SAMPLED = 1 << 22
"""Elements that are read off windows at a time, at most about."""


@dataclass(frozen=True)
class Product:
    """A weight as matrices [groups, rows, n], each of which multiplies its own n elements of vectors [groups * n].

    Where all groups see the same vectors, these have n elements. ``source`` is the tensor that the vectors are parts
    of; of the same tensor and ``kind`` they are the same vectors. Errors of a row do not touch other rows' results.
    """

    use: WeightUse
    source: Value
    kind: Hashable
    order: tuple[int, ...]
    """The weight's axes in the order groups, rows, inputs, of which ``leading`` begin a matrix and ``inner`` end it."""

    groups: int
    inner: int
    windows: Windows | None = None
    axis: int = -1
    """Without windows: the axis of the source that the vectors lie along."""

    def matrices(self, weight: Array) -> Array:
        """The weight, or what has its shape, as [groups, rows, n]."""
        moved = weight.transpose(self.order)
        return moved.reshape(self.groups, -1, math.prod(moved.shape[len(moved.shape) - self.inner :]))

    def weight(self, matrices: Array) -> Array:
        """The inverse of ``matrices``."""
        shape = self.use.value.type.static_shape
        moved = matrices.reshape([shape[axis] for axis in self.order])
        return np.ascontiguousarray(moved.transpose(np.argsort(self.order)))

    def vectors(self, source: Array) -> Array:
        """The vectors in one array of the source, f32[count, n], or a regular sample of them where there are many."""
        if self.windows is not None:
            assert isinstance(self.use.op, nn.Conv)
            return _read_off(channels_first(widen(source), self.use.op.layout), self.windows)
        if self.kind == RECURRENT:
            # [T, D, B, H]
            time, directions, batch, hidden = source.shape
            return widen(source).transpose(0, 2, 1, 3).reshape(time * batch, directions * hidden)
        return np.moveaxis(widen(source), self.axis, -1).reshape(-1, source.shape[self.axis])

    def moments(self, gram: Array) -> Array:
        """The second moments of each group, [groups or 1, n, n], out of those of the whole vectors."""
        size = self.matrices(np.empty(self.use.value.type.static_shape, np.bool_)).shape[2]
        count = len(gram) // size
        parts = [gram[i * size : (i + 1) * size, i * size : (i + 1) * size] for i in range(count)]
        return np.stack(parts)


RECURRENT = "recurrent"


def product_of(use: WeightUse) -> Product | None:
    """How a weight multiplies; None for tables, batches of matrices, single inputs, and vectors that are too long."""
    product = _product_of(use)
    if product is None or product.groups * _inputs(product) > LARGEST_VECTOR * (product.groups if _shares(use) else 1):
        return None
    return product if _inputs(product) > 1 else None


def _inputs(product: Product) -> int:
    shape = [product.use.value.type.static_shape[axis] for axis in product.order]
    return math.prod(shape[len(shape) - product.inner :])


def _shares(use: WeightUse) -> bool:
    return use.field == "weight" and isinstance(use.op, nn.Recurrent)


def _product_of(use: WeightUse) -> Product | None:
    match use.op:
        case nn.Linear() as op:
            return Product(use, op.x, ("axis", op.x.type.rank - 1), (0, 1), 1, 1)
        case nn.Conv() as op:
            return _convolution(use, op)
        case nn.ConvTranspose() as op:
            axis = op.layout.channel_axis(op.x.type.rank)
            # [C, O / groups, *kernel]
            if op.groups == 1:
                order = (*range(1, op.weight.type.rank), 0)
                return Product(use, op.x, ("axis", axis), order, 1, 1, axis=axis)
            return None
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


def _convolution(use: WeightUse, op: nn.Conv) -> Product:
    """[O, C / groups, *kernel]"""
    rank, axis = op.weight.type.rank, op.layout.channel_axis(op.x.type.rank)
    outputs, channels, *kernel = op.weight.type.static_shape
    order = tuple(range(rank))
    window = math.prod(kernel)
    is_point = window == 1 and all(s == 1 for s in op.strides) and all(p == 0 for p in op.padding)
    if not is_point and op.groups * channels * window <= LARGEST_WINDOW:
        kind = ("windows", *kernel, op.strides, op.padding, op.dilations, op.layout)
        return Product(use, op.x, kind, order, op.groups, rank - 1, op.windows)
    # A position of the kernel at a time: each is a row of its own.
    return Product(use, op.x, ("axis", axis), (0, *range(2, rank), 1), op.groups, 1, axis=axis)


def _read_off(image: Array, windows: Windows) -> Array:
    """What windows see of [N, C, *spatial], f32[count, C * window]."""
    padded = windows.pad(image, 0)
    spatial = tuple(range(2, padded.ndim))
    extents = [e for e in windows.extents if isinstance(e, int)]
    views = np.lib.stride_tricks.sliding_window_view(padded, extents, axis=spatial)  # type: ignore[call-overload]
    steps = [slice(None, None, s) for s in windows.strides]
    taps = [slice(None, None, d) for d in windows.dilations]
    views = views[(slice(None), slice(None), *steps, *taps)]
    elements = views.shape[1] * math.prod(views.shape[2 + len(spatial) :])
    positions = views.size // elements
    skip = max(1, -(-positions * elements // SAMPLED))
    # Every position along the last axis in turn is met, rows by rows, when the step does not divide its length.
    flat = np.moveaxis(views, 1, 1 + len(spatial)).reshape(-1, elements) if skip == 1 else None
    if flat is not None:
        return flat
    thinned = views[(slice(None), slice(None), *(slice(None),) * (len(spatial) - 1), slice(None, None, skip))]
    return np.moveaxis(thinned, 1, 1 + len(spatial)).reshape(-1, elements)


__all__ = ["Product", "product_of"]
