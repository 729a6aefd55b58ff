"""What parameters each operator has, from which opset on, and which element types they may be of.

A row holds from its opset until a later row of the same operator. Of a parameter, `!` says that it has to be constant,
`?` that it may be left out; `=` that the reference calls it optional with a default, which the compiler demands all the
same. Then its element types; a capital and a colon before them tie parameters that must be of one type. `F` stands for
fp16 and fp32, `*` for any number of tensors, `any` for whatever there is.

Source: the operator classes (`InputSpec`, `default_inputs`) of Apple's converter, release 9.0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

_IOS15 = """
abs exp2 sign square: x F,i32
acos asin atan atanh ceil cos cosh erf exp floor relu relu6 round sigmoid silu sin sinh softplus softsign sqrt tan
    tanh: x F
add equal floor_div greater greater_equal less less_equal maximum minimum mod mul not_equal pow real_div sub: x
    T:F,i32; y T:F,i32
affine: x T:F; transform_matrix T:F; output_height! i32; output_width! i32; sampling_mode! str; padding_mode! str;
    padding_value! T:F; coordinates_mode! str; align_corners! bool
argsort: x F,i32; axis!= i32; ascending!= bool
avg_pool: exclude_padding_from_average!= bool; x F; kernel_sizes! i32; strides!= i32; pad_type! str; pad!= i32;
    ceil_mode!= bool
band_part: x F,i32,bool; lower!= i32; upper!= i32
batch_norm: x T:F; mean! T:F; variance! T:F; gamma!? T:F; beta!? T:F; epsilon!= T:F
batch_to_space: x F; block_shape! i32; crops! i32
cast: x F,i32,bool; dtype! str
clamped_relu clip linear_activation scaled_tanh sigmoid_hard softplus_parametric: x T:F; alpha! T:F; beta! T:F
classify: probabilities fp32; classes! list
concat: values *; axis! i32; interleave!= bool
cond: pred bool
conv: x T:F; weight T:F; bias!? T:F; strides!= i32; pad_type!= str; pad!= i32; dilations!= i32; groups!= i32
conv_transpose: x T:F; weight! T:F; bias!? T:F; pad!= i32; output_shape!? i32; pad_type!= str; strides!= i32;
    dilations!= i32; groups!= i32
crop: x F; crop_height! i32; crop_width! i32
crop_resize: x T:F; roi T:F; target_height!= i32; target_width!= i32; normalized_coordinates!= bool; spatial_scale!=
    fp32; box_coordinate_mode!= str; sampling_mode!= str
cumsum: x F,i32; axis!= i32; exclusive!= bool; reverse!= bool
depth_to_space space_to_depth: x F; block_size! i32
einsum: values *; equation! str
elu leaky_relu prelu thresholded_relu: x T:F; alpha! T:F
expand_dims: x F,i32,bool; axes! i32
fill: shape i32; value!= F,i32,bool
flatten2d: x F,i32,bool; axis!= i32
gather gather_along_axis: x F,i32; indices i32; axis!= i32
gather_nd: x F,i32; indices i32
gelu: x F; mode!= str
gru: x T:fp32; initial_h T:fp32; weight_ih! T:fp32; weight_hh! T:fp32; bias!? T:fp32; direction!= str;
    output_sequence!= bool; recurrent_activation!= str; activation!= str
identity: x any
instance_norm: x T:F; gamma!? T:F; beta!? T:F; epsilon!= T:F
inverse l2_norm log rsqrt: x T:F; epsilon!= T:F
l2_pool max_pool: x F; kernel_sizes! i32; strides!= i32; pad_type! str; pad!= i32; ceil_mode!= bool
layer_norm: x T:F; axes!= i32; gamma!? T:F; beta!? T:F; epsilon!= T:F
linear: x T:F,i32; weight! T:F,i32; bias!= T:F,i32
local_response_norm: x T:F; size! i32; alpha!= T:F; beta!= T:F; k!= T:F
logical_and logical_or logical_xor: x T:bool; y T:bool
logical_not: x bool
lstm: x T:fp32; initial_h T:fp32; initial_c T:fp32; weight_ih! T:fp32; weight_hh! T:fp32; bias!? T:fp32; peephole!?
    T:fp32; weight_ih_back!? T:fp32; weight_hh_back!? T:fp32; bias_back!? T:fp32; peephole_back!? T:fp32; direction!=
    str; output_sequence!= bool; recurrent_activation!= str; cell_activation!= str; activation!= str; clip!? T:fp32
