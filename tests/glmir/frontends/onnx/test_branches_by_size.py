"""If whose sizes decide it, where the sizes are not fixed."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from glmir.errors import ModelWarning
from glmir.interpreter import run

from .building import node
from .harness import check_model, floats, imported, input_info, model_of, reasons_of, reference

CONSTANTS = [numpy_helper.from_array(np.array(v), n) for n, v in (("last", [-1]), ("one", [1]))]


def branch(given: onnx.NodeProto) -> onnx.GraphProto:
    return helper.make_graph([given], "branch", [], [onnx.ValueInfoProto(name=given.output[0])])


def squeezing() -> onnx.ModelProto:
    """What PyTorch's exporter writes for ``x.squeeze(-1)``, and a matrix product that follows."""
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape last", "size"),
        node("Equal", "size one", "drops"),
        node(
            "If", "drops", "s", "if",
            then_branch=branch(node("Squeeze", "x last", "t")), else_branch=branch(node("Identity", "x", "e")),
        ),
        node("MatMul", "s w", "y"),
    ]  # fmt: skip
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "k"])
    return model_of(nodes, [info], ["y"], [*CONSTANTS, numpy_helper.from_array(floats(3, 2), "w")])


def test_an_axis_that_may_be_dropped_is_dropped() -> None:
    x = floats(4, 3, 1)
    with pytest.warns(ModelWarning, match=r"node if \(If\): whether it drops an axis depends on sizes"):
        module = imported(squeezing())
    np.testing.assert_allclose(run(module, {"x": x})["y"], reference(squeezing(), {"x": x})["y"], rtol=1e-6)
    assert list(module.functions) == ["main"]


def test_other_branches_of_different_ranks_are_refused() -> None:
    flag = helper.make_tensor_value_info("flag", TensorProto.BOOL, [])
    model = squeezing()
    choose = next(n for n in model.graph.node if n.op_type == "If")
    choose.input[0] = "flag"
    model.graph.input.append(flag)
    assert "a result has 2 axes if its condition holds, and 3 if not" in reasons_of(model)[0]


@pytest.mark.parametrize("flag", [True, False])
def test_one_element_has_the_axes_of_the_other_branch(flag: bool) -> None:
    choose = node(
        "If", "flag", "s", "if",
        then_branch=branch(node("ReduceSum", "x", "t", keepdims=0)), else_branch=branch(node("Identity", "z", "e")),
    )  # fmt: skip
    inputs = {"flag": np.array(flag), "x": floats(3), "z": floats(1, seed=1)}
    infos = [input_info(name, array) for name, array in inputs.items()]
    check_model(model_of([choose, node("Mul", "s x", "y")], infos, ["y"]), inputs)


def contradicting() -> onnx.ModelProto:
    """A matrix product in one branch, of sizes for which there is none."""
    nodes = [
        node("If", "flag", "y", "if",
             then_branch=branch(node("MatMul", "x w", "t")), else_branch=branch(node("MatMul", "x v", "e"))),
    ]  # fmt: skip
    weights = [numpy_helper.from_array(floats(rows, 2), name) for name, rows in (("w", 3), ("v", 5))]
    infos = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 3]),
        helper.make_tensor_value_info("flag", TensorProto.BOOL, []),
    ]
    return model_of(nodes, infos, ["y"], weights)


def test_a_branch_that_no_runtime_could_compute_gives_no_numbers() -> None:
    x: NDArray[np.float32] = floats(4, 3)
    with pytest.warns(ModelWarning, match="contradicts the sizes of the inputs; it gives NaN then"):
        module = imported(contradicting())
    np.testing.assert_allclose(run(module, {"x": x, "flag": np.array(True)})["y"], x @ floats(3, 2), rtol=1e-5)
    assert np.isnan(run(module, {"x": x, "flag": np.array(False)})["y"]).all()
