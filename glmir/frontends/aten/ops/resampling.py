"""Interpolation to sizes, or by factors; grid samples are in grid_sampling.py."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ....dims import Dim, SymInt, known_equal
from ....ir import Value
from ....ops import math, nn, tensor
from ....ops.enums import CoordinateTransform, NearestRounding, ResizeMode
from ....types import DType, TensorType
from ..registry import Importer, Table
from ..scalars import Int, SymFloat
from ..scope import Scope, cast, constant, known_dims
from ..tensors import Tensor, Unsupported
from ..work import MAX_CONSTANT
from .adaptive_pooling import pooled
from .windows import for_axes

TABLE = Table()


@dataclass(frozen=True)
class _Method:
    """How an operation resamples; ``exact`` takes the nearest neighbour of an element's centre, not of its edge."""

    mode: ResizeMode
    rank: int
    align_corners: bool = False
    antialias: bool = False
    exact: bool = False

    @property
    def transform(self) -> CoordinateTransform:
        if self.align_corners:
            return CoordinateTransform.ALIGN_CORNERS
        is_edge = self.mode is ResizeMode.NEAREST and not self.exact
        return CoordinateTransform.ASYMMETRIC if is_edge else CoordinateTransform.HALF_PIXEL

    @property
    def rounding(self) -> NearestRounding:
        return NearestRounding.ROUND_PREFER_CEIL if self.exact else NearestRounding.FLOOR

    def aligned(self, align_corners: bool) -> "_Method":
        return replace(self, align_corners=align_corners)

    def factor(self, given: float | None, size: Dim, target: Dim) -> float | None:
        """What counts of a given factor: some operations do not look at it where the size stays or doubles."""
        if self.exact or (self.mode is ResizeMode.CUBIC and not self.antialias):
            return given
        if known_equal(size, target):
            return 1.0
        return 2.0 if self.mode is ResizeMode.NEAREST and known_equal(2 * size, target) else given

    def resize(self, x: Value, shape: Sequence[Dim], scales: tuple[float, ...], dims: Value | None = None) -> nn.Resize:
        return nn.Resize(
            x,
            tuple(shape),
            scales,
            self.mode,
            self.transform,
            self.rounding,
            -0.5 if self.antialias else -0.75,
            exclude_outside=self.antialias,
            antialias=self.antialias,
            dims=dims,
        )


def scaled_size(size: Dim, factor: float) -> Dim:
    """floor(size * factor)"""
    if not isinstance(size, SymInt):
        return int(size * factor)
    product = SymFloat(size).times(factor)
    if product is None:
        raise Unsupported(
            f"the symbolic size {size} times {factor} is no simple fraction; declare the size as a number"
        )
    return product.floor()


def resampled(
    scope: Scope, x: Value, method: _Method, output_size: Sequence[Int] | None, scales: Sequence[float | None]
) -> Value:
    """``x`` [N, C, *spatial] in another size; ``scales`` count for coordinates, and give the size where none is."""
    if method.antialias and method.align_corners:
        raise Unsupported("antialias=True together with align_corners=True is not supported")
    if x.type.rank != method.rank + 2:
        raise Unsupported(f"its input {x.type} does not have {method.rank} spatial axes")
    lead, sizes = x.type.shape[:2], x.type.shape[2:]
    factors = for_axes(scales, method.rank, "the scale factor") if scales else (None,) * method.rank
    if output_size is None:
        given = [f for f in factors if f is not None]
        if len(given) < method.rank:
            raise Unsupported("neither a size nor scale factors are given")
        output_size = [scaled_size(d, f) for d, f in zip(sizes, given, strict=True)]
    shape, dims = scope.dims([*lead, *for_axes(output_size, method.rank, "the size")])
    factors = tuple(method.factor(*axis) for axis in zip(factors, sizes, shape[2:], strict=True))
    if method.mode is ResizeMode.NEAREST:
        return _nearest(x, method, shape, factors, dims)
    if x.type.dtype.is_float:
        return method.resize(x, shape, _scales(sizes, shape[2:], factors), dims).result
    single = method.resize(cast(x, DType.F32), shape, _scales(sizes, shape[2:], factors), dims).result
    return cast(math.Round(single).result, x.type.dtype)


