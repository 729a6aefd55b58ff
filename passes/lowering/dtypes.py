"""What rules build with that compute an op in another dtype."""

from collections.abc import Callable, Mapping

from ...ir import Op, Value
from ...opdef import ConstraintError, replace
from ...ops import tensor
from ...ops.enums import Activation
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


def computed_in_one_of(
    op: Op, candidates: Mapping[DType, tuple[DType, ...]], is_legal: Callable[[Op], bool]
) -> tuple[Value, ...] | None:
    """The op's results, computed in the first dtype of those given for an operand's in which the op is legal.

    None for casts, and where none is.
    """
    # An activation looks at what has wrapped already: it is split off first.
    if isinstance(op, tensor.Cast) or getattr(op, "activation", Activation.NONE) is not Activation.NONE:
        return None
    for dtype, others in candidates.items():
        if not has_operand(op, dtype):
            continue
        for other in others:
            try:
                computed = computed_in(op, dtype, other)
            except ConstraintError:
                continue
            if is_legal(computed):
                return results_of(op, computed)
    return None
