"""Rules that bring what is resized to the height and width of an image."""

import numpy as np

from ...dims import Dim, product
from ...ir import Value
from ...opdef import replace
from ...ops import math, nn
from ...passes.lowering.building import concat, folded_reshape, slice_axes
from ...passes.lowering.resize import resize_of_nothing, resized_along, resized_axes
from ...passes.patterns import constant
from ...rewriter import RuleSet
from .resampling import sampling

RULES = RuleSet()


RULES.on(nn.Resize)(resize_of_nothing)


@RULES.on(nn.Resize)
def resize_of_many_axes(op: nn.Resize) -> Value | None:
    """resize(x, axes) -> resize(resize(x, the last two axes, or the last one), the other axes)"""
    axes, rank = resized_axes(op), op.x.type.rank
    if sampling(op) is None or len(axes) < 2 or axes == (rank - 2, rank - 1):
        return None
    last = axes[-2:] if axes[-2:] == (rank - 2, rank - 1) else axes[-1:]
    return resized_along(op, resized_along(op, op.x, last), axes[: -len(last)])


@RULES.on(nn.Resize)
def resize_of_image(op: nn.Resize) -> Value | None:
    """resize(x) -> reshape(resize(reshape(x, [before, 1, axis, behind]))), the last two axes as they are"""
    axes, rank = resized_axes(op), op.x.type.rank
    if sampling(op) is None or (rank == 4 and set(axes) <= {2, 3}):
        return None
    height = axes[0]
    scales = (1.0, 1.0, *(*op.scales[height:], 1.0)[:2]) if op.scales else ()
    if len(axes) == 1 and op.scales:
        scales = (1.0, 1.0, op.scales[height], 1.0)
    image = replace(
        op,
        x=folded_reshape(op.x, _image(op.x.type.shape, height)),
        shape=_image(op.shape, height),
        scales=scales,
        dims=None if op.dims is None else _image_dims(op.dims, height, rank),
    )
    return folded_reshape(image.result, op.shape)


def _image(shape: tuple[Dim, ...], height: int) -> tuple[Dim, ...]:
    """``shape`` with four axes: all before, one of size 1, ``height``, all behind."""
    return (product(shape[:height]), 1, shape[height], product(shape[height + 1 :]))


def _image_dims(dims: Value, height: int, rank: int) -> Value:
    """The run-time sizes of the image, of which height and width alone are asked for."""
    ones = constant(np.ones(2, dims.type.dtype.numpy))
    behind = slice_axes(dims, [0], [height + 1], [rank - height - 1])
    width = math.ReduceProd(behind, (0,), keep_dims=True).result
    return concat([ones, slice_axes(dims, [0], [height], [1]), width], 0)
