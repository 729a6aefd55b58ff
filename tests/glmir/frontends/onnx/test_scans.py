"""Scan, held against onnxruntime."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import glmir
from glmir.backends.target import TARGETS
from tests.backends.workers import at_border, run_artifact
from tests.tolerances import assert_close

from .building import node
from .harness import check_model, floats, model_of, reasons_of, reference


def scan(inputs: str, sequences: int, outputs: str = "y z", **attributes: object) -> onnx.NodeProto:
    """A running sum ``s`` of the elements of one or two sequences, which also gives the sum as a row."""
    names = ["s", "a", "b"][: 1 + sequences]
    nodes = [node("Add", "s a", "t"), node("Mul", "t b" if sequences == 2 else "t t", "u"), node("Neg", "t", "v")]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in names]
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("u", "v")]
    body = helper.make_graph(nodes, "body", infos, given)
    return node("Scan", inputs, outputs, "scan", body=body, num_scan_inputs=sequences, **attributes)


def proto(step: onnx.NodeProto, shapes: Sequence[Sequence[int | str]], opset: int = 17) -> onnx.ModelProto:
    infos = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, shape) for i, shape in enumerate(shapes)]
    return model_of([step], infos, ["y", "z"], opset=opset)


CASES = {
    "in order": (scan("x0 x1", 1), [(2,), (3, 2)]),
    "from the end": (scan("x0 x1", 1, scan_input_directions=[1], scan_output_directions=[1]), [(2,), (3, 2)]),
    "along other axes": (
        scan("x0 x1 x2", 2, scan_input_axes=[1, -2], scan_output_axes=[-1], scan_input_directions=[0, 1]),
        [(2,), (2, 3), (3, 2)],
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("is_symbolic", [False, True])
def test_scans(name: str, is_symbolic: bool) -> None:
    step, shapes = CASES[name]
    inputs = {f"x{i}": floats(*shape, seed=i) for i, shape in enumerate(shapes)}
    declared = [["n" if d == 3 and is_symbolic else d for d in shape] for shape in shapes]
    check_model(proto(step, declared), inputs)


@pytest.mark.parametrize("target", TARGETS)
def test_scans_on_targets(target: str) -> None:
    step, shapes = CASES["along other axes"]
    inputs = {f"x{i}": floats(*shape, seed=i) for i, shape in enumerate(shapes)}
    model = proto(step, [["n" if d == 3 else d for d in shape] for shape in shapes])
    artifact = glmir.compile(model, target=target, precision="fp32")
    expected = reference(model, inputs)
    for name, array in run_artifact(artifact, inputs).items():
        assert_close(np.asarray(array), at_border(artifact.target, expected[name]), "f32", name)


def test_batches_of_opset_8() -> None:
    inputs = {"x0": floats(2, 2), "x1": floats(2, 3, 2, seed=1)}
    step = scan("x0 x1", 1)
    step.input.insert(0, "")
    check_model(proto(step, [(2, 2), (2, 3, 2)], opset=8), inputs)


def test_batches_of_opset_8_of_different_lengths() -> None:
    step = scan("x0 x1", 1)
    step.input.insert(0, "lengths")
    model = proto(step, [(2, 2), (2, 3, 2)], opset=8)
    model.graph.input.insert(0, helper.make_tensor_value_info("lengths", TensorProto.INT64, [2]))
    check_model(model, {"lengths": np.array([3, 1]), "x0": floats(2, 2), "x1": floats(2, 3, 2, seed=1)})


def test_what_is_refused() -> None:
    step = scan("x0 x1", 1, scan_input_axes=[0, 1])
    assert "for each sequence" in reasons_of(proto(step, [(2,), (3, 2)]))[0]
    step = scan("x0 x1", 1)
    step.input.insert(0, "")
    assert "a batch of n" in reasons_of(proto(step, [("n", 2), ("n", 3, 2)], opset=8))[0]
