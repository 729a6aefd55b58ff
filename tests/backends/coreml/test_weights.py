"""weight.bin: its layout, byte by byte, and which constants share their place."""

import io
import struct

import numpy as np
import pytest

from glmir.backends.coreml import weights
from glmir.backends.coreml.weights import WeightFile
from glmir.ir import Array


def written(file: WeightFile) -> bytes:
    stream = io.BytesIO()
    file.write(stream)
    return stream.getvalue()


def read_blob(data: bytes, offset: int) -> tuple[int, bytes]:
    """The type and the bytes of an array, from the offset of its metadata."""
    sentinel, blob_type, size, position, padding = struct.unpack_from("<IIQQQ", data, offset)
    assert sentinel == 0xDEADBEEF and padding == 0
    assert offset % 64 == 0 and position == offset + 64
    assert data[offset + 32 : offset + 64] == bytes(32)
    return blob_type, data[position : position + size]


def test_an_empty_file_is_its_header() -> None:
    assert written(WeightFile()) == struct.pack("<II", 0, 2) + bytes(56)


@pytest.mark.parametrize(
    ("dtype", "blob_type"),
    [("f2", 1), ("f4", 2), ("u1", 3), ("i1", 4), ("i2", 6), ("u2", 7), ("i4", 14), ("u4", 15)],
)
def test_arrays_stand_one_after_the_other(dtype: str, blob_type: int) -> None:
    file = WeightFile()
    first, second = np.arange(21).astype(dtype), np.arange(5, 40).astype(dtype).reshape(5, 7)
    offsets = [file.offset(first), file.offset(second)]
    data = written(file)
    assert offsets[0] == 64
    assert struct.unpack_from("<II", data) == (2, 2)
    assert read_blob(data, offsets[0]) == (blob_type, first.tobytes())
    assert read_blob(data, offsets[1]) == (blob_type, second.tobytes())


def test_strided_arrays_are_written_in_order() -> None:
    file = WeightFile()
    strided = np.arange(24, dtype=np.float32).reshape(4, 6).T
    offset = file.offset(strided)
    assert read_blob(written(file), offset)[1] == np.ascontiguousarray(strided).tobytes()


def test_equal_elements_stand_once_whatever_their_shape() -> None:
    file = WeightFile()
    array = np.arange(100, dtype=np.float32)
    assert file.offset(array) == file.offset(array.copy()) == file.offset(array.reshape(4, 25).copy())
    assert len(written(file)) == 64 + 64 + 400


@pytest.mark.parametrize(
    "other",
    [
        np.zeros(100, np.float16),
        np.zeros(200, np.float32),
        np.negative(np.zeros(100, np.float32)),
        np.eye(1, 100, 50, np.float32).reshape(100),
    ],
    ids=["dtype", "size", "sign of zero", "middle"],
)
def test_different_elements_stand_apart(other: Array) -> None:
    file = WeightFile()
    assert file.offset(np.zeros(100, np.float32)) != file.offset(other)


def test_only_arrays_that_may_be_equal_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def count(a: Array, b: Array) -> bool:
        compared.append(a.size)
        return np.array_equal(a, b)

    monkeypatch.setattr(weights, "_equal_bytes", count)
    file = WeightFile()
    generator = np.random.default_rng(0)
    for _ in range(20):
        file.offset(generator.standard_normal(1000).astype(np.float32))
    file.offset(np.zeros(1000, np.float32))
    file.offset(np.zeros(1000, np.float32))
    assert compared == [1000]


def test_long_strided_arrays_are_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_COMPARED_BYTES", 64)
    file = WeightFile()
    array = np.arange(1200, dtype=np.float32).reshape(30, 40)
    changed = array.copy()
    changed[20, 20] = 0
    assert file.offset(array.T) == file.offset(np.ascontiguousarray(array.T))
    assert file.offset(array) not in (file.offset(changed), file.offset(array.T))


def test_arrays_that_are_gone_are_not_taken_for_others() -> None:
    file = WeightFile()
    zeros = np.zeros(5000, np.float32)
    first = file.offset(zeros)
    for value in range(1, 20):
        # Each may be made where the one before it was.
        assert file.offset(np.zeros(5000, np.float32)) == first
        assert file.offset(np.full(5000, value, np.float32)) != first
