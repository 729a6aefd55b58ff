"""Branches on every target, held against the interpreter."""

import numpy as np
import pytest

import glmir
from glmir import interpreter
from glmir.backends.target import TARGETS
from glmir.ir import Array, Module
from glmir.parser import parse_module
from glmir.types import DType
from tests.tolerances import assert_close

from .building import sample
from .workers import at_border, run_artifact

VALUES = "%x: f32[n, 2], %y: f32[n, 2], %i: i64[]"
RESULTS = "%a: f32[n, 2], %b: f32[n, 2], %c: i64[]"
TYPES = "f32[n, 2], f32[n, 2], i64[]"
IF = f"control.if(%go, [%x, %y, %i]) {{then_branch = @yes, else_branch = @no}} : {TYPES}"
COMPUTES = """%s = math.sub(%x, %y) : f32[n, 2]
  %one = tensor.constant() {value = dense<1>} : i64[]
  %next = math.add(%i, %one) : i64[]
  return %s, %x, %next"""
BRANCHES = {
    "hands on": "return %x, %y, %i",
    "swaps": "return %y, %x, %i",
    "same input twice": "return %x, %x, %i",
    "same result twice": "%s = math.sin(%x) : f32[n, 2]\n  return %s, %s, %i",
    "constant": "%k = tensor.constant() {value = dense<7>} : i64[]\n  %w = tensor.constant() {value = weight<w>} : "
    "f32[2, 2]\n  %s = math.mat_mul(%x, %w) : f32[n, 2]\n  return %s, %y, %k",
}
RESHAPES = """%r = tensor.reshape(%y, none) {shape = [2*n]} : f32[2*n]
  %s = tensor.reshape(%r, none) {shape = [n, 2]} : f32[n, 2]
  return %s, %x, %i"""
WEIGHTS = {"w": np.array([[1, 2], [3, -4]], np.float32)}


def function(name: str, body: str) -> str:
    return f"func @{name}({VALUES}) -> ({RESULTS}) {{\n  {body}\n}}\n"


def branching(yes: str, no: str, main: str = f"%a, %b, %c = {IF}\n  return %a, %b, %c") -> str:
    main = f"func @main(%go: bool[], {VALUES}) -> ({RESULTS}) {{\n  {main}\n}}\n"
    return main + function("yes", yes) + function("no", no)


def check(module: Module | str, target: str, inputs: dict[str, Array] | None = None, level: int = 0) -> None:
    """Fails unless the artifact computes what the interpreter does on either branch."""
    module = parse_module(module, WEIGHTS) if isinstance(module, str) else module
    artifact = glmir.compile(module, target=target, opt_level=level, precision="fp32")
    values = {"x": sample(DType.F32, (3, 2)), "y": sample(DType.F32, (3, 2), seed=1), "i": np.array(4)}
    for go in (True, False):
        given = {"go": np.array(go), **(values if inputs is None else inputs)}
        expected, actual = interpreter.run(module, given), run_artifact(artifact, given)
        for name, array in expected.items():
            assert_close(np.asarray(actual[name]), at_border(artifact.target, array), "f32", f"{name} if {go}")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("branch", [*BRANCHES, "reshapes"])
def test_branches(target: str, branch: str) -> None:
    body = BRANCHES.get(branch, RESHAPES)
    check(branching(body, COMPUTES), target)
    check(branching(COMPUTES, body), target, level=2)


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_around_a_branch_is_left_alone(target: str) -> None:
    main = f"""%h = math.abs(%x) : f32[n, 2]
  %p, %q, %r = {IF.replace("%x", "%h")}
  %a = math.add(%p, %h) : f32[n, 2]
  %b = math.mul(%q, %x) : f32[n, 2]
  return %a, %b, %r"""
    for yes in BRANCHES.values():
        check(branching(yes, COMPUTES, main), target)


@pytest.mark.parametrize("target", TARGETS)
def test_branches_in_branches_and_twice_the_same(target: str) -> None:
    inner = IF.replace("@no", "@yes").replace("@yes", "@inner", 1).replace("%go", "%less")
    nested = f"""%limit = tensor.constant() {{value = dense<5>}} : i64[]
  %less = math.less(%i, %limit) : bool[]
  %p, %q, %r = {inner}
  %d, %e, %f = {inner.replace("[%x, %y, %i]", "[%q, %p, %r]")}
  return %d, %e, %f"""
    inner_function = function("inner", BRANCHES["swaps"])
    text = branching(BRANCHES["constant"], nested) + inner_function
    check(text, target)
    check(text.replace("dense<5>", "dense<3>"), target)


