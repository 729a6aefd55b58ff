"""``control.*``: ops that run functions of the module."""

from .branch import If
from .loop import While

__all__ = ["If", "While"]
