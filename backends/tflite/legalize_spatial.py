"""Rules for convolutions and pools."""

from ...rewriter import RuleSet

RULES = RuleSet()
