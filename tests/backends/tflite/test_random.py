"""Property: compiled to TFLite, a random typed module computes in LiteRT what it computes in the interpreter."""

import os
from collections import Counter

import numpy as np
from hypothesis import HealthCheck, assume, given, settings

import glmir
from glmir import interpreter
from glmir.dims import evaluate
from glmir.errors import CompileError
from glmir.ir import Array, Module
from glmir.printer import print_module
from tests.random_graphs import SIZES, modules
from tests.tolerances import assert_close

from .harness import WORKER

EXAMPLES = int(os.environ.get("GLMIR_RANDOM_EXAMPLES", "400"))
"""How many modules are tried: set the variable for a longer search."""

LARGEST = 8
"""Ops a module: many in one hide each other's failures, for a module is refused when one of its ops is."""

REFUSED_AT_MOST = 0.05
"""The part of the modules that may be refused. What the interpreter computes is meant to compile."""


def test_litert_computes_what_the_interpreter_does() -> None:
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
    )
    @given(modules(LARGEST))
    def search(case: tuple[Module, dict[str, Array]]) -> None:
        module, inputs = case
        # LiteRT's kernels are wrong in many ways about tensors that have no elements, and XNNPACK refuses them.
        assume(_has_elements_everywhere(module))
        outcomes[_outcome(module, inputs)] += 1

    search()
    print(f"{outcomes.total()} modules, of which {outcomes['refused']} were refused")
    assert outcomes["refused"] <= REFUSED_AT_MOST * outcomes.total()


def _has_elements_everywhere(module: Module) -> bool:
    dims = {d for v in module.main.values() for d in v.type.shape}
    return all((d if isinstance(d, int) else evaluate(d, SIZES)) > 0 for d in dims)


def _outcome(module: Module, inputs: dict[str, Array]) -> str:
    try:
        artifact = glmir.compile(module, target="tflite")
    except CompileError:
        return "refused"
    with np.errstate(all="ignore"):
        expected = interpreter.run(module, inputs)
    try:
        actual = WORKER.run(artifact.to_bytes(), inputs)
        for name, array in expected.items():
            assert_close(np.asarray(actual[name]), array, "random" if array.dtype.kind == "f" else "exact", name)
    except Exception as error:
        error.add_note(f"{print_module(module)}\nwas compiled to\n{print_module(artifact.module)}")
        raise
    return "ran"
