"""Facts of reports: exactness, precision, weights, targets, speed, and the advice that follows from them."""

from pathlib import Path

import numpy as np
import pytest

from glmir.driver.compilation import compile
from glmir.driver.quantization.data import Sample
from glmir.driver.quantization.recipe import parse_recipe
from glmir.driver.report.building import Compiled, build_report, recipe_text
from glmir.driver.report.facts import Report
from glmir.driver.report.measuring import measure
from glmir.driver.report.targets import FLOATS, INTEGERS, STORED

from ..commands import DIGITS
from .networks import CHANNELS, images, report_of, two_convolutions

CALIBRATION = DIGITS.with_name("digits_calibration.npz")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """On all targets."""
    folder = tmp_path_factory.mktemp("digits")
    artifacts = []
    for target in ("tflite", "mnn", "coreml", "onnx"):
        artifact = compile(DIGITS, target=target, quantize="int8", calibrate=str(CALIBRATION))
        artifacts.append((artifact.save(folder / f"digits{artifact.target.suffix}"), artifact))
    record = artifacts[0][1].record
    assert record is not None
    return build_report(Compiled(DIGITS, record.quantized, artifacts, record), True, lambda text: None)


def test_what_is_measured_is_what_the_histogram_predicts(digits: Report) -> None:
    assert digits.measured is not None and (digits.measured.samples, digits.measured.is_random) == (4, False)
    assert len(digits.tensors) > 8
    for tensor in digits.tensors:
        assert tensor.expected is not None and tensor.measured is not None
        assert abs(tensor.expected - tensor.measured) < 2, tensor
        assert tensor.low <= 0 <= tensor.high


def test_errors_add_up_along_the_way(digits: Report) -> None:
    layers = [op for op in digits.ops if op.kind == "nn.conv"]
    assert len(layers) == 5
    assert layers[0].own == layers[0].sqnr
    for layer in layers[1:]:
        assert layer.own is not None and layer.sqnr is not None
        assert layer.sqnr < layer.own + 0.1


def test_shares_tell_which_op_the_error_is_of(digits: Report) -> None:
    shares = [op.share for op in digits.worst_ops() if op.share is not None]
    assert len(shares) == len(digits.ops)
    assert shares == sorted(shares, reverse=True)
    assert 0.1 < shares[0] <= 1


def test_what_each_target_computes_in_integers(digits: Report) -> None:
    assert [t.name for t in digits.targets] == ["tflite", "mnn", "coreml", "onnx"]
    assert [(t.integer_layers, t.layers) for t in digits.targets] == [(6, 6)] * 4
    assert [round(t.integer_share, 6) for t in digits.targets] == [1.0] * 4
    mnn = {made.op: made for made in digits.targets[1].computed}
    assert mnn["flatten"].computed == FLOATS
    assert mnn["flatten"].rule == "the target has no integer kernel for math.reduce_mean"
    assert digits.targets[0].conversions == 0
    assert digits.targets[1].conversions > 0


def test_sizes(digits: Report) -> None:
    assert digits.source_weight_bytes > 75_000
    for target in digits.targets:
        assert 0.24 < target.weight_bytes / digits.source_weight_bytes < 0.3
        assert target.file_bytes > target.weight_bytes


def test_weights(digits: Report) -> None:
    weights = {weight.name: weight for weight in digits.weights}
    conv = weights["residual1.conv.weight"]
    assert (conv.bits, conv.axis, conv.block, conv.shape) == (8, 0, None, (32, 32, 3, 3))
    assert conv.form == "8 bits, a scale per index of axis 0"
    assert conv.sqnr is not None and 38 < conv.sqnr < 48


def test_blocks_and_why_not(tmp_path: Path) -> None:
    report, _ = report_of(compile(DIGITS, target="onnx").module, None, "int4-weights", tmp_path, "onnx")
    assert report.measured is not None and report.measured.is_random
    forms = {w.name: w for w in report.weights}
    assert forms["residual1.conv.weight"].block == 32
    assert forms["residual1.conv.weight"].bits == 4
    small = forms["stem.conv.weight"]
    assert small.form == "f32" and "elements only" in small.reason
    made = {m.op: m.computed for m in report.targets[0].computed}
    assert STORED in made.values()


