"""Activation functions."""

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ...ir import Array, Op, Value
from ...opdef import constraint, op, op_family
from ...types import TensorType
from ..enums import GeluForm
from ..families import AlongAxis
from ..inference import can_broadcast
from ..math.unary import NumericUnary, Unary, erf
from .arrays import widen


@op
class Relu(NumericUnary):
    """max(0, x)"""

    compute = staticmethod(lambda x: np.maximum(x, np.zeros((), x.dtype)))


@op
class Relu6(NumericUnary):
    """x limited to 0 to 6"""

    compute = staticmethod(lambda x: np.clip(x, 0, 6))


@op_family
class FloatActivation(Unary):
    """An elementwise function of floats; halves are computed in single precision."""

    @constraint
    def operand_is_float(self) -> bool:
        """the operand is a float tensor"""
        return self.x.type.dtype.is_float

    def evaluate(self, x: Array) -> Array:
        return np.asarray(self.apply(widen(x))).astype(x.dtype, copy=False)

    def apply(self, x: Array) -> Array:
        return np.asarray(type(self).compute(x))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    decay = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1, decay) / (1 + decay))


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) without overflow."""
    return np.asarray(np.logaddexp(x, np.zeros((), x.dtype)))


@op
class Sigmoid(FloatActivation):
    """1 / (1 + exp(-x))"""

    compute = staticmethod(sigmoid)


@op
class HardSwish(FloatActivation):
    """x * max(0, min(1, x / 6 + 0.5))"""

    compute = staticmethod(lambda x: x * np.clip(x / 6 + 0.5, 0, 1))


@op
class Silu(FloatActivation):
    """x * sigmoid(x), also called swish"""

    compute = staticmethod(lambda x: x * sigmoid(x))


@op
class Softplus(FloatActivation):
    """log(1 + exp(x))"""

    compute = staticmethod(softplus)


@op
class Softsign(FloatActivation):
    """x / (1 + |x|)"""

    compute = staticmethod(lambda x: x / (1 + np.abs(x)))


@op
class Mish(FloatActivation):
    """x * tanh(softplus(x))"""

    compute = staticmethod(lambda x: x * np.tanh(softplus(x)))


@op
class LeakyRelu(FloatActivation):
    """x, or alpha * x where x is negative

    ```
    %y = nn.leaky_relu(%x: f32[2, 3]) {alpha = 0.01} : f32[2, 3]
    ```
    """

    alpha: float

    def apply(self, x: Array) -> Array:
        return np.where(x < 0, x * self.alpha, x)


def _elu(x: Array, alpha: float) -> Array:
    # The exponential of a large x, which the other branch answers, must not overflow.
    return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


@op
class Elu(FloatActivation):
    """x, or alpha * (exp(x) - 1) where x is negative

    ```
    %y = nn.elu(%x: f32[2, 3]) {alpha = 1.0} : f32[2, 3]
    ```
    """

    alpha: float

    def apply(self, x: Array) -> Array:
        return _elu(x, self.alpha)


@op
class Celu(FloatActivation):
    """x, or alpha * (exp(x / alpha) - 1) where x is negative

    ```
    %y = nn.celu(%x: f32[2, 3]) {alpha = 2.0} : f32[2, 3]
    ```
    """

    alpha: float

    @constraint
    def alpha_is_positive(self) -> bool:
        """alpha is positive"""
        return self.alpha > 0

    def apply(self, x: Array) -> Array:
        return np.where(x < 0, self.alpha * np.expm1(np.minimum(x, 0) / self.alpha), x)


@op
class Selu(FloatActivation):
    """gamma * x, or gamma * alpha * (exp(x) - 1) where x is negative

    ```
    %y = nn.selu(%x: f32[2, 3]) {alpha = 1.6732632, gamma = 1.050701} : f32[2, 3]
    ```
    """

    alpha: float
    gamma: float

    def apply(self, x: Array) -> Array:
        return np.asarray(self.gamma * _elu(x, self.alpha))


@op
class HardSigmoid(FloatActivation):
    """max(0, min(1, alpha * x + beta))

    ```
    %y = nn.hard_sigmoid(%x: f32[2, 3]) {alpha = 0.2, beta = 0.5} : f32[2, 3]
    ```
    """

    alpha: float
    beta: float

    def apply(self, x: Array) -> Array:
        return np.clip(self.alpha * x + self.beta, 0, 1)


@op
class Gelu(FloatActivation):
    """x times the standard normal's distribution function, exactly (``erf``) or by the tanh approximation

    Hendrycks and Gimpel, "Gaussian Error Linear Units", arXiv:1606.08415.

    ```
    %y = nn.gelu(%x: f32[2, 3]) {form = tanh} : f32[2, 3]
    ```
    """

    form: GeluForm = GeluForm.ERF

    def apply(self, x: Array) -> Array:
        if self.form is GeluForm.ERF:
            return np.asarray(0.5 * x * (1 + erf(x / math.sqrt(2))))
        return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))))


@op
class PRelu(Op):
    """x, or slope * x where x is negative; the slope broadcasts to x

    ```
    %y = nn.p_relu(%x: f32[n, 3, 4], %slope: f32[3, 1]) : f32[n, 3, 4]
    ```
    """

    x: Value
    slope: Value

    @constraint
    def operands_are_floats(self) -> bool:
        """the operands are float tensors of one dtype"""
        return self.x.type.dtype is self.slope.type.dtype and self.x.type.dtype.is_float

    @constraint
    def slope_broadcasts(self) -> bool:
        """the slope broadcasts to the shape of x"""
        return self.slope.type.rank <= self.x.type.rank and can_broadcast(self.slope.type.shape, self.x.type.shape)

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.x.type.shape)

    def evaluate(self, x: Array, slope: Array) -> Array:
        wide = widen(x)
        return np.where(wide < 0, wide * widen(slope), wide).astype(x.dtype, copy=False)


@op_family
class SoftmaxFamily(AlongAxis, FloatActivation):
    """A normalised exponential along one axis."""

    compute: ClassVar[Callable[[Array], Array]]
    axis: int


@op
class Softmax(SoftmaxFamily):
    """exp(x) divided by its sum along an axis

    ```
    %y = nn.softmax(%x: f32[n, 10]) {axis = 1} : f32[n, 10]
    ```
    """

    def apply(self, x: Array) -> Array:
        powers = np.exp(x - x.max(axis=self.axis, keepdims=True, initial=-np.inf))
        return np.asarray(powers / powers.sum(axis=self.axis, keepdims=True))


@op
class LogSoftmax(SoftmaxFamily):
    """The logarithm of the softmax along an axis

    ```
    %y = nn.log_softmax(%x: f32[n, 10]) {axis = 1} : f32[n, 10]
    ```
    """

    def apply(self, x: Array) -> Array:
        shifted = x - x.max(axis=self.axis, keepdims=True, initial=-np.inf)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=self.axis, keepdims=True)))
