"""Passes and rules that are switched off, and fuel."""

import numpy as np
import pytest

import glmir
from glmir.backends.target import load_target
from glmir.driver.switches import known_passes
from glmir.errors import InputError
from glmir.interpreter import run
from glmir.ir import Module
from glmir.parser import parse_module
from glmir.pass_manager import PassManager, Pipeline
from glmir.passes import pipelines
from glmir.rewriter import RewriteSession
from glmir.verifier import verify
from tests.tolerances import assert_close

TEXT = """
func @main(%x: f32[1, 4, 6, 6], %go: bool[]) -> (%y: f32[1, 4], %z: f32[1, 6]) {
  %w = tensor.constant() {value = weight<w>} : f32[4, 4, 3, 3]
  %c = nn.conv(%x, %w, none) {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1]} : f32[1, 4, 6, 6]
  %s = tensor.constant() {value = dense<[[[[1.5]], [[2.0]], [[0.5]], [[3.0]]]]>} : f32[1, 4, 1, 1]
  %scaled = math.mul(%c, %s) : f32[1, 4, 6, 6]
  %zero = tensor.constant() {value = dense<0.0>} : f32[]
  %r = math.maximum(%scaled, %zero) : f32[1, 4, 6, 6]
  %again = math.maximum(%scaled, %zero) : f32[1, 4, 6, 6]
  %both = math.add(%r, %again) : f32[1, 4, 6, 6]
  %t = tensor.transpose(%both) {permutation = [0, 2, 3, 1]} : f32[1, 6, 6, 4]
  %b = control.if(%go, [%t]) {then_branch = @double, else_branch = @layer} : f32[1, 6, 6, 4]
  %back = tensor.transpose(%b) {permutation = [0, 3, 1, 2]} : f32[1, 4, 6, 6]
  %count = tensor.constant() {value = dense<0>} : i64[]
  %i, %looped = control.while([%count, %back]) {condition = @below_two, body = @halve} : i64[], f32[1, 4, 6, 6]
  %y = math.reduce_mean(%looped) {axes = [2, 3], keep_dims = false} : f32[1, 4]
  %part = tensor.slice(%looped) {starts = [0, 1, 2, 0], sizes = [1, 1, 1, 6], strides = [1, 1, 1, 1]} : f32[1, 1, 1, 6]
  %z = tensor.reshape(%part, none) {shape = [1, 6]} : f32[1, 6]
  return %y, %z
}
func @double(%x: f32[1, 6, 6, 4]) -> (%y: f32[1, 6, 6, 4]) {
  %e = math.exp(%x) : f32[1, 6, 6, 4]
  %s = math.add(%e, %e) : f32[1, 6, 6, 4]
  %y = math.cum_sum(%s) {axis = 3} : f32[1, 6, 6, 4]
  return %y
}
func @layer(%x: f32[1, 6, 6, 4]) -> (%y: f32[1, 6, 6, 4]) {
  %e = math.exp(%x) : f32[1, 6, 6, 4]
  %y = nn.softmax(%e) {axis = 3} : f32[1, 6, 6, 4]
  return %y
}
func @below_two(%i: i64[], %x: f32[1, 4, 6, 6]) -> (%go: bool[]) {
  %limit = tensor.constant() {value = dense<2>} : i64[]
  %go = math.less(%i, %limit) : bool[]
  return %go
}
func @halve(%i: i64[], %x: f32[1, 4, 6, 6]) -> (%next: i64[], %y: f32[1, 4, 6, 6]) {
  %one = tensor.constant() {value = dense<1>} : i64[]
  %next = math.add(%i, %one) : i64[]
  %half = tensor.constant() {value = dense<0.5>} : f32[]
  %y = math.mul(%x, %half) : f32[1, 4, 6, 6]
  return %next, %y
}
"""


def model() -> Module:
    weights = {"w": np.random.default_rng(0).normal(size=(4, 4, 3, 3)).astype(np.float32)}
    return parse_module(TEXT, lambda name, type_: weights[name])


def pipeline(level: pipelines.OptLevel) -> Pipeline:
    target = load_target("onnx")
    return (*pipelines.optimize(level), *pipelines.lower(target.legalize, target.spatial_layout, level))


def optimized(fuel: int | None, level: pipelines.OptLevel = pipelines.OptLevel.O2) -> tuple[Module, RewriteSession]:
    module, session = model(), RewriteSession(fuel)
    PassManager(pipeline(level), session=session).run(module)
    verify(module)
    return module, session


def test_every_amount_of_fuel_gives_a_right_module() -> None:
    x = np.random.default_rng(1).normal(size=(1, 4, 6, 6)).astype(np.float32)
    expected = [run(model(), {"x": x, "go": np.array(go)}) for go in (False, True)]
    everything = optimized(10**6)
    spent = 10**6 - (everything[1].fuel or 0)
    assert spent > 10
    for fuel in range(spent + 1):
        module, session = optimized(fuel)
        assert session.fuel == 0
        # Each branch every second time.
        go = fuel % 2
        for name, array in run(module, {"x": x, "go": np.array(go == 1)}).items():
            assert_close(array, expected[go][name], "f32-sums", f"{name} with fuel {fuel}")
    assert str(module) == str(everything[0])
    assert str(optimized(0)[0]) == str(optimized(None, pipelines.OptLevel.O0)[0])


def test_switches_reach_the_passes() -> None:
    def ops(**switches: object) -> list[str]:
        artifact = glmir.compile(model(), target="onnx", **switches)  # type: ignore[arg-type]
        return [op.definition.name for f in artifact.module.functions.values() for op in f.ops]

    assert "control.while" not in ops()
    assert "control.while" in ops(disable_passes=["simplify-control-flow"])
    assert "control.while" in ops(disable_rules=["unrolled_loop"])
    assert "control.while" in ops(fuel=0)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"disable_passes": ["fuse-linaer"]}, "pass fuse-linaer: there is no such pass; did you mean fuse-linear?"),
        ({"disable_passes": ["fold-constants"]}, "cannot disable pass fold-constants: targets could not"),
        ({"disable_rules": ["unrolled_lop"]}, "have no such rule; did you mean unrolled_loop?"),
        ({"fuel": -1}, "0 or more, not -1"),
    ],
)
def test_what_cannot_be_switched_off(switches: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        glmir.compile(model(), target="onnx", **switches)  # type: ignore[arg-type]


def test_all_legalisation_is_needed() -> None:
    for name, pass_ in known_passes().items():
        assert pass_.is_needed or not name.startswith("legalize"), name
