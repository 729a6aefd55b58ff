"""Normalizations, and what drops out at inference."""

from collections.abc import Sequence

import numpy as np

from ....ir import Value
from ....ops import math, nn
from ....types import DType
from ...layers import channel_statistics, scalar, statistics
from ..registry import Table
from ..scalars import Int, Number
from ..scope import cast, constant, expand, known_float, reshape
from ..tensors import Tensor, Unsupported
from .windows import check_axis

TABLE = Table()

_TRAINING = "it is in training mode; call model.eval() before the model is saved"
_DROPS = f"it drops elements at random, for {_TRAINING}; F.dropout also needs training=self.training"


def _parameter(parameter: Tensor | None, x: Value, default: float) -> Value:
    """A parameter [C] in x's dtype; ``default`` for all channels where there is none."""
    if parameter is not None:
        return cast(parameter.value, x.type.dtype)
    return expand(scalar(default, x), (x.type.shape[1],))


def _optional(parameter: Tensor | None, x: Value) -> Value | None:
    return None if parameter is None else cast(parameter.value, x.type.dtype)


def _nothing(x: Value) -> Value:
    """The empty tensor that stands for statistics at inference."""
    return constant(np.zeros(0, x.type.dtype.numpy))


@TABLE.imports("batch_norm")
def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: object = False,
) -> Value:
    """By the running statistics; by the batch's own where a module keeps none."""
    x = input.value
    scale, offset = _parameter(weight, x, 1), _parameter(bias, x, 0)
    if running_mean is None or running_var is None:
        mean, variance = channel_statistics(x)
    elif training:
        raise Unsupported(_TRAINING)
    else:
        mean, variance = cast(running_mean.value, x.type.dtype), cast(running_var.value, x.type.dtype)
    return nn.BatchNorm(x, scale, offset, mean, variance, eps).result


@TABLE.imports("native_batch_norm", "_native_batch_norm_legit")
def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Value, Value, Value]:
    y = batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)
    if not training:
        return y, _nothing(y), _nothing(y)
    axes = tuple(axis for axis in range(input.rank) if axis != 1)
    mean, deviation = statistics(input.value, axes, eps)
    channels = (input.shape[1],)
    return y, reshape(mean, channels), reshape(deviation, channels)


@TABLE.imports("_native_batch_norm_legit")
def native_batch_norm_without_statistics(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, training: bool, momentum: float, eps: float
) -> tuple[Value, Value, Value]:
    return native_batch_norm(input, weight, bias, None, None, True, momentum, eps)


@TABLE.imports("_native_batch_norm_legit_functional")
def native_batch_norm_functional(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Value, ...]:
    results = native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)
    return (*results, running_mean.value, running_var.value)


@TABLE.imports("_native_batch_norm_legit_no_training")
def native_batch_norm_no_training(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
) -> tuple[Value, Value, Value]:
    return native_batch_norm(input, weight, bias, running_mean, running_var, False, momentum, eps)


@TABLE.imports("_batch_norm_no_update")
def batch_norm_no_update(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    momentum: float,
    eps: float,
) -> tuple[Value, Value, Value, Value]:
    y, mean, deviation = native_batch_norm(input, weight, bias, running_mean, running_var, False, momentum, eps)
    return y, mean, deviation, constant(np.zeros(0, np.uint8))


@TABLE.imports("_batch_norm_with_update")
def batch_norm_with_update(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
) -> Value:
    raise Unsupported(_TRAINING)


@TABLE.imports("_batch_norm_impl_index")
def batch_norm_impl_index(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: object,
) -> tuple[Value | int, ...]:
    results = native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)
    return (*results, constant(np.zeros(0, np.uint8)), 0)


@TABLE.imports("cudnn_batch_norm", "miopen_batch_norm")
def cudnn_batch_norm(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    exponential_average_factor: float,
    epsilon: float,
) -> tuple[Value, ...]:
    results = native_batch_norm(
        input, weight, bias, running_mean, running_var, training, exponential_average_factor, epsilon
    )
    return (*results, constant(np.zeros(0, np.uint8)))


@TABLE.imports("batch_norm_elemt")
def batch_norm_elementwise(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, invstd: Tensor, eps: float
) -> Value:
    """(x - mean) * invstd * weight + bias"""
    x = input.value
    ones = (1,) * (input.rank - 2)
    shape = (x.type.shape[1], *ones)
    centred = math.Sub(x, reshape(mean.value, shape)).result
    factor = math.Mul(invstd.value, _parameter(weight, x, 1)).result
    scaled = math.Mul(centred, reshape(factor, shape)).result
    return math.Add(scaled, reshape(_parameter(bias, x, 0), shape)).result


@TABLE.imports("instance_norm")
def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: object,
) -> Value:
    if not use_input_stats:
        return batch_norm(input, weight, bias, running_mean, running_var, False, momentum, eps)
    if running_mean is not None:
        raise Unsupported(_TRAINING)
    x = input.value
    return nn.InstanceNorm(x, _parameter(weight, x, 1), _parameter(bias, x, 0), eps).result


