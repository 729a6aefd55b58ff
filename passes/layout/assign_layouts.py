"""assign-layouts: which ops run with channels last, so that the fewest bytes are transposed.

Each op that can run in either order gets a binary label, each value a cost, its bytes, that is due when its maker and
any of its users disagree; ops with a fixed order, inputs and outputs are pinned (spec/layouts.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ...ir import Module
from ...ops.enums import Layout
from ...pass_manager import Property, module_pass
from ...rewriter import remark
from .channels_last import CHANNELS_LAST
from .costs import costs_of
from .layout_problem import LayoutProblem
from .minimum_cut import Node


def _all_channels_first(module: Module) -> bool:
    ops = (op for function in module.functions.values() for op in function.ops)
    return all(getattr(op, "layout", Layout.NCHW) is Layout.NCHW for op in ops)


CHANNELS_FIRST = Property("channels-first", "every op with a layout is channels-first", _all_channels_first)


@module_pass(requires=(CHANNELS_FIRST,), needed=True)
def assign_layouts(module: Module, *, spatial: Layout = Layout.NHWC) -> bool:
    """Runs spatial ops channels-last, and the others where that saves transposes."""
    if spatial is Layout.NCHW:
        return False
    choice = choose(module)
    if choice is None:
        return False
    choice.problem.carry_out(choice.labels)
    found = f"transposes cost {choice.bound} bytes a run, the least; op by op it would be {choice.op_by_op}"
    remark(f"assign-layouts: {found}")
    return True


@dataclass(frozen=True)
class Choice:
    """The labels of least cost, ``bound``, and the cost were only what must be channels-last so; bytes a run."""

    problem: LayoutProblem
    labels: Mapping[Node, int]
    bound: int
    op_by_op: int


def choose(module: Module) -> Choice | None:
    """What ``assign_layouts`` will do; none where no op must be channels-last. The module stays as it is."""
    problem = LayoutProblem(module, CHANNELS_LAST, costs_of(module))
    if not problem.is_required:
        return None
    labels, bound = problem.solve()
    return Choice(problem, labels, bound, problem.cost({}))