matmul: x T:F,i32; y T:F,i32; transpose_x!= bool; transpose_y!= bool
non_maximum_suppression: boxes T:F; scores T:F; iou_threshold! T:F; score_threshold! T:F; max_boxes! i32;
    per_class_suppression!= bool
non_zero shape: x F,i32,bool
one_hot: indices i32; one_hot_vector_size i32; axis!= i32; on_value!= T:F,i32,bool; off_value!= T:F,i32,bool
pad: x T:F; pad i32; mode!= str; constant_val!= T:F
pixel_shuffle: x F; upscale_factor! i32
range_1d: end T:F,i32; start T:F,i32; step T:F,i32
reduce_argmax reduce_argmin: x F,i32; axis!= i32; keep_dims!= bool
reduce_l1_norm reduce_l2_norm reduce_log_sum reduce_log_sum_exp reduce_max reduce_mean reduce_min reduce_prod
    reduce_sum reduce_sum_square: x F,i32; axes!? i32; keep_dims!= bool
resample: x T:F; coordinates fp32,i32; sampling_mode! str; padding_mode! str; padding_value! T:F; coordinates_mode!
    str; align_corners! bool
reshape: x F,i32,bool; shape i32
resize_bilinear: x F; target_size_height!= i32; target_size_width!= i32; sampling_mode!= str
resize_nearest_neighbor: x F; target_size_height! i32; target_size_width! i32
reverse squeeze: x F,i32,bool; axes!? i32
reverse_sequence: x F,i32,bool; lengths i32; seq_axis!= i32; batch_axis!= i32
rnn: x T:fp32; initial_h T:fp32; weight_ih! T:fp32; weight_hh! T:fp32; bias!? T:fp32; direction!= str;
    output_sequence!= bool; activation!= str
scatter scatter_along_axis: data T:F,i32; indices i32; updates T:F,i32; axis!= i32; mode!= str
scatter_nd: data T:F,i32; indices i32; updates T:F,i32; mode!= str
select: cond bool; a T:F,i32,bool; b T:F,i32,bool
slice_by_index: x F,i32,bool; begin i32; end i32; stride!? i32; begin_mask!? bool; end_mask!? bool; squeeze_mask!?
    bool
slice_by_size: x F,i32,bool; begin i32; size i32
sliding_windows: x F,i32; axis! i32; size! i32; stride!= i32
softmax: x F; axis!= i32
space_to_batch: x F; block_shape! i32; paddings! i32
split: x F,i32,bool; num_splits!? i32; split_sizes!? i32; axis! i32
stack: values *; axis! i32
threshold: x T:F,i32; alpha! T:F,i32
tile: x F,i32,bool; reps i32
topk: x F,i32; k!= i32; axis!= i32; ascending!= bool
transpose: x F,i32,bool; perm! i32
upsample_bilinear: x F; scale_factor_height!= U:fp32,i32; scale_factor_width!= U:fp32,i32; align_corners!= bool
upsample_nearest_neighbor: x F; scale_factor_height!= U:fp32,i32; scale_factor_width!= U:fp32,i32
while_loop: loop_vars *
"""

_IOS16 = """
constexpr_affine_dequantize: quantized_data! i8,u8; zero_point! fp32,i8,u8; scale! F; axis! i32
constexpr_cast: source_val! fp16; output_dtype! str
constexpr_lut_to_dense: indices! u8; lut! F,i8,u8; shape! u32
constexpr_sparse_to_dense: nonzero_data! F,i8,u8; mask! u8; shape! u32
crop_resize: x T:F; roi T:F; target_height!= i32; target_width!= i32; normalized_coordinates!= bool; spatial_scale!=
    fp32; box_coordinate_mode!= str; sampling_mode!= str; pad_value!= T:F
fill_like: ref_tensor F,i32,bool; value!= F,i32,bool
gather: x F,i32; indices i16,u16,i32; axis!= i32; batch_dims!= i32
gather_along_axis: x F,i32; indices i16,u16,i32; axis!= i32
gather_nd: x F,i32; indices i16,u16,i32; batch_dims!= i32
pixel_unshuffle: x F; downscale_factor! u32
resample: x T:F; coordinates F,i32; sampling_mode! str; padding_mode! str; padding_value! T:F; coordinates_mode! str;
    align_corners! bool
