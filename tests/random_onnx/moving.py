"""What suits operators that move, pick or scatter elements."""

import math
from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from .node import Array, RandomNode, Strategy, UnsuitedError


def _concat(node: RandomNode) -> None:
    dtype, shape = node.dtype(), node.shape(1)
    axis = node.axis(len(shape)) if node.opset >= 11 else node.integer(0, len(shape) - 1)
    for _ in range(node.integer(1, 4)):
        sizes = list(shape)
        sizes[axis] = node.integer(0 if node.flag(0.1) else 1, 3)
        node.add(node.array(dtype, sizes))
    node.set("axis", axis)


def _split(node: RandomNode) -> None:
    sizes = list(node.shape(1))
    axis = node.axis(len(sizes)) if node.opset >= 11 else node.integer(0, len(sizes) - 1)
    parts = [node.integer(0 if node.flag(0.1) else 1, 3) for _ in range(node.integer(1, 3))]
    is_even = node.flag(0.4)
    if is_even:
        parts = [parts[0]] * len(parts)
    sizes[axis] = sum(parts)
    node.add(node.array(node.dtype(), sizes))
    node.set("axis", axis)
    node.outputs = len(parts)
    if is_even and (node.opset < 18 or node.flag()):
        node.set("num_outputs", len(parts))
    elif node.opset < 13:
        node.set("split", parts)
    else:
        node.add_parameter(np.array(parts))


def _slice(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1))
    node.add(array)
    axes = node.axes(array.ndim)
    starts = [node.choose([node.integer(-5, 5), 0, 2**31]) for _ in axes]
    ends = [node.choose([node.integer(-5, 5), 2**31 - 1, -(2**31)]) for _ in axes]
    if node.opset < 10:
        node.set("starts", starts)
        node.set("ends", ends)
        node.set("axes", [a % array.ndim for a in axes])
        return
    dtype = np.int64
    node.add_parameter(np.array(starts, dtype))
    node.add_parameter(np.array(ends, dtype))
    node.add_parameter(np.array(axes, dtype))
    if node.flag():
        # onnxruntime takes the largest integer as an end for the beginning when it goes backwards.
        node.constants.add(4)
        node.parameters.add(4)
        node.add(np.array([node.choose([1, 2, -1, -2, 3]) for _ in axes], dtype))


def _transpose(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape())
    node.add(array)
    node.set("perm", node.random.sample(range(array.ndim), array.ndim), 0.8)


def _reshape(node: RandomNode) -> None:
    shape = list(node.shape())
    node.add(node.array(node.dtype(), shape))
    entries = list(shape)
    if len(entries) > 1 and node.flag():
        at = node.integer(0, len(entries) - 2)
        entries[at : at + 2] = [entries[at] * entries[at + 1]]
    elif node.flag():
        entries.insert(node.integer(0, len(entries)), 1)
    if entries and node.flag() and 0 not in entries:
        entries[node.integer(0, len(entries) - 1)] = -1
    if node.flag(0.3) and entries and shape and entries[0] == shape[0]:
        entries[0] = 0
    node.add_parameter(np.array(entries, np.int64))
    node.set("allowzero", node.integer(0, 1), 0.3)


def _flatten(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape())
    node.add(array)
    low = -array.ndim if node.opset >= 11 else 0
    node.set("axis", node.integer(low, array.ndim), 0.8)


def _squeeze(node: RandomNode) -> None:
    shape = [1 if node.flag(0.6) else d for d in node.shape()]
    ones = [i for i, d in enumerate(shape) if d == 1]
    axes = [a - len(shape) if node.opset >= 11 and node.flag() else a for a in ones if node.flag(0.7)]
    if not axes:
        # Without axes, or with an empty list, opinions differ: of symbolic dims, and of the list.
        raise UnsuitedError
    node.add(node.array(node.dtype(), shape))
    if node.has_axes_input:
        node.add_parameter(np.array(axes, np.int64))
    else:
        node.set("axes", axes)


