"""lower-precision: close to what f32 computes, finite where f16 alone is not, with few casts and a reason for each."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from glmir.errors import InputError
from glmir.interpreter import bind_inputs, execute, run
from glmir.ir import Array, Module, Op
from glmir.ops import math, nn, quant, tensor
from glmir.parser import parse_module
from glmir.pass_manager import PassManager, parse_pipeline
from glmir.passes.lowering.expand_integer_products import expand_integer_products
from glmir.passes.precision.lower_precision import decode_islands, encode_islands, lower_precision
from glmir.passes.precision.report import PrecisionReport
from glmir.types import DType
from glmir.verifier import verify
from tests.random_graphs import modules

HALVES = (DType.F16, DType.F32)
DISCONTINUOUS = (math.Comparison, math.ArgReduction, math.TopK, math.Sign, math.IsInf, math.IsNan)
"""Ops, besides those that stay in single precision, that may give another result when an operand is rounded."""


def lowered(module: Module) -> Module:
    after = module.clone()
    lower_precision(after)
    verify(after)
    return after


def casts(module: Module) -> list[Op]:
    ops = module.main.ops
    return [op for op in ops if isinstance(op, tensor.Cast) and {op.x.type.dtype, op.dtype} == set(HALVES)]


def largest_magnitude(module: Module, inputs: dict[str, Array]) -> float:
    """Of all values that are computed on the way."""
    environment: dict[str, int] = {}
    arrays = bind_inputs(module.main, inputs, environment)
    largest = max((float(np.abs(a).max()) for a in arrays.values() if a.size and a.dtype == np.float32), default=0.0)
    for op, results in execute(module.main, arrays, environment):
        arrays.update(zip(op.results, results, strict=True))
        largest = max([largest, *(float(np.abs(a).max()) for a in results if a.size and a.dtype == np.float32)])
    return largest


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(modules())
def test_random_modules_come_close(case: tuple[Module, dict[str, Array]]) -> None:
    module, inputs = case
    after = lowered(module)
    assert [(v.name, v.type) for v in after.main.inputs] == [(v.name, v.type) for v in module.main.inputs]
    assert [v.type for v in after.main.outputs] == [v.type for v in module.main.outputs]
    for cast in casts(after):
        assert not isinstance(cast.operands[0].owner, tensor.Cast) or cast.operands[0].owner not in casts(after)
    assume(not any(isinstance(op, DISCONTINUOUS) for op in module.main.ops))
    expected, actual = run(module, inputs), run(after, inputs)
    bound = 2e-2 * largest_magnitude(module, inputs) + 1e-3
    for name, array in expected.items():
        if array.dtype == np.float32:
            np.testing.assert_allclose(actual[name], array, rtol=0, atol=bound, err_msg=str(after))


def test_every_island_has_a_reason_and_a_node() -> None:
    module = parse_module("""
        func @main(%x: f32[4, 6]) -> (%y: f32[4, 6]) {
          %w = tensor.constant() {value = weight<w>} : f32[6, 6]
          %0 = nn.linear(%x, %w, none) : f32[4, 6] loc("fc")
          %1 = math.square(%0) : f32[4, 6] loc("energy")
          %2 = math.reduce_sum(%1) {axes = [1], keep_dims = true} : f32[4, 1]
          %3 = math.sqrt(%2) : f32[4, 1] loc("length")
          %y = math.div(%0, %3) : f32[4, 6] loc("unit")
          return %y
        }""", {"w": np.eye(6, dtype=np.float32)})  # fmt: skip
    report = PrecisionReport()
    PassManager((lower_precision.with_options(),), (report,)).run(module)
    assert report.islands == [
        "node energy (math.square) stays f32: a square overflows f16 from 256 on",
        "math.reduce_sum stays f32: the result of math.square before it may be out of f16's range",
        "node length (math.sqrt) stays f32: the result of math.square before it may be out of f16's range",
        "node unit (math.div) stays f32: the result of math.square before it may be out of f16's range",
    ]
    assert len(casts(module)) == 2


NORM = """
    func @main(%x: f32[2, 8]) -> (%y: f32[2, 8]) {
      %w = tensor.constant() {value = weight<w>} : f32[8, 8]
      %0 = nn.linear(%x, %w, none) : f32[2, 8]
      %1 = math.mul(%0, %0) : f32[2, 8]
      %2 = math.reduce_mean(%1) {axes = [1], keep_dims = true} : f32[2, 1]
      %epsilon = tensor.constant() {value = dense<1e-12>} : f32[]
      %3 = math.add(%2, %epsilon) : f32[2, 1]
      %4 = math.rsqrt(%3) : f32[2, 1]
      %5 = math.mul(%0, %4) : f32[2, 8]
      %y = nn.linear(%5, %w, none) : f32[2, 8]
      return %y
    }"""


def test_large_and_vanishing_rows_of_a_norm() -> None:
    module = parse_module(NORM, {"w": np.eye(8, dtype=np.float32)})
    rng = np.random.default_rng(0)
    x = np.stack([rng.standard_normal(8) * 3000, np.zeros(8)]).astype(np.float32)
    np.testing.assert_allclose(run(lowered(module), {"x": x})["y"], run(module, {"x": x})["y"], rtol=2e-3, atol=1e-3)


def test_doubly_masked_attention_is_finite() -> None:
    module = parse_module("""
        func @main(%q: f32[2, 4], %k: f32[3, 4], %keep: f32[2, 3], %mask: bool[2, 3]) -> (%y: f32[2, 4]) {
          %0 = math.mat_mul(%q, %k) {transpose_y = true} : f32[2, 3]
          %one = tensor.constant() {value = dense<1.0>} : f32[]
          %1 = math.sub(%one, %keep) : f32[2, 3]
          %lowest = tensor.constant() {value = dense<-3.4028235e+38>} : f32[]
          %2 = math.mul(%1, %lowest) : f32[2, 3]
          %never = tensor.constant() {value = dense<-1000000000.0>} : f32[]
          %3 = math.select(%mask, %0, %never) : f32[2, 3]
          %4 = math.add(%3, %2) : f32[2, 3]
          %5 = nn.softmax(%4) {axis = 1} : f32[2, 3]
          %y = math.mat_mul(%5, %k) : f32[2, 4]
          return %y
        }""")
    after = lowered(module)
    assert not [op for op in after.main.ops if op.results[0].type.dtype is DType.F32 and op not in casts(after)]
    rng = np.random.default_rng(0)
    inputs = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in (("q", (2, 4)), ("k", (3, 4)))}
    inputs |= {"keep": np.array([[1, 0, 1], [0, 0, 1]], np.float32), "mask": np.array([[1, 0, 1], [1, 0, 1]], bool)}
    np.testing.assert_allclose(run(after, inputs)["y"], run(module, inputs)["y"], atol=1e-2)


def test_an_island_grows_over_what_costs_nothing() -> None:
    """Between two exponentials no value is cast to half and back."""
    module = parse_module("""
        func @main(%x: f32[64, 64]) -> (%y: f32[64, 64]) {
          %w = tensor.constant() {value = weight<w>} : f32[64, 64]
          %0 = nn.linear(%x, %w, none) : f32[64, 64]
          %1 = math.exp(%0) : f32[64, 64]
          %2 = tensor.transpose(%1) {permutation = [1, 0]} : f32[64, 64]
          %3 = math.log(%2) : f32[64, 64]
          %4 = nn.relu(%3) : f32[64, 64]
          %5 = math.exp(%4) : f32[64, 64]
          %6 = math.log(%5) : f32[64, 64]
          %y = nn.linear(%6, %w, none) : f32[64, 64]
          return %y
        }""", {"w": np.eye(64, dtype=np.float32)})  # fmt: skip
    # The logarithms draw the layer before them into their island; casts: before the last layer, and behind it.
    assert len(casts(lowered(module))) == 2


def test_functions_that_are_called_stay() -> None:
    module = parse_module("""
        func @is_small(%x: f32[4]) -> (%small: bool[]) {
          %0 = math.reduce_max(%x) {axes = [0]} : f32[]
          %limit = tensor.constant() {value = dense<3.0>} : f32[]
          %small = math.less(%0, %limit) : bool[]
          return %small
        }
        func @double(%x: f32[4]) -> (%y: f32[4]) {
          %y = math.add(%x, %x) : f32[4]
          return %y
        }
        func @main(%x: f32[4]) -> (%y: f32[4]) {
          %w = tensor.constant() {value = weight<w>} : f32[4, 4]
          %0 = nn.linear(%x, %w, none) : f32[4]
          %1 = control.while([%0]) {condition = @is_small, body = @double} : f32[4]
          %y = nn.linear(%1, %w, none) : f32[4]
          return %y
        }""", {"w": np.eye(4, dtype=np.float32)})  # fmt: skip
    after = lowered(module)
    assert after.functions["double"] == module.functions["double"]
    x = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    np.testing.assert_allclose(run(after, {"x": x})["y"], run(module, {"x": x})["y"], rtol=2e-3)


def test_only_half_precision_is_offered() -> None:
    with pytest.raises(InputError, match="not bf16"):
        lower_precision(parse_module("func @main(%x: f32[1]) -> (%x: f32[1]) { return %x }"), dtype=DType.BF16)


QUANTIZED = """
func @main(%x: f32[4, 6]) -> (%y: f32[4, 6], %z: f32[4, 6]) {{
  %s = tensor.constant() {{value = dense<{scale}>}} : f32[]
  %q = quant.quantize(%x, %s, none) {{storage = i8}} : i8[4, 6]
  %d = quant.dequantize(%q, %s, none) : f32[4, 6]
  %stored = tensor.constant() {{value = weight<w>}} : i8[6, 6]
  %scales = tensor.constant() {{value = dense<{weight_scale}>}} : f32[]
  %w = quant.dequantize(%stored, %scales, none) : f32[6, 6]
  %y = nn.linear(%d, %w, none) : f32[4, 6]
  %e = math.exp(%d) : f32[4, 6]
  %z = math.mat_mul(%e, %w) : f32[4, 6]
  return %y, %z
}}"""


def quantized(scale: float, weight_scale: float) -> list[Op]:
    stored = np.random.default_rng(0).integers(-127, 128, (6, 6)).astype(np.int8)
    module = parse_module(QUANTIZED.format(scale=scale, weight_scale=weight_scale), {"w": stored})
    after = lowered(module)
    inputs = {"x": np.random.default_rng(1).uniform(-120 * scale, 120 * scale, (4, 6)).astype(np.float32)}
    expected, actual = run(module, inputs), run(after, inputs)
    for name, array in expected.items():
        np.testing.assert_allclose(actual[name], array, rtol=0, atol=1e-2 * np.abs(array).max())
    return list(after.main.ops)


def dtypes_of_scales(ops: list[Op]) -> dict[str, list[DType]]:
    scaled = [op for op in ops if isinstance(op, quant.Scaled)]
    return {
        kind: [op.scale.type.dtype for op in scaled if isinstance(op.x.owner, tensor.Constant) is is_weight]
        for kind, is_weight in (("pair", False), ("weight", True))
    }


def test_pairs_and_weights_become_half() -> None:
    # The input is f32, so that to quantize it as such saves a cast.
    assert dtypes_of_scales(quantized(0.02, 0.01)) == {"pair": [DType.F32, DType.F16], "weight": [DType.F16]}


def test_a_scale_that_f16_cannot_hold_is_an_island() -> None:
    assert dtypes_of_scales(quantized(1e-7, 0.01))["pair"] == [DType.F32, DType.F32]


def test_a_weight_whose_scale_f16_cannot_hold_is_no_longer_compressed() -> None:
    assert dtypes_of_scales(quantized(0.02, 1e-6))["weight"] == []


def test_what_data_showed_survives_the_text_of_a_pipeline() -> None:
    observed = {'a/b "x", {y}': "f16 loses 3.0% of its result, and \u00e9", "c": "d"}
    instance = lower_precision.with_options(islands=encode_islands(observed))
    (read_back,) = parse_pipeline(str(instance), {lower_precision.name: lower_precision})
    assert read_back == instance
    assert decode_islands(str(read_back.options["islands"])) == observed
    assert decode_islands(encode_islands(None)) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"x": 1}'])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="a JSON object of reasons"):
        decode_islands(text)


def test_pairs_may_be_kept_as_they_are() -> None:
    module = parse_module("""
        func @main(%x: f32[4, 6]) -> (%y: f32[4, 6]) {
          %s = tensor.constant() {value = dense<0.02>} : f32[]
          %w = tensor.constant() {value = weight<w>} : f32[6, 6]
          %0 = nn.linear(%x, %w, none) : f32[4, 6]
          %1 = quant.quantize(%0, %s, none) {storage = i8} : i8[4, 6]
          %2 = quant.dequantize(%1, %s, none) : f32[4, 6]
          %3 = nn.linear(%2, %w, none) : f32[4, 6]
          %4 = quant.quantize(%3, %s, none) {storage = i8} : i8[4, 6]
          %5 = quant.dequantize(%4, %s, none) : f32[4, 6]
          %y = nn.linear(%5, %w, none) : f32[4, 6]
          return %y
        }""", {"w": np.eye(6, dtype=np.float32)})  # fmt: skip
    lower_precision(module, keeps_pairs=True)
    verify(module)
    linear = [op.results[0].type.dtype for op in module.main.ops if isinstance(op, nn.Linear)]
    assert linear == [DType.F16, DType.F32, DType.F16]
    assert all(op.scale.type.dtype is DType.F32 for op in module.main.ops if isinstance(op, quant.Scaled))


def test_sums_that_become_integers_stay_exact() -> None:
    module = parse_module("""
        func @main(%x: u8[2, 64], %w: i8[64, 3], %zero: u8[]) -> (%y: i32[2, 3]) {
          %y = quant.integer_mat_mul(%x, %w, %zero, none) : i32[2, 3]
          return %y
        }""")
    random = np.random.default_rng(0)
    x, w = random.integers(0, 256, (2, 64)).astype(np.uint8), random.integers(-128, 128, (64, 3)).astype(np.int8)
    inputs: dict[str, Array] = {"x": x, "w": w, "zero": np.array(7, np.uint8)}
    expected = run(module, inputs)["y"]
    expand_integer_products(module)
    np.testing.assert_array_equal(run(lowered(module), inputs)["y"], expected)


def test_positions_in_a_grid_stay_single() -> None:
    """f16 cannot tell the elements of large images apart."""
    module = parse_module("""
func @main(%x: f32[1, 8, 9, 9], %d: f32[1, 9, 9, 2], %w: f32[8, 8, 1, 1]) -> (%y: f32[1, 8, 9, 9]) {
  %0 = nn.conv(%x, %w, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[1, 8, 9, 9]
  %1 = math.add(%d, %d) : f32[1, 9, 9, 2]
  %2 = nn.grid_sample(%0, %1) {mode = linear, padding = zeros} : f32[1, 8, 9, 9]
  %y = nn.conv(%2, %w, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[1, 8, 9, 9]
  return %y
}
""")
    PassManager([lower_precision.with_options()]).run(module)
    (sampled,) = (op for op in module.main.ops if isinstance(op, nn.GridSample))
    assert (sampled.x.type.dtype, sampled.grid.type.dtype) == (DType.F16, DType.F32)
    assert isinstance(sampled.grid.owner, math.Add)
