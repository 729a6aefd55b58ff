"""Nodes that draw random numbers: the reference evaluator's where shapes are known, else those of a generator."""

import warnings
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from glmir.errors import ModelWarning
from glmir.interpreter import run
from tests.glmir.frontends.onnx.harness import Array, Dims, OneNode, check, floats, imported, input_info, model_of
from tests.tolerances import assert_close

pytestmark = pytest.mark.filterwarnings("ignore::glmir.errors.ModelWarning")

LIKE = {"RandomNormalLike": (0.0, 1.0), "RandomUniformLike": (0.5, 12**-0.5)}
"""The mean and the standard deviation of what an operator draws."""


def drawn(op_type: str, *inputs: Array, dims: dict[int, Dims] | None = None, **attributes: Any) -> list[Array]:
    outputs = 2 if op_type == "Dropout" else 1
    node = OneNode(op_type, inputs, attributes, 22, dims=dims or {}, outputs=outputs)
    return list(run(imported(node.model), node.run_time_inputs).values())


@pytest.mark.parametrize("number_type", [TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16])
@pytest.mark.parametrize("op_type", ["RandomNormal", "RandomUniform"])
def test_known_shapes(op_type: str, number_type: int) -> None:
    check(op_type, opset=22, shape=[5, 4], seed=3.0, dtype=number_type, oracle="onnx")


@pytest.mark.parametrize("op_type", sorted(LIKE))
def test_known_shapes_of_operands(op_type: str) -> None:
    check(op_type, floats(5, 4), opset=22, seed=2.0, oracle="onnx")


def test_moments() -> None:
    (normal,) = drawn("RandomNormal", shape=[10000], mean=3.0, scale=0.5)
    assert abs(normal.mean() - 3) < 0.02 and abs(normal.std() - 0.5) < 0.02
    (uniform,) = drawn("RandomUniform", shape=[10000], low=-3.0, high=-1.0)
    assert -3 <= uniform.min() < -2.99 and -1.01 < uniform.max() < -1


@pytest.mark.parametrize("op_type", sorted(LIKE))
def test_shapes_known_at_run_time(op_type: str) -> None:
    (y,) = drawn(op_type, floats(40, 500), dims={0: ["n", "m"]}, seed=5.0)
    mean, deviation = LIKE[op_type]
    assert y.shape == (40, 500) and abs(y.mean() - mean) < 0.02 and abs(y.std() - deviation) < 0.02
    numbers = y.ravel()
    for lag in (1, 2, 3, 500, 4093):
        assert abs(np.corrcoef(numbers[:-lag], numbers[lag:])[0, 1]) < 0.03
    (other,) = drawn(op_type, floats(40, 500), dims={0: ["n", "m"]}, seed=6.0)
    assert abs(np.corrcoef(numbers, other.ravel())[0, 1]) < 0.03


def test_warns_and_draws_different_numbers() -> None:
    nodes = [helper.make_node("RandomNormalLike", ["x"], [name], name=f"draw_{name}") for name in ("a", "b")]
    model = model_of(nodes, [input_info("x", floats(3))], ["a", "b"])
    with pytest.warns(ModelWarning, match="nodes draw_a, draw_b draw random numbers, which are the same in every run"):
        module = imported(model)
    a, b = run(module, {"x": floats(3)}).values()
    assert not np.allclose(a, b)


def test_bernoulli() -> None:
    x = np.linspace(0, 1, 5000, dtype=np.float32)
    (y,) = drawn("Bernoulli", x, dtype=TensorProto.BOOL)
    assert y.dtype == np.bool_ and not y[0] and y[-1]
    assert np.abs(y.reshape(10, -1).mean(1) - x.reshape(10, -1).mean(1)).max() < 0.1


def test_multinomial() -> None:
    logarithms = np.log(np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 3.0]], np.float32) + 1e-30)
    (y,) = drawn("Multinomial", logarithms, sample_size=4000, dtype=TensorProto.INT64)
    shares = np.stack([(y == i).mean(1) for i in range(3)], 1)
    assert np.abs(shares - [[0.2, 0.5, 0.3], [0.25, 0, 0.75]]).max() < 0.03


@pytest.mark.parametrize("is_training", [True, False])
def test_dropout(is_training: bool) -> None:
    """The standard's cases have what is drawn; ratio and mode may be known as the model runs alone."""
    x = floats(10, 20)
    y, kept = drawn("Dropout", x, np.array(0.25, np.float32), np.array(is_training), dims={0: ["n", 20]})
    assert 0.6 < kept.mean() < 0.9 if is_training else kept.all()
    assert_close(y, np.where(kept, x / 0.75, 0) if is_training else x, "f32")


def test_dropout_that_does_not_train_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        imported(OneNode("Dropout", [floats(3)], {}, 12).model)
