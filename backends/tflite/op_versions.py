"""The version of an operator: the lowest that expresses it, so that the oldest runtime that can run a file does.

The rules state what the runtime's own versioning table says (`tools/versioning/op_version.cc` of LiteRT). They are
tried in the order listed and the first that holds gives the version; an operator without rules, and one for which none
holds, is version 1. A rule is a number and one condition, or two that must both hold.

On purpose these differ: int16 activations with int8 weights are version 4 of CONV_2D, 5 of DEPTHWISE_CONV_2D and 7 of
FULLY_CONNECTED. The table asks for int16 weights there, which no kernel takes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..flatbuffer import Table
from . import schema_options as options
from .schema import Tensor
from .schema_enums import BuiltinOperator as Op
from .schema_enums import FullyConnectedOptionsWeightsFormat, LSTMKernelType
from .schema_enums import TensorType as Type


@dataclass(frozen=True)
class Signature:
    """What the rules look at. An optional operand that is not given is None."""

    inputs: Sequence[Tensor | None]
    outputs: Sequence[Tensor | None]
    options: Table | None


Condition = Callable[[Signature], bool]
Rule = tuple[int, Condition] | tuple[int, Condition, Condition]


def op_version(
    operator: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor | None], options: Table | None = None
) -> int:
    """The lowest version of `operator` that takes these operands and options.

    Looked at are the tensors' type, shape, quantization and sparsity; an optional input that is not given is None.
    `options` is the operator's table of either union, None where it has none.
    """
    signature = Signature(inputs, outputs, options)
    for version, *conditions in RULES.get(operator, ()):
        if all(condition(signature) for condition in conditions):
            return version
    return 1


# Operands. An absent one has no type, so that no rule about it holds.


def _operand(tensors: Sequence[Tensor | None], index: int) -> Tensor | None:
    return tensors[index] if index < len(tensors) else None


def _has_type(tensors: Sequence[Tensor | None], index: int, types: Sequence[Type]) -> bool:
    tensor = _operand(tensors, index)
    return tensor is not None and tensor.type in types


def _rank(tensor: Tensor | None) -> int:
    return 0 if tensor is None else len(tensor.shape or ())


def _dim(tensor: Tensor | None, axis: int) -> int | None:
    shape = () if tensor is None else tensor.shape or ()
    return shape[axis] if -len(shape) <= axis < len(shape) else None


def _scales(tensor: Tensor | None) -> Sequence[float]:
    return () if tensor is None or tensor.quantization is None else tensor.quantization.scale or ()


# Conditions.


def _input(*types: Type, at: int = 0) -> Condition:
    return lambda signature: _has_type(signature.inputs, at, types)


def _output(*types: Type, at: int = 0) -> Condition:
    return lambda signature: _has_type(signature.outputs, at, types)


def _either(*types: Type) -> Condition:
    return lambda signature: _has_type(signature.inputs, 0, types) or _has_type(signature.outputs, 0, types)


def _types(first: Type, weight: Type, output: Type, *, weight_at: int = 1) -> Condition:
    def condition(signature: Signature) -> bool:
        return (
            _has_type(signature.inputs, 0, [first])
            and _has_type(signature.inputs, weight_at, [weight])
            and _has_type(signature.outputs, 0, [output])
        )

    return condition


def _always(_: Signature) -> bool:
    return True


def _int16_to_int16(signature: Signature) -> bool:
    return _has_type(signature.inputs, 0, [Type.INT16]) and _has_type(signature.outputs, 0, [Type.INT16])


def _hybrid(weight_at: int = 1) -> Condition:
    """Float activations, int8 weights."""
    return _types(Type.FLOAT32, Type.INT8, Type.FLOAT32, weight_at=weight_at)


def _input_rank_over(rank: int) -> Condition:
    return lambda signature: _rank(_operand(signature.inputs, 0)) > rank


def _broadcasts_over_rank_4(signature: Signature) -> bool:
    shapes = [list(tensor.shape or ()) for tensor in signature.inputs if tensor is not None]
    return len(shapes) == 2 and shapes[0] != shapes[1] and max(map(len, shapes)) > 4


def _is_quantized(signature: Signature) -> bool:
    return any(tensor is not None and tensor.quantization is not None for tensor in signature.inputs)


def _is_plain(signature: Signature) -> bool:
    return not _is_quantized(signature)


def _per_channel(index: int, axis: int) -> Condition:
    """The weight at `index` has a scale for each of its elements along `axis`."""

    def condition(signature: Signature) -> bool:
        weight = _operand(signature.inputs, index)
        scales = _scales(weight)
        return len(scales) > 0 and len(scales) == _dim(weight, axis)

    return condition


def _is_blockwise(signature: Signature) -> bool:
    weight = _operand(signature.inputs, 1)
    return weight is not None and weight.quantization is not None and weight.quantization.details is not None


def _has_many_scales(tensor: Tensor | None) -> bool:
    return len(_scales(tensor)) > 1


def _option(name: str, *values: object) -> Condition:
    """The option is one of `values`; without values: it is set, that is neither zero nor false."""

    def condition(signature: Signature) -> bool:
        value: object = getattr(signature.options, name, None)
        return value in values if values else bool(value)

    return condition


def _is_dilated(signature: Signature) -> bool:
    match signature.options:
        case options.DepthwiseConv2DOptions(dilation_w_factor=width, dilation_h_factor=height):
            return width != 1 or height != 1
    return False


def _is_grouped(signature: Signature) -> bool:
    channels, weight_channels = (_dim(_operand(signature.inputs, index), 3) for index in (0, 1))
    return channels is not None and channels != weight_channels


def _rescales_up(signature: Signature) -> bool:
    """A product of quantized values whose output scale is not larger than the product of the input scales."""
    left, right = (_scales(_operand(signature.inputs, index)) for index in (0, 1))
    product = _scales(_operand(signature.outputs, 0))
    return len(left) > 0 and len(right) > 0 and len(product) > 0 and left[0] * right[0] >= product[0]


def _is_sparse(signature: Signature) -> bool:
    weight = _operand(signature.inputs, 1)
    return weight is not None and weight.sparsity is not None


def _without_bias(signature: Signature) -> bool:
    return len(signature.inputs) == 2


_FLOAT8 = (Type.FLOAT8_E4M3FN, Type.FLOAT8_E5M2)
_INT8_FROM_2: tuple[Rule, ...] = ((2, _input(Type.INT8)),)
_INT8_FROM_2_INT16_FROM_3: tuple[Rule, ...] = ((3, _input(Type.INT16)), (2, _input(Type.INT8)))
_RECURRENT: tuple[Rule, ...] = ((3, _hybrid(), _option("asymmetric_quantize_inputs")), (2, _hybrid()))
_EXTREMUM: tuple[Rule, ...] = ((4, _int16_to_int16), (3, _broadcasts_over_rank_4), (2, _input(Type.INT8)))
_PAD: tuple[Rule, ...] = (
    (6, _input(*_FLOAT8)),
    (5, _input(Type.BOOL)),
    (4, _input_rank_over(4)),
    (3, _input(Type.INT16)),
    (2, _input(Type.INT8)),
)

RULES: Mapping[Op, Sequence[Rule]] = {
    Op.ABS: (
        (5, _input(Type.INT32)),
        (3, _input(Type.INT16), _is_quantized),
        (4, _input(Type.INT16)),
        (2, _input(Type.INT8, Type.UINT8)),
    ),
    Op.ADD: (
        (6, _input(Type.FLOAT16)),
        (5, _input(Type.INT16), _is_plain),
        (4, _input(Type.INT64)),
        (3, _int16_to_int16, _option("pot_scale_int16", False)),
        (2, _input(Type.INT8)),
    ),
    Op.ARG_MAX: ((3, _input(Type.BOOL)), (2, _input(Type.INT8))),
    Op.ARG_MIN: ((3, _input(Type.BOOL)), (2, _input(Type.INT8))),
    Op.AVERAGE_POOL_2D: _INT8_FROM_2_INT16_FROM_3,
    Op.BATCH_MATMUL: (
        (3, _input(Type.INT16)),
        (2, _input(Type.INT8)),
        (4, _hybrid(), _option("asymmetric_quantize_inputs")),
    ),
    Op.BATCH_TO_SPACE_ND: (
        (4, _input(Type.INT16)),
        (3, lambda signature: _rank(_operand(signature.inputs, 0)) != 4),
        (2, _input(Type.INT8)),
    ),
    Op.BIDIRECTIONAL_SEQUENCE_LSTM: _RECURRENT,
    Op.BIDIRECTIONAL_SEQUENCE_RNN: _RECURRENT,
    Op.BROADCAST_TO: ((4, _input(*_FLOAT8)), (3, _input(Type.INT8, Type.INT16)), (2, _always)),  # 1 was withdrawn
    Op.CAST: (
        (9, _either(*_FLOAT8)),
        (8, _either(Type.INT2, Type.UINT4)),
        (7, _either(Type.BFLOAT16)),
        (6, _input(Type.INT4), _output(Type.FLOAT32)),
        (5, _either(Type.FLOAT64, Type.FLOAT16)),
        (4, _either(Type.UINT16)),
        (3, _either(Type.INT8)),
        (2, _either(Type.UINT32)),
    ),
    Op.CONCATENATION: (
        (7, _input(*_FLOAT8)),
        (6, _input(Type.FLOAT16)),
        (5, _input(Type.INT4)),
        (4, _input(Type.UINT32)),
        *_INT8_FROM_2_INT16_FROM_3,
    ),
    Op.CONV_2D: (
        (8, _types(Type.INT16, Type.INT8, Type.INT16), _option("quantized_bias_type")),
        (6, _is_grouped),
        (4, _types(Type.INT16, Type.INT8, Type.INT16)),
        (3, _types(Type.INT8, Type.INT8, Type.INT8)),
        (7, _types(Type.INT8, Type.INT4, Type.INT8)),
        (5, _hybrid(), _per_channel(1, axis=0)),
        (2, _hybrid()),
    ),
    Op.COS: ((2, _input(Type.FLOAT16)),),
    Op.DEPTHWISE_CONV_2D: (
        (5, _types(Type.INT16, Type.INT8, Type.INT16)),
        (6, _hybrid(), _per_channel(1, axis=3)),
        (4, _hybrid()),
        (3, _types(Type.INT8, Type.INT8, Type.INT8)),
        (7, _types(Type.INT8, Type.INT4, Type.INT8)),
        (2, _is_dilated),
    ),
    Op.DEPTH_TO_SPACE: _INT8_FROM_2,
    Op.DEQUANTIZE: (
        (9, _input(*_FLOAT8)),
        (8, _input(Type.UINT4)),
        (7, _input(Type.INT2)),
        (6, _input(Type.INT4)),
        (3, _input(Type.INT16, Type.FLOAT16)),
        (5, _input(Type.INT8), lambda signature: _has_many_scales(_operand(signature.inputs, 0))),
        (2, _input(Type.INT8)),
    ),
    Op.DIV: ((2, _broadcasts_over_rank_4),),
    Op.DYNAMIC_UPDATE_SLICE: (
        (6, _input(Type.BFLOAT16)),
        (5, _input(Type.INT4)),
        (4, _input(Type.INT16)),
        (3, _input(Type.FLOAT16)),
        (2, _input(Type.INT64, at=2)),
    ),
    Op.EMBEDDING_LOOKUP: (
        (4, _input(Type.INT4, at=1)),
        (4, lambda signature: _has_many_scales(_operand(signature.inputs, 1))),
        (5, _input(Type.INT2, at=1)),
    ),
    Op.EQUAL: ((5, _input(Type.INT16)), (3, _input(Type.STRING)), (2, _input(Type.INT8))),
    Op.EXP: ((2, _input(Type.INT8, Type.INT16)),),
    Op.FAKE_QUANT: ((2, _option("narrow_range")),),
    Op.FILL: (
        (5, _input(*_FLOAT8, at=1)),
        (4, _input(Type.FLOAT16, at=1)),
        (3, _input(Type.INT8, Type.INT16, at=1)),
        (2, _input(Type.BOOL, Type.STRING, at=1)),
    ),
    Op.FLOOR_DIV: ((3, _input(Type.INT16, Type.INT8)), (2, _input(Type.FLOAT32))),
    Op.FLOOR_MOD: ((2, _input(Type.INT16, Type.INT8)),),
    Op.FULLY_CONNECTED: (
        (14, _input(Type.INT2, at=1)),
        (13, _types(Type.INT16, Type.INT4, Type.INT16)),
        (13, _types(Type.FLOAT32, Type.INT4, Type.FLOAT32), _is_blockwise),
        (12, _types(Type.FLOAT32, Type.INT4, Type.FLOAT32)),
        (12, _hybrid(), _per_channel(1, axis=0)),
        (11, _types(Type.INT16, Type.INT8, Type.INT16), _option("quantized_bias_type")),
        (8, _is_sparse),
        (7, _types(Type.INT16, Type.INT8, Type.INT16)),
        (6, _without_bias),
        (5, _option("keep_num_dims")),
        (4, _types(Type.INT8, Type.INT8, Type.INT8)),
        (10, _types(Type.INT8, Type.INT4, Type.INT8)),
        (9, _hybrid(), _option("asymmetric_quantize_inputs")),
        (3, _hybrid()),
        (2, _option("weights_format", FullyConnectedOptionsWeightsFormat.SHUFFLED4x16INT8)),
    ),
    Op.GATHER: (
        (8, _input(*_FLOAT8)),
        (7, _input(Type.INT4)),
        (6, _input(Type.INT16, at=1)),
        (5, _option("batch_dims")),
        (4, _input(Type.INT16)),
        (3, _input(Type.BOOL)),
        (2, _input(Type.INT8)),
    ),
    Op.GATHER_ND: (
        (6, _input(*_FLOAT8)),
        (5, _input(Type.BOOL)),
        (4, _input(Type.INT16, at=1)),
        (3, _input(Type.INT16)),
        (2, _input(Type.STRING)),
    ),
    Op.GELU: ((3, _input(Type.FLOAT16)), (2, _input(Type.INT8, Type.UINT8))),
    Op.GREATER: _INT8_FROM_2,
    Op.GREATER_EQUAL: _INT8_FROM_2_INT16_FROM_3,
    Op.L2_NORMALIZATION: ((2, _output(Type.INT8)),),
    Op.LEAKY_RELU: ((2, _input(Type.INT16)),),
    Op.LESS: _INT8_FROM_2_INT16_FROM_3,
    Op.LESS_EQUAL: _INT8_FROM_2,
    Op.LOG: ((2, _input(Type.INT8, Type.INT16)),),
    Op.LOGISTIC: _INT8_FROM_2_INT16_FROM_3,
    Op.LOG_SOFTMAX: _INT8_FROM_2,
    Op.LSTM: (
        (2, _option("kernel_type", LSTMKernelType.BASIC)),
        (5, _types(Type.INT16, Type.INT8, Type.INT16, weight_at=2)),
        (4, _hybrid(2), _option("asymmetric_quantize_inputs")),
        (3, _hybrid(2)),
    ),
    Op.MAXIMUM: _EXTREMUM,
    Op.MAX_POOL_2D: _INT8_FROM_2_INT16_FROM_3,
    Op.MEAN: _INT8_FROM_2_INT16_FROM_3,
    Op.MINIMUM: _EXTREMUM,
    Op.MIRROR_PAD: _INT8_FROM_2_INT16_FROM_3,
    Op.MUL: (
        (8, _input(Type.FLOAT16)),
        (7, _input(Type.INT16), _is_plain),
        (7, _input(Type.UINT32)),
        (6, _input(Type.COMPLEX64)),
        (5, _input(Type.INT64)),
        (4, _input(Type.INT16)),
        (3, _rescales_up),
        (2, _input(Type.INT8)),
    ),
    Op.NOT_EQUAL: ((4, _input(Type.INT16)), (3, _input(Type.STRING)), (2, _input(Type.INT8))),
    Op.PACK: ((5, _input(*_FLOAT8)), (2, _input(Type.INT8)), (3, _int16_to_int16), (4, _input(Type.UINT32))),
    Op.PAD: _PAD,
    Op.PADV2: _PAD,
    Op.QUANTIZE: (
        (5, _either(Type.UINT4)),
        (4, _either(Type.INT4)),
        (3, lambda signature: _has_many_scales(_operand(signature.outputs, 0))),
        (2, _output(Type.INT16)),
    ),
    Op.RANGE: ((2, _input(Type.INT64)),),
    Op.REDUCE_MAX: _INT8_FROM_2_INT16_FROM_3,
    Op.REDUCE_MIN: _INT8_FROM_2_INT16_FROM_3,
    Op.REDUCE_PROD: ((2, _input(Type.INT8, Type.INT16)),),
    Op.RELU: ((3, _input(Type.INT16)), (2, _input(Type.INT8, Type.UINT8))),
    Op.RELU6: _INT8_FROM_2_INT16_FROM_3,
    Op.RESIZE_BILINEAR: ((4, _input(Type.INT16)), (3, _option("half_pixel_centers")), (2, _input(Type.INT8))),
    Op.RESIZE_NEAREST_NEIGHBOR: (
        (4, _input(Type.INT16)),
        (3, _option("half_pixel_centers")),
        (3, _option("align_corners")),
        (2, _input(Type.INT8)),
    ),
    Op.REVERSE_V2: ((4, _input(*_FLOAT8)), (3, _input(Type.INT8)), (2, _input(Type.BOOL))),
    Op.RNN: _RECURRENT,
    Op.RSQRT: _INT8_FROM_2_INT16_FROM_3,
    Op.SELECT: (
        (4, _input(Type.UINT32)),
        (3, lambda signature: any(_rank(tensor) == 5 for tensor in signature.inputs)),
        (2, _input(Type.INT8)),
    ),
    Op.SELECT_V2: ((2, _input(Type.UINT32)),),
    Op.SIGN: ((2, _input(Type.INT32)),),
    Op.SIN: ((2, _input(Type.FLOAT16)),),
    Op.SLICE: (
        (8, _input(Type.FLOAT16)),
        (7, _input(Type.INT4)),
        (6, _input(Type.UINT32)),
        (5, _input_rank_over(4)),
        (4, _input(Type.INT16)),
        (3, _input(Type.STRING)),
        (2, _input(Type.INT8)),
    ),
    Op.SOFTMAX: ((4, _input(Type.FLOAT16)), *_INT8_FROM_2_INT16_FROM_3),
    Op.SPACE_TO_BATCH_ND: (
        (4, _input(Type.INT16)),
        (3, lambda signature: _rank(_operand(signature.inputs, 0)) != 4),
        (2, _input(Type.INT8)),
    ),
    Op.SPACE_TO_DEPTH: _INT8_FROM_2,
    Op.SPARSE_TO_DENSE: ((3, _input(Type.INT8, Type.UINT8, at=2)), (2, _input(Type.INT64, at=2))),
    Op.SPLIT: (
        (5, _input(*_FLOAT8, at=1)),
        (4, _input(Type.INT16, at=1)),
        (3, _input(Type.INT32, at=1)),
        (2, _input(Type.INT8, at=1)),
    ),
    Op.SPLIT_V: ((3, _input(*_FLOAT8)), (2, _input(Type.INT8))),
    Op.SQRT: ((2, _input(Type.INT8, Type.INT16)),),
    Op.SQUARED_DIFFERENCE: _INT8_FROM_2,
    Op.SQUEEZE: ((2, _input(Type.STRING)),),
    Op.STRIDED_SLICE: (
        (8, _option("offset")),
        (7, _input(Type.UINT32)),
        (6, _option("ellipsis_mask")),
        (6, _option("new_axis_mask")),
        (5, _input(Type.STRING)),
        (4, _input_rank_over(4)),
        (3, _input(Type.BOOL)),
        (2, _input(Type.INT8)),
    ),
    Op.SUB: (
        (5, _int16_to_int16, _option("pot_scale_int16", False)),
        (4, _input(Type.INT64)),
        (3, _broadcasts_over_rank_4),
        (2, _input(Type.INT8)),
    ),
    Op.SUM: _INT8_FROM_2,
    Op.SVDF: (
        (3, _input(Type.INT8)),
        (4, _hybrid(), _option("asymmetric_quantize_inputs")),
        (2, _hybrid()),
    ),
    Op.TANH: _INT8_FROM_2_INT16_FROM_3,
    Op.TILE: ((3, _input(Type.INT8)), (2, _input(Type.STRING))),
    Op.TOPK_V2: (
        (3, _input(Type.INT16)),
        (3, _input(Type.INT16, at=1)),
        (3, _output(Type.INT16, at=1)),
        (2, _input(Type.INT8)),
    ),
    Op.TRANSPOSE: (
        (9, _input(Type.FLOAT16)),
        (8, _input_rank_over(6)),
        (8, _input(Type.BFLOAT16)),
        (7, _input(Type.INT4)),
        (6, _input_rank_over(5)),
        (5, _input(Type.INT16)),
        (4, _input_rank_over(4)),
        (3, _input(Type.BOOL)),
        (2, _input(Type.INT8)),
    ),
    Op.TRANSPOSE_CONV: (
        (5, _types(Type.INT16, Type.INT8, Type.INT16), _option("quantized_bias_type")),
        (4, _option("fused_activation_function")),
        (3, lambda signature: _operand(signature.inputs, 3) is not None),
        (2, _input(Type.INT8, at=1)),
    ),
    Op.UNIDIRECTIONAL_SEQUENCE_LSTM: (
        (5, _types(Type.INT16, Type.INT8, Type.INT16, weight_at=2)),
        (4, _option("diagonal_recurrent_tensors")),
        (3, _hybrid(2), _option("asymmetric_quantize_inputs")),
        (2, _hybrid(2)),
    ),
    Op.UNIDIRECTIONAL_SEQUENCE_RNN: _RECURRENT,
    Op.UNPACK: (
        (6, _input(*_FLOAT8)),
        (2, _input(Type.INT8, Type.UINT8)),
        (3, _input(Type.BOOL)),
        (4, _int16_to_int16),
        (5, _input(Type.FLOAT16, Type.BFLOAT16)),
    ),
    Op.WHERE: ((2, lambda signature: not _has_type(signature.inputs, 0, [Type.BOOL])),),
}
