"""Quantized operators: pairs, products of integers, and what onnxruntime's quantizers write."""

import ml_dtypes
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from glmir.frontends.onnx.importer import import_model
from glmir.ops import quant

from .harness import Array, OneNode, check, op_names, reasons_of

MICROSOFT = "com.microsoft"
BYTES = [np.uint8, np.int8]

rng = np.random.default_rng(3)


def integers(dtype: type[np.integer], *shape: int) -> Array:
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


def scales(*shape: int, low: float = 0.01, high: float = 0.1) -> Array:
    return rng.uniform(low, high, shape).astype(np.float32)


def normal(*shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape).astype(np.float32)


def test_dequantize_gives_the_dtype_that_is_asked_for() -> None:
    x, scale = integers(np.int8, 2, 3), np.array(0.5, np.float16)
    check("DequantizeLinear", x, scale, opset=23, oracle="onnx", output_dtype=onnx.TensorProto.FLOAT)
    check("DequantizeLinear", x, scales(), opset=23, oracle="onnx", output_dtype=onnx.TensorProto.FLOAT16)


def test_quantize_divides_in_the_wider_dtype() -> None:
    x = np.array([0.1, 0.7, -3.0], np.float16)
    check("QuantizeLinear", x, scales(), np.array(3, np.int8), opset=23, oracle="onnx")


@pytest.mark.parametrize(("x", "y"), [(np.uint8, np.int8), (np.int8, np.int8), (np.uint8, np.uint8)])
def test_mat_mul_integer(x: type[np.integer], y: type[np.integer]) -> None:
    zeros = integers(x), integers(y, 5)
    check("MatMulInteger", integers(x, 2, 4, 9), integers(y, 9, 5), *zeros)
    check("MatMulInteger", integers(x, 4, 9), integers(y, 9, 5), constants=[1])
    check("MatMulInteger", integers(x, 9), integers(y, 9, 5), constants=[1], oracle="onnx")
    check("MatMulInteger", integers(x, 4, 9), integers(y, 9, 5), integers(x, 4, 1), oracle="onnx")


def test_conv_integer() -> None:
    x, w = integers(np.uint8, 1, 4, 6, 7), integers(np.int8, 4, 2, 3, 3)
    check("ConvInteger", x, w, integers(np.uint8), group=2, pads=[1, 1, 1, 1], strides=[2, 1])
    check("ConvInteger", x, w, integers(np.uint8), integers(np.int8, 4), constants=[1, 3], group=2, oracle="onnx")


def test_dynamic_quantize_linear() -> None:
    for x in (normal(3, 4), np.abs(normal(3, 4)) + 1, np.zeros((2, 2), np.float32)):
        check("DynamicQuantizeLinear", x, outputs=3)


def test_qlinear_conv() -> None:
    x = integers(np.uint8, 1, 4, 6, 7), scales(), integers(np.uint8)
    w = integers(np.int8, 4, 2, 3, 3), scales(4, high=0.02), np.zeros(4, np.int8)
    y = np.array(0.3, np.float32), np.array(100, np.uint8)
    bias = rng.integers(-999, 999, 4).astype(np.int32)
    module = check("QLinearConv", *x, *w, *y, bias, constants=range(1, 9), group=2)
    assert op_names(module).count("quant.dequantize") == 3
    last = np.moveaxis(x[0], 1, -1).copy()
    check("QLinearConv", last, *x[1:], *w, *y, None, domain=MICROSOFT, group=2, channels_last=1, constants=range(1, 8))


@pytest.mark.parametrize("scale_dtype", [np.float32, np.float16])
def test_qlinear_mat_mul(scale_dtype: type[np.floating]) -> None:
    a = integers(np.int8, 2, 4, 9), np.array(0.02, scale_dtype), integers(np.int8)
    b = integers(np.int8, 9, 5), scales(5).astype(scale_dtype), integers(np.int8, 5)
    y = np.array(2.5, scale_dtype), np.array(3, np.int8)
    check("QLinearMatMul", *a, *b, *y, opset=21, oracle="onnx")
    # Scales of rows.
    rows = a[0][0], scales(4).astype(scale_dtype), integers(np.int8, 4)
    module = import_model(OneNode("QLinearMatMul", (*rows, *b, *y), opset=21).model)
    assert any(isinstance(op, quant.Dequantize) and op.axis == 0 for op in module.main.ops)


