"""Rules for resampling."""

from ...rewriter import RuleSet

RULES = RuleSet()
