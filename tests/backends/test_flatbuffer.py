"""The FlatBuffers writer and reader, on tables made for the purpose."""

import io
import struct
from collections.abc import Mapping, Sequence
from enum import IntEnum

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glmir.backends.array_bytes import write_array
from glmir.backends.flatbuffer import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    MAX_BYTES,
    UINT8,
    UINT64,
    Array,
    BufferTooLargeError,
    MalformedBufferError,
    Table,
    array,
    enum,
    read,
    scalar,
    string,
    strings,
    table,
    tables,
    to_bytes,
    union,
    vector,
    write,
)


class Color(IntEnum):
    RED = 0
    GREEN = 1
    BLUE = 7


class Leaf(Table):
    weight: float = scalar(0, FLOAT32, 0.5)
    big: int = scalar(1, UINT64)


class Twig(Table):
    label: str | None = string(2)


VARIANTS: Mapping[int, type[Table]] = {1: Leaf, 2: Twig}


class Branch(Table):
    flag: bool = scalar(0, BOOL)
    small: int = scalar(1, INT8, -3)
    middle: int = scalar(2, INT16)
    wide: int = scalar(3, INT64)
    exact: float = scalar(4, FLOAT64)
    color: Color = enum(5, Color.GREEN)
    name: str | None = string(6)
    names: Sequence[str] | None = strings(7)
    shape: Sequence[int] | None = vector(8, INT32)
    points: Sequence[int] | None = vector(9, INT64)
    marks: Sequence[bool] | None = vector(10, BOOL)
    data: Array | None = array(11, UINT8, align=64)
    floats: Array | None = array(12, FLOAT32)
    leaf: Leaf | None = table(13, Leaf)
    item: Table | None = union(15, VARIANTS)
    branches: Sequence["Branch"] | None = tables(16, lambda: Branch)


def same(left: object, right: object) -> bool:
    """Whether two values are equal, tables field by field."""
    match left, right:
        case Table(), Table():
            names = [field.name for field in left.schema.fields]
            return type(left) is type(right) and all(same(getattr(left, n), getattr(right, n)) for n in names)
        case np.ndarray(), np.ndarray():
            return left.tobytes() == right.tobytes()
        case ((list() | tuple()), (list() | tuple())):
            return len(left) == len(right) and all(map(same, left, right))
    return left == right


