"""Weight files, written here byte by byte."""

import struct
from math import prod
from pathlib import Path

import numpy as np
import pytest

from glmir.backends.coreml.executor.blobs import WeightFiles, unpack
from glmir.backends.coreml.executor.kinds import ProgramError
from glmir.backends.coreml.schema import BlobFileValue, Value
from tests.backends.coreml.executor.programs import Array, constant, model_of, operation, run_model, type_of

NAME = "@model_path/weights/weight.bin"


def weight_file(*blobs: tuple[int, bytes, int]) -> tuple[bytes, list[int]]:
    """A file of blobs (type, data, padding bits), and the offsets of their metadata."""
    data, offsets = struct.pack("<II56x", len(blobs), 2), []
    for kind, content, padding in blobs:
        offsets.append(len(data))
        data += struct.pack("<IIQQQ32x", 0xDEADBEEF, kind, len(content), len(data) + 64, padding)
        data += content + bytes(-len(content) % 64)
    return data, offsets


def reader(folder: Path, data: bytes) -> WeightFiles:
    (folder / "weights").mkdir(exist_ok=True)
    (folder / "weights" / "weight.bin").write_bytes(data)
    return WeightFiles(folder)


@pytest.mark.parametrize(
    ("kind", "code", "array"),
    [
        ("fp16", 1, np.array([[1.5, -2]], np.float16)),
        ("fp32", 2, np.array([3.25, 4], np.float32)),
        ("u8", 3, np.array([200], np.uint8)),
        ("i8", 4, np.array([-5, 6, 7], np.int8)),
        ("i16", 6, np.array([-300], np.int16)),
        ("u16", 7, np.array([60000], np.uint16)),
        ("i32", 14, np.array([[[-70000]]], np.int32)),
        ("u32", 15, np.array([1 << 31], np.uint32)),
    ],
)
def test_whole_bytes(tmp_path: Path, kind: str, code: int, array: Array) -> None:
    data, offsets = weight_file((2, b"\0" * 68, 0), (code, array.tobytes(), 0))
    got = reader(tmp_path, data).read(NAME, offsets[1], kind, array.shape)
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize(
    ("kind", "code", "content", "expected"),
    [
        ("i4", 8, 0x0F8, [-8, -1, 0]),
        ("u1", 9, 0b101, [1, 0, 1]),
        ("u2", 10, 0b011011, [3, 2, 1]),
        ("u4", 11, 0x0F8, [8, 15, 0]),
        ("u3", 12, 0b101_110_111, [7, 6, 5]),
        ("u6", 13, 0b000001_100000_111111, [63, 32, 1]),
    ],
)
def test_bits(tmp_path: Path, kind: str, code: int, content: int, expected: list[int]) -> None:
    """A little-endian stream; an element may straddle two bytes."""
    width = int(kind[1:])
    size = (3 * width + 7) // 8
    data, (offset,) = weight_file((code, content.to_bytes(size, "little"), size * 8 - 3 * width))
    got = reader(tmp_path, data).read(NAME, offset, kind, (3, 1))
    np.testing.assert_array_equal(got, np.reshape(expected, (3, 1)))
    assert prod(got.shape) == len(unpack(np.frombuffer(content.to_bytes(size, "little"), np.uint8), kind, 3))


@pytest.mark.parametrize(
    ("offset", "kind", "shape", "message"),
    [
        (0, "fp32", (4,), "there is none"),
        (128, "fp32", (4,), "no metadata"),
        (192, "fp32", (4,), "there is none"),
        (70, "fp32", (4,), "there is none"),
        (64, "fp16", (4,), "holds fp32, not fp16"),
        (64, "fp32", (5,), "has 16 bytes for 5 x fp32"),
    ],
)
def test_what_is_not_there(tmp_path: Path, offset: int, kind: str, shape: tuple[int, ...], message: str) -> None:
    data, _ = weight_file((2, np.zeros(4, np.float32).tobytes(), 0))
    with pytest.raises(ProgramError, match=message):
        reader(tmp_path, data).read(NAME, offset, kind, shape)


def test_files_of_another_version(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="not of version 2"):
        reader(tmp_path, struct.pack("<II56x", 1, 1)).read(NAME, 64, "fp32", (1,))
    with pytest.raises(ProgramError, match="there is no weight file"):
        WeightFiles(tmp_path).read("weight.bin", 64, "fp32", (1,))


def test_a_constant_in_a_weight_file() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    data, (offset,) = weight_file((2, array.tobytes(), 0))
    value = Value(type=type_of(array), blob_file_value=BlobFileValue(file_name=NAME, offset=offset))
    operations = [constant("c", value), operation("identity", {"x": "c"}, {"y": type_of(array)})]
    np.testing.assert_array_equal(run_model(model_of(operations, {}, {"y": array}), {}, data)["y"], array)
