"""``quantized::``: layers with packed weights, arithmetic and activations of quantized tensors."""

# ruff: noqa: N803  (parameters are named as in the schemas)

from collections.abc import Callable, Sequence

import numpy as np

from ....ir import Value
from ....ops import math, nn
from ....types import DType
from ...layers import scalar
from ..axes import axis_of
from ..building import joined
from ..quantization import QuantizedTensor, Scales, known_scales, quantized
from ..registry import Table
from ..scalars import Number
from ..scope import Scope, cast, known_float, reshape
from ..tensors import Tensor, Unsupported, values_of
from ..views import Reshaped
from . import activation as activations
from . import normalization
from .convolution import convolved, convolved_transposed
from .linear import linear_layer
from .packed_weights import (
    AnyTensor,
    PackedConv,
    PackedLinear,
    conv_of,
    linear_of,
    real_of,
    real_value,
)
from .quantized import dynamic_scales
from .recurrent import refuse_dropout

TABLE = Table()


def _rounded(scope: Scope, y: Value, scale: float, zero_point: int, code: int) -> QuantizedTensor:
    return quantized(scope, y, known_scales(scale, zero_point, code))


def _relu(y: Value) -> Value:
    return nn.Relu(y).result


def _plain(y: Value) -> Value:
    return y


# Linear layers


def _linear(x: Value, packed: PackedLinear) -> Value:
    weight = cast(real_value(packed.weight), x.type.dtype)
    return linear_layer(x, weight, None if packed.bias is None else cast(packed.bias.value, x.type.dtype))


def _linear_importer(name: str, activate: Callable[[Value], Value]) -> None:
    @TABLE.imports(f"quantized::{name}", f"_quantized::{name}")
    def linear(
        scope: Scope,
        X: QuantizedTensor,
        W_prepack: object,
        Y_scale_i: float,
        Y_zero_point_i: int,
    ) -> QuantizedTensor:
        y = activate(_linear(X.real.value, linear_of(W_prepack)))
        return _rounded(scope, y, Y_scale_i, Y_zero_point_i, X.scales.code)

    @TABLE.imports(f"quantized::{name}_dynamic", f"_quantized::{name}_dynamic")
    def linear_dynamic(scope: Scope, X: Tensor, W_prepack: object, reduce_range: bool = False) -> Value:
        x = quantized(scope, X.value, dynamic_scales(scope, X.value, reduce_range))
        return activate(_linear(x.real.value, linear_of(W_prepack)))

    @TABLE.imports(f"quantized::{name}_dynamic_fp16")
    def linear_dynamic_fp16(X: Tensor, W_prepack: object) -> Value:
        return activate(_linear(X.value, linear_of(W_prepack)))


for _name, _activate in (("linear", _plain), ("linear_relu", _relu), ("linear_tanh", lambda y: math.Tanh(y).result)):
    _linear_importer(_name, _activate)


@TABLE.imports("quantized::linear_leaky_relu")
def linear_leaky_relu(
    scope: Scope,
    X: QuantizedTensor,
    W_prepack: object,
    Y_scale_i: float,
    Y_zero_point_i: int,
    negative_slope: float,
) -> QuantizedTensor:
    y = nn.LeakyRelu(_linear(X.real.value, linear_of(W_prepack)), negative_slope).result
    return _rounded(scope, y, Y_scale_i, Y_zero_point_i, X.scales.code)


@TABLE.imports("quantized::linear_dynamic_fp16_unpacked_weight")
def linear_dynamic_of_halves(X: Tensor, weight: Tensor, bias: Tensor | None) -> Value:
    return _linear(X.value, PackedLinear(weight, bias))


# Convolutions


