"""Recurrent layers and loops in onnxruntime, held against the interpreter."""

import pytest

from glmir.parser import parse_module
from glmir.types import DType
from tests.backends.building import sample
from tests.backends.onnx.harness import check_model
from tests.recurrent_layers import DIRECTIONS, LAYERS, OPTIONS, inputs_of, layer


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("kind", "present"), LAYERS)
@pytest.mark.parametrize(("time", "batch"), [("t", "b"), (12, 2)])
def test_layers(kind: str, present: str, direction: str, time: object, batch: object) -> None:
    module = parse_module(layer(kind, present, direction, time=time, batch=batch))
    check_model(module, [inputs_of(module, time=13, batch=3)], "f32-sums")


@pytest.mark.parametrize(("kind", "extra"), OPTIONS)
def test_options(kind: str, extra: str) -> None:
    module = parse_module(layer(kind, "bias", extra=extra))
    check_model(module, [inputs_of(module)], "f32-sums")


LOOP = """
func @main(%i: i64[], %x: f32[n, 2], %y: f32[n, 2]) -> (%a: i64[], %b: f32[n, 2], %c: f32[n, 2]) {
  %a, %b, %c = control.while([%i, %x, %y]) {condition = @goes_on, body = @body} : i64[], f32[n, 2], f32[n, 2]
  return %a, %b, %c
}
func @goes_on(%i: i64[], %x: f32[n, 2], %y: f32[n, 2]) -> (%more: bool[]) {
  %limit = tensor.constant() {value = dense<3>} : i64[]
  %more = math.less(%i, %limit) : bool[]
  return %more
}
func @body(%i: i64[], %x: f32[n, 2], %y: f32[n, 2]) -> (%next: i64[], %b: f32[n, 2], %c: f32[n, 2]) {
  %one = tensor.constant() {value = dense<1>} : i64[]
  %next = math.add(%i, %one) : i64[]
  BODY
}
"""


@pytest.mark.parametrize("start", [0, 2, 3, 9])
@pytest.mark.parametrize(
    "body",
    [
        "%z = math.add(%x, %y) : f32[n, 2]\n  return %next, %y, %z",
        "return %next, %x, %y",
        "return %next, %y, %x",
        "return %next, %x, %x",
        "%z = math.sin(%x) : f32[n, 2]\n  return %next, %z, %z",
        "%k = tensor.constant() {value = dense<[[1.0, 2.0]]>} : f32[1, 2]\n  %z = math.mul(%y, %k) : f32[n, 2]\n"
        "  return %next, %z, %x",
    ],
)
def test_loop(body: str, start: int) -> None:
    module = parse_module(LOOP.replace("BODY", body))
    inputs = {
        "i": sample(DType.I64, (), start, start),
        "x": sample(DType.F32, (3, 2)),
        "y": sample(DType.F32, (3, 2), seed=1),
    }
    check_model(module, [inputs])
