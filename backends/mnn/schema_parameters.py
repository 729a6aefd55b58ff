"""The parameter tables of the MNN ops that we write, by slot numbers, and the tags of their union."""

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
    Array,
    Table,
    array,
    enum,
    scalar,
    string,
    strings,
    table,
    tables,
    vector,
)
from .schema_enums import (
    AvgPoolCountType,
    BinaryOperation,
    CoordinateTransformationMode,
    DataFormat,
    DataType,
    NetSource,
    PadMode,
    PadValueMode,
    PoolPadType,
    PoolType,
    QuantizeAlgo,
    ReductionType,
    ScaleStorageType,
    UnaryOperation,
)
from .schema_sampling import GridSample
from .schema_sparse import SparseCommon


class Blob(Table):
    dims: Sequence[int] | None = vector(0, INT32)
    data_format: DataFormat = enum(1, DataFormat.NCHW)
    data_type: DataType = enum(2, DataType.FLOAT, INT32)
    uint8s: Array | None = array(3, UINT8)
    int8s: Array | None = array(4, INT8)
    int32s: Array | None = array(5, INT32)
    int64s: Sequence[int] | None = vector(6, INT64)
    float32s: Array | None = array(7, FLOAT32)
    external: Sequence[int] | None = vector(9, INT64)


class IDSTQuan(Table):
    buffer: Array | None = array(0, INT8)
    alpha: Array | None = array(1, FLOAT32)
    type: int = scalar(2, INT32)
    use_int32: bool = scalar(3, BOOL)
    quant_scale: float = scalar(4, FLOAT32)
    scale_in: float = scalar(5, FLOAT32)
    scale_out: float = scalar(6, FLOAT32)
    a_max_or_bits: int = scalar(7, INT32)
    a_min: int = scalar(8, INT32)
    read_type: int = scalar(9, INT32)
    has_scale_int: bool = scalar(10, BOOL)
    shape_int32: bool = scalar(11, BOOL)
    weight_size: int = scalar(12, UINT32)
    index: Array | None = array(13, UINT32)
    alpha_fp16: Array | None = array(14, UINT16)
    scale_storage: ScaleStorageType = enum(15, ScaleStorageType.FP32)


class QuantizedFloatParam(Table):
    weight: Sequence[int] | None = vector(0, INT8)
    bias: Sequence[int] | None = vector(1, INT32)
    scale: Sequence[float] | None = vector(2, FLOAT32)
    tensor_scale: Sequence[float] | None = vector(3, FLOAT32)
    method: QuantizeAlgo = enum(4, QuantizeAlgo.DEFAULT)
    nbits: int = scalar(5, INT32, 8)
    zero_point: int = scalar(6, INT8)
    output_zero_point: int = scalar(7, INT8)
    clamp_min: int = scalar(8, INT8, -128)
    clamp_max: int = scalar(9, INT8, 127)
    winograd_attr: Sequence[int] | None = vector(10, INT32)
    output_data_type: DataType = enum(11, DataType.INT8, INT32)
    floatzeros: Sequence[float] | None = vector(12, FLOAT32)


class Convolution2DCommon(Table):
    pad_x: int = scalar(0, INT32)
    pad_y: int = scalar(1, INT32)
    kernel_x: int = scalar(2, INT32, 1)
    kernel_y: int = scalar(3, INT32, 1)
    stride_x: int = scalar(4, INT32, 1)
    stride_y: int = scalar(5, INT32, 1)
    dilate_x: int = scalar(6, INT32, 1)
    dilate_y: int = scalar(7, INT32, 1)
    pad_mode: PadMode = enum(8, PadMode.CAFFE)
    group: int = scalar(9, INT32, 1)
    output_count: int = scalar(10, INT32)
    input_count: int = scalar(11, INT32)
    relu: bool = scalar(12, BOOL)
    relu6: bool = scalar(13, BOOL)
    pads: Sequence[int] | None = vector(14, INT32)
    out_pads: Sequence[int] | None = vector(15, INT32)
    has_output_shape: bool = scalar(16, BOOL)


class Convolution2D(Table):
    common: Convolution2DCommon | None = table(0, Convolution2DCommon)
    weight: Array | None = array(1, FLOAT32)
    bias: Array | None = array(2, FLOAT32)
    quan_parameter: IDSTQuan | None = table(3, IDSTQuan)
    symmetric_quan: QuantizedFloatParam | None = table(4, QuantizedFloatParam)
    sparse_parameter: SparseCommon | None = table(5, SparseCommon)
    external: Sequence[int] | None = vector(6, INT64)


