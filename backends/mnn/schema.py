"""The tables of an MNN model, whose root is `Net`. It has no file identifier."""

from collections.abc import Sequence

from ..flatbuffer import FLOAT32, INT8, INT32, Table, enum, scalar, string, strings, table, tables, union, vector
from .schema_enums import DataFormat, DataType, ForwardType, NetSource, OpType, Usage
from .schema_parameters import PARAMETERS, Blob


class Op(Table):
    input_indexes: Sequence[int] | None = vector(0, INT32)
    main: Table | None = union(2, PARAMETERS)
    name: str | None = string(3)
    output_indexes: Sequence[int] | None = vector(4, INT32)
    type: OpType = enum(5, OpType.ABS_VAL, INT32)
    default_dimension_format: DataFormat = enum(6, DataFormat.NHWC)
    external_path: str | None = string(7)


class TensorQuantInfo(Table):
    scale: float = scalar(0, FLOAT32)
    zero: float = scalar(1, FLOAT32)
    min: float = scalar(2, FLOAT32, -128.0)
    max: float = scalar(3, FLOAT32, 127.0)
    type: DataType = enum(4, DataType.INVALID, INT32)


class TensorDescribe(Table):
    blob: Blob | None = table(0, Blob)
    index: int = scalar(1, INT32)
    name: str | None = string(2)
    quant_info: TensorQuantInfo | None = table(4, TensorQuantInfo)


class SubGraphProto(Table):
    name: str | None = string(0)
    inputs: Sequence[int] | None = vector(1, INT32)
    outputs: Sequence[int] | None = vector(2, INT32)
    tensors: Sequence[str] | None = strings(3)
    nodes: Sequence[Op] | None = tables(4, Op)
    extra_tensor_describe: Sequence[TensorDescribe] | None = tables(5, TensorDescribe)


class ExtraInfo(Table):
    buffer: Sequence[int] | None = vector(0, INT8)
    name: str | None = string(1)
    version: str | None = string(2)


class Net(Table):
    biz_code: str | None = string(0)
    extra_tensor_describe: Sequence[TensorDescribe] | None = tables(1, TensorDescribe)
    extra_info: ExtraInfo | None = table(2, ExtraInfo)
    oplists: Sequence[Op] | None = tables(3, Op)
    output_name: Sequence[str] | None = strings(4)
    prefer_forward_type: ForwardType = enum(5, ForwardType.CPU)
    source_type: NetSource = enum(6, NetSource.CAFFE)
    tensor_name: Sequence[str] | None = strings(7)
    tensor_number: int = scalar(8, INT32)
    usage: Usage = enum(9, Usage.INFERENCE)
    subgraphs: Sequence[SubGraphProto] | None = tables(10, SubGraphProto)
    mnn_uuid: str | None = string(11)
