"""Every op in onnxruntime, held against the interpreter: as it is written at the newest opset, and at older ones."""

import functools
from collections.abc import Mapping

import pytest

from glmir.backends.onnx.opsets import NEWEST_OPSET, OLDEST_OPSET
from glmir.dims import evaluate
from glmir.errors import CompileError
from glmir.ir import Array, Module
from glmir.types import Shape
from tests.backends.building import module_of, sample
from tests.backends.onnx.cases import CASES
from tests.backends.onnx.harness import check_model

SIZES = ({"n": 2, "m": 7}, {"n": 5, "m": 4})

OPSETS = (OLDEST_OPSET, 12, 13, 15, 17, 19, 22, 24)
"""Those from which on operators that are written are others."""

NEEDS_NEWER = {
    "elementwise: bitwise": 18,
    "structure: cast to bfloat16": 13,
}
"""What no older operators can express."""


@functools.cache
def prototype(name: str) -> Module:
    return module_of(CASES[name].op)


def inputs_of(module: Module) -> list[dict[str, Array]]:
    """Inputs for every binding of the symbols."""
    bindings = SIZES[: 2 if module.main.symbols else 1]
    return [
        {v.name: sample(v.type.dtype, bound(v.type.shape, sizes), seed=v.name) for v in module.main.inputs}
        for sizes in bindings
    ]


def bound(shape: Shape, sizes: Mapping[str, int]) -> list[int]:
    return [d if isinstance(d, int) else evaluate(d, sizes) for d in shape]


@pytest.mark.parametrize("name", CASES)
def test_newest_opset(name: str) -> None:
    module = prototype(name).clone()
    check_model(module, inputs_of(module), CASES[name].tolerance, NEWEST_OPSET, CASES[name].writes)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("name", CASES)
def test_older_opset(name: str, opset: int) -> None:
    module = prototype(name).clone()
    needed = NEEDS_NEWER.get(name, 0)
    if opset < needed:
        with pytest.raises(CompileError, match=f"the target needs --opset {needed}"):
            check_model(module, inputs_of(module), opset=opset)
        return
    check_model(module, inputs_of(module), CASES[name].tolerance, opset)