class Convolution3DCommon(Table):
    dilates: Sequence[int] | None = vector(0, INT32)
    strides: Sequence[int] | None = vector(1, INT32)
    kernels: Sequence[int] | None = vector(2, INT32)
    pads: Sequence[int] | None = vector(3, INT32)
    pad_mode: PadMode = enum(4, PadMode.CAFFE)
    input_count: int = scalar(5, INT32)
    output_count: int = scalar(6, INT32)
    relu: bool = scalar(7, BOOL)
    relu6: bool = scalar(8, BOOL)
    group: int = scalar(9, INT32, 1)
    out_pads: Sequence[int] | None = vector(10, INT32)
    has_output_shape: bool = scalar(11, BOOL)


class Convolution3D(Table):
    common: Convolution3DCommon | None = table(0, Convolution3DCommon)
    weight: Array | None = array(1, FLOAT32)
    bias: Array | None = array(2, FLOAT32)
    external: Sequence[int] | None = vector(3, INT64)


class Pool(Table):
    pad_x: int = scalar(0, INT32)
    pad_y: int = scalar(1, INT32)
    is_global: bool = scalar(2, BOOL)
    kernel_x: int = scalar(3, INT32)
    kernel_y: int = scalar(4, INT32)
    stride_x: int = scalar(5, INT32)
    stride_y: int = scalar(6, INT32)
    type: PoolType = enum(7, PoolType.MAXPOOL)
    pad_type: PoolPadType = enum(8, PoolPadType.CAFFE)
    data_type: DataType = enum(9, DataType.FLOAT, INT32)
    ceil_model: bool = scalar(10, BOOL, True)
    pads: Sequence[int] | None = vector(11, INT32)
    count_type: AvgPoolCountType = enum(12, AvgPoolCountType.DEFAULT)


class Pool3D(Table):
    strides: Sequence[int] | None = vector(0, INT32)
    kernels: Sequence[int] | None = vector(1, INT32)
    pads: Sequence[int] | None = vector(2, INT32)
    type: PoolType = enum(3, PoolType.MAXPOOL)
    pad_type: PoolPadType = enum(4, PoolPadType.CAFFE)
    is_global: bool = scalar(5, BOOL)


class Relu(Table):
    slope: float = scalar(0, FLOAT32)


class Relu6(Table):
    min_value: float = scalar(0, FLOAT32)
    max_value: float = scalar(1, FLOAT32, 6.0)


class PRelu(Table):
    slope_count: int = scalar(0, INT32)
    slope: Array | None = array(1, FLOAT32)


class ELU(Table):
    alpha: float = scalar(0, FLOAT32)


class Selu(Table):
    scale: float = scalar(0, FLOAT32)
    alpha: float = scalar(1, FLOAT32)


class ArgMax(Table):
    out_max_val: int = scalar(0, INT32)
    top_k: int = scalar(1, INT32)
    axis: int = scalar(2, INT32)
    softmax_threshold: int = scalar(3, INT32)


class Axis(Table):
    axis: int = scalar(0, INT32)


class LRN(Table):
    region_type: int = scalar(0, INT32)
    local_size: int = scalar(1, INT32)
    alpha: float = scalar(2, FLOAT32)
    beta: float = scalar(3, FLOAT32)
    bias: float = scalar(4, FLOAT32, 1.0)


class Scale(Table):
    channels: int = scalar(0, INT32)
    scale_data: Array | None = array(1, FLOAT32)
    bias_data: Array | None = array(2, FLOAT32)
    external: Sequence[int] | None = vector(3, INT64)


class Input(Table):
    dims: Sequence[int] | None = vector(0, INT32)
    dtype: DataType = enum(1, DataType.FLOAT, INT32)
    dformat: DataFormat = enum(2, DataFormat.NC4HW4)


class Permute(Table):
    dims: Sequence[int] | None = vector(0, INT32)


class Reshape(Table):
    dims: Sequence[int] | None = vector(0, INT32)
    dim_type: DataFormat = enum(1, DataFormat.NCHW)


class Flatten(Table):
    axis: int = scalar(0, INT32)
    end_axis: int = scalar(1, INT32)


class Slice(Table):
    axis: int = scalar(0, INT32)
    slice_points: Sequence[int] | None = vector(1, INT32)
    source_type: NetSource = enum(2, NetSource.CAFFE)