@pytest.mark.parametrize("dtype", BYTES)
def test_elementwise_between_pairs(dtype: type[np.integer]) -> None:
    a, b = ((integers(dtype, *shape), scales(), integers(dtype)) for shape in ((2, 3, 4), (3, 1)))
    y = np.array(0.03, np.float32), np.array(17, dtype)
    for op_type in ("QLinearAdd", "QLinearMul"):
        check(op_type, *a, *b, *y, domain=MICROSOFT)
    check("QLinearLeakyRelu", *a, *y, domain=MICROSOFT, constants=[1, 2, 3, 4], alpha=0.2)
    check("QLinearSigmoid", *a, *y, domain=MICROSOFT, constants=[1, 2, 3, 4])
    check("QLinearConcat", *y, *a, *a, domain=MICROSOFT, constants=[0, 1, 3, 4, 6, 7], axis=-1)
    condition = rng.random((2, 3, 4)) < 0.5
    check("QLinearWhere", condition, *a, *b, *y, domain=MICROSOFT, constants=[2, 3, 5, 6, 7, 8])


def test_pools_between_pairs() -> None:
    x = integers(np.uint8, 1, 4, 6, 7), scales(), integers(np.uint8)
    last = np.moveaxis(x[0], 1, -1).copy()
    window: dict[str, object] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}
    check("NhwcMaxPool", last, domain=MICROSOFT, **window)
    window |= {"ceil_mode": 1, "count_include_pad": 1}
    # In its own scale nothing is rounded to the side of a half by a last bit.
    check("QLinearAveragePool", *x, *x[1:], domain=MICROSOFT, constants=[1, 2, 3, 4], **window)
    arguments = (last, *x[1:], *x[1:])
    check("QLinearGlobalAveragePool", *arguments, domain=MICROSOFT, constants=[1, 2, 3, 4], channels_last=1)


@pytest.mark.parametrize("has_float_result", [True, False])
def test_qgemm(has_float_result: bool) -> None:
    a, b = (
        (integers(np.uint8, 4, 9), scales(), integers(np.uint8)),
        (integers(np.int8, 5, 9), scales(5), np.zeros(5, np.int8)),
    )
    y = () if has_float_result else (np.array(2.0, np.float32), np.array(128, np.uint8))
    bias = rng.integers(-999, 999, 5).astype(np.int32)
    check("QGemm", *a, *b, bias, *y, domain=MICROSOFT, transB=1, alpha=0.5)


def test_products_of_what_is_quantized_at_run_time() -> None:
    b = integers(np.int8, 9, 5), scales(5), np.zeros(5, np.int8)
    check("DynamicQuantizeMatMul", normal(4, 9), *b, normal(5), domain=MICROSOFT, constants=[1, 2, 3, 4])
    a, zero = integers(np.uint8, 4, 9), integers(np.uint8)
    check("MatMulIntegerToFloat", a, b[0], scales(), b[1], zero, b[2], normal(5), domain=MICROSOFT)


