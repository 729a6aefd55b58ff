"""Loops and branches."""

from ....ops import control
from ..program import CoremlTable, Program
from .conditions import BOOL, NUMBERS

TABLE = CoremlTable()


def carries_known_dtypes(op: control.While | control.If) -> bool:
    """values of f16, f32, i32 or bool"""
    return all(v.type.dtype in (*NUMBERS, BOOL) for v in (*op.values, *op.results))


def keeps_sizes(op: control.While) -> bool:
    """values that keep their sizes from round to round, or a number of rounds that is fixed, as by --input steps=8"""
    return not op.resized


@TABLE.emits(control.While, when=(carries_known_dtypes, keeps_sizes))
def while_loop(op: control.While, program: Program) -> None:
    blocks = (program.block(op.condition.name), program.block(op.body.name))
    program.add("while_loop", op.results, blocks, loop_vars=op.values)


@TABLE.emits(control.If, when=(carries_known_dtypes,))
def cond(op: control.If, program: Program) -> None:
    # Blocks of branches have no inputs: they see what stands before the operation.
    blocks = [program.block(branch.name, op.values) for branch in (op.then_branch, op.else_branch)]
    program.add("cond", op.results, blocks, pred=op.condition)