class Interp(Table):
    width_scale: float = scalar(0, FLOAT32)
    height_scale: float = scalar(1, FLOAT32)
    output_width: int = scalar(2, INT32)
    output_height: int = scalar(3, INT32)
    resize_type: int = scalar(4, INT32)
    align_corners: bool = scalar(5, BOOL)
    half_pixel_centers: bool = scalar(6, BOOL)
    width_offset: float = scalar(7, FLOAT32)
    height_offset: float = scalar(8, FLOAT32)
    cubic_coeff_a: float = scalar(9, FLOAT32, -0.75)
    ctm: CoordinateTransformationMode = enum(10, CoordinateTransformationMode.NOT_SET)
    depth_scale: float = scalar(11, FLOAT32)
    output_depth: int = scalar(12, INT32)
    depth_offset: float = scalar(13, FLOAT32)


class CumSum(Table):
    exclusive: bool = scalar(0, BOOL)
    reverse: bool = scalar(1, BOOL)


class BinaryOp(Table):
    op_type: BinaryOperation = enum(0, BinaryOperation.ADD, INT32)
    t: DataType = enum(1, DataType.FLOAT, INT32)
    activation_type: int = scalar(2, INT32)


class UnaryOp(Table):
    op_type: UnaryOperation = enum(0, UnaryOperation.ABS, INT32)
    t: DataType = enum(1, DataType.INVALID, INT32)
    table_int8: Array | None = array(2, INT8)


class CastParam(Table):
    src_t: DataType = enum(0, DataType.INVALID, INT32)
    dst_t: DataType = enum(1, DataType.INVALID, INT32)


class PackParam(Table):
    data_type: DataType = enum(0, DataType.INVALID, INT32)
    axis: int = scalar(1, INT32)


class StridedSliceParam(Table):
    index: DataType = enum(0, DataType.INVALID, INT32)
    t: DataType = enum(1, DataType.INVALID, INT32)
    begin_mask: int = scalar(2, INT32)
    end_mask: int = scalar(3, INT32)
    ellipsis_mask: int = scalar(4, INT32)
    new_axis_mask: int = scalar(5, INT32)
    shrink_axis_mask: int = scalar(6, INT32)
    from_type: int = scalar(7, INT32)


class SqueezeParam(Table):
    squeeze_dims: Sequence[int] | None = vector(0, INT32)


class ExpandDims(Table):
    t: DataType = enum(0, DataType.INVALID, INT32)
    tdim: DataType = enum(1, DataType.INVALID, INT32)
    axis: int = scalar(2, INT32)


class ReductionParam(Table):
    operation: ReductionType = enum(0, ReductionType.SUM)
    dim: Sequence[int] | None = vector(1, INT32)
    coeff: float = scalar(2, FLOAT32)
    keep_dims: bool = scalar(3, BOOL)
    d_type: DataType = enum(4, DataType.FLOAT, INT32)


class TopKV2(Table):
    t: DataType = enum(0, DataType.FLOAT, INT32)
    sorted: bool = scalar(1, BOOL)
    largest: bool = scalar(2, BOOL, True)


class GatherV2(Table):
    taxis: DataType = enum(0, DataType.INVALID, INT32)
    tindices: DataType = enum(1, DataType.INVALID, INT32)
    tparams: DataType = enum(2, DataType.INVALID, INT32)


class Gather(Table):
    tindices: DataType = enum(0, DataType.INVALID, INT32)
    tparams: DataType = enum(1, DataType.INVALID, INT32)
    validate_indices: bool = scalar(2, BOOL)
    axis: int = scalar(3, INT32)


class Range(Table):
    tidx: DataType = enum(0, DataType.INVALID, INT32)


class Transpose(Table):
    tperm: DataType = enum(0, DataType.INVALID, INT32)


class SliceTf(Table):
    t: DataType = enum(0, DataType.INVALID, INT32)


class MatMul(Table):
    t: DataType = enum(0, DataType.INVALID, INT32)
    transpose_a: bool = scalar(1, BOOL)
    transpose_b: bool = scalar(2, BOOL)
    weight: Sequence[float] | None = vector(3, FLOAT32)
    bias: Sequence[float] | None = vector(4, FLOAT32)


class BatchMatMulParam(Table):
    adj_x: bool = scalar(0, BOOL)
    adj_y: bool = scalar(1, BOOL)


class OneHotParam(Table):
    d_type: DataType = enum(0, DataType.FLOAT, INT32)
    axis: int = scalar(1, INT32, -1)


