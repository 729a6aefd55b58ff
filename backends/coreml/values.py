"""Types and constants of the IR as MIL's messages."""

from collections.abc import Sequence

import numpy as np

from ...ir import Array
from ...types import DType, TensorType
from . import schema
from .packing import Packed
from .schema import DataType

DATA_TYPES: dict[DType, DataType] = {
    DType.BOOL: DataType.BOOL,
    DType.F16: DataType.FLOAT16,
    DType.F32: DataType.FLOAT32,
    DType.I8: DataType.INT8,
    DType.I16: DataType.INT16,
    DType.I32: DataType.INT32,
    DType.U8: DataType.UINT8,
    DType.U16: DataType.UINT16,
    DType.U32: DataType.UINT32,
}

_STRING = np.dtype(str).kind
_FILE = "@model_path/weights/weight.bin"
_FILE_DTYPES = frozenset(map(np.dtype, ("float16", "float32", "int8", "uint8")))
_NEWER_FILE_DTYPES = frozenset(map(np.dtype, ("int16", "uint16", "int32", "uint32")))
LEAST_IN_FILE = 10
"""Constants of fewer elements stand in the program."""


def value_type(type_: TensorType) -> schema.ValueType:
    """The type of a tensor; its symbolic dims are unknown ones."""
    sizes = [d if isinstance(d, int) else None for d in type_.shape]
    return tensor_type(DATA_TYPES[type_.dtype], sizes)


def array_type(array: Array) -> schema.ValueType:
    """The type of a constant; ``array`` may hold text."""
    data_type = DataType.STRING if array.dtype.kind == _STRING else DATA_TYPES[DType.of(array.dtype)]
    return tensor_type(data_type, array.shape)


def tensor_type(data_type: DataType, sizes: Sequence[int | None]) -> schema.ValueType:
    """The type of a tensor of these sizes; those that are None are known at run time only."""
    dimensions = [
        schema.Dimension(unknown=schema.UnknownDimension())
        if size is None
        else schema.Dimension(constant=schema.ConstantDimension(size=size))
        for size in sizes
    ]
    return schema.ValueType(tensor_type=schema.TensorType(data_type=data_type, rank=len(sizes), dimensions=dimensions))


def immediate(array: Array) -> schema.Value:
    """A constant whose elements stand in the program, each dtype in the field that MIL reads it from."""
    return schema.Value(
        type=array_type(array), immediate_value=schema.ImmediateValue(tensor=_tensor_value(array.reshape(-1)))
    )


def _tensor_value(elements: Array) -> schema.TensorValue:
    kind, size = elements.dtype.kind, elements.dtype.itemsize
    if kind == _STRING:
        return schema.TensorValue(strings=schema.RepeatedStrings(values=elements.tolist()))
    if kind == "b":
        return schema.TensorValue(bools=schema.RepeatedBools(values=elements.tolist()))
    if elements.dtype == np.float32:
        return schema.TensorValue(floats=schema.RepeatedFloats(values=elements.tolist()))
    if (kind == "i" and size in (2, 4)) or elements.dtype == np.uint16:
        return schema.TensorValue(ints=schema.RepeatedInts(values=elements.tolist()))
    little_endian = elements.astype(elements.dtype.newbyteorder("<"))
    return schema.TensorValue(bytes=schema.RepeatedBytes(values=little_endian.tobytes()))


def list_of(texts_or_integers: tuple[str, ...] | tuple[int, ...]) -> schema.Value:
    """A list of scalars: texts, or integers of 64 bits."""
    values = [_text(v) if isinstance(v, str) else _long(v) for v in texts_or_integers]
    type_ = schema.ListType(
        type=values[0].type, length=schema.Dimension(constant=schema.ConstantDimension(size=len(values)))
    )
    return schema.Value(
        type=schema.ValueType(list_type=type_),
        immediate_value=schema.ImmediateValue(list=schema.ListValue(values=values)),
    )


def _text(text: str) -> schema.Value:
    return immediate(np.asarray(text))


def _long(number: int) -> schema.Value:
    tensor = schema.TensorValue(long_ints=schema.RepeatedLongInts(values=[number]))
    return schema.Value(type=scalar_type(DataType.INT64), immediate_value=schema.ImmediateValue(tensor=tensor))


def scalar_type(data_type: DataType) -> schema.ValueType:
    return tensor_type(data_type, [])


def is_for_file(array: Array, version: int) -> bool:
    """Whether a constant is kept in ``weight.bin``, as Apple's own exporter decides."""
    dtypes = _FILE_DTYPES | _NEWER_FILE_DTYPES if version >= 18 else _FILE_DTYPES
    return array.size >= LEAST_IN_FILE and array.dtype in dtypes


def in_file(array: Array, offset: int) -> schema.Value:
    """A constant whose elements are in ``weight.bin``; ``offset`` is that of their metadata."""
    return _of_blob(array_type(array), offset)


def packed_in_file(tensor: Packed, offset: int) -> schema.Value:
    """The same for elements of fewer than eight bits."""
    return _of_blob(tensor_type(tensor.data_type, tensor.shape), offset)


def _of_blob(type_: schema.ValueType, offset: int) -> schema.Value:
    return schema.Value(type=type_, blob_file_value=schema.BlobFileValue(file_name=_FILE, offset=offset))


def packed_immediate(tensor: Packed) -> schema.Value:
    """A constant of fewer than eight bits an element that stands in the program."""
    content = schema.TensorValue(bytes=schema.RepeatedBytes(values=tensor.data.tobytes()))
    return schema.Value(
        type=tensor_type(tensor.data_type, tensor.shape), immediate_value=schema.ImmediateValue(tensor=content)
    )
