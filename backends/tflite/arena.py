"""How much memory LiteRT's planner gives a model's activations: its arena, computed from the file.

Facts of the runtime's source (``tflite/arena_planner.cc``, ``tflite/simple_memory_arena.cc`` and the kernels'
``Prepare``): one arena a subgraph, aligned to 64 bytes; inputs keep their place for the whole run, outputs from where
they are made; reshapes share their operand's place, and so do arithmetic and softmax with an operand of the same size
that has no other use; each operator's temporaries live while it runs.

What is counted is what LiteRT's own kernels use on one thread. A delegate replaces the operators that it takes, and
with them their tensors and temporaries, by a workspace of its own. Kept out of the arena by the runtime, and out of the
figure: weights, what is computed of them once, and the buffers of transposed convolutions.
"""

from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path

import numpy as np

from ...passes.memory.arena import Interval, assign_offsets
from ..flatbuffer import read
from .schema import FILE_IDENTIFIER, Buffer, Model, Operator, SubGraph, Tensor
from .schema_enums import BuiltinOperator
from .schema_enums import TensorType as TfliteType
from .schema_options import Conv2DOptions, Conv3DOptions

_O = BuiltinOperator

_VIEWS = frozenset((_O.RESHAPE, _O.EXPAND_DIMS, _O.SQUEEZE, _O.BITCAST))
"""Operators whose result is their first operand, byte for byte."""

_IN_PLACE = {_O.ADD: 2, _O.SUB: 2, _O.MUL: 2, _O.DIV: 2, _O.SOFTMAX: 1, _O.DYNAMIC_UPDATE_SLICE: 1}
"""Operators that may write over one of their first so many operands."""

_SCALAR_BYTES = 4
"""Operands of this size or less are not written over."""

_PERSISTENT = frozenset((_O.SHAPE, _O.RANK))
"""Operators whose results are known as the model is loaded, and stand elsewhere."""

_KNOWN_OF_WEIGHTS = frozenset((_O.DEQUANTIZE, _O.DENSIFY, _O.CAST))
"""Operators that compute constants once, as the model is loaded, and keep them elsewhere."""

_REDUCTIONS = frozenset((_O.MEAN, _O.SUM, _O.REDUCE_PROD, _O.REDUCE_MAX, _O.REDUCE_MIN, _O.REDUCE_ANY, _O.REDUCE_ALL))

_ACCUMULATORS = {TfliteType.INT32: 8, TfliteType.INT64: 8, TfliteType.FLOAT32: 4, TfliteType.BOOL: 1}
"""Bytes of what reductions sum up in; integers of fewer bits take 4."""

_BYTES = {
    TfliteType.FLOAT64: 8,
    TfliteType.INT64: 8,
    TfliteType.UINT64: 8,
    TfliteType.FLOAT32: 4,
    TfliteType.INT32: 4,
    TfliteType.UINT32: 4,
    TfliteType.FLOAT16: 2,
    TfliteType.BFLOAT16: 2,
    TfliteType.INT16: 2,
    TfliteType.UINT16: 2,
}
"""Bytes of an element; of other types one."""

_SMALL_INTEGERS = frozenset((TfliteType.INT8, TfliteType.UINT8, TfliteType.INT4))


def arena_size(model: Path | bytes) -> int | None:
    """The bytes of the arenas of all subgraphs of a TFLite file; None where sizes are known only at run time.

    Raises MalformedBufferError for bytes that are no such file.
    """
    content = model if isinstance(model, bytes) else np.memmap(model, np.uint8, mode="r").data
    tables = read(Model, content, file_identifier=FILE_IDENTIFIER)
    codes = [max(code.builtin_code, _O(code.deprecated_builtin_code)) for code in tables.operator_codes or ()]
    graphs = [_Graph(graph, codes, tables.buffers or ()) for graph in tables.subgraphs or ()]
    if any(-1 in (t.shape_signature or ()) for graph in graphs for t in graph.tensors):
        return None
    return sum(assign_offsets(graph.intervals()).size for graph in graphs)


