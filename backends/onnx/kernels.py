"""Which dtypes onnxruntime computes which operator on, by opset.

What the standard's operator allows and the CPU provider of onnxruntime 1.31 has a kernel for, as the runtime itself
lists them (``onnxruntime.capi.onnxruntime_pybind11_state.get_all_opkernel_def``). Half precision is here wherever the
standard allows it: the runtime casts around an operator that has no kernel for it. A test holds this against the
runtime that is installed.
"""

from collections.abc import Mapping

from ...types import DType
from .opsets import OLDEST_OPSET

_FLOATS = "f16 f32 f64"
_INTEGERS = "i8 u8 i16 u16 i32 u32 i64 u64"
_WIDE = "i32 u32 i64 u64"
_NUMBERS = f"{_INTEGERS} {_FLOATS}"
_ANY = f"bool {_NUMBERS}"

_Rows = tuple[tuple[int, str], ...]


def _since(opset: int, dtypes: str) -> tuple[int, str]:
    return opset, dtypes


def _always(dtypes: str) -> tuple[int, str]:
    return OLDEST_OPSET, dtypes


def _alike(operators: str, *rows: tuple[int, str]) -> dict[str, _Rows]:
    return dict.fromkeys(operators.split(), rows)


_KERNELS: dict[str, _Rows] = {
    **_alike("And Or Xor Not", _always("bool")),
    **_alike("Abs Mod Less Greater", _always(_NUMBERS)),
    **_alike("Equal", _always(_ANY)),
    **_alike("LessOrEqual GreaterOrEqual", _since(12, _NUMBERS)),
    **_alike("Sign", _always(_NUMBERS), _since(13, "bf16")),
    **_alike("Neg", _always(f"i8 i16 i32 i64 {_FLOATS}")),
    **_alike("Floor Ceil Round Exp Log Sqrt Reciprocal Sin Cos Tanh Sigmoid", _always(_FLOATS)),
    **_alike("Softmax LogSoftmax BatchNormalization Gemm", _always(_FLOATS)),
    **_alike("Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Erf", _always("f16 f32")),
    **_alike("Softplus Softsign LeakyRelu Elu Selu HardSigmoid PRelu", _always("f16 f32")),
    **_alike("Conv ConvTranspose AveragePool GlobalAveragePool InstanceNormalization LRN", _always("f16 f32")),
    **_alike("Celu", _since(12, "f32")),
    **_alike("HardSwish", _since(14, "f16 f32")),
    **_alike("Mish", _since(18, "f16 f32")),
    **_alike("Gelu", _since(20, "f16 f32")),
    # The runtime fuses Relu with Clip, and fails on other dtypes when it does.
    **_alike("Relu", _always("f16 f32")),
    **_alike("Clip", _always("f16 f32"), _since(12, "i8 u8 i32 u32 i64 u64 f64")),
    **_alike("IsNaN", _always(_FLOATS), _since(20, "bf16")),
    **_alike("IsInf", _always("f32 f64"), _since(20, "f16 bf16")),
    **_alike("Sum", _always(_FLOATS)),
    **_alike("Add Sub Mul Div", _always(f"{_WIDE} {_FLOATS}"), _since(14, "i8 u8 i16 u16")),
    **_alike("MatMul", _always(f"{_WIDE} {_FLOATS}")),
    **_alike("Pow", _always(_FLOATS), _since(12, "i32 i64")),
    **_alike("Max Min", _always(_FLOATS), _since(12, "i8 u8 i32 u32 i64 u64")),
    **_alike("BitwiseAnd BitwiseOr BitwiseXor BitwiseNot", _since(18, _INTEGERS)),
    **_alike("BitShift", _always("u8 u32 u64")),
    **_alike("ReduceSum ReduceMean ReduceProd", _always(f"i32 i64 {_FLOATS}")),
    **_alike("ReduceMax ReduceMin", _always(f"i32 i64 {_FLOATS}"), _since(12, "i8 u8"), _since(20, "bool")),
    **_alike("ArgMax ArgMin", _always(f"i8 u8 i32 i64 {_FLOATS}")),
    **_alike("CumSum", _always("i32 i64 f32 f64"), _since(14, "f16")),
    **_alike("TopK", _always(f"i8 u8 i16 i32 i64 {_FLOATS}")),
    **_alike("MaxPool", _always(_FLOATS), _since(12, "i8 u8")),
    **_alike("LayerNormalization", _since(17, f"bf16 {_FLOATS}")),
    **_alike("Attention", _since(23, "f16 f32")),
    **_alike("RMSNormalization", _since(23, _FLOATS)),
    **_alike("Resize", _always("i8 u8 i32 f16 f32")),
    **_alike("LSTM GRU", _always("f16 f32")),
    **_alike("RNN", _always("f16 f32")),
    **_alike("QuantizeLinear", _always("f32")),
    **_alike("DequantizeLinear", _always("i8 u8 i32"), _since(21, "i4 u4 i16 u16")),
    **_alike("DynamicQuantizeLinear", _since(11, "f32")),
    **_alike("MatMulInteger ConvInteger", _since(10, "i8 u8")),
    **_alike("Cast", _always(_ANY), _since(13, "bf16"), _since(21, "i4 u4")),
    **_alike("Transpose", _always(_ANY), _since(13, "bf16"), _since(21, "i4 u4")),
    **_alike("Reshape Concat Split Slice Shape Identity", _always(_ANY), _since(13, "bf16")),
    **_alike("Gather GatherElements GatherND ScatterElements ScatterND", _always(_ANY), _since(13, "bf16")),
    **_alike("Expand Tile", _always(_ANY)),
    **_alike("Pad", _always(f"i8 u8 i32 u32 i64 u64 {_FLOATS}"), _since(13, "bool")),
    **_alike("Range", _always("i16 i32 i64 f32 f64")),
    **_alike("Trilu", _since(14, f"bool i32 i64 {_FLOATS}")),
    **_alike("NonZero", _always("bool u8 i32 i64 f16 f32")),
    **_alike("DepthToSpace SpaceToDepth", _always(f"i8 u8 {_FLOATS}")),
    **_alike("Where", _always(f"i8 u8 i32 u32 i64 {_FLOATS}")),
    **_alike("OneHot", _always("i64 f16 f32")),
    **_alike("GridSample", _since(16, "f32"), _since(20, "f64")),
    **_alike("NonMaxSuppression", _since(10, "f32")),
}

KERNELS: Mapping[str, tuple[tuple[int, tuple[DType, ...]], ...]] = {
    operator: tuple((opset, tuple(map(DType, dtypes.split()))) for opset, dtypes in rows)
    for operator, rows in _KERNELS.items()
}
"""For each operator from which opset on it takes which further dtypes."""
