"""Samples of an image at positions that a grid gives, and the grids of affine maps."""

from collections.abc import Sequence

from ....ir import Value
from ....ops.enums import ResizeMode, SamplePadding
from ...grid_sampling import affine_grid, grid_line, grid_sampled
from ...values import positions, size_of
from ..registry import Table
from ..scalars import Int
from ..scope import cast, known_dims
from ..tensors import Tensor, Unsupported

TABLE = Table()

_MODES = (ResizeMode.LINEAR, ResizeMode.NEAREST, ResizeMode.CUBIC)
_PADDINGS = (SamplePadding.ZEROS, SamplePadding.BORDER, SamplePadding.REFLECTION)
"""By PyTorch's numbers."""


@TABLE.imports("grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "_grid_sampler_2d_cpu_fallback")
def grid_sampler(input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Value:
    if not 0 <= interpolation_mode < len(_MODES) or not 0 <= padding_mode < len(_PADDINGS):
        raise Unsupported(f"interpolation mode {interpolation_mode} with padding mode {padding_mode} is not known")
    if not 4 <= input.rank <= 5 or grid.rank != input.rank:
        raise Unsupported(f"an image {input.type} and a grid {grid.type} do not fit")
    mode, padding = _MODES[interpolation_mode], _PADDINGS[padding_mode]
    return grid_sampled(input.value, grid.value, mode, padding, align_corners)


@TABLE.imports("cudnn_grid_sampler")
def cudnn_grid_sampler(self: Tensor, grid: Tensor) -> Value:
    return grid_sampler(self, grid, _MODES.index(ResizeMode.LINEAR), _PADDINGS.index(SamplePadding.ZEROS), True)


@TABLE.imports("affine_grid_generator")
def affine_grid_generator(theta: Tensor, size: Sequence[Int], align_corners: bool) -> Value:
    _, _, *sizes = known_dims(size, "the size")
    dtype = theta.dtype
    lines = [grid_line(cast(positions(d), dtype), size_of(d, dtype), align_corners) for d in sizes]
    return affine_grid(theta.value, lines)


@TABLE.imports("cudnn_affine_grid_generator")
def cudnn_affine_grid_generator(
    theta: Tensor,
    N: Int,  # noqa: N803
    C: Int,  # noqa: N803
    H: Int,  # noqa: N803
    W: Int,  # noqa: N803
) -> Value:
    return affine_grid_generator(theta, (N, C, H, W), True)
