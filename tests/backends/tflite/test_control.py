"""Loops in LiteRT, held against the interpreter."""

import numpy as np
import pytest

from glmir.ops import tensor
from glmir.parser import parse_module
from glmir.types import DType
from tests.backends.building import sample
from tests.backends.tflite.harness import check, to_tflite
from tests.backends.tflite.test_elementwise import check_with
from tests.backends.tflite.test_structure import MOVABLE

CONDITION = """
func @goes_on(%i: i64[], %x: f32[n, 2], %y: f32[n, 2]) -> (%more: bool[]) {
  %limit = tensor.constant() {value = dense<3>} : i64[]
  %more = math.less(%i, %limit) : bool[]
  return %more
}
"""


def loop(body: str, returned: str) -> str:
    return f"""
func @main(%i: i64[], %x: f32[n, 2], %y: f32[n, 2]) -> (%a: i64[], %b: f32[n, 2], %c: f32[n, 2]) {{
  %a, %b, %c = control.while([%i, %x, %y]) {{condition = @goes_on, body = @body}} : i64[], f32[n, 2], f32[n, 2]
  return %a, %b, %c
}}
{CONDITION}
func @body(%i: i64[], %x: f32[n, 2], %y: f32[n, 2]) -> (%a: i64[], %b: f32[n, 2], %c: f32[n, 2]) {{
  %one = tensor.constant() {{value = dense<1>}} : i64[]
  %next = math.add(%i, %one) : i64[]
  {body}
  return %next, {returned}
}}"""


@pytest.mark.parametrize("start", [0, 2, 3, 9])
@pytest.mark.parametrize(
    ("body", "returned"),
    [
        ("%z = math.add(%x, %y) : f32[n, 2]", "%y, %z"),
        ("", "%x, %y"),
        ("", "%y, %x"),
        ("%z = math.sin(%x) : f32[n, 2]", "%z, %z"),
        ("%z = math.sin(%x) : f32[n, 2]", "%z, %x"),
        ("", "%x, %x"),
        (
            "%z = tensor.reshape(%y, none) {shape = [2*n]} : f32[2*n]\n"
            "  %w = tensor.reshape(%z, none) {shape = [n, 2]} : f32[n, 2]",
            "%w, %x",
        ),
        ("%z = math.sin(%y) : f32[n, 2]", "%z, %x"),
    ],
)
def test_loops(start: int, body: str, returned: str) -> None:
    inputs = {"i": np.array(start), "x": sample(DType.F32, (3, 2)), "y": sample(DType.F32, (3, 2), seed=1)}
    check(loop(body, returned), inputs)


def test_loops_in_loops() -> None:
    inner = "control.while([%zero, %x, %y]) {condition = @goes_on, body = @inner} : i64[], f32[n, 2], f32[n, 2]"
    text = loop(f"%zero = tensor.constant() {{value = dense<0>}} : i64[]\n  %k, %z, %w = {inner}", "%w, %z")
    text += loop("%z = math.mul(%x, %y) : f32[n, 2]", "%y, %z").partition(CONDITION)[2].replace("@body", "@inner")
    inputs = {"i": np.array(0), "x": sample(DType.F32, (3, 2), -1, 1), "y": sample(DType.F32, (3, 2), -1, 1, seed=1)}
    check(text, inputs)


def test_large_constants_in_a_body() -> None:
    body = """%w = tensor.constant() {value = dense<0.5>} : f32[2, 2]
  %z = nn.linear(%x, %w, none) : f32[n, 2]"""
    inputs = {"i": np.array(0), "x": sample(DType.F32, (3, 2)), "y": sample(DType.F32, (3, 2), seed=1)}
    check(loop(body, "%y, %z"), inputs)


def test_two_loops_with_the_same_body() -> None:
    text = loop("%z = math.mul(%x, %y) : f32[n, 2]", "%y, %z")
    second = "control.while([%i, %b, %c]) {condition = @goes_on, body = @body} : i64[], f32[n, 2], f32[n, 2]"
    text = text.replace("  return %a, %b, %c", f"  %d, %e, %f = {second}\n  return %d, %e, %f")
    inputs = {"i": np.array(0), "x": sample(DType.F32, (3, 2), -1, 1), "y": sample(DType.F32, (3, 2), -1, 1, seed=1)}
    check(text, inputs)


def test_subgraphs_share_weights() -> None:
    text = """
func @main(%x: f32[n, 64]) -> (%y: f32[n, 64], %go: bool[]) {
  %w = tensor.constant() {value = weight<w>} : f32[64, 64]
  %h = nn.linear(%x, %w, none) : f32[n, 64]
  %yes = tensor.constant() {value = dense<true>} : bool[]
  %y, %go = control.while([%h, %yes]) {condition = @condition, body = @body} : f32[n, 64], bool[]
  return %y, %go
}
func @condition(%x: f32[n, 64], %go: bool[]) -> (%go: bool[]) {
  return %go
}
func @body(%x: f32[n, 64], %go: bool[]) -> (%y: f32[n, 64], %stop: bool[]) {
  %w = tensor.constant() {value = weight<w>} : f32[64, 64]
  %y = nn.linear(%x, %w, none) : f32[n, 64]
  %stop = tensor.constant() {value = dense<false>} : bool[]
  return %y, %stop
}"""
    module = parse_module(text, {"w": sample(DType.F32, (64, 64), -0.1, 0.1)})
    check(module, {"x": sample(DType.F32, (3, 64))})
    assert len(to_tflite(module)) < 1.5 * 64 * 64 * 4


def test_a_body_that_returns_a_constant() -> None:
    text = """
func @main(%x: f32[2]) -> (%a: f32[2], %b: bool[]) {
  %go = tensor.constant() {value = dense<true>} : bool[]
  %a, %b = control.while([%x, %go]) {condition = @condition, body = @body} : f32[2], bool[]
  return %a, %b
}
func @condition(%x: f32[2], %go: bool[]) -> (%go: bool[]) {
  return %go
}
func @body(%x: f32[2], %go: bool[]) -> (%y: f32[2], %stop: bool[]) {
  %y = math.add(%x, %x) : f32[2]
  %stop = tensor.constant() {value = dense<false>} : bool[]
  return %y, %stop
}"""
    check(text, {"x": sample(DType.F32, (2,))})


@pytest.mark.parametrize("dtype", [d for d in MOVABLE if d is not DType.F64], ids=lambda d: d.value)
@pytest.mark.parametrize("starts", [[0, 0, 0], [1, 2, 3], [-4, 9, 2]])
def test_dynamic_update_slice(dtype: DType, starts: list[int]) -> None:
    operands = [sample(dtype, (3, 4, 5)), sample(dtype, (1, 2, 5), seed=1)]
    for index_dtype in (np.int32, np.int64):
        for constants in ([], [2], [0]):
            positions = np.array(starts, index_dtype)
            check_with(tensor.DynamicUpdateSlice, [*operands, positions], constants, tolerance="exact")
