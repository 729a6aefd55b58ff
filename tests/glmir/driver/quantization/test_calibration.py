"""Calibration: what is gathered, by which runtime, caches, states, groups, and memory."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glmir.driver.quantization import calibration as calibration_module
from glmir.driver.quantization.calibration import calibrate, module_hash
from glmir.driver.quantization.data import DataSource, Samples, open_samples
from glmir.driver.quantization.model_inputs import ModelInputs
from glmir.driver.quantization.runner import Runner
from glmir.errors import GlmirError, InputError
from glmir.interpreter import run
from glmir.ir import Module
from glmir.parser import parse_module
from glmir.passes.quantization.calibration_file import read_calibration, write_calibration
from glmir.passes.quantization.statistics import Request

Array = np.ndarray[Any, Any]

TEXT = """
func @main(%x: f32[n, 3, 8, 8]) -> (%y: f32[n, 4], %again: f32[n, 4]) {
  %w = tensor.constant() {value = weight<w>} : f32[4, 3, 3, 3]
  %conv = nn.conv(%x, %w, none) {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1]} : f32[n, 4, 8, 8]
  %relu = nn.relu(%conv) : f32[n, 4, 8, 8]
  %mean = math.reduce_mean(%relu) {axes = [2, 3]} : f32[n, 4]
  return %mean, %mean
}
"""
NAMES = ("x", "conv", "relu", "mean", "w")

COUNTER = """
state %h -> %h_out = dense<0.0> : f32[]
func @main(%x: f32[1, 2], %h: f32[1, 2]) -> (%y: f32[1, 2], %h_out: f32[1, 2]) {
  %sum = math.add(%x, %h) : f32[1, 2]
  %y = nn.relu(%sum) : f32[1, 2]
  return %y, %sum
}
"""


def network(seed: int = 0) -> Module:
    weights = {"w": np.random.default_rng(seed).standard_normal((4, 3, 3, 3)).astype(np.float32)}
    return parse_module(TEXT, weights)


def images(count: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).standard_normal((count, 3, 8, 8)).astype(np.float32)


def samples_of(source: DataSource, module: Module) -> Samples:
    return open_samples(source, ModelInputs.of(module))


def written(module: Module, source: DataSource, **options: Any) -> bytes:
    import io

    stream = io.BytesIO()
    write_calibration(calibrate(module, samples_of(source, module), NAMES, **options), stream)
    return stream.getvalue()


def without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glmir.driver.quantization.runner.find_spec", lambda name: None)


def test_what_is_gathered_is_what_the_interpreter_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    module, data = network(), images(5)
    before = str(module)
    fast = calibrate(module, samples_of({"x": data}, module), {n: Request(axis=1) for n in NAMES})
    without_onnxruntime(monkeypatch)
    slow = calibrate(module, samples_of({"x": data}, module), {n: Request(axis=1) for n in NAMES})
    assert fast.notes == [] and "interpreter" in slow.notes[0]
    assert str(module) == before and fast.model == slow.model
    expected = run(module, {"x": data})["y"]
    assert fast.tensors["mean"].maximum == pytest.approx(expected.max(), rel=1e-5)
    assert fast.samples == slow.samples == 5
    for name in NAMES:
        a, b = fast.tensors[name], slow.tensors[name]
        assert (a.samples, a.elements) == (b.samples, b.elements)
        assert a.minimum == pytest.approx(b.minimum, rel=1e-5, abs=1e-6)
        assert a.channels is not None and b.channels is not None
        np.testing.assert_allclose(a.channels.mean, b.channels.mean, atol=1e-5)


def test_the_same_bytes_again() -> None:
    module, data = network(), images(5)
    assert written(module, {"x": data}) == written(network(), {"x": data})


def test_the_runner_gives_outputs_and_shows_values() -> None:
    module, data = network(), images(1)
    seen: dict[str, Array] = {}
    runner = Runner(module, NAMES)
    outputs = runner.run({"x": data}, lambda name, array: seen.update({name: array.copy()}))
    expected = run(module, {"x": data})
    assert set(outputs) == {"y", "again"} and set(seen) == set(NAMES)
    np.testing.assert_allclose(outputs["y"], expected["y"], atol=1e-5)
    np.testing.assert_allclose(seen["mean"], expected["y"], atol=1e-5)
    assert np.array_equal(seen["relu"], np.maximum(seen["conv"], 0))
    assert set(Runner(module).run({"x": data})) == {"y", "again"}
    with pytest.raises(ValueError, match="no value other"):
        Runner(module, ["other"])
    with pytest.raises(InputError, match="no array given for input x"):
        runner.run({})


def test_many_values_are_computed_in_groups() -> None:
    module, data = network(), images(4)
    whole = written(module, {"x": data})
    seen: list[str] = []
    runner = Runner(module, NAMES, memory=1500)
    outputs = runner.run({"x": data[:1]}, lambda name, _: seen.append(name))
    assert sorted(seen) == sorted(NAMES) and set(outputs) == {"y", "again"}
    assert runner._sessions is not None and [len(p) for p in runner._sessions._plans.values()] == [1, 2]
    # Nothing depends on the groups.
    values = {}
    runner.run({"x": data[:1]}, lambda name, array: values.update({name: array.copy()}))
    Runner(module, NAMES).run({"x": data[:1]}, lambda n, a: np.testing.assert_array_equal(a, values[n]))
    assert whole == written(module, {"x": data})


def test_names_that_clash_with_names_of_outputs() -> None:
    text = TEXT.replace("%conv", "%observed0").replace("%again", "%relu").replace("%relu = ", "%again = ")
    text = text.replace("reduce_mean(%relu)", "reduce_mean(%again)")
    module = parse_module(text, {"w": np.ones((4, 3, 3, 3), np.float32)})
    seen: dict[str, Array] = {}
    outputs = Runner(module, ["observed0", "again"]).run({"x": images(1)}, lambda n, a: seen.update({n: a}))
    assert seen["observed0"].shape == seen["again"].shape == (1, 4, 8, 8)
    assert set(outputs) == {"y", "relu"} and outputs["relu"].shape == (1, 4)


@pytest.mark.parametrize("is_interpreted", [False, True])
def test_states_go_from_sample_to_sample_of_a_sequence(monkeypatch: pytest.MonkeyPatch, is_interpreted: bool) -> None:
    if is_interpreted:
        without_onnxruntime(monkeypatch)
    module = parse_module(COUNTER)
    one = {"x": np.ones((1, 2), np.float32)}
    made = calibrate(module, samples_of([[one] * 3, [one] * 2], module), ["sum", "h"])
    assert made.tensors["sum"].maximum == 3 and made.tensors["sum"].samples == 5
    assert made.tensors["h"].maximum == 2
    given = one | {"h": np.full((1, 2), 10, np.float32)}
    assert calibrate(module, samples_of([given], module), ["sum"]).tensors["sum"].maximum == 11


def test_what_onnx_cannot_say_the_interpreter_runs() -> None:
    text = "func @main(%x: f32[n, 3]) -> (%y: f32[n, 3]) {\n  %y = math.exp(%x) : f32[n, 3]\n  return %y\n}\n"
    module = parse_module(text)
    failing = parse_module(text)
    from glmir.driver.quantization import runner as runner_module

    def refuse(module: Module) -> None:
        raise GlmirError("exp: nothing says this\nand more")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner_module, "_lowered", refuse)
        made = calibrate(failing, samples_of({"x": np.ones((2, 3), np.float32)}, module), ["y"])
    assert made.notes == ["onnxruntime does not take the model, the slow interpreter runs it: exp: nothing says this"]
    assert made.tensors["y"].maximum == pytest.approx(np.e)


def test_values_in_branches_have_no_statistics() -> None:
    text = """
