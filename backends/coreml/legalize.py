"""Rewrites what Core ML cannot express into what it can."""

from functools import cache

from ...ir import Module, Op
from ...pass_manager import module_pass
from ...passes.lowering import shared
from ...passes.lowering.loops import loops_of_layers
from ...passes.lowering.rank import rank_rules
from ...passes.precision.narrow_types import narrow_types
from ...rewriter import RuleSet, apply_rules
from . import (
    legalize_bits,
    legalize_elementwise,
    legalize_neural,
    legalize_quantization,
    legalize_recurrent,
    legalize_spatial,
    legalize_structure,
)
from .emitters import TABLE
from .opsets import ATTENTION_VERSION, DEFAULT_VERSION, MAX_RANK


@cache
def rules_for(version: int, may_be_newer: bool = False) -> RuleSet:
    """The rules, tried in this order, and only on ops that no emitter of the version takes.

    With ``may_be_newer`` quantization is left alone that the version has not.
    """
    table = TABLE.at(version)

    def is_to_be_rewritten(op: Op) -> bool:
        is_for_newer = may_be_newer and isinstance(op, legalize_quantization.QUANTIZING)
        return not is_for_newer and not table.is_legal(op)

    return RuleSet(
        rank_rules(MAX_RANK),
        legalize_structure.RULES,
        legalize_spatial.RULES,
        *((legalize_neural.ATTENTION_RULES,) if version >= ATTENTION_VERSION else ()),
        legalize_neural.RULES,
        legalize_recurrent.RULES,
        legalize_elementwise.RULES,
        legalize_elementwise.dtype_rules(table.is_legal),
        legalize_bits.RULES,
        shared.RULES,
        legalize_quantization.RULES,
        only=is_to_be_rewritten,
    )


@module_pass(needed=True)
def legalize_coreml(module: Module, *, version: int = DEFAULT_VERSION, may_be_newer: bool = False) -> bool:
    """Rewrites the ops that Core ML of an iOS release lacks into those that it has.

    With ``may_be_newer`` quantization that only a later release has is left as it is.
    """
    changed = False
    # What makes an op legal may stand some ops before it, and be rewritten later on.
    while _legalize_once(module, version, may_be_newer):
        changed = True
    return changed


def _legalize_once(module: Module, version: int, may_be_newer: bool) -> bool:
    if apply_rules(module, rules_for(version, may_be_newer)):
        return True
    if legalize_quantization.dissolve_misplaced(module):
        return True
    # Sizes that rules compute at run time are i64, as all targets read them.
    if narrow_types(module, types="i64:i32"):
        return True
    return loops_of_layers(module, TABLE.at(version).is_legal)
