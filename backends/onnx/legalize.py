"""Rewrites what ONNX of an opset cannot express, or onnxruntime not run, into what they can."""

from functools import cache

from ...ir import Module
from ...pass_manager import module_pass
from ...passes.lowering import (
    activations,
    decompose_attention,
    decompose_rotary_embeddings,
    dissolve_compression,
    elementwise,
    expand_integer_products,
    expand_quantization,
    grid_sampling,
    indexing,
    materialize_shapes,
    normalization,
    resize,
    resize_at_run_time,
    spatial,
    structure,
    updates,
)
from ...passes.lowering.box_loops import loops_of_box_choices
from ...rewriter import RuleSet, apply_rules
from . import integer_products, legalize_dtypes, legalize_elementwise, legalize_neural, legalize_structure
from .emitters import TABLE
from .opsets import NEWEST_OPSET


@cache
def rules_for(opset: int) -> RuleSet:
    """The rules, tried in this order, and only on ops that no emitter of that opset takes."""
    table = TABLE.at(opset)
    return RuleSet(
        legalize_structure.RULES,
        legalize_neural.RULES,
        legalize_elementwise.RULES,
        legalize_dtypes.half_precision_rules(table.is_legal),
        activations.RULES,
        normalization.RULES,
        decompose_attention.DECOMPOSITIONS,
        decompose_rotary_embeddings.RULES,
        grid_sampling.RULES,
        legalize_dtypes.rules(table.is_legal),
        legalize_elementwise.FALLBACKS,
        resize.RULES,
        elementwise.RULES,
        materialize_shapes.RULES,
        indexing.RULES,
        dissolve_compression.RULES,
        integer_products.EXACT,
        expand_integer_products.RULES,
        expand_quantization.RULES,
        resize_at_run_time.RULES,
        spatial.RULES,
        structure.RULES,
        updates.RULES,
        only=lambda op: not table.is_legal(op),
    )


@module_pass(needed=True)
def legalize_onnx(module: Module, *, opset: int = NEWEST_OPSET) -> bool:
    """Rewrites the ops that ONNX of an opset lacks, or onnxruntime, into those that they have."""
    changed = False
    # Loops come behind what rules make of the op's operands, and their bodies have ops to rewrite.
    while apply_rules(module, rules_for(opset)) or loops_of_box_choices(module, TABLE.at(opset).is_legal):
        changed = True
    return changed
