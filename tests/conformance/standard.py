"""The ONNX standard's backend tests: small models with their inputs and the outputs that they must give.

https://onnx.ai/onnx/repo-docs/OnnxBackendTest.html. They are read out of the newest release of the onnx package that
ships them as files. What counts here are the cases whose inputs and outputs are plain tensors of common dtypes, and
whose operators are of the default domain.
"""

import functools
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import onnx
from onnx import helper, numpy_helper

from glmir.ir import Array
from tests.models.fetch import require_archive

REQUIREMENT = "onnx==1.20.1"
ROOT = PurePosixPath("onnx/backend/test/data")
GROUPS = ("node", "simple", "pytorch-operator", "pytorch-converted")
PLAIN = frozenset(
    helper.np_dtype_to_tensor_dtype(np.dtype(name))
    for name in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
)
DEFAULT_DOMAINS = frozenset(("", "ai.onnx"))


@dataclass(frozen=True)
class Case:
    """One case: a model, its inputs by name, and its outputs in their order."""

    name: str
    model: bytes
    inputs: dict[str, Array]
    expected: tuple[Array, ...]


@functools.cache
def case_names() -> tuple[str, ...]:
    """The names of all cases that count, by group and alphabet."""
    return tuple(name for name, _ in _counted())


def case(name: str) -> Case:
    """The case of that name, with the first of its sets of inputs."""
    return _read(dict(_counted())[name], name)


@functools.cache
def _counted() -> tuple[tuple[str, PurePosixPath], ...]:
    members = _wheel().namelist()
    folders = sorted({PurePosixPath(m).parent for m in members if m.endswith("/model.onnx")})
    return tuple(
        (folder.name, folder)
        for group in GROUPS
        for folder in folders
        if folder.parent == ROOT / group and counts(_model(folder))
    )


def counts(model: onnx.ModelProto) -> bool:
    """Whether the inputs and outputs are plain tensors and the operators of the default domain."""
    values = [*model.graph.input, *model.graph.output]
    return {opset.domain for opset in model.opset_import} <= DEFAULT_DOMAINS and all(
        v.type.WhichOneof("value") == "tensor_type" and v.type.tensor_type.elem_type in PLAIN for v in values
    )


def _read(folder: PurePosixPath, name: str) -> Case:
    model = _model(folder)
    initialized = {tensor.name for tensor in model.graph.initializer}
    data = folder / "test_data_set_0"
    inputs = list(_tensors(data, "input"))
    names = [v.name for v in model.graph.input]
    if len(inputs) < len(names):
        names = [n for n in names if n not in initialized]
    return Case(
        name,
        model.SerializeToString(),
        dict(zip(names, inputs, strict=True)),
        tuple(_tensors(data, "output")),
    )


def _tensors(folder: PurePosixPath, stem: str) -> Iterator[Array]:
    members = _members()
    for index in range(len(members)):
        member = str(folder / f"{stem}_{index}.pb")
        if member not in members:
            return
        yield np.asarray(numpy_helper.to_array(onnx.TensorProto.FromString(_wheel().read(member))))


def _model(folder: PurePosixPath) -> onnx.ModelProto:
    return onnx.ModelProto.FromString(_wheel().read(str(folder / "model.onnx")))


@functools.cache
def _members() -> frozenset[str]:
    return frozenset(_wheel().namelist())


@functools.cache
def _wheel() -> zipfile.ZipFile:
    return zipfile.ZipFile(require_archive(REQUIREMENT))


def part(names: Sequence[str], index: int, count: int) -> list[str]:
    """Every ``count``-th name from ``index`` on: parts that are alike."""
    return list(names[index::count])