def _scales(sizes: Sequence[Dim], targets: Sequence[Dim], factors: Sequence[float | None]) -> tuple[float, ...]:
    """The factors for all axes; none where they are the sizes' own ratios, or where one is not known."""
    found = [1.0, 1.0]
    is_ratio = True
    for size, target, factor in zip(sizes, targets, factors, strict=True):
        are_known = isinstance(size, int) and isinstance(target, int)
        if factor is None or factor <= 0:
            if not are_known:
                return ()
            found.append(_as_int(target) / _as_int(size))
        else:
            found.append(factor)
            is_ratio &= are_known and _as_int(size) * factor == _as_int(target)
    return () if is_ratio else tuple(found)


def _as_int(dim: Dim) -> int:
    assert isinstance(dim, int)
    return dim


def _nearest(
    x: Value, method: _Method, shape: tuple[Dim, ...], factors: Sequence[float | None], dims: Value | None
) -> Value:
    """PyTorch computes positions in single precision: where its rounding differs from ours, they become constants."""
    scales = _scales(x.type.shape[2:], shape[2:], factors)
    for axis, factor in enumerate(factors, 2):
        size, target = x.type.shape[axis], shape[axis]
        if not isinstance(size, int) or not isinstance(target, int) or max(size, target) > MAX_CONSTANT:
            continue
        theirs = _positions(size, target, factor, method.exact, x.type.dtype)
        line = Value(TensorType(DType.I64, (size,)))
        ours = method.resize(line, (target,), scales[axis : axis + 1]).evaluate(np.arange(size), None)
        if not np.array_equal(ours, theirs):
            x = tensor.Gather(x, constant(theirs), axis).result
            scales = (*scales[:axis], 1.0, *scales[axis + 1 :]) if scales else ()
    return x if x.type.shape == shape else method.resize(x, shape, scales, dims).result


def _positions(size: int, target: int, factor: float | None, exact: bool, dtype: DType) -> NDArray[np.int64]:
    """The elements that nearest neighbours take (ATen's native/UpSample.h)."""
    real = np.dtype(np.float64 if dtype is DType.F64 else np.float32)
    scale = np.asarray(1 / factor if factor else size / target).astype(real)
    places = np.arange(target).astype(real) + np.asarray(0.5 if exact else 0.0).astype(real)
    at = np.floor(places * scale)
    return np.asarray(np.minimum(at.astype(np.int64), size - 1))


