"""assign-layouts: what is computed stays, and no labeling transposes fewer bytes."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from glmir.cloning import clone_module
from glmir.interpreter import run
from glmir.ir import Module
from glmir.ops import nn, tensor
from glmir.ops.enums import Layout
from glmir.parser import parse_module
from glmir.pass_manager import PassManager, RequirementError, parse_pipeline
from glmir.passes import BY_NAME
from glmir.passes.layout.borders import Borders
from glmir.passes.layout.cancel_transposes import MERGING
from glmir.passes.layout.channels_last import CHANNELS_LAST
from glmir.passes.layout.costs import costs_of, transposed_bytes
from glmir.passes.layout.forms import form_in
from glmir.passes.layout.layout_problem import LayoutProblem
from glmir.passes.layout.reordering import reorder
from glmir.rewriter import apply_rules
from glmir.verifier import verify
from tests.golden import random_inputs
from tests.passes.layout.graphs import layout_graphs
from tests.tolerances import assert_close

MOST_LABELS = 9
"""Ops with a choice at most where all labelings are tried."""


def assign(module: Module) -> bool:
    return PassManager(parse_pipeline("assign-layouts", BY_NAME)).run(module)


def assert_same_outputs(before: Module, after: Module) -> None:
    inputs = random_inputs(before.main)
    expected, actual = run(before, inputs), run(after, inputs)
    assert list(expected) == list(actual)
    for name, array in expected.items():
        assert_close(actual[name], array, "f32-sums", name)


def cheapest(module: Module, problem: LayoutProblem) -> int:
    """The least transposed bytes of all labelings, each carried out."""
    free = [i for i, op in enumerate(module.main.ops) if op in problem.forms and not problem.forms[op].is_required]
    costs = []
    for choice in itertools.product((0, 1), repeat=len(free)):
        copy = clone_module(module)
        ops = list(copy.main.ops)
        again = LayoutProblem(copy, CHANNELS_LAST, costs_of(copy))
        again.carry_out({ops[i]: label for i, label in zip(free, choice, strict=True)})
        costs.append(transposed_bytes(copy, costs_of(copy)))
    return min(costs)


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(layout_graphs())
def test_outputs_stay_and_every_spatial_op_is_channels_last(module: Module) -> None:
    before = clone_module(module)
    assert assign(module)
    verify(module)
    assert all(getattr(op, "layout", Layout.NHWC) is Layout.NHWC for op in module.main.ops)
    assert [(v.name, v.type) for v in module.main.inputs] == [(v.name, v.type) for v in before.main.inputs]
    assert_same_outputs(before, module)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(layout_graphs(largest=6))
def test_no_labeling_transposes_fewer_bytes(module: Module) -> None:
    apply_rules(module, MERGING)
    costs = costs_of(module)
    problem = LayoutProblem(module, CHANNELS_LAST, costs)
    assume(sum(not form.is_required for form in problem.forms.values()) <= MOST_LABELS)
    best = cheapest(module, problem)
    labels, bound = problem.solve()
    assert best == bound == problem.cost(labels)
    problem.carry_out(labels)
    assert transposed_bytes(module, costs) == best


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(layout_graphs())
def test_every_form_computes_the_same(module: Module) -> None:
    """Each op alone, channels-last whether that pays or not."""
    before = clone_module(module)
    chosen = {op: form for op in module.main.ops if (form := form_in(op, CHANNELS_LAST)) is not None}
    reorder(module, CHANNELS_LAST, chosen, Borders(module, CHANNELS_LAST), lambda place: False)
    verify(module)
    assert_same_outputs(before, module)


CHAIN = """func @main(%x: f32[1, 8, 16, 16]) -> (%y: f32[1, 8]) {
  %w = tensor.constant() {value = dense<0.5>} : f32[8, 8, 1, 1]
  %b = tensor.constant() {value = dense<1.0>} : f32[1, 8, 1, 1]
  %0 = nn.conv(%x, %w, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[1, 8, 16, 16]
  %1 = math.add(%0, %b) : f32[1, 8, 16, 16]
  %2 = nn.relu(%1) : f32[1, 8, 16, 16]
  %3 = nn.conv(%2, %w, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[1, 8, 16, 16]
  %4 = math.reduce_mean(%3) {axes = [2, 3], keep_dims = false} : f32[1, 8]
  return %4
}
"""


def test_a_network_is_transposed_at_its_input_only() -> None:
    module = parse_module(CHAIN)
    assert assign(module)
    transposes = [op for op in module.main.ops if isinstance(op, tensor.Transpose)]
    assert [op.x.name for op in transposes] == ["x"]
    assert_same_outputs(parse_module(CHAIN), module)


def test_names_and_locations_go_with_the_tensors() -> None:
    text = CHAIN.replace("%0", "%first")
    module = parse_module(text.replace("[1, 8, 16, 16]\n  %1", '[1, 8, 16, 16] loc("conv1")\n  %1'))
    assign(module)
    conv = next(op for op in module.main.ops if isinstance(op, nn.Conv))
    assert conv.result.name == "first" and conv.location == ("conv1",)


def test_nothing_spatial_nothing_changed() -> None:
    text = "func @main(%x: f32[2, 3, 4]) -> (%y: f32[2, 3, 4]) {\n  %0 = nn.relu(%x) : f32[2, 3, 4]\n  return %0\n}\n"
    module = parse_module(text)
    assert not assign(module)
    assert module == parse_module(text)
    module = parse_module(CHAIN)
    assert not PassManager(parse_pipeline("assign-layouts{spatial=nchw}", BY_NAME)).run(module)
    assert module == parse_module(CHAIN)


def test_channels_last_modules_are_refused() -> None:
    module = parse_module(CHAIN)
    assign(module)
    with pytest.raises(RequirementError, match="every op with a layout is channels-first"):
        assign(module)


def test_symbolic_sizes() -> None:
    text = CHAIN.replace("1, 8, 16, 16]", "n, 8, h, w]").replace("f32[1, 8]", "f32[n, 8]")
    text = text.replace("f32[n, 8, 1, 1]", "f32[1, 8, 1, 1]")
    module = parse_module(text)
    assert assign(module)
    verify(module)
    inputs = {"x": np.random.default_rng(0).standard_normal((2, 8, 3, 5)).astype(np.float32)}
    assert_close(run(module, inputs)["y"], run(parse_module(text), inputs)["y"], "f32-sums")


def transposes_after(text: str) -> list[tensor.Transpose]:
    """The transposes that are left after the layouts and the clean-up behind them; the outputs stay."""
    module = parse_module(text)
    PassManager(parse_pipeline("assign-layouts,canonicalize,eliminate-dead-code", BY_NAME)).run(module)
    assert_same_outputs(parse_module(text), module)
    return [op for op in module.main.ops if isinstance(op, tensor.Transpose)]


CONV = "{strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]}"


def test_a_channel_shuffle_between_convolutions_is_one_transpose() -> None:
    transposes = transposes_after(f"""func @main(%x: f32[n, 6, 8, 8]) -> (%y: f32[n, 6]) {{
  %w = tensor.constant() {{value = dense<0.5>}} : f32[6, 6, 1, 1]
  %0 = nn.conv(%x, %w, none) {CONV} : f32[n, 6, 8, 8]
  %1 = tensor.reshape(%0, none) {{shape = [n, 2, 3, 8, 8]}} : f32[n, 2, 3, 8, 8]
  %2 = tensor.transpose(%1) {{permutation = [0, 2, 1, 3, 4]}} : f32[n, 3, 2, 8, 8]
  %3 = tensor.reshape(%2, none) {{shape = [n, 6, 8, 8]}} : f32[n, 6, 8, 8]
  %4 = nn.conv(%3, %w, none) {CONV} : f32[n, 6, 8, 8]
  %y = math.reduce_mean(%4) {{axes = [2, 3], keep_dims = false}} : f32[n, 6]
  return %y
}}
""")
    assert [op.permutation for op in transposes] == [(0, 2, 3, 1), (0, 2, 1)]


def test_attention_over_pixels_multiplies_matrices_as_they_lie() -> None:
    transposes = transposes_after(f"""func @main(%x: f32[n, 8, 4, 4]) -> (%y: f32[n, 8]) {{
  %w = tensor.constant() {{value = dense<0.5>}} : f32[8, 8, 1, 1]
  %0 = nn.conv(%x, %w, none) {CONV} : f32[n, 8, 4, 4]
  %q = tensor.reshape(%0, none) {{shape = [n, 8, 16]}} : f32[n, 8, 16]
  %a = math.mat_mul(%q, %q) {{transpose_x = true, transpose_y = false}} : f32[n, 16, 16]
  %s = nn.softmax(%a) {{axis = 2}} : f32[n, 16, 16]
  %b = math.mat_mul(%q, %s) {{transpose_x = false, transpose_y = true}} : f32[n, 8, 16]
  %c = tensor.reshape(%b, none) {{shape = [n, 8, 4, 4]}} : f32[n, 8, 4, 4]
  %4 = nn.conv(%c, %w, none) {CONV} : f32[n, 8, 4, 4]
  %y = math.reduce_mean(%4) {{axes = [2, 3], keep_dims = false}} : f32[n, 8]
  return %y
}}
""")
    assert [op.permutation for op in transposes] == [(0, 2, 3, 1)]


def test_softmax_over_channels_stays_along_the_last_axis() -> None:
    transposes = transposes_after(f"""func @main(%x: f32[1, 8, 4, 4]) -> (%y: f32[1, 8, 4, 4], %z: i64[1, 4, 4]) {{
  %w = tensor.constant() {{value = dense<0.5>}} : f32[8, 8, 1, 1]
  %0 = nn.conv(%x, %w, none) {CONV} : f32[1, 8, 4, 4]
  %y = nn.softmax(%0) {{axis = 1}} : f32[1, 8, 4, 4]
  %z = math.arg_max(%0) {{axis = 1, keep_dims = false, select_last = false}} : i64[1, 4, 4]
  return %y, %z
}}
""")
    assert [op.x.type.shape for op in transposes] == [(1, 8, 4, 4), (1, 4, 4, 8)]
