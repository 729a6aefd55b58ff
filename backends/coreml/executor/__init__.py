"""Executes Core ML packages with numpy alone, from the files on disk.

It reads what is written and shares nothing with what writes it, so that it can tell when that is wrong.
"""

from .kinds import ProgramError
from .machine import execute, new_states, run
from .package import Feature, Interface, Package, load

__all__ = ["Feature", "Interface", "Package", "ProgramError", "execute", "load", "new_states", "run"]
