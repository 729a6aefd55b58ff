"""Models of a running PyTorch: what is given for their inputs, and what they compute. Skipped where it is missing."""

from typing import Any

import numpy as np
import pytest

import glmir
from glmir.errors import InputError
from glmir.interpreter import run
from glmir.ir import Module

torch = pytest.importorskip("torch")

X = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)


class Scaled(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, x: torch.Tensor, scale: float = 2.0) -> torch.Tensor:
        return self.linear(x) * scale


class Summed(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(2, 4))

    def forward(self, x: torch.Tensor, more: dict[str, torch.Tensor]) -> torch.Tensor:
        self.total += x + more["a"]
        return self.total * 2


def torch_x() -> Any:
    return torch.from_numpy(X.copy())


def check(module: Module, expected: Any) -> None:
    (output,) = run(module, {"x": X}).values()
    np.testing.assert_allclose(output, expected.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("given", ["alone", "list", "named"])
@pytest.mark.parametrize("kind", ["module", "script", "trace", "export"])
def test_tensors_are_examples_of_the_inputs(kind: str, given: str) -> None:
    net, x = Scaled().eval(), torch_x()
    forms = {
        "module": lambda: net,
        "script": lambda: torch.jit.script(net),
        "trace": lambda: torch.jit.trace(net, x),
        "export": lambda: torch.export.export(net, (x,)),
    }
    inputs = {"alone": x, "list": [x], "named": {"x": x}}[given]
    module = glmir.load(forms[kind](), inputs=inputs)
    assert [f"{v.name}: {v.type}" for v in module.main.inputs] == ["x: f32[2, 4]"]
    check(module, net(x))


def test_inputs_are_also_given_as_for_files() -> None:
    net, x = Scaled().eval(), torch_x()
    check(glmir.load(torch.jit.script(net), inputs={"x": "f32[n, 4]", "scale": 3.0}), net(x, 3.0))
    check(glmir.load(torch.jit.trace(net, x)), net(x))
    exported = torch.export.export(net, (x,), dynamic_shapes={"x": {0: torch.export.Dim("n")}})
    check(glmir.load(exported), net(x))
    check(glmir.load(torch.jit.script(_relu), inputs=[x]), x.relu())


def _relu(x: torch.Tensor) -> torch.Tensor:
    return torch.relu(x)


def test_numbers_beside_tensors_are_pinned() -> None:
    net, x = Scaled().eval(), torch_x()
    check(glmir.load(net, inputs=[x, 3.0]), net(x, 3.0))
    check(glmir.load(net, inputs={"x": x, "scale": 3.0}), net(x, 3.0))
    check(glmir.load(torch.jit.script(net), inputs={"x": x, "scale": 3.0}), net(x, 3.0))
    with pytest.raises(InputError, match="by its name"):
        glmir.load(torch.jit.script(net), inputs=[x, 3.0])


@pytest.mark.parametrize("is_scripted", [False, True])
def test_nested_tensors_and_states(is_scripted: bool) -> None:
    net, x = Summed().eval(), torch_x()
    inputs = {"x": x, "more": {"a": x}}
    module = glmir.load(torch.jit.script(net) if is_scripted else net, inputs=inputs)
    assert {v.name for v in module.main.inputs} == {"x", "more_a", "total"}
    assert [s.input for s in module.states] == ["total"]
    np.testing.assert_array_equal(net.total.numpy(), 0)
    outputs = list(run(module, {"x": X, "more_a": X}).values())
    np.testing.assert_allclose(outputs[0], 4 * X)


def test_what_is_no_model_is_told() -> None:
    with pytest.raises(InputError, match="a Tensor is no model"):
        glmir.load(torch_x())
    with pytest.raises(InputError, match="a Scaled is exported with example inputs"):
        glmir.load(Scaled())
    with pytest.raises(InputError, match=r"cannot export the model .* nor can torch.jit trace it"):
        glmir.load(Scaled(), inputs=[torch.zeros(3, 3)])
