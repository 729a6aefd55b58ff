"""What ops of several namespaces share: constraints that they would otherwise repeat."""

from typing import TYPE_CHECKING

from ..ir import Op, Value
from ..opdef import constraint, op_family
from ..types import DType


@op_family
class AlongAxis(Op):
    """An op with an attribute ``axis``, one of x, which subclasses add behind their operands."""

    x: Value

    if TYPE_CHECKING:
        # To the dataclasses a property would be the field's default.
        @property
        def axis(self) -> int: ...

    @constraint
    def axis_exists(self) -> bool:
        """the axis is within the operand's rank"""
        return 0 <= self.axis < self.x.type.rank


@op_family
class GivesPositions(Op):
    """An op that counts or finds elements, with an attribute ``index_dtype``, which subclasses add behind their fields.

    Frontends leave it at i64; for targets without 64-bit integers it becomes i32 (pass narrow-types).
    """

    if TYPE_CHECKING:

        @property
        def index_dtype(self) -> DType: ...

    @constraint
    def index_dtype_is_integer(self) -> bool:
        """the index dtype is i32 or i64"""
        return self.index_dtype in (DType.I32, DType.I64)
