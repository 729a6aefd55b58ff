"""What a rewrite costs in stored bytes: for optimisation for size, which takes only rewrites that store no more."""

import functools
from collections.abc import Sequence

from ..ir import Op, Value
from ..ops import tensor
from ..rewriter import Replacement, Rule, RuleSet

TOLERATED = 8
"""A rewrite may store this part more of what it makes anew: biases and norms come before what they replace goes."""

NUMBERS = 64
"""So many bytes more nobody minds."""


def thrifty(rules: RuleSet) -> RuleSet:
    """The same rules without the rewrites after which more is stored: of weights that others use as well, of products
    larger than their factors."""
    found = RuleSet()
    found.rules = [Rule(rule.name, rule.op_class, _without_growth(rule)) for rule in rules.rules]
    return found


def _without_growth(rule: Rule[Op]) -> "functools.partial[Replacement]":
    apply = functools.partial(_unless_larger, rule)
    functools.update_wrapper(apply, rule.apply)
    return apply


def _unless_larger(rule: Rule[Op], op: Op) -> Replacement:
    replacement = rule.apply(op)
    return None if replacement is None or grows(op, replacement) else replacement


def grows(op: Op, replacement: Op | Value | Sequence[Value]) -> bool:
    """Whether clearly more bytes of constants are stored when ``replacement`` takes the op's place."""
    if isinstance(replacement, Op):
        roots = [replacement]
    else:
        values = (replacement,) if isinstance(replacement, Value) else replacement
        roots = [v.owner for v in values if v.owner is not None]
    new = _new_ops(roots)
    kept = {v for made in new for v in made.operands} | {v for root in roots for v in root.results}
    stored = sum(map(_bytes, new))
    return stored - sum(map(_bytes, _dying(op, kept))) > stored // TOLERATED + NUMBERS


def _new_ops(roots: Sequence[Op]) -> set[Op]:
    """The ops behind ``roots`` that stand in no function yet."""
    found: set[Op] = set()
    waiting = list(roots)
    while waiting:
        op = waiting.pop()
        if op.function is None and op not in found:
            found.add(op)
            waiting += [v.owner for v in op.operands if v.owner is not None]
    return found


def _dying(op: Op, kept: set[Value]) -> set[Op]:
    """The op, and what nothing uses any more without it; ``kept`` are used by what takes its place."""
    dying = {op}
    waiting = list(op.operands)
    while waiting:
        owner = waiting.pop().owner
        if owner is None or owner in dying or owner.has_effect:
            continue
        if all(result not in kept and all(user in dying for user in result.uses) for result in owner.results):
            dying.add(owner)
            waiting += owner.operands
    return dying


def _bytes(op: Op) -> int:
    """Of a constant; other ops take next to nothing."""
    if not isinstance(op, tensor.Constant):
        return 0
    return (op.value.array.size * op.result.type.dtype.bits + 7) // 8
