"""Pools; global ones are reductions."""

from ....ir import Op, Value
from ....ops import math, nn
from ....ops.nn.windows import Windows
from ...layers import padded
from ..node import ImporterTable, Node, Unsupported, scalar
from .windows import read_windows, spatial_sizes

TABLE = ImporterTable()


@TABLE.imports("MaxPool")
def max_pool(node: Node) -> nn.MaxPool:
    if node.wants_output(1):
        raise Unsupported("its second output, the indices, is used and not supported")
    windows, kernel = _windows(node)
    return nn.MaxPool(node.operand(0), kernel, windows.strides, windows.padding, windows.dilations, windows.ceil_mode)


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
