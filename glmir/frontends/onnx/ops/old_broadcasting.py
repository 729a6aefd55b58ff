"""Broadcasting before opset 7: only of the second operand, and only where the attribute ``broadcast`` asks for it."""

from ....ir import Value
from ....ops import tensor
from ..node import Node, Unsupported

_SINCE = 7
"""The opset from which operands broadcast as those of numpy do."""


def two_operands(node: Node) -> tuple[Value, Value]:
    """The operands of a binary operator, in shapes that numpy's rules broadcast as the opset means it.

    Before opset 7 ``axis`` says where in the first operand's shape that of the second begins; without it the shapes
    end together, as numpy's do.
    """
    x, y = node.operand(0), node.operand(1)
    if node.opset >= _SINCE or not (node.int("broadcast", 0) and node.has("axis")):
        return x, y
    rank, own_rank = x.type.rank, y.type.rank
    axis = node.int("axis")
    begin = axis if axis >= 0 else rank - own_rank
    if begin < 0 or begin + own_rank > rank:
        raise Unsupported(f"operands {x.type} and {y.type} do not broadcast from axis {axis} on")
    return x, _extended(y, rank - begin - own_rank)


def per_channel(node: Node) -> tuple[Value, Value]:
    """The operands of PRelu; before opset 7 a list of slopes has one for every channel, which is axis 1."""
    x, slope = node.operand(0), node.operand(1)
    if node.opset >= _SINCE or slope.type.rank != 1 or slope.type.shape == (1,):
        return x, slope
    return x, _extended(slope, max(x.type.rank - 2, 0))


def _extended(x: Value, count: int) -> Value:
    """x with axes of size 1 behind its own."""
    return tensor.Reshape(x, None, (*x.type.shape, *(1,) * count)).result if count else x