def _convolved(x: Tensor, packed: PackedConv) -> Value:
    weight = real_of(packed.weight)
    if weight.rank != x.rank and weight.rank == 4:
        # A convolution over one axis is packed as one over two, the first of size 1.
        batch, channels, length = x.shape
        image = x.view(Reshaped((batch, channels, 1, length)))
        y = _convolved(image, packed)
        return reshape(y, (*y.type.shape[:2], y.type.shape[3]))
    if packed.is_transposed:
        extra = packed.output_padding or (0,)
        return convolved_transposed(
            x, weight, packed.bias, packed.stride, packed.padding, extra, packed.groups, packed.dilation
        )
    return convolved(x, weight, packed.bias, packed.stride, packed.padding, packed.dilation, packed.groups)


def _conv_importer(name: str, activate: Callable[[Value], Value]) -> None:
    @TABLE.imports(f"quantized::{name}", f"_quantized::{name}")
    def conv(
        scope: Scope, qx: QuantizedTensor, packed_weight: object, output_scale: float, output_zero_point: int
    ) -> QuantizedTensor:
        y = activate(_convolved(qx.real, conv_of(packed_weight)))
        return _rounded(scope, y, output_scale, output_zero_point, qx.scales.code)

    @TABLE.imports(f"quantized::{name}")
    def conv_with_settings(
        scope: Scope,
        qx: QuantizedTensor,
        weight: object,
        stride: object,
        padding: object,
        dilation: object,
        groups: object,
        output_scale: float,
        output_zero_point: int,
    ) -> QuantizedTensor:
        # What the settings say is packed, too.
        return conv(scope, qx, weight, output_scale, output_zero_point)

    @TABLE.imports(f"quantized::{name}_dynamic")
    def conv_dynamic(scope: Scope, qx: Tensor, packed_weight: object, reduce_range: bool = False) -> Value:
        x = quantized(scope, qx.value, dynamic_scales(scope, qx.value, reduce_range))
        return activate(_convolved(x.real, conv_of(packed_weight)))


for _rank in (1, 2, 3):
    _conv_importer(f"conv{_rank}d", _plain)
    _conv_importer(f"conv{_rank}d_relu", _relu)
    _conv_importer(f"conv_transpose{_rank}d", _plain)


def _conv_add_importer(name: str, activate: Callable[[Value], Value]) -> None:
    @TABLE.imports(f"quantized::{name}")
    def conv_add(
        scope: Scope,
        qx: QuantizedTensor,
        qaccum: QuantizedTensor,
        packed_weight: object,
        output_scale: float,
        output_zero_point: int,
    ) -> QuantizedTensor:
        y = math.Add(_convolved(qx.real, conv_of(packed_weight)), qaccum.real.value).result
        return _rounded(scope, activate(y), output_scale, output_zero_point, qx.scales.code)


_conv_add_importer("conv2d_add", _plain)
_conv_add_importer("conv2d_add_relu", _relu)


# Arithmetic


def _binary_importer(name: str, op: type[math.Add] | type[math.Mul], activate: Callable[[Value], Value]) -> None:
    @TABLE.imports(f"quantized::{name}", f"_quantized::{name}")
    def binary(
        scope: Scope, qa: QuantizedTensor, qb: QuantizedTensor, scale: float, zero_point: int
    ) -> QuantizedTensor:
        y = activate(op(qa.real.value, qb.real.value).result)
        return _rounded(scope, y, scale, zero_point, qa.scales.code)

    with_number = _plus_number if op is math.Add else _times_number

    @TABLE.imports(f"quantized::{name}", f"quantized::{name.replace('add', 'add_scalar').replace('mul', 'mul_scalar')}")
    def with_scalar(scope: Scope, qa: QuantizedTensor, b: Number | Tensor) -> QuantizedTensor:
        number = scope.number(b.value) if isinstance(b, Tensor) else b
        return with_number(scope, qa, known_float(number, "the number"), activate)

    @TABLE.imports(f"quantized::{name}")
    def scalar_first(scope: Scope, b: Number, qa: QuantizedTensor) -> QuantizedTensor:
        return with_scalar(scope, qa, b)


def _known(scales: Scales, scope: Scope) -> tuple[float, int]:
    """The only scale and zero point."""
    zero = 0 if scales.zero_point is None else scope.number(cast(scales.zero_point, DType.I64))
    if scales.number is None or not isinstance(zero, int):
        raise Unsupported("its scale depends on the data")
    return scales.number, zero


