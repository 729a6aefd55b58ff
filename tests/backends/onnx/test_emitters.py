"""Every op in onnxruntime, held against the interpreter: as it is written at the newest opset, and at older ones."""

import numpy as np
import pytest

from glmir.backends.onnx.opsets import NEWEST_OPSET, OLDEST_OPSET
from glmir.dims import evaluate
from glmir.errors import CompileError
from glmir.ir import Array, Module
from glmir.types import DType
from tests.backends.onnx.cases import CASES, Case
from tests.backends.onnx.harness import check_model
from tests.backends.tflite.harness import module_of, sample

SIZES = ({"n": 2, "m": 7}, {"n": 5, "m": 4})
OPSETS = (OLDEST_OPSET, 13, 15, 17, 19, 22, 24)
"""Those at which operators that are written changed."""


def inputs_of(module: Module, sizes: dict[str, int]) -> dict[str, Array]:
    return {
        v.name: sample(v.type.dtype, [d if isinstance(d, int) else evaluate(d, sizes) for d in v.type.shape], seed=v.name)
        for v in module.main.inputs
    }


def cases_of(module: Module) -> list[dict[str, Array]]:
    return [inputs_of(module, sizes) for sizes in SIZES[: 2 if module.main.symbols else 1]]


def module_for(case: Case) -> Module:
    # The ops of the table are shared by the tests: each gets its own.
    return module_of(case.op).clone() if case.op.function is None else case.op.function_module()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", CASES)
def test_newest_opset(name: str) -> None:
    module = module_of(CASES[name]().op)
    check_model(module, cases_of(module), CASES[name]().tolerance, NEWEST_OPSET, CASES[name]().writes)
