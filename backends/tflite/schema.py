"""The tables of a TFLite model, as of the newest schema (identifier "TFL3").

Slot numbers and defaults are facts of the schema; a test compares them with the runtime's own. The enumerations are in
`schema_enums.py`, the operators' option tables in `schema_options.py` and `schema_stablehlo_options.py`.

The arrays in `Buffer.data` start at a multiple of 64 bytes of the file, so that a runtime that maps the file can use
them where they are. A model of more than 2 GB keeps them after the FlatBuffer and says so in `Buffer.offset`, `size`.
"""

from collections.abc import Mapping, Sequence

from ..flatbuffer import (
    BOOL,
    FLOAT32,
    INT8,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    Array,
    Table,
    array,
    enum,
    scalar,
    string,
    table,
    tables,
    union,
    vector,
)
from . import schema_options as options
from .schema_enums import BuiltinOperator, CustomOptionsFormat, DimensionType, TensorType
from .schema_stablehlo_options import BUILTIN_OPTIONS_2


class CustomQuantization(Table):
    custom: Array | None = array(0, UINT8, align=16)


class BlockwiseQuantization(Table):
    scales: int = scalar(0, INT32)
    zero_points: int = scalar(1, INT32)
    block_size: int = scalar(2, INT32)
    block_shape: Sequence[int] | None = vector(3, INT32)


class MultiAxisQuantization(Table):
    scales: int = scalar(0, INT32)
    zero_points: int = scalar(1, INT32)
    block_size: int = scalar(2, INT32)
    quantized_dimensions: Sequence[int] | None = vector(3, INT32)


QUANTIZATION_DETAILS: Mapping[int, type[Table]] = {
    1: CustomQuantization,
    2: BlockwiseQuantization,
    3: MultiAxisQuantization,
}


class QuantizationParameters(Table):
    min: Sequence[float] | None = vector(0, FLOAT32)
    max: Sequence[float] | None = vector(1, FLOAT32)
    scale: Sequence[float] | None = vector(2, FLOAT32)
    zero_point: Sequence[int] | None = vector(3, INT64)
    details: Table | None = union(5, QUANTIZATION_DETAILS)
    quantized_dimension: int = scalar(6, INT32)


class Int32Vector(Table):
    values: Sequence[int] | None = vector(0, INT32)


class Uint16Vector(Table):
    values: Sequence[int] | None = vector(0, UINT16)


class Uint8Vector(Table):
    values: Array | None = array(0, UINT8)


SPARSE_INDEX_VECTOR: Mapping[int, type[Table]] = {1: Int32Vector, 2: Uint16Vector, 3: Uint8Vector}


class DimensionMetadata(Table):
    format: DimensionType = enum(0, DimensionType.DENSE)
    dense_size: int = scalar(1, INT32)
    array_segments: Table | None = union(3, SPARSE_INDEX_VECTOR)
    array_indices: Table | None = union(5, SPARSE_INDEX_VECTOR)


class SparsityParameters(Table):
    traversal_order: Sequence[int] | None = vector(0, INT32)
    block_map: Sequence[int] | None = vector(1, INT32)
    dim_metadata: Sequence[DimensionMetadata] | None = tables(2, DimensionMetadata)


class VariantSubType(Table):
    shape: Sequence[int] | None = vector(0, INT32)
    type: TensorType = enum(1, TensorType.FLOAT32)
    has_rank: bool = scalar(2, BOOL)


class Tensor(Table):
    shape: Sequence[int] | None = vector(0, INT32)
    type: TensorType = enum(1, TensorType.FLOAT32)
    buffer: int = scalar(2, UINT32)
    name: str | None = string(3)
    quantization: QuantizationParameters | None = table(4, QuantizationParameters)
    is_variable: bool = scalar(5, BOOL)
    sparsity: SparsityParameters | None = table(6, SparsityParameters)
    shape_signature: Sequence[int] | None = vector(7, INT32)
    has_rank: bool = scalar(8, BOOL)
    variant_tensors: Sequence[VariantSubType] | None = tables(9, VariantSubType)
    external_buffer: int = scalar(10, UINT32)


class OperatorCode(Table):
    deprecated_builtin_code: int = scalar(0, INT8)
    custom_code: str | None = string(1)
    version: int = scalar(2, INT32, 1)
    builtin_code: BuiltinOperator = enum(3, BuiltinOperator.ADD, INT32)


