"""Groups of ops for which ONNX has one operator: what the frontends take apart, so that passes see simpler ops."""

import numpy as np

from ...dims import Dim, known_equal
from ...ir import Module, Op, Value
from ...ops import tensor
from ...pass_manager import module_pass
from ...passes.patterns import constant
from ...rewriter import RuleSet, apply_rules

RULES = RuleSet()


@RULES.on(tensor.Reshape)
def element_of_axis(op: tensor.Reshape) -> Op | None:
    """reshape(slice(x, one position of an axis), without that axis) -> gather(x, position)"""
    match op.x:
        case Value(owner=tensor.Slice() as part, has_one_use=True):
            axis = _axis_of_one(part)
            if axis is None or op.shape != (*part.sizes[:axis], *part.sizes[axis + 1 :]):
                return None
            position = _position(part.starts[axis], part.x.type.shape[axis])
            return None if position is None else tensor.Gather(part.x, constant(np.array(position, np.int64)), axis)
    return None


def _axis_of_one(part: tensor.Slice) -> int | None:
    """The only axis that is cut, when one position is left of it."""
    axes = zip(part.x.type.shape, part.starts, part.sizes, part.strides, strict=True)
    cut = [
        axis
        for axis, (dim, start, size, stride) in enumerate(axes)
        if not (start == 0 and stride == 1 and known_equal(size, dim))
    ]
    return cut[0] if len(cut) == 1 and part.sizes[cut[0]] == 1 else None


def _position(start: Dim, dim: Dim) -> int | None:
    """Where the position is, from the end if that is negative; None when neither is known."""
    if isinstance(start, int):
        return start
    from_end = start - dim
    return from_end if isinstance(from_end, int) else None


@module_pass()
def combine_onnx(module: Module) -> bool:
    """Rewrites groups of ops into the one operator that ONNX has for them."""
    return apply_rules(module, RULES)
