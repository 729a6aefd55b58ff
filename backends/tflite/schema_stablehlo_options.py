"""The option tables of TFLite's second union: the StableHLO operators and the newest builtin ones."""

from collections.abc import Mapping, Sequence

from ..flatbuffer import BOOL, INT32, INT64, UINT8, UINT32, Array, Table, array, enum, scalar, string, vector
from .schema_enums import (
    CustomOptionsFormat,
    ReduceWindowFunction,
    RngAlgorithm,
    StablehloComparisonDirection,
    StablehloComparisonType,
)


class StablehloConcatenateOptions(Table):
    dimension: int = scalar(0, INT64)


class StablehloBroadcastInDimOptions(Table):
    broadcast_dimensions: Sequence[int] | None = vector(0, INT64)


class StablehloSliceOptions(Table):
    start_indices: Sequence[int] | None = vector(0, INT64)
    limit_indices: Sequence[int] | None = vector(1, INT64)
    strides: Sequence[int] | None = vector(2, INT64)


class StablehloConvolutionOptions(Table):
    window_strides: Sequence[int] | None = vector(0, INT64)
    padding: Sequence[int] | None = vector(1, INT64)
    lhs_dilation: Sequence[int] | None = vector(2, INT64)
    rhs_dilation: Sequence[int] | None = vector(3, INT64)
    window_reversal: Sequence[bool] | None = vector(4, BOOL)
    input_batch_dimension: int = scalar(5, INT64)
    input_feature_dimension: int = scalar(6, INT64)
    input_spatial_dimensions: Sequence[int] | None = vector(7, INT64)
    kernel_input_feature_dimension: int = scalar(8, INT64)
    kernel_output_feature_dimension: int = scalar(9, INT64)
    kernel_spatial_dimensions: Sequence[int] | None = vector(10, INT64)
    output_batch_dimension: int = scalar(11, INT64)
    output_feature_dimension: int = scalar(12, INT64)
    output_spatial_dimensions: Sequence[int] | None = vector(13, INT64)
    feature_group_count: int = scalar(14, INT64)
    batch_group_count: int = scalar(15, INT64)
    precision_config: Sequence[int] | None = vector(16, UINT32)


class StablehloCustomCallOptions(Table):
    call_target_name: str | None = string(0)
    has_side_effect: bool = scalar(1, BOOL)
    backend_config: str | None = string(2)
    api_version: int = scalar(3, INT32)
    called_computations: Sequence[int] | None = vector(4, INT32)
    custom_attributes: Array | None = array(5, UINT8)


class StablehloReduceOptions(Table):
    dimensions: Sequence[int] | None = vector(0, INT64)
    body_subgraph_index: int = scalar(1, INT32)


class StablehloScatterOptions(Table):
    indices_are_sorted: bool = scalar(0, BOOL)
    update_window_dims: Sequence[int] | None = vector(1, INT64)
    inserted_window_dims: Sequence[int] | None = vector(2, INT64)
    scatter_dims_to_operand_dims: Sequence[int] | None = vector(3, INT64)
    index_vector_dim: int = scalar(4, INT64)
    unique_indices: bool = scalar(5, BOOL)
    update_computation_subgraph_index: int = scalar(6, INT32)


class StablehloCompareOptions(Table):
    comparison_direction: StablehloComparisonDirection = enum(
        0, StablehloComparisonDirection.STABLEHLO_COMPARISON_DIRECTION_EQ, UINT32
    )
    compare_type: StablehloComparisonType = enum(1, StablehloComparisonType.STABLEHLO_COMPARISON_TYPE_NOTYPE, UINT32)


class StablehloDynamicSliceOptions(Table):
    slice_sizes: Sequence[int] | None = vector(0, INT64)


class StablehloPadOptions(Table):
    edge_padding_low: Sequence[int] | None = vector(0, INT64)
    edge_padding_high: Sequence[int] | None = vector(1, INT64)
    interior_padding: Sequence[int] | None = vector(2, INT64)