func @main(%c: bool[], %x: f32[n, 3]) -> (%y: f32[n, 3]) {
  %y = control.if(%c, [%x]) {then_branch = @a, else_branch = @b} : f32[n, 3]
  return %y
}
func @a(%x: f32[n, 3]) -> (%y: f32[n, 3]) {
  %y = math.exp(%x) : f32[n, 3]
  return %y
}
func @b(%x: f32[n, 3]) -> (%y: f32[n, 3]) {
  return %x
}
"""
    module = parse_module(text)
    data = {"c": np.array([True, False]), "x": np.ones((2, 3), np.float32)}
    made = calibrate(module, samples_of(data, module), ["y"])
    assert made.notes == ["values inside branches and loops have no ranges: what is computed there stays float"]
    assert (made.tensors["y"].minimum, made.tensors["y"].maximum) == (1.0, pytest.approx(np.e))


class Interruption:
    """A list of samples that ends early with an interrupt, once."""

    def __init__(self, items: Array, after: int) -> None:
        self._items, self._after = items, after

    def __call__(self) -> Iterator[dict[str, Array]]:
        for index, item in enumerate(self._items):
            if index == self._after:
                raise KeyboardInterrupt
            yield {"x": item[None]}


def renamed(samples: Samples, fingerprint: str) -> Samples:
    return Samples(samples.count, fingerprint, samples.open)


def test_a_cache_is_reused_completed_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, data, cache = network(), images(6), tmp_path / "cache.json"
    source = samples_of({"x": data}, module)
    calibrate(module, source, ["conv"], cache=cache)
    calibrate(module, source, NAMES, cache=cache)
    whole = cache.read_bytes()
    assert whole == written(module, {"x": data})
    monkeypatch.setattr(calibration_module, "Runner", None)
    reused = calibrate(module, source, ["conv", "mean"], cache=cache)
    assert reused.samples == 6 and cache.read_bytes() == whole
    monkeypatch.undo()
    cache.unlink()
    interrupted = renamed(samples_of(Interruption(data, 4), module), source.fingerprint or "")
    with pytest.raises(KeyboardInterrupt):
        calibrate(module, interrupted, NAMES, cache=cache)
    part = read_calibration(cache)
    assert (part.samples, part.unfinished) == (4, source.fingerprint)
    calibrate(module, source, NAMES, cache=cache)
    assert cache.read_bytes() == whole


def test_more_data_is_added_to_a_cache(tmp_path: Path) -> None:
    module, data, cache = network(), images(6), tmp_path / "cache.json"
    for part in (data[:2], data[2:], data[:2]):
        made = calibrate(module, samples_of({"x": part}, module), NAMES, cache=cache)
    whole = calibrate(module, samples_of({"x": data}, module), NAMES)
    assert made.samples == 6 and len(made.sources) == 2
    for name in NAMES:
        a, b = made.tensors[name], whole.tensors[name]
        assert a.histogram is not None and b.histogram is not None
        assert np.array_equal(a.histogram.counts, b.histogram.counts)
        assert (a.samples, a.minimum, a.maximum, a.moving) == (b.samples, b.minimum, b.maximum, b.moving)


def test_what_else_is_asked_for_is_added(tmp_path: Path) -> None:
    module, data, cache = network(), images(4), tmp_path / "cache.json"
    source = samples_of({"x": data}, module)
    calibrate(module, source, NAMES, cache=cache)
    request = Request(axis=1, rows=lambda a: a.reshape(-1, 8))
    made = calibrate(module, source, {"relu": request}, cache=cache)
    relu = made.tensors["relu"]
    assert relu.samples == 4 and relu.satisfies(request) and relu.gram_rows == 4 * 4 * 8
    again = read_calibration(cache)
    assert again.tensors["relu"].satisfies(Request(axis=1)) and again.tensors["relu"].gram is None
    assert set(again.tensors) == set(NAMES)


def test_a_cache_of_another_model_is_refused_and_kept(tmp_path: Path) -> None:
    module, cache = network(), tmp_path / "cache.json"
    calibrate(module, samples_of({"x": images(2)}, module), NAMES, cache=cache)
    kept = cache.read_bytes()
    other = network(seed=5)
    assert module_hash(other) != module_hash(module) == module_hash(network())
    with pytest.raises(InputError, match="of another model"):
        calibrate(other, samples_of({"x": images(2)}, other), NAMES, cache=cache)
    cache.write_text("{}")
    with pytest.raises(InputError, match="not a calibration file"):
        calibrate(module, samples_of({"x": images(2)}, module), NAMES, cache=cache)
    assert kept != cache.read_bytes() == b"{}"


def test_bad_samples_leave_no_cache(tmp_path: Path) -> None:
    module, cache = network(), tmp_path / "cache.json"
    data = images(3)
    data[2, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="sample 2: input x holds NaN"):
        calibrate(module, samples_of({"x": data}, module), NAMES, cache=cache)
    assert not cache.exists()
    with pytest.raises(InputError, match="cannot write"):
        calibrate(module, samples_of({"x": images(1)}, module), NAMES, cache=tmp_path / "absent" / "cache.json")


def test_failures_say_which_sample() -> None:
    text = """
