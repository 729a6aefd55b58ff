"""Normalizations as elementwise arithmetic and means."""

from ...rewriter import RuleSet

RULES = RuleSet()
