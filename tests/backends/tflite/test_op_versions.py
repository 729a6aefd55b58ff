"""Versions of operators. The numbers are those of the runtime's versioning table."""

import pytest

from glmir.backends.flatbuffer import Table
from glmir.backends.tflite import schema_options as options
from glmir.backends.tflite.op_versions import RULES, op_version
from glmir.backends.tflite.schema import QuantizationParameters, SparsityParameters, Tensor
from glmir.backends.tflite.schema_enums import ActivationFunctionType
from glmir.backends.tflite.schema_enums import BuiltinOperator as Op
from glmir.backends.tflite.schema_enums import TensorType as Type

SCALE = QuantizationParameters(scale=[0.5], zero_point=[0])
SCALES = QuantizationParameters(scale=[0.5] * 8, zero_point=[0] * 8)


def tensor(kind: Type = Type.FLOAT32, *shape: int, quantization: QuantizationParameters | None = None) -> Tensor:
    return Tensor(type=kind, shape=shape or (1, 4, 4, 8), quantization=quantization)


F32, F16, BF16 = tensor(), tensor(Type.FLOAT16), tensor(Type.BFLOAT16)
I8, I16, I32, I64 = (tensor(kind) for kind in (Type.INT8, Type.INT16, Type.INT32, Type.INT64))
U8, U32, I4, BOOL = tensor(Type.UINT8), tensor(Type.UINT32), tensor(Type.INT4), tensor(Type.BOOL)
Q8, Q16 = tensor(Type.INT8, quantization=SCALE), tensor(Type.INT16, quantization=SCALE)
RANK_5, RANK_6, RANK_7 = (tensor(Type.FLOAT32, *[2] * rank) for rank in (5, 6, 7))
DENSE, DENSE_I8, DENSE_I4 = (tensor(kind, 8, 4) for kind in (Type.FLOAT32, Type.INT8, Type.INT4))
DENSE_PER_CHANNEL = tensor(Type.INT8, 8, 4, quantization=SCALES)
KERNEL, KERNEL_I8, KERNEL_I4 = (tensor(kind, 8, 3, 3, 8) for kind in (Type.FLOAT32, Type.INT8, Type.INT4))
KERNEL_PER_CHANNEL = tensor(Type.INT8, 8, 3, 3, 8, quantization=SCALES)
SPARSE = Tensor(shape=(8, 4), sparsity=SparsityParameters())
CONV, DENSE_OPTIONS = options.Conv2DOptions(), options.FullyConnectedOptions()