def _unsqueeze(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(0, 3))
    node.add(array)
    rank = array.ndim + node.integer(1, 2)
    picked = node.random.sample(range(rank), rank - array.ndim)
    axes = [a - rank if node.opset >= 11 and node.flag() else a for a in picked]
    if node.has_axes_input:
        node.add_parameter(np.array(axes, np.int64))
    else:
        node.set("axes", axes)


def _expand(node: RandomNode) -> None:
    shape = node.shape()
    node.add(node.array(node.dtype(), node.broadcast(shape)))
    node.add_parameter(np.array([1 if node.flag(0.1) else d for d in shape], np.int64))


def _tile(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 4))
    node.add(array)
    node.add_parameter(np.array([node.integer(0 if node.flag(0.05) else 1, 3) for _ in array.shape], np.int64))


def _pad(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 4))
    node.add(array)
    mode = node.choose(["constant", "reflect", "edge", "wrap"] if node.opset >= 19 else ["constant", "reflect", "edge"])
    axes = node.axes(array.ndim) if node.opset >= 18 and node.flag() else None
    sizes = [array.shape[a] for a in axes] if axes else list(array.shape)
    lowest = -1 if node.flag(0.2) else 0
    pads = (
        [node.integer(lowest, min(2, d - 1) if mode in ("reflect", "wrap") else 2) for d in sizes * 2]
        if 0 not in sizes
        else [0] * 2 * len(sizes)
    )
    node.set("mode", mode)
    if node.opset < 11:
        node.set("pads", pads)
        node.set("value", 1.5, 0.5)
        return
    node.add_parameter(np.array(pads, np.int64))
    if node.flag() or axes:
        node.add_parameter(node.array(str(array.dtype), ()) if mode == "constant" or node.flag(0.2) else None)
    if axes:
        node.add_parameter(np.array(axes, np.int64))


def _indices(node: RandomNode, size: int, shape: Sequence[int]) -> Array:
    if not size and 0 not in shape:
        raise UnsuitedError
    low = -size if node.opset >= 11 else 0
    rng = np.random.default_rng(node.integer(0, 1000))
    return np.asarray(rng.integers(low, max(size, 1), tuple(shape)), node.choose([np.int32, np.int64]))


def _gather(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 4))
    axis = node.axis(array.ndim)
    node.add(array)
    node.add_parameter(_indices(node, array.shape[axis], node.shape(0, 2)))
    node.set("axis", axis if node.opset >= 11 else axis % array.ndim, 1.0)


def _gather_elements(node: RandomNode) -> None:
    _elements(node)


def _elements(node: RandomNode) -> tuple[Array, Array, int]:
    """An array, indices along an axis, and the axis."""
    array = node.array(node.dtype(), node.shape(1, 4))
    axis = node.axis(array.ndim)
    node.add(array)
    shape = [node.integer(min(d, 1), d) for d in array.shape]
    shape[axis] = node.integer(1, 4)
    indices = _indices(node, array.shape[axis], shape)
    node.add_parameter(indices)
    node.set("axis", axis)
    return array, indices, axis


def _scatter_elements(node: RandomNode) -> None:
    array, indices, axis = _elements(node)
    reduction = node.choose(["none", "add", "mul", "max", "min"] if node.opset >= 18 else ["none", "add", "mul"])
    node.set("reduction", reduction, 0.6)
    if node.attributes.get("reduction", "none") == "none":
        # No element twice.
        if indices.shape[axis] > array.shape[axis]:
            raise UnsuitedError
        order = np.random.default_rng(0).permutation(array.shape[axis])[: indices.shape[axis]]
        view = np.moveaxis(indices, axis, -1)
        view[...] = order
    node.add(node.array(str(array.dtype), indices.shape))


def _gather_nd(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 4))
    batch = node.integer(0, min(2, array.ndim - 1)) if node.opset >= 12 and node.flag(0.4) else 0
    depth = node.integer(1, array.ndim - batch)
    lead = [*array.shape[:batch], *node.shape(0, 2)]
    node.add(array)
    columns = [_indices(node, array.shape[batch + i], lead).astype(np.int64) for i in range(depth)]
    node.add_parameter(np.stack(columns, -1))
    node.set("batch_dims", batch)


