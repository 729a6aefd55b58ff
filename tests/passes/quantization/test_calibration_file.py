"""The file of a calibration: its bytes, its round trip, merging, and every kind of damage."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glmir.errors import InputError
from glmir.passes.quantization.calibration_file import Calibration, read_calibration, write_calibration
from glmir.passes.quantization.statistics import Request, TensorStatistics

Content = dict[str, Any]


def calibration(seed: int = 0, source: str = "a", samples: int = 3) -> Calibration:
    rng = np.random.default_rng(seed)
    made = Calibration("the model", sources={source: samples})
    for index, name in enumerate(["y", 'a "quoted" name', "größe"]):
        made.tensors[name] = TensorStatistics()
        for _ in range(samples):
            made.tensors[name].add(rng.standard_normal((2, 5)).astype(np.float32) * 10**index, Request(axis=1))
    made.tensors["nothing"] = TensorStatistics()
    made.tensors["nothing"].add(np.full(3, np.nan, np.float32))
    return made


def to_bytes(made: Calibration) -> bytes:
    stream = io.BytesIO()
    write_calibration(made, stream)
    return stream.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "cache.json"
    file.write_bytes(to_bytes(calibration()))
    return file


def test_round_trip(path: Path) -> None:
    read = read_calibration(path, "the model")
    assert to_bytes(read) == path.read_bytes() == to_bytes(calibration())
    assert read.samples == 3 and read.unfinished is None
    assert read.tensors["y"].satisfies(Request(axis=1)) and not read.tensors["y"].satisfies(Request(axis=0))
    assert read.tensors["nothing"].is_empty and read.tensors["nothing"].not_finite == 3


def test_the_file_is_plain_and_the_order_of_tensors_does_not_matter(path: Path) -> None:
    content = json.loads(path.read_text())
    assert content["format"] == "glmc calibration" and content["version"] == 1
    made = calibration()
    made.tensors = dict(reversed(made.tensors.items()))
    assert to_bytes(made) == path.read_bytes()
    assert len(path.read_text().splitlines()) > len(content["tensors"])


def test_merging_counts_as_all_at_once() -> None:
    arrays = np.random.default_rng(0).standard_normal((6, 4, 5)).astype(np.float32)
    parts = [Calibration("m", {"x": TensorStatistics()}, {str(i): 2}) for i in range(3)]
    whole = TensorStatistics()
    for index, array in enumerate(arrays):
        parts[index // 2].tensors["x"].add(array * 3**index)
        whole.add(array * 3**index)
    for order in ((0, 1, 2), (2, 0, 1)):
        merged = parts[order[0]].merged(parts[order[1]]).merged(parts[order[2]])
        statistics = merged.tensors["x"]
        assert statistics.histogram is not None and whole.histogram is not None
        assert np.array_equal(statistics.histogram.counts, whole.histogram.counts)
        assert (statistics.minimum, statistics.maximum, statistics.samples) == (whole.minimum, whole.maximum, 6)
        assert merged.samples == 6


def test_only_calibrations_of_one_model_merge() -> None:
    with pytest.raises(InputError, match="different models"):
        calibration().merged(Calibration("another"))
    other = calibration()
    other.unfinished = "a"
    with pytest.raises(InputError, match="interrupted"):
        calibration().merged(other)
    other = calibration()
    other.tensors["y"].channels = None
    other.tensors["y"].add(np.ones((2, 5), np.float32), Request(axis=0))
    with pytest.raises(InputError, match="disagree on y"):
        calibration().merged(other)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a calibration file, or it was cut off"),
        (b"\x00\xff\xfe", "not a calibration file"),
        (b"[" * 100_000, "not a calibration file"),
        (b"[]", "not a calibration file"),
        (b'{"format": "another"}', "not a calibration file"),
        (b'{"format": "glmc calibration", "version": 2}', "version 2; this glmc reads 1"),
        (b'{"format": "glmc calibration", "version": 1}', "damaged: its model, sources or tensors are missing"),
    ],
)
def test_what_is_no_calibration(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "cache.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_calibration(file)


def test_missing_cut_off_and_of_another_model(path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*missing"):
        read_calibration(path.with_name("missing"))
    with pytest.raises(InputError, match=r"cache\.json is the calibration of another model"):
        read_calibration(path, "another")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cut off"):
        read_calibration(path)


def y(content: Content) -> Content:
    entry = content["tensors"]["y"]
    assert isinstance(entry, dict)
    return entry


DAMAGES: list[Callable[[Content], object]] = [
    lambda c: c["tensors"].update(y=3),
    lambda c: c["sources"].update(a=-1),
    lambda c: c.update(unfinished="b"),
    lambda c: y(c).pop("samples"),
    lambda c: y(c).update(samples="3"),
    lambda c: y(c).update(range=[0]),
    lambda c: y(c).update(range=["a", "b"]),
    lambda c: y(c).update(range=[float("nan"), 1]),
    lambda c: y(c).update(moving=None),
    lambda c: y(c).update(first=1),
    lambda c: y(c).update(first=-5000),
    lambda c: y(c).update(exponent=5000),
    lambda c: y(c).update(exponent=1.5),
    lambda c: y(c).update(counts=[]),
    lambda c: y(c).update(counts=[1, [2]]),
    lambda c: y(c).update(counts=[-1] * 1500),
    lambda c: y(c).update(counts=[2**70] * 1500),
    lambda c: y(c).update(counts=[1] * 5000),
    lambda c: y(c).update(zeros=10**9),
    lambda c: y(c).update(channel_sum=[1.0]),
    lambda c: y(c).update(axis=None),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damages(path: Path, damage: Callable[[Content], object]) -> None:
    content = json.loads(path.read_text())
    damage(content)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="is damaged"):
        read_calibration(path)