def test_an_op_that_is_kept_says_so(tmp_path: Path) -> None:
    report, _ = report_of(two_convolutions(), images(), "int8{keep=conv1}", tmp_path)
    first, middle, last = report.ops[0], report.ops[-2], report.ops[-1]
    assert not first.is_integer and first.reason == "it is kept in float"
    assert first is middle or middle.kind == "nn.relu"
    assert last.is_integer and last.multiplications == CHANNELS * CHANNELS * 36
    assert report.targets[0].integer_layers == 1
    assert report.targets[0].integer_share == 0.5


def _advice(report: Report) -> str:
    return "\n".join(f"{a.problem} | {a.remedy}" for a in report.advice)


def test_advice_for_uneven_channels(tmp_path: Path) -> None:
    gains = np.ones(CHANNELS)
    gains[0] = 100
    recipe = "int8{per-channel=false, equalize=false, correct-biases=false, min-sqnr=0}"
    report, _ = report_of(two_convolutions(gains), images(), recipe, tmp_path)
    assert "its channels differ by a factor of" in _advice(report)
    assert "per-channel=true" in _advice(report)


def test_advice_for_outliers(tmp_path: Path) -> None:
    data = images(16)
    data[:, 3, 2, 2] = 400
    report, _ = report_of(two_convolutions(), data, "int8{calibrator=minmax}", tmp_path)
    assert "single elements of" in _advice(report)
    assert "calibrator=mse" in _advice(report)


def test_advice_for_clipping(tmp_path: Path) -> None:
    report, _ = report_of(two_convolutions(), images(), "int8{calibrator=percentile, percentile=90}", tmp_path)
    assert "lie outside of" in _advice(report)
    assert "calibrator=minmax" in _advice(report)


def test_advice_for_few_samples(tmp_path: Path) -> None:
    report, _ = report_of(two_convolutions(), images(1), "int8", tmp_path)
    assert "calibration saw 1 sample only" in _advice(report)
    assert "give more data" in _advice(report)


def test_nothing_to_say_of_a_good_model(tmp_path: Path) -> None:
    report, _ = report_of(two_convolutions(), images(), "int16", tmp_path)
    assert "keep=" not in _advice(report) or all(op.own is None or op.own < 40 for op in report.worst_ops(1))


@pytest.mark.parametrize(
    ("target", "recipe", "is_slower"),
    [
        ("tflite", "int8", False),
        ("tflite", "int8-dynamic", False),
        ("tflite", "int16", True),
        ("mnn", "int8-weights", False),
        ("onnx", "int8-weights", True),
        ("coreml", "int8", False),
    ],
)
def test_who_is_slower_than_float(target: str, recipe: str, is_slower: bool, tmp_path: Path) -> None:
    data = dict(np.load(CALIBRATION))
    module = compile(DIGITS, target="onnx").module
    report, _ = report_of(module, data if recipe in ("int8", "int16") else None, recipe, tmp_path, target)
    (facts,) = report.targets
    assert bool(facts.warnings) is is_slower
    assert all("times as long as float" in warning for warning in facts.warnings)


def test_what_is_kept_float_by_a_rule_of_the_target(tmp_path: Path) -> None:
    report, _ = report_of(two_convolutions(), images(), "int16", tmp_path, "mnn")
    rules = {made.rule for made in report.targets[0].computed if made.rule}
    assert rules and all(rule.startswith("stored as i16: ") for rule in rules)
    assert INTEGERS not in {made.computed for made in report.targets[0].computed}


def test_recipes_as_the_command_line_takes_them() -> None:
    for text in ("int8", "int8{calibrator=entropy, symmetric=true}", "int4-weights{block=64}", "auto{min-sqnr=20.0}"):
        assert recipe_text(parse_recipe(text)) == text


def test_states_are_carried_through_samples() -> None:
    module = compile(_counter(), target="onnx").module
    sample = Sample({"x": np.ones((1, 2), np.float32)}, "sample", begins=True)
    again = Sample({"x": np.ones((1, 2), np.float32)}, "sample", begins=False)
    assert measure(module, module, [sample, again], ["y"]).outputs == {"y": np.inf}


def _counter() -> object:
    from glmir.parser import parse_module

    return parse_module(
        """
state %h -> %h_out = dense<0.0> : f32[]
func @main(%x: f32[1, 2], %h: f32[1, 2]) -> (%y: f32[1, 2], %h_out: f32[1, 2]) {
  %sum = math.add(%x, %h) : f32[1, 2]
  %y = nn.relu(%sum) : f32[1, 2]
  return %y, %sum
}
"""
    )
