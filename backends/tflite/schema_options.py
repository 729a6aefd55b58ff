"""The option tables of the TFLite builtin operators: first those with fields, then those without."""

from collections.abc import Sequence

from ..flatbuffer import BOOL, FLOAT32, INT32, INT64, UINT8, UINT32, Array, Table, array, enum, scalar, string, vector
from .schema_enums import (
    ActivationFunctionType,
    CombinerType,
    FullyConnectedOptionsWeightsFormat,
    LSHProjectionType,
    LSTMKernelType,
    MirrorPadMode,
    Padding,
    TensorType,
)


class Conv2DOptions(Table):
    padding: Padding = enum(0, Padding.SAME)
    stride_w: int = scalar(1, INT32)
    stride_h: int = scalar(2, INT32)
    fused_activation_function: ActivationFunctionType = enum(3, ActivationFunctionType.NONE)
    dilation_w_factor: int = scalar(4, INT32, 1)
    dilation_h_factor: int = scalar(5, INT32, 1)
    quantized_bias_type: TensorType = enum(6, TensorType.FLOAT32)


class DepthwiseConv2DOptions(Table):
    padding: Padding = enum(0, Padding.SAME)
    stride_w: int = scalar(1, INT32)
    stride_h: int = scalar(2, INT32)
    depth_multiplier: int = scalar(3, INT32)
    fused_activation_function: ActivationFunctionType = enum(4, ActivationFunctionType.NONE)
    dilation_w_factor: int = scalar(5, INT32, 1)
    dilation_h_factor: int = scalar(6, INT32, 1)


class ConcatEmbeddingsOptions(Table):
    num_channels: int = scalar(0, INT32)
    num_columns_per_channel: Sequence[int] | None = vector(1, INT32)
    embedding_dim_per_channel: Sequence[int] | None = vector(2, INT32)


class LSHProjectionOptions(Table):
    type: LSHProjectionType = enum(0, LSHProjectionType.UNKNOWN)


class Pool2DOptions(Table):
    padding: Padding = enum(0, Padding.SAME)
    stride_w: int = scalar(1, INT32)
    stride_h: int = scalar(2, INT32)
    filter_width: int = scalar(3, INT32)
    filter_height: int = scalar(4, INT32)
    fused_activation_function: ActivationFunctionType = enum(5, ActivationFunctionType.NONE)


class SVDFOptions(Table):
    rank: int = scalar(0, INT32)
    fused_activation_function: ActivationFunctionType = enum(1, ActivationFunctionType.NONE)
    asymmetric_quantize_inputs: bool = scalar(2, BOOL)


class RNNOptions(Table):
    fused_activation_function: ActivationFunctionType = enum(0, ActivationFunctionType.NONE)
    asymmetric_quantize_inputs: bool = scalar(1, BOOL)


class FullyConnectedOptions(Table):
    fused_activation_function: ActivationFunctionType = enum(0, ActivationFunctionType.NONE)
    weights_format: FullyConnectedOptionsWeightsFormat = enum(1, FullyConnectedOptionsWeightsFormat.DEFAULT)
    keep_num_dims: bool = scalar(2, BOOL)
    asymmetric_quantize_inputs: bool = scalar(3, BOOL)
    quantized_bias_type: TensorType = enum(4, TensorType.FLOAT32)
    quant_spec: Array | None = array(5, UINT8)


class SoftmaxOptions(Table):
    beta: float = scalar(0, FLOAT32)


class ConcatenationOptions(Table):
    axis: int = scalar(0, INT32)
    fused_activation_function: ActivationFunctionType = enum(1, ActivationFunctionType.NONE)


class AddOptions(Table):
    fused_activation_function: ActivationFunctionType = enum(0, ActivationFunctionType.NONE)
    pot_scale_int16: bool = scalar(1, BOOL, True)


class L2NormOptions(Table):
    fused_activation_function: ActivationFunctionType = enum(0, ActivationFunctionType.NONE)


class LocalResponseNormalizationOptions(Table):
    radius: int = scalar(0, INT32)
    bias: float = scalar(1, FLOAT32)
    alpha: float = scalar(2, FLOAT32)
    beta: float = scalar(3, FLOAT32)


class LSTMOptions(Table):
    fused_activation_function: ActivationFunctionType = enum(0, ActivationFunctionType.NONE)
    cell_clip: float = scalar(1, FLOAT32)
    proj_clip: float = scalar(2, FLOAT32)
    kernel_type: LSTMKernelType = enum(3, LSTMKernelType.FULL)
    asymmetric_quantize_inputs: bool = scalar(4, BOOL)


class ResizeBilinearOptions(Table):
    align_corners: bool = scalar(2, BOOL)
    half_pixel_centers: bool = scalar(3, BOOL)


class CallOptions(Table):
    subgraph: int = scalar(0, UINT32)


class ReshapeOptions(Table):
    new_shape: Sequence[int] | None = vector(0, INT32)


class SkipGramOptions(Table):
    ngram_size: int = scalar(0, INT32)
    max_skip_size: int = scalar(1, INT32)
    include_all_ngrams: bool = scalar(2, BOOL)


