"""ONNX's operators that choose by what the data holds against onnxruntime: boxes, different elements, sequences."""

from typing import Any

import numpy as np
import pytest

from glmir.ops import nn
from tests.glmir.frontends.onnx.harness import Array, OneNode, check, floats, integers, op_names, positive, reasons_of

BOXES = np.array(
    [[0, 0, 1, 1], [0, 0.1, 1, 1.1], [1, 1.1, 0, 0.1], [0, 10, 1, 11], [0, 10.1, 1, 11.1], [0, 100, 1, 100]], np.float32
)
SCORES = np.array([0.9, 0.75, 0.75, 0.95, 0.5, 0.3], np.float32)


def ints(*elements: int) -> Array:
    return np.array(elements, np.int64)


@pytest.mark.parametrize("constants", [[], [2, 3, 4]])
@pytest.mark.parametrize("attributes", [{}, {"center_point_box": 1}])
def test_non_max_suppression(attributes: dict[str, int], constants: list[int]) -> None:
    boxes = np.stack([BOXES, BOXES[::-1]])
    scores = np.stack([np.stack([SCORES, SCORES[::-1], 1 - SCORES])] * 2)
    operands = [boxes, scores, ints(2), np.array([0.5], np.float32), np.array(0.4, np.float32)]
    module = check("NonMaxSuppression", *operands, opset=11, constants=constants, **attributes)
    assert any(isinstance(op, nn.NonMaxSuppression) for op in module.main.ops)
    dims = {0: ["b", "n", 4], 1: ["b", 3, "n"]}
    check("NonMaxSuppression", *operands[:4], opset=10, constants=constants[:-1], dims=dims, **attributes)


def test_non_max_suppression_without_a_limit_chooses_nothing() -> None:
    module = check("NonMaxSuppression", BOXES[None], SCORES[None, None], opset=11)
    assert not op_names(module)


@pytest.mark.parametrize("attributes", [{}, {"sorted": 0}, {"axis": 0}, {"axis": -2, "sorted": 0}, {"axis": 1}])
def test_unique(attributes: dict[str, Any]) -> None:
    x = np.array([[2, 1, 2], [0, 1, 0], [2, 1, 2], [0, 1, -3]], np.float32)
    check("Unique", x, opset=11, outputs=4, **attributes)
    check("Unique", x.astype(np.int64), opset=11, outputs=4, dims={0: ["n", "m"]}, **attributes)
    check("Unique", x[:1], opset=11, outputs=4, **attributes)


def test_unique_of_a_list_along_its_axis() -> None:
    check("Unique", integers(9, low=0, high=4), opset=11, outputs=4, axis=0, sorted=0)


def test_unique_of_nothing_is_refused() -> None:
    assert "no elements" in reasons_of(OneNode("Unique", [floats(0)], opset=11))[0]


@pytest.mark.parametrize("lengths", [(4, 1, 3), (4, 4, 4), (1, 0, 1)])
def test_reverse_sequence(lengths: tuple[int, ...]) -> None:
    for constants in ([], [1]):
        check("ReverseSequence", floats(4, 3, 2), ints(*lengths), constants=constants)
        check("ReverseSequence", floats(3, 4), ints(*lengths), constants=constants, batch_axis=0, time_axis=1)
    check("ReverseSequence", floats(4, 3), ints(*lengths), dims={0: ["t", "n"], 1: ["n"]})


def test_reverse_sequence_along_the_batch_is_refused() -> None:
    node = OneNode("ReverseSequence", [floats(4, 2), ints(1, 3)], {"time_axis": 1})
    assert "axis of the batch" in reasons_of(node)[0]


@pytest.mark.parametrize(
    ("mode", "steps", "first"), [("linear", 2, (0, 3)), ("circular", 3, (4, 1)), ("linear", 1, (4, 0))]
)
def test_tensor_scatter(mode: str, steps: int, first: tuple[int, ...]) -> None:
    cache, update = floats(2, 3, 5, 4), floats(2, 3, steps, 4, seed=1)
    check("TensorScatter", cache, update, ints(*first), opset=24, mode=mode)
    check("TensorScatter", cache, update, opset=24, mode=mode)
    check("TensorScatter", cache[:1], update[:1], ints(first[0]), opset=24, mode=mode, dims={0: [1, 3, "n", 4]})


@pytest.mark.parametrize("mode", ["TF", "IDF", "TFIDF"])
@pytest.mark.parametrize("lengths", [(1, 1, 0), (1, 2, 1), (2, 2, 5)])
def test_tf_idf_vectorizer(mode: str, lengths: tuple[int, int, int]) -> None:
    shortest, longest, skips = lengths
    attributes: dict[str, Any] = {
        "mode": mode, "min_gram_length": shortest, "max_gram_length": longest, "max_skip_count": skips,
        "ngram_counts": [0, 4], "ngram_indexes": [0, 2, 1, 3, 4, 6, 5], "pool_int64s": [2, 3, 5, 4, 5, 6, 7, 8, 6, 7],
        "weights": positive(7).tolist(),
    }  # fmt: skip
    rows = np.array([[1, 1, 3, 3, 3, 7], [8, 6, 7, 5, 6, 8]])
    check("TfIdfVectorizer", rows, opset=9, **attributes)
    check("TfIdfVectorizer", rows[1].astype(np.int32), opset=9, dims={0: ["n"]}, **attributes)
    strings = {**attributes, "pool_strings": ["a"] * 10}
    del strings["pool_int64s"]
    assert "strings" in reasons_of(OneNode("TfIdfVectorizer", [rows], strings, opset=9))[0]
