"""``control.*``: ops that run functions of the module."""

from .loop import While

__all__ = ["While"]
