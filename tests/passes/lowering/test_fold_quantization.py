"""Folding pairs into quantized types: the same integers, and floats wherever the target has no kernel."""

from collections.abc import Callable

import numpy as np
import pytest

from glmir import interpreter
from glmir.ir import Op
from glmir.ops import math, nn, quant, tensor
from glmir.parser import parse_module
from glmir.passes.lowering.fold_quantization import fold_quantization
from glmir.passes.quantization.insert_quantization import insert_pairs
from glmir.passes.quantization.plan import StaticOptions
from glmir.verifier import verify
from tests.golden import check_round_trip
from tests.passes.quantization.networks import Arrays, network, ranges_of

INPUTS: Arrays = {"x": np.random.default_rng(1).standard_normal((6, 4, 8, 8)).astype(np.float32)}

TARGETS: dict[str, Callable[[Op], bool]] = {
    "everything": lambda op: True,
    "nothing": lambda op: isinstance(op, quant.Convert),
    "layers": lambda op: isinstance(op, (nn.Conv, nn.Linear, quant.Convert)),
    "no joins": lambda op: not isinstance(op, (tensor.Concat, math.ReduceMean)),
    "no weights alone": lambda op: all(v.type.quantization for v in op.results),
}


@pytest.mark.parametrize("target", TARGETS)
def test_computes_the_same(target: str) -> None:
    module = network()
    insert_pairs(module, StaticOptions(ranges_of(module, INPUTS)))
    expected = interpreter.run(module, INPUTS)["y"]
    assert fold_quantization(module, TARGETS[target])
    verify(module)
    check_round_trip(module)
    actual = interpreter.run(module, INPUTS)["y"]
    # Biases in i32 times their scale are rounded in double precision here, in single there: a step now and then.
    assert np.abs(actual - expected).max() <= 1.01 / 256


def test_every_layer_is_on_integers_where_the_target_has_all() -> None:
    module = network()
    insert_pairs(module, StaticOptions(ranges_of(module, INPUTS)))
    fold_quantization(module, TARGETS["everything"])
    floats = [
        op for op in module.main.ops if not isinstance(op, tensor.Constant) and op.results[0].type.quantization is None
    ]
    assert [type(op) for op in floats] == [quant.Convert] and floats[0].result is module.main.outputs[0]
    assert not any(isinstance(op, quant.Scaled) for op in module.main.ops)


def test_joined_values_come_in_the_scale_of_the_whole() -> None:
    text = """
func @main(%a: i8[n, 2], %b: i8[n, 2]) -> (%y: i8[n, 4]) {
  %s = tensor.constant() {value = dense<0.5>} : f32[]
  %t = tensor.constant() {value = dense<0.25>} : f32[]
  %af = quant.dequantize(%a, %s, none) : f32[n, 2]
  %bf = quant.dequantize(%b, %t, none) : f32[n, 2]
  %c = tensor.concat([%af, %bf]) {axis = 1} : f32[n, 4]
  %y = quant.quantize(%c, %s, none) : i8[n, 4]
  return %y
}"""
    module = parse_module(text)
    inputs: Arrays = {"a": np.array([[1, -128]], np.int8), "b": np.array([[3, 127]], np.int8)}
    expected = interpreter.run(module, inputs)["y"]
    fold_quantization(module, TARGETS["everything"])
    verify(module)
    assert [type(op) for op in module.main.ops if not isinstance(op, tensor.Constant)] == [quant.Convert, tensor.Concat]
    np.testing.assert_array_equal(interpreter.run(module, inputs)["y"], expected)


@pytest.mark.parametrize(("bias", "is_integer"), [(1e9, True), (3e9, False), (float("nan"), False)])
def test_biases_that_no_integers_hold_stay_float(bias: float, is_integer: bool) -> None:
    text = """
func @main(%x: i8[n, 2]) -> (%y: i8[n, 1]) {
  %s = tensor.constant() {value = dense<1.0>} : f32[]
  %w = tensor.constant() {value = dense<[[1, 2]]>} : i8[1, 2]
  %b = tensor.constant() {value = dense<[BIAS]>} : f32[1]
  %xf = quant.dequantize(%x, %s, none) : f32[n, 2]
  %wf = quant.dequantize(%w, %s, none) : f32[1, 2]
  %yf = nn.linear(%xf, %wf, %b) : f32[n, 1]
  %y = quant.quantize(%yf, %s, none) : i8[n, 1]
  return %y
}"""
    module = parse_module(text.replace("BIAS", str(bias)))
    fold_quantization(module, TARGETS["everything"])
    (layer,) = (op for op in module.main.ops if isinstance(op, nn.Linear))
    assert layer.bias is not None and (layer.bias.type.quantization is not None) == is_integer


def test_scales_that_are_computed_stay() -> None:
    text = """
func @main(%x: f32[n, 2], %s: f32[]) -> (%y: f32[n, 2]) {
  %q = quant.quantize(%x, %s, none) : i8[n, 2]
  %y = quant.dequantize(%q, %s, none) : f32[n, 2]
  return %y
}"""
    module = parse_module(text)
    fold_quantization(module, TARGETS["everything"])
    assert [type(op) for op in module.main.ops] == [quant.Quantize, quant.Dequantize]


def test_a_table_with_a_scale_a_row_is_no_quantized_result() -> None:
    text = """
func @main(%i: i64[n]) -> (%y: f32[n, 3]) {
  %t = tensor.constant() {value = dense<[[1, 2, 3], [4, 5, 6]]>} : i8[2, 3]
  %s = tensor.constant() {value = dense<[0.5, 0.25]>} : f32[2]
  %table = quant.dequantize(%t, %s, none) {axis = 0} : f32[2, 3]
  %y = tensor.gather(%table, %i) {axis = 0} : f32[n, 3]
  return %y
}"""
    module = parse_module(text)
    fold_quantization(module, TARGETS["everything"])
    verify(module)
    rows = interpreter.run(module, {"i": np.array([1, 0])})["y"]
    np.testing.assert_array_equal(rows, np.array([[1, 1.25, 1.5], [0.5, 1, 1.5]], np.float32))


def test_integers_that_only_move_are_quantized_values() -> None:
    text = """
func @main(%x: f32[2, 3]) -> (%y: f32[3, 2]) {
  %s = tensor.constant() {value = dense<0.5>} : f32[]
  %q = quant.quantize(%x, %s, none) {storage = i8} : i8[2, 3]
  %t = tensor.transpose(%q) {permutation = [1, 0]} : i8[3, 2]
  %d = quant.dequantize(%t, %s, none) : f32[3, 2]
  %r = nn.relu(%d) : f32[3, 2]
  %p = quant.quantize(%r, %s, none) {storage = i8} : i8[3, 2]
  %y = quant.dequantize(%p, %s, none) : f32[3, 2]
  return %y
}
"""
    module = parse_module(text)
    assert fold_quantization(module, TARGETS["everything"])
    verify(module)
    ops = [type(op) for op in module.main.ops if not isinstance(op, tensor.Constant)]
    assert ops == [quant.Convert, tensor.Transpose, nn.Relu, quant.Convert]
    x = np.array([[0.3, -1, 2], [70, -70, 0.26]], np.float32)
    np.testing.assert_array_equal(
        interpreter.run(module, {"x": x})["y"], interpreter.run(parse_module(text), {"x": x})["y"]
    )
