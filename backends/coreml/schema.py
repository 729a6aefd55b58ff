"""The messages of a Core ML model that holds an ML Program, and of its features (specification versions 6 to 10).

Field numbers are facts of the format. Names are ours, nested messages stand on their own, enumerations are plain
integers on the wire and in the messages, and model types other than ML Programs are left out: all are members of one
oneof, so that a model of another type reads as one without a program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from .protobuf import (
    Kind,
    Message,
    map_of,
    map_of_strings,
    message,
    messages,
    scalar,
    scalars,
)


class DataType(IntEnum):
    """Types of a tensor's elements."""

    UNUSED = 0
    BOOL = 1
    STRING = 2
    FLOAT16 = 10
    FLOAT32 = 11
    FLOAT64 = 12
    BFLOAT16 = 13
    INT8 = 21
    INT16 = 22
    INT32 = 23
    INT64 = 24
    INT4 = 25
    UINT8 = 31
    UINT16 = 32
    UINT32 = 33
    UINT64 = 34
    UINT4 = 35
    UINT2 = 36
    UINT1 = 37
    UINT6 = 38
    UINT3 = 39
    FLOAT8E4M3FN = 40
    FLOAT8E5M2 = 41


class ArrayDataType(IntEnum):
    """Types of the elements of an array at the model's border."""

    INVALID = 0
    FLOAT16 = 0x10000 | 16
    FLOAT32 = 0x10000 | 32
    DOUBLE = 0x10000 | 64
    INT8 = 0x20000 | 8
    INT32 = 0x20000 | 32


class ColorSpace(IntEnum):
    """Pixels of an image at the model's border."""

    INVALID = 0
    GRAYSCALE = 10
    RGB = 20
    BGR = 30
    GRAYSCALE_FLOAT16 = 40


# --- types of values in a program


class ConstantDimension(Message):
    size: int = scalar(1, Kind.UINT64, 0)


class UnknownDimension(Message):
    variadic: bool = scalar(1, Kind.BOOL, False)


class Dimension(Message):
    constant: ConstantDimension = message(1, ConstantDimension, oneof="dimension")
    unknown: UnknownDimension = message(2, UnknownDimension, oneof="dimension")


class TensorType(Message):
    data_type: int = scalar(1, Kind.INT32, 0)
    rank: int = scalar(2, Kind.INT64, 0)
    dimensions: Sequence[Dimension] = messages(3, Dimension)
    attributes: Mapping[str, Value] = map_of(4, lambda: Value)


class ListType(Message):
    type: ValueType = message(1, lambda: ValueType)
    length: Dimension = message(2, Dimension)


class TupleType(Message):
    types: Sequence[ValueType] = messages(1, lambda: ValueType)


class DictionaryType(Message):
    key_type: ValueType = message(1, lambda: ValueType)
    value_type: ValueType = message(2, lambda: ValueType)


class StateType(Message):
    wrapped_type: ValueType = message(1, lambda: ValueType)


class ValueType(Message):
    tensor_type: TensorType = message(1, TensorType, oneof="type")
    list_type: ListType = message(2, ListType, oneof="type")
    tuple_type: TupleType = message(3, TupleType, oneof="type")
    dictionary_type: DictionaryType = message(4, DictionaryType, oneof="type")
    state_type: StateType = message(5, StateType, oneof="type")


# --- values


class RepeatedFloats(Message):
    values: Sequence[float] = scalars(1, Kind.FLOAT, 0.0)


class RepeatedInts(Message):
    values: Sequence[int] = scalars(1, Kind.INT32, 0)


class RepeatedBools(Message):
    values: Sequence[bool] = scalars(1, Kind.BOOL, False)


class RepeatedStrings(Message):
    values: Sequence[str] = scalars(1, Kind.STRING, "")


class RepeatedLongInts(Message):
    values: Sequence[int] = scalars(1, Kind.INT64, 0)


class RepeatedDoubles(Message):
    values: Sequence[float] = scalars(1, Kind.DOUBLE, 0.0)


class RepeatedBytes(Message):
    values: bytes = scalar(1, Kind.BYTES, b"")


