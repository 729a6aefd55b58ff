"""Types and constants of a program's messages, as kinds, shapes and arrays."""

from collections.abc import Sequence
from math import prod

import numpy as np

from ....types import Array
from ..protobuf import has, which
from ..schema import TensorType, TensorValue, Value, ValueType
from .blobs import WeightFiles, unpack
from .kinds import KINDS, NUMPY, SUB_BYTE_BITS, DeclaredType, Operand, ProgramError

_FIELDS = {
    "fp32": "floats",
    "i32": "ints",
    "i16": "ints",
    "u16": "ints",
    "bool": "bools",
    "str": "strings",
    "i64": "long_ints",
    "fp64": "doubles",
}
"""The one field in which an immediate tensor of a kind is looked for; all other kinds are in ``bytes``."""


def declared_type(message: ValueType) -> DeclaredType:
    """The type that a message declares; raises ProgramError for one that no value can have."""
    match which(message, "type"):
        case "tensor_type":
            return _tensor_type(message.tensor_type)
        case "list_type":
            return DeclaredType("list")
        case "dictionary_type":
            return DeclaredType("dictionary")
        case "state_type":
            return DeclaredType("state", wrapped=declared_type(message.state_type.wrapped_type))
        case other:
            raise ProgramError(f"a value is of no type that can be read ({other})")


def _tensor_type(message: TensorType) -> DeclaredType:
    if message.data_type not in KINDS:
        raise ProgramError(f"a tensor has elements of the unknown type {message.data_type}")
    if message.rank != len(message.dimensions):
        raise ProgramError(f"a tensor has rank {message.rank} and {len(message.dimensions)} dimensions")
    dims: list[int | None] = []
    for dimension in message.dimensions:
        if dimension.unknown.variadic or which(dimension, "dimension") is None:
            raise ProgramError("a tensor has a dimension that is neither a number nor unknown")
        dims.append(dimension.constant.size if has(dimension, "constant") else None)
    return DeclaredType(KINDS[message.data_type], tuple(dims))


def constant_value(value: Value, weights: WeightFiles) -> Operand:
    """The constant that a message holds; raises ProgramError when it does not fit its own type."""
    declared = declared_type(value.type)
    if declared.kind == "list":
        return Operand("list", _labels(value), constant=True)
    if None in declared.dims or declared.kind in ("state", "dictionary"):
        raise ProgramError(f"a constant is of the type {declared}")
    shape = tuple(d for d in declared.dims if d is not None)
    if has(value, "blob_file_value"):
        blob = value.blob_file_value
        return Operand(declared.kind, weights.read(blob.file_name, blob.offset, declared.kind, shape), constant=True)
    if which(value.immediate_value, "value") != "tensor":
        raise ProgramError(f"a constant of the type {declared} has no value")
    tensor = value.immediate_value.tensor
    if declared.kind == "str":
        if shape or len(tensor.strings.values) != 1:
            raise ProgramError("a constant of strings is not one string")
        return Operand("str", tensor.strings.values[0], constant=True)
    return Operand(declared.kind, _immediate(tensor, declared.kind, shape), constant=True)


def _immediate(tensor: TensorValue, kind: str, shape: tuple[int, ...]) -> Array:
    expected = _FIELDS.get(kind, "bytes")
    given = which(tensor, "value")
    if given != expected:
        raise ProgramError(f"an immediate tensor of {kind} has its value in {given}, not in {expected}")
    count = prod(shape)
    if kind in SUB_BYTE_BITS:
        packed = np.frombuffer(tensor.bytes.values, np.uint8)
        if packed.size != (count * SUB_BYTE_BITS[kind] + 7) // 8:
            raise ProgramError(f"an immediate tensor of {count} x {kind} has {packed.size} bytes")
        return unpack(packed, kind, count).reshape(shape)
    if expected == "bytes":
        if len(tensor.bytes.values) != count * NUMPY[kind].itemsize:
            raise ProgramError(f"an immediate tensor of {count} x {kind} has {len(tensor.bytes.values)} bytes")
        return np.frombuffer(tensor.bytes.values, NUMPY[kind]).reshape(shape)
    elements = np.array(_elements(tensor, expected), NUMPY[kind])
    if elements.size != count:
        raise ProgramError(f"an immediate tensor of shape {list(shape)} has {elements.size} elements")
    return elements.reshape(shape)


def _elements(tensor: TensorValue, field: str) -> Sequence[float]:
    match field:
        case "floats":
            return tensor.floats.values
        case "ints":
            return tensor.ints.values
        case "bools":
            return tensor.bools.values
        case "long_ints":
            return tensor.long_ints.values
        case _:
            return tensor.doubles.values


def _labels(value: Value) -> list[str] | list[int]:
    """The elements of a list of texts or of 64-bit integers, the only lists that are constants."""
    tensors = [element.immediate_value.tensor for element in value.immediate_value.list.values]
    if all(which(tensor, "value") == "strings" for tensor in tensors):
        return [text for tensor in tensors for text in tensor.strings.values]
    if all(which(tensor, "value") == "long_ints" for tensor in tensors):
        return [number for tensor in tensors for number in tensor.long_ints.values]
    raise ProgramError("a constant list holds neither texts nor 64-bit integers")
