"""Samples of an image at positions that a grid gives, and the grids of affine maps (ONNX GridSample and AffineGrid,
PyTorch's grid_sampler and affine_grid_generator)."""

from collections.abc import Sequence

from ..ir import Value
from ..ops import math, nn
from ..ops.enums import ResizeMode, SamplePadding
from ..types import DType
from .layers import scalar
from .values import cast, reshape, sliced


def grid_sampled(x: Value, grid: Value, mode: ResizeMode, padding: SamplePadding, align_corners: bool) -> Value:
    """``x`` [N, C, *sizes] at the positions ``grid`` [N, *out, rank], the last axis first: [N, C, *out] as x's dtype.

    Positions are computed in single precision at least; what is interpolated of integers is rounded towards zero.
    """
    dtype = x.type.dtype
    grid = grid if grid.type.dtype in (DType.F32, DType.F64) else cast(grid, DType.F32)
    if mode is not ResizeMode.NEAREST and not dtype.is_float:
        x = cast(x, DType.F64 if dtype.is_integer and dtype.bits > 16 else DType.F32)
    return cast(nn.GridSample(x, grid, mode, padding, align_corners).result, dtype)


def _shifted(x: Value, amount: float) -> Value:
    return x if amount == 0 else math.Add(x, scalar(amount, x)).result


def _scaled(x: Value, factor: float) -> Value:
    return math.Mul(x, scalar(factor, x)).result


def affine_grid(theta: Value, lines: Sequence[Value]) -> Value:
    """The positions [N, *sizes, rank], the last axis first, that ``theta`` [N, rank, rank + 1] takes those of a regular
    grid to; ``lines`` are the grid's positions along each axis (``grid_line``)."""
    batch, rank = theta.type.shape[0], len(lines)
    columns = [reshape(sliced(theta, 2, i, 1), (batch, *(1,) * rank, rank)) for i in range(rank + 1)]
    grid = columns[rank]
    for axis, line in reversed(list(enumerate(lines))):
        along = reshape(line, (line.type.shape[0], *(1,) * (rank - axis)))
        grid = math.Add(math.Mul(columns[rank - 1 - axis], along).result, grid).result
    return grid


def grid_line(places: Value, size: Value, align_corners: bool) -> Value:
    """Positions from -1 to 1 for the ``places`` 0, 1, 2, … of ``size`` elements, both floats: the ends are the centres
    of the outermost elements, or their outer edges. A single centre is at 0."""
    if not align_corners:
        odd = _shifted(_scaled(places, 2), 1)
        return _shifted(math.Div(odd, size).result, -1)
    last = _shifted(size, -1)
    at = math.Div(_scaled(places, 2), math.Maximum(last, scalar(1, last)).result).result
    return math.Sub(at, math.Minimum(last, scalar(1, last)).result).result
