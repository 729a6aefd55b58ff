"""Activation functions, softmax and its kin."""

from math import inf, tanh

import numpy as np

from ....dims import divides
from ....ir import Value
from ....ops import math, nn, tensor
from ....ops.enums import GeluForm
from ....types import DType
from ...layers import scalar
from ..promotion import as_float
from ..registry import Importer, Table
from ..scalars import Number, Scalar
from ..scope import Scope, cast, constant, known_float, reshape
from ..tensors import Tensor, Unsupported
from .windows import check_axis

TABLE = Table()

_SIMPLE: dict[str, type[nn.FloatActivation] | type[math.Unary]] = {
    "hardswish": nn.HardSwish,
    "mish": nn.Mish,
    "relu": nn.Relu,
    "silu": nn.Silu,
}
"""Functions of floats alone, except relu."""

_PROMOTING: dict[str, type[nn.FloatActivation] | type[math.Unary]] = {
    "sigmoid": nn.Sigmoid,
    "special_expit": nn.Sigmoid,
    "tanh": math.Tanh,
}
"""Functions that make integers floats."""


def _simple(op_class: type[nn.FloatActivation] | type[math.Unary]) -> Importer:
    def importer(self: Tensor) -> Value:
        return op_class(self.value).result

    return importer


def _promoting(op_class: type[nn.FloatActivation] | type[math.Unary]) -> Importer:
    def importer(self: Tensor) -> Value:
        return op_class(as_float(self.value)).result

    return importer


for _name, _op_class in _SIMPLE.items():
    TABLE.imports(_name)(_simple(_op_class))
for _name, _op_class in _PROMOTING.items():
    TABLE.imports(_name)(_promoting(_op_class))


@TABLE.imports("tanh")
def tanh_of_number(scope: Scope, self: Number) -> Number:
    if isinstance(self, int | float):
        return tanh(self)
    return Scalar(math.Tanh(scope.scalar(self, DType.F64)).result)


@TABLE.imports("relu6")
def relu6(self: Tensor) -> Value:
    return nn.Relu6(self.value).result


@TABLE.imports("leaky_relu")
def leaky_relu(self: Tensor, negative_slope: Number = 0.01) -> Value:
    return nn.LeakyRelu(self.value, known_float(negative_slope, "the slope")).result


@TABLE.imports("rrelu")
def rrelu(
    self: Tensor,
    lower: Number = 1 / 8,
    upper: Number = 1 / 3,
    training: bool = False,
    generator: object = None,
) -> Value:
    """A random slope while training, the mean one at inference."""
    if training:
        raise Unsupported("it is random in training mode; call model.eval() before the model is saved")
    return nn.LeakyRelu(self.value, (known_float(lower, "the slope") + known_float(upper, "the slope")) / 2).result


@TABLE.imports("rrelu_with_noise")
def rrelu_with_noise(
    self: Tensor,
    noise: Tensor,
    lower: Number = 1 / 8,
    upper: Number = 1 / 3,
    training: bool = False,
    generator: object = None,
) -> Value:
    return rrelu(self, lower, upper, training)


@TABLE.imports("rrelu_with_noise_functional")
def rrelu_with_noise_functional(
    self: Tensor,
    noise: Tensor,
    lower: Number = 1 / 8,
    upper: Number = 1 / 3,
    training: bool = False,
    generator: object = None,
) -> tuple[Value, Tensor]:
    return rrelu(self, lower, upper, training), noise


@TABLE.imports("prelu")
def prelu(self: Tensor, weight: Tensor) -> Value:
    """A slope for all elements, or one a channel."""
    x, slope = self.value, weight.value
    trailing = max(x.type.rank - 2, 0)
    if x.type.rank < 2 or slope.type.elements == 1:
        return nn.PRelu(x, reshape(slope, ())).result
    return nn.PRelu(x, reshape(slope, (slope.type.elements, *(1,) * trailing))).result


@TABLE.imports("_prelu_kernel")
def prelu_kernel(self: Tensor, weight: Tensor) -> Value:
    return nn.PRelu(self.value, weight.value).result


@TABLE.imports("elu")
def elu(self: Tensor, alpha: Number = 1, scale: Number = 1, input_scale: Number = 1) -> Value:
    """scale * x, or scale * alpha * (exp(input_scale * x) - 1) where x is not positive."""
    a, gain, inner = (known_float(n, "a factor") for n in (alpha, scale, input_scale))
    x = self.value
    if inner == 1:
        return nn.Elu(x, a).result if gain == 1 else nn.Selu(x, a, gain).result
    scaled = math.Mul(math.Minimum(x, scalar(0, x)).result, scalar(inner, x)).result
    # An ELU is precise around 0, where the exponential less 1 is not; but it has this curve for negative operands only.
    if inner > 0:
        curve = nn.Elu(scaled, a).result
    else:
        curve = math.Mul(math.Sub(math.Exp(scaled).result, scalar(1, x)).result, scalar(a, x)).result
    y = math.Select(math.Greater(x, scalar(0, x)).result, x, curve).result
    return y if gain == 1 else math.Mul(y, scalar(gain, x)).result


@TABLE.imports("selu")
def selu(self: Tensor) -> Value:
    """The constants of Klambauer et al., "Self-Normalizing Neural Networks", arXiv:1706.02515."""
    return nn.Selu(self.value, 1.6732632423543772, 1.0507009873554805).result


@TABLE.imports("celu")
def celu(self: Tensor, alpha: Number = 1.0) -> Value:
    a = known_float(alpha, "alpha")
    return nn.Celu(self.value, a).result if a > 0 else elu(self, a, 1, 1 / a)