def integers(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


leaves = st.builds(Leaf, weight=st.floats(width=32, allow_nan=False), big=st.integers(0, 2**64 - 1))
twigs = st.builds(Twig, label=st.none() | st.text())
data_arrays = st.binary(max_size=200).map(lambda data: np.frombuffer(data, np.uint8))
float_arrays = st.lists(st.floats(width=32), max_size=5).map(lambda values: np.array(values, np.float32))


def branches(children: st.SearchStrategy[Sequence[Branch]]) -> st.SearchStrategy[Branch]:
    return st.fixed_dictionaries(
        {},
        optional={
            "flag": st.booleans(),
            "small": integers(8),
            "middle": integers(16),
            "wide": integers(64),
            "exact": st.floats(allow_nan=False),
            "color": st.sampled_from(Color),
            "name": st.text(),
            "names": st.lists(st.text(), max_size=3),
            "shape": st.lists(integers(32), max_size=5),
            "points": st.lists(integers(64), max_size=5),
            "marks": st.lists(st.booleans(), max_size=5),
            "data": data_arrays,
            "floats": float_arrays,
            "leaf": leaves,
            "item": leaves | twigs,
            "branches": children,
        },
    ).map(lambda values: Branch(**values))


trees = st.recursive(branches(st.just([])), lambda children: branches(st.lists(children, max_size=3)), max_leaves=8)


@given(trees)
def test_round_trip(tree: Branch) -> None:
    data = to_bytes(tree, file_identifier=b"TREE")
    assert data == to_bytes(tree, file_identifier=b"TREE")
    again = read(Branch, data, file_identifier=b"TREE")
    assert same(tree, again)
    assert to_bytes(again, file_identifier=b"TREE") == data


@given(trees, st.data())
def test_malformed_buffers_raise_one_error(tree: Branch, draw: st.DataObject) -> None:
    data = bytearray(to_bytes(tree))
    for _ in range(draw.draw(st.integers(0, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    del data[draw.draw(st.integers(0, len(data))) :]
    try:
        read(Branch, bytes(data))
    except MalformedBufferError as error:
        assert str(error).endswith(".")


@given(st.binary(max_size=200))
def test_random_bytes_raise_one_error(data: bytes) -> None:
    try:
        read(Branch, data)
    except MalformedBufferError:
        return


def test_a_buffer_that_unfolds_without_end_is_refused() -> None:
    """A thousand offsets to one table, which holds a thousand offsets to one table, and so on."""
    levels, width = 60, 1000
    vtable = struct.pack("<19H", 38, 8, *[0] * 16, 4)
    level = 8 + 4 + 4 * width
    data = bytearray(struct.pack("<I", 4 + len(vtable) + 2) + vtable + b"\0\0")
    for _ in range(levels):
        start = len(data)
        data += struct.pack("<iII", start - 4, 4, width)
        data += b"".join(struct.pack("<I", start + level - (start + 12 + 4 * index)) for index in range(width))
    data += struct.pack("<iII", len(data) - 4, 4, 0)
    with pytest.raises(MalformedBufferError):
        read(Branch, bytes(data))


def test_arrays_are_aligned_and_views_of_the_buffer() -> None:
    children = [Branch(data=np.arange(size, dtype=np.uint8)) for size in (1, 63, 64, 65, 0, 7)]
    data = to_bytes(Branch(name="x", branches=children))
    origin = np.frombuffer(data, np.uint8).ctypes.data
    for child in read(Branch, data).branches or ():
        assert child.data is not None
        assert (child.data.ctypes.data - origin) % 64 == 0
        assert not child.data.flags.writeable


@pytest.mark.parametrize("dtype", [np.float32, ">f4", np.bool_, np.float16, ml_dtypes.bfloat16, np.int64])
def test_bytes_take_any_dtype_and_strides(dtype: npt.DTypeLike) -> None:
    values = np.arange(2 * 3 * 4).reshape(2, 3, 4).astype(dtype)
    for view in (values, values.T, values[:, ::2], np.broadcast_to(values[:, :1], (2, 3, 4)), values[0, 0, 0, ...]):
        data = read(Branch, to_bytes(Branch(data=view))).data
        assert data is not None
        assert data.tobytes() == view.astype(np.dtype(dtype).newbyteorder("<")).tobytes()


def test_a_strided_array_is_written_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glmir.backends.array_bytes.BLOCK_BYTES", 100)
    values = np.arange(6000, dtype=np.float32).reshape(1, 20, 300).transpose(0, 2, 1)
    stream = io.BytesIO()
    write_array(values, stream)
    assert stream.getvalue() == values.tobytes()


def test_equal_vtables_are_shared_and_defaults_are_not_written() -> None:
    assert len(to_bytes(Branch(small=-3, color=Color.GREEN, flag=False))) == len(to_bytes(Branch())) == 12
    one, two, three = (len(to_bytes(Branch(branches=[Branch(middle=1)] * count))) for count in (1, 2, 3))
    assert three - two == two - one == 12


def test_absent_and_empty_are_two_things() -> None:
    again = read(Branch, to_bytes(Branch(shape=[], names=[])))
    assert (again.shape, again.names, again.points, again.data) == ([], [], None, None)


def test_wrong_identifier() -> None:
    with pytest.raises(MalformedBufferError, match="TREE"):
        read(Branch, to_bytes(Branch(), file_identifier=b"TFL3"), file_identifier=b"TREE")


@pytest.mark.parametrize(
    ("branch", "error"),
    [
        (Branch(small=128), ValueError),
        (Branch(shape=[2**31]), ValueError),
        (Branch(item=Branch()), TypeError),
        (Branch(floats=np.zeros(2, np.float64)), TypeError),
        (Branch(data=np.array([None])), TypeError),
    ],
)
def test_values_that_do_not_fit(branch: Branch, error: type[Exception]) -> None:
    with pytest.raises(error):
        to_bytes(branch)


def test_unknown_and_repeated_fields() -> None:
    with pytest.raises(TypeError, match="no field colour"):
        Branch(colour=Color.RED)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="same slot"):
        type("Twice", (Table,), {"a": vector(0, INT32), "b": string(0)})


def test_more_than_the_format_holds() -> None:
    stream = io.BytesIO()
    huge = np.broadcast_to(np.zeros(1, np.uint8), (MAX_BYTES,))
    with pytest.raises(BufferTooLargeError):
        write(Branch(data=huge), stream)
    assert stream.getvalue() == b""
