"""Groups of elements that share a scale, laid out as the rows of a matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...ir import Array


@dataclass(frozen=True)
class Grouping:
    """Which elements of an array of ``shape`` share a scale: all; with ``axis`` those of one index of it; with
    ``block`` those of ``block`` consecutive indices of it and one index of every other axis (ONNX's blocked form).

    The last block along the axis may be short. Raises ValueError for a block without an axis or an axis too large.
    """

    shape: tuple[int, ...]
    axis: int | None = None
    block: int | None = None

    def __post_init__(self) -> None:
        if self.axis is None and self.block is not None:
            raise ValueError("blocks run along an axis")
        if self.axis is not None and not 0 <= self.axis < len(self.shape):
            raise ValueError(f"there is no axis {self.axis} in an array of rank {len(self.shape)}")
        if self.block is not None and self.block < 1:
            raise ValueError("a block has at least one element")

    @property
    def blocks(self) -> int:
        """How many blocks lie along the axis."""
        assert self.axis is not None and self.block is not None
        return -(-self.shape[self.axis] // self.block)

    @property
    def parameters_shape(self) -> tuple[int, ...]:
        """The shape of the scales: [], [d] for the axis, or the array's with as many indices as there are blocks."""
        if self.axis is None:
            return ()
        if self.block is None:
            return (self.shape[self.axis],)
        return tuple(self.blocks if i == self.axis else d for i, d in enumerate(self.shape))

    def rows(self, array: Array) -> Array:
        """One row a group: [groups, elements of a group]. A short block is filled up with zeros."""
        if self.axis is None:
            return array.reshape(1, -1)
        if self.block is None:
            return np.moveaxis(array, self.axis, 0).reshape(self.shape[self.axis], -1)
        missing = self.blocks * self.block - self.shape[self.axis]
        if missing:
            array = np.pad(array, [(0, missing if i == self.axis else 0) for i in range(array.ndim)])
        return np.moveaxis(array, self.axis, -1).reshape(-1, self.block)

    def array(self, rows: Array) -> Array:
        """The array whose rows these are: the inverse of ``rows``."""
        if self.axis is None:
            return rows.reshape(self.shape)
        others = [d for i, d in enumerate(self.shape) if i != self.axis]
        if self.block is None:
            return np.ascontiguousarray(np.moveaxis(rows.reshape(self.shape[self.axis], *others), 0, self.axis))
        whole = rows.reshape(*others, self.blocks * self.block)[..., : self.shape[self.axis]]
        return np.ascontiguousarray(np.moveaxis(whole, -1, self.axis))

    def parameters(self, per_row: Array) -> Array:
        """One number a group, in the shape that scales have."""
        if self.axis is None or self.block is None:
            return per_row.reshape(self.parameters_shape)
        others = [d for i, d in enumerate(self.shape) if i != self.axis]
        return np.ascontiguousarray(np.moveaxis(per_row.reshape(*others, self.blocks), -1, self.axis))

    def per_row(self, parameters: Array) -> Array:
        """One number a group, in the order of the rows: the inverse of ``parameters``."""
        if self.axis is None or self.block is None:
            return parameters.reshape(-1)
        return np.moveaxis(parameters, self.axis, -1).reshape(-1)

    def over(self, parameters: Array) -> Array:
        """Scales or zero points as an array that broadcasts against the grouped one."""
        if self.axis is None:
            return parameters
        if self.block is not None:
            return np.take(parameters, np.arange(self.shape[self.axis]) // self.block, self.axis)
        return parameters.reshape(along(self.axis, len(self.shape)))


def along(axis: int, rank: int) -> Sequence[int]:
    """The shape of a vector along one axis of ``rank``."""
    return [-1 if i == axis else 1 for i in range(rank)]


__all__ = ["Grouping", "along"]
