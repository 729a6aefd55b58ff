"""Truth values, bits, comparisons and selection."""

import numpy as np

from ...ir import Array, Op, Value
from ...opdef import constraint, op, op_family
from ...types import DType, TensorType
from ..inference import broadcast, can_broadcast
from .binary import Binary
from .unary import Unary


@op
class LogicalNot(Unary):
    """not x"""

    compute = staticmethod(np.logical_not)

    @constraint
    def operand_is_bool(self) -> bool:
        """the operand is bool"""
        return self.x.type.dtype is DType.BOOL


@op
class BitwiseNot(Unary):
    """The bits of x inverted"""

    compute = staticmethod(np.invert)

    @constraint
    def operand_is_integer(self) -> bool:
        """the operand is an integer tensor"""
        return self.x.type.dtype.is_integer


@op_family
class Bitwise(Binary):
    """An op on the bits of two integers."""

    @constraint
    def operands_are_integers(self) -> bool:
        """the operands are integer tensors"""
        return self.x.type.dtype.is_integer


@op
class BitwiseAnd(Bitwise):
    """The bits set in both"""

    compute = staticmethod(np.bitwise_and)
    is_commutative = True


@op
class BitwiseOr(Bitwise):
    """The bits set in either"""

    compute = staticmethod(np.bitwise_or)
    is_commutative = True


@op
class BitwiseXor(Bitwise):
    """The bits set in one of the two"""

    compute = staticmethod(np.bitwise_xor)
    is_commutative = True


@op
class ShiftLeft(Bitwise):
    """x with its bits moved y places up"""

    compute = staticmethod(np.left_shift)


@op
class ShiftRight(Bitwise):
    """x with its bits moved y places down"""

    compute = staticmethod(np.right_shift)


@op_family
class Logical(Binary):
    """An op on two truth values."""

    @constraint
    def operands_are_bool(self) -> bool:
        """the operands are bool"""
        return self.x.type.dtype is DType.BOOL


@op
class LogicalAnd(Logical):
    """x and y"""

    compute = staticmethod(np.logical_and)
    is_commutative = True


@op
class LogicalOr(Logical):
    """x or y"""

    compute = staticmethod(np.logical_or)
    is_commutative = True


@op
class LogicalXor(Logical):
    """One of x and y, not both"""

    compute = staticmethod(np.logical_xor)
    is_commutative = True


@op_family
class Comparison(Binary):
    """A comparison; its result is bool."""

    def infer(self) -> TensorType:
        return TensorType(DType.BOOL, broadcast(self.x.type.shape, self.y.type.shape))

    def evaluate(self, x: Array, y: Array) -> Array:
        return np.asarray(type(self).compute(x, y))


@op
class Equal(Comparison):
    """x == y"""

    compute = staticmethod(np.equal)
    is_commutative = True


@op
class NotEqual(Comparison):
    """x != y"""

    compute = staticmethod(np.not_equal)
    is_commutative = True


@op
class Less(Comparison):
    """x < y"""

    compute = staticmethod(np.less)


@op
class LessEqual(Comparison):
    """x <= y"""

    compute = staticmethod(np.less_equal)


@op
class Greater(Comparison):
    """x > y"""

    compute = staticmethod(np.greater)


@op
class GreaterEqual(Comparison):
    """x >= y"""

    compute = staticmethod(np.greater_equal)


@op
class Select(Op):
    """x where the condition is true, else y; all three broadcast

    ```
    %z = math.select(%c: bool[n, 1], %x: f32[n, 3], %y: f32[]) : f32[n, 3]
    ```
    """

    condition: Value
    x: Value
    y: Value

    @constraint
    def condition_is_bool(self) -> bool:
        """the condition is bool"""
        return self.condition.type.dtype is DType.BOOL

    @constraint
    def dtypes_agree(self) -> bool:
        """x and y have the same dtype"""
        return self.x.type.dtype is self.y.type.dtype

    @constraint
    def shapes_broadcast(self) -> bool:
        """the three shapes broadcast together"""
        return can_broadcast(self.condition.type.shape, self.x.type.shape, self.y.type.shape)

    def infer(self) -> TensorType:
        shapes = (self.condition.type.shape, self.x.type.shape, self.y.type.shape)
        return TensorType(self.x.type.dtype, broadcast(*shapes))

    def evaluate(self, condition: Array, x: Array, y: Array) -> Array:
        return np.where(condition, x, y)
