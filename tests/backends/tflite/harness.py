"""Differential tests: a module is legalised, serialised, run in LiteRT, and held against the interpreter."""

import io
from collections.abc import Mapping

import numpy as np

from glmir import interpreter
from glmir.backends.tflite import schema_enums
from glmir.backends.tflite.emitters import TABLE
from glmir.backends.tflite.graph import Graph
from glmir.backends.tflite.legalize import legalize_tflite
from glmir.backends.tflite.serializer import serialize
from glmir.ir import Array, Module, Op
from glmir.parser import parse_module
from glmir.verifier import verify
from tests.backends.building import Sizes, module_of, random_inputs
from tests.backends.workers import worker
from tests.tolerances import assert_close

WORKER = worker("tflite")


def to_tflite(module: Module) -> bytes:
    """The module as a TFLite file; raises CompileError. The module is legalised in place."""
    legalize_tflite(module)
    verify(module)
    stream = io.BytesIO()
    serialize(module, stream)
    return stream.getvalue()


def check(module: Module | str, inputs: Mapping[str, Array], tolerance: str = "f32") -> None:
    """Fails unless LiteRT, and the interpreter on the legalised module, compute what the interpreter does.

    Raises RuntimeFailure and CompileError.
    """
    module = parse_module(module) if isinstance(module, str) else module
    expected = interpreter.run(module, inputs)
    model = to_tflite(module)
    legal, actual = interpreter.run(module, inputs), WORKER.run(model, inputs)
    for name, array in expected.items():
        assert_close(legal[name], array, tolerance, f"legalised output {name}")
        assert_close(np.asarray(actual[name]), array, tolerance, f"output {name}")


def check_op(op: Op, *bindings: Sizes, tolerance: str = "f32-sums", writes: str | None = None) -> None:
    """Fails unless LiteRT computes the op as the interpreter does for every binding of the symbols.

    The legalised module must do so in the interpreter too. ``writes``, if given, are the operators that must be
    written, by their names.
    """
    module = module_of(op)
    cases = [random_inputs(module, sizes) for sizes in bindings or ({},)]
    expected = [interpreter.run(module, inputs) for inputs in cases]
    model = to_tflite(module)
    for inputs, wanted in zip(cases, expected, strict=True):
        for name, array in interpreter.run(module, inputs).items():
            assert_close(array, wanted[name], tolerance, f"legalised {name}")
    if writes is not None:
        assert written_operators(module) == writes.split()
    for inputs, wanted in zip(cases, expected, strict=True):
        actual = WORKER.run(model, inputs)
        for name, array in wanted.items():
            assert_close(np.asarray(actual[name]), array, tolerance, name)


def written_operators(module: Module) -> list[str]:
    """The names of the operators that a legal module is written as."""
    graph = Graph()
    for op in module.main.ops:
        emitter = TABLE.find(op)
        assert emitter is not None, TABLE.why_illegal(op)
        emitter.emit(op, graph)
    codes = [schema_enums.BuiltinOperator(operator).name for operator, _ in graph.codes]
    return [codes[o.opcode_index] for o in graph.operators]
