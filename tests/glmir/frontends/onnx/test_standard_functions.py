"""Operators without an importer, expanded from the bodies that the standard gives for them."""

from typing import Any

import numpy as np
import pytest

from tests.glmir.frontends.onnx.harness import Array, check, floats, integers, positive

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
