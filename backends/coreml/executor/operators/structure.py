"""Shapes, slices, joins and rearrangements. Source: `tensor_transformation`, and parts of `tensor_operation`."""

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .....types import Array
from ..kinds import ProgramError


def reshape(x: Array, shape: Array, opset: int) -> Array:
    """0 stands for a dimension of x, -1 for the one that is left. From iOS 17 on, zeros count from the right."""
    dims = [int(d) for d in shape]
    if 0 in dims and opset < 17 and len(dims) != x.ndim:
        raise ProgramError(f"shape {dims} has zeros and another length than {list(x.shape)}")
    for place, dim in enumerate(dims):
        source = place - len(dims) + x.ndim
        if dim == 0:
            dims[place] = x.shape[source] if source >= 0 else 1
    if dims.count(-1) > 1 or min(dims, default=0) < -1:
        raise ProgramError(f"shape {dims} is no shape")
    return x.reshape(dims)


def reshape_like(
    x: Array, ref_tensors: Sequence[Array], begins: Sequence[Array], ends: Sequence[Array], end_masks: Sequence[Array]
) -> Array:
    dims: list[int] = []
    for reference, begin, end, masked in zip(ref_tensors, begins, ends, end_masks, strict=True):
        dims += reference.shape[int(begin) : None if bool(masked) else int(end)]
    return x.reshape(dims)


def flatten2d(x: Array, axis: int) -> Array:
    place = axis + x.ndim if axis < 0 else axis
    return x.reshape(prod(x.shape[:place]), prod(x.shape[place:]))


def expand_dims(x: Array, axes: Sequence[int]) -> Array:
    return np.expand_dims(x, tuple(axes))


def squeeze(x: Array, axes: Sequence[int] | None = None) -> Array:
    return np.squeeze(x, None if axes is None else tuple(axes))


def transpose(x: Array, perm: Sequence[int]) -> Array:
    return np.transpose(x, perm)


def shape_of(x: Array) -> Array:
    return np.array(x.shape, np.int32)


def concat(values: Sequence[Array], axis: int, interleave: bool) -> Array:
    if not interleave:
        return np.concatenate(values, axis)
    place = axis % values[0].ndim
    shape = list(values[0].shape)
    shape[place] *= len(values)
    return np.stack(values, place + 1).reshape(shape)


def stack(values: Sequence[Array], axis: int) -> Array:
    return np.stack(values, axis)


def split(
    x: Array, axis: int, num_splits: int | None = None, split_sizes: Sequence[int] | None = None
) -> tuple[Array, ...]:
    if split_sizes is not None:
        if sum(split_sizes) != x.shape[axis] or num_splits not in (None, len(split_sizes)):
            raise ProgramError(f"the sizes {list(split_sizes)} do not make up the {x.shape[axis]} of the axis")
        return tuple(np.split(x, np.cumsum(split_sizes)[:-1], axis))
    if num_splits is None:
        raise ProgramError("neither num_splits nor split_sizes is there")
    return tuple(np.split(x, num_splits, axis))


def tile(x: Array, reps: Array) -> Array:
    if reps.shape != (x.ndim,) or np.any(reps < 1):
        raise ProgramError(f"reps {reps.tolist()} for {list(x.shape)}")
    return np.tile(x, reps)


def reverse(x: Array, axes: Sequence[int] | None = None) -> Array:
    return np.flip(x, None if axes is None else tuple(axes))


def reverse_sequence(x: Array, lengths: Array, seq_axis: int, batch_axis: int) -> Array:
    """Reverses the first lengths[b] elements along seq_axis, for each b along batch_axis."""
    steps = x.shape[seq_axis]
    place = np.arange(steps)
    counts = lengths.astype(np.int64)[:, None]
    order = np.where(place < counts, counts - 1 - place, place)
    batch, sequence = batch_axis % x.ndim, seq_axis % x.ndim
    dims = [1] * x.ndim
    dims[batch], dims[sequence] = order.shape
    return np.take_along_axis(x, (order if batch < sequence else order.T).reshape(dims), sequence)


