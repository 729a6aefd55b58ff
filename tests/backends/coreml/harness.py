"""Builds small modules for the differential tests, and checks what is written of them at several sizes."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from glmir import interpreter
from glmir.backends.coreml import runtime
from glmir.backends.coreml.border import adapt_coreml_border
from glmir.backends.coreml.legalize import legalize_coreml
from glmir.backends.coreml.opsets import DEFAULT_VERSION
from glmir.backends.coreml.serializer import serialize
from glmir.backends.coreml.target import REPRESENTED
from glmir.backends.coreml.validation import problems
from glmir.backends.target import TargetOptions
from glmir.ir import Array, Module, Op
from glmir.parser import parse_module
from glmir.passes.precision.narrow_types import encode_types, narrow_types
from glmir.verifier import verify
from tests.backends.building import Sizes, module_of, random_inputs
from tests.backends.coreml.mil_loader import assert_loads
from tests.backends.coreml.packages import written_operations
from tests.tolerances import assert_close


def check_op(
    op: Op,
    *bindings: Sizes,
    tolerance: str = "f32-sums",
    writes: str | None = None,
    version: int = DEFAULT_VERSION,
) -> None:
    """Fails unless what is written computes the op as the interpreter does, for every binding of the symbols.

    The legalised module must do so in the interpreter too. ``writes``, if given, are the operations that must be
    written, constants left out.
    """
    module = module_of(op)
    check_module(module, *[random_inputs(module, sizes) for sizes in bindings or ({},)], tolerance=tolerance,
                 writes=writes, version=version)  # fmt: skip


def check_module(
    module: Module | str,
    *cases: Mapping[str, Array],
    tolerance: str = "f32-sums",
    writes: str | None = None,
    version: int = DEFAULT_VERSION,
) -> None:
    """The same for a module, or the text of one, on the inputs given."""
    module = parse_module(module) if isinstance(module, str) else module
    expected = [interpreter.run(module, inputs) for inputs in cases]
    narrow_types(module, types=encode_types(REPRESENTED))
    adapt_coreml_border(module, version=version)
    legalize_coreml(module, version=version)
    verify(module)
    for inputs, wanted in zip(cases, expected, strict=True):
        outputs = interpreter.run(module, at_border(module, inputs))
        for name, array in wanted.items():
            assert_close(_cast_back(outputs[name], array), array, tolerance, f"legalised {name}")
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "model.mlpackage"
        serialize(module, package, version, TargetOptions())
        if writes is not None:
            assert written_operations(package) == writes.split()
        assert not problems(package)
        assert_loads(package)
        for inputs, wanted in zip(cases, expected, strict=True):
            actual = runtime.run(package, at_border(module, inputs))
            for name, array in wanted.items():
                assert_close(_cast_back(np.asarray(actual[name]), array), array, tolerance, name)


def at_border(module: Module, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The source's inputs as an adapted module takes them."""
    types = {v.name: v.type for v in module.main.inputs}
    return {n: a.reshape(a.shape or (1,)).astype(types[n].dtype.numpy) for n, a in inputs.items()}


def _cast_back(output: Array, source: Array) -> Array:
    return output.astype(source.dtype)