reshape_like: x F,i32,bool; ref_tensors *; begins *; ends *; end_masks *
topk: x F,i32; k!= i32; axis!= i32; ascending!= bool; sort!= bool; return_indices!= bool
upsample_bilinear: x F; scale_factor_height!= U:fp32,i32; scale_factor_width!= U:fp32,i32; align_corners!= bool;
    half_pixel_centers!? bool
"""

_IOS17 = """
batch_norm: x F; mean! U:F; variance! U:F; gamma!? U:F; beta!? U:F; epsilon!= U:F
cast: x F,i8,u8,i16,u16,i32,bool; dtype! str
clamped_relu linear_activation scaled_tanh sigmoid_hard softplus_parametric: x F; alpha! U:F; beta! U:F
conv: x F; weight U:F; bias? U:F; strides!= i32; pad_type!= str; pad!= i32; dilations!= i32; groups!= i32
conv_transpose: x F; weight U:F; bias? U:F; pad!= i32; output_shape!? i32; pad_type!= str; strides!= i32; dilations!=
    i32; groups!= i32
crop_resize: x T:F; boxes F,u16; box_indices= u16,i32; target_height!= i32; target_width!= i32;
    normalized_coordinates!= bool; spatial_scale!= fp32; box_coordinate_mode!= str; sampling_mode!= str; pad_value!=
    T:F
dequantize: input SrcT:i8,u8; zero_point!? SrcT:i8,u8; scale! F; axis!? i32
elu leaky_relu prelu thresholded_relu: x F; alpha! F
expand_dims: x F,i8,u8,i16,u16,i32,bool; axes! i32
gather: x F,i8,u8,i16,u16,i32; indices i8,u8,i16,u16,i32; axis!= i32; batch_dims!= i32; validate_indices!= bool
gather_along_axis: x F,i8,u8,i16,u16,i32; indices i8,u8,i16,u16,i32; axis!= i32; validate_indices!= bool
gather_nd: x F,i8,u8,i16,u16,i32; indices i8,u8,i16,u16,i32; batch_dims!= i32; validate_indices!= bool
gru: x T:F; initial_h T:F; weight_ih! T:F; weight_hh! T:F; bias!? T:F; direction!= str; output_sequence!= bool;
    recurrent_activation!= str; activation!= str
instance_norm: x F; gamma!? U:F; beta!? U:F; epsilon!= U:F
inverse l2_norm log rsqrt: x F; epsilon!= F
layer_norm: x F; axes!= i32; gamma!? U:F; beta!? U:F; epsilon!= U:F
linear: x F,i32; weight! U:F,i32; bias!= U:F,i32
local_response_norm: x F; size! i32; alpha!= U:F; beta!= U:F; k!= U:F
lstm: x T:F; initial_h T:F; initial_c T:F; weight_ih! T:F; weight_hh! T:F; bias!? T:F; peephole!? T:F;
    weight_ih_back!? T:F; weight_hh_back!? T:F; bias_back!? T:F; peephole_back!? T:F; direction!= str;
    output_sequence!= bool; recurrent_activation!= str; cell_activation!= str; activation!= str; clip!? T:F
matmul: x F,i32; y F,i32; transpose_x!= bool; transpose_y!= bool
non_maximum_suppression: boxes T:F; scores T:F; iou_threshold! T:F; max_boxes! i32; per_class_suppression!= bool
quantize: input SrcT:F; zero_point!? i8,u8; scale! SrcT:F; axis!? i32; output_dtype! str
reduce_argmax reduce_argmin: x F,i32; axis!= i32; keep_dims!= bool; output_dtype!= str
resample: x T:F; coordinates F,i8,u8,i16,u16,i32; sampling_mode! str; padding_mode! str; padding_value! T:F;
    coordinates_mode! str; align_corners! bool
reshape: x F,i8,u8,i16,u16,i32,bool; shape i8,i16,i32
reshape_like: x F,i8,u8,i16,u16,i32,bool; ref_tensors *; begins *; ends *; end_masks *
resize: x F,i32; shape i16,u16,i32,u32; resized_dims! u32; interpolation_mode!= str; sampling_mode!= str
reverse squeeze: x F,i8,u8,i16,u16,i32,bool; axes!? i32
reverse_sequence: x F,i8,u8,i16,u16,i32,bool; lengths i8,i16,i32; seq_axis!= i32; batch_axis!= i32
rnn: x T:F; initial_h T:F; weight_ih! T:F; weight_hh! T:F; bias!? T:F; direction!= str; output_sequence!= bool;
    activation!= str
