"""Gathers and scatters. Source: `scatter_gather`.

Until iOS 16 negative indices count from the end. Since iOS 17 (where ``validate_indices`` came) they are out of bounds,
and what an index out of bounds does is undefined; here it is an error.
"""

import numpy as np

from .....types import Array
from ..kinds import ProgramError

_UPDATES = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": np.maximum,
    "min": np.minimum,
}


def _checked(indices: Array, sizes: int | Array, validate_indices: bool | None) -> Array:
    """The indices, none negative. ``sizes`` is the size of the axis that they are for, or one for each last element."""
    wide = indices.astype(np.int64)
    lowest = np.negative(sizes) if validate_indices is None else 0
    if np.any(wide < lowest) or np.any(wide >= sizes):
        raise ProgramError(f"an index is out of bounds: from {wide.min()} to {wide.max()} for a size of {sizes}")
    return np.where(wide < 0, wide + sizes, wide)


def gather(x: Array, indices: Array, axis: int, batch_dims: int = 0, validate_indices: bool | None = None) -> Array:
    """Result x.shape[:axis] + indices.shape[batch_dims:] + x.shape[axis + 1:]."""
    place = axis % x.ndim
    taken = _checked(indices, x.shape[place], validate_indices)
    if not batch_dims:
        return np.take(x, taken, axis=place)
    moved = np.moveaxis(x, place, batch_dims)
    inner = indices.ndim - batch_dims
    grids = _batch_grids(indices.shape[:batch_dims], inner)
    result = moved[(*grids, taken)]
    between = place - batch_dims
    return (
        np.moveaxis(result, range(batch_dims, batch_dims + inner), range(place, place + inner)) if between else result
    )


def _batch_grids(batch: tuple[int, ...], inner: int) -> list[Array]:
    grids = np.ix_(*[np.arange(size) for size in batch])
    return [grid.reshape(grid.shape + (1,) * inner) for grid in grids]


def gather_along_axis(x: Array, indices: Array, axis: int, validate_indices: bool | None = None) -> Array:
    return np.take_along_axis(x, _checked(indices, x.shape[axis], validate_indices), axis)


def gather_nd(x: Array, indices: Array, batch_dims: int = 0, validate_indices: bool | None = None) -> Array:
    """The last axis of the indices holds places in the dimensions of x that follow the batch's."""
    depth = indices.shape[-1]
    taken = _checked(indices, np.array(x.shape[batch_dims : batch_dims + depth]), validate_indices)
    grids = _batch_grids(indices.shape[:batch_dims], indices.ndim - 1 - batch_dims) if batch_dims else []
    return np.asarray(x[(*grids, *np.moveaxis(taken, -1, 0))])


def scatter(
    data: Array, indices: Array, updates: Array, axis: int, mode: str, validate_indices: bool | None = None
) -> Array:
    place = axis % data.ndim
    taken = _checked(indices, data.shape[place], validate_indices)
    expected = data.shape[:place] + indices.shape + data.shape[place + 1 :]
    if indices.ndim != 1 or updates.shape != expected:
        raise ProgramError(f"updates are of shape {list(updates.shape)}, not {list(expected)}")
    return _update(data, (slice(None),) * place + (taken,), updates, mode)


def scatter_along_axis(
    data: Array, indices: Array, updates: Array, axis: int, mode: str, validate_indices: bool | None = None
) -> Array:
    place = axis % data.ndim
    if indices.ndim != data.ndim or updates.shape != indices.shape:
        raise ProgramError(f"indices {list(indices.shape)} and updates {list(updates.shape)} for {list(data.shape)}")
    grid: list[Array] = list(np.indices(indices.shape, sparse=True))
    grid[place] = _checked(indices, data.shape[place], validate_indices)
    return _update(data, tuple(grid), updates, mode)


def scatter_nd(data: Array, indices: Array, updates: Array, mode: str, validate_indices: bool | None = None) -> Array:
    depth = indices.shape[-1]
    expected = indices.shape[:-1] + data.shape[depth:]
    if updates.shape != expected:
        raise ProgramError(f"updates are of shape {list(updates.shape)}, not {list(expected)}")
    taken = _checked(indices, np.array(data.shape[:depth]), validate_indices)
    return _update(data, tuple(np.moveaxis(taken, -1, 0)), updates, mode)


def _update(data: Array, place: tuple[slice | Array, ...], updates: Array, mode: str) -> Array:
    result = data.copy()
    if mode == "update":
        result[place] = updates
        return result
    if mode not in _UPDATES:
        raise ProgramError(f"there is no mode {mode!r}")
    if mode == "div" and data.dtype.kind != "f":
        raise ProgramError("integers are divided, whose result is documented nowhere")
    _UPDATES[mode].at(result, place, updates)  # type: ignore[arg-type]
    return result