def _plus_number(
    scope: Scope, x: QuantizedTensor, number: float, activate: Callable[[Value], Value]
) -> QuantizedTensor:
    """The zero point moves; when it would leave the integers, the scale grows (PyTorch's _add_scalar_out)."""
    scale, zero = _known(x.scales, scope)
    low, high = x.scales.storage.lowest, x.scales.storage.highest
    steps = int(np.rint(number / scale))
    moved = zero - steps
    if low <= moved <= high:
        y = math.Add(x.real.value, scalar(steps * scale, x.real.value)).result
        return _rounded(scope, activate(y), scale, moved, x.scales.code)
    reach = high - moved if moved < low else moved - low
    y = math.Add(x.real.value, scalar(steps * scale, x.real.value)).result
    end = low if moved < low else high
    return _rounded(scope, activate(y), reach / (high - low) * scale, end, x.scales.code)


def _times_number(
    scope: Scope, x: QuantizedTensor, number: float, activate: Callable[[Value], Value]
) -> QuantizedTensor:
    scale, zero = _known(x.scales, scope)
    low, high = x.scales.storage.lowest, x.scales.storage.highest
    y = activate(math.Mul(x.real.value, scalar(number, x.real.value)).result)
    if number == 0:
        return _rounded(scope, y, 0.1, 0, x.scales.code)
    return _rounded(scope, y, scale * abs(number), zero if number > 0 else high + low - zero, x.scales.code)


for _name, _op in (("add", math.Add), ("mul", math.Mul)):
    _binary_importer(_name, _op, _plain)
    _binary_importer(f"{_name}_relu", _op, _relu)


@TABLE.imports("quantized::matmul")
def matmul(scope: Scope, qa: QuantizedTensor, qb: QuantizedTensor, scale: float, zero_point: int) -> QuantizedTensor:
    y = math.MatMul(qa.real.value, qb.real.value).result
    return _rounded(scope, y, scale, zero_point, qa.scales.code)


def _cat_importer(name: str, activate: Callable[[Value], Value]) -> None:
    @TABLE.imports(f"quantized::{name}")
    def cat(
        scope: Scope, qx: Sequence[QuantizedTensor], dim: int, scale: float | None, zero_point: int | None
    ) -> QuantizedTensor:
        y = activate(joined(values_of([q.real for q in qx]), axis_of(dim, qx[0].real.rank)))
        if scale is None:
            return quantized(scope, y, qx[0].scales)
        return _rounded(scope, y, scale, zero_point or 0, qx[0].scales.code)


_cat_importer("cat", _plain)
_cat_importer("cat_relu", _relu)


# Activations and normalizations that name the scale of their result

_Compute = Callable[..., Value]


def _unary(name: str, compute: _Compute) -> None:
    @TABLE.imports(f"quantized::{name}")
    def unary(scope: Scope, input: QuantizedTensor, output_scale: float, output_zero_point: int) -> QuantizedTensor:
        return _rounded(scope, compute(input.real), output_scale, output_zero_point, input.scales.code)


_unary("sigmoid", lambda x: nn.Sigmoid(x.value).result)
_unary("hardswish", lambda x: nn.HardSwish(x.value).result)


def _fixed(name: str, compute: _Compute, scale: float, zero_of_bytes: int) -> None:
    """Registers a function whose results have a range of their own, and so a scale."""

    @TABLE.imports(name)
    def fixed(scope: Scope, self: QuantizedTensor) -> QuantizedTensor:
        zero = zero_of_bytes - (0 if self.scales.storage is DType.U8 else 128)
        return _rounded(scope, compute(self.real), scale, zero, self.scales.code)


_fixed("sigmoid", lambda x: nn.Sigmoid(x.value).result, 1 / 256, 0)
_fixed("hardsigmoid", activations.hardsigmoid, 1 / 256, 0)
_fixed("tanh", lambda x: math.Tanh(x.value).result, 2 / 256, 128)