class TensorValue(Message):
    floats: RepeatedFloats = message(1, RepeatedFloats, oneof="value")
    ints: RepeatedInts = message(2, RepeatedInts, oneof="value")
    bools: RepeatedBools = message(3, RepeatedBools, oneof="value")
    strings: RepeatedStrings = message(4, RepeatedStrings, oneof="value")
    long_ints: RepeatedLongInts = message(5, RepeatedLongInts, oneof="value")
    doubles: RepeatedDoubles = message(6, RepeatedDoubles, oneof="value")
    bytes: RepeatedBytes = message(7, RepeatedBytes, oneof="value")


class TupleValue(Message):
    values: Sequence[Value] = messages(1, lambda: Value)


class ListValue(Message):
    values: Sequence[Value] = messages(1, lambda: Value)


class KeyValuePair(Message):
    key: Value = message(1, lambda: Value)
    value: Value = message(2, lambda: Value)


class DictionaryValue(Message):
    values: Sequence[KeyValuePair] = messages(1, KeyValuePair)


class ImmediateValue(Message):
    tensor: TensorValue = message(1, TensorValue, oneof="value")
    tuple: TupleValue = message(2, TupleValue, oneof="value")
    list: ListValue = message(3, ListValue, oneof="value")
    dictionary: DictionaryValue = message(4, DictionaryValue, oneof="value")


class BlobFileValue(Message):
    file_name: str = scalar(1, Kind.STRING, "")
    offset: int = scalar(2, Kind.UINT64, 0)


class Value(Message):
    doc_string: str = scalar(1, Kind.STRING, "")
    type: ValueType = message(2, ValueType)
    immediate_value: ImmediateValue = message(3, ImmediateValue, oneof="value")
    blob_file_value: BlobFileValue = message(5, BlobFileValue, oneof="value")


# --- programs


class NamedValueType(Message):
    name: str = scalar(1, Kind.STRING, "")
    type: ValueType = message(2, ValueType)


class Binding(Message):
    name: str = scalar(1, Kind.STRING, "", oneof="binding")
    value: Value = message(2, Value, oneof="binding")


class Argument(Message):
    arguments: Sequence[Binding] = messages(1, Binding)


class Operation(Message):
    type: str = scalar(1, Kind.STRING, "")
    inputs: Mapping[str, Argument] = map_of(2, Argument)
    outputs: Sequence[NamedValueType] = messages(3, NamedValueType)
    blocks: Sequence[Block] = messages(4, lambda: Block)
    attributes: Mapping[str, Value] = map_of(5, Value)


class Block(Message):
    inputs: Sequence[NamedValueType] = messages(1, NamedValueType)
    outputs: Sequence[str] = scalars(2, Kind.STRING, "")
    operations: Sequence[Operation] = messages(3, Operation)
    attributes: Mapping[str, Value] = map_of(4, Value)


class Function(Message):
    inputs: Sequence[NamedValueType] = messages(1, NamedValueType)
    opset: str = scalar(2, Kind.STRING, "")
    block_specializations: Mapping[str, Block] = map_of(3, Block)
    attributes: Mapping[str, Value] = map_of(4, Value)


class Program(Message):
    version: int = scalar(1, Kind.INT64, 0)
    functions: Mapping[str, Function] = map_of(2, Function)
    doc_string: str = scalar(3, Kind.STRING, "")
    attributes: Mapping[str, Value] = map_of(4, Value)


# --- features: inputs, outputs and states of a model


class Int64FeatureType(Message):
    pass


class DoubleFeatureType(Message):
    pass


class StringFeatureType(Message):
    pass


class SizeRange(Message):
    """Both bounds belong to the range; a negative upper bound is none."""

    lower_bound: int = scalar(1, Kind.UINT64, 0)
    upper_bound: int = scalar(2, Kind.INT64, 0)


class ImageSize(Message):
    width: int = scalar(1, Kind.UINT64, 0)
    height: int = scalar(2, Kind.UINT64, 0)


class EnumeratedImageSizes(Message):
    sizes: Sequence[ImageSize] = messages(1, ImageSize)


class ImageSizeRange(Message):
    width_range: SizeRange = message(1, SizeRange)
    height_range: SizeRange = message(2, SizeRange)


class ImageFeatureType(Message):
    width: int = scalar(1, Kind.INT64, 0)
    height: int = scalar(2, Kind.INT64, 0)
    color_space: int = scalar(3, Kind.INT32, 0)
    enumerated_sizes: EnumeratedImageSizes = message(21, EnumeratedImageSizes, oneof="flexibility")
    image_size_range: ImageSizeRange = message(31, ImageSizeRange, oneof="flexibility")


