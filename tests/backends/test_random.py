"""Property: compiled for any target, a random typed module computes in its runtime what the interpreter computes."""

import os
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

import glmir
from glmir import interpreter
from glmir.backends.target import TARGETS, load_target
from glmir.errors import CompileError
from glmir.ir import Array, Module
from glmir.ops import nn
from glmir.printer import print_module
from tests.random_graphs import has_elements_everywhere, modules
from tests.tolerances import assert_close

from .workers import at_border, run_artifact

EXAMPLES = int(os.environ.get("GLMIR_RANDOM_EXAMPLES", "150"))
"""How many modules are tried for each target: set the variable for a longer search."""

LARGEST = 8
"""Ops a module: many in one hide each other's failures, for a module is refused when one of its ops is."""

REFUSED_AT_MOST = 0.05
"""The part of the modules that may be refused. What the interpreter computes is meant to compile."""

COMPARED_AT_LEAST = 0.8
"""The part whose outputs must have been compared."""


@pytest.mark.parametrize("target", TARGETS)
def test_the_runtime_computes_what_the_interpreter_does(target: str) -> None:
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
    )
    @given(modules(LARGEST))
    def search(case: tuple[Module, dict[str, Array]]) -> None:
        module, inputs = case
        # The runtimes are wrong in many ways about tensors that have no elements, or refuse them.
        assume(has_elements_everywhere(module))
        outcomes[_outcome(target, module, inputs)] += 1

    search()
    print(f"{outcomes.total()} modules, of which {outcomes['refused']} were refused")
    assert outcomes["refused"] <= REFUSED_AT_MOST * outcomes.total()
    assert outcomes["ran"] >= COMPARED_AT_LEAST * outcomes.total()


@pytest.mark.parametrize("target", TARGETS)
def test_any_op_has_reasons_or_an_emitter(target: str) -> None:
    table = load_target(target).table

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(modules(LARGEST))
    def search(case: tuple[Module, dict[str, Array]]) -> None:
        module, _ = case
        for op in module.main.ops:
            # Each condition is asked, also of an op that breaks the others.
            assert table.is_legal(op) or table.why_illegal(op)

    search()


def _outcome(target: str, module: Module, inputs: dict[str, Array]) -> str:
    try:
        artifact = glmir.compile(module, target=target, precision="fp32")
    except CompileError:
        return "refused"
    if target == "mnn" and any(isinstance(op, nn.Gelu) for op in artifact.module.main.ops):
        # MNN's GELU is an approximation, whose error what follows may enlarge without bound.
        return "approximated"
    with np.errstate(all="ignore"):
        expected = interpreter.run(module, inputs)
    try:
        actual = run_artifact(artifact, inputs)
        for name, array in expected.items():
            wanted = at_border(artifact.target, array)
            assert_close(actual[name], wanted, "random" if wanted.dtype.kind == "f" else "exact", name)
    except Exception as error:
        error.add_note(f"{print_module(module)}\nwas compiled to\n{print_module(artifact.module)}")
        raise
    return "ran"
