"""assign-layouts: which ops run with channels last, so that the fewest bytes are transposed.

Each op that can run in either order gets a binary label, each value a cost, its bytes, that is due when its maker and
any of its users disagree; ops with a fixed order, inputs and outputs are pinned (spec/layouts.md).
"""

from ...ir import Module
from ...ops.enums import Layout
from ...pass_manager import Property, module_pass
from ...rewriter import remark
from .channels_last import CHANNELS_LAST
from .costs import costs_of
from .layout_problem import LayoutProblem


def _all_channels_first(module: Module) -> bool:
    ops = (op for function in module.functions.values() for op in function.ops)
    return all(getattr(op, "layout", Layout.NCHW) is Layout.NCHW for op in ops)


CHANNELS_FIRST = Property("channels-first", "every op with a layout is channels-first", _all_channels_first)


@module_pass(requires=(CHANNELS_FIRST,), needed=True)
def assign_layouts(module: Module, *, spatial: Layout = Layout.NHWC) -> bool:
    """Runs spatial ops channels-last, and the others where that saves transposes"""
    if spatial is Layout.NCHW:
        return False
    problem = LayoutProblem(module, CHANNELS_LAST, costs_of(module))
    if not problem.is_required:
        return False
    labels, bound = problem.solve()
    one_by_one = problem.cost({})
    problem.carry_out(labels)
    remark(f"assign-layouts: transposes cost {bound} bytes a run, the least; op by op it would be {one_by_one}")
    return True
