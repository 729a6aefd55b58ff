"""Checks a package on disk against what Apple's compiler demands, which is more than its converter's loader checks."""

from .validation import problems

__all__ = ["problems"]
