"""What ops of several namespaces share: constraints that they would otherwise repeat."""

from typing import TYPE_CHECKING

from ..ir import Op, Value
from ..opdef import constraint, op_family


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
