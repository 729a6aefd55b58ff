"""Differential tests: a module is legalised, written, checked by onnx, run in onnxruntime, and held against the
interpreter."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx

from glmir import interpreter
from glmir.backends.onnx.emitters import TABLE
from glmir.backends.onnx.legalize import legalize_onnx
from glmir.backends.onnx.opsets import NEWEST_OPSET
from glmir.backends.onnx.runtime import run
from glmir.backends.onnx.serializer import serializer
from glmir.ir import Array, Module
from glmir.pass_manager import PassManager
from glmir.passes import pipelines
from glmir.verifier import verify
from tests.tolerances import assert_close


def to_onnx(module: Module, opset: int = NEWEST_OPSET) -> bytes:
    """The module as an ONNX file; raises CompileError. The module is legalised in place."""
    PassManager((legalize_onnx.with_options(opset=opset), *pipelines.cleanup())).run(module)
    verify(module)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        serializer(TABLE.at(opset), opset)(module, path)
        return path.read_bytes()


def run_bytes(model: bytes, inputs: Mapping[str, Array]) -> dict[str, Array]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model)
        return run(path, inputs)


def operators(model: bytes) -> list[str]:
    """The operators of the graph, in order."""
    return [node.op_type for node in onnx.ModelProto.FromString(model).graph.node]


def check_model(
    module: Module,
    cases: Sequence[Mapping[str, Array]],
    tolerance: str = "f32",
    opset: int = NEWEST_OPSET,
    writes: str | None = None,
) -> None:
    """Fails unless the interpreter on the legalised module, and onnxruntime, compute what the interpreter does.

    onnx's checker must accept the model and infer what it declares. ``writes``, if given, are the operators that must
    be written, in order. Raises GlmirError and CompileError.
    """
    expected = [interpreter.run(module, inputs) for inputs in cases]
    model = to_onnx(module, opset)
    onnx.checker.check_model(model, full_check=True)
    if writes is not None:
        assert operators(model) == writes.split(), f"written as {' '.join(operators(model))}"
    for inputs, wanted in zip(cases, expected, strict=True):
        legal, actual = interpreter.run(module, inputs), run_bytes(model, inputs)
        assert list(actual) == list(module.main.output_names)
        for name, array in wanted.items():
            assert_close(legal[name], array, tolerance, f"legalised output {name}")
            assert_close(np.asarray(actual[name]), array, tolerance, f"output {name}")
