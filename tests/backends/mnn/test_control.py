"""Loops and recurrent layers in MNN, held against the interpreter."""

import numpy as np
import pytest

from glmir.parser import parse_module
from tests.recurrent_layers import DIRECTIONS, LAYERS, OPTIONS, inputs_of, layer

from .harness import check, check_module

COUNTER = """
func @goes_on(%i: i64[], %x: f32[n], %y: f32[n]) -> (%less: bool[]) {
  %limit = tensor.constant() {value = dense<4>} : i64[]
  %less = math.less(%i, %limit) : bool[]
  return %less
}
func @body(%i: i64[], %x: f32[n], %y: f32[n]) -> (%next: i64[], %a: f32[n], %b: f32[n]) {
  %one = tensor.constant() {value = dense<1>} : i64[]
  %next = math.add(%i, %one) : i64[]
  BODY
}
func @main(%i: i64[], %x: f32[n], %y: f32[n]) -> (%last: i64[], %a: f32[n], %b: f32[n]) {
  %z = math.abs(%x) : f32[n]
  %last, %a, %c = control.while([%i, %z, %y]) {condition = @goes_on, body = @body} : i64[], f32[n], f32[n]
  %b = math.neg(%c) : f32[n]
  return %last, %a, %b
}"""
BODIES = {
    "swaps": "return %next, %y, %x",
    "keeps": "return %next, %x, %y",
    "adds": "%s = math.add(%x, %y) : f32[n]\n  return %next, %y, %s",
    "same twice": "%s = math.add(%x, %y) : f32[n]\n  return %next, %s, %s",
    "constant": "%c = math.sub(%x, %x) : f32[n]\n  %d = math.exp(%c) : f32[n]\n  return %next, %d, %x",
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("first", [0, 3, 4, 9, -5])
def test_loops(body: str, first: int) -> None:
    """Of no turn, one, and several."""
    inputs = {
        "i": np.array(first, np.int64),
        "x": np.array([1, -2, 3], np.float32),
        "y": np.array([0.5, 4, -6], np.float32),
    }
    check(COUNTER.replace("BODY", BODIES[body]), inputs)


def test_loop_until_a_value_is_reached() -> None:
    text = """
func @is_small(%x: f32[n]) -> (%small: bool[]) {
  %limit = tensor.constant() {value = dense<100.0>} : f32[]
  %sum = math.reduce_sum(%x) {axes = [0], keep_dims = false} : f32[]
  %small = math.less(%sum, %limit) : bool[]
  return %small
}
func @double(%x: f32[n]) -> (%y: f32[n]) {
  %y = math.add(%x, %x) : f32[n]
  return %y
}
func @main(%x: f32[n]) -> (%y: f32[n]) {
  %y = control.while([%x]) {condition = @is_small, body = @double} : f32[n]
  return %y
}"""
    module = parse_module(text)
    check_module(module, [{"x": np.arange(1, n, dtype=np.float32)} for n in (3, 5, 40)])


def test_loop_in_a_loop() -> None:
    text = """
func @inner_goes_on(%j: i32[], %x: f32[2]) -> (%less: bool[]) {
  %limit = tensor.constant() {value = dense<3>} : i32[]
  %less = math.less(%j, %limit) : bool[]
  return %less
}
func @inner(%j: i32[], %x: f32[2]) -> (%k: i32[], %y: f32[2]) {
  %one = tensor.constant() {value = dense<1>} : i32[]
  %k = math.add(%j, %one) : i32[]
  %y = math.add(%x, %x) : f32[2]
  return %k, %y
}
func @outer(%i: i32[], %x: f32[2]) -> (%next: i32[], %z: f32[2]) {
  %one = tensor.constant() {value = dense<1>} : i32[]
  %next = math.add(%i, %one) : i32[]
  %j, %y = control.while([%i, %x]) {condition = @inner_goes_on, body = @inner} : i32[], f32[2]
  %z = math.sub(%y, %x) : f32[2]
  return %next, %z
}
func @main(%i: i32[], %x: f32[2]) -> (%last: i32[], %y: f32[2]) {
  %last, %y = control.while([%i, %x]) {condition = @inner_goes_on, body = @outer} : i32[], f32[2]
  return %last, %y
}"""
    check(text, {"i": np.array(0, np.int32), "x": np.array([1, 3], np.float32)})


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("kind", "present"), LAYERS)
@pytest.mark.parametrize(("time", "batch"), [("t", "b"), (12, "b"), ("t", 2), (12, 2), (5, "b"), (1, 1)])
def test_recurrent_layers(kind: str, present: str, direction: str, time: object, batch: object) -> None:
    module = parse_module(layer(kind, present, direction, time=time, batch=batch))
    cases = [inputs_of(module, steps, samples) for steps, samples in ((13, 3), (4, 1))]
    check_module(module, cases, "f32-sums")


@pytest.mark.parametrize(("kind", "extra"), OPTIONS)
def test_recurrent_options(kind: str, extra: str) -> None:
    module = parse_module(layer(kind, "bias", extra=extra))
    check_module(module, [inputs_of(module)], "f32-sums")