func @main(%x: f32[n], %at: i64[1]) -> (%y: f32[1]) {
  %y = tensor.gather(%x, %at) {axis = 0} : f32[1]
  return %y
}
"""
    module = parse_module(text)
    data = {"x": np.ones((2, 3), np.float32), "at": np.array([[1], [7]])}
    with pytest.raises(GlmirError) as caught:
        calibrate(module, samples_of(data, module), ["y"])
    assert "sample 1" in caught.value.__notes__[0]


def test_progress_is_told() -> None:
    module = network()
    said: list[str] = []
    calibrate(module, samples_of({"x": images(4)}, module), NAMES, said.append)
    assert said[0].endswith("0 of 4 samples") and len(said) == 4
    calibrate(module, samples_of([{"x": images(1)}] * 3, module), NAMES, said.append)
    assert said[-1] == "calibrating: sample 3"


def test_many_samples_need_no_more_memory_than_few(tmp_path: Path) -> None:
    module = network()
    peaks = []
    for count in (10, 10, 1000):
        np.savez(tmp_path / "data.npz", x=images(count))
        samples = samples_of(tmp_path / "data.npz", module)
        tracemalloc.start()
        calibrate(module, samples, NAMES)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # The samples alone are 768 kB.
    assert peaks[2] < peaks[1] + 200_000