CASES: list[tuple[Op, list[Tensor | None], list[Tensor | None], Table | None, int]] = [
    (Op.ABS, [F32], [F32], None, 1),
    (Op.ABS, [I32], [I32], None, 5),
    (Op.ABS, [Q16], [Q16], None, 3),
    (Op.ABS, [I16], [I16], None, 4),
    (Op.ADD, [F32, F32], [F32], options.AddOptions(), 1),
    (Op.ADD, [I32, I32], [I32], options.AddOptions(), 1),
    (Op.ADD, [I64, I64], [I64], options.AddOptions(), 4),
    (Op.ADD, [Q8, Q8], [Q8], options.AddOptions(), 2),
    (Op.ADD, [Q16, Q16], [Q16], options.AddOptions(), 1),
    (Op.ADD, [Q16, Q16], [Q16], options.AddOptions(pot_scale_int16=False), 3),
    (Op.ADD, [F16, F16], [F16], options.AddOptions(), 6),
    (Op.BATCH_MATMUL, [F32, I8], [F32], options.BatchMatMulOptions(asymmetric_quantize_inputs=True), 4),
    (Op.BATCH_TO_SPACE_ND, [F32, I32, I32], [F32], None, 1),
    (Op.BATCH_TO_SPACE_ND, [tensor(Type.FLOAT32, 2, 3, 4), I32, I32], [F32], None, 3),
    (Op.BROADCAST_TO, [F32, I32], [F32], None, 2),
    (Op.BROADCAST_TO, [I8, I32], [I8], None, 3),
    (Op.CAST, [I32], [F32], options.CastOptions(), 1),
    (Op.CAST, [F32], [U32], options.CastOptions(), 2),
    (Op.CAST, [I8], [F32], options.CastOptions(), 3),
    (Op.CAST, [F32], [F16], options.CastOptions(), 5),
    (Op.CAST, [I4], [F32], options.CastOptions(), 6),
    (Op.CAST, [BF16], [F32], options.CastOptions(), 7),
    (Op.CONV_2D, [F32, KERNEL, None], [F32], CONV, 1),
    (Op.CONV_2D, [I8, KERNEL_I8, I32], [I8], CONV, 3),
    (Op.CONV_2D, [I16, KERNEL_I8, I64], [I16], CONV, 4),
    (Op.CONV_2D, [I16, KERNEL_I8, I32], [I16], options.Conv2DOptions(quantized_bias_type=Type.INT32), 8),
    (Op.CONV_2D, [I8, KERNEL_I4, I32], [I8], CONV, 7),
    (Op.CONV_2D, [F32, KERNEL_I8, F32], [F32], CONV, 2),
    (Op.CONV_2D, [F32, KERNEL_PER_CHANNEL, F32], [F32], CONV, 5),
    (Op.CONV_2D, [F32, tensor(Type.FLOAT32, 8, 3, 3, 4), None], [F32], CONV, 6),
    (Op.DEPTHWISE_CONV_2D, [F32, F32, F32], [F32], options.DepthwiseConv2DOptions(), 1),
    (Op.DEPTHWISE_CONV_2D, [F32, F32, F32], [F32], options.DepthwiseConv2DOptions(dilation_h_factor=2), 2),
    (Op.DEPTHWISE_CONV_2D, [F32, KERNEL_PER_CHANNEL, F32], [F32], options.DepthwiseConv2DOptions(), 6),
    (Op.DEQUANTIZE, [F16], [F32], None, 3),
    (Op.DEQUANTIZE, [Q8], [F32], None, 2),
    (Op.DEQUANTIZE, [KERNEL_PER_CHANNEL], [F32], None, 5),
    (Op.DIV, [F32, F32], [F32], options.DivOptions(), 1),
    (Op.DIV, [RANK_5, F32], [RANK_5], options.DivOptions(), 2),
    (Op.DIV, [RANK_5, RANK_5], [RANK_5], options.DivOptions(), 1),
    (Op.EQUAL, [I64, I64], [BOOL], None, 1),
    (Op.FILL, [I32, BOOL], [BOOL], None, 2),
    (Op.FLOOR_DIV, [F32, F32], [F32], None, 2),
    (Op.FULLY_CONNECTED, [F32, DENSE, F32], [F32], DENSE_OPTIONS, 1),
    (Op.FULLY_CONNECTED, [F32, DENSE, None], [F32], DENSE_OPTIONS, 1),
    (Op.FULLY_CONNECTED, [F32, DENSE], [F32], DENSE_OPTIONS, 6),
    (Op.FULLY_CONNECTED, [F32, DENSE, F32], [F32], options.FullyConnectedOptions(keep_num_dims=True), 5),
    (Op.FULLY_CONNECTED, [I8, DENSE_I8, I32], [I8], DENSE_OPTIONS, 4),
    (Op.FULLY_CONNECTED, [I8, DENSE_I4, I32], [I8], DENSE_OPTIONS, 10),
    (Op.FULLY_CONNECTED, [F32, DENSE_I8, F32], [F32], DENSE_OPTIONS, 3),
    (Op.FULLY_CONNECTED, [F32, DENSE_PER_CHANNEL, F32], [F32], DENSE_OPTIONS, 12),
    (Op.FULLY_CONNECTED, [F32, SPARSE, F32], [F32], DENSE_OPTIONS, 8),
    (Op.GATHER, [F32, I32], [F32], options.GatherOptions(axis=1), 1),
    (Op.GATHER, [F32, I32], [F32], options.GatherOptions(batch_dims=1), 5),
    (Op.GATHER, [BOOL, I32], [BOOL], options.GatherOptions(), 3),
    (Op.HARD_SWISH, [F32], [F32], None, 1),
    (Op.MAXIMUM, [F32, F32], [F32], None, 1),
    (Op.MAXIMUM, [RANK_5, F32], [RANK_5], None, 3),
    (Op.MAX_POOL_2D, [I8], [I8], options.Pool2DOptions(), 2),
    (Op.MUL, [I64, I64], [I64], options.MulOptions(), 5),
    (Op.MUL, [Q8, Q8], [Q8], options.MulOptions(), 2),
    (Op.MUL, [Q8, Q8], [tensor(Type.INT8, quantization=QuantizationParameters(scale=[0.25]))], None, 3),
    (Op.MUL, [Q16, Q16], [Q16], options.MulOptions(), 4),
    (Op.MUL, [I16, I16], [I16], options.MulOptions(), 7),
    (Op.PAD, [F32, I32], [F32], None, 1),
    (Op.PAD, [RANK_5, I32], [RANK_5], None, 4),
    (Op.QUANTIZE, [F32], [Q8], None, 1),
    (Op.QUANTIZE, [F32], [KERNEL_PER_CHANNEL], None, 3),
    (Op.RESIZE_BILINEAR, [F32, I32], [F32], options.ResizeBilinearOptions(align_corners=True), 1),
    (Op.RESIZE_BILINEAR, [F32, I32], [F32], options.ResizeBilinearOptions(half_pixel_centers=True), 3),
    (Op.RESIZE_NEAREST_NEIGHBOR, [F32, I32], [F32], options.ResizeNearestNeighborOptions(align_corners=True), 3),
    (Op.SELECT, [BOOL, F32, F32], [F32], None, 1),
    (Op.SELECT, [BOOL, RANK_5, F32], [RANK_5], None, 3),
    (Op.SOFTMAX, [U8], [U8], options.SoftmaxOptions(), 1),
    (Op.SPLIT, [I32, F32], [F32, F32], options.SplitOptions(), 1),
    (Op.SPLIT, [I32, I32], [I32, I32], options.SplitOptions(), 3),
    (Op.STRIDED_SLICE, [F32, I32, I32, I32], [F32], options.StridedSliceOptions(), 1),
    (Op.STRIDED_SLICE, [RANK_5, I32, I32, I32], [F32], options.StridedSliceOptions(), 4),
    (Op.STRIDED_SLICE, [F32, I32, I32, I32], [F32], options.StridedSliceOptions(new_axis_mask=1), 6),
    (Op.SUB, [I64, I64], [I64], options.SubOptions(), 4),
    (Op.SUB, [RANK_5, F32], [RANK_5], options.SubOptions(), 3),
    (Op.TRANSPOSE, [F32, I32], [F32], None, 1),
    (Op.TRANSPOSE, [RANK_5, I32], [RANK_5], None, 4),
    (Op.TRANSPOSE, [RANK_6, I32], [RANK_6], None, 6),
    (Op.TRANSPOSE, [RANK_7, I32], [RANK_7], None, 8),
    (Op.TRANSPOSE, [BOOL, I32], [BOOL], None, 3),
    (Op.TRANSPOSE_CONV, [I32, KERNEL, F32], [F32], options.TransposeConvOptions(), 1),
    (Op.TRANSPOSE_CONV, [I32, KERNEL, F32, F32], [F32], options.TransposeConvOptions(), 3),
    (
        Op.TRANSPOSE_CONV,
        [I32, KERNEL, F32, F32],
        [F32],
        options.TransposeConvOptions(fused_activation_function=ActivationFunctionType.RELU),
        4,
    ),
    (Op.WHERE, [BOOL], [I64], None, 1),
    (Op.WHERE, [F32], [I64], None, 2),
]


@pytest.mark.parametrize(("operator", "inputs", "outputs", "table", "version"), CASES)
def test_version(
    operator: Op, inputs: list[Tensor | None], outputs: list[Tensor | None], table: Table | None, version: int
) -> None:
    assert op_version(operator, inputs, outputs, table) == version


@pytest.mark.parametrize("operator", list(Op))
def test_every_operator_has_a_version_for_any_operands(operator: Op) -> None:
    assert op_version(operator, [], [], None) in {1, 2, 3}
    assert op_version(operator, [None, F32, None], [None], None) >= 1


def test_no_rule_is_about_version_1() -> None:
    for rules in RULES.values():
        assert all(rule[0] >= 2 for rule in rules)
