"""What is looked up in tables of integers: the tables are weights, kept in few bits."""

from ....ir import Op, Value
from ....opdef import replace
from ....ops import quant, tensor
from ....rewriter import RuleSet
from ...patterns import is_constant, is_known

RULES = RuleSet()


@RULES.on(quant.Dequantize)
def dequantize_before_gather(op: quant.Dequantize) -> Op | None:
    """dequantize(gather(q, i)) -> gather(dequantize(q), i) for constant q and one scale"""
    match op.x:
        case Value(owner=tensor.Gather(x=table) as lookup) if op.axis is None and is_constant(table):
            parameters = [v for v in (op.scale, op.zero_point) if v is not None]
            if not is_known(lookup.indices) and all(map(is_constant, parameters)):
                return replace(lookup, x=replace(op, x=table).result)
    return None
