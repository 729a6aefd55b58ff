"""Reshapes and casts as LiteRT can have them in one memory with what they take."""

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


@RULES.on(tensor.Cast)
def cast_in_shared_memory(op: tensor.Cast) -> Value | None:
    """cast(cast(x)) -> x for integers of one width, such as i64 as u64 as i64"""
    # Casts that change no bits are in one memory as well.
    match op.x:
        case Value(owner=tensor.Cast(x=x), type=between) if x.type == op.result.type:
            is_same_width = between.dtype.is_integer and between.dtype.bits == x.type.dtype.bits
            return x if x.type.dtype.is_integer and is_same_width else None
    return None
