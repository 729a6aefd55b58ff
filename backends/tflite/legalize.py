"""Rewrites what TFLite cannot express into what it can."""

from ...ir import Module
from ...pass_manager import module_pass
from ...passes.lowering import (
    activations,
    elementwise,
    indexing,
    materialize_shapes,
    normalization,
    resize,
    resize_at_run_time,
    spatial,
    structure,
)
from ...rewriter import RuleSet, apply_rules
from . import legalize_dtypes, legalize_integers, legalize_neural, legalize_resize, legalize_spatial
from .emitters import TABLE

RULES = RuleSet(
    legalize_dtypes.RULES,
    legalize_integers.RULES,
    legalize_spatial.RULES,
    legalize_resize.RULES,
    legalize_neural.RULES,
    spatial.RULES,
    normalization.RULES,
    resize.RULES,
    activations.RULES,
    elementwise.RULES,
    indexing.RULES,
    materialize_shapes.RULES,
    # Only what a kernel cannot do although it is given the sizes.
    resize_at_run_time.RULES,
    structure.RULES,
    only=lambda op: not TABLE.is_legal(op),
)
"""Tried in this order, and only on ops that no emitter takes."""


@module_pass()
def legalize_tflite(module: Module) -> bool:
    """Rewrites the ops that TFLite lacks into those that it has."""
    changed = False
    # What makes an op legal may stand some ops before it (indices that cannot be negative), and be rewritten later on.
    while apply_rules(module, RULES):
        changed = True
    return changed
