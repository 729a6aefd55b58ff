"""Which values are kept in MNN's packed format, NC4HW4, and which in the plain one, NCHW.

In the packed format channels lie in groups of four (or of as many as the machine's vectors hold), which its
convolutions and pools compute in. Plain tensors they convert themselves, back and forth for every op; so chains of them
stay packed, with what is elementwise in between, and values are converted where an op that wants the other format
starts. Where that is follows from a minimum cut, as in the assignment of layouts.
"""

import enum

from ...ir import Function, Op, Value
from ...ops import math, nn, quant, tensor
from ...ops.math import Binary, Unary
from ...ops.nn.activation import SoftmaxFamily
from ...passes.layout.minimum_cut import ONE, ZERO, LabelProblem, Node
from ...passes.nominal_sizes import nominal
from ...passes.patterns import is_constant
from ...types import DType, Shape

CONVERSION_OVERHEAD = 256
"""What any conversion costs beside its bytes."""


class Format(enum.Enum):
    """How a tensor lies in memory."""

    PLAIN = "NCHW"
    PACKED = "NC4HW4"


_NATIVE = (
    nn.Conv, nn.ConvTranspose, nn.MaxPool, nn.AveragePool, nn.PRelu, nn.Resize, nn.Linear, nn.BatchNorm, nn.GridSample,
)  # fmt: skip
"""What computes in the packed format."""

_EITHER = (
    Unary, nn.Relu, nn.Relu6, nn.LeakyRelu, nn.Elu, nn.Gelu, nn.Sigmoid, nn.HardSwish, nn.Silu, math.Clamp,
    quant.Convert,
)  # fmt: skip
"""What looks at one element at a time."""


def _is_native(op: Op) -> bool:
    return isinstance(op, _NATIVE) or is_global_pool(op)


def is_global_pool(op: Op) -> bool:
    """data [N, C, H, W] whose H and W are reduced to 1"""
    if not isinstance(op, math.ReduceMean | math.ReduceMax) or op.x.type.dtype is not DType.F32:
        return False
    return op.x.type.rank == 4 and op.axes == (2, 3) and op.keep_dims


def assign_formats(function: Function) -> dict[Value, Format]:
    """The format of every value that some op of the function computes; inputs are plain."""
    free = {op for op in function.ops if _is_free(op)}
    if not any(map(_is_native, function.ops)):
        return {}
    problem = LabelProblem()
    for op in free:
        problem.add_node(op)
    for value in function.values():
        _add_cost(problem, value, free, value in function.outputs)
    labels, _ = problem.solve()
    return {
        result: Format.PACKED for op in function.ops if _is_native(op) or labels.get(op) == 1 for result in op.results
    }


def _is_free(op: Op) -> bool:
    """Whether an op that is not native to either format takes both."""
    if not op.results or any(v.type.rank < 2 or v.type.dtype is not DType.F32 for v in op.results):
        return False
    if isinstance(op, _EITHER) and not isinstance(op, SoftmaxFamily):
        return True
    if isinstance(op, Binary):
        # A result lies as a first operand of its rank does, and constants are plain.
        first = op.operands[0]
        if is_constant(first) and first.type.rank == op.results[0].type.rank:
            return False
        return all(_spreads_cheaply(v, op.results[0].type.shape) for v in op.operands)
    return isinstance(op, tensor.Concat) and not any(map(is_constant, op.operands))


def _spreads_cheaply(operand: Value, shape: Shape) -> bool:
    """Whether broadcasting an operand to ``shape`` costs little in the packed format: of numbers a channel, or none.

    Of one channel the packed format has some more, all of which would be spread out.
    """
    own = operand.type.shape
    if own == shape or operand.type.elements == 1:
        return True
    aligned = (1,) * (len(shape) - len(own)) + own
    is_column = aligned[1] == shape[1] and all(d == 1 for d in aligned[2:])
    return is_column and (len(own) == len(shape) or is_constant(operand))


def _add_cost(problem: LabelProblem, value: Value, free: set[Op], is_output: bool) -> None:
    if is_constant(value):
        return
    users: dict[Node, None] = {ZERO if _is_plain(op, value) else _label(op, free): None for op in value.uses}
    if is_output:
        users[ZERO] = None
    maker = ZERO if value.owner is None else _label(value.owner, free)
    problem.cost_of_difference(maker, list(users), _cost(value))


def _is_plain(user: Op, value: Value) -> bool:
    """Whether an op wants an operand plain whatever its format."""
    return isinstance(user, nn.GridSample) and value is user.grid and value is not user.x


def _label(op: Op, free: set[Op]) -> Node:
    if _is_native(op):
        return ONE
    return op if op in free else ZERO


def _cost(value: Value) -> int:
    return nominal(value.type.elements) + CONVERSION_OVERHEAD
