"""ONNX's Attention and RotaryEmbedding against onnxruntime."""

from typing import Any

import numpy as np
import pytest

from glmir.frontends.onnx.importer import import_model
from glmir.interpreter import run
from glmir.ir import Op
from glmir.ops import nn
from tests.glmir.frontends.onnx.harness import NEWEST, Array, OneNode, booleans, check, floats, integers, reasons_of

QKV = [floats(2, 4, 5, 8), floats(2, 2, 6, 8, seed=1), floats(2, 2, 6, 3, seed=2)]
"""Four heads of queries for two of keys and values."""

FLAT = [floats(2, 5, 32), floats(2, 6, 16, seed=1), floats(2, 6, 6, seed=2)]
PAST = [floats(2, 2, 3, 8, seed=5), floats(2, 2, 3, 3, seed=6)]
HEADS = {"q_num_heads": 4, "kv_num_heads": 2}


def visible(*shape: int) -> Array:
    """A mask by which every query sees the first key at least."""
    mask = booleans(*shape)
    mask[..., 0] = True
    return mask


def attention_in(ops: "Any") -> list[Op]:
    return [op for op in ops if isinstance(op, nn.Attention)]


@pytest.mark.parametrize("attributes", [{}, {"is_causal": 1}, {"scale": 0.3, "is_causal": 1}])
@pytest.mark.parametrize("mask", [None, floats(5, 6), floats(2, 1, 5, 6), visible(4, 5, 6), visible(2, 4, 5, 6)])
def test_attention(mask: Array | None, attributes: dict[str, Any]) -> None:
    operands = [] if mask is None else [mask]
    module = check("Attention", *QKV, *operands, opset=23, tolerance="f32-sums", **attributes)
    assert len(attention_in(module.main.ops)) == 1
    module = check("Attention", *FLAT, *operands, opset=23, tolerance="f32-sums", **HEADS, **attributes)
    assert len(attention_in(module.main.ops)) == 1


@pytest.mark.parametrize("mask", [None, floats(5, 9), visible(5, 9)])
def test_attention_with_a_past(mask: Array | None) -> None:
    for operands, heads in ((QKV, {}), (FLAT, HEADS)):
        check("Attention", *operands, mask, *PAST, opset=23, outputs=3, tolerance="f32-sums", is_causal=1, **heads)


def test_attention_of_symbolic_shapes() -> None:
    dims = {0: ("b", 4, "q", 8), 1: ("b", 2, "k", 8), 2: ("b", 2, "k", 3)}
    for attributes in ({}, {"is_causal": 1}):
        module = check("Attention", *QKV, opset=23, dims=dims, tolerance="f32-sums", **attributes)
        assert str(module.main.outputs[0].type) == "f32[b, 4, q, 3]"
        assert len(attention_in(module.main.ops)) == 1


@pytest.mark.parametrize(("mode", "softcap"), [(0, 0.0), (2, 0.0), (3, 0.0), (0, 2.0), (1, 2.0), (2, 2.0), (3, 2.0)])
def test_what_comes_before_the_result(mode: int, softcap: float) -> None:
    """In the present text, which onnxruntime follows, scores are capped before they are masked."""
    attributes = {"qk_matmul_output_mode": mode, "softcap": softcap}
    check("Attention", *QKV, floats(5, 9), *PAST, opset=23, outputs=4, tolerance="f32-sums", **attributes)


def test_capped_scores_of_a_node_that_caps_nothing() -> None:
    """The number once stood for masked scores."""
    inputs = [*QKV, floats(5, 6)]
    names = ["y0", "", "", "y1"]
    old, new = (OneNode("Attention", inputs, {"qk_matmul_output_mode": n}, 23, outputs=names) for n in (1, 2))
    given = {f"x{i}": x for i, x in enumerate(inputs)}
    results = [run(import_model(node.model), given)["y1"] for node in (old, new)]
    np.testing.assert_array_equal(*results)


def test_softmax_in_another_precision() -> None:
    module = check("Attention", *QKV, opset=23, tolerance="f32-sums", oracle="onnx", softmax_precision=11)
    assert not attention_in(module.main.ops)


@pytest.mark.parametrize("attributes", [{}, {"is_causal": 1}, {"left_window_size": 2, "right_window_size": 1}])
def test_keys_that_fill_up(attributes: dict[str, Any]) -> None:
    """The reference is onnx's: onnxruntime (1.31) counts queries from the first key."""
    operands = [*QKV, None, None, None, np.array([6, 5])]
    check("Attention", *operands, opset=NEWEST, oracle="onnx", tolerance="f32-sums", **attributes)


def test_queries_that_see_nothing_are_zero() -> None:
    mask = visible(5, 6)
    mask[2] = False
    for operands in ([*QKV, mask], [*QKV, np.where(mask, 0, -np.inf).astype(np.float32)]):
        check("Attention", *operands, opset=24, oracle="onnx", tolerance="f32-sums")
    check("Attention", *QKV, None, None, None, np.array([3, 6]), opset=24, oracle="onnx", is_causal=1)


def test_what_attention_cannot_be_is_refused() -> None:
    assert "do not divide" in reasons_of(OneNode("Attention", [QKV[1], QKV[0], floats(2, 4, 5, 8)], opset=23))[0]
    assert "both" in reasons_of(OneNode("Attention", [*QKV, None, PAST[0]], opset=23))[0]


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("columns", [0, 4])
def test_rotary_embedding(columns: int, interleaved: int) -> None:
    half = (columns or 8) // 2
    tables = [floats(10, half), floats(10, half, seed=1)]
    attributes = {"interleaved": interleaved, "rotary_embedding_dim": columns, "num_heads": 3}
    ids = integers(2, 4, low=0, high=10)
    for x in (floats(2, 3, 4, 8), floats(2, 4, 24)):
        module = check("RotaryEmbedding", x, *tables, ids, opset=23, **attributes)
        assert any(isinstance(op, nn.RotaryEmbedding) for op in module.main.ops)
    given = [floats(2, 4, half), floats(2, 4, half, seed=1)]
    dims = {0: ("b", 3, "s", 8), 1: ("b", "s", half), 2: ("b", "s", half)}
    check("RotaryEmbedding", floats(2, 3, 4, 8), *given, opset=23, dims=dims, **attributes)
