"""Property: of a random ONNX model, onnxruntime, the imported module and every target's runtime compute the same.

By default the models are the same few in every run; with GLMIR_RANDOM_EXAMPLES=N, N others.
"""

import os
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import glmir
from glmir import interpreter
from glmir.backends.target import TARGETS, load_target
from glmir.errors import CompileError
from glmir.frontends.onnx.importer import import_model
from tests.backends.workers import at_border, run_artifact
from tests.random_onnx import STRATEGIES, Drawn, draw, draw_graph
from tests.tolerances import assert_close

INTERPRETER = "interpreter"
EXAMPLES = int(os.environ.get("GLMIR_RANDOM_EXAMPLES", "0"))
FEW = {INTERPRETER: 60}
"""How many models are drawn by default, where it is not ``FEW_ON_TARGETS``."""
FEW_ON_TARGETS = 12

NODES = 6
"""How many nodes a graph has at most."""

REFUSED_AT_MOST = 0.12
"""The part of the models that may be refused: Core ML has no tensors without elements, nor any of over five axes."""

TOLERANCES = {"float16": "f16", "float32": "onnx-cases", "float64": "onnx-cases"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", (INTERPRETER, *TARGETS))
@pytest.mark.parametrize("kind", ["node", "graph"])
def test_random_models(kind: str, target: str) -> None:
    outcomes: Counter[str] = Counter()
    count = EXAMPLES or FEW.get(target, FEW_ON_TARGETS)
    healthy = [HealthCheck.too_slow, HealthCheck.filter_too_much]

    @settings(max_examples=count, deadline=None, derandomize=not EXAMPLES, database=None, suppress_health_check=healthy)
    @given(st.integers(0, 2**32 - 1))
    def search(seed: int) -> None:
        drawn = draw(seed, STRATEGIES) if kind == "node" else draw_graph(seed, NODES, STRATEGIES)
        if drawn is not None:
            outcomes[_outcome(drawn, target, kind == "graph")] += 1

    search()
    assert outcomes["computed"]
    assert outcomes["refused"] <= max(REFUSED_AT_MOST * outcomes.total(), 2)


def _outcome(drawn: Drawn, target: str, is_graph: bool) -> str:
    try:
        if target == INTERPRETER:
            with np.errstate(all="ignore"):
                actual = interpreter.run(import_model(drawn.model), drawn.inputs)
        else:
            actual = run_artifact(glmir.compile(drawn.model, target=target, precision="fp32"), drawn.inputs)
        assert set(actual) == set(drawn.expected)
        if target != INTERPRETER and not all(a.size for a in (*drawn.inputs.values(), *drawn.expected.values())):
            # Runtimes are wrong in many ways about tensors that have no elements.
            return "without elements"
        for name, array in drawn.expected.items():
            expected = array if target == INTERPRETER else at_border(load_target(target), array)
            tolerance = TOLERANCES.get(array.dtype.name, "exact")
            if is_graph and tolerance != "exact":
                tolerance = "random-graph"
            elif target == "mnn" and "Gelu" in drawn.what and tolerance != "exact":
                tolerance = "native-gelu"
            assert_close(actual[name], expected, tolerance, f"output {name}")
    except CompileError:
        return "refused"
    except Exception as error:
        error.add_note(f"{drawn.what} on {target}")
        raise
    return "computed"
