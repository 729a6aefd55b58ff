"""The release that a file says it needs, and where its weights stand. The releases are those of the runtime's table."""

import io
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from glmir import interpreter
from glmir.backends.flatbuffer import read
from glmir.backends.tflite import emitters, serializer
from glmir.backends.tflite.op_versions import RULES
from glmir.backends.tflite.runtime_versions import (
    FIRST_RELEASES,
    SEPARATE_WEIGHTS_RELEASE,
    first_release,
    min_runtime_version,
    newest_release,
)
from glmir.backends.tflite.schema import Model
from glmir.backends.tflite.schema_enums import BuiltinOperator as Op
from glmir.ir import Module, Value
from glmir.ops import math, nn, tensor
from glmir.types import DType
from tests.backends.building import argument, constant, module_of, random_inputs, weight
from tests.tolerances import assert_close

from .harness import WORKER

NEVER_WRITTEN = {(Op.BROADCAST_TO, 1)}
"""Withdrawn by the runtime; our rules start at version 2."""


def emitted_operators() -> list[Op]:
    """The operators that the emitters' sources name."""
    sources = Path(emitters.__file__).parent.glob("*.py")
    names = {name for path in sources for name in re.findall(r"BuiltinOperator\.([A-Z]\w+)", path.read_text("utf-8"))}
    return sorted(Op[name] for name in names)


@pytest.mark.parametrize("operator", emitted_operators(), ids=lambda op: op.name)
def test_the_table_knows_all_that_is_written(operator: Op) -> None:
    versions = {1, *(rule[0] for rule in RULES.get(operator, ()))}
    unknown = {(operator, version) for version in versions if not first_release(operator, version)}
    assert unknown == {code for code in NEVER_WRITTEN if code[0] is operator}


@pytest.mark.parametrize("operator", FIRST_RELEASES, ids=lambda op: op.name)
def test_later_versions_need_later_releases(operator: Op) -> None:
    releases = FIRST_RELEASES[operator].split()
    assert all(re.fullmatch(r"\d+\.\d+\.\d+|-", release) for release in releases)
    known = [[int(number) for number in release.split(".")] for release in releases if release != "-"]
    assert known == sorted(known)


@pytest.mark.parametrize(
    ("codes", "release"),
    [
        ([], ""),
        ([(Op.CUSTOM, 1)], ""),
        ([(Op.CONV_2D, 99)], ""),
        ([(Op.CONV_2D, 0)], ""),
        ([(Op.BROADCAST_TO, 1)], ""),
        ([(Op.BROADCAST_TO, 2)], "2.5.0"),
        ([(Op.CONV_2D, 1)], "1.5.0"),
        ([(Op.CONV_2D, 1), (Op.CUSTOM, 1)], "1.5.0"),
        ([(Op.GELU, 1), (Op.ATAN2, 1)], "2.10.0"),
        ([(Op.ATAN2, 1), (Op.GELU, 1)], "2.10.0"),
        ([(Op.FULLY_CONNECTED, 5), (Op.RELU, 1), (Op.FULLY_CONNECTED, 2)], "2.0.0"),
        ([(Op.STABLEHLO_AND, 1)], "2.17.0"),
    ],
)
def test_release(codes: list[tuple[Op, int]], release: str) -> None:
    assert min_runtime_version(codes) == release


def test_releases_compare_by_their_numbers() -> None:
    assert newest_release(["2.9.0", "2.10.0", "", "1.13.1"]) == "2.10.0"
    assert newest_release(["1.10.1", "1.10.0"]) == "1.10.1"


def written(module: Module) -> bytes:
    stream = io.BytesIO()
    serializer.serialize(module, stream)
    return stream.getvalue()


def metadata_of(file: bytes) -> dict[str, bytes]:
    model = read(Model, file, file_identifier=b"TFL3")
    buffers = model.buffers or ()
    found = {}
    for entry in model.metadata or ():
        data = buffers[entry.buffer].data
        assert entry.name is not None and data is not None, "readers look inside the FlatBuffer only"
        found[entry.name] = data.tobytes()
    return found


@pytest.mark.parametrize(
    ("module", "release"),
    [
        (module_of(nn.Relu(argument(2, 3))), b"1.5.0"),
        (module_of(nn.Gelu(argument(2, 3))), b"2.9.0"),
        (module_of(math.Atan(argument(2, 3))), b"2.10.0"),
    ],
)
def test_a_file_says_what_it_needs(module: Module, release: bytes) -> None:
    metadata = metadata_of(written(module))
    assert metadata == {"min_runtime_version": release.ljust(16, b"\0")}


def layers() -> Module:
    """Weights, biases, an unaligned one, and a bool of one byte."""
    hidden = nn.Linear(argument(2, 16), weight(7, 16), weight(7, seed=1)).result
    logits = nn.Linear(hidden, weight(5, 7, seed=2), weight(5, seed=3)).result
    is_large = math.Greater(logits, constant(np.array(0.5, np.float32))).result
    is_small = math.NotEqual(is_large, constant(np.array(True))).result
    return module_of(math.Select(is_small, logits, weight(5, seed=4)))


def with_empty_constant() -> Module:
    x: Value = argument(2, 3)
    return module_of(tensor.Concat((x, constant(np.zeros((0, 3), np.float32)), weight(1, 3)), axis=0))


@pytest.mark.parametrize("make", [layers, with_empty_constant])
def test_weights_behind_the_flatbuffer(make: Callable[[], Module], monkeypatch: pytest.MonkeyPatch) -> None:
    module = make()
    inputs = random_inputs(module, {})
    expected = interpreter.run(module, inputs)
    inside = written(module)
    monkeypatch.setattr(serializer, "MAX_BYTES", serializer.MARGIN)
    behind = written(module)
    for file in (inside, behind):
        for name, array in WORKER.run(file, inputs).items():
            assert_close(np.asarray(array), expected[name], "f32-sums", name)

    buffers = read(Model, behind, file_identifier=b"TFL3").buffers or ()
    places = [(b.offset, b.offset + b.size) for b in buffers if b.offset]
    assert places and all(start % 64 == 0 for start, _ in places)
    assert all(end <= start for (_, end), (start, _) in pairwise(places))
    assert places[-1][1] + 16 == len(behind), "kernels may read 16 bytes beyond the last weights"
    assert metadata_of(behind) == {
        "min_runtime_version": SEPARATE_WEIGHTS_RELEASE.encode().ljust(16, b"\0"),
        "buffer_location": b"outside flatbuffers",
    }


def test_in_one_flatbuffer_something_follows_the_last_weights() -> None:
    last = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    file = written(module_of(math.MatMul(argument(2, 3, dtype=DType.F32), constant(last))))
    assert file.find(last.T.tobytes()) + last.nbytes + 16 <= len(file)
