"""Elementwise arithmetic of two operands."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ...ir import Array, Op, Value
from ...opdef import constraint, op, op_family
from ...types import TensorType
from ..enums import Activation
from ..inference import broadcast, can_broadcast


def activate(x: Array, activation: Activation) -> Array:
    """Applies a fused activation."""
    if activation is Activation.NONE:
        return x
    return np.clip(x, 0, 6 if activation is Activation.RELU6 else None).astype(x.dtype)


@op_family
class Binary(Op):
    """An elementwise op of two operands of one dtype, broadcast as numpy does."""

    compute: ClassVar[Callable[..., Array]]
    is_commutative: ClassVar[bool] = False
    x: Value
    y: Value

    @constraint
    def dtypes_agree(self) -> bool:
        """both operands have the same dtype"""
        return self.x.type.dtype is self.y.type.dtype

    @constraint
    def shapes_broadcast(self) -> bool:
        """the shapes broadcast together"""
        return can_broadcast(self.x.type.shape, self.y.type.shape)

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, broadcast(self.x.type.shape, self.y.type.shape))

    def evaluate(self, x: Array, y: Array) -> Array:
        return np.asarray(type(self).compute(x, y)).astype(x.dtype, copy=False)


@op_family
class Arithmetic(Binary):
    """An elementwise op on two numbers."""

    @constraint
    def operands_are_numeric(self) -> bool:
        """the operands are not bool"""
        return self.x.type.dtype.is_numeric


@op_family
class ActivatedArithmetic(Arithmetic):
    """Arithmetic that can apply an activation to its result."""

    activation: Activation = Activation.NONE

    def evaluate(self, x: Array, y: Array) -> Array:
        return activate(np.asarray(type(self).compute(x, y)).astype(x.dtype, copy=False), self.activation)


@op
class Add(ActivatedArithmetic):
    """x + y

    ```
    %z = math.add(%x: f32[n, 3], %y: f32[3]) {activation = relu} : f32[n, 3]
    ```
    """

    compute = staticmethod(np.add)
    is_commutative = True


@op
class Sub(ActivatedArithmetic):
    """x - y"""

    compute = staticmethod(np.subtract)


@op
class Mul(ActivatedArithmetic):
    """x * y"""

    compute = staticmethod(np.multiply)
    is_commutative = True


def _divide(x: Array, y: Array) -> Array:
    if x.dtype.kind not in "iu":
        return np.asarray(x / y)
    quotient = np.floor_divide(x, y)
    # Integers divide towards zero (ONNX Div, C); numpy's floor division differs where the signs do.
    return np.asarray(quotient + ((quotient < 0) & (quotient * y != x)))


@op
class Div(ActivatedArithmetic):
    """x / y; integers divide towards zero"""

    compute = staticmethod(_divide)


@op
class Pow(Arithmetic):
    """x to the power y"""

    compute = staticmethod(np.power)


@op
class Maximum(Arithmetic):
    """The larger of x and y; NaN if either is"""

    compute = staticmethod(np.maximum)
    is_commutative = True


@op
class Minimum(Arithmetic):
    """The smaller of x and y; NaN if either is"""

    compute = staticmethod(np.minimum)
    is_commutative = True


@op
class FloorMod(Arithmetic):
    """The remainder of floored division: it has the sign of y (Python's %)"""

    compute = staticmethod(np.mod)


@op
class Fmod(Arithmetic):
    """The remainder of division towards zero: it has the sign of x (C's fmod)"""

    compute = staticmethod(np.fmod)