BUILTIN_OPTIONS: Mapping[int, type[Table]] = {
    1: options.Conv2DOptions,
    2: options.DepthwiseConv2DOptions,
    3: options.ConcatEmbeddingsOptions,
    4: options.LSHProjectionOptions,
    5: options.Pool2DOptions,
    6: options.SVDFOptions,
    7: options.RNNOptions,
    8: options.FullyConnectedOptions,
    9: options.SoftmaxOptions,
    10: options.ConcatenationOptions,
    11: options.AddOptions,
    12: options.L2NormOptions,
    13: options.LocalResponseNormalizationOptions,
    14: options.LSTMOptions,
    15: options.ResizeBilinearOptions,
    16: options.CallOptions,
    17: options.ReshapeOptions,
    18: options.SkipGramOptions,
    19: options.SpaceToDepthOptions,
    20: options.EmbeddingLookupSparseOptions,
    21: options.MulOptions,
    22: options.PadOptions,
    23: options.GatherOptions,
    24: options.BatchToSpaceNDOptions,
    25: options.SpaceToBatchNDOptions,
    26: options.TransposeOptions,
    27: options.ReducerOptions,
    28: options.SubOptions,
    29: options.DivOptions,
    30: options.SqueezeOptions,
    31: options.SequenceRNNOptions,
    32: options.StridedSliceOptions,
    33: options.ExpOptions,
    34: options.TopKV2Options,
    35: options.SplitOptions,
    36: options.LogSoftmaxOptions,
    37: options.CastOptions,
    38: options.DequantizeOptions,
    39: options.MaximumMinimumOptions,
    40: options.ArgMaxOptions,
    41: options.LessOptions,
    42: options.NegOptions,
    43: options.PadV2Options,
    44: options.GreaterOptions,
    45: options.GreaterEqualOptions,
    46: options.LessEqualOptions,
    47: options.SelectOptions,
    48: options.SliceOptions,
    49: options.TransposeConvOptions,
    50: options.SparseToDenseOptions,
    51: options.TileOptions,
    52: options.ExpandDimsOptions,
    53: options.EqualOptions,
    54: options.NotEqualOptions,
    55: options.ShapeOptions,
    56: options.PowOptions,
    57: options.ArgMinOptions,
    58: options.FakeQuantOptions,
    59: options.PackOptions,
    60: options.LogicalOrOptions,
    61: options.OneHotOptions,
    62: options.LogicalAndOptions,
    63: options.LogicalNotOptions,
    64: options.UnpackOptions,
    65: options.FloorDivOptions,
    66: options.SquareOptions,
    67: options.ZerosLikeOptions,
    68: options.FillOptions,
    69: options.BidirectionalSequenceLSTMOptions,
    70: options.BidirectionalSequenceRNNOptions,
    71: options.UnidirectionalSequenceLSTMOptions,
    72: options.FloorModOptions,
    73: options.RangeOptions,
    74: options.ResizeNearestNeighborOptions,
    75: options.LeakyReluOptions,
    76: options.SquaredDifferenceOptions,
    77: options.MirrorPadOptions,
    78: options.AbsOptions,
    79: options.SplitVOptions,
    80: options.UniqueOptions,
    81: options.ReverseV2Options,
    82: options.AddNOptions,
    83: options.GatherNdOptions,
    84: options.CosOptions,
    85: options.WhereOptions,
    86: options.RankOptions,
    87: options.ReverseSequenceOptions,
    88: options.MatrixDiagOptions,
    89: options.QuantizeOptions,
    90: options.MatrixSetDiagOptions,
    91: options.HardSwishOptions,
    92: options.IfOptions,
    93: options.WhileOptions,
    94: options.DepthToSpaceOptions,
    95: options.NonMaxSuppressionV4Options,
    96: options.NonMaxSuppressionV5Options,
    97: options.ScatterNdOptions,
    98: options.SelectV2Options,
    99: options.DensifyOptions,
    100: options.SegmentSumOptions,
    101: options.BatchMatMulOptions,
    102: options.CumsumOptions,
    103: options.CallOnceOptions,
    104: options.BroadcastToOptions,
    105: options.Rfft2dOptions,
    106: options.Conv3DOptions,
    107: options.HashtableOptions,
    108: options.HashtableFindOptions,
    109: options.HashtableImportOptions,
    110: options.HashtableSizeOptions,
    111: options.VarHandleOptions,
    112: options.ReadVariableOptions,
    113: options.AssignVariableOptions,
    114: options.RandomOptions,
    115: options.BucketizeOptions,
    116: options.GeluOptions,
    117: options.DynamicUpdateSliceOptions,
    118: options.UnsortedSegmentProdOptions,
    119: options.UnsortedSegmentMaxOptions,
    120: options.UnsortedSegmentMinOptions,
    121: options.UnsortedSegmentSumOptions,
    122: options.ATan2Options,
    123: options.SignOptions,
    124: options.BitcastOptions,
    125: options.BitwiseXorOptions,
    126: options.RightShiftOptions,
}


