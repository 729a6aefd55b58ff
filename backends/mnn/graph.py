"""The net under construction: values to tensors, constants to Const ops, ops in order."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...dims import SymInt
from ...ir import Array, Function, Op, Value
from ...ops import tensor
from ...types import DType
from ..array_bytes import exactly
from ..emission import EmitterTable
from ..flatbuffer import Table
from . import schema
from .formats import Format, assign_formats
from .quantized import describe_tensor
from .schema_enums import DataFormat, DataType, OpType
from .schema_parameters import Blob, Input, TensorConvertInfo

MNN_TYPES: dict[DType, DataType] = {
    DType.BOOL: DataType.INT32,
    DType.I32: DataType.INT32,
    DType.I64: DataType.INT32,
    DType.F32: DataType.FLOAT,
}
"""Truth values are the numbers 0 and 1."""

DATA_FORMATS = {Format.PLAIN: DataFormat.NCHW, Format.PACKED: DataFormat.NC4HW4}


@dataclass(frozen=True)
class Slot:
    """A tensor of the net, by its index."""

    index: int


Operand = Value | Slot | Array
"""What an op takes: a value of the function, a tensor made before, or constant elements (bool, i8, i32 or f32)."""


@dataclass
class Graph:
    """The tensors and ops of the net, or of one of its subgraphs. Emitters call ``add``.

    ``emit`` writes an op of the module with the target's table; ``functions`` are the module's, by name, of which
    ``subgraph`` makes subgraphs; these are collected in ``subgraphs``, which all graphs of a net share. The names of a
    subgraph's tensors begin with ``prefix``: ops that run several refer to all of them by name.
    """

    emit: Callable[[Op, "Graph"], None]
    functions: Mapping[str, Function] = field(default_factory=dict)
    subgraphs: dict[str, schema.SubGraphProto] = field(default_factory=dict)
    prefix: str = ""
    ops: list[schema.Op] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    descriptions: list[schema.TensorDescribe] = field(default_factory=list)
    """Of the tensors that hold bytes."""
    _format: Format = Format.PLAIN
    _formats: Mapping[Value, Format] = field(default_factory=dict)
    _slots: dict[tuple[Value, Format], Slot] = field(default_factory=dict)
    _constants: dict[tuple[object, ...], tuple[Slot, Array]] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _output_names: Mapping[Value, str] = field(default_factory=dict)

    def add(
        self,
        operator: OpType,
        inputs: Sequence[Operand],
        outputs: Sequence[Value | Slot],
        parameter: Table | None = None,
    ) -> None:
        """Appends an op. Values are brought to the memory format that was chosen for the op of the module."""
        input_slots = [self.slot(i) for i in inputs]
        output_slots = [self.slot(o) for o in outputs]
        self._append(operator, input_slots, output_slots, parameter)

    def slot(self, operand: Operand) -> Slot:
        """The tensor of an operand in the format of the op that is being written."""
        if isinstance(operand, Slot):
            return operand
        if isinstance(operand, np.ndarray):
            return self.constant(operand)
        owner = operand.owner
        if isinstance(owner, tensor.Constant):
            return self.constant(owner.value.array, operand.name)
        return self._in_format(operand, self._format)

    @property
    def is_packed(self) -> bool:
        """Whether the packed format was chosen for the op that is being written."""
        return self._format is Format.PACKED

    def plain(self, value: Value | None) -> Slot:
        """The tensor of an operand that an op wants plain whatever its format, such as a weight."""
        assert value is not None
        return self.slot(value) if isinstance(value.owner, tensor.Constant) else self._in_format(value, Format.PLAIN)

    def temporary(self, like: Value | None = None) -> Slot:
        """A tensor between two MNN ops that stand for one op; described as one that holds the bytes of ``like``."""
        made = self._tensor("")
        self._describe(made, like)
        return made

    def constant(self, array: Array, name: str = "") -> Slot:
        """A tensor with these elements. Equal small ones share a tensor, and so do equal views of one large one."""
        address = array.__array_interface__["data"][0]
        key: tuple[object, ...] = (address, array.dtype.str, array.shape, array.strides)
        if array.size <= 1024:
            key = (array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())
        if key not in self._constants:
            made = self._tensor(name)
            self._append(OpType.CONST, [], [made], _blob(array))
            # The array is kept, that no other comes to lie at its address.
            self._constants[key] = made, array
        return self._constants[key][0]

    def subgraph(self, name: str) -> schema.SubGraphProto:
        """The subgraph of a function of the module, written on first use."""
        found = self.subgraphs.get(name)
        if found is None:
            inner = Graph(self.emit, self.functions, self.subgraphs, f"{name}/")
            found = inner.write_subgraph(self.functions[name])
            self.subgraphs[name] = found
        return found

    def write(self, function: Function) -> list[int]:
        """Writes a function: its inputs, all its ops, its outputs by their names. Returns the outputs' tensors."""
        self._formats = assign_formats(function)
        self._reserve(v.name for v in function.inputs)
        self._reserve(function.output_names)
        for value in function.inputs:
            # A function that frontends make of a branch has inputs without names.
            found = self._slots[value, Format.PLAIN] = self._named(value.name) if value.name else self._tensor("")
            self._append(OpType.INPUT, [], [found], _input(value))
        self._output_names = _names_of_results(function)
        for op in function.ops:
            results = op.results
            self._format = self._formats.get(results[0], Format.PLAIN) if results else Format.PLAIN
            self.emit(op, self)
        self._format = Format.PLAIN
        return [self._output(value, name) for value, name in zip(function.outputs, function.output_names, strict=True)]

    def write_subgraph(self, function: Function) -> schema.SubGraphProto:
        outputs = self.write(function)
        return schema.SubGraphProto(
            name=function.name,
            inputs=[self._slots[v, Format.PLAIN].index for v in function.inputs],
            outputs=outputs,
            tensors=self.names,
            nodes=self.ops,
            extra_tensor_describe=self.descriptions or None,
        )

    def _output(self, value: Value, name: str) -> int:
        """The tensor of an output, which has the output's name: a copy when the value has another name."""
        slot = self.slot(value)
        if self.names[slot.index] != name:
            copy = self._named(name)
            self._append(OpType.IDENTITY, [slot], [copy], None)
            slot = copy
        return slot.index

    def _in_format(self, value: Value, wanted: Format) -> Slot:
        found = self._slots.get((value, wanted))
        if found is None:
            made = self._formats.get(value, Format.PLAIN)
            found = self._new_tensor(value, wanted)
            if made is not wanted:
                parameter = TensorConvertInfo(source=DATA_FORMATS[made], dest=DATA_FORMATS[wanted])
                self._append(OpType.CONVERT_TENSOR, [self._in_format(value, made)], [found], parameter)
            self._slots[value, wanted] = found
        return found

    def _new_tensor(self, value: Value, format_: Format) -> Slot:
        """A tensor of the value's name, if it is the first; outputs have their names in the plain format."""
        output_name = self._output_names.get(value)
        is_output = output_name is not None and format_ is Format.PLAIN
        made = self._named(output_name or "") if is_output else self._tensor(value.name)
        self._describe(made, value)
        return made

    def _describe(self, slot: Slot, value: Value | None) -> None:
        if value is not None and value.type.quantization is not None:
            self.descriptions.append(schema.TensorDescribe(index=slot.index, quant_info=describe_tensor(value)))

    def _append(
        self, operator: OpType, inputs: Sequence[Slot], outputs: Sequence[Slot], parameter: Table | None
    ) -> None:
        self.ops.append(
            schema.Op(
                type=operator,
                name=self.names[outputs[0].index],
                input_indexes=[s.index for s in inputs] or None,
                output_indexes=[s.index for s in outputs],
                main=parameter,
                default_dimension_format=DataFormat.NCHW,
            )
        )

    def _tensor(self, name: str) -> Slot:
        unique = name = name or f"t{len(self.names)}"
        number = 1
        while unique in self._taken:
            unique, number = f"{name}_{number}", number + 1
        return self._named(unique)

    def _named(self, name: str) -> Slot:
        self._taken.add(name)
        self.names.append(self.prefix + name)
        return Slot(len(self.names) - 1)

    def _reserve(self, names: Iterable[str]) -> None:
        self._taken.update(names)