def test_dynamic_quantize_lstm() -> None:
    """What the runtime rounds at every step is a hundredth of the result."""
    w, r = ((integers(np.int8, 1, n, 16), scales(1, low=1e-4, high=2e-4), np.zeros(1, np.int8)) for n in (5, 4))
    operands = [normal(3, 2, 5), w[0], r[0], normal(1, 32), None, None, None, None, *w[1:], *r[1:]]
    attributes = {"hidden_size": 4}
    constants = [1, 2, 3, 8, 9, 10, 11]
    check(
        "DynamicQuantizeLSTM",
        *operands,
        domain=MICROSOFT,
        constants=constants,
        outputs=3,
        tolerance="f16",
        **attributes,
    )


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("zeros", [None, np.uint8, np.float32])
def test_mat_mul_n_bits(bits: int, zeros: type[np.generic] | None) -> None:
    if bits == 8 and zeros is np.float32:
        pytest.skip("onnxruntime has no zero points in floats for 8 bits")
    points = None if zeros is None else integers(np.uint8, 5 * -(-5 * bits // 8))
    if zeros is np.float32:
        points = rng.uniform(0, 2**bits, 25).astype(np.float32)
    operands = [normal(4, 80), integers(np.uint8, 5, 5, 2 * bits), scales(25), points, None, normal(5)]
    constants = [i for i in (1, 2, 3, 5) if operands[i] is not None]
    module = check("MatMulNBits", *operands, domain=MICROSOFT, constants=constants, K=80, N=5, bits=bits, block_size=16)
    assert ("quant.dequantize" in op_names(module)) is (zeros is not np.float32)


def test_mat_mul_bnb4() -> None:
    for kind in (0, 1):
        operands = [normal(3, 64), integers(np.uint8, 192), scales(24)]
        check("MatMulBnb4", *operands, domain=MICROSOFT, constants=[1, 2], K=64, N=6, block_size=16, quant_type=kind)


def test_gather_block_quantized() -> None:
    indices = np.array([[0, 3, 6]], np.int64)
    packed = [integers(np.uint8, 7, 16), indices, scales(7, 2), integers(np.uint8, 7, 1)]
    check("GatherBlockQuantized", *packed, domain=MICROSOFT, constants=[0, 2, 3], block_size=16)
    nibbles = rng.integers(-8, 8, (7, 32)).astype(ml_dtypes.int4)
    operands = [nibbles, indices, scales(7, 2)]
    check("GatherBlockQuantized", *operands, domain=MICROSOFT, constants=[0, 2], opset=21, block_size=16)


def test_attention_on_integers() -> None:
    x, w = (integers(np.uint8, 2, 4, 8), integers(np.int8, 8, 24)), scales(high=0.011)
    operands = [
        *x,
        normal(24),
        scales(high=0.011),
        w,
        np.array([3, 4], np.int32),
        integers(np.uint8),
        np.zeros((), np.int8),
    ]
    check("QAttention", *operands, domain=MICROSOFT, constants=[1, 2, 3, 4, 6, 7], num_heads=2)


def test_embeddings_on_integers() -> None:
    ids = rng.integers(0, 2, (2, 4)).astype(np.int32)
    tables = [integers(np.uint8, *shape) for shape in ((9, 8), (6, 8), (2, 8), (8,), (8,))]
    operands = [
        ids,
        ids,
        *tables,
        np.ones_like(ids),
        *[scales() for _ in tables],
        *[integers(np.uint8) for _ in tables],
    ]
    constants = [2, 3, 4, 5, 6, *range(8, 18)]
    check("QEmbedLayerNormalization", *operands, domain=MICROSOFT, constants=constants, outputs=2)


def test_refusals() -> None:
    packed = [normal(4, 32), integers(np.uint8, 5, 2, 8), scales(10)]
    node = OneNode("MatMulNBits", packed, {"K": 32, "N": 5, "bits": 4, "block_size": 16}, domain=MICROSOFT)
    assert reasons_of(node) == [
        "node node (com.microsoft.MatMulNBits): input 1 is a part of a packed weight and must be constant"
    ]


def test_what_no_target_stores() -> None:
    """Integers of two bits are kept in more; how many the model means must not be forgotten."""
    zero = np.array(1).astype(ml_dtypes.int2)
    node = OneNode("QuantizeLinear", [normal(2, 3), scales(), zero], opset=25, constants=[2])
    (reason,) = reasons_of(node)
    assert reason.startswith("node node (QuantizeLinear): its result has integers of two bits")
    weight = rng.integers(-2, 2, (3, 4)).astype(ml_dtypes.int2)
    check("DequantizeLinear", weight, scales(), opset=25, constants=[0], oracle="onnx")