class Operator(Table):
    opcode_index: int = scalar(0, UINT32)
    inputs: Sequence[int] | None = vector(1, INT32)
    outputs: Sequence[int] | None = vector(2, INT32)
    builtin_options: Table | None = union(4, BUILTIN_OPTIONS)
    custom_options: Array | None = array(5, UINT8)
    custom_options_format: CustomOptionsFormat = enum(6, CustomOptionsFormat.FLEXBUFFERS)
    mutating_variable_inputs: Sequence[bool] | None = vector(7, BOOL)
    intermediates: Sequence[int] | None = vector(8, INT32)
    large_custom_options_offset: int = scalar(9, UINT64)
    large_custom_options_size: int = scalar(10, UINT64)
    builtin_options_2: Table | None = union(12, BUILTIN_OPTIONS_2)
    debug_metadata_index: int = scalar(13, INT32, -1)


class SubGraph(Table):
    tensors: Sequence[Tensor] | None = tables(0, Tensor)
    inputs: Sequence[int] | None = vector(1, INT32)
    outputs: Sequence[int] | None = vector(2, INT32)
    operators: Sequence[Operator] | None = tables(3, Operator)
    name: str | None = string(4)
    debug_metadata_index: int = scalar(5, INT32, -1)


class Buffer(Table):
    data: Array | None = array(0, UINT8, align=64)
    offset: int = scalar(1, UINT64)
    size: int = scalar(2, UINT64)


class ExternalBufferGroup(Table):
    name: str | None = string(0)


class ExternalBuffer(Table):
    id: int = scalar(0, UINT32)
    group: int = scalar(1, UINT32)
    offset: int = scalar(2, UINT64)
    length: int = scalar(3, UINT64)
    packing: str | None = string(4)


class Metadata(Table):
    name: str | None = string(0)
    buffer: int = scalar(1, UINT32)


class TensorMap(Table):
    name: str | None = string(0)
    tensor_index: int = scalar(1, UINT32)


class SignatureDef(Table):
    inputs: Sequence[TensorMap] | None = tables(0, TensorMap)
    outputs: Sequence[TensorMap] | None = tables(1, TensorMap)
    signature_key: str | None = string(2)
    subgraph_index: int = scalar(4, UINT32)


class Model(Table):
    version: int = scalar(0, UINT32)
    operator_codes: Sequence[OperatorCode] | None = tables(1, OperatorCode)
    subgraphs: Sequence[SubGraph] | None = tables(2, SubGraph)
    description: str | None = string(3)
    buffers: Sequence[Buffer] | None = tables(4, Buffer)
    metadata_buffer: Sequence[int] | None = vector(5, INT32)
    metadata: Sequence[Metadata] | None = tables(6, Metadata)
    signature_defs: Sequence[SignatureDef] | None = tables(7, SignatureDef)
    external_buffer_groups: Sequence[ExternalBufferGroup] | None = tables(8, ExternalBufferGroup)
    external_buffers: Sequence[ExternalBuffer] | None = tables(9, ExternalBuffer)


FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
"""`Model.version` of all models today."""


def operator_code(operator: BuiltinOperator, version: int = 1, custom_code: str | None = None) -> OperatorCode:
    """The code of an operator, which readers older than the 127th operator find in `deprecated_builtin_code`."""
    deprecated = min(operator, BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES)
    return OperatorCode(
        deprecated_builtin_code=int(deprecated), builtin_code=operator, version=version, custom_code=custom_code
    )


def builtin_operator(code: OperatorCode) -> BuiltinOperator:
    """The operator of a code that was read, also from a file that has the deprecated number alone."""
    return BuiltinOperator(max(code.deprecated_builtin_code, code.builtin_code))
