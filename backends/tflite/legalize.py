"""Rewrites what TFLite cannot express into what it can."""

from ...ir import Module, Op
from ...ops import math, quant
from ...pass_manager import module_pass
from ...passes.fusion import fuse_activations
from ...passes.lowering import dissolve_compression, integer_products, shared, shifts
from ...passes.lowering.fold_quantization import fold_quantization, integer_form
from ...passes.lowering.loops import loops_of_layers
from ...passes.lowering.rank import rank_rules
from ...rewriter import RuleSet, apply_rules
from ...types import DType
from . import (
    delegated_parts,
    legalize_dtypes,
    legalize_integers,
    legalize_neural,
    legalize_quantization,
    legalize_resize,
    legalize_spatial,
    legalize_weights,
    shared_memory,
    split_transposes,
)
from .emitters import TABLE
from .emitters.neural import MAX_XNNPACK_RANK
from .integer_kernels import is_dynamic_layer
from .legalize_loops import separate_results

RULES = RuleSet(
    shifts.RULES,
    legalize_dtypes.RULES,
    legalize_integers.RULES,
    legalize_spatial.RULES,
    legalize_resize.RULES,
    integer_products.RULES,
    legalize_neural.RULES,
    shared.RULES,
    rank_rules(MAX_XNNPACK_RANK),
    only=lambda op: not TABLE.is_legal(op),
)
"""Tried in this order, and only on ops that no emitter takes."""


def _is_rewritten_before_folding(op: Op) -> bool:
    if isinstance(op, quant.Scaled | quant.Depalettize | quant.Densify) or TABLE.is_legal(op):
        return False
    on_integers = integer_form(op)
    return on_integers is None or not TABLE.is_legal(on_integers)


STRUCTURAL_RULES = RuleSet(RULES, only=_is_rewritten_before_folding)
"""The same for all but the pairs and the compressed weights, which folding is to find, and what has integer kernels."""


@module_pass(needed=True)
def legalize_tflite(module: Module, *, dynamic: bool = False) -> bool:
    """Rewrites the ops that TFLite lacks into those that it has.

    ``dynamic`` leaves it to kernels to quantize the floats that layers with stored weights take, at run time.
    """
    changed = apply_rules(module, SPARSE_INTEGERS)
    changed |= _fold_pairs(module, dynamic)
    # What makes an op legal may stand some ops before it (indices that cannot be negative), and be rewritten later on.
    # Loops come behind what rules make of recurrent layers, and their bodies have ops to rewrite.
    while apply_rules(module, RULES) or loops_of_layers(module, TABLE.is_legal):
        changed = True
    if separate_results(module):
        changed = True
        apply_rules(module, RULES)
    changed |= apply_rules(module, ENDING_ACTIVATIONS)
    changed |= apply_rules(module, split_transposes.RULES)
    changed |= apply_rules(module, shared_memory.RULES)
    changed |= apply_rules(module, delegated_parts.RULES)
    return changed


def _ends_float_arithmetic(op: Op) -> bool:
    return any(isinstance(v.owner, math.ActivatedArithmetic) and v.type.stored is DType.F32 for v in op.operands)


ENDING_ACTIVATIONS = RuleSet(fuse_activations.RULES, only=_ends_float_arithmetic, is_optional=True)
"""For the arithmetic that normalizations became, whose kernels end with an activation as others' do."""


SPARSE_INTEGERS = RuleSet(
    dissolve_compression.RULES, only=lambda op: isinstance(op, quant.Densify) and not op.result.type.dtype.is_float
)
"""Integers are stored dense: kernels take quantized weights as they lie in the file."""

_BEFORE_FOLDING = (legalize_quantization.RULES, legalize_weights.RULES, STRUCTURAL_RULES)
"""What is made for integers first, before an op is taken apart into others between which there are no pairs."""


def _fold_pairs(module: Module, dynamic: bool) -> bool:
    """Makes integer ops of what stands between pairs; what it leaves of them is rewritten like any op."""
    if not any(isinstance(op, quant.Scaled | quant.Depalettize) for f in module.functions.values() for op in f.ops):
        return False
    # What any of them makes may be for all of them: they take turns until none finds anything.
    while sum(apply_rules(module, rules) for rules in _BEFORE_FOLDING):
        pass
    return fold_quantization(module, lambda op: TABLE.is_legal(op) and (dynamic or not is_dynamic_layer(op)))
