"""Reshapes as LiteRT can have them in one memory with what they reshape."""

from ...ir import Op, Value
from ...opdef import replace
from ...ops import tensor
from ...rewriter import RuleSet

RULES = RuleSet()
"""For what is legal already."""


@RULES.on(tensor.Reshape)
def reshape_in_shared_memory(op: tensor.Reshape) -> Op | None:
    """reshape(reshape(x)) -> reshape(x)"""
    # The runtime keeps all three in one memory, but of who still reads it it counts the users of the middle one alone:
    # an addition that takes the last one writes its result over what others read.
    match op.x:
        case Value(owner=tensor.Reshape(x=x)):
            joined = replace(op, x=x)
            # Quantized types are not inferred.
            joined.result.type = op.result.type
            return joined
    return None
