"""Calibration data: how arrays hold samples, what is streamed, and every kind of bad data."""

import textwrap
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glmir.driver.quantization.data import DataSource, Sample, open_samples
from glmir.driver.quantization.model_inputs import ModelInputs
from glmir.errors import InputError
from glmir.parser import parse_module

Array = np.ndarray[Any, Any]


def inputs(text: str, states: str = "") -> ModelInputs:
    """Of a module whose main has these inputs."""
    types = dict(item.split(": ") for item in text.split("; "))
    names = ", ".join(f"%{name}: {type_}" for name, type_ in types.items())
    results = ", ".join(f"%{name}_out: {type_}" for name, type_ in types.items())
    values = ", ".join(f"%{name}" for name in types)
    return ModelInputs.of(parse_module(f"{states}func @main({names}) -> ({results}) {{\n  return {values}\n}}\n"))


IMAGE = inputs("image: f32[n, 3, 4, 4]")


def rng_array(*shape: int) -> Array:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def collect(source: DataSource, model: ModelInputs) -> list[Sample]:
    samples = open_samples(source, model)
    found = list(samples)
    assert samples.count in (None, len(found))
    again = list(samples)
    assert len(again) == len(found)
    for a, b in zip(found, again, strict=True):
        assert all(np.array_equal(a.inputs[n], b.inputs[n]) for n in a.inputs)
    return found


@pytest.mark.parametrize(
    ("model", "shape", "count", "sample"),
    [
        ("x: f32[n, 3, 4, 4]", (7, 3, 4, 4), 7, (1, 3, 4, 4)),
        ("x: f32[n, 3, 4, 4]", (7, 2, 3, 4, 4), 7, (2, 3, 4, 4)),
        ("x: f32[1, 3, 4, 4]", (7, 3, 4, 4), 7, (1, 3, 4, 4)),
        ("x: f32[1, 3, 4, 4]", (7, 1, 3, 4, 4), 7, (1, 3, 4, 4)),
        ("x: f32[2, 3, 4, 4]", (6, 3, 4, 4), 3, (2, 3, 4, 4)),
        ("x: f32[2, 3, 4, 4]", (2, 3, 4, 4), 1, (2, 3, 4, 4)),
        ("x: f32[8]", (8,), 1, (8,)),
        ("x: f32[8]", (5, 8), 5, (8,)),
        ("x: f32[samples]", (16000,), 1, (16000,)),
        ("x: f32[samples]", (3, 16000), 3, (16000,)),
        ("x: f32[]", (), 1, ()),
        ("x: f32[]", (4,), 4, ()),
        ("x: f32[1, n, 2*n]", (3, 5, 10), 3, (1, 5, 10)),
    ],
)
def test_how_arrays_hold_samples(
    tmp_path: Path, model: str, shape: tuple[int, ...], count: int, sample: tuple[int, ...]
) -> None:
    array, wanted = rng_array(*shape), inputs(model)
    np.savez(tmp_path / "data.npz", x=array)
    np.savez_compressed(tmp_path / "small.npz", x=array)
    np.save(tmp_path / "data.npy", array)
    np.save(tmp_path / "columns.npy", np.asfortranarray(array))
    np.save(tmp_path / "big.npy", array.astype(">f4"))
    expected = collect({"x": array}, wanted)
    assert [s.inputs["x"].shape for s in expected] == [sample] * count
    assert np.array_equal(np.concatenate([s.inputs["x"].reshape(-1) for s in expected]), array.reshape(-1))
    for name in ("data.npz", "small.npz", "data.npy", "columns.npy", "big.npy"):
        found = collect(tmp_path / name, wanted)
        assert len(found) == count
        for a, b in zip(found, expected, strict=True):
            assert a.inputs["x"].dtype == np.float32 and np.array_equal(a.inputs["x"], b.inputs["x"])


def test_several_inputs_agree_and_single_numbers_go_with_all() -> None:
    model = inputs("x: f32[n, 4]; rate: i64[]; mask: bool[n, 2]")
    arrays = {"x": rng_array(5, 4), "rate": 16000, "mask": np.ones((5, 2), bool)}
    found = collect(arrays, model)
    assert len(found) == 5 and all(s.inputs["rate"] == 16000 for s in found)
    assert [s.begins for s in found] == [True, False, False, False, False]
    with pytest.raises(InputError, match="x has 5 samples, mask has 4 samples"):
        open_samples(arrays | {"mask": np.ones((4, 2), bool)}, model)


def test_folders_in_order_each_file_a_sequence(tmp_path: Path) -> None:
    for index, name in enumerate(["b.npz", "a.npz", "c.npy"]):
        array = np.full((2, 3, 4, 4), index, np.float32)
        np.save(tmp_path / name, array) if name.endswith("npy") else np.savez(tmp_path / name, image=array)
    (tmp_path / "notes.txt").write_text("of another kind")
    found = collect(tmp_path, IMAGE)
    assert [int(s.inputs["image"].flat[0]) for s in found] == [1, 1, 0, 0, 2, 2]
    assert [s.begins for s in found] == [True, False] * 3
    assert "b.npz, sample 1" in found[3].where


