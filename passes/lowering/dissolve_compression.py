"""dissolve-compression: compressed weights as plain constants, for targets that cannot store them so."""

from ...ir import Module, Op, Value
from ...ops import quant
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..patterns import constant, elements_of, is_compressed

RULES = RuleSet()


def _dissolved(op: Op) -> Value | None:
    return constant(elements_of(op.results[0])) if is_compressed(op.results[0]) else None


@RULES.on(quant.Dequantize)
def dissolve_dequantize(op: quant.Dequantize) -> Value | None:
    """dequantize(constants) -> constant"""
    return _dissolved(op)


@RULES.on(quant.Depalettize)
def dissolve_depalettize(op: quant.Depalettize) -> Value | None:
    """depalettize(constants) -> constant"""
    return _dissolved(op)


@RULES.on(quant.Densify)
def dissolve_densify(op: quant.Densify) -> Value | None:
    """densify(constants) -> constant"""
    return _dissolved(op)


@module_pass(needed=True)
def dissolve_compression(module: Module) -> bool:
    """Makes float constants of weights that are quantized, palettes or sparse."""
    return apply_rules(module, RULES)