class _Graph:
    """A subgraph as the planner sees it."""

    def __init__(self, graph: SubGraph, codes: Sequence[BuiltinOperator], buffers: Sequence[Buffer]) -> None:
        self.tensors: Sequence[Tensor] = graph.tensors or ()
        self.inputs, self.outputs = list(graph.inputs or ()), list(graph.outputs or ())
        self.operators = [(codes[o.opcode_index], o) for o in graph.operators or ()]
        self._elsewhere = {i for i, t in enumerate(self.tensors) if _has_data(t, buffers)}
        for code, operator in self.operators:
            known = code in _KNOWN_OF_WEIGHTS and all(i in self._elsewhere for i in _present(operator.inputs))
            if known or code in _PERSISTENT:
                self._elsewhere |= set(_present(operator.outputs))

    def intervals(self) -> list[Interval]:
        """The lives of all that stands in the arena, those of the tensors and those of the operators' temporaries."""
        shared = self._shared()
        end = len(self.operators)
        kept = {*self.inputs, *self.outputs, *(i for i, t in enumerate(self.tensors) if t.is_variable)}
        first = dict.fromkeys(sorted({*self.inputs, *(i for i in kept if self.tensors[i].is_variable)}), 0)
        last: dict[int, int] = {}
        for place, (_, operator) in enumerate(self.operators):
            for index in _present(operator.outputs):
                first.setdefault(index, place)
            for index in _present(operator.inputs):
                last[shared.get(index, index)] = place
        found = [
            # What nobody takes is never given up.
            Interval(self.size(index), begin, end if index in kept else last.get(index, end))
            for index, begin in first.items()
            if index not in self._elsewhere and index not in shared
        ]
        for place, (code, operator) in enumerate(self.operators):
            found += [Interval(size, place, place) for size in self._temporaries(code, operator)]
        return found

    def size(self, index: int) -> int:
        """The bytes of a tensor."""
        return self.elements(index) * _BYTES.get(self.tensors[index].type, 1)

    def elements(self, index: int) -> int:
        return prod(self.tensors[index].shape or ())

    def _shared(self) -> dict[int, int]:
        """The tensors that stand in the place of another one, and in whose."""
        references: dict[int, int] = {}
        for index in (*self.inputs, *self.outputs):
            references[index] = references.get(index, 0) + 1
        for _, operator in self.operators:
            for index in _present(operator.inputs):
                references[index] = references.get(index, 0) + 1
        shared: dict[int, int] = {}
        for code, operator in self.operators:
            count = 1 if code in _VIEWS else _IN_PLACE.get(code, 0)
            result = next(_present(operator.outputs), -1)
            for index in _present((operator.inputs or ())[:count]):
                if not self._may_share(index, result, code in _VIEWS, references):
                    continue
                root = shared.get(index, index)
                if code in _VIEWS or references[root] <= 1:
                    shared[result] = root
                break
        return shared

    def _may_share(self, index: int, result: int, is_view: bool, references: dict[int, int]) -> bool:
        if index in self._elsewhere or index in self.inputs or result in self.outputs:
            return False
        if self.size(index) != self.size(result):
            return False
        return is_view or (self.size(index) > _SCALAR_BYTES and references[index] <= 1)

    def _temporaries(self, code: BuiltinOperator, operator: Operator) -> list[int]:
        """The bytes of what an operator needs beside its operands and results while it runs."""
        inputs, outputs = list(operator.inputs or ()), list(operator.outputs or ())
        options = operator.builtin_options
        match code:
            case _O.CONV_2D if isinstance(options, Conv2DOptions):
                steps = (options.stride_h, options.stride_w, options.dilation_h_factor, options.dilation_w_factor)
                return [*self._columns(inputs, outputs[0], steps), *self._rounded_image(inputs, outputs[0])]
            case _O.CONV_3D if isinstance(options, Conv3DOptions):
                return self._columns_3d(inputs, outputs[0], options)
            case _O.DEPTHWISE_CONV_2D if self._is_rounded(inputs):
                batch = (self.tensors[inputs[0]].shape or (1,))[0]
                return [self.elements(inputs[0]), 4 * batch, 4 * batch]
            case _O.FULLY_CONNECTED if self._is_rounded(inputs):
                batch = self.elements(inputs[0]) // (self.tensors[inputs[1]].shape or (1,))[-1]
                return [self.elements(inputs[0]), 4 * batch, 4 * self.elements(outputs[0]), 4 * batch]
            case _O.BATCH_MATMUL:
                # Both are transposed, whether they need be or not; constants once.
                transposed = [self.size(i) for i in inputs if i not in self._elsewhere]
                return transposed + self._rounded_factors(inputs, outputs[0])
            case _ if code in _REDUCTIONS:
                return self._partial_sums(code, inputs, outputs[0])
        return []

    def _is_rounded(self, inputs: Sequence[int]) -> bool:
        """Whether floats are rounded to integers at run time, since the weight is stored as such."""
        weight = self.tensors[inputs[1]].type
        return self.tensors[inputs[0]].type is TfliteType.FLOAT32 and weight in _SMALL_INTEGERS

    def _columns(self, inputs: Sequence[int], output: int, steps: Sequence[int]) -> list[int]:
        """The windows of the image, side by side (im2col); 1 x 1 windows stand so already."""
        _, height, width, channels = self.tensors[inputs[1]].shape or (0, 0, 0, 0)
        if (height, width, *steps) == (1,) * 6:
            return []
        image = self.tensors[inputs[1] if self._is_rounded(inputs) else inputs[0]].type
        windows = prod((self.tensors[output].shape or ())[:3])
        return [windows * height * width * channels * _BYTES.get(image, 1)]

    def _columns_3d(self, inputs: Sequence[int], output: int, options: Conv3DOptions) -> list[int]:
        shape = self.tensors[inputs[1]].shape or (0,) * 5
        steps = (options.stride_d, options.stride_h, options.stride_w)
        dilations = (options.dilation_d_factor, options.dilation_h_factor, options.dilation_w_factor)
        if (*shape[:3], *steps, *dilations) == (1,) * 9:
            return []
        return [prod((self.tensors[output].shape or ())[:4]) * prod(shape[:4]) * _BYTES[TfliteType.FLOAT32]]

    def _rounded_image(self, inputs: Sequence[int], output: int) -> list[int]:
        """What a convolution of floats with integer weights needs: the image as integers, its scales, the sums."""
        if not self._is_rounded(inputs):
            return []
        image, weight = self.tensors[inputs[0]], self.tensors[inputs[1]]
        channels = (weight.shape or (1,))[-1]
        rows = self.elements(inputs[0]) // max(channels, 1)
        scales = (weight.quantization.scale if weight.quantization else None) or ()
        offsets = [4 * rows] if any(scale != scales[0] for scale in scales) else []
        assert image.shape is not None
        return [self.elements(inputs[0]), 4 * rows, 4 * self.elements(output), *offsets]

    def _rounded_factors(self, inputs: Sequence[int], output: int) -> list[int]:
        if not self._is_rounded(inputs):
            return []
        rows = self.elements(inputs[0]) // max((self.tensors[inputs[0]].shape or (1,))[-1], 1)
        return [self.elements(inputs[0]), 4 * rows, 4 * self.elements(output), 4 * rows]

    def _partial_sums(self, code: BuiltinOperator, inputs: Sequence[int], output: int) -> list[int]:
        counters = [4 * len(self.tensors[inputs[0]].shape or ()), 4 * self.elements(inputs[1])]
        if code not in (_O.MEAN, _O.SUM, _O.REDUCE_PROD):
            return counters
        return [*counters, self.elements(output) * _ACCUMULATORS.get(self.tensors[inputs[0]].type, 4)]


def _has_data(tensor: Tensor, buffers: Sequence[Buffer]) -> bool:
    buffer = buffers[tensor.buffer] if tensor.buffer < len(buffers) else Buffer()
    return (buffer.data is not None and buffer.data.nbytes > 0) or buffer.offset > 1


def _present(indices: Sequence[int] | None) -> Iterator[int]:
    return (index for index in indices or () if index >= 0)


__all__ = ["arena_size"]