MnnTable = EmitterTable[Graph]


def _names_of_results(function: Function) -> dict[Value, str]:
    """The values that can themselves be outputs, with the names of these: each once, no constants, no inputs."""
    names: dict[Value, str] = {}
    for value, name in zip(function.outputs, function.output_names, strict=True):
        if value.owner is not None and not isinstance(value.owner, tensor.Constant):
            names.setdefault(value, name)
    return names


def _input(value: Value) -> Input:
    return Input(
        dims=[-1 if isinstance(d, SymInt) else d for d in value.type.shape],
        dtype=MNN_TYPES[value.type.dtype],
        dformat=DataFormat.NCHW,
    )


def _blob(array: Array) -> Blob:
    if array.dtype == np.int8:
        return Blob(dims=list(array.shape), data_type=DataType.INT8, int8s=array)
    if (halves := exactly(array, DType.F16)) is not None:
        return Blob(dims=list(array.shape), data_type=DataType.HALF, uint8s=halves.reshape(-1).view(np.uint8))
    blob = Blob(dims=list(array.shape), data_type=MNN_TYPES[DType.of(array.dtype)])
    if array.dtype == np.float32:
        blob.float32s = array
    else:
        limits = np.iinfo(np.int32)
        fits = array.dtype != np.int64
        blob.int32s = (array if fits else np.clip(array, limits.min, limits.max)).astype(np.int32, copy=False)
    return blob