scatter scatter_along_axis: data T:F,i32; indices i32; updates T:F,i32; axis!= i32; mode!= str; validate_indices!=
    bool
scatter_nd: data T:F,i32; indices i32; updates T:F,i32; mode!= str; validate_indices!= bool
slice_by_index: x F,i8,u8,i16,u16,i32,bool; begin U:i8,i16,i32; end U:i8,i16,i32; stride!? U:i8,i16,i32; begin_mask!?
    bool; end_mask!? bool; squeeze_mask!? bool
slice_by_size: x F,i8,u8,i16,u16,i32,bool; begin U:i8,i16,i32; size U:i8,i16,i32
sliding_windows: x F,i8,u8,i16,u16,i32,bool; axis! i32; size! i32; stride!= i32
topk: x F,i8,u8,i16,u16,i32; k!= i8,i16,i32; axis!= i32; ascending!= bool; sort!= bool; return_indices!= bool;
    output_indices_dtype!= str
transpose: x F,i8,u8,i16,u16,i32,bool; perm! i32
"""

_IOS18 = """
constexpr_blockwise_shift_scale: data! F,i4,u4,i8,u8; scale! F; offset!? F,i4,u4,i8,u8
constexpr_lut_to_dense: indices! u1,u2,u3,u4,u6,u8; lut! F,i8,u8; vector_axis!? i32
constexpr_lut_to_sparse: indices_mask! u1; indices_nonzero_data! u1,u2,u3,u4,u6,u8; lut! F,i8,u8; vector_axis!? i32
constexpr_sparse_blockwise_shift_scale: data_mask! u1; nonzero_data! F,i4,u4,i8,u8; scale! F; offset!? F,i4,u4,i8,u8
constexpr_sparse_to_dense: nonzero_data! F,i4,u4,i8,u8; mask! u1
gru: x T:F; initial_h T:F; weight_ih! T:F; weight_hh! T:F; bias!? T:F; direction!= str; output_sequence!= bool;
    recurrent_activation!= str; activation!= str; reset_after!? bool; input_bias!? T:F
read_state: input state
scaled_dot_product_attention: query T:F; key T:F; value T:F; attn_mask? F,bool
slice_update: x T:F,i8,u8,i16,u16,i32,bool; update T:F,i8,u8,i16,u16,i32,bool; begin U:i8,i16,i32; end U:i8,i16,i32;
    stride!? U:i8,i16,i32; begin_mask!? bool; end_mask!? bool; squeeze_mask!? bool
write_state: input state; data F,i8,u8,i16,u16,i32,bool
"""

OPSETS: Mapping[str, int] = {"CoreML5": 15, "CoreML6": 16, "CoreML7": 17, "CoreML8": 18, "CoreML9": 26}
"""The release of iOS that brought an opset, by the name that functions give it."""

_ROWS: Mapping[int, str] = {15: _IOS15, 16: _IOS16, 17: _IOS17, 18: _IOS18}


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operator. ``types`` is empty for variadic ones and for those that take anything."""

    name: str
    types: frozenset[str]
    tie: str
    constant: bool
    required: bool
    variadic: bool


@cache
def signature(operator: str, opset: int) -> Mapping[str, Parameter] | None:
    """The parameters of an operator by name in that opset, None when it does not have the operator."""
    versions = [release for release in _table().get(operator, {}) if release <= opset]
    return _table()[operator][max(versions)] if versions else None


@cache
def _table() -> dict[str, dict[int, Mapping[str, Parameter]]]:
    table: dict[str, dict[int, Mapping[str, Parameter]]] = {}
    for release, text in _ROWS.items():
        for row in text.replace("\n    ", " ").strip().splitlines():
            names, _, parameters = row.partition(": ")
            parsed = [_parse(parameter) for parameter in parameters.split("; ")]
            for name in names.split():
                table.setdefault(name, {})[release] = {parameter.name: parameter for parameter in parsed}
    return table


def _parse(text: str) -> Parameter:
    name, types = text.split()
    tie, _, listed = types.rpartition(":")
    expanded: Sequence[str] = () if listed in ("*", "any") else listed.replace("F", "fp16,fp32").split(",")
    return Parameter(name.rstrip("!?="), frozenset(expanded), tie, "!" in name, "?" not in name, variadic=listed == "*")
