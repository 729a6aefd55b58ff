"""Rules for matrix products, softmax and channel rearrangement."""

from ...rewriter import RuleSet

RULES = RuleSet()