@pytest.mark.parametrize("target", TARGETS)
def test_loops_in_branches_and_branches_in_loops(target: str) -> None:
    text = f"""
func @main(%go: bool[], {VALUES}) -> ({RESULTS}) {{
  %a, %b, %c = {IF}
  return %a, %b, %c
}}
func @yes({VALUES}) -> ({RESULTS}) {{
  %a, %b, %c = control.while([%x, %y, %i]) {{condition = @small, body = @step}} : {TYPES}
  return %a, %b, %c
}}
func @small({VALUES}) -> (%less: bool[]) {{
  %limit = tensor.constant() {{value = dense<9>}} : i64[]
  %less = math.less(%i, %limit) : bool[]
  return %less
}}
func @step({VALUES}) -> ({RESULTS}) {{
  %limit = tensor.constant() {{value = dense<6>}} : i64[]
  %go = math.less(%i, %limit) : bool[]
  %one = tensor.constant() {{value = dense<1>}} : i64[]
  %next = math.add(%i, %one) : i64[]
  %a, %b, %c = {IF.replace("%i]", "%next]").replace("@yes", "@swap")}
  return %a, %b, %c
}}
""" + function("swap", BRANCHES["swaps"]) + function("no", COMPUTES)  # fmt: skip
    check(text, target)


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_without_names_and_conditions_handed_on(target: str) -> None:
    text = branching("%1 = math.sub(%x, %y) : f32[n, 2]\n  return %1, %x, %i", BRANCHES["swaps"])
    text = text.replace("@yes(%x", "@yes(%go: bool[], %x").replace("@no(%x", "@no(%go: bool[], %x")
    main, *branches = text.replace("(%go, [%x", "(%go, [%go, %x").split("func @")[1:]
    for number, name in enumerate(("%go", "%x", "%y", "%i"), 10):
        branches = [branch.replace(name, f"%{number}") for branch in branches]
    check("".join(f"func @{part}" for part in (main, *branches)), target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("result", ["%x", "%y"])
def test_one_value_as_every_result(target: str, result: str) -> None:
    # Copies that a target needs must not become one again where equal ops are merged.
    sums = "%t = math.reduce_sum(%y) {axes = [1], keep_dims = true} : f32[n, 1]\n  %s = math.sub(%x, %t) : f32[n, 2]"
    no = f"{sums}\n  %u = math.sin(%s) : f32[n, 2]\n  return %s, %u, %y"
    text = branching(f"return {result}, {result}, {result}", no)
    check(text.replace("%c: i64[]", "%c: f32[n, 2]").replace(f"{TYPES}\n", f"{TYPES[:-5]}f32[n, 2]\n"), target, level=1)


@pytest.mark.parametrize("target", TARGETS)
def test_branches_over_nothing(target: str) -> None:
    text = """
func @main(%go: bool[]) -> (%y: f32[2], %z: bool[]) {
  %y, %z = control.if(%go, []) {then_branch = @yes, else_branch = @no} : f32[2], bool[]
  return %y, %z
}
func @yes() -> (%y: f32[2], %z: bool[]) {
  %y = tensor.constant() {value = dense<[1.0, 2.0]>} : f32[2]
  %z = tensor.constant() {value = dense<true>} : bool[]
  return %y, %z
}
func @no() -> (%y: f32[2], %z: bool[]) {
  %y = tensor.constant() {value = dense<[3.0, 4.0]>} : f32[2]
  %z = tensor.constant() {value = dense<false>} : bool[]
  return %y, %z
}"""
    check(text, target, {})


@pytest.mark.parametrize("target", TARGETS)
def test_sizes_that_depend_on_the_branch(target: str) -> None:
    text = """
func @main(%go: bool[], %x: f32[n]) -> (%y: f32[u]) {
  %z = control.if(%go, [%x]) {then_branch = @yes, else_branch = @no} : f32[u]
  %y = math.sin(%z) : f32[u]
  return %y
}
func @yes(%x: f32[n]) -> (%y: f32[2*n]) {
  %y = tensor.concat([%x, %x]) {axis = 0} : f32[2*n]
  return %y
}
func @no(%x: f32[n]) -> (%y: f32[n]) {
  %y = math.abs(%x) : f32[n]
  return %y
}"""
    check(text, target, {"x": sample(DType.F32, (3,))})
