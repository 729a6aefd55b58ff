"""Loops."""

from ....ops import control
from ..program import CoremlTable, Program
from .conditions import BOOL, NUMBERS

TABLE = CoremlTable()


def carries_known_dtypes(op: control.While) -> bool:
    """values of f16, f32, i32 or bool"""
    return all(v.type.dtype in (*NUMBERS, BOOL) for v in op.values)


@TABLE.emits(control.While, when=(carries_known_dtypes,))
def while_loop(op: control.While, program: Program) -> None:
    blocks = (program.block(op.condition.name), program.block(op.body.name))
    program.add("while_loop", op.results, blocks, loop_vars=op.values)