def slices(
    shape: Sequence[int],
    begin: Array,
    end: Array,
    stride: Sequence[int] | None,
    begin_mask: Sequence[bool] | None,
    end_mask: Sequence[bool] | None,
) -> tuple[slice, ...]:
    """Python slices with the same meaning: negative places count from the end, masks leave an end open."""
    rank = len(shape)
    if begin.shape != (rank,) or end.shape != (rank,):
        raise ProgramError(f"begin {begin.tolist()} and end {end.tolist()} are not for rank {rank}")
    strides = stride or [1] * rank
    no_begin, no_end = begin_mask or [False] * rank, end_mask or [False] * rank
    if not len(strides) == len(no_begin) == len(no_end) == rank or 0 in strides:
        raise ProgramError(f"stride {list(strides)} or the masks are not for rank {rank}")
    return tuple(
        slice(None if no_begin[i] else int(begin[i]), None if no_end[i] else int(end[i]), strides[i])
        for i in range(rank)
    )


def slice_by_index(
    x: Array,
    begin: Array,
    end: Array,
    stride: Sequence[int] | None = None,
    begin_mask: Sequence[bool] | None = None,
    end_mask: Sequence[bool] | None = None,
    squeeze_mask: Sequence[bool] | None = None,
) -> Array:
    parts = slices(x.shape, begin, end, stride, begin_mask, end_mask)
    squeezed = squeeze_mask or [False] * x.ndim
    # A part of an axis is one place when the mask says so, whatever its end is.
    return x[tuple(_place(begin, part, i) if squeezed[i] else part for i, part in enumerate(parts))]


def _place(begin: Array, part: slice, axis: int) -> int:
    return 0 if part.start is None else int(begin[axis])


def slice_by_size(x: Array, begin: Array, size: Array) -> Array:
    if begin.shape != (x.ndim,) or size.shape != (x.ndim,):
        raise ProgramError(f"begin {begin.tolist()} and size {size.tolist()} are not for rank {x.ndim}")
    starts = [int(b) + d if b < 0 else int(b) for b, d in zip(begin, x.shape, strict=True)]
    stops = [d if s == -1 else b + int(s) for b, s, d in zip(starts, size, x.shape, strict=True)]
    if any(not 0 <= b <= e <= d for b, e, d in zip(starts, stops, x.shape, strict=True)):
        raise ProgramError(f"begin {begin.tolist()} and size {size.tolist()} leave {list(x.shape)}")
    return x[tuple(slice(b, e) for b, e in zip(starts, stops, strict=True))]


def slice_update(
    x: Array,
    update: Array,
    begin: Array,
    end: Array,
    stride: Sequence[int] | None = None,
    begin_mask: Sequence[bool] | None = None,
    end_mask: Sequence[bool] | None = None,
    squeeze_mask: Sequence[bool] | None = None,
) -> Array:
    parts = slices(x.shape, begin, end, stride, begin_mask, end_mask)
    squeezed = squeeze_mask or [False] * x.ndim
    place = tuple(_place(begin, part, i) if squeezed[i] else part for i, part in enumerate(parts))
    if x[place].shape != update.shape or not update.ndim:
        raise ProgramError(f"an update of shape {list(update.shape)} for a slice of shape {list(x[place].shape)}")
    result = x.copy()
    result[place] = update
    return result


def sliding_windows(x: Array, axis: int, size: int, stride: int) -> Array:
    place = axis % x.ndim
    windows = np.moveaxis(sliding_window_view(x, size, place), -1, place + 1)
    return windows[(slice(None),) * place + (slice(None, None, stride),)]