class SpaceToDepthOptions(Table):
    block_size: int = scalar(0, INT32)


class EmbeddingLookupSparseOptions(Table):
    combiner: CombinerType = enum(0, CombinerType.SUM)


class MulOptions(Table):
    fused_activation_function: ActivationFunctionType = enum(0, ActivationFunctionType.NONE)


class GatherOptions(Table):
    axis: int = scalar(0, INT32)
    batch_dims: int = scalar(1, INT32)


class ReducerOptions(Table):
    keep_dims: bool = scalar(0, BOOL)


class SubOptions(Table):
    fused_activation_function: ActivationFunctionType = enum(0, ActivationFunctionType.NONE)
    pot_scale_int16: bool = scalar(1, BOOL, True)


class DivOptions(Table):
    fused_activation_function: ActivationFunctionType = enum(0, ActivationFunctionType.NONE)


class SqueezeOptions(Table):
    squeeze_dims: Sequence[int] | None = vector(0, INT32)


class SequenceRNNOptions(Table):
    time_major: bool = scalar(0, BOOL)
    fused_activation_function: ActivationFunctionType = enum(1, ActivationFunctionType.NONE)
    asymmetric_quantize_inputs: bool = scalar(2, BOOL)


class StridedSliceOptions(Table):
    begin_mask: int = scalar(0, INT32)
    end_mask: int = scalar(1, INT32)
    ellipsis_mask: int = scalar(2, INT32)
    new_axis_mask: int = scalar(3, INT32)
    shrink_axis_mask: int = scalar(4, INT32)
    offset: bool = scalar(5, BOOL)


class SplitOptions(Table):
    num_splits: int = scalar(0, INT32)


class CastOptions(Table):
    in_data_type: TensorType = enum(0, TensorType.FLOAT32)
    out_data_type: TensorType = enum(1, TensorType.FLOAT32)


class ArgMaxOptions(Table):
    output_type: TensorType = enum(0, TensorType.FLOAT32)


class TransposeConvOptions(Table):
    padding: Padding = enum(0, Padding.SAME)
    stride_w: int = scalar(1, INT32)
    stride_h: int = scalar(2, INT32)
    fused_activation_function: ActivationFunctionType = enum(3, ActivationFunctionType.NONE)
    quantized_bias_type: TensorType = enum(4, TensorType.FLOAT32)


class SparseToDenseOptions(Table):
    validate_indices: bool = scalar(0, BOOL)


class ShapeOptions(Table):
    out_type: TensorType = enum(0, TensorType.FLOAT32)


class ArgMinOptions(Table):
    output_type: TensorType = enum(0, TensorType.FLOAT32)


class FakeQuantOptions(Table):
    min: float = scalar(0, FLOAT32)
    max: float = scalar(1, FLOAT32)
    num_bits: int = scalar(2, INT32)
    narrow_range: bool = scalar(3, BOOL)


class PackOptions(Table):
    values_count: int = scalar(0, INT32)
    axis: int = scalar(1, INT32)


class OneHotOptions(Table):
    axis: int = scalar(0, INT32)


class UnpackOptions(Table):
    num: int = scalar(0, INT32)
    axis: int = scalar(1, INT32)


class BidirectionalSequenceLSTMOptions(Table):
    fused_activation_function: ActivationFunctionType = enum(0, ActivationFunctionType.NONE)
    cell_clip: float = scalar(1, FLOAT32)
    proj_clip: float = scalar(2, FLOAT32)
    merge_outputs: bool = scalar(3, BOOL)
    time_major: bool = scalar(4, BOOL, True)
    asymmetric_quantize_inputs: bool = scalar(5, BOOL)


class BidirectionalSequenceRNNOptions(Table):
    time_major: bool = scalar(0, BOOL)
    fused_activation_function: ActivationFunctionType = enum(1, ActivationFunctionType.NONE)
    merge_outputs: bool = scalar(2, BOOL)
    asymmetric_quantize_inputs: bool = scalar(3, BOOL)


class UnidirectionalSequenceLSTMOptions(Table):
    fused_activation_function: ActivationFunctionType = enum(0, ActivationFunctionType.NONE)
    cell_clip: float = scalar(1, FLOAT32)
    proj_clip: float = scalar(2, FLOAT32)
    time_major: bool = scalar(3, BOOL)
    asymmetric_quantize_inputs: bool = scalar(4, BOOL)
    diagonal_recurrent_tensors: bool = scalar(5, BOOL)


class ResizeNearestNeighborOptions(Table):
    align_corners: bool = scalar(0, BOOL)
    half_pixel_centers: bool = scalar(1, BOOL)


class LeakyReluOptions(Table):
    alpha: float = scalar(0, FLOAT32)


class MirrorPadOptions(Table):
    mode: MirrorPadMode = enum(0, MirrorPadMode.REFLECT)


class SplitVOptions(Table):
    num_splits: int = scalar(0, INT32)


