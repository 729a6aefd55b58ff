"""Weights: equality that hashes only at need, names, sidecar files."""

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from glmir.types import DType, QuantizedType, TensorType
from glmir.weights import Weight, assign_names, load_sidecar, save_sidecar


def large(value: float, dtype: str = "float32") -> Weight:
    return Weight(np.full((5, 5), value, dtype))


def hashed(*weights: Weight) -> bool:
    return any("content_hash" in vars(w) for w in weights)


def test_nothing_is_hashed_unless_types_agree() -> None:
    a, b, c = large(1), large(1, "float64"), Weight(np.ones((25,), np.float32))
    assert a == a and a != b and a != c and a != Weight(np.ones(1, np.float32)) and a != 1
    assert Weight(a.array, "another") == a
    assert len({a, b, c}) == 3
    assert not hashed(a, b, c)
    assert a == large(1) and a != large(2)
    assert hashed(a)


def test_small_weights_are_compared_by_their_elements() -> None:
    zero, minus = Weight(np.array([0.0])), Weight(np.array([-0.0]))
    nan, other_nan = Weight(np.array([np.nan])), Weight(-np.array([np.nan]))
    assert zero != minus and nan == other_nan and hash(nan) == hash(other_nan)
    assert Weight(np.arange(6).reshape(2, 3).T) == Weight(np.array([[0, 3], [1, 4], [2, 5]]))
    assert not hashed(zero, minus, nan, other_nan)


@pytest.mark.parametrize("dtype", list(DType), ids=lambda d: d.value)
def test_every_dtype_can_be_hashed(dtype: DType) -> None:
    array = np.arange(40).reshape(5, 8).astype(dtype.numpy)
    assert Weight(array).content_hash == Weight(np.asfortranarray(array)).content_hash
    assert Weight(array) == Weight(array.copy()) and Weight(array) != Weight(array[:, ::-1])
    assert Weight(array).type == TensorType(dtype, (5, 8))


def test_quantized_weights() -> None:
    type_ = TensorType(DType.F32, (2,), QuantizedType(DType.I8, (0.5,)))
    array = np.array([1, 2], np.int8)
    weight = Weight(array, "w", type_)
    assert weight.type == type_ and weight != Weight(array) and weight == Weight(array.copy(), "", type_)
    for wrong in (np.array([1, 2], np.uint8), np.array([1], np.int8)):
        with pytest.raises(ValueError, match="cannot hold quant<f32, i8"):
            Weight(wrong, "w", type_)


def test_names_are_unique_and_stable() -> None:
    shared = large(1)
    shared.name = "w"
    twin, other, nameless, from_value = large(1), large(2), large(3), large(4)
    twin.name = other.name = "w"
    pairs = [(shared, "a"), (twin, "b"), (other, "c"), (nameless, ""), (from_value, "bias"), (shared, "d")]
    names = assign_names(pairs)
    assert names[id(shared)] == names[id(twin)] == "w"
    assert names[id(other)] == f"w_{other.content_hash[:12]}"
    assert names[id(nameless)] == f"w_{nameless.content_hash[:12]}"
    assert names[id(from_value)] == "bias"
    assert assign_names(pairs) == names


def test_a_name_that_looks_like_anothers_hash_is_told_apart() -> None:
    first, second, third = large(1), large(2), large(3)
    first.name = third.name = "w"
    second.name = f"w_{third.content_hash[:12]}"
    names = assign_names([(first, ""), (second, ""), (third, "")])
    assert len(set(names.values())) == 3


def test_the_reserved_name_of_the_format_is_not_used(tmp_path: Path) -> None:
    weight = large(1)
    weight.name = "__metadata__"
    names = assign_names([(weight, "")])
    save_sidecar(tmp_path / "w.safetensors", {names[id(weight)]: weight})
    assert list(load_sidecar(tmp_path / "w.safetensors")) == [names[id(weight)]]


def test_names_alone_hash_nothing() -> None:
    weights = [large(i) for i in range(3)]
    for i, weight in enumerate(weights):
        weight.name = f"w{i}"
    assign_names([(w, "") for w in weights])
    assert not hashed(*weights)


def test_a_sidecar_is_mapped_not_read(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    array = np.arange(100, dtype=np.float32).reshape(10, 10)
    bfloat = np.arange(20).astype(ml_dtypes.bfloat16)
    nibbles = np.arange(-8, 8).astype(ml_dtypes.int4)
    saved = {"a": array, "b/c d": bfloat, "n": nibbles, "s": np.array(3.0), "e": np.zeros((0, 3), np.int8)}
    save_sidecar(path, {name: Weight(a) for name, a in saved.items()})
    loaded = load_sidecar(path)
    assert isinstance(loaded["a"], np.memmap) and not loaded["a"].flags.writeable
    for name, expected in saved.items():
        stored = expected if name != "n" else expected.astype(np.int8)
        assert loaded[name].dtype == stored.dtype and loaded[name].shape == stored.shape
        np.testing.assert_array_equal(loaded[name], stored)


HEADER = {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        (HEADER, bytes(4), "w lies outside the file"),
        ({"w": HEADER["w"] | {"shape": [3]}}, bytes(8), "the size of w is not that of its shape"),
        ({"w": HEADER["w"] | {"data_offsets": [0, 7]}}, bytes(8), "the size of w is not that of its shape"),
        ({"w": HEADER["w"] | {"data_offsets": [-8, 0]}}, bytes(8), "w lies outside the file"),
        ({"w": HEADER["w"] | {"dtype": "F8_E4M3"}}, bytes(8), "w has the dtype F8_E4M3, which the IR has not"),
        ({"w": 1}, bytes(8), "the entry of w is damaged"),
        ([], b"", "its header is not an object"),
    ],
)
def test_damaged_sidecars(header: object, data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    with pytest.raises(ValueError, match=message):
        load_sidecar(path)


@pytest.mark.parametrize("content", [b"", b"short", (2**40).to_bytes(8, "little"), (2).to_bytes(8, "little") + b"{]"])
def test_files_that_are_no_sidecars(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError):
        load_sidecar(path)


def test_what_numpy_computes_from_scalars_is_an_array() -> None:
    weight = Weight(np.negative(np.array(2.0, np.float32)))
    assert isinstance(weight.array, np.ndarray)
    assert weight.type == TensorType(DType.F32, ())