def pad(x: Array, pad: Array, mode: str, constant_val: float) -> Array:
    """Pads the last dimensions, as many as ``pad`` has pairs; reflections only the last two."""
    if pad.ndim != 1 or pad.size % 2 or pad.size > 2 * x.ndim or np.any(pad < 0):
        raise ProgramError(f"pad {pad.tolist()} for {list(x.shape)}")
    pairs = [(0, 0)] * (x.ndim - pad.size // 2) + [(int(a), int(b)) for a, b in pad.reshape(-1, 2)]
    if mode == "constant":
        return np.pad(x, pairs, constant_values=x.dtype.type(constant_val))
    if mode not in ("reflect", "replicate"):
        raise ProgramError(f"there is no mode {mode!r}")
    if any(pair != (0, 0) for pair in pairs[:-2]):
        raise ProgramError(f"the mode {mode} pads the last two dimensions only, not by {pad.tolist()}")
    if mode == "reflect" and any(max(pair) >= d for pair, d in zip(pairs, x.shape, strict=True) if pair != (0, 0)):
        raise ProgramError(f"{pad.tolist()} is more than there is to reflect in {list(x.shape)}")
    return np.pad(x, pairs, "reflect" if mode == "reflect" else "edge")


def crop(x: Array, crop_height: Sequence[int], crop_width: Sequence[int]) -> Array:
    if x.ndim < 3:
        raise ProgramError(f"x has rank {x.ndim}, not 3 or more")
    height, width = x.shape[-2:]
    return x[..., crop_height[0] : height - crop_height[1], crop_width[0] : width - crop_width[1]]


def band_part(x: Array, lower: int, upper: int) -> Array:
    below = np.arange(x.shape[-2])[:, None] - np.arange(x.shape[-1])
    kept = ((lower < 0) | (below <= lower)) & ((upper < 0) | (-below <= upper))
    return np.where(kept, x, x.dtype.type(0))


def fill(shape: Array, value: float) -> Array:
    return np.full([int(d) for d in shape], value)


def fill_like(ref_tensor: Array, value: float) -> Array:
    return np.full(ref_tensor.shape, value)


def range_1d(start: Array, end: Array, step: Array) -> Array:
    if not np.all(step):
        raise ProgramError("step is zero")
    count = max(0, int(np.ceil((end.astype(np.float64) - start) / step)))
    return np.asarray(start + np.arange(count).astype(start.dtype) * step)


def one_hot(indices: Array, one_hot_vector_size: Array, axis: int, on_value: float, off_value: float) -> Array:
    places = np.arange(int(one_hot_vector_size))
    hot = np.expand_dims(indices, -1) == places
    return np.moveaxis(np.where(hot, on_value, off_value), -1, axis)


def non_zero(x: Array) -> Array:
    return np.argwhere(x)


def depth_to_space(x: Array, block_size: int) -> Array:
    """Channel (i * b + j) * C + c goes to offset (i, j), as TensorFlow does it."""
    n, channels, height, width = x.shape
    blocks = x.reshape(n, block_size, block_size, channels // block_size**2, height, width)
    return blocks.transpose(0, 3, 4, 1, 5, 2).reshape(n, -1, height * block_size, width * block_size)


def space_to_depth(x: Array, block_size: int) -> Array:
    n, channels, height, width = x.shape
    blocks = x.reshape(n, channels, height // block_size, block_size, width // block_size, block_size)
    return blocks.transpose(0, 3, 5, 1, 2, 4).reshape(n, -1, height // block_size, width // block_size)


def pixel_shuffle(x: Array, upscale_factor: int) -> Array:
    """Channel c * f * f + i * f + j goes to offset (i, j), as torch does it."""
    n, channels, height, width = x.shape
    blocks = x.reshape(n, channels // upscale_factor**2, upscale_factor, upscale_factor, height, width)
    return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(n, -1, height * upscale_factor, width * upscale_factor)


def pixel_unshuffle(x: Array, downscale_factor: int) -> Array:
    n, channels, height, width = x.shape
    f = downscale_factor
    blocks = x.reshape(n, channels, height // f, f, width // f, f)
    return blocks.transpose(0, 1, 3, 5, 2, 4).reshape(n, -1, height // f, width // f)


def space_to_batch(x: Array, block_shape: Sequence[int], paddings: Sequence[Sequence[int]]) -> Array:
    a, b = block_shape
    padded = np.pad(x, [(0, 0), (0, 0), (paddings[0][0], paddings[0][1]), (paddings[1][0], paddings[1][1])])
    n, channels, height, width = padded.shape
    blocks = padded.reshape(n, channels, height // a, a, width // b, b)
    return blocks.transpose(3, 5, 0, 1, 2, 4).reshape(n * a * b, channels, height // a, width // b)


def batch_to_space(x: Array, block_shape: Sequence[int], crops: Sequence[Sequence[int]]) -> Array:
    a, b = block_shape
    n, channels, height, width = x.shape
    blocks = x.reshape(a, b, n // (a * b), channels, height, width).transpose(2, 3, 4, 0, 5, 1)
    whole = blocks.reshape(n // (a * b), channels, height * a, width * b)
    (top, bottom), (left, right) = crops
    return whole[:, :, top : height * a - bottom, left : width * b - right]
