"""What sizes that are known only at run time count for where costs are compared."""

from ..dims import Dim, evaluate, free_symbols

NOMINAL_SIZE = 16
"""What a symbol counts for."""


def nominal(size: Dim, symbol: int = NOMINAL_SIZE) -> int:
    """A number to compare costs by: ``size`` with every symbol ``symbol``."""
    return size if isinstance(size, int) else evaluate(size, dict.fromkeys(free_symbols(size), symbol))
