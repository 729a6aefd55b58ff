"""Conditions that emitters of several families share."""

from ....ir import Op
from ....ops import nn, tensor
from ....passes.patterns import is_known
from ....types import DType
from ...conditions import takes
from ..opsets import MAX_RANK

BOOL, I32, F16, F32 = DType.BOOL, DType.I32, DType.F16, DType.F32
FLOATS = (F16, F32)
NUMBERS = (F16, F32, I32)


is_float = takes(*FLOATS)
is_number = takes(*NUMBERS)
is_number_or_bool = takes(*NUMBERS, BOOL)


def has_few_axes(op: Op) -> bool:
    return all(v.type.rank <= MAX_RANK for v in (*op.operands, *op.results))


has_few_axes.__doc__ = f"tensors of at most {MAX_RANK} axes"


def has_elements(op: Op) -> bool:
    """tensors of at least one element"""
    return all(0 not in v.type.shape for v in (*op.operands, *op.results))


def knows_weight(op: nn.Convolution | nn.Linear) -> bool:
    """a constant weight"""
    return is_known(op.weight)


def knows_other_sizes(op: tensor.GatherElements | tensor.ScatterElements) -> bool:
    """known sizes along all other axes, or five axes"""
    # coremltools does not see that two open sizes are equal.
    shape = op.indices.type.shape
    return len(shape) == MAX_RANK or all(axis == op.axis or isinstance(d, int) for axis, d in enumerate(shape))
