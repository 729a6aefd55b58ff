"""Rewrites what MNN cannot express into what it can."""

from ...ir import Module
from ...pass_manager import Pipeline, module_pass
from ...passes.lowering import integer_products, shared, updates
from ...passes.lowering.expand_quantization import expand_quantization
from ...passes.lowering.loops import loops_of_layers
from ...passes.lowering.rank import rank_rules
from ...passes.precision.narrow_types import encode_types, narrow_types
from ...rewriter import RuleSet, apply_rules
from ...types import DType
from . import (
    legalize_elementwise,
    legalize_indexing,
    legalize_neural,
    legalize_normalization,
    legalize_resize,
    legalize_spatial,
    legalize_structure,
)
from .emitters import TABLE
from .emitters.operands import MAX_RANK
from .exact_gelu import exact_gelu
from .keep_matrices import keep_matrices
from .legalize_quantization import legalize_mnn_quantization
from .legalize_sparse import legalize_mnn_compression

RULES = RuleSet(
    rank_rules(MAX_RANK),
    legalize_elementwise.RULES,
    integer_products.RULES,
    legalize_neural.RULES,
    legalize_normalization.RULES,
    legalize_spatial.RULES,
    legalize_structure.RULES,
    legalize_indexing.RULES,
    legalize_resize.RULES,
    shared.RULES,
    updates.RULES,
    only=lambda op: not TABLE.is_legal(op),
)
"""Tried in this order, and only on ops that no emitter takes."""


@module_pass(needed=True)
def legalize_mnn(module: Module) -> bool:
    """Rewrites the ops that MNN lacks into those that it has."""
    changed = False
    # Loops come behind what rules make of recurrent layers, and their bodies have ops to rewrite.
    while apply_rules(module, RULES) or loops_of_layers(module, TABLE.is_legal):
        changed = True
    return changed


REPRESENTED = encode_types(
    {d: DType.I32 for d in DType if d.is_integer and d is not DType.I32}
    | {d: DType.F32 for d in DType if d.is_float and d is not DType.F32}
)
"""MNN computes with i32 and f32; truth values are integers to it anyway."""


def legalize(is_exact: bool) -> Pipeline:
    """The passes that make modules legal; exact ones use no operator that is an approximation."""
    return (
        # While the stored integers still are of few bits.
        legalize_mnn_quantization.with_options(),
        legalize_mnn_compression.with_options(),
        expand_quantization.with_options(),
        narrow_types.with_options(types=REPRESENTED),
        *((exact_gelu.with_options(),) if is_exact else ()),
        legalize_mnn.with_options(),
        # Rules compute sizes at run time in i64, which the net has not either.
        narrow_types.with_options(types=REPRESENTED),
        legalize_mnn.with_options(),
        keep_matrices.with_options(),
    )
