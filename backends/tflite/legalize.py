"""Rewrites what TFLite cannot express into what it can."""

from ...ir import Module
from ...pass_manager import module_pass
from ...passes.lowering import shared
from ...passes.lowering.rank import rank_rules
from ...passes.lowering.recurrent_loops import loops_of_recurrent_layers
from ...rewriter import RuleSet, apply_rules
from . import legalize_dtypes, legalize_integers, legalize_neural, legalize_resize, legalize_spatial
from .emitters import TABLE
from .emitters.neural import MAX_XNNPACK_RANK
from .legalize_loops import separate_results

RULES = RuleSet(
    legalize_dtypes.RULES,
    legalize_integers.RULES,
    legalize_spatial.RULES,
    legalize_resize.RULES,
    legalize_neural.RULES,
    shared.RULES,
    rank_rules(MAX_XNNPACK_RANK),
    only=lambda op: not TABLE.is_legal(op),
)
"""Tried in this order, and only on ops that no emitter takes."""


@module_pass()
def legalize_tflite(module: Module) -> bool:
    """Rewrites the ops that TFLite lacks into those that it has."""
    changed = False
    # What makes an op legal may stand some ops before it (indices that cannot be negative), and be rewritten later on.
    # Loops come behind what rules make of recurrent layers, and their bodies have ops to rewrite.
    while apply_rules(module, RULES) or loops_of_recurrent_layers(module, TABLE.is_legal):
        changed = True
    if separate_results(module):
        changed = True
        apply_rules(module, RULES)
    return changed
