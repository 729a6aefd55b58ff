"""Layouts across the borders of functions: loops and branches take and give channels-last what profits from it."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glmir.attributes import FunctionRef
from glmir.cloning import clone_module
from glmir.interpreter import run
from glmir.ir import Function, Module, Value
from glmir.ops import control, nn, tensor
from glmir.parser import parse_module
from glmir.pass_manager import PassManager, parse_pipeline
from glmir.passes import BY_NAME
from glmir.passes.layout.channels_last import CHANNELS_LAST
from glmir.passes.layout.costs import costs_of, transposed_bytes
from glmir.passes.layout.layout_problem import LayoutProblem
from glmir.passes.layout.minimum_cut import Node
from glmir.types import DType, TensorType
from glmir.verifier import verify
from tests.golden import random_inputs
from tests.passes.layout.graphs import layout_graphs
from tests.tolerances import assert_close

CONV = "{strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]}"
IMAGE = "f32[2, 3, 4, 5]"
WEIGHT = "%w = tensor.constant() {value = dense<0.5>} : f32[3, 3, 1, 1]"

LOOP = f"""func @main(%x: {IMAGE}, %n: i64[]) -> (%y: f32[2, 3]) {{
  {WEIGHT}
  %0 = nn.conv(%x, %w, none) {CONV} : {IMAGE}
  %1, %2 = control.while([%0, %n]) {{condition = @goes_on, body = @step}} : {IMAGE}, i64[]
  %3 = nn.conv(%1, %w, none) {CONV} : {IMAGE}
  %y = math.reduce_max(%3) {{axes = [2, 3]}} : f32[2, 3]
  return %y
}}

func @goes_on(%x: {IMAGE}, %n: i64[]) -> (%go: bool[]) {{
  %limit = tensor.constant() {{value = dense<2>}} : i64[]
  %go = math.less(%n, %limit) : bool[]
  return %go
}}

func @step(%x: {IMAGE}, %n: i64[]) -> (%y: {IMAGE}, %next: i64[]) {{
  {WEIGHT}
  %0 = nn.conv(%x, %w, none) {CONV} : {IMAGE}
  %y = math.add(%0, %x) : {IMAGE}
  %one = tensor.constant() {{value = dense<1>}} : i64[]
  %next = math.add(%n, %one) : i64[]
  return %y, %next
}}
"""

BRANCHES = f"""func @main(%x: {IMAGE}, %go: bool[]) -> (%y: {IMAGE}, %v: f32[2, 60]) {{
  {WEIGHT}
  %0 = nn.conv(%x, %w, none) {CONV} : {IMAGE}
  %1, %2 = control.if(%go, [%0, %x]) {{then_branch = @one, else_branch = @other}} : {IMAGE}, f32[2, 60]
  %y = nn.relu(%1) : {IMAGE}
  return %y, %2
}}

func @one(%a: {IMAGE}, %b: {IMAGE}) -> (%y: {IMAGE}, %v: f32[2, 60]) {{
  {WEIGHT}
  %y = nn.conv(%a, %w, none) {CONV} : {IMAGE}
  %v = tensor.reshape(%b, none) {{shape = [2, 60]}} : f32[2, 60]
  return %y, %v
}}

func @other(%a: {IMAGE}, %b: {IMAGE}) -> (%y: {IMAGE}, %v: f32[2, 60]) {{
  %0 = nn.sigmoid(%b) : {IMAGE}
  %c = tensor.constant() {{value = dense<0.0>}} : {IMAGE}
  %v = tensor.reshape(%0, none) {{shape = [2, 60]}} : f32[2, 60]
  return %c, %v
}}
"""


def assign(module: Module) -> list[tensor.Transpose]:
    """Runs the pass, checks what the module computes, and returns the transposes that are left."""
    before = clone_module(module)
    assert PassManager(parse_pipeline("assign-layouts,canonicalize", BY_NAME)).run(module)
    verify(module)
    inputs = random_inputs(before.main)
    flags = {"n": np.array(0), "go": np.array(True)}
    for values in (inputs, inputs | {k: v for k, v in flags.items() if k in inputs}):
        expected, actual = run(before, values), run(module, values)
        for name, array in expected.items():
            assert_close(actual[name], array, "f32-sums", name)
    return [op for f in module.functions.values() for op in f.ops if isinstance(op, tensor.Transpose)]


def test_a_loop_carries_its_image_channels_last() -> None:
    module = parse_module(LOOP)
    assert [op.x.name for op in assign(module)] == ["x"]
    step = module.functions["step"]
    assert [v.type.shape for v in (*step.inputs, *step.outputs)] == [(2, 4, 5, 3), (), (2, 4, 5, 3), ()]


def test_branches_agree_on_what_they_take_and_give() -> None:
    module = parse_module(BRANCHES)
    transposes = assign(module)
    # The second stands in the only branch that needs it.
    assert [op.x.name for op in transposes] == ["x", "y"]
    for name in ("one", "other"):
        shapes = [v.type.shape for v in module.functions[name].inputs]
        assert shapes == [(2, 4, 5, 3), (2, 3, 4, 5)]


@pytest.mark.parametrize("text", [LOOP, BRANCHES], ids=["loop", "branches"])
def test_no_choice_of_ops_and_borders_transposes_fewer_bytes(text: str) -> None:
    source = parse_module(text)
    problem = LayoutProblem(source, CHANNELS_LAST, costs_of(source))
    labels, bound = problem.solve()
    costs = []
    for choice in itertools.product((0, 1), repeat=len(labels)):
        module = clone_module(source)
        again = LayoutProblem(module, CHANNELS_LAST, costs_of(module))
        nodes: list[Node] = list(again.solve()[0])
        again.carry_out(dict(zip(nodes, choice, strict=True)))
        verify(module)
        costs.append(transposed_bytes(module, costs_of(module)))
    assert min(costs) == bound == problem.cost(labels)


@settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
@given(layout_graphs(largest=6), st.booleans())
def test_random_branches_compute_the_same(module: Module, goes_first: bool) -> None:
    """Both branches are the random function: main takes what they give, and gives it behind a ReLU."""
    inner = module.main
    inner.name = "one"
    other = clone_module(Module([inner])).functions["one"]
    other.name = "other"
    inputs = [Value(v.type, v.name) for v in inner.inputs]
    flag = Value(TensorType(DType.BOOL, ()), "go")
    main = Function("main", [flag, *inputs])
    types = tuple(v.type for v in inner.outputs)
    branch = control.If(flag, tuple(inputs), FunctionRef("one"), FunctionRef("other"), types)
    main.ops.append(branch)
    outputs = [nn.Relu(r) for r in branch.results]
    for op in outputs:
        main.ops.append(op)
    main.set_outputs([op.result for op in outputs], list(inner.output_names))
    whole = Module([main, inner, other])
    before = clone_module(whole)
    PassManager(parse_pipeline("assign-layouts,canonicalize,cancel-transposes", BY_NAME)).run(whole)
    verify(whole)
    arrays = random_inputs(before.main) | {"go": np.array(goes_first)}
    expected, actual = run(before, arrays), run(whole, arrays)
    for name, array in expected.items():
        assert_close(actual[name], array, "f32-sums", name)
