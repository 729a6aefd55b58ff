"""Builds small modules for the differential tests, and checks them in LiteRT at several sizes."""

import io
from collections.abc import Mapping

import numpy as np

from glmir.backends.tflite import schema_enums
from glmir.backends.tflite.emitters import TABLE
from glmir.backends.tflite.graph import Graph
from glmir.backends.tflite.legalize import legalize_tflite
from glmir.backends.tflite.serializer import serialize
from glmir.dims import Dim, evaluate, symbol
from glmir.interpreter import run
from glmir.ir import Array, Module, Op, Value
from glmir.ops import tensor
from glmir.types import DType, TensorType
from glmir.verifier import verify
from glmir.weights import Weight
from tests.tolerances import assert_close

from .harness import WORKER, module_of

Sizes = Mapping[str, int]


def legalise(module: Module) -> None:
    legalize_tflite(module)


def argument(*dims: Dim | str, dtype: DType = DType.F32) -> Value:
    """A function input to be; a string is a symbol."""
    return Value(TensorType(dtype, tuple(symbol(d) if isinstance(d, str) else d for d in dims)))


def per_axis(value: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    """``count`` numbers: those given, or the one given for all."""
    return value if isinstance(value, tuple) else (value,) * count


def constant(array: Array) -> Value:
    return tensor.Constant(Weight(array)).result


def weight(*shape: int, seed: int = 0) -> Value:
    """A constant of normally distributed f32."""
    return constant(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def random_inputs(module: Module, sizes: Sizes) -> dict[str, Array]:
    """Normally distributed arrays for the inputs, whose symbols are ``sizes``."""
    rng = np.random.default_rng(1)
    return {
        v.name: rng.standard_normal([d if isinstance(d, int) else evaluate(d, sizes) for d in v.type.shape]).astype(
            v.type.dtype.numpy
        )
        for v in module.main.inputs
    }


def check_op(op: Op, *bindings: Sizes, tolerance: str = "f32-sums", writes: str | None = None) -> None:
    """Fails unless LiteRT computes the op as the interpreter does for every binding of the symbols.

    The legalised module must do so in the interpreter too. ``writes``, if given, are the operators that must be
    written, by their names.
    """
    module = module_of(op)
    cases = [random_inputs(module, sizes) for sizes in bindings or ({},)]
    expected = [run(module, inputs) for inputs in cases]
    legalise(module)
    verify(module)
    for inputs, wanted in zip(cases, expected, strict=True):
        for name, array in run(module, inputs).items():
            assert_close(array, wanted[name], tolerance, f"legalised {name}")
    if writes is not None:
        assert written_operators(module) == writes.split()
    stream = io.BytesIO()
    serialize(module, stream)
    for inputs, wanted in zip(cases, expected, strict=True):
        actual = WORKER.run(stream.getvalue(), inputs)
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
