"""cancel-transposes: what is computed stays, and never more bytes are transposed."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from onnx import ModelProto

import glmir
from glmir.cloning import clone_module
from glmir.interpreter import run
from glmir.ir import Module
from glmir.ops.enums import Layout
from glmir.pass_manager import PassManager, parse_pipeline
from glmir.passes import BY_NAME
from glmir.passes.layout.cancel_transposes import MERGING
from glmir.passes.layout.costs import costs_of, moving_transposes
from glmir.passes.layout.layout_facts import layout_facts
from glmir.passes.pipelines import OptLevel, lower, optimize
from glmir.rewriter import RewriteSession, apply_rules
from glmir.verifier import verify
from tests.benchmarks.synthetic_graphs import channels_last_classifier, channels_last_segmenter
from tests.golden import random_inputs
from tests.passes.layout.graphs import layout_graphs
from tests.tolerances import assert_close


def moved_bytes(module: Module) -> int:
    costs = costs_of(module)
    return sum(costs.transpose(op.x.type, op.permutation) for _, op in moving_transposes(module))


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(layout_graphs(largest=10))
def test_outputs_stay_and_never_more_is_moved(module: Module) -> None:
    apply_rules(module, MERGING)
    before = clone_module(module)
    PassManager(parse_pipeline("cancel-transposes", BY_NAME)).run(module)
    verify(module)
    assert moved_bytes(module) <= moved_bytes(before)
    inputs = random_inputs(before.main)
    expected, actual = run(before, inputs), run(module, inputs)
    for name, array in expected.items():
        assert_close(actual[name], array, "f32-sums", name)


@pytest.mark.parametrize("build", [channels_last_classifier, channels_last_segmenter])
def test_a_channels_last_model_keeps_the_transposes_at_its_borders(build: Callable[[], ModelProto]) -> None:
    model = build()
    session = RewriteSession()
    module = glmir.load(model)
    PassManager((*optimize(OptLevel.O2), *lower((), Layout.NCHW, OptLevel.O2)), session=session).run(module)
    assert sum(node.op_type == "Transpose" for node in model.graph.node) >= 18
    borders = [v for v in (*module.main.inputs, *module.main.outputs) if v.type.rank == 4]
    assert layout_facts(module).transposes == len(borders)
    assert any(line.startswith("cancel-transposes") for line in session.remarks)
