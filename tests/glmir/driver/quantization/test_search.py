"""Automatic mixed precision: switches compute every mixture, and the search finds the layer that is bad."""

from collections.abc import Iterator

import numpy as np
import pytest

from glmir import interpreter
from glmir.driver.quantization.comparison import Comparison, decibels
from glmir.driver.quantization.data import Sample
from glmir.driver.quantization.search import representative, search
from glmir.driver.quantization.sensitivity import measure_sensitivities
from glmir.driver.quantization.switches import with_switches
from glmir.ir import Array, Module
from glmir.parser import parse_module
from glmir.passes.quantization.insert_quantization import insert_pairs
from glmir.passes.quantization.parameters import Range
from glmir.passes.quantization.plan import StaticOptions, make_plan, name_values
from glmir.types import TensorType
from glmir.verifier import verify
from tests.golden import random_weight
from tests.passes.quantization.networks import ranges_of

LAYERS = 5
RNG = np.random.default_rng(7)
SAMPLES = [Sample({"x": RNG.standard_normal((2, 8, 6, 6)).astype(np.float32)}, f"sample {i}", True) for i in range(6)]


def chain(bad: int | None = None) -> Module:
    """Convolutions one behind the other; the bad one makes a channel a thousand times larger than the others, which the
    next layer does not look at."""

    def weights(name: str, type_: TensorType) -> Array:
        array = random_weight(name, type_).copy()
        if bad is not None and name == f"w{bad}":
            array[3] *= 1000
        if bad is not None and name == f"w{bad + 1}":
            array[:, 3] = 0
        return array

    lines = [
        f"""  %w{i} = tensor.constant() {{value = weight<w{i}>}} : f32[8, 8, 1, 1]
  %layer{i} = nn.conv(%{f"layer{i - 1}" if i else "x"}, %w{i}, none) {{strides = [1, 1], padding = [0, 0, 0, 0],
    dilations = [1, 1], activation = relu}} : f32[n, 8, 6, 6]"""
        for i in range(LAYERS)
    ]
    body = "\n".join(lines)
    text = f"""func @main(%x: f32[n, 8, 6, 6]) -> (%y: f32[n, 8]) {{
{body}
  %mean = math.reduce_mean(%layer{LAYERS - 1}) {{axes = [2, 3]}} : f32[n, 8]
  %y = nn.softmax(%mean) {{axis = 1}} : f32[n, 8]
  return %y
}}
"""
    module = parse_module(text, weights)
    name_values(module)
    return module


def options_of(module: Module) -> StaticOptions:
    found: dict[str, Range] = {}
    for sample in SAMPLES:
        for name, range_ in ranges_of(module, dict(sample.inputs)).items():
            before = found.get(name, range_)
            found[name] = Range(min(before.low, range_.low), max(before.high, range_.high))
    return StaticOptions(found)


def quantized_of(module: Module, options: StaticOptions) -> Module:
    quantized = module.clone()
    insert_pairs(quantized, options)
    return quantized


def test_switches_compute_all_mixtures() -> None:
    module = chain()
    options = options_of(module)
    switched = with_switches(module, quantized_of(module, options))
    verify(switched.module)
    for keep in ([], ["layer2"], ["layer0", "layer3"], [f"layer{i}" for i in range(LAYERS)]):
        mixed = StaticOptions(options.ranges, keep=frozenset(keep))
        integer = {op.results[0].name for op in make_plan(module.main, mixed).integer}
        inputs = dict(SAMPLES[0].inputs)
        expected = interpreter.run(quantized_of(module, mixed), inputs)
        found = interpreter.run(switched.module, {**inputs, switched.name: switched.setting(integer)})
        np.testing.assert_allclose(found["y"], expected["y"], atol=1e-6)


def test_an_input_may_be_called_like_the_switches() -> None:
    module = parse_module(
        """func @main(%switches: f32[n, 4]) -> (%y: f32[n, 5]) {
  %w = tensor.constant() {value = weight<w>} : f32[5, 4]
  %y = nn.linear(%switches, %w, none) : f32[n, 5]
  return %y
}
""",
        random_weight,
    )
    name_values(module)
    options = StaticOptions({"switches": Range(-3, 3), "y": Range(-9, 9)})
    switched = with_switches(module, quantized_of(module, options))
    verify(switched.module)
    assert switched.name not in ("switches", "y")


def test_noise_adds_up() -> None:
    module = chain()
    comparison = Comparison(module, quantized_of(module, options_of(module)), SAMPLES)
    everything = {op.results[0].name for op in module.main.ops if op.results}
    found = measure_sensitivities(comparison, 1e-9, everything)
    predicted = decibels(found.predict(everything).worst_guide)
    assert predicted == pytest.approx(decibels(found.together.worst_guide), abs=3)
    assert found.together.divergence is not None and 0 < found.together.divergence < 0.1


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_finds_the_bad_layer(bad: int) -> None:
    module = chain(bad)
    found = search(module, options_of(module), SAMPLES, min_sqnr=30)
    assert found.before.sqnr < 25
    assert found.is_reached and found.after.sqnr >= 30
    assert {op.op for op in found.kept} == found.keep <= {f"layer{bad}", f"layer{bad + 1}"}
    assert all(op.reason.startswith("rounding") for op in found.kept)
    assert found.float_share == pytest.approx(len(found.keep) / LAYERS)
    assert found.rounds[0].before == found.before.sqnr


def test_keeps_nothing_that_need_not_be() -> None:
    module = chain()
    found = search(module, options_of(module), SAMPLES, min_sqnr=15)
    assert found.is_reached and not found.keep and not found.rounds and found.float_share == 0


def test_stops_at_the_most_float_that_is_allowed() -> None:
    module = chain(1)
    found = search(module, options_of(module), SAMPLES, min_sqnr=80, max_float=0.45)
    assert not found.is_reached and found.float_share <= 0.45


def test_finds_the_same_again() -> None:
    module = chain(2)
    first, second = (search(module.clone(), options_of(module), SAMPLES, min_sqnr=35) for _ in range(2))
    assert first.kept == second.kept and first.after.sqnr == second.after.sqnr


@pytest.mark.parametrize("count", [1, 3, 8, 9, 50])
def test_representative_samples_are_spread_over_all(count: int) -> None:
    def samples() -> Iterator[Sample]:
        yield from (Sample({"x": np.array(i)}, "", True) for i in range(count))

    found = [int(sample.inputs["x"]) for sample in representative(samples(), 4)]
    assert found == sorted(set(found)) and len(found) == min(4, count)
    assert found[0] == 0 and (count < 5 or found[-1] >= count // 2)