class PadParam(Table):
    mode: PadValueMode = enum(0, PadValueMode.CONSTANT)


class LayerNorm(Table):
    axis: Sequence[int] | None = vector(0, INT32)
    epsilon: float = scalar(1, FLOAT32)
    gamma: Array | None = array(2, FLOAT32)
    beta: Array | None = array(3, FLOAT32)
    group: int = scalar(4, INT32, 1)
    external: Sequence[int] | None = vector(5, INT64)
    use_rms_norm: bool = scalar(6, BOOL)


class ReverseSequenceParam(Table):
    batch_dim: int = scalar(0, INT32)
    seq_dim: int = scalar(1, INT32)


class TensorConvertInfo(Table):
    source: DataFormat = enum(0, DataFormat.NCHW)
    dest: DataFormat = enum(1, DataFormat.NCHW)


class StringVec(Table):
    data: Sequence[str] | None = strings(0)


class WhileParam(Table):
    cond_graph: str | None = string(0)
    body_graph: str | None = string(1)
    aliases_inputs: Sequence[StringVec] | None = tables(2, StringVec)
    aliases_outputs: Sequence[str] | None = strings(3)
    aliases_updates: Sequence[StringVec] | None = tables(4, StringVec)


class IfParam(Table):
    then_graph: str | None = string(0)
    else_graph: str | None = string(1)
    aliases_inputs: Sequence[StringVec] | None = tables(2, StringVec)
    aliases_outputs: Sequence[StringVec] | None = tables(3, StringVec)


class RNNParam(Table):
    num_units: int = scalar(0, INT32)
    is_bidirectional_rnn: bool = scalar(1, BOOL)
    linear_before_reset: bool = scalar(2, BOOL)
    keep_all_outputs: bool = scalar(3, BOOL)
    fw_gate_weight: Blob | None = table(4, Blob)
    fw_gate_bias: Blob | None = table(5, Blob)
    fw_candidate_weight: Blob | None = table(6, Blob)
    fw_candidate_bias: Blob | None = table(7, Blob)
    fw_recurrent_bias: Blob | None = table(8, Blob)
    bw_gate_weight: Blob | None = table(9, Blob)
    bw_gate_bias: Blob | None = table(10, Blob)
    bw_candidate_weight: Blob | None = table(11, Blob)
    bw_candidate_bias: Blob | None = table(12, Blob)
    bw_recurrent_bias: Blob | None = table(13, Blob)


class LSTM(Table):
    output_count: int = scalar(0, INT32)
    weight_size: int = scalar(1, INT32)
    clipping_threshold: float = scalar(2, FLOAT32)
    weight_i: Blob | None = table(3, Blob)
    weight_h: Blob | None = table(4, Blob)
    bias: Blob | None = table(5, Blob)
    weight_iq: Blob | None = table(6, Blob)
    weight_ia: Blob | None = table(7, Blob)
    quant_scale: float = scalar(8, FLOAT32)


class Extra(Table):
    type: str | None = string(0)
    engine: str | None = string(1)
    info: Sequence[int] | None = vector(2, INT8)
    vector: bool = scalar(4, BOOL)


PARAMETERS: Mapping[int, type[Table]] = {
    2: ArgMax,
    4: Axis,
    6: BinaryOp,
    7: Blob,
    8: CastParam,
    9: Convolution2D,
    15: ExpandDims,
    17: Flatten,
    18: Gather,
    19: GatherV2,
    21: Input,
    22: Interp,
    23: LRN,
    24: LSTM,
    25: MatMul,
    28: PackParam,
    29: Permute,
    31: Pool,
    32: PRelu,
    47: Range,
    50: ReductionParam,
    51: Relu,
    52: Relu6,
    55: Reshape,
    58: Scale,
    59: Selu,
    61: Slice,
    62: SliceTf,
    64: SqueezeParam,
    65: StridedSliceParam,
    66: TensorConvertInfo,
    68: TopKV2,
    69: Transpose,
    70: UnaryOp,
    72: RNNParam,
    73: BatchMatMulParam,
    74: QuantizedFloatParam,
    77: ReverseSequenceParam,
    78: Extra,
    79: Pool3D,
    80: Convolution3D,
    81: ELU,
    83: OneHotParam,
    84: PadParam,
    85: WhileParam,
    86: IfParam,
    88: LayerNorm,
    91: GridSample,
    94: CumSum,
}
"""The parameter tables by their tags in the union of `Op.main`."""
