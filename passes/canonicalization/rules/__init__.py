"""The rules of the pass ``canonicalize``, by topic."""