@TABLE.imports("quantized::leaky_relu")
def leaky_relu(
    scope: Scope,
    qx: QuantizedTensor,
    negative_slope: Number,
    inplace: bool,
    output_scale: float,
    output_zero_point: int,
) -> QuantizedTensor:
    y = activations.leaky_relu(qx.real, negative_slope)
    return _rounded(scope, y, output_scale, output_zero_point, qx.scales.code)


@TABLE.imports("quantized::elu")
def elu(
    scope: Scope,
    self: QuantizedTensor,
    output_scale: float,
    output_zero_point: int,
    alpha: Number = 1,
    scale: Number = 1,
    input_scale: Number = 1,
) -> QuantizedTensor:
    y = activations.elu(self.real, alpha, scale, input_scale)
    return _rounded(scope, y, output_scale, output_zero_point, self.scales.code)


@TABLE.imports("quantized::celu")
def celu(
    scope: Scope, self: QuantizedTensor, output_scale: float, output_zero_point: int, alpha: Number = 1
) -> QuantizedTensor:
    y = activations.celu(self.real, alpha)
    return _rounded(scope, y, output_scale, output_zero_point, self.scales.code)


@TABLE.imports("quantized::prelu")
def prelu(
    scope: Scope, qx: QuantizedTensor, weight: AnyTensor, output_scale: float, output_zero_point: int
) -> QuantizedTensor:
    y = activations.prelu(qx.real, real_of(weight))
    return _rounded(scope, y, output_scale, output_zero_point, qx.scales.code)


@TABLE.imports("quantized::softmax")
def softmax(
    scope: Scope, qx: QuantizedTensor, dim: int, output_scale: float, output_zero_point: int
) -> QuantizedTensor:
    y = nn.Softmax(qx.real.value, axis_of(dim, qx.real.rank)).result
    return _rounded(scope, y, output_scale, output_zero_point, qx.scales.code)


@TABLE.imports("quantized::relu6")
def relu6(scope: Scope, qx: QuantizedTensor, inplace: bool = False) -> QuantizedTensor:
    return quantized(scope, nn.Relu6(qx.real.value).result, qx.scales)


@TABLE.imports("quantized::clamp")
def clamp(scope: Scope, qx: QuantizedTensor, min: Number | None = None, max: Number | None = None) -> QuantizedTensor:
    low = float("-inf") if min is None else known_float(min, "the lower bound")
    high = float("inf") if max is None else known_float(max, "the upper bound")
    return quantized(scope, math.Clamp(qx.real.value, low, high).result, qx.scales)


@TABLE.imports("quantized::threshold")
def threshold(scope: Scope, qx: QuantizedTensor, threshold: Number, value: Number) -> QuantizedTensor:
    return quantized(scope, activations.threshold(scope, qx.real, threshold, value), qx.scales)


@TABLE.imports("quantized::dropout")
def dropout(
    self: QuantizedTensor, output_scale: float, output_zero_point: int, p: Number = 0.5, training: bool = False
) -> QuantizedTensor:
    refuse_dropout(training, known_float(p, "the share that is dropped"))
    return self


def _batch_norm_importer(names: Sequence[str], activate: Callable[[Value], Value]) -> None:
    @TABLE.imports(*names)
    def batch_norm(
        scope: Scope,
        qx: QuantizedTensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        var: Tensor,
        eps: float,
        output_scale: float,
        output_zero_point: int,
    ) -> QuantizedTensor:
        y = normalization.batch_norm(qx.real, weight, bias, mean, var, False, 0.0, eps)
        return _rounded(scope, activate(y), output_scale, output_zero_point, qx.scales.code)


_BATCH_NORMS = [f"quantized::batch_norm{rank}" for rank in ("", "1d", "2d", "3d")]
_batch_norm_importer([*_BATCH_NORMS, "quantized_batch_norm"], _plain)
_batch_norm_importer([f"{name}_relu" for name in _BATCH_NORMS], _relu)
