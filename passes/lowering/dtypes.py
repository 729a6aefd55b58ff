"""What rules build with that compute an op in another dtype."""

from ...ir import Op, Value
from ...opdef import replace
from ...ops import tensor
from ...types import DType
from .building import folded


def has_operand(op: Op, dtype: DType) -> bool:
    return any(v.type.dtype is dtype for v in op.operands)


def computed_in(op: Op, dtype: DType, other: DType) -> Op:
    """The op with its operands of one dtype cast to the other; raises ConstraintError where it does not take those."""
    keeps_precision = all(r.type.dtype.is_float for r in op.results)

    def converted(operand: object) -> object:
        if isinstance(operand, tuple):
            return tuple(map(converted, operand))
        if not isinstance(operand, Value) or operand.type.dtype is not dtype:
            return operand
        match operand.owner:
            # Half a network in single precision: between its ops nothing needs to be rounded to halves.
            case tensor.Cast(x=x) if keeps_precision and x.type.dtype is other and dtype.is_float:
                return x
        return folded(tensor.Cast(operand, other))

    return replace(op, **{f.name: converted(getattr(op, f.name)) for f in op.definition.operand_fields})


def results_of(op: Op, computed: Op) -> tuple[Value, ...]:
    """The results of ``computed`` in the dtypes of those of ``op``."""
    pairs = zip(op.results, computed.results, strict=True)
    return tuple(
        new if new.type.dtype is old.type.dtype else tensor.Cast(new, old.type.dtype).result for old, new in pairs
    )
