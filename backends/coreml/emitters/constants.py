"""Constants, which are written where they are used first."""

from ....ops import tensor
from ..program import CoremlTable, Program

TABLE = CoremlTable()


@TABLE.emits(tensor.Constant)
def constant(op: tensor.Constant, program: Program) -> None:
    """The program writes it on its first use."""
