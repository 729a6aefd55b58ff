"""simplify-control-flow: branches whose way is known go, short ones become selects, loops do less in every round or are
unrolled, and what functions need not be given is not passed."""

from ...call_graph import reachable
from ...ir import Function, Module, Op
from ...ops import control
from ...pass_manager import module_pass
from ...rewriter import is_allowed, record_rewrite
from .branch_steps import BRANCH_STEPS
from .fold_constants import fold_constants
from .loop_steps import LOOP_STEPS


@module_pass()
def simplify_control_flow(module: Module, *, max_unrolled_ops: int = 128) -> bool:
    """Replaces ``control.if`` where its condition is known, its branches agree, or both cost next to nothing.

    What both branches compute alike is computed before them, and what a loop computes alike in every round before it.
    A loop is replaced by its rounds if they are known to be so few that they have at most ``max_unrolled_ops`` ops, or
    to be one. Results that nothing uses, operands that no function uses, and operands that are constant, or are the
    condition, are not passed.
    """
    given = list(module.functions.values())
    changed = False
    while any(_simplify(module, f, max_unrolled_ops) for f in _alive(module, given)):
        changed = True
    _drop_unfinished(module, given)
    return changed


def _alive(module: Module, given: list[Function]) -> list[Function]:
    """What was there before, and what is called now: the functions between go. A caller comes before what it calls, so
    that what it knows of operands reaches that."""
    return list(dict.fromkeys(f for function in given for f in reachable(module, function)))


def _drop_unfinished(module: Module, given: list[Function]) -> None:
    """Drops the functions that one step made and a later one put others in the place of."""
    alive = {*_alive(module, given)}
    for name in [n for n, f in module.functions.items() if f not in alive]:
        del module.functions[name]


def _simplify(module: Module, function: Function, max_unrolled_ops: int) -> bool:
    """Steps on the ops of a function, until there are none: one may put others in the place of further ops, whose sizes
    it finds out."""
    changed = False
    while _step(module, function, max_unrolled_ops):
        changed = True
    return changed


def _step(module: Module, function: Function, max_unrolled_ops: int) -> bool:
    before = {*module.functions}
    for op in function.ops:
        if not _simplify_op(module, function, op, max_unrolled_ops):
            continue
        # What was made of constants says which way the calls inside go.
        new = [f for name, f in module.functions.items() if name not in before]
        fold_constants.function(Module([function, *new]))
        return True
    return False


def _simplify_op(module: Module, function: Function, op: Op, max_unrolled_ops: int) -> bool:
    """The first step that applies to a branch or a loop."""
    if isinstance(op, control.If):
        return any(_recorded(s.__name__) for s in BRANCH_STEPS if is_allowed(s.__name__) and s(module, function, op))
    if isinstance(op, control.While):
        allowed = (s for s in LOOP_STEPS if is_allowed(s.__name__))
        return any(_recorded(s.__name__) for s in allowed if s(module, function, op, max_unrolled_ops))
    return False


def _recorded(step: str) -> bool:
    record_rewrite(step)
    return True
