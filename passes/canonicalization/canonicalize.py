"""canonicalize: one normal form for what can be written in several ways."""

from ...ir import Module
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from .rules import (
    arithmetic,
    broadcasts,
    indexing,
    logic,
    movement,
    passing,
    quantization,
    reduction,
    splits,
    structure,
)

RULES = RuleSet(
    arithmetic.RULES,
    logic.RULES,
    structure.RULES,
    movement.RULES,
    splits.RULES,
    broadcasts.RULES,
    passing.RULES,
    indexing.RULES,
    reduction.RULES,
    quantization.RULES,
)


@module_pass()
def canonicalize(module: Module) -> bool:
    """Applies the algebra of canonicalization/rules to a fixpoint."""
    return apply_rules(module, RULES)
