"""Operators without an importer, expanded from the bodies that the standard gives for them."""

from typing import Any

import numpy as np
import onnx
import pytest

from glmir.frontends.onnx.ops import IMPORTERS
from tests.glmir.frontends.onnx.harness import NEWEST, Array, OneNode, check, floats, integers, positive, reasons_of

QKV = [floats(2, 3, 4, 8), floats(2, 3, 6, 8, seed=1), floats(2, 3, 6, 8, seed=2)]

CASES: list[tuple[str, list[Array | None], dict[str, Any], int]] = [
    ("MeanVarianceNormalization", [floats(2, 3, 4, 5)], {"axes": [0, 2]}, 13),
    ("AffineGrid", [floats(2, 2, 3), np.array([2, 3, 4, 5])], {}, 20),
    ("AffineGrid", [floats(2, 2, 3), np.array([2, 3, 4, 5])], {"align_corners": 1}, 20),
    ("HannWindow", [np.array(10)], {}, 17),
    ("HammingWindow", [np.array(10)], {"periodic": 0}, 17),
    ("BlackmanWindow", [np.array(10)], {}, 17),
    ("CenterCropPad", [floats(5, 6, 3), np.array([4, 8])], {"axes": [0, 1]}, 18),
    ("NegativeLogLikelihoodLoss", [floats(3, 5), integers(3, low=0, high=5)], {}, 13),
    ("NegativeLogLikelihoodLoss", [floats(3, 5), integers(3, low=0, high=5), positive(5)], {"reduction": "sum"}, 13),
    ("SoftmaxCrossEntropyLoss", [floats(3, 5), integers(3, low=0, high=5)], {}, 13),
    ("Attention", QKV, {}, 23),
    ("Attention", QKV, {"is_causal": 1, "scale": 0.3}, 23),
    ("Attention", [*QKV, floats(4, 6)], {"softcap": 2.0}, 24),
    ("Attention", [floats(2, 4, 24), floats(2, 6, 24), floats(2, 6, 24)], {"q_num_heads": 3, "kv_num_heads": 3}, 23),
    ("RotaryEmbedding", [floats(2, 3, 4, 8), floats(10, 4), floats(10, 4), integers(2, 4, low=0, high=10)], {}, 23),
    ("SwiGLU", [floats(2, 8), floats(2, 8, seed=1)], {}, 28),
]
CONSTANTS = {"AffineGrid": [1], "CenterCropPad": [1], "HannWindow": [0], "HammingWindow": [0], "BlackmanWindow": [0]}


@pytest.mark.parametrize(("op_type", "inputs", "attributes", "opset"), CASES)
def test_expansion(op_type: str, inputs: list[Array | None], attributes: dict[str, Any], opset: int) -> None:
    constants = CONSTANTS.get(op_type, [])
    module = check(op_type, *inputs, opset=opset, constants=constants, tolerance="f32-sums", **attributes)
    # Nodes of a body are located at the node that the body stands for, and only its outputs have their names.
    assert {op.location for op in module.main.ops} <= {(), ("node",)}
    assert {v.name for v in module.main.values()} <= {"", "y0", *(f"x{i}" for i in range(len(inputs)))}


def test_attention_of_symbolic_shapes() -> None:
    dims = {0: ("b", 3, "q", 8), 1: ("b", 3, "k", 8), 2: ("b", 3, "k", 8)}
    module = check("Attention", *QKV, opset=23, dims=dims, tolerance="f32-sums")
    assert str(module.main.outputs[0].type) == "f32[b, 3, q, 8]"


def test_attention_with_all_outputs() -> None:
    past = [floats(2, 3, 2, 8, seed=5), floats(2, 3, 2, 8, seed=6)]
    check("Attention", *QKV, None, *past, opset=23, outputs=4, tolerance="f32-sums")


def test_every_operator_of_the_newest_standard_is_imported_expanded_or_refused_by_name() -> None:
    schemas = [s for s in onnx.defs.get_all_schemas() if s.domain == "" and not s.deprecated]
    for schema in schemas:
        if ("", schema.name) in IMPORTERS or schema.has_function or schema.has_context_dependent_function:
            continue
        reasons = reasons_of(OneNode(schema.name, [floats(2, 3)], opset=NEWEST))
        assert reasons[0].startswith(f"node node ({schema.name}): ")