def _by_size(method: _Method) -> Importer:
    """The overload that is given a size, and may be given factors for the coordinates; their names tell the axes."""

    def one_axis(scope: Scope, self: Tensor, output_size: Sequence[Int], scales: float | None = None) -> Value:
        return resampled(scope, self.value, method, output_size, (scales,))

    def two_axes(
        scope: Scope,
        self: Tensor,
        output_size: Sequence[Int],
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Value:
        return resampled(scope, self.value, method, output_size, (scales_h, scales_w))

    def three_axes(
        scope: Scope,
        self: Tensor,
        output_size: Sequence[Int],
        scales_d: float | None = None,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Value:
        return resampled(scope, self.value, method, output_size, (scales_d, scales_h, scales_w))

    return (one_axis, two_axes, three_axes)[method.rank - 1]


def _by_size_aligned(method: _Method) -> Importer:
    """As ``_by_size``, for interpolations that can align corners."""

    def one_axis(
        scope: Scope, self: Tensor, output_size: Sequence[Int], align_corners: bool, scales: float | None = None
    ) -> Value:
        return resampled(scope, self.value, method.aligned(align_corners), output_size, (scales,))

    def two_axes(
        scope: Scope,
        self: Tensor,
        output_size: Sequence[Int],
        align_corners: bool,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Value:
        return resampled(scope, self.value, method.aligned(align_corners), output_size, (scales_h, scales_w))

    def three_axes(
        scope: Scope,
        self: Tensor,
        output_size: Sequence[Int],
        align_corners: bool,
        scales_d: float | None = None,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Value:
        return resampled(scope, self.value, method.aligned(align_corners), output_size, (scales_d, scales_h, scales_w))

    return (one_axis, two_axes, three_axes)[method.rank - 1]


def _by_size_or_factors(method: _Method) -> Importer:
    def importer(
        scope: Scope, input: Tensor, output_size: Sequence[Int] | None, scale_factors: Sequence[float] | None
    ) -> Value:
        return resampled(scope, input.value, method, output_size, scale_factors or ())

    return importer


def _by_size_or_factors_aligned(method: _Method) -> Importer:
    def importer(
        scope: Scope,
        input: Tensor,
        output_size: Sequence[Int] | None,
        align_corners: bool,
        scale_factors: Sequence[float] | None,
    ) -> Value:
        return resampled(scope, input.value, method.aligned(align_corners), output_size, scale_factors or ())

    return importer


for _rank in (1, 2, 3):
    for _name, _exact in ((f"upsample_nearest{_rank}d", False), (f"_upsample_nearest_exact{_rank}d", True)):
        _nearest_method = _Method(ResizeMode.NEAREST, _rank, exact=_exact)
        TABLE.imports(_name)(_by_size(_nearest_method))
        TABLE.imports(_name)(_by_size_or_factors(_nearest_method))

_ALIGNED = {
    "upsample_linear1d": _Method(ResizeMode.LINEAR, 1),
    "upsample_bilinear2d": _Method(ResizeMode.LINEAR, 2),
    "upsample_trilinear3d": _Method(ResizeMode.LINEAR, 3),
    "upsample_bicubic2d": _Method(ResizeMode.CUBIC, 2),
    "_upsample_bilinear2d_aa": _Method(ResizeMode.LINEAR, 2, antialias=True),
    "_upsample_bicubic2d_aa": _Method(ResizeMode.CUBIC, 2, antialias=True),
}

for _name, _method in _ALIGNED.items():
    TABLE.imports(_name)(_by_size_aligned(_method))
    TABLE.imports(_name)(_by_size_or_factors_aligned(_method))

_MODES = {
    "nearest": ResizeMode.NEAREST, "nearest-exact": ResizeMode.NEAREST, "linear": ResizeMode.LINEAR,
    "bilinear": ResizeMode.LINEAR, "trilinear": ResizeMode.LINEAR, "bicubic": ResizeMode.CUBIC,
}  # fmt: skip


@TABLE.imports("__interpolate")
def interpolate(
    scope: Scope,
    input: Tensor,
    size: Sequence[Int] | None = None,
    scale_factor: Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Value:
    """torch.nn.functional.interpolate, which old scripts call as one operation."""
    x, rank = input.value, input.rank - 2
    factors = for_axes(scale_factor, rank, "the scale factor") if scale_factor else ()
    if size is None and (recompute_scale_factor or mode == "area"):
        size, factors = [scaled_size(d, f) for d, f in zip(x.type.shape[2:], factors, strict=True)], ()
    if mode == "area":
        return pooled(x, known_dims(for_axes(size or (), rank, "the size"), "the size"), True)
    if mode not in _MODES:
        raise Unsupported(f"the mode {mode} is not known")
    method = _Method(_MODES[mode], rank, bool(align_corners), antialias, mode == "nearest-exact")
    return resampled(scope, x, method, size, factors)


@TABLE.imports("__upsample")
def upsample(
    scope: Scope,
    input: Tensor,
    size: Sequence[Int] | None = None,
    scale_factor: Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Value:
    return interpolate(scope, input, size, scale_factor, mode, align_corners)


@TABLE.imports("__upsample_nearest")
def upsample_nearest(
    scope: Scope, input: Tensor, size: Sequence[Int] | None = None, scale_factor: Sequence[float] | None = None
) -> Value:
    return interpolate(scope, input, size, scale_factor)


@TABLE.imports("__upsample_bilinear")
def upsample_bilinear(
    scope: Scope, input: Tensor, size: Sequence[Int] | None = None, scale_factor: Sequence[float] | None = None
) -> Value:
    return interpolate(scope, input, size, scale_factor, "bilinear", True)