class ArrayShape(Message):
    shape: Sequence[int] = scalars(1, Kind.INT64, 0)


class EnumeratedShapes(Message):
    shapes: Sequence[ArrayShape] = messages(1, ArrayShape)


class ShapeRange(Message):
    size_ranges: Sequence[SizeRange] = messages(1, SizeRange)


class ArrayFeatureType(Message):
    shape: Sequence[int] = scalars(1, Kind.INT64, 0)
    data_type: int = scalar(2, Kind.INT32, 0)
    enumerated_shapes: EnumeratedShapes = message(21, EnumeratedShapes, oneof="flexibility")
    shape_range: ShapeRange = message(31, ShapeRange, oneof="flexibility")
    int_default: int = scalar(41, Kind.INT32, 0, oneof="default_value")
    float_default: float = scalar(51, Kind.FLOAT, 0.0, oneof="default_value")
    double_default: float = scalar(61, Kind.DOUBLE, 0.0, oneof="default_value")


class DictionaryFeatureType(Message):
    """Numbers by a class's label."""

    int64_key_type: Int64FeatureType = message(1, Int64FeatureType, oneof="key_type")
    string_key_type: StringFeatureType = message(2, StringFeatureType, oneof="key_type")


class SequenceFeatureType(Message):
    int64_type: Int64FeatureType = message(1, Int64FeatureType, oneof="type")
    string_type: StringFeatureType = message(3, StringFeatureType, oneof="type")
    size_range: SizeRange = message(101, SizeRange)


class StateFeatureType(Message):
    array_type: ArrayFeatureType = message(1, ArrayFeatureType, oneof="type")


class FeatureType(Message):
    int64_type: Int64FeatureType = message(1, Int64FeatureType, oneof="type")
    double_type: DoubleFeatureType = message(2, DoubleFeatureType, oneof="type")
    string_type: StringFeatureType = message(3, StringFeatureType, oneof="type")
    image_type: ImageFeatureType = message(4, ImageFeatureType, oneof="type")
    multi_array_type: ArrayFeatureType = message(5, ArrayFeatureType, oneof="type")
    dictionary_type: DictionaryFeatureType = message(6, DictionaryFeatureType, oneof="type")
    sequence_type: SequenceFeatureType = message(7, SequenceFeatureType, oneof="type")
    state_type: StateFeatureType = message(8, StateFeatureType, oneof="type")
    is_optional: bool = scalar(1000, Kind.BOOL, False)


class FeatureDescription(Message):
    name: str = scalar(1, Kind.STRING, "")
    short_description: str = scalar(2, Kind.STRING, "")
    type: FeatureType = message(3, FeatureType)


# --- models


class Metadata(Message):
    short_description: str = scalar(1, Kind.STRING, "")
    version_string: str = scalar(2, Kind.STRING, "")
    author: str = scalar(3, Kind.STRING, "")
    license: str = scalar(4, Kind.STRING, "")
    user_defined: Mapping[str, str] = map_of_strings(100)


class FunctionDescription(Message):
    name: str = scalar(1, Kind.STRING, "")
    input: Sequence[FeatureDescription] = messages(2, FeatureDescription)
    output: Sequence[FeatureDescription] = messages(3, FeatureDescription)
    predicted_feature_name: str = scalar(4, Kind.STRING, "")
    predicted_probabilities_name: str = scalar(5, Kind.STRING, "")
    state: Sequence[FeatureDescription] = messages(6, FeatureDescription)


class ModelDescription(Message):
    """Of the function "main"; ``functions`` and ``default_function_name`` stand for the rest when there are several."""

    input: Sequence[FeatureDescription] = messages(1, FeatureDescription)
    output: Sequence[FeatureDescription] = messages(10, FeatureDescription)
    predicted_feature_name: str = scalar(11, Kind.STRING, "")
    predicted_probabilities_name: str = scalar(12, Kind.STRING, "")
    state: Sequence[FeatureDescription] = messages(13, FeatureDescription)
    functions: Sequence[FunctionDescription] = messages(20, FunctionDescription)
    default_function_name: str = scalar(21, Kind.STRING, "")
    metadata: Metadata = message(100, Metadata)


class Model(Message):
    specification_version: int = scalar(1, Kind.INT32, 0)
    description: ModelDescription = message(2, ModelDescription)
    is_updatable: bool = scalar(10, Kind.BOOL, False)
    ml_program: Program = message(502, Program, oneof="type")