class StablehloIotaOptions(Table):
    iota_dimension: int = scalar(0, INT64)


class StablehloDotGeneralOptions(Table):
    lhs_batching_dimensions: Sequence[int] | None = vector(0, INT64)
    rhs_batching_dimensions: Sequence[int] | None = vector(1, INT64)
    lhs_contracting_dimensions: Sequence[int] | None = vector(2, INT64)
    rhs_contracting_dimensions: Sequence[int] | None = vector(3, INT64)
    precision_config: Sequence[int] | None = vector(4, UINT32)


class StablehloReduceWindowOptions(Table):
    window_dimensions: Sequence[int] | None = vector(0, INT64)
    window_strides: Sequence[int] | None = vector(1, INT64)
    base_dilations: Sequence[int] | None = vector(2, INT64)
    window_dilations: Sequence[int] | None = vector(3, INT64)
    padding: Sequence[int] | None = vector(4, INT64)
    body_subgraph_index: int = scalar(5, INT32)


class StablehloSortOptions(Table):
    dimension: int = scalar(0, INT64)
    is_stable: bool = scalar(1, BOOL)
    comparator_subgraph_index: int = scalar(2, INT32)


class StablehloWhileOptions(Table):
    cond_subgraph_index: int = scalar(0, INT32)
    body_subgraph_index: int = scalar(1, INT32)


class StablehloGatherOptions(Table):
    offset_dims: Sequence[int] | None = vector(0, INT64)
    collapsed_slice_dims: Sequence[int] | None = vector(1, INT64)
    start_index_map: Sequence[int] | None = vector(2, INT64)
    index_vector_dim: int = scalar(3, INT64)
    slice_sizes: Sequence[int] | None = vector(4, INT64)
    indices_are_sorted: bool = scalar(5, BOOL)


class StablehloTransposeOptions(Table):
    permutation: Sequence[int] | None = vector(0, INT64)


class DilateOptions(Table): ...


class StablehloRngBitGeneratorOptions(Table):
    algorithm: RngAlgorithm = enum(0, RngAlgorithm.DEFAULT)


class ReduceWindowOptions(Table):
    reduce_function: ReduceWindowFunction = enum(0, ReduceWindowFunction.UNSUPPORTED, INT32)


class StableHLOCompositeOptions(Table):
    name: str | None = string(0)
    decomposition_subgraph_index: int = scalar(1, INT32)
    composite_attributes: Array | None = array(2, UINT8)
    composite_attributes_format: CustomOptionsFormat = enum(3, CustomOptionsFormat.FLEXBUFFERS)
    version: int = scalar(4, INT32)


class StablehloShiftLeftOptions(Table): ...


class StablehloCaseOptions(Table):
    branch_subgraph_indices: Sequence[int] | None = vector(0, INT32)


BUILTIN_OPTIONS_2: Mapping[int, type[Table]] = {
    1: StablehloConcatenateOptions,
    2: StablehloBroadcastInDimOptions,
    3: StablehloSliceOptions,
    4: StablehloConvolutionOptions,
    5: StablehloCustomCallOptions,
    6: StablehloReduceOptions,
    7: StablehloScatterOptions,
    8: StablehloCompareOptions,
    9: StablehloDynamicSliceOptions,
    10: StablehloPadOptions,
    11: StablehloIotaOptions,
    12: StablehloDotGeneralOptions,
    13: StablehloReduceWindowOptions,
    14: StablehloSortOptions,
    15: StablehloWhileOptions,
    16: StablehloGatherOptions,
    17: StablehloTransposeOptions,
    18: DilateOptions,
    19: StablehloRngBitGeneratorOptions,
    20: ReduceWindowOptions,
    21: StableHLOCompositeOptions,
    22: StablehloShiftLeftOptions,
    23: StablehloCaseOptions,
}
