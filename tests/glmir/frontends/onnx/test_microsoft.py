"""onnxruntime's own operators, held against onnxruntime; those that only its GPU runs, against numpy."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from glmir.frontends.onnx.refused import refusal
from glmir.interpreter import run
from tests.glmir.frontends.onnx.harness import (
    OneNode,
    check,
    floats,
    imported,
    input_info,
    integers,
    model_of,
    op_names,
    positive,
    reasons_of,
)

X = floats(2, 3, 8)
IMAGE = floats(2, 4, 7, 6)


def same(op_type: str, *inputs: NDArray[Any] | None, **options: Any) -> list[str]:
    """Compares one node with onnxruntime; the ops that it becomes."""
    return op_names(check(op_type, *inputs, domain="com.microsoft", **{"tolerance": "f32-sums", **options}))


def computed(op_type: str, *inputs: NDArray[Any], outputs: int = 1, **attributes: object) -> list[NDArray[Any]]:
    """What one node computes that onnxruntime runs on a GPU only."""
    node = OneNode(op_type, inputs, attributes, outputs=outputs, domain="com.microsoft")
    return list(run(imported(node.model), node.run_time_inputs).values())


@pytest.mark.parametrize(
    ("activation", "parameters"),
    [
        ("Relu", []),
        ("Tanh", []),
        ("LeakyRelu", [0.2]),
        ("Clip", [-0.3, 0.6]),
        ("HardSigmoid", [0.2, 0.4]),
        ("HardSwish", []),
    ],
)
def test_convolution_with_sum_and_activation(activation: str, parameters: list[float]) -> None:
    options = {"activation": activation, "pads": [1] * 4, **({"activation_params": parameters} if parameters else {})}
    names = same("FusedConv", IMAGE, floats(6, 2, 3, 3), floats(6), floats(2, 6, 7, 6), group=2, **options)
    assert names[:2] == ["nn.conv", "math.add"]


def test_convolution_on_channels_last() -> None:
    image, weight = floats(2, 7, 6, 4), floats(6, 4, 3, 3)
    (y,) = computed("NhwcFusedConv", image, weight, floats(6), floats(2, 5, 4, 6), activation="Relu")
    (first,) = computed("FusedConv", image.transpose(0, 3, 1, 2), weight, floats(6))
    assert np.allclose(y, np.maximum(first.transpose(0, 2, 3, 1) + floats(2, 5, 4, 6), 0), atol=1e-5)


@pytest.mark.parametrize(
    ("op_type", "attributes"),
    [
        ("Conv", {"pads": [1] * 4}),
        ("MaxPool", {"kernel_shape": [2, 2]}),
        ("GlobalAveragePool", {}),
        ("SpaceToDepth", {"blocksize": 2}),
        ("LRN", {"size": 3}),
    ],
)
def test_standard_operators_on_channels_last(op_type: str, attributes: dict[str, object]) -> None:
    image, rest = floats(2, 4, 6, 6), [floats(4, 4, 3, 3)] if op_type == "Conv" else []
    expected = OneNode(op_type, [image, *rest], attributes)
    moved = OneNode(op_type, [image.transpose(0, 2, 3, 1), *rest], attributes, domain="com.ms.internal.nhwc")
    plain, nhwc = (run(imported(node.model), node.run_time_inputs)["y0"] for node in (expected, moved))
    assert np.array_equal(nhwc, plain.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("a", [[3, 4], [2, 3, 4], [4]])
@pytest.mark.parametrize("b", [[4, 5], [2, 4, 5]])
def test_matrix_product_with_factor(a: list[int], b: list[int]) -> None:
    same("FusedMatMul", floats(*a), floats(*b), alpha=0.5)
    if len(a) > 1:
        x, y = floats(*a).swapaxes(-1, -2), floats(*b).swapaxes(-1, -2)
        same("FusedMatMul", x, y, transA=1, transB=1)
        same("TransposeMatMul", x, y, transA=1, transB=1)


def test_matrix_product_with_rows_first() -> None:
    same("FusedMatMul", floats(3, 2, 5, 4), floats(4, 2, 5, 6), transBatchA=1, transBatchB=1)
    same("FusedMatMul", floats(4, 2, 5, 3), floats(6, 2, 5, 4), transA=1, transB=1, transBatchA=1, transBatchB=1)


@pytest.mark.parametrize(
    ("activation", "parameters"),
    [
        ("Relu", {}),
        ("Selu", {"alpha": 1.2, "gamma": 0.9}),
        ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}),
        ("ThresholdedRelu", {"alpha": 0.4}),
        ("Softplus", {}),
    ],
)
def test_gemm_with_activation(activation: str, parameters: dict[str, float]) -> None:
    options = {f"activation_{name}": value for name, value in parameters.items()}
    same("FusedGemm", floats(4, 3), floats(4, 5), floats(5), transA=1, alpha=0.7, activation=activation, **options)


@pytest.mark.parametrize("op_type", ["Gelu", "FastGelu", "QuickGelu", "ScaledSiLU"])
def test_gate(op_type: str) -> None:
    same(op_type, X)


def test_sums_before_activations() -> None:
    assert same("BiasGelu", X, floats(8)) == ["math.add", "nn.gelu"]
    assert same("FastGelu", X, floats(8)) == ["math.add", "nn.gelu"]
    same("GatedAdd", X, floats(2, 3, 8), floats(2, 3, 1))
    x, bias = floats(2, 3, 8), floats(8)
    (y,) = computed("BiasSplitGelu", x, bias)
    (right,) = computed("Gelu", (x + bias)[..., 4:])
    assert np.allclose(y, (x + bias)[..., :4] * right, atol=1e-6)
    scores, mask = floats(2, 2, 3, 3), floats(2, 1, 1, 3)
    (y,) = computed("BiasSoftmax", scores, mask, axis=3, is_inner_broadcast=1)
    powers = np.exp(scores + mask)
    assert np.allclose(y, powers / powers.sum(-1, keepdims=True), atol=1e-6)
    assert np.allclose(computed("BiasAdd", x, bias, x)[0], 2 * x + bias)


@pytest.mark.parametrize("skip", [(2, 3, 8), (1, 3, 8), (3, 8)])
def test_normalization_of_a_sum(skip: tuple[int, ...]) -> None:
    outputs = ["y", "", "", "sum"]
    names = same("SkipLayerNormalization", X, floats(*skip), positive(8), floats(8), floats(8), outputs=outputs)
    assert names == ["math.add", "math.add", "nn.layer_norm"]
    same("SkipSimplifiedLayerNormalization", X, floats(*skip), positive(8), outputs=outputs, epsilon=1e-5)


@pytest.mark.parametrize("skip", [(2, 4), (2, 1, 1, 4), (2, 7, 6, 4)])
def test_group_normalization_on_channels_last(skip: tuple[int, ...]) -> None:
    x, added = floats(2, 7, 6, 4), floats(*skip)
    y, total = computed("SkipGroupNorm", x, positive(4), floats(4), added, outputs=2, groups=2, activation=1)
    expected = x + added.reshape(2, *([1, 1] if added.size == 8 else [7, 6]), 4)
    (same_y,) = computed("GroupNorm", expected, positive(4), floats(4), groups=2, activation=1)
    assert np.allclose(total, expected) and np.allclose(y, same_y, atol=1e-5)


def test_gated_and_branchwise_normalization() -> None:
    same("GatedRMSNorm", X, positive(4), floats(2, 3, 8), activation="silu")
    same("BranchwiseRMSNorm", X, positive(8), num_branches=2)
    same("LinearAttentionGate", X, floats(8), floats(8), floats(2, 3, 8), outputs=2)
    module = check("SimplifiedLayerNormalization", X, positive(8), axis=-1, tolerance="f32-sums")
    assert op_names(module) == ["nn.rms_norm"]


@pytest.mark.parametrize("positions", [None, (2, 5), (1, 5)])
def test_embeddings_of_bert(positions: tuple[int, ...] | None) -> None:
    ids = integers(2, 5, low=0, high=9, dtype=np.int32)
    segments, mask = (integers(2, 5, low=0, high=2, seed=seed, dtype=np.int32) for seed in (1, 2))
    places = None if positions is None else integers(*positions, low=0, high=7, dtype=np.int32)
    tables = [floats(9, 8), floats(7, 8), floats(2, 8), positive(8), floats(8)]
    inputs = [ids, segments, *tables, mask, *([] if places is None else [places])]
    same("EmbedLayerNormalization", *inputs, constants=[2, 3, 4, 5, 6], outputs=3)


MASKS = {
    "none": None,
    "lengths": np.array([5, 3], np.int32),
    "ends and begins": np.array([6, 5, 0, 2], np.int32),
    "keys": np.array([[1, 1, 1, 1, 0, 1, 0], [1, 0, 1, 1, 1, 1, 1]], np.int32),
    "queries": np.tril(np.ones((2, 4, 7), np.int32), 1),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("causal", [0, 1])
def test_attention_of_one_layer_behind_a_cache(mask: str, causal: int) -> None:
    inputs = [floats(2, 4, 6), floats(6, 24), floats(24), MASKS[mask], floats(2, 2, 2, 3, 4)]
    same("Attention", *inputs, num_heads=2, unidirectional=causal, outputs=2)


def test_attention_of_one_layer() -> None:
    names = same("Attention", floats(2, 4, 6), floats(6, 20), floats(20), num_heads=2, qkv_hidden_sizes=[8, 8, 4])
    assert names == ["math.mat_mul", "math.add", "tensor.split", "nn.attention"]
    options = {"num_heads": 2, "scale": 0.3, "unidirectional": 1}
    same("Attention", floats(2, 4, 6), floats(6, 24), floats(24), dims={0: ["b", "s", 6]}, **options)


@pytest.mark.parametrize("mask", ["none", "keys", "queries"])
def test_attention_of_many_heads(mask: str) -> None:
    q, k, v = (floats(2, 4, 8, seed=seed) for seed in range(3))
    past = [floats(2, 2, 3, 4), floats(2, 2, 3, 4, seed=1)]
    options = {"num_heads": 2, "unidirectional": 1, "outputs": 3}
    same("MultiHeadAttention", q, k, v, floats(24), MASKS[mask], floats(1, 2, 4, 7), *past, **options)


def test_attention_of_cached_keys_and_its_weights() -> None:
    heads = floats(2, 2, 5, 4), floats(2, 2, 5, 4, seed=1)
    same("MultiHeadAttention", floats(2, 4, 8), *heads, num_heads=2)
    q, k, v = floats(2, 4, 8), floats(2, 5, 8), floats(2, 5, 8, seed=1)
    plain, _, _, weights = computed("MultiHeadAttention", q, k, v, num_heads=2, outputs=4)
    assert np.allclose(weights.sum(-1), 1) and np.allclose(computed("MultiHeadAttention", q, k, v, num_heads=2), plain)


def test_attention_of_packed_operands() -> None:
    q, k, v = (floats(2, 4, 2, 4, seed=seed) for seed in range(3))
    flat = [x.reshape(2, 4, 8) for x in (q, k, v)]
    (expected,) = computed("MultiHeadAttention", *flat, num_heads=2)
    (all_packed,) = computed("MultiHeadAttention", np.stack([q, k, v], 3), num_heads=2)
    pair = OneNode("MultiHeadAttention", [flat[0], np.stack([k, v], 3)], {"num_heads": 2}, domain="com.microsoft")
    (two_packed,) = run(imported(pair.model), pair.run_time_inputs).values()
    assert np.allclose(all_packed, expected) and np.allclose(two_packed, expected)


@pytest.mark.parametrize("bias", [None, floats(24)])
def test_attention_of_one_query_into_a_buffer(bias: NDArray[Any] | None) -> None:
    new = [floats(2, 1, 8, seed=seed) for seed in range(3)]
    buffers = [floats(2, 2, 7, 4), floats(2, 2, 7, 4, seed=1)]
    inputs = [*new, MASKS["keys"][:, :4], None, *buffers, np.array([3], np.int32), None, None, bias]  # type: ignore[index]
    options = {"num_heads": 2, "past_present_share_buffer": 1, "outputs": 3}
    same("DecoderMaskedMultiHeadAttention", *(inputs if bias is not None else inputs[:8]), **options)


@pytest.mark.parametrize(
    ("rows", "past", "lengths"),
    [(4, 0, [3, 1]), (1, 5, [5, 3]), (4, 5, [8])],
    ids=["prompt of two lengths", "one token each", "tokens behind others"],
)
@pytest.mark.parametrize("options", [{}, {"local_window_size": 3}, {"softcap": 2.0, "smooth_softmax": 1}], ids=str)
def test_grouped_attention(rows: int, past: int, lengths: list[int], options: dict[str, object]) -> None:
    batch, total = len(lengths), rows + past
    cache = [floats(batch, 2, past + 4 if past else 0, 16, seed=seed) for seed in (1, 2)]
    known = [np.array(lengths, np.int32), np.array(total, np.int32)]
    tables = [floats(12, 8, seed=seed) for seed in (3, 4)]
    inputs = [floats(batch, rows, 128), None, None, *cache, *known, *tables]
    heads = {"num_heads": 4, "kv_num_heads": 2, "do_rotary": 1, "constants": [6], "outputs": 3}
    same("GroupQueryAttention", *inputs, **heads, **options)


@pytest.mark.parametrize("interleaved", [0, 1])
def test_rotary_embedding(interleaved: int) -> None:
    tables, ids = [floats(9, 4), floats(9, 4, seed=1)], integers(2, 5, low=0, high=9)
    options = {"interleaved": interleaved}
    assert "nn.rotary_embedding" in same("RotaryEmbedding", floats(2, 5, 24), ids, *tables, **options)
    same("RotaryEmbedding", floats(2, 3, 5, 8), np.array([2]), *tables, **options)
    part = {"rotary_embedding_dim": 4, "num_heads": 3, **options}
    same("RotaryEmbedding", floats(2, 5, 24), ids, floats(9, 2), floats(9, 2, seed=1), **part)
    places = integers(3, 2, 5, low=0, high=9)
    for layout, sections in ((0, [1, 2, 1]), (1, [2, 1, 1])):
        same("MRotaryEmbedding", floats(2, 3, 5, 8), places, *tables, mrope_section=sections, mrope_layout=layout)


def test_relative_positions_in_buckets() -> None:
    """As in "Exploring the Limits of Transfer Learning", for both directions and one."""
    table, lengths = np.arange(24, dtype=np.float32).reshape(8, 3), [np.array(5), np.array(7)]
    options = {"max_distance": 6, "is_bidirectional": 1}
    model = OneNode("RelativePositionBias", [table, *lengths], options, constants=[1, 2], domain="com.microsoft")
    (y,) = run(imported(model.model), model.run_time_inputs).values()
    assert y.shape == (1, 3, 5, 7)
    assert y[0, 0, 0].tolist() == [0, 5, 6, 6, 7, 7, 7] and y[0, 1, 4].tolist() == [11, 10, 10, 9, 8, 13, 14]


def test_gated_relative_positions() -> None:
    q, bias, distances = floats(2, 3, 8), floats(8), floats(1, 2, 3, 3)
    weight, summand, eco = floats(4, 6), floats(6), floats(1, 2, 1, 1)
    (y,) = computed("GatedRelativePositionBias", q, bias, distances, weight, summand, eco, num_heads=2)
    heads = (q + bias).reshape(2, 3, 2, 4).transpose(0, 2, 1, 3)
    gates = 1 / (1 + np.exp(-(heads @ weight + summand).reshape(2, 2, 3, 2, 3).sum(-1)))
    update, reset = gates[..., :1], gates[..., 1:]
    assert np.allclose(y, (update * (reset * eco - 1) + 2) * distances, atol=1e-5)


@pytest.mark.parametrize(
    ("activation", "width"), [("relu", 1), ("gelu", 1), ("silu", 1), ("identity", 1), ("swiglu", 2)]
)
def test_mixture_of_experts(activation: str, width: int) -> None:
    weights = [floats(4, width * 5, 6), floats(4, width * 5), floats(4, 6, 5), floats(4, 6)]
    options = {"k": 2, "normalize_routing_weights": 1, "swiglu_fusion": width - 1, "activation_type": activation}
    same("MoE", floats(2, 3, 6), floats(6, 4), *weights, tolerance="approximate", **options)


def test_structure() -> None:
    same("ExpandDims", X, np.array(-1, np.int32), constants=[1])
    same("Range", np.array([1]), np.array([9]), np.array([2]), constants=[0, 1, 2])
    same("Pad", X, np.array([[1, 0, 2, 0, -1, 2]]), np.array([0.5], np.float32), constants=[1])
    same("Trilu", X, np.array(1), constants=[1], upper=0)
    same("GatherND", X, integers(2, 2, low=-2, high=2))
    same("GridSample", IMAGE, floats(2, 3, 2, 2), align_corners=1)
    same("Unique", np.array([2, 1, 1, 3, 4, 3], np.float32), outputs=3)
    same("UnfoldTensor", floats(2, 9, 5), dim=1, size=3, step=2)
    same("SampleOp", X)


def test_numbers() -> None:
    same("Inverse", floats(2, 4, 4) + 3 * np.eye(4, dtype=np.float32), tolerance="approximate")
    for metric in ("euclidean", "sqeuclidean"):
        same("CDist", floats(3, 5), floats(4, 5, seed=1), metric=metric)
    regions = np.array([[0, 0.1, 0.8, 0.9], [-0.2, 0.3, 1.1, 0.6]], np.float32)
    for mode in ("bilinear", "nearest"):
        sizes = np.array([4, 1], np.int32)
        same("CropAndResize", IMAGE, regions, np.array([1, 0], np.int32), sizes, constants=[3], mode=mode)
    (half,) = computed("Rfft", X)
    expected = np.fft.rfft(X)
    assert np.allclose(half, np.stack([expected.real, expected.imag], -1), atol=1e-5)
    assert np.allclose(computed("Irfft", half, signal_ndim=1)[0], X, atol=1e-5)
    a, b = floats(3, 2), floats(3, 2, seed=1)
    product = (a[:, 0] + 1j * a[:, 1]) * (b[:, 0] - 1j * b[:, 1])
    assert np.allclose(computed("ComplexMulConj", a, b)[0], np.stack([product.real, product.imag], -1), atol=1e-6)
    assert computed("IsAllFinite", X)[0].item() and not computed("IsAllFinite", X * np.inf)[0]


@pytest.mark.parametrize(
    ("op_type", "attributes"),
    [
        ("Affine", {"alpha": 0.3, "beta": 0.2}),
        ("Scale", {"scale": 0.3}),
        ("ImageScaler", {"scale": 0.3, "bias": [0.1, 0.2, 0.3, 0.4]}),
        ("ParametricSoftplus", {"alpha": 0.3, "beta": 1.2}),
        ("ScaledTanh", {"alpha": 0.3, "beta": 1.2}),
        ("Crop", {"border": [1, 2, 3, 1]}),
        ("Crop", {"border": [1, 2, 3, 1], "scale": [3, 2]}),
    ],
)
def test_operators_that_the_standard_dropped(op_type: str, attributes: dict[str, object]) -> None:
    check(op_type, IMAGE, opset=9, **attributes)  # type: ignore[arg-type]


def test_what_no_target_can_express_is_refused() -> None:
    node = helper.make_node("BeamSearch", ["x"], ["y"], name="search", domain="com.microsoft")
    model = model_of([node], [input_info("x", X)], ["y"], domain="com.microsoft")
    assert reasons_of(model) == [f"node search (com.microsoft.BeamSearch): {refusal('com.microsoft', 'BeamSearch')}"]
