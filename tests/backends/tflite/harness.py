"""Differential tests: a module is legalised, serialised, run in LiteRT, and held against the interpreter."""

import io
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from glmir import interpreter
from glmir.backends.tflite.legalize import legalize_tflite
from glmir.backends.tflite.serializer import serialize
from glmir.ir import Array, Function, Module, Op, Value
from glmir.parser import parse_module
from glmir.rewriter import insert_new_ops
from glmir.types import DType
from glmir.verifier import verify
from tests.backends.workers import RuntimeFailure, worker
from tests.tolerances import assert_close

__all__ = ["WORKER", "RuntimeFailure", "check", "module_of", "sample", "to_tflite"]


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


def module_of(op: Op, inputs: Sequence[Value] | None = None) -> Module:
    """A module that computes one op (and whatever stands before it); its inputs are named in order, x0, x1, …"""
    inputs = _inputs_of(op) if inputs is None else inputs
    for i, value in enumerate(inputs):
        value.name = value.name or f"x{i}"
    function = Function("main", inputs)
    insert_new_ops(op.results, function.ops.append)
    function.set_outputs(op.results, [f"y{i}" for i in range(len(op.results))])
    return Module([function])


def _inputs_of(op: Op) -> list[Value]:
    found: dict[Value, None] = {}
    stack = list(reversed(op.operands))
    while stack:
        value = stack.pop()
        if value.owner is None:
            found[value] = None
        else:
            stack.extend(reversed(value.owner.operands))
    return list(found)


def sample(dtype: DType, shape: Sequence[int], low: float = -4, high: float = 4, seed: object = 0) -> Array:
    """Reproducible random elements in [low, high]; integers and floats both have ties and zeros among them."""
    generator = np.random.default_rng(zlib.crc32(repr((dtype.value, tuple(shape), seed)).encode()))
    if dtype is DType.BOOL:
        return generator.integers(0, 2, shape).astype(np.bool_)
    if dtype.is_integer:
        return generator.integers(max(low, 0) if dtype.is_unsigned_integer else low, high + 1, shape).astype(
            dtype.numpy
        )
    return np.asarray(generator.uniform(low, high, shape)).astype(dtype.numpy)
