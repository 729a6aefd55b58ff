"""Normalizations."""

from typing import Any

import numpy as np
import pytest

from tests.glmir.frontends.onnx.harness import NEWEST, OneNode, check, floats, op_names, positive, reasons_of

X = floats(2, 6, 5, 4)
SYMBOLIC = {0: ("n", 6, "h", "w")}


def batch_norm_inputs(x: Any, dtype: Any = np.float32) -> list[Any]:
    channels = x.shape[1]
    vectors = [floats(channels, seed=i, dtype=dtype) for i in (1, 2, 3)]
    return [x, *vectors, positive(channels, dtype=dtype)]


@pytest.mark.parametrize("opset", [7, 9, 14, 15, NEWEST])
@pytest.mark.parametrize("shape", [(2, 6), (2, 6, 5), (2, 6, 5, 4), (1, 2, 3, 4, 5)])
def test_batch_normalization(opset: int, shape: tuple[int, ...]) -> None:
    inputs = batch_norm_inputs(floats(*shape))
    check("BatchNormalization", *inputs, opset=opset, constants=[1, 2, 3, 4], epsilon=1e-3, tolerance="f32-sums")


def test_batch_normalization_of_halves_with_single_precision_statistics() -> None:
    x = floats(2, 6, 5, dtype=np.float16)
    inputs = batch_norm_inputs(x)
    check("BatchNormalization", *inputs, opset=15, constants=[1, 2, 3, 4], tolerance="f16")


@pytest.mark.parametrize("outputs", [1, 3])
def test_batch_normalization_by_the_statistics_of_its_input(outputs: int) -> None:
    """So networks standardise their weights; of more than one output only opset 14 and later know what they are."""
    inputs = batch_norm_inputs(X)
    attributes = {"training_mode": 1, "momentum": 0.7, "outputs": outputs}
    check("BatchNormalization", *inputs, dims=SYMBOLIC, oracle="onnx", tolerance="f32-sums", **attributes)  # type: ignore[arg-type]


def test_batch_normalization_does_not_train_in_old_opsets() -> None:
    node = OneNode("BatchNormalization", batch_norm_inputs(X), opset=9, outputs=["y", "", "", "m", "v"])
    assert reasons_of(node) == [
        "node node (BatchNormalization): its output m is used, but only the first 1 are supported"
    ]


@pytest.mark.parametrize("opset", [7, 22])
def test_instance_normalization(opset: int) -> None:
    check("InstanceNormalization", X, floats(6), floats(6, seed=1), opset=opset, dims=SYMBOLIC, tolerance="f32-sums")


@pytest.mark.parametrize("axis", [-1, 1, -2, 0])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("outputs", [1, 3])
def test_layer_normalization(axis: int, bias: bool, outputs: int) -> None:
    shape = X.shape[axis:]
    inputs = [X, floats(*shape), *([floats(*shape, seed=1)] if bias else [])]
    check("LayerNormalization", *inputs, axis=axis, outputs=outputs, tolerance="f32-sums", epsilon=1e-4)


@pytest.mark.parametrize("shape", [(4,), (1, 1, 4), (6, 1, 1), (2, 6, 5, 4), ()])
def test_layer_normalization_with_scales_of_other_shapes(shape: tuple[int, ...]) -> None:
    inputs = X, floats(*shape), floats(*shape, seed=1)
    check("LayerNormalization", *inputs, tolerance="f32-sums", oracle="onnx")


def test_layer_normalization_of_symbolic_shapes() -> None:
    module = check(
        "LayerNormalization",
        X,
        floats(4),
        floats(4),
        dims={0: ("n", 6, "h", 4)},
        constants=[1, 2],
        tolerance="f32-sums",
    )
    assert op_names(module) == ["nn.layer_norm"]


@pytest.mark.parametrize("axis", [-1, 1])
def test_rms_normalization(axis: int) -> None:
    check("RMSNormalization", X, floats(*X.shape[axis:]), opset=23, axis=axis, tolerance="f32-sums")


@pytest.mark.parametrize(("opset", "parameters"), [(18, 3), (21, 6)])
@pytest.mark.parametrize("dims", [{}, SYMBOLIC])
def test_group_normalization(opset: int, parameters: int, dims: Any) -> None:
    inputs = X, floats(parameters), floats(parameters, seed=1)
    module = check(
        "GroupNormalization", *inputs, opset=opset, constants=[1, 2], dims=dims, num_groups=3, tolerance="f32-sums"
    )
    assert op_names(module)[-1] == "nn.group_norm"


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("opset", [7, 22])
def test_lp_normalization(p: int, axis: int, opset: int) -> None:
    x = X.copy()
    x[0, :, 1] = 0
    check("LpNormalization", x, opset=opset, p=p, axis=axis)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_lrn(size: int) -> None:
    check("LRN", 3 * X, size=size, alpha=0.1, beta=0.6, bias=1.5, dims=SYMBOLIC)
    check("LRN", 3 * X, size=size, opset=7)


@pytest.mark.parametrize("opset", [9, 13])
def test_mean_variance_normalization_is_expanded(opset: int) -> None:
    module = check("MeanVarianceNormalization", X, opset=opset, dims=SYMBOLIC, tolerance="f32-sums")
    assert "math.reduce_mean" in op_names(module)
    assert {op.location for op in module.main.ops} == {("node",)}
