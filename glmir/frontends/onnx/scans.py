"""Scan: a loop over the elements of tensors along an axis of each (https://onnx.ai/onnx/operators/onnx__Scan.html)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...dims import Dim
from ...ir import Value
from ...ops import math, tensor
from ...types import DType
from ..values import size_of
from .control import Made, Rounds
from .node import Node, Unsupported, cast, check_axis, constant


@dataclass(frozen=True)
class ScanForm:
    """A Scan over ``sequences``, each along its axis and from its end if it is reversed, that hands ``states`` on.

    ``lasts`` is the number of rounds, an i64[], where it is not the ``length`` of the sequences.
    """

    states: tuple[Value, ...]
    sequences: tuple[Value, ...]
    axes: tuple[int, ...]
    are_reversed: tuple[bool, ...]
    output_axes: tuple[int, ...]
    are_outputs_reversed: tuple[bool, ...]
    lasts: Value | None = None

    @property
    def length(self) -> Dim:
        """The number of elements of each sequence."""
        lengths = [x.type.shape[axis] for x, axis in zip(self.sequences, self.axes, strict=True)]
        return next((d for d in lengths if isinstance(d, int)), lengths[0])

    @property
    def rounds(self) -> Rounds:
        if self.lasts is None:
            return Rounds(size_of(self.length), self.length)
        return Rounds(self.lasts, None, self.length)

    def elements(self, step: Value, rounds: Rounds) -> list[Value]:
        """What a round gets of the sequences."""
        assert rounds.most is not None
        last = constant(np.array(1))
        parts = []
        for x, axis, is_reversed in zip(self.sequences, self.axes, self.are_reversed, strict=True):
            index = math.Sub(math.Sub(rounds.most, last).result, step).result if is_reversed else step
            parts.append(tensor.Gather(x, index, axis).result)
        return parts

    def rows(self, values: list[Value], node: Node) -> list[Made]:
        """What a round gives to the outputs."""
        declared = node.declared_shapes[len(self.states) :] if self.lasts is None and node.opset >= 9 else ()
        in_place = [shape if axis == 0 else None for shape, axis in zip(declared, self.output_axes, strict=False)]
        in_place += [None] * (len(values) - len(in_place))
        return [Made(*made) for made in zip(values, in_place, self.are_outputs_reversed, strict=True)]

    def placed(self, outputs: list[Value]) -> list[Value]:
        """The outputs, made of rows, with these along the axes where the node wants them."""
        placed = []
        for rows, axis in zip(outputs, self.output_axes, strict=True):
            axis = check_axis(axis, rows.type.rank)
            order = list(range(1, rows.type.rank))
            order.insert(axis, 0)
            placed.append(tensor.Transpose(rows, tuple(order)).result if axis else rows)
        return placed


def scan_form(node: Node, results: int) -> ScanForm:
    """The form of a Scan since opset 9, of so many results."""
    values = node.present
    count = _sequence_count(node, len(values))
    states, sequences = values[: len(values) - count], values[len(values) - count :]
    outputs = results - len(states)
    axes = node.ints("scan_input_axes", (0,) * count)
    output_axes = node.ints("scan_output_axes", (0,) * outputs)
    reversed_inputs = node.ints("scan_input_directions", (0,) * count)
    reversed_outputs = node.ints("scan_output_directions", (0,) * outputs)
    if not (len(axes) == len(reversed_inputs) == count and len(output_axes) == len(reversed_outputs) == outputs):
        raise Unsupported("it does not name an axis and a direction for each sequence")
    return ScanForm(
        states,
        sequences,
        tuple(check_axis(axis, x.type.rank) for x, axis in zip(sequences, axes, strict=True)),
        tuple(map(bool, reversed_inputs)),
        output_axes,
        tuple(map(bool, reversed_outputs)),
    )


def _sequence_count(node: Node, operands: int) -> int:
    count = node.int("num_scan_inputs")
    if not 1 <= count <= operands:
        raise Unsupported(f"it has {operands} operands, but {count} are said to be sequences")
    return count


def batch_forms(node: Node, results: int) -> Iterator[ScanForm]:
    """The forms of a Scan of opset 8, for each sample of the batch."""
    lengths, values = node.optional(0), [v for v in node.operands[1:] if v is not None]
    count = _sequence_count(node, len(values))
    batch = values[0].type.shape[0] if values[0].type.rank else 0
    if not isinstance(batch, int):
        raise Unsupported(f"it has a batch of {batch}; fix its size with --dim or --input")
    directions = node.ints("directions", (0,) * count)
    outputs = results - (len(values) - count)
    for place in range(batch):
        of_sample = [tensor.Gather(v, constant(np.array(place)), 0).result for v in values]
        yield ScanForm(
            tuple(of_sample[: len(values) - count]),
            tuple(of_sample[len(values) - count :]),
            (0,) * count,
            tuple(map(bool, directions)),
            (0,) * outputs,
            (False,) * outputs,
            None if lengths is None else cast(tensor.Gather(lengths, constant(np.array(place)), 0).result, DType.I64),
        )
