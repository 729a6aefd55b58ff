"""Weights as integers and as palettes: which, in what form, and what calibration data makes of them."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from glmir.errors import CompileError, InputError
from glmir.interpreter import run
from glmir.ir import Array, Module
from glmir.ops import nn, tensor
from glmir.parser import parse_module
from glmir.pass_manager import PassManager, parse_pipeline
from glmir.passes import BY_NAME
from glmir.passes.compression.dense_weights import Selection
from glmir.passes.compression.feedback_rounding import FeedbackRounding
from glmir.passes.compression.palettize_weights import palettize_weights_of
from glmir.passes.compression.quantize_weights import WeightOptions, quantize_weights_of
from glmir.passes.quantization.products import product_of
from glmir.passes.quantization.statistics import TensorStatistics
from glmir.passes.quantization.uniform import Refinement, Scheme
from glmir.passes.quantization.weights import weights_in
from glmir.printer import print_module
from tests.golden import random_array, random_inputs, random_weight

NETWORK = """
func @main(%x: f32[2, 8, 9, 7]) -> (%y: f32[2, 10]) {
  %first = tensor.constant() {value = weight<first>} : f32[64, 8, 3, 3]
  %a = nn.conv(%x, %first, none) {strides = [2, 1], padding = [1, 1, 0, 1], dilations = [1, 2], activation = relu} : f32[2, 64, 4, 5]
  %second = tensor.constant() {value = weight<second>} : f32[64, 64, 1, 1]
  %b = nn.conv(%a, %second, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1], activation = relu} : f32[2, 64, 4, 5]
  %c = math.reduce_mean(%b) {axes = [2, 3]} : f32[2, 64]
  %last = tensor.constant() {value = weight<last>} : f32[64, 10]
  %y = math.mat_mul(%c, %last) : f32[2, 10]
  return %y
}
"""  # noqa: E501

LAYERS = {
    "linear": "nn.linear(%x, %w, none) : f32[3, 4, 6]; x: f32[3, 4, 5]; w: f32[6, 5]",
    "product": "math.mat_mul(%x, %w) : f32[3, 4, 6]; x: f32[3, 4, 5]; w: f32[5, 6]",
    "transposed product": "math.mat_mul(%x, %w) {transpose_x = true, transpose_y = true} : f32[3, 4, 6]; "
    "x: f32[3, 5, 4]; w: f32[6, 5]",
    "conv": "nn.conv(%x, %w, none) {strides = [2, 1], padding = [1, 0, 1, 2], dilations = [1, 2]} : f32[2, 6, 4, 7]; "
    "x: f32[2, 3, 7, 9]; w: f32[6, 3, 3, 3]",
    "grouped conv": "nn.conv(%x, %w, none) {strides = [1], padding = [1, 1], dilations = [1], groups = 2, "
    "layout = nhwc} : f32[2, 7, 6]; x: f32[2, 7, 4]; w: f32[6, 2, 3]",
    "point": "nn.conv(%x, %w, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[2, 6, 4, 5]; "
    "x: f32[2, 3, 4, 5]; w: f32[6, 3, 1, 1]",
}


def network() -> Module:
    return parse_module(NETWORK, random_weight)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_product_is_what_the_layer_computes(layer: str) -> None:
    call, x, w = (part.strip().removeprefix("x: ").removeprefix("w: ") for part in LAYERS[layer].split(";"))
    result = call.rpartition(" : ")[2]
    module = parse_module(
        f"func @main(%x: {x}) -> (%y: {result}) {{\n  %w = tensor.constant() {{value = weight<w>}} : {w}\n"
        f"  %y = {call}\n  return %y\n}}\n",
        random_weight,
    )
    (use,) = weights_in(module.main)
    inputs = random_inputs(module.main)
    expected = run(module, inputs)["y"]
    product = product_of(use)
    assert product is not None and use.array is not None and product.source is module.main.inputs[0]
    matrices = product.matrices(use.array)
    np.testing.assert_array_equal(product.weight(matrices), use.array)
    vectors = product.vectors(inputs["x"]).reshape(-1, len(matrices), product.size)
    found = np.einsum("vgn,grn->vgr", vectors, matrices)
    channels = expected if not isinstance(use.op, nn.Conv) or layer == "grouped conv" else np.moveaxis(expected, 1, -1)
    np.testing.assert_allclose(found.reshape(-1), channels.reshape(-1), rtol=1e-4, atol=1e-4)
    gram = product.vectors(inputs["x"]).T @ product.vectors(inputs["x"])
    assert product.moments(gram).shape[1:] == (product.size, product.size)


def test_windows_taken_apart_hold_every_element_of_the_weight() -> None:
    use = next(weights_in(network().main))
    product = product_of(use, is_joint=False)
    assert product is not None and product.size == 8 and use.array is not None
    np.testing.assert_array_equal(product.weight(product.matrices(use.array)), use.array)


def output_error(module: Module, samples: list[dict[str, Array]]) -> float:
    reference = network()
    return float(np.mean([np.square(run(module, s)["y"] - run(reference, s)["y"]).mean() for s in samples]))


def samples(count: int, seed: int) -> list[dict[str, NDArray[np.float32]]]:
    """Inputs whose channels follow two sources."""
    mixing = np.random.default_rng(0).standard_normal((8, 2))
    rng = np.random.default_rng(seed)
    drawn = [np.einsum("cs,bshw->bchw", mixing, rng.standard_normal((2, 2, 9, 7))) for _ in range(count)]
    return [{"x": x.astype(np.float32)} for x in drawn]


def gathered(reference: Module, rounding: FeedbackRounding, data: list[dict[str, NDArray[np.float32]]]) -> None:
    """Teaches the rounding what the module computes."""
    function = reference.main
    values = [v for v in function.values() if v.name in rounding.requests]
    function.set_outputs(values, [v.name for v in values])
    tensors = {v.name: TensorStatistics() for v in values}
    for sample in data:
        for name, array in run(reference, sample).items():
            tensors[name].add(array, rounding.requests[name])
    rounding.learn(tensors)


@pytest.mark.parametrize("block", [None, 32])
def test_calibration_data_makes_the_outputs_better(block: int | None) -> None:
    options = WeightOptions(Scheme(4), block, Refinement.MSE, Selection(1))
    plain, informed = network(), network()
    rounding = FeedbackRounding(informed, options)
    assert set(rounding.requests) == ({"x", "a", "c"} if block is None else {"a", "c"})
    gathered(network(), rounding, samples(6, 1))
    quantize_weights_of(plain, options)
    quantize_weights_of(informed, replace(options, rounding=rounding))
    test = samples(5, 2)
    assert output_error(informed, test) < 0.5 * output_error(plain, test)


def test_without_data_nothing_changes() -> None:
    options = WeightOptions(Scheme(4), 32, Refinement.MSE, Selection(1))
    plain, informed = network(), network()
    quantize_weights_of(plain, options)
    quantize_weights_of(informed, replace(options, rounding=FeedbackRounding(informed, options)))
    assert plain == informed


def test_what_becomes_of_each_weight_is_told() -> None:
    options = WeightOptions(Scheme(4), 32, Refinement.MSE, Selection(700, frozenset({"last"})), wide_part=0.0)
    first, second, last = quantize_weights_of(network(), options)
    assert first.form is not None and (first.form.scheme.bits, first.form.axis, first.form.block) == (8, 0, None)
    assert first.reason == "blocks of 32 do not fit its 8 inputs" and first.sqnr > 40
    assert second.form is not None and (second.form.scheme.bits, second.form.axis, second.form.block) == (4, 1, 32)
    assert second.reason == "" and 15 < second.sqnr < 25
    assert last.form is None and last.reason == "it has 640 elements only"
    kept = quantize_weights_of(network(), replace(options, selection=Selection(1, frozenset({"last"}))))[2]
    assert kept.form is None and kept.reason == "it was named to be kept"


def test_the_smallest_weights_have_eight_bits() -> None:
    forms = [
        w.form for w in quantize_weights_of(network(), WeightOptions(Scheme(4), selection=Selection(1), wide_part=0.1))
    ]
    assert [form.scheme.bits for form in forms if form is not None] == [4, 4, 8]


SPECTRUM = """
func @main(%x: f32[1, 1, 90]) -> (%y: f32[1, 4, 9], %z: f32[1, 16, 9]) {
  %w = tensor.constant() {value = weight<w>} : f32[16, 1, 10]
  %0 = nn.conv(%x, %w, none) {strides = [10], padding = [0, 0], dilations = [1]} : f32[1, 16, 9]
  %1 = math.square(%0) : f32[1, 16, 9]
  %mel = tensor.constant() {value = weight<mel_variance>} : f32[4, 16]
  %2 = math.mat_mul(%mel, %1) : f32[1, 4, 9]
  %y = math.log(%2) : f32[1, 4, 9]
  %v = tensor.constant() {value = weight<v>} : f32[16, 1, 10]
  %3 = nn.conv(%x, %v, none) {strides = [10], padding = [0, 0], dilations = [1]} : f32[1, 16, 9]
  %z = nn.sigmoid(%3) : f32[1, 16, 9]
  return %y, %z
}
"""


@pytest.mark.parametrize("bits", [4, 8])
def test_filter_banks_before_a_logarithm_are_exact(bits: int) -> None:
    module = parse_module(SPECTRUM, random_weight)
    found = quantize_weights_of(module, WeightOptions(Scheme(bits), selection=Selection(1)))
    assert [w.form.scheme.bits for w in found if w.form is not None] == [16, 16, bits]
    assert found[0].reason == "a logarithm is taken of what it makes" and found[0].sqnr > 85


def test_all_refinements_are_deterministic() -> None:
    for refine in Refinement:
        texts, arrays = [], []
        for _ in range(2):
            module = network()
            BY_NAME["quantize-weights"](module, bits=4, block=32, refine=refine, min_elements=1)
            texts.append(print_module(module))
            constants = [op.value.array for op in module.main.ops if isinstance(op, tensor.Constant)]
            arrays.append(b"".join(array.tobytes() for array in constants))
        assert texts[0] == texts[1] and arrays[0] == arrays[1]


def broken(value: float) -> Module:
    def weight(name: str, type_: object) -> Array:
        array = random_array(name, type_).copy()  # type: ignore[arg-type]
        if name == "second":
            array[3, 2] = value
        return array

    return parse_module(NETWORK, weight)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["quantize-weights", "palettize-weights"])
def test_weights_that_are_no_numbers_are_named(name: str, value: float) -> None:
    with pytest.raises(CompileError, match="the weight second holds NaNs or infinities"):
        BY_NAME[name](broken(value))


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        ("quantize-weights{bits=9}", "integers have 2 to 8 or 16 bits, not 9"),
        ("quantize-weights{block=1}", "a block has at least 2 elements, not 1"),
        ("quantize-weights{refine=best}", "refine is one of none, mse, hqq"),
        ("palettize-weights{bits=0}", "indices have 1 to 8 bits, not 0"),
    ],
)
def test_options_that_cannot_be_are_refused(pipeline: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PassManager(parse_pipeline(pipeline, BY_NAME)).run(network())


def test_palettes_tell_what_stays() -> None:
    first, second, last = palettize_weights_of(network(), 8, Selection(1))
    assert first.bits == second.bits == 8 and min(first.sqnr, second.sqnr) > 40
    assert last.bits == 8
    small = palettize_weights_of(network(), 8, Selection(1000, frozenset({"second"})))
    assert [w.reason for w in small] == ["", "it was named to be kept", "it has 640 elements only"]
