"""The decompositions that targets share, in the order in which a legalisation tries them behind its own rules."""

from ...rewriter import RuleSet
from . import (
    activations,
    decompose_attention,
    decompose_rotary_embeddings,
    dissolve_compression,
    elementwise,
    expand_quantization,
    grid_sampling,
    indexing,
    materialize_shapes,
    normalization,
    recurrent,
    resize,
    resize_at_run_time,
    spatial,
    structure,
)

RULES = RuleSet(
    spatial.RULES,
    normalization.RULES,
    decompose_attention.DECOMPOSITIONS,
    decompose_rotary_embeddings.RULES,
    recurrent.RULES,
    resize.RULES,
    grid_sampling.RULES,
    activations.RULES,
    elementwise.RULES,
    indexing.RULES,
    dissolve_compression.RULES,
    expand_quantization.RULES,
    materialize_shapes.RULES,
    # Only what a kernel cannot do although it is given the sizes.
    resize_at_run_time.RULES,
    structure.RULES,
)