class UniqueOptions(Table):
    idx_out_type: TensorType = enum(0, TensorType.INT32)


class ReverseSequenceOptions(Table):
    seq_dim: int = scalar(0, INT32)
    batch_dim: int = scalar(1, INT32)


class IfOptions(Table):
    then_subgraph_index: int = scalar(0, INT32)
    else_subgraph_index: int = scalar(1, INT32)


class WhileOptions(Table):
    cond_subgraph_index: int = scalar(0, INT32)
    body_subgraph_index: int = scalar(1, INT32)


class DepthToSpaceOptions(Table):
    block_size: int = scalar(0, INT32)


class BatchMatMulOptions(Table):
    adj_x: bool = scalar(0, BOOL)
    adj_y: bool = scalar(1, BOOL)
    asymmetric_quantize_inputs: bool = scalar(2, BOOL)


class CumsumOptions(Table):
    exclusive: bool = scalar(0, BOOL)
    reverse: bool = scalar(1, BOOL)


class CallOnceOptions(Table):
    init_subgraph_index: int = scalar(0, INT32)


class Conv3DOptions(Table):
    padding: Padding = enum(0, Padding.SAME)
    stride_d: int = scalar(1, INT32)
    stride_w: int = scalar(2, INT32)
    stride_h: int = scalar(3, INT32)
    fused_activation_function: ActivationFunctionType = enum(4, ActivationFunctionType.NONE)
    dilation_d_factor: int = scalar(5, INT32, 1)
    dilation_w_factor: int = scalar(6, INT32, 1)
    dilation_h_factor: int = scalar(7, INT32, 1)


class HashtableOptions(Table):
    table_id: int = scalar(0, INT32)
    key_dtype: TensorType = enum(1, TensorType.FLOAT32)
    value_dtype: TensorType = enum(2, TensorType.FLOAT32)


class VarHandleOptions(Table):
    container: str | None = string(0)
    shared_name: str | None = string(1)


class RandomOptions(Table):
    seed: int = scalar(0, INT64)
    seed2: int = scalar(1, INT64)


class BucketizeOptions(Table):
    boundaries: Sequence[float] | None = vector(0, FLOAT32)


class GeluOptions(Table):
    approximate: bool = scalar(0, BOOL)


# Options without fields: they only say which operator they belong to.
# fmt: off
class PadOptions(Table): ...
class BatchToSpaceNDOptions(Table): ...
class SpaceToBatchNDOptions(Table): ...
class TransposeOptions(Table): ...
class ExpOptions(Table): ...
class TopKV2Options(Table): ...
class LogSoftmaxOptions(Table): ...
class DequantizeOptions(Table): ...
class MaximumMinimumOptions(Table): ...
class LessOptions(Table): ...
class NegOptions(Table): ...
class PadV2Options(Table): ...
class GreaterOptions(Table): ...
class GreaterEqualOptions(Table): ...
class LessEqualOptions(Table): ...
class SelectOptions(Table): ...
class SliceOptions(Table): ...
class TileOptions(Table): ...
class ExpandDimsOptions(Table): ...
class EqualOptions(Table): ...
class NotEqualOptions(Table): ...
class PowOptions(Table): ...
class LogicalOrOptions(Table): ...
class LogicalAndOptions(Table): ...
class LogicalNotOptions(Table): ...
class FloorDivOptions(Table): ...
class SquareOptions(Table): ...
class ZerosLikeOptions(Table): ...
class FillOptions(Table): ...
class FloorModOptions(Table): ...
class RangeOptions(Table): ...
class SquaredDifferenceOptions(Table): ...
class AbsOptions(Table): ...
class ReverseV2Options(Table): ...
class AddNOptions(Table): ...
class GatherNdOptions(Table): ...
class CosOptions(Table): ...
class WhereOptions(Table): ...
class RankOptions(Table): ...
class MatrixDiagOptions(Table): ...
class QuantizeOptions(Table): ...
class MatrixSetDiagOptions(Table): ...
class HardSwishOptions(Table): ...
class NonMaxSuppressionV4Options(Table): ...
class NonMaxSuppressionV5Options(Table): ...
class ScatterNdOptions(Table): ...
class SelectV2Options(Table): ...
class DensifyOptions(Table): ...
class SegmentSumOptions(Table): ...
class BroadcastToOptions(Table): ...
class Rfft2dOptions(Table): ...
class HashtableFindOptions(Table): ...
class HashtableImportOptions(Table): ...
class HashtableSizeOptions(Table): ...
class ReadVariableOptions(Table): ...
class AssignVariableOptions(Table): ...
class DynamicUpdateSliceOptions(Table): ...
class UnsortedSegmentProdOptions(Table): ...
class UnsortedSegmentMaxOptions(Table): ...
class UnsortedSegmentMinOptions(Table): ...
class UnsortedSegmentSumOptions(Table): ...
class ATan2Options(Table): ...
class SignOptions(Table): ...
class BitcastOptions(Table): ...
class BitwiseXorOptions(Table): ...
class RightShiftOptions(Table): ...
# fmt: on
