"""Strategies of the random modules: for each family of ops, how one is made of a builder's values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING
from typing import TYPE_CHECKING

import numpy as np

from glmir.dims import Dim, product
from glmir.ir import Op, Value
from glmir.ops import math, nn, quant, tensor
from glmir.ops.enums import (
    CoordinateTransform,
    Direction,
    Layout,
    NearestRounding,
    PadMode,
    RecurrentActivation,
    ResizeMode,
    SamplePadding,
)
from glmir.types import DType

if TYPE_CHECKING:
    from tests.random_graphs import Builder


class UnfitError(Exception):
    """Nothing there fits the op."""


def operation(b: Builder, cls: type[Op]) -> Op:
    """An op of the class on values of the builder; raises UnfitError or ConstraintError when none comes out."""
    for family, strategy in _STRATEGIES.items():
        if issubclass(cls, family):
            return strategy(b, cls)
    operands: dict[str, object] = {f.name: b.value() for f in cls.definition.operand_fields}
    return _make(b, cls, **operands)


def _make(b: Builder, cls: type[Op], **given: object) -> Op:
    """The op with those of the fields ``given`` that it has; enums, flags and axes that are left are drawn."""
    names = {f.name for f in (*cls.definition.operand_fields, *cls.definition.attribute_fields)}
    given = {name: value for name, value in given.items() if name in names}
    x = given.get("x")
    rank = x.type.rank if isinstance(x, Value) else 0
    for attribute in cls.definition.attribute_fields:
        if attribute.name in given:
            continue
        kind = attribute.type
        if kind is bool:
            given[attribute.name] = b.flag()
        elif attribute.name == "axis":
            given["axis"] = b.integer(0, max(rank - 1, 0))
        elif attribute.name == "axes":
            given["axes"] = tuple(sorted({b.integer(0, max(rank - 1, 0)) for _ in range(b.integer(0, rank))}))
        elif kind is float:
            given[attribute.name] = b.choose([0.125, 0.5, 1.0])
        elif isinstance(kind, type) and attribute.name in ("activation", "form", "order", "dtype", "reduction"):
            given[attribute.name] = b.choose(list(kind))  # type: ignore[call-overload]
        elif attribute.default is MISSING and kind in (int, Dim):
            given[attribute.name] = b.integer(1, 2)
        elif attribute.default is MISSING:
            raise UnfitError
    return cls(**given)


def _binary(b: Builder, cls: type[Op]) -> Op:
    x = b.value()
    y = b.partner(x)
    return _make(b, cls, x=x, y=y) if b.flag() else _make(b, cls, x=y, y=x)


def _scaled(b: Builder, cls: type[Op]) -> Op:
    is_quantize = cls is quant.Quantize
    x = b.value(lambda v: v.type.dtype is (DType.F32 if is_quantize else DType.I32))
    axis = b.integer(0, x.type.rank - 1) if x.type.rank and b.flag() else None
    shape = () if axis is None else b.static(x.type.shape[axis : axis + 1])
    # Powers of two, so that nothing is rounded but to integers.
    scale = b.constant(np.asarray(0.25 * 2.0 ** b.array(DType.I32, shape), np.float32))
    zero_point = b.constant(b.array(DType.I8 if is_quantize else DType.I32, shape)) if b.flag() else None
    return _make(b, cls, x=x, scale=scale, zero_point=zero_point, axis=axis)


def _select(b: Builder, cls: type[Op]) -> Op:
    x = b.value()
    return math.Select(b.value(lambda v: v.type.dtype is DType.BOOL), x, b.partner(x))


def _clamp(b: Builder, cls: type[Op]) -> Op:
    low = b.choose([-float("inf"), -1.0, 0.0])
    high = b.choose([float("inf"), 1.0, 6.0])
    return math.Clamp(b.value(), low, high)


def _cast(b: Builder, cls: type[Op]) -> Op:
    dtype = b.choose([DType.F32, DType.I32, DType.I64, DType.I8, DType.BOOL])
    return tensor.Cast(b.value(), dtype)


def _reshape(b: Builder, cls: type[Op]) -> Op:
    x = b.value()
    dims: list[Dim] = list(x.type.shape)
    if b.flag() and len(dims) > 1:
        at = b.integer(0, len(dims) - 2)
        dims[at : at + 2] = [product(dims[at : at + 2])]
    if b.flag():
        dims.insert(b.integer(0, len(dims)), 1)
    return tensor.Reshape(x, None, tuple(d for d in dims if d != 1 or b.flag()))


def _transpose(b: Builder, cls: type[Op]) -> Op:
    x = b.value()
    return tensor.Transpose(x, tuple(b.random.sample(range(x.type.rank), x.type.rank)))


def _expand(b: Builder, cls: type[Op]) -> Op:
    x = b.value()
    front = tuple(b.dim() for _ in range(b.integer(0, 1)))
    return tensor.Expand(x, None, (*front, *(b.dim() if d == 1 else d for d in x.type.shape)))


def _slice(b: Builder, cls: type[Op]) -> Op:
    x = b.value()
    parts = [_extent(b, d) for d in x.type.shape]
    starts, sizes, strides = ([p[i] for p in parts] for i in range(3))
    return tensor.Slice(x, tuple(starts), tuple(sizes), tuple(strides))


def _extent(b: Builder, dim: Dim) -> tuple[Dim, Dim, int]:
    if not isinstance(dim, int) or b.flag():
        return 0, dim, 1
    start = b.integer(0, dim - 1) if dim else 0
    stride = b.choose([1, 1, 2, -1])
    room = start + 1 if stride < 0 else -((start - dim) // stride)
    return start, b.integer(0, max(room, 0)), stride


def _split(b: Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: any(isinstance(d, int) and d > 1 for d in v.type.shape))
    axis = next(i for i, d in enumerate(x.type.shape) if isinstance(d, int) and d > 1)
    (size,) = b.static(x.type.shape[axis : axis + 1])
    first = b.integer(0, size)
    return tensor.Split(x, axis, (first, size - first) if b.flag() else (size,))


def _concat(b: Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.rank > 0)
    others = [b.value(lambda v: v.type.dtype is x.type.dtype and v.type.rank == x.type.rank) for _ in range(2)]
    return tensor.Concat((x, *others)[: b.integer(1, 3)], b.integer(0, x.type.rank - 1))


def _pad(b: Builder, cls: type[Op]) -> Op:
    x = b.value()
    mode = b.choose([PadMode.CONSTANT, *PadMode])
    # Mirrors and wrapped axes hold no more than the axis does.
    room = [d if isinstance(d, int) else 1 for d in x.type.shape]
    largest = [2 if mode in (PadMode.CONSTANT, PadMode.EDGE) else min(r - (mode is PadMode.REFLECT), 2) for r in room]
    low, high = (tuple(b.integer(0, max(n, 0)) for n in largest) for _ in range(2))
    value = b.constant(b.array(x.type.dtype, ())) if mode is PadMode.CONSTANT and b.flag() else None
    return tensor.Pad(x, value, low, high, mode)


def _tile(b: Builder, cls: type[Op]) -> Op:
    x = b.value()
    return tensor.Tile(x, tuple(b.integer(1, 2) for _ in x.type.shape))


def _gather(b: Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.rank > 0)
    axis = b.integer(0, x.type.rank - 1)
    shape = [b.integer(1, 3) for _ in range(b.integer(0, 2))]
    return tensor.Gather(x, _indices(b, x, [axis], shape), axis)


def _indices(b: Builder, x: Value, axes: Sequence[int], shape: Sequence[int]) -> Value:
    """Constant positions along the axes, from either end, one for each element of ``shape``."""
    sizes = b.static([x.type.shape[a] for a in axes])
    if 0 in sizes:
        raise UnfitError
    count = int(np.prod(shape)) // len(sizes)
    low = 0 if b.flag() else -1
    elements = [b.integer(low * size, size - 1) for _ in range(count) for size in sizes]
    return b.constant(np.array(elements, b.choose([np.int32, np.int64])).reshape(shape))


def _elements(b: Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.rank > 0 and v.type.is_static)
    axis = b.integer(0, x.type.rank - 1)
    shape = list(x.type.static_shape)
    shape[axis] = b.integer(1, 3)
    indices = _indices(b, x, [axis], shape)
    return _make(b, cls, x=x, indices=indices, updates=b.constant(b.array(x.type.dtype, shape)), axis=axis)


def _rows(b: Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.rank > 0 and v.type.is_static)
    width = b.integer(1, x.type.rank)
    count = b.integer(1, 3)
    updates = b.constant(b.array(x.type.dtype, (count, *x.type.static_shape[width:])))
    return _make(b, cls, x=x, indices=_indices(b, x, range(width), (count, width)), updates=updates)


def _one_hot(b: Builder, cls: type[Op]) -> Op:
    indices = b.value(lambda v: v.type.dtype in (DType.I32, DType.I64))
    values = b.constant(b.array(b.choose([DType.F32, DType.I32, DType.I64, DType.BOOL]), (2,)))
    return tensor.OneHot(indices, values, b.integer(1, 4), b.integer(0, indices.type.rank))


def _top_k(b: Builder, cls: type[Op]) -> Op:
    return _make(b, cls, x=b.value(lambda v: v.type.rank > 0), count=None)


def _mat_mul(b: Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.rank >= 2 and v.type.dtype.is_float)
    inner = x.type.shape[-1]
    if isinstance(inner, int) and b.flag():
        batch = b.static(x.type.shape[:-2]) if x.type.is_static and b.flag() else ()
        return math.MatMul(x, b.constant(b.array(x.type.dtype, (*batch, inner, b.integer(1, 3)))))
    return _make(b, cls, x=x, y=b.value(lambda v: v.type.rank >= 2 and v.type.dtype is x.type.dtype))


def _linear(b: Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.dtype.is_float and v.type.rank > 0 and isinstance(v.type.shape[-1], int))
    features = b.integer(1, 3)
    weight = b.constant(b.array(x.type.dtype, (features, *b.static(x.type.shape[-1:]))))
    bias = b.constant(b.array(x.type.dtype, (features,))) if b.flag() else None
    return _make(b, cls, x=x, weight=weight, bias=bias)


def _image(b: Builder) -> Value:
    return b.value(lambda v: v.type.dtype.is_float and 3 <= v.type.rank <= 5 and _has_channels(v))


def _has_channels(value: Value) -> bool:
    channels = value.type.shape[1]
    return isinstance(channels, int) and channels > 0


def _convolution(b: Builder, cls: type[Op]) -> Op:
    x = _image(b)
    spatial = x.type.rank - 2
    (channels,) = b.static(x.type.shape[1:2])
    groups = channels if b.flag() else 1
    outputs = groups * b.integer(1, 2)
    kernel = [b.integer(1, 2) for _ in range(spatial)]
    own = (channels, outputs // groups) if cls is nn.ConvTranspose else (outputs, channels // groups)
    weight = b.constant(b.array(x.type.dtype, (*own, *kernel)))
    bias = b.constant(b.array(x.type.dtype, (outputs,))) if b.flag() else None
    extra: dict[str, object] = {"output_padding": (0,) * spatial} if cls is nn.ConvTranspose else {}
    return _make(b, cls, x=x, weight=weight, bias=bias, **_windows(b, spatial, 1), groups=groups, **extra)


def _windows(b: Builder, spatial: int, padding: int) -> dict[str, object]:
    return {
        "strides": tuple(b.integer(1, 2) for _ in range(spatial)),
        "padding": tuple(b.integer(0, padding) for _ in range(2 * spatial)),
        "dilations": tuple(b.choose([1, 1, 2]) for _ in range(spatial)),
    }


def _pool(b: Builder, cls: type[Op]) -> Op:
    x = _image(b)
    spatial = x.type.rank - 2
    kernel = tuple(b.integer(1, 3) for _ in range(spatial))
    return _make(b, cls, x=x, kernel=kernel, **_windows(b, spatial, min(kernel) - 1))


def _layer_norm(b: Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.dtype.is_float and v.type.rank > 0 and isinstance(v.type.shape[-1], int))
    last = b.static(x.type.shape[-1:])
    given = {f.name: b.constant(b.array(x.type.dtype, last)) for f in cls.definition.operand_fields if f.name != "x"}
    return _make(b, cls, x=x, axis=x.type.rank - 1, **given)


def _channel_norm(b: Builder, cls: type[Op]) -> Op:
    x = _image(b)
    channels = b.static(x.type.shape[1:2])
    scale, bias = (b.constant(b.array(x.type.dtype, channels)) for _ in range(2))
    extra: dict[str, object] = {"groups": b.choose([1, *channels])} if cls is nn.GroupNorm else {}
    return _make(b, cls, x=x, scale=scale, bias=bias, layout=Layout.NCHW, **extra)


def _p_relu(b: Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.dtype.is_float)
    return nn.PRelu(x, b.partner(x))


def _batch_norm(b: Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.dtype.is_float and v.type.rank >= 2 and isinstance(v.type.shape[1], int))
    channels = b.static(x.type.shape[1:2])
    scale, bias, mean = (b.constant(b.array(x.type.dtype, channels)) for _ in range(3))
    variance = b.constant(np.abs(b.array(x.type.dtype, channels)) + np.ones((), x.type.dtype.numpy))
    return nn.BatchNorm(x, scale, bias, mean, variance, 1e-3)


def _resize(b: Builder, cls: type[Op]) -> Op:
    x = _image(b)
    front, sizes = x.type.shape[:2], x.type.shape[2:]
    mode = b.choose(list(ResizeMode))
    transform = b.choose([t for t in CoordinateTransform if t is not CoordinateTransform.TF_CROP_AND_RESIZE])
    rounding, is_exclusive = b.choose(list(NearestRounding)), b.flag()
    factors = [b.choose([1, 2, 3]) for _ in sizes]
    scales: tuple[float, ...] = ()
    resized: list[Dim] = [d * f for d, f in zip(sizes, factors, strict=True)]
    if x.type.is_static and b.flag():
        resized = [b.integer(1, 5) for _ in sizes]
    elif b.flag():
        scales = (1.0, 1.0, *map(float, factors))
    shape = (*front, *resized)
    return nn.Resize(x, shape, scales, mode, transform, rounding, exclude_outside=is_exclusive)


def _grid_sample(b: Builder, cls: type[Op]) -> Op:
    x = _image(b)
    batch, rank = b.static(x.type.shape[:1]), x.type.rank - 2
    grid = b.array(DType.F32, (*batch, *(b.integer(1, 3) for _ in range(rank)), rank))
    mode, padding = b.choose(list(ResizeMode)), b.choose(list(SamplePadding))
    return nn.GridSample(x, b.constant(grid), mode, padding, b.flag())


def _recurrent(b: Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.dtype.is_float and v.type.rank == 3 and isinstance(v.type.shape[2], int))
    assert issubclass(cls, nn.Recurrent)
    direction, hidden = b.choose(list(Direction)), b.integer(1, 3)
    rows = (direction.count, cls.gates * hidden)
    (features,) = b.static(x.type.shape[2:])
    names = ("bias", "recurrent_bias", "lengths", "initial_h", "initial_c", "peephole")
    given: dict[str, object] = dict.fromkeys(names)
    for name in ("bias", "recurrent_bias"):
        given[name] = b.constant(b.array(x.type.dtype, rows)) if b.flag() else None
    kinds = [RecurrentActivation.SIGMOID, RecurrentActivation.TANH, RecurrentActivation.RELU]
    return _make(
        b, cls, x=x, **given, direction=direction, alphas=(), betas=(), clip=b.choose([0.0, 0.5]),
        weight=b.constant(b.array(x.type.dtype, (*rows, features))),
        recurrence=b.constant(b.array(x.type.dtype, (*rows, hidden))),
        activations=tuple(b.choose(kinds) for _ in range(direction.count * cls.activations_per_direction)),
    )  # fmt: skip


def _dynamic_update_slice(b: Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.is_static)
    update = b.array(x.type.dtype, [b.integer(min(d, 1), d) for d in x.type.static_shape])
    starts = np.array([b.integer(-1, 3) for _ in x.type.shape], b.choose([np.int32, np.int64]))
    return tensor.DynamicUpdateSlice(x, b.constant(update), b.constant(starts))


_STRATEGIES: dict[type[Op], Callable[[Builder, type[Op]], Op]] = {
    math.Binary: _binary,
    math.Select: _select,
    math.Clamp: _clamp,
    math.MatMul: _mat_mul,
    tensor.Cast: _cast,
    tensor.Reshape: _reshape,
    tensor.Transpose: _transpose,
    tensor.Expand: _expand,
    tensor.Slice: _slice,
    tensor.Split: _split,
    tensor.Concat: _concat,
    tensor.Pad: _pad,
    tensor.Tile: _tile,
    tensor.Gather: _gather,
    tensor.GatherElements: _elements,
    tensor.ScatterElements: _elements,
    tensor.GatherNd: _rows,
    tensor.ScatterNd: _rows,
    tensor.OneHot: _one_hot,
    math.TopK: _top_k,
    nn.Linear: _linear,
    nn.Convolution: _convolution,
    nn.Pool: _pool,
    nn.BatchNorm: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.RmsNorm: _layer_norm,
    nn.InstanceNorm: _channel_norm,
    nn.GroupNorm: _channel_norm,
    nn.PRelu: _p_relu,
    nn.Resize: _resize,
    nn.GridSample: _grid_sample,
    nn.Recurrent: _recurrent,
    tensor.DynamicUpdateSlice: _dynamic_update_slice,
    quant.Scaled: _scaled,
}