@TABLE.imports("layer_norm")
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[Int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: object = True,
) -> Value:
    x = input.value
    axis = x.type.rank - len(normalized_shape)
    return nn.LayerNorm(x, _optional(weight, x), _optional(bias, x), axis, eps).result


@TABLE.imports("native_layer_norm")
def native_layer_norm(
    input: Tensor, normalized_shape: Sequence[Int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Value, Value, Value]:
    axes = tuple(range(input.rank - len(normalized_shape), input.rank))
    return layer_norm(input, normalized_shape, weight, bias, eps), *statistics(input.value, axes, eps)


@TABLE.imports("group_norm")
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: object = True,
) -> Value:
    x = input.value
    return nn.GroupNorm(x, _parameter(weight, x, 1), _parameter(bias, x, 0), num_groups, eps).result


@TABLE.imports("native_group_norm")
def native_group_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    N: Int,  # noqa: N803
    C: Int,  # noqa: N803
    HxW: Int,  # noqa: N803
    group: int,
    eps: float,
) -> tuple[Value, Value, Value]:
    x = input.value
    y = group_norm(input, group, weight, bias, eps)
    batch = x.type.shape[0]
    members = x.type.elements // batch // group
    mean, deviation = statistics(reshape(x, (batch, group, members)), (2,), eps)
    return y, reshape(mean, (batch, group)), reshape(deviation, (batch, group))


def _epsilon(eps: float | None, dtype: DType) -> float:
    """Without one it is the distance from 1 to the next number."""
    if eps is not None:
        return eps
    return {DType.F64: 2.0**-52, DType.F16: 2.0**-10, DType.BF16: 2.0**-7}.get(dtype, 2.0**-23)


@TABLE.imports("rms_norm")
def rms_norm(
    input: Tensor, normalized_shape: Sequence[Int], weight: Tensor | None = None, eps: float | None = None
) -> Value:
    x = input.value
    axis = x.type.rank - len(normalized_shape)
    return nn.RmsNorm(x, _optional(weight, x), axis, _epsilon(eps, x.type.dtype)).result


@TABLE.imports("_fused_rms_norm")
def fused_rms_norm(
    input: Tensor, normalized_shape: Sequence[Int], weight: Tensor | None, eps: float | None
) -> tuple[Value, Value]:
    x = input.value
    axes = tuple(range(x.type.rank - len(normalized_shape), x.type.rank))
    mean = math.ReduceMean(math.Square(x).result, axes, keep_dims=True).result
    root = math.Rsqrt(math.Add(mean, scalar(_epsilon(eps, x.type.dtype), x)).result).result
    return rms_norm(input, normalized_shape, weight, eps), root


def _norm(x: Value, axes: tuple[int, ...], p: float) -> Value:
    """The norm of order p over the axes, which stay with size 1."""
    if p == 2:
        return math.Sqrt(math.ReduceSum(math.Square(x).result, axes, keep_dims=True).result).result
    magnitude = math.Abs(x).result
    if p == float("inf"):
        return math.ReduceMax(magnitude, axes, keep_dims=True).result
    if p == 1:
        return math.ReduceSum(magnitude, axes, keep_dims=True).result
    powers = math.ReduceSum(math.Pow(magnitude, scalar(p, x)).result, axes, keep_dims=True).result
    return math.Pow(powers, scalar(1 / p, x)).result


@TABLE.imports("renorm")
def renorm(self: Tensor, p: Number, dim: int, maxnorm: Number) -> Value:
    """Every slice along the dimension scaled down to the norm ``maxnorm`` where its own is larger."""
    x, limit = self.value, known_float(maxnorm, "the largest norm")
    kept = check_axis(dim, self.rank)
    norm = _norm(x, tuple(axis for axis in range(self.rank) if axis != kept), known_float(p, "the norm's order"))
    shrunk = math.Div(scalar(limit, x), math.Add(norm, scalar(1e-7, x)).result).result
    is_larger = math.Greater(norm, scalar(limit, x)).result
    return math.Mul(x, math.Select(is_larger, shrunk, scalar(1, x)).result).result


@TABLE.imports("norm_except_dim")
def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Value:
    """The norm of every slice along the dimension, or of all elements for -1."""
    x = v.value
    axes = tuple(axis for axis in range(v.rank) if axis != dim)
    norm = _norm(x, axes, pow)
    return reshape(norm, ()) if dim == -1 else norm


@TABLE.imports("_weight_norm")
def weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Value:
    """v * g / norm(v), Salimans and Kingma, "Weight Normalization", arXiv:1602.07868."""
    return math.Mul(v.value, math.Div(g.value, norm_except_dim(v, 2, dim)).result).result


@TABLE.imports("_weight_norm_interface")
def weight_norm_interface(v: Tensor, g: Tensor, dim: int = 0) -> tuple[Value, Value]:
    return weight_norm(v, g, dim), norm_except_dim(v, 2, dim)


@TABLE.imports("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """At inference it does nothing."""
    if train and p > 0:
        raise Unsupported(_DROPS)
    return input


@TABLE.imports("native_dropout")
def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Value, Value]:
    if train is not False and p > 0:
        raise Unsupported(_DROPS)
    return input.value, expand(constant(np.array(True)), input.shape)
