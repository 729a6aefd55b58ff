"""Decompositions that several targets share, one file a family of ops: each has ``RULES``, a rule set."""