def test_python_functions_and_iterables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
    import numpy as np
    def images():
        for i in range(3):
            yield {"image": np.full((2, 3, 4, 4), i)  * 1.0}
    def fails():
        yield {"image": np.zeros((1, 3, 4, 4), np.float32)}
        raise ValueError("no more disk")
    def nothing():
        return []
    def number():
        return 3
    value = 3
    """
    (tmp_path / "calibration_images.py").write_text(textwrap.dedent(code))
    (tmp_path / "calibration_broken.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    found = collect("python:calibration_images:images", IMAGE)
    assert len(found) == 3 and found[0].inputs["image"].dtype == np.float32
    for source, message in [
        ("python:calibration_images", "is not python:module:function"),
        ("python:calibration_images:other", "the module calibration_images has no other"),
        ("python:calibration_images:value", "is not a function"),
        ("python:calibration_absent:images", "cannot be imported .*ModuleNotFoundError"),
        ("python:calibration_broken:images", "cannot be imported .*ZeroDivisionError"),
        ("python:calibration_images:fails", "failed: ValueError: no more disk"),
        ("python:calibration_images:nothing", "has no samples"),
        ("python:calibration_images:number", "gives int, not samples"),
    ]:
        with pytest.raises(InputError, match=message):
            list(open_samples(source, IMAGE))


def test_python_values() -> None:
    array = rng_array(1, 3, 4, 4)
    assert len(collect([{"image": array}] * 3, IMAGE)) == 3
    assert len(collect([array, array], IMAGE)) == 2
    assert len(collect(lambda: [{"image": array}], IMAGE)) == 1
    assert len(collect(rng_array(6, 3, 4, 4), IMAGE)) == 6
    sequences = [[{"image": array}] * 2, [{"image": array}] * 3]
    assert [s.begins for s in collect(sequences, IMAGE)] == [True, False, True, False, False]
    once = open_samples(iter([{"image": array}]), IMAGE)
    assert len(list(once)) == 1 and once.fingerprint is None
    with pytest.raises(InputError, match="has no samples"):
        list(once)


def test_states_may_be_left_out_and_pinned_inputs_are_passed_over() -> None:
    state = "state %h -> %h_out = dense<0.0> : f32[]\n"
    model = inputs("x: f32[1, 4]; h: f32[1, 2]", state)
    assert [set(s.inputs) for s in collect({"x": rng_array(2, 4)}, model)] == [{"x"}, {"x"}]
    assert [set(s.inputs) for s in collect({"x": rng_array(2, 4), "h": rng_array(2, 2)}, model)] == [{"x", "h"}] * 2
    pinned = ModelInputs(model.types, model.states, frozenset({"rate"}))
    assert len(collect({"x": rng_array(2, 4), "rate": 16000}, pinned)) == 2


def test_fingerprints_tell_data_apart_not_places(tmp_path: Path) -> None:
    array = rng_array(4, 3, 4, 4)
    np.savez(tmp_path / "a.npz", image=array)
    np.savez(tmp_path / "b.npz", image=array)
    np.savez(tmp_path / "c.npz", image=array + 1)
    a, b, c = (open_samples(tmp_path / f"{n}.npz", IMAGE).fingerprint for n in "abc")
    assert a == b != c and a is not None
    assert open_samples({"image": array}, IMAGE).fingerprint != open_samples({"image": -array}, IMAGE).fingerprint


def nan(value: float) -> Array:
    array = rng_array(4, 3, 4, 4)
    array[2, 1, 1, 1] = value
    return array


BAD_ARRAYS: list[tuple[str, Any, str]] = [
    ("image: f32[n, 3, 4, 4]", {"picture": rng_array(4, 3, 4, 4)}, "there is no input picture; the inputs are image"),
    ("image: f32[n, 3, 4, 4]", {}, "there is no array for input image"),
    ("x: f32[4]; y: f32[4]", {"x": rng_array(4)}, "there is no array for input y"),
    (
        "image: f32[n, 3, 4, 4]",
        {"image": rng_array(4, 4, 4, 3)},
        r"takes f32\[n, 3, 4, 4\].*not an array \[4, 4, 4, 3\]",
    ),
    ("image: f32[n, 3, 4, 4]", {"image": rng_array(4)}, r"not an array \[4\]"),
    ("x: f32[2, 4]", {"x": rng_array(5, 4)}, r"not an array \[5, 4\]"),
    ("x: f32[n, n]", {"x": rng_array(2, 3, 4)}, r"takes f32\[n, n\], not an array \[3, 4\]"),
    ("x: f32[n, 4]; y: f32[n, 4]", {"x": rng_array(3, 2, 4), "y": rng_array(3, 1, 4)}, r"y takes f32\[n, 4\]"),
    ("image: f32[n, 3, 4, 4]", {"image": np.zeros((4, 3, 4, 4), np.uint8)}, "takes f32, not an array of u8: give the"),
    ("ids: i64[n, 4]", {"ids": rng_array(4, 4)}, "takes i64, not an array of f32"),
    ("ids: i32[n, 4]", {"ids": np.full((4, 4), 2**40)}, "takes i32, which cannot hold the numbers"),
    ("ids: i64[n, 4]", {"ids": np.zeros((4, 4), bool)}, "takes i64, not an array of bool"),
    ("mask: bool[n, 4]", {"mask": np.zeros((4, 4), np.uint8)}, "takes bool, not an array of u8"),
    ("x: f32[n, 4]", {"x": np.zeros((4, 4), complex)}, "takes f32, not an array of complex128"),
    ("x: f32[n, 4]", {"x": np.full((4, 4), "a")}, "not an array of <U1"),
    ("x: f32[n, 4]", {"x": np.full((4, 4), 1e300)}, "takes f32, whose greatest number"),
    ("x: f16[n, 4]", {"x": np.full((4, 4), 1e5, np.float32)}, "takes f16, whose greatest number"),
    ("image: f32[n, 3, 4, 4]", {"image": nan(np.nan)}, "sample 2: input image holds NaN"),
    ("image: f32[n, 3, 4, 4]", {"image": nan(np.inf)}, "sample 2: input image holds infinity"),
    ("image: f32[n, 3, 4, 4]", {"image": rng_array(0, 3, 4, 4)}, "has no samples"),
]


@pytest.mark.parametrize(("model", "arrays", "message"), BAD_ARRAYS, ids=[message for _, _, message in BAD_ARRAYS])
def test_bad_arrays(tmp_path: Path, model: str, arrays: dict[str, Array], message: str) -> None:
    np.savez(tmp_path / "data.npz", **arrays)
    for source in (arrays, tmp_path / "data.npz"):
        with pytest.raises(InputError, match=message):
            list(open_samples(source, inputs(model)))
    if message != "has no samples":
        with pytest.raises(InputError):
            list(open_samples([arrays], inputs(model)))


def test_bad_files(tmp_path: Path) -> None:
    two = inputs("x: f32[n, 4]; y: f32[n, 4]")
    np.save(tmp_path / "one.npy", rng_array(3, 4))
    np.savez(tmp_path / "good.npz", image=rng_array(4, 3, 4, 4))
    np.savez_compressed(tmp_path / "packed.npz", image=rng_array(400, 3, 4, 4))
    np.savez(tmp_path / "objects.npz", image=np.array([{}], dtype=object))
    content = (tmp_path / "good.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[:-50])
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "text.npy").write_text("hello")
    (tmp_path / "short.npy").write_bytes((tmp_path / "one.npy").read_bytes()[:-4])
    (tmp_path / "image.png").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    packed = bytearray((tmp_path / "packed.npz").read_bytes())
    packed[5000:5100] = bytes(100)
    (tmp_path / "flipped.npz").write_bytes(packed)
    for name, model, message in [
        ("absent.npz", IMAGE, "there is no calibration data .*absent.npz"),
        ("empty", IMAGE, "holds no .npz and no .npy files"),
        ("image.png", IMAGE, "is a .npz or .npy file, a folder"),
        ("one.npy", two, "one array without a name is for one input; the inputs are x, y"),
        ("cut.npz", IMAGE, "is not a .npz file, or it was cut off"),
        ("text.npz", IMAGE, "is not a .npz file, or it was cut off"),
        ("text.npy", IMAGE, "is not an array as numpy writes it"),
        ("objects.npz", IMAGE, "image in .*objects.npz holds Python objects"),
        ("short.npy", inputs("x: f32[n, 4]"), "was cut off: elements are missing"),
        ("flipped.npz", IMAGE, "image in .*flipped.npz is damaged"),
    ]:
        with pytest.raises(InputError, match=message):
            list(open_samples(tmp_path / name, model))
    with pytest.raises(InputError, match="not 3"):
        open_samples(3, IMAGE)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no array of numbers"):
        list(open_samples([{"image": [[1.0], [1.0, 2.0]]}], IMAGE))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_is_never_in_memory(tmp_path: Path, save: Any) -> None:
    peaks = []
    for count in (10, 200):
        save(tmp_path / "data.npz", image=np.zeros((count, 3, 100, 100), np.float32))
        samples = open_samples(tmp_path / "data.npz", inputs("image: f32[n, 3, 100, 100]"))
        tracemalloc.start()
        for _ in samples:
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] and peaks[1] < 10 * 3 * 100 * 100 * 4


def test_a_generator_that_yields_forever_is_not_read_ahead() -> None:
    def forever() -> Iterator[dict[str, Array]]:
        while True:
            yield {"image": rng_array(1, 3, 4, 4)}

    samples = iter(open_samples(forever, IMAGE))
    assert next(samples).begins and not next(samples).begins
