"""order-ops: ops in an order in which fewer bytes of activations live at a time."""

from collections.abc import Sequence

from ...ir import Function, Module, Op
from ...pass_manager import module_pass
from ...rewriter import is_allowed, record_rewrite
from .memory_plan import Activations, Planner
from .schedule import largest_need_first, smallest_growth_first
from .window_search import improve

NAME = "order_of_less_memory"


@module_pass()
def order_ops(module: Module) -> bool:
    """Orders the ops so that fewer bytes of activations live at a time, where another order than the source's does."""
    changed = False
    for function in module.functions.values():
        # A better order may be the start of one better still; the peak falls each time, so this ends.
        while _improve(module, function):
            changed = True
    return changed


def _improve(module: Module, function: Function) -> bool:
    activations = Planner(module).activations(function)
    order = best_order(activations) if is_allowed(NAME) else None
    if order is None:
        return False
    _rearrange(function, [activations.ops[i] for i in order])
    record_rewrite(NAME)
    return True


def best_order(activations: Activations) -> list[int] | None:
    """The order of the lowest peak that was found, and among those of the smallest arena; None where the given one is
    as good, or takes a smaller arena.

    Tried are the source's order and two others, each with the ops around its peak rearranged as long as that helps.
    """
    problem = activations.problem
    given = range(len(problem))
    peak = max(problem.live_bytes(given), default=0)
    if peak <= max(problem.need, default=0):
        return None
    starts = (given, largest_need_first(problem), smallest_growth_first(problem))
    orders = [improve(problem, start) for start in starts]
    peaks = [max(problem.live_bytes(order)) for order in orders]
    # Arenas take longer to plan than peaks, and most functions end here.
    limit = activations.arena(given) if min(peaks) < peak else 0
    for lowest in sorted({found for found in peaks if found < peak}):
        arenas = [(activations.arena(o), o) for o, found in zip(orders, peaks, strict=True) if found == lowest]
        arena, order = min(arenas, key=lambda pair: pair[0])
        if arena <= limit:
            return order
    return None


def _rearrange(function: Function, ops: Sequence[Op]) -> None:
    """Puts the ops, which are all but the function's weights, in this order; each weight before the first op that
    needs it."""
    moved = set(ops)
    ordered: dict[Op, None] = {}

    def place(op: Op) -> None:
        for operand in op.operands:
            owner = operand.owner
            if owner is not None and owner not in moved and owner not in ordered:
                place(owner)
        ordered[op] = None

    for op in ops:
        place(op)
    for op in function.ops:
        if op not in ordered:
            place(op)
    for op in list(ordered):
        function.ops.unlink(op)
        function.ops.append(op)


__all__ = ["best_order", "order_ops"]