def _scatter_nd(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 3))
    if 0 in array.shape:
        raise UnsuitedError
    depth = node.integer(1, array.ndim)
    places = math.prod(array.shape[:depth])
    count = node.integer(1, min(places, 4))
    flat = np.random.default_rng(node.integer(0, 99)).permutation(places)[:count]
    indices = np.stack(np.unravel_index(flat, array.shape[:depth]), -1).astype(np.int64)
    reduction = node.choose(["none", "add", "mul", "max", "min"] if node.opset >= 18 else ["none", "add", "mul"])
    node.set("reduction", reduction, 0.6)
    if node.attributes.get("reduction", "none") != "none" and node.flag():
        indices = np.concatenate([indices, indices[:1]])
    node.add(array)
    node.add_parameter(indices)
    node.add(node.array(str(array.dtype), (*indices.shape[:-1], *array.shape[depth:])))


def _one_hot(node: RandomNode) -> None:
    shape = node.shape(0, 3)
    node.add(np.round(node.array(node.choose(["int64", "int32", "float32"]), shape, -4, 4)))
    node.add_parameter(np.array(node.choose([3, 5]), np.int64) if node.flag() else np.array([4], np.int64))
    values = node.array(node.choose(["float32", "int64", "int32"]), (2,))
    node.add_parameter(values)
    node.set("axis", node.integer(-len(shape) - 1, len(shape)) if node.opset >= 11 else -1, 0.8)


def _eye_like(node: RandomNode) -> None:
    node.add(node.array(node.dtype(), node.shape(2, 2)))
    node.set("k", node.integer(-3, 3), 0.7)
    node.set("dtype", node.choose([TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32]), 0.5)


def _trilu(node: RandomNode) -> None:
    node.add(node.array(node.dtype(), node.shape(2, 4)))
    if node.flag():
        node.add_parameter(np.array(node.integer(-3, 3)))
    node.set("upper", node.integer(0, 1), 0.8)


def _blocks(node: RandomNode) -> None:
    size, (batch, channels, height, width) = node.integer(1, 3), (node.integer(1, 3) for _ in range(4))
    is_depth = node.schema.name == "DepthToSpace"
    shape = (batch, channels * size**2, height, width) if is_depth else (batch, channels, height * size, width * size)
    node.add(node.array(node.dtype(), shape))
    node.set("blocksize", size)
    node.set("mode", node.choose(["DCR", "CRD"]), 0.6)


def _reverse_sequence(node: RandomNode) -> None:
    shape = node.shape(2, 4)
    time = node.integer(0, 1)
    node.add(node.array(node.dtype(), shape))
    if not shape[time]:
        raise UnsuitedError
    node.add_parameter(node.array("int64", (shape[1 - time],), 1, shape[time]))
    node.set("time_axis", time)
    node.set("batch_axis", 1 - time)


def _compress(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 3))
    axis = node.axis(array.ndim) if node.flag() else None
    node.add(array)
    node.add_parameter(node.array("bool", (array.size if axis is None else array.shape[axis],)))
    if axis is not None:
        node.set("axis", axis if node.opset >= 11 else axis % array.ndim)


def _any_data(node: RandomNode) -> None:
    node.add(node.array(node.dtype(), node.shape(1, 4)))


def _center_crop_pad(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 4))
    node.add(array)
    axes = node.axes(array.ndim)
    node.add_parameter(np.array([node.integer(1, 6) for _ in axes], np.int64))
    node.set("axes", axes)


STRATEGIES: dict[str, Strategy] = {
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), _blocks),
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Expand": _expand,
    "Tile": _tile,
    "Pad": _pad,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "ScatterElements": _scatter_elements,
    "Scatter": _scatter_elements,
    "GatherND": _gather_nd,
    "ScatterND": _scatter_nd,
    "OneHot": _one_hot,
    "EyeLike": _eye_like,
    "Trilu": _trilu,
    "ReverseSequence": _reverse_sequence,
    "Compress": _compress,
    "NonZero": _any_data,
    "CenterCropPad": _center_crop_pad,
}
