"""Which operands are weights, and which of their axes are what: the one truth for all that quantizes or compresses."""

from collections.abc import Iterator
from dataclasses import dataclass

from ...ir import Array, Function, Op, Value
from ...ops import math, nn, tensor
from ..patterns import constant_array, is_known


@dataclass(frozen=True)
class WeightUse:
    """That ``op`` takes ``value``, a float constant or a compressed form of one, as the weight ``field``.

    ``output_axis`` is the weight's axis whose indices each make one output channel of their own (for an embedding: one
    entry); scales per channel lie along it. It is None where no axis does: in a transposed convolution of several
    groups an index of [C, O / groups, *kernel] is a channel only together with a group.
    ``input_axis`` is the axis that is summed over (for an embedding: the features of an entry); scales of blocks lie
    along it. Convolutions also sum over their kernel axes.
    """

    op: Op
    field: str
    value: Value
    output_axis: int | None
    input_axis: int

    @property
    def array(self) -> Array | None:
        """The elements; None when the weight is compressed already."""
        return constant_array(self.value)

    def replace(self, value: Value) -> None:
        """Makes the op use ``value``, which stands in its function already, as this weight."""
        self.op.replace_operand(self.value, value)


def weights_of(op: Op) -> tuple[WeightUse, ...]:
    """The weights of an op: of rank 2 or more, floats, constant or computed from constants by compressed forms.

    Convolutions, linear layers and recurrent layers have them; so do matrix products with one such operand, and a
    gather of slices (its table: an embedding). Biases, peepholes and the scales of norms are none.
    """
    return tuple(use for use in _candidates(op) if _is_weight(use.value))


def weights_in(function: Function) -> Iterator[WeightUse]:
    """The weights of all ops of a function, in order. The function must not change meanwhile: see ``list``."""
    for op in function.ops:
        yield from weights_of(op)


def _candidates(op: Op) -> Iterator[WeightUse]:
    match op:
        case nn.Conv() | nn.Linear():
            yield WeightUse(op, "weight", op.weight, 0, 1)
        case nn.ConvTranspose():
            yield _transposed(op)
        case nn.Recurrent():
            yield WeightUse(op, "weight", op.weight, 1, 2)
            yield WeightUse(op, "recurrence", op.recurrence, 1, 2)
        case math.MatMul():
            yield from _factors(op)
        case tensor.Gather() if op.x.type.rank >= 2:
            last = op.x.type.rank - 1
            yield WeightUse(op, "x", op.x, op.axis, last if op.axis != last else last - 1)


def _transposed(op: nn.ConvTranspose) -> WeightUse:
    """[C, O / groups, *kernel]"""
    if op.groups == 1:
        return WeightUse(op, "weight", op.weight, 1, 0)
    # A group with one input channel and one output channel: those of the whole layer lie along the first axis.
    is_depthwise = op.weight.type.shape[:2] == (op.groups, 1)
    return WeightUse(op, "weight", op.weight, 0, 1) if is_depthwise else WeightUse(op, "weight", op.weight, None, 0)


def _factors(op: math.MatMul) -> Iterator[WeightUse]:
    """[..., k, n] on the right, or [..., m, k] on the left, when the other is computed."""
    if _is_weight(op.x) == _is_weight(op.y):
        return
    if _is_weight(op.y):
        rows, columns = op.y.type.rank - 2, op.y.type.rank - 1
        output, summed = (rows, columns) if op.transpose_y else (columns, rows)
        yield WeightUse(op, "y", op.y, output, summed)
    else:
        rows, columns = op.x.type.rank - 2, op.x.type.rank - 1
        output, summed = (columns, rows) if op.transpose_x else (rows, columns)
        yield WeightUse(op, "x", op.x, output, summed)


def _is_weight(value: Value) -> bool:
    return value.type.rank >= 2 and value.type.dtype.is_float and is_known(value)


__all__ = ["WeightUse", "weights_in", "weights_of"]
