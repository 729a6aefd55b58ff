"""Pools; global ones are reductions."""

from collections.abc import Sequence
from math import prod

from ....dims import Dim, is_nonnegative, product
from ....ir import Op, Value
from ....ops import math, nn, tensor
from ....ops.nn.windows import Windows
from ...layers import padded
from ...values import positions, reshape, size_of
from ...window_positions import largest_positions, unpooled
from ..node import ImporterTable, Node, Unsupported, scalar
from ..resize_operands import is_given
from .windows import positive_ints, read_windows, spatial_sizes

TABLE = ImporterTable()

_MAX_TAPS = 1 << 16
"""How many elements a window may have whose places are computed."""


@TABLE.imports("MaxPool")
def max_pool(node: Node) -> Sequence[Value]:
    windows, kernel = _windows(node)
    x = node.operand(0)
    pool = nn.MaxPool(x, kernel, windows.strides, windows.padding, windows.dilations, windows.ceil_mode)
    if not node.wants_output(1):
        return (pool.result,)
    if prod(kernel) > _MAX_TAPS:
        raise Unsupported(f"a window has {prod(kernel)} elements, too many for its second output, the indices")
    return pool.result, _indices(x, windows, kernel, bool(node.int("storage_order", 0)))


def _indices(x: Value, windows: Windows, kernel: tuple[int, ...], column_major: bool) -> Value:
    """Where in all of x, flattened, each window's largest element stands."""
    at = largest_positions(x, windows, kernel, column_major)
    batch, channels, *sizes = x.type.shape
    starts = math.Mul(positions(batch * channels), size_of(product(sizes))).result
    return math.Add(at, reshape(starts, (batch, channels, *(1,) * len(sizes)))).result


@TABLE.imports("MaxUnpool")
def max_unpool(node: Node) -> Value:
    x, indices = node.operand(0), node.operand(1)
    kernel = node.ints("kernel_shape")
    sizes = spatial_sizes(node)
    rank = len(sizes)
    strides, pads = positive_ints(node, "strides", rank), node.ints("pads", (0,) * 2 * rank)
    if len(kernel) != rank or len(pads) != 2 * rank:
        raise Unsupported(f"its kernel {list(kernel)} and its pads {list(pads)} do not fit {x.type}")
    axes = zip(sizes, strides, kernel, pads[:rank], pads[rank:], strict=True)
    usual = tuple((size - 1) * stride + k - low - high for size, stride, k, low, high in axes)
    shape = (*x.type.shape[:2], *usual)
    if not is_given(node, 2):
        return _all_unpooled(x, indices, shape)
    result, dims = node.dims_or_fresh(2, rank + 2, range(rank + 2))
    if dims is not None and not all(isinstance(d, int) for d in result):
        raise Unsupported("input 2, the shape of its result, depends on the data; declare the shape of the result")
    # Indices that the model computes are places in the tensor that was pooled, which has the shape of the result. To
    # the standard's own data, where they are given, they are places in a result of the usual shape.
    if indices.owner is not None:
        return _all_unpooled(x, indices, result)
    extra = tuple(r - d for r, d in zip(result, shape, strict=True))
    if not all(is_nonnegative(d) for d in extra):
        raise Unsupported(f"its result {list(result)} is smaller than windows unpooled without overlap, {list(shape)}")
    y = _all_unpooled(x, indices, shape)
    return tensor.Pad(y, None, (0,) * len(shape), extra).result if any(d != 0 for d in extra) else y


def _all_unpooled(x: Value, indices: Value, shape: Sequence[Dim]) -> Value:
    return unpooled(x, indices, (), shape)


@TABLE.imports("AveragePool")
def average_pool(node: Node) -> nn.AveragePool:
    windows, kernel = _windows(node)
    return nn.AveragePool(
        node.operand(0),
        kernel,
        windows.strides,
        windows.padding,
        windows.dilations,
        windows.ceil_mode,
        bool(node.int("count_include_pad", 0)),
    )


@TABLE.imports("LpPool")
def lp_pool(node: Node) -> Value:
    windows, kernel = _windows(node)
    p = _order(node)
    powers = _power(node.operand(0), p)
    # The sum over a window is its mean times its size, once the padding is there as zeros.
    zeros = (0,) * 2 * len(kernel)
    means = nn.AveragePool(padded(powers, windows), kernel, windows.strides, zeros, windows.dilations)
    size = 1
    for k in kernel:
        size *= k
    return _root(math.Mul(means.result, scalar(size, means.result)).result, p)


@TABLE.imports("GlobalAveragePool")
def global_average_pool(node: Node) -> Op:
    return math.ReduceMean(node.operand(0), _spatial_axes(node), keep_dims=True)


@TABLE.imports("GlobalMaxPool")
def global_max_pool(node: Node) -> Op:
    return math.ReduceMax(node.operand(0), _spatial_axes(node), keep_dims=True)


@TABLE.imports("GlobalLpPool")
def global_lp_pool(node: Node) -> Value:
    p = _order(node)
    total = math.ReduceSum(_power(node.operand(0), p), _spatial_axes(node), keep_dims=True)
    return _root(total.result, p)


def _windows(node: Node) -> tuple[Windows, tuple[int, ...]]:
    """The windows, and the kernel's sizes as numbers."""
    kernel = node.ints("kernel_shape")
    return read_windows(node, kernel, bool(node.int("ceil_mode", 0))), kernel


def _spatial_axes(node: Node) -> tuple[int, ...]:
    return tuple(range(2, len(spatial_sizes(node)) + 2))


def _order(node: Node) -> float:
    """The order of the norm, a float in opset 1."""
    return node.float("p", 2.0) if node.opset < 2 else node.int("p", 2)


def _power(x: Value, p: float) -> Value:
    """|x| ** p"""
    if p <= 0:
        raise Unsupported(f"the norm's order {p} is not positive")
    if p == 2:
        return math.Square(x).result
    magnitude = math.Abs(x).result
    return magnitude if p == 1 else math.Pow(magnitude, scalar(p, x)).result


def _root(x: Value, p: float) -> Value:
    """x ** (1 / p)"""
    if p == 1:
        return x
    return math.Sqrt(x).result if p == 2 else math.Pow(x, scalar(1 / p, x)).result
