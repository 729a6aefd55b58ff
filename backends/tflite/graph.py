"""The subgraph under construction: values to tensors, constants to buffers, operators in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...dims import SymInt
from ...ir import Array, Function, Value
from ...ops import quant, tensor
from ...passes.lowering.fold_quantization import quantization_of
from ...passes.patterns import constant_array, is_compressed
from ...types import DType, QuantizedType, TensorType
from ..emission import EmitterTable
from ..flatbuffer import Table
from .op_versions import op_version
from .quantization import BLOCK_SCALES, blockwise_parameters, packed, parameters
from .schema import (
    BUILTIN_OPTIONS,
    Buffer,
    Operator,
    OperatorCode,
    QuantizationParameters,
    SubGraph,
    Tensor,
    operator_code,
)
from .schema_enums import BuiltinOperator
from .schema_enums import TensorType as TfliteType
from .sparsity import sparse

TFLITE_TYPES: dict[DType, TfliteType] = {
    DType.BOOL: TfliteType.BOOL,
    DType.I4: TfliteType.INT4,
    DType.I8: TfliteType.INT8,
    DType.I16: TfliteType.INT16,
    DType.I32: TfliteType.INT32,
    DType.I64: TfliteType.INT64,
    DType.U8: TfliteType.UINT8,
    DType.U16: TfliteType.UINT16,
    DType.U32: TfliteType.UINT32,
    DType.U64: TfliteType.UINT64,
    DType.F16: TfliteType.FLOAT16,
    DType.BF16: TfliteType.BFLOAT16,
    DType.F32: TfliteType.FLOAT32,
    DType.F64: TfliteType.FLOAT64,
}


@dataclass(frozen=True)
class Slot:
    """A tensor of the subgraph, by its index."""

    index: int


@dataclass(frozen=True)
class StoredArray:
    """Constant integers and the numbers that they mean."""

    array: Array
    type: TensorType

    def transposed(self, permutation: Sequence[int]) -> "StoredArray":
        """The same with its axes reordered, the array a view."""
        quantization, shape = self.type.quantization, [self.type.shape[a] for a in permutation]
        if quantization is not None and quantization.axis is not None:
            quantization = replace(quantization, axis=list(permutation).index(quantization.axis))
        array = np.transpose(self.array, permutation)
        return StoredArray(array, TensorType(self.type.dtype, tuple(shape), quantization))


def stored_array(op: quant.Dequantize) -> StoredArray:
    """The integers of a compressed weight."""
    array = constant_array(op.x)
    assert array is not None
    return StoredArray(array, TensorType(op.result.type.dtype, op.x.type.shape, quantization_of(op)))


Operand = Value | Slot | Array | StoredArray | None
"""What an operator takes: a value of the function, a tensor made before, constant elements (mere numbers, or integers
that mean others), or nothing (-1)."""


@dataclass
class Graph:
    """Tensors and operators of one subgraph. Emitters call ``add``.

    ``buffers``, ``codes`` and ``called`` are the model's, shared by its subgraphs; the last has the function that each
    of them is.
    """

    tensors: list[Tensor] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=lambda: [Buffer()])
    operators: list[Operator] = field(default_factory=list)
    codes: dict[tuple[BuiltinOperator, int], int] = field(default_factory=dict)
    called: list[str] = field(default_factory=lambda: ["main"])
    _buffer_indices: dict[tuple[object, ...], int] = field(default_factory=dict)
    _slots: dict[Value, Slot] = field(default_factory=dict)
    _constants: dict[tuple[object, ...], Slot] = field(default_factory=dict)
    _dequantized: dict[Slot, Slot] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)

    def add(
        self,
        operator: BuiltinOperator,
        inputs: Sequence[Operand],
        outputs: Sequence[Value | Slot],
        options: Table | None = None,
    ) -> None:
        """Appends an operator, of the lowest version that takes these operands and options."""
        input_slots = [self.slot(i) for i in inputs]
        output_slots = [self.slot(o) for o in outputs]
        in_tensors = [None if s is None else self.tensors[s.index] for s in input_slots]
        out_tensors = [None if s is None else self.tensors[s.index] for s in output_slots]
        version = op_version(operator, in_tensors, out_tensors, options)
        code = self.codes.setdefault((operator, version), len(self.codes))
        is_first_union = type(options) in _FIRST_UNION
        self.operators.append(
            Operator(
                opcode_index=code,
                inputs=[-1 if s is None else s.index for s in input_slots],
                outputs=[-1 if s is None else s.index for s in output_slots],
                builtin_options=options if is_first_union else None,
                builtin_options_2=None if is_first_union else options,
            )
        )

    def slot(self, operand: Operand) -> Slot | None:
        """The tensor of an operand, made on first use."""
        if operand is None or isinstance(operand, Slot):
            return operand
        if isinstance(operand, np.ndarray):
            return self.constant(operand)
        if isinstance(operand, StoredArray):
            return self.constant(operand.array, "", operand.type.quantization)
        assert isinstance(operand, Value)
        found = self._slots.get(operand)
        if found is None:
            owner = operand.owner
            if isinstance(owner, tensor.Constant):
                found = self.constant(owner.value.array, operand.name, operand.type.quantization)
            elif isinstance(owner, quant.Dequantize) and is_compressed(operand):
                found = self.dequantized(stored_array(owner), operand.name)
            else:
                found = self._append(operand.type, operand.name, 0)
            self._slots[operand] = found
        return found

    def dequantized(self, stored: StoredArray | Array, name: str = "") -> Slot:
        """The numbers that constant integers mean, or halves, in f32. The runtime computes them once, as it loads."""
        array = stored if isinstance(stored, np.ndarray) else stored.array
        quantization = None if isinstance(stored, np.ndarray) else stored.type.quantization
        source = self.constant(array, f"{name}_stored" if name else "", quantization)
        found = self._dequantized.get(source)
        if found is None:
            found = self._append(TensorType(DType.F32, array.shape), name, 0)
            self.add(BuiltinOperator.DEQUANTIZE, [source], [found])
            self._dequantized[source] = found
        return found

    def temporary(self, type_: TensorType) -> Slot:
        """A tensor between two operators of one op."""
        return self._append(type_, "", 0)

    def constant(self, array: Array, name: str = "", quantization: QuantizedType | None = None) -> Slot:
        """A tensor with these elements, as they are stored when a quantization says what they mean.

        Equal small ones share a tensor, and so do equal views of one large one.
        """
        # Each use of a convolution's weight makes a transposed view of its own.
        address = array.__array_interface__["data"][0]
        key: tuple[object, ...] = (address, array.dtype.str, array.shape, array.strides)
        if array.size <= 1024:
            key = (array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())
        tensor_key = (*key, quantization)
        found = self._constants.get(tensor_key)
        if found is None:
            buffer = self._buffer_indices.setdefault(key, len(self.buffers))
            if buffer == len(self.buffers):
                self.buffers.append(Buffer(data=packed(array)))
            dtype = DType.of(array.dtype) if quantization is None else DType.F32
            found = self._append(TensorType(dtype, array.shape, quantization), name, buffer)
            self._constants[tensor_key] = found
        return found

    def sparse_constant(self, dense: Array) -> Slot:
        """A tensor with these elements, of which those that are zero are not stored."""
        values, sparsity = sparse(dense)
        slot = self._append(TensorType(DType.of(dense.dtype), dense.shape), "", len(self.buffers))
        self.buffers.append(Buffer(data=values))
        self.tensors[slot.index].sparsity = sparsity
        return slot

    def _quantization(self, type_: TensorType) -> QuantizationParameters | None:
        quantization = type_.quantization
        if quantization is None or quantization.block is None:
            return None if quantization is None else parameters(quantization)
        scales = np.array(quantization.scales, BLOCK_SCALES).reshape(
            [d for d in quantization.parameters_shape(type_.shape) if isinstance(d, int)]
        )
        return blockwise_parameters(quantization, self.constant(scales).index)

    def _append(self, type_: TensorType, name: str, buffer: int) -> Slot:
        is_dynamic = not type_.is_static
        quantization = self._quantization(type_)
        self.tensors.append(
            Tensor(
                shape=[1 if isinstance(d, SymInt) else d for d in type_.shape],
                shape_signature=[-1 if isinstance(d, SymInt) else d for d in type_.shape] if is_dynamic else None,
                type=TFLITE_TYPES[type_.stored],
                buffer=buffer,
                name=self._unique(name or f"t{len(self.tensors)}"),
                quantization=quantization,
                has_rank=True,
            )
        )
        return Slot(len(self.tensors) - 1)

    def _unique(self, name: str) -> str:
        unique, number = name, 1
        while unique in self._names:
            unique, number = f"{name}_{number}", number + 1
        self._names.add(unique)
        return unique

    def beside(self) -> "Graph":
        """The graph of another subgraph of the same model."""
        return Graph(buffers=self.buffers, codes=self.codes, called=self.called, _buffer_indices=self._buffer_indices)

    def subgraph(self, function: str) -> int:
        """The index of a new subgraph for a function that an operator calls.

        Each call has one of its own: the runtime fails when a loop uses a subgraph that a loop around it uses too.
        """
        self.called.append(function)
        return len(self.called) - 1

    def finish(self, function: Function) -> SubGraph:
        """The subgraph, with the function's inputs and outputs."""
        inputs = [self.slot(v) for v in function.inputs]
        outputs = [self.slot(v) for v in function.outputs]
        self._name_outputs(function)
        return SubGraph(
            tensors=self.tensors,
            inputs=[s.index for s in inputs if s is not None],
            outputs=[s.index for s in outputs if s is not None],
            operators=self.operators,
            name=function.name,
        )

    def _name_outputs(self, function: Function) -> None:
        """Calls tensors of outputs as the outputs are called, where that name is free and theirs has no other use."""
        for value, name in zip(function.outputs, function.output_names, strict=True):
            slot = self._slots[value]
            if value.owner is None or name in self._names:
                continue
            self._names.add(name)
            self.tensors[slot.index].name = name

    def operator_codes(self) -> list[OperatorCode]:
        """The operator codes in the order in which operators refer to them."""
        return [operator_code(operator, version) for operator, version in self.codes]


_FIRST_UNION = frozenset(BUILTIN_OPTIONS.values())
TfliteTable = EmitterTable[Graph]
