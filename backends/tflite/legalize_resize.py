"""Rules that bring what is resized to the height and width of an image with channels last."""

from collections.abc import Sequence

import numpy as np

from ...dims import Dim, product
from ...ir import Value
from ...opdef import replace
from ...ops import nn, tensor
from ...passes.lowering.building import folded_reshape
from ...passes.lowering.resampling import convention
from ...passes.lowering.resize import resize_of_nothing, resized_along, resized_axes
from ...passes.patterns import constant
from ...rewriter import RuleSet

RULES = RuleSet()


RULES.on(nn.Resize)(resize_of_nothing)


@RULES.on(nn.Resize)
def resize_of_many_axes(op: nn.Resize) -> Value | None:
    """resize(x, axes) -> resize(resize(x, two neighbouring axes), the other axes)"""
    axes = resized_axes(op)
    if convention(op) is None or len(axes) < 2 or (len(axes) == 2 and axes[0] + 1 == axes[1]):
        return None
    last = axes[-2:] if axes[-2] + 1 == axes[-1] else axes[-1:]
    return resized_along(op, resized_along(op, op.x, last), axes[: -len(last)])


@RULES.on(nn.Resize)
def resize_of_image(op: nn.Resize) -> Value | None:
    """resize(x, neighbouring axes a, b) -> reshape(resize(reshape(x, [before, a, b, after]))), b = 1 for one axis"""
    axes = resized_axes(op)
    if convention(op) is None or len(axes) > 2 or (op.x.type.rank == 4 and set(axes) <= {1, 2}):
        return None
    end = axes[-1] + 1
    view = _image(op.x.type.shape, axes[0], end)
    result = _image(op.shape, axes[0], end)
    scales: tuple[float, ...] = ()
    if op.scales:
        scales = (1.0, *(*op.scales[axes[0] : end], 1.0)[:2], 1.0)
    dims = None if op.dims is None else _image_dims(op.dims, axes)
    resized = replace(op, x=folded_reshape(op.x, view), shape=result, scales=scales, dims=dims)
    return folded_reshape(resized.result, op.shape)


def _image(shape: tuple[Dim, ...], start: int, end: int) -> tuple[Dim, ...]:
    """``shape`` with four axes: those from ``start`` to ``end`` and all before and all behind them as one."""
    height, width = (*shape[start:end], 1)[:2]
    return (product(shape[:start]), height, width, product(shape[end:]))


def _image_dims(dims: Value, axes: Sequence[int]) -> Value:
    """The run-time sizes of an image whose height and width are ``axes`` of the original; no others are asked for."""
    height, width = axes[0], axes[-1]
    picked = tensor.Gather(dims, constant(np.array([height, height, width, width])), 0).result
    if len(axes) == 2:
        return picked
    one = constant(np.ones(2, dims.type.dtype.numpy))
    return tensor.Concat((tensor.Slice(picked, (0,), (2,), (1,)).result, one), 0).result
