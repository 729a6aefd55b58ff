"""Convolutions and matrix products. Source: `conv`, `linear` of the operator classes."""

from collections.abc import Sequence
from itertools import product
from math import prod
from types import EllipsisType

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .....types import Array
from ..kinds import ProgramError
from .windows import Axis, padded, window_axes

_COLUMN_BYTES = 64 << 20

_Place = int | slice | EllipsisType


def _index(*places: _Place) -> tuple[_Place, ...]:
    return places


def conv(
    x: Array,
    weight: Array,
    strides: Sequence[int],
    pad_type: str,
    pad: Sequence[int],
    dilations: Sequence[int],
    groups: int,
    opset: int,
    bias: Array | None = None,
) -> Array:
    """x [N, C, ...], weight [O, C / groups, ...], bias [O]."""
    channels = weight.shape[0]
    if x.shape[1] != weight.shape[1] * groups or channels % groups:
        raise ProgramError(f"weight {list(weight.shape)} and {groups} groups do not fit x {list(x.shape)}")
    axes = window_axes(x.shape[2:], weight.shape[2:], strides, dilations, pad_type, pad, opset)
    source = padded(x, axes)
    if weight.shape[1] == 1 and groups > 1:
        result = _depthwise(source, weight, axes)
    else:
        result = _grouped(source, weight.reshape(groups, channels // groups, -1), axes)
    return _with_bias(result, bias)


def _with_bias(result: Array, bias: Array | None) -> Array:
    if bias is None:
        return result
    if bias.shape != result.shape[1:2]:
        raise ProgramError(f"bias {list(bias.shape)} for {result.shape[1]} channels")
    result += bias.reshape(-1, *[1] * (result.ndim - 2))
    return result


def _depthwise(source: Array, weight: Array, axes: Sequence[Axis]) -> Array:
    """Sums over the places of a window; each is one product of whole arrays."""
    repeated = np.repeat(source, weight.shape[0] // source.shape[1], axis=1)
    kernel = weight.reshape(weight.shape[0], *weight.shape[2:])
    result = np.zeros((source.shape[0], weight.shape[0], *(axis.windows for axis in axes)), np.float32)
    for place in product(*(range(axis.kernel) for axis in axes)):
        taps = tuple(axis.tap(i) for axis, i in zip(axes, place, strict=True))
        factor = kernel[_index(slice(None), *place)].reshape(-1, *[1] * len(axes))
        result += repeated[(slice(None), slice(None), *taps)] * factor
    return result


def _grouped(source: Array, weight: Array, axes: Sequence[Axis]) -> Array:
    """Matrix products of weight [G, O / G, K] with the windows as columns, some rows of windows at a time."""
    groups, per_group, depth = weight.shape
    batch, rank = source.shape[0], len(axes)
    sizes = [axis.windows for axis in axes]
    views = sliding_window_view(source, [axis.extent for axis in axes], axis=tuple(range(2, 2 + rank)))
    steps = [slice(None, None, axis.stride) for axis in axes] + [slice(None, None, axis.dilation) for axis in axes]
    windows = views[(slice(None), slice(None), *steps)]
    # [N, C, windows..., kernel...] -> [N, G, C / G, kernel..., windows...]
    columns = np.moveaxis(windows, range(2, 2 + rank), range(2 + rank, 2 + 2 * rank))
    result = np.empty((batch, groups * per_group, *sizes), np.float32)
    row_bytes = 4 * batch * groups * depth * prod(sizes[1:])
    rows = max(1, _COLUMN_BYTES // max(row_bytes, 1))
    for start in range(0, sizes[0], rows):
        part = columns[(slice(None),) * (2 + rank) + (slice(start, start + rows),)]
        flat = part.reshape(batch, groups, depth, -1)
        result[:, :, start : start + rows] = np.matmul(weight, flat).reshape(
            batch, -1, part.shape[2 + rank], *sizes[1:]
        )
    return result


def conv_transpose(
    x: Array,
    weight: Array,
    strides: Sequence[int],
    pad_type: str,
    pad: Sequence[int],
    dilations: Sequence[int],
    groups: int,
    bias: Array | None = None,
    output_shape: Sequence[int] | None = None,
) -> Array:
    """x [N, C, ...], weight [C, O / groups, ...]. The padding is taken off the result that has none."""
    rank = x.ndim - 2
    if weight.shape[0] != x.shape[1] or x.shape[1] % groups or not 1 <= rank <= 3:
        raise ProgramError(f"weight {list(weight.shape)} and {groups} groups do not fit x {list(x.shape)}")
    kernel, sizes = weight.shape[2:], x.shape[2:]
    full = _scattered(x, weight, strides, dilations, groups)
    result = np.zeros((*full.shape[:2], *_transposed_sizes(full.shape, sizes, strides, pad_type, pad, output_shape)))
    kept: list[slice] = []
    for i in range(rank):
        extent = (kernel[i] - 1) * dilations[i] + 1
        total = max((sizes[i] - 1) * strides[i] + extent - result.shape[2 + i], 0)
        before = {"same": total // 2, "same_lower": total - total // 2, "valid": 0, "custom": pad[2 * i]}[pad_type]
        kept.append(slice(before, before + result.shape[2 + i]))
    part = full[(slice(None), slice(None), *kept)]
    result[tuple(slice(0, d) for d in part.shape)] = part
    return _with_bias(result.astype(np.float32), bias)


def _transposed_sizes(
    full: Sequence[int],
    sizes: Sequence[int],
    strides: Sequence[int],
    pad_type: str,
    pad: Sequence[int],
    output_shape: Sequence[int] | None,
) -> list[int]:
    if output_shape is not None:
        if list(output_shape[:2]) != list(full[:2]) or len(output_shape) != len(full):
            raise ProgramError(f"output_shape {list(output_shape)} for a result of shape {list(full)}")
        return list(output_shape[2:])
    match pad_type:
        case "valid":
            return list(full[2:])
        case "same":
            return [size * stride for size, stride in zip(sizes, strides, strict=True)]
        case "custom":
            return [size - pad[2 * i] - pad[2 * i + 1] for i, size in enumerate(full[2:])]
        case _:
            raise ProgramError(f"there is no pad_type {pad_type!r}")


def _scattered(x: Array, weight: Array, strides: Sequence[int], dilations: Sequence[int], groups: int) -> Array:
    """Every element of x spread over its window, without padding."""
    batch, channels, *sizes = x.shape
    per_group, *kernel = weight.shape[1:]
    depth = channels // groups
    matrix = weight.reshape(groups, depth, -1).transpose(0, 2, 1)
    spread = np.matmul(matrix, x.reshape(batch, groups, depth, -1))
    spread = spread.reshape(batch, groups, per_group, *kernel, *sizes)
    shape = [(d - 1) * s + (k - 1) * g + 1 for d, s, k, g in zip(sizes, strides, kernel, dilations, strict=True)]
    full = np.zeros((batch, groups, per_group, *shape), np.float32)
    for place in product(*(range(k) for k in kernel)):
        target = tuple(
            slice(p * g, p * g + (d - 1) * s + 1, s)
            for p, g, d, s in zip(place, dilations, sizes, strides, strict=True)
        )
        full[_index(..., *target)] += spread[_index(slice(None), slice(None), slice(None), *place)]
    return full.reshape(batch, groups * per_group, *shape)


def linear(x: Array, weight: Array, bias: Array) -> Array:
    """x [..., I], weight [O, I], bias [O]; ranks of 1 to 3."""
    if not 1 <= x.ndim <= 3:
        raise ProgramError(f"x has rank {x.ndim}, not 1 to 3")
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ProgramError(f"weight {list(weight.shape)} and bias {list(bias.shape)} do not fit")
    # One product of two matrices is much faster than one for each of the leading dimension.
    flat: Array = np.matmul(x.reshape(-1, x.shape[-1]), weight.T) + bias
    return flat.reshape(*x.shape[:-1], weight.shape[0])


def matmul(x: Array, y: Array, transpose_x: bool, transpose_y: bool) -> Array:
    left = np.swapaxes(x, -1, -2) if transpose_x and x.ndim > 1 else x
    right = np.swapaxes(y, -1, -2) if transpose_y and y.ndim > 1 else y
    if right.ndim == 2 and left.ndim > 2:
        flat: Array = np.matmul(left.reshape(-1, left.shape[-1]), right)
        return flat.reshape(*left.shape[:-1], right.shape[1])
    result: Array = np.matmul(left, right)
    return result


def einsum(values: Sequence[Array], equation: str) -> Array:
    """The two equations that there are: nchw,nwhu->nchu and chw,whr->chr, under any names, with broadcasting."""
    names: dict[str, str] = {}
    canonical = "".join(names.setdefault(c, chr(ord("a") + len(names))) if c.isalpha() else c for c in equation)
    if len(values) != 2 or canonical not in ("abcd,adce->abce", "abc,cbd->abd"):
        raise ProgramError(f"the equation {equation!r} is not one of nchw,nwhu->nchu and chw,whr->chr")
    left, right = np.moveaxis(values[0], -2, -3), np.moveaxis(values[1], -2, -3)
    return np.moveaxis(np.matmul(left, right), -3, -2)


def scaled_dot_product_attention(query: Array, key: Array, value: Array, attn_mask: Array | None = None) -> Array:
    """softmax(Q K^T / sqrt(E) + mask) V; a bool mask says what takes part."""
    if not query.ndim == key.ndim == value.ndim >= 3:
        raise ProgramError("query, key and value are not of one rank of 3 or more")
    if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
        raise ProgramError("query, key and value have different batch dimensions")
    scores = np.matmul(query, np.swapaxes(key, -1, -2)) / np.float32(np.sqrt(query.shape[-1]))
    if attn_mask is not None:
        scores = scores + (np.where(attn_mask, np.float32(0), -np.inf) if attn_mask.dtype == np.bool_ else attn_mask)
    weights = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return np.asarray(np.matmul((weights / np.sum(weights, axis=-1, keepdims=True)).astype(np.float32), value))