@TABLE.imports("gelu")
def gelu(self: Tensor, *, approximate: str = "none") -> Value:
    if approximate not in ("none", "tanh"):
        raise Unsupported(f"the approximation {approximate} is not known")
    return nn.Gelu(self.value, GeluForm.TANH if approximate == "tanh" else GeluForm.ERF).result


@TABLE.imports("hardtanh")
def hardtanh(self: Tensor, min_val: Number = -1, max_val: Number = 1) -> Value:
    low, high = known_float(min_val, "the lower bound"), known_float(max_val, "the upper bound")
    if (low, high) == (0, 6):
        return nn.Relu6(self.value).result
    if (low, high) == (0, inf):
        return nn.Relu(self.value).result
    return math.Clamp(self.value, low, high).result


@TABLE.imports("hardsigmoid")
def hardsigmoid(self: Tensor) -> Value:
    return nn.HardSigmoid(self.value, 1 / 6, 0.5).result


@TABLE.imports("softplus")
def softplus(self: Tensor, beta: Number = 1, threshold: Number = 20) -> Value:
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x is above the threshold."""
    x = self.value
    factor, limit = known_float(beta, "beta"), known_float(threshold, "the threshold")
    scaled = x if factor == 1 else math.Mul(x, scalar(factor, x)).result
    y = nn.Softplus(scaled).result
    y = y if factor == 1 else math.Div(y, scalar(factor, x)).result
    # Above 20 no float32 tells log(1 + exp(x)) from x.
    return y if limit >= 20 else math.Select(math.Greater(scaled, scalar(limit, x)).result, x, y).result


@TABLE.imports("log_sigmoid")
def log_sigmoid(self: Tensor) -> Value:
    return math.Neg(nn.Softplus(math.Neg(self.value).result).result).result


@TABLE.imports("log_sigmoid_forward")
def log_sigmoid_forward(self: Tensor) -> tuple[Value, Value]:
    return log_sigmoid(self), constant(np.zeros(0, self.dtype.numpy))


@TABLE.imports("softshrink")
def softshrink(self: Tensor, lambd: Number = 0.5) -> Value:
    """x moved towards 0 by ``lambd``, as far as 0: x - clamp(x)."""
    limit = known_float(lambd, "lambd")
    return math.Sub(self.value, math.Clamp(self.value, -limit, limit).result).result


@TABLE.imports("hardshrink")
def hardshrink(self: Tensor, lambd: Number = 0.5) -> Value:
    x = self.value
    is_inside = math.LessEqual(math.Abs(x).result, scalar(known_float(lambd, "lambd"), x)).result
    return math.Select(is_inside, scalar(0, x), x).result


@TABLE.imports("threshold")
def threshold(scope: Scope, self: Tensor, threshold: Number, value: Number) -> Value:
    x = self.value
    is_below = math.LessEqual(x, scope.scalar(threshold, self.dtype)).result
    return math.Select(is_below, scope.scalar(value, self.dtype), x).result


@TABLE.imports("glu")
def glu(self: Tensor, dim: int = -1) -> Value:
    x, axis = self.value, check_axis(dim, self.rank)
    half = divides(2, x.type.shape[axis])
    if half is None:
        raise Unsupported(f"the size {x.type.shape[axis]} along dimension {axis} must be even")
    value, gate = tensor.Split(x, axis, (half, half)).results
    return math.Mul(value, nn.Sigmoid(gate).result).result


def _along(op_class: type[nn.Softmax] | type[nn.LogSoftmax], x: Value, dim: int) -> Value:
    axis = check_axis(dim, x.type.rank)
    if x.type.rank:
        return op_class(x, axis).result
    return reshape(op_class(reshape(x, (1,)), 0).result, ())


@TABLE.imports("softmax", "special_softmax")
def softmax(self: Tensor, dim: int, dtype: DType | None = None) -> Value:
    return _along(nn.Softmax, cast(self.value, dtype or self.dtype), dim)


@TABLE.imports("log_softmax", "special_log_softmax")
def log_softmax(self: Tensor, dim: int, dtype: DType | None = None) -> Value:
    return _along(nn.LogSoftmax, cast(self.value, dtype or self.dtype), dim)


@TABLE.imports("_softmax")
def softmax_kernel(self: Tensor, dim: int, half_to_float: bool) -> Value:
    return softmax(self, dim, DType.F32 if half_to_float else None)


@TABLE.imports("_log_softmax")
def log_softmax_kernel(self: Tensor, dim: int, half_to_float: bool) -> Value:
    return log_softmax(self, dim, DType.F32 if half_to_float else None)


@TABLE.imports("_safe_softmax")
def safe_softmax(self: Tensor, dim: int, dtype: DType | None = None) -> Value:
    """Softmax, with 0 where all elements along the axis are -inf."""
    x = cast(self.value, dtype or self.dtype)
    axis = check_axis(dim, self.rank)
    is_masked = math.Equal(x, scalar(-inf, x)).result
    y = _along(nn.Softmax, x, dim)
    if self.rank == 0:
        return math.Select(is_masked, scalar(0, x), y).result
    return math.Select(math.ReduceAll(is_masked, (axis,), keep_dims=True).result, scalar(0, x), y).result


@TABLE.imports("_masked_softmax")
def masked_softmax(self: Tensor, mask: Tensor, dim: int | None = None, mask_type: int | None = None) -> Value:
    """Softmax over the elements where the mask is false; of type 0 the mask is [L, S], of 1 [B, S], of 2 as x."""
    x, hidden = self.value, cast(mask.value, DType.BOOL)
    if mask_type == 1 and hidden.type.rank == 2:
        batch, keys = hidden.type.shape
        hidden = reshape(hidden, (batch, *(1,) * (self.rank - 2), keys))
    scores = math.Select(hidden, scalar(-inf, x), x).result
    return _along(nn.Softmax, scores, self.rank - 1 if dim is None else dim)
