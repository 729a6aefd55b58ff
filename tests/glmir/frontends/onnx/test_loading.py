"""Loading ONNX files: zero-copy weights, every kind of tensor storage, and files that are no models."""

from __future__ import annotations

import gc
import mmap
import random
import tracemalloc
import zipfile
from collections.abc import Sequence
from pathlib import Path

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from glmir.errors import CompileError
from glmir.frontends.onnx.loading import load_graph
from tests.glmir.frontends.onnx.building import (
    Array,
    constant_of,
    floats,
    model_of,
    model_with,
    node,
    refusal_of,
    value,
)

# ---- what a loaded model says about itself


def test_model_facts() -> None:
    model = model_of([node("Relu", "x", "y", "relu")], opsets=(("ai.onnx", 17), ("", 17), ("com.microsoft", 1)))
    model.graph.node[0].domain = "ai.onnx"
    helper.set_model_props(model, {"names": "cat,dog"})
    loaded = load_graph(model)
    assert loaded.opsets == {"": 17, "com.microsoft": 1}
    assert loaded.ir_version == model.ir_version
    assert loaded.producer == "maker"
    assert loaded.metadata_props == {"names": "cat,dog"}
    assert [n.op for n in loaded.graph.nodes] == ["Relu"]
    assert loaded.graph.nodes[0].domain == ""


def test_sources_agree(tmp_path: Path) -> None:
    model = model_with(floats("w", 4))
    path = tmp_path / "m.bin"
    path.write_bytes(model.SerializeToString())
    for source in (path, str(path), path.read_bytes(), model):
        np.testing.assert_array_equal(constant_of(load_graph(source)), np.arange(4, dtype=np.float32))


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    load_graph(model_with(helper.make_tensor("w", TensorProto.BFLOAT16, [2], [1.0, 2.0])))
    assert capsys.readouterr() == ("", "")


# ---- zero copy


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int8, ml_dtypes.bfloat16])
def test_weights_are_views_of_the_map(tmp_path: Path, dtype: npt.DTypeLike) -> None:
    expected = np.arange(60 * 70).reshape(60, 70).astype(dtype)
    path = tmp_path / "m.onnx"
    onnx.save(model_with(numpy_helper.from_array(expected)), path)
    array = constant_of(load_graph(path))
    assert isinstance(array.base, mmap.mmap)
    assert not array.flags.owndata
    assert not array.flags.writeable
    assert array.dtype == expected.dtype
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("code", "dtype"), [(TensorProto.FLOAT, np.float32), (TensorProto.DOUBLE, np.float64), (14, np.complex64)]
)
def test_typed_fixed_width_fields_are_views_too(code: int, dtype: npt.DTypeLike) -> None:
    expected = (np.arange(600) * 0.5).astype(dtype)
    data = model_with(helper.make_tensor("w", code, [600], expected)).SerializeToString()
    array = constant_of(load_graph(data))
    assert array.base is data
    np.testing.assert_array_equal(array, expected)


def test_constant_nodes_and_subgraphs_are_views_too() -> None:
    weight = np.arange(1000, dtype=np.float32)
    branches = {
        branch: helper.make_graph(
            [
                node("Constant", "", f"{branch}_c", value=numpy_helper.from_array(weight)),
                node("Add", f"{branch}_c x", f"{branch}_y"),
            ],
            branch,
            [],
            [value(f"{branch}_y", [1000])],
        )
        for branch in ("then_branch", "else_branch")
    }
    data = model_of([node("If", "flag", "y", "if", **branches)], inputs=("x", "flag")).SerializeToString()
    loaded = load_graph(data)
    branch = loaded.graph.nodes[0].attrs["else_branch"]
    array = loaded.tensor_array(branch.nodes[0].attrs["value"])
    assert array.base is data
    np.testing.assert_array_equal(array, weight)
    assert branch.nodes[1].inputs[1] is loaded.graph.inputs[0]


def test_memory_of_loading_is_independent_of_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(model_with(numpy_helper.from_array(np.ones(4_000_000, np.float32))), path)
    gc.collect()
    tracemalloc.start()
    array = constant_of(load_graph(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert array.nbytes == 16_000_000
    assert peak < 1_000_000


# ---- every storage of a tensor

_TYPED: list[tuple[int, Sequence[complex], Array]] = [
    (TensorProto.FLOAT, [1.5, -2], np.array([1.5, -2], np.float32)),
    (TensorProto.DOUBLE, [1.5, -2], np.array([1.5, -2], np.float64)),
    (TensorProto.INT64, [1, -(2**60)], np.array([1, -(2**60)], np.int64)),
    (TensorProto.UINT64, [1, 2**63], np.array([1, 2**63], np.uint64)),
    (TensorProto.UINT32, [1, 2**31], np.array([1, 2**31], np.uint32)),
    (TensorProto.INT32, [1, -2], np.array([1, -2], np.int32)),
    (TensorProto.INT16, [1, -2], np.array([1, -2], np.int16)),
    (TensorProto.UINT16, [1, 65535], np.array([1, 65535], np.uint16)),
    (TensorProto.INT8, [1, -2], np.array([1, -2], np.int8)),
    (TensorProto.UINT8, [1, 255], np.array([1, 255], np.uint8)),
    (TensorProto.BOOL, [True, False], np.array([True, False])),
    (TensorProto.FLOAT16, [1.5, -2], np.array([1.5, -2], np.float16)),
    (TensorProto.BFLOAT16, [1.5, -2], np.array([1.5, -2], ml_dtypes.bfloat16)),
    (TensorProto.FLOAT8E4M3FN, [1.5, -2], np.array([1.5, -2], ml_dtypes.float8_e4m3fn)),
    (TensorProto.FLOAT8E5M2, [1.5, -2], np.array([1.5, -2], ml_dtypes.float8_e5m2)),
    (TensorProto.INT4, [1, -8, 7], np.array([1, -8, 7], np.int8).astype(ml_dtypes.int4)),
    (TensorProto.UINT4, [1, 15, 7], np.array([1, 15, 7], np.uint8).astype(ml_dtypes.uint4)),
    (TensorProto.COMPLEX64, [1 + 2j, 3], np.array([1 + 2j, 3], np.complex64)),
]


@pytest.mark.parametrize("is_raw", [False, True])
@pytest.mark.parametrize(("code", "elements", "expected"), _TYPED)
def test_storage(code: int, elements: Sequence[complex], expected: Array, is_raw: bool) -> None:
    if is_raw:
        tensor = numpy_helper.from_array(expected)
        assert tensor.data_type == code
        assert tensor.HasField("raw_data")
    else:
        tensor = helper.make_tensor("w", code, [len(elements)], elements)
        assert not tensor.HasField("raw_data")
    for source in (model_with(tensor), model_with(tensor).SerializeToString()):
        array = constant_of(load_graph(source))
        assert array.dtype == expected.dtype
        assert not array.flags.writeable
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("code", [TensorProto.INT4, TensorProto.UINT4, TensorProto.INT2, TensorProto.UINT2])
def test_large_packed_tensors(code: int) -> None:
    packed = np.random.default_rng(0).integers(0, 256, 3000).astype(np.uint8).tobytes()
    tensor = helper.make_tensor("w", code, [3, 1000], packed[: 3000 // (4 if code > 22 else 2)], raw=True)
    array = constant_of(load_graph(model_with(tensor).SerializeToString()))
    np.testing.assert_array_equal(array, numpy_helper.to_array(tensor))


def test_empty_and_scalar_tensors() -> None:
    for shape in ((), (0, 3), (1, 1)):
        array = constant_of(load_graph(model_with(numpy_helper.from_array(np.ones(shape, np.float32)))))
        assert array.shape == shape


def test_string_tensors() -> None:
    array = constant_of(load_graph(model_with(helper.make_tensor("w", TensorProto.STRING, [2], ["a", "b"]))))
    assert array.tolist() == [b"a", b"b"]


# ---- external data


def external_model(folder: Path, location: str, **entries: str) -> Path:
    tensor = TensorProto(name="w", dims=[4], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    for key, text in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=text)
    (folder / "m.onnx").write_bytes(model_with(tensor).SerializeToString())
    return folder / "m.onnx"


@pytest.mark.parametrize("entries", [{}, {"offset": "0", "length": "16"}, {"offset": "6"}])
def test_external_data_is_mapped(tmp_path: Path, entries: dict[str, str]) -> None:
    offset = int(entries.get("offset", "0"))
    expected = np.arange(4, dtype=np.float32)
    (tmp_path / "w.bin").write_bytes(bytes(offset) + expected.tobytes())
    array = constant_of(load_graph(external_model(tmp_path, "w.bin", **entries)))
    assert isinstance(array.base, mmap.mmap)
    np.testing.assert_array_equal(array, expected)


def test_saved_external_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of([node("Add", "x a", "t"), node("Add", "t b", "y")], [floats("a", 900), floats("b", 800)])
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="data.bin")
    monkeypatch.chdir(tmp_path)
    loaded = load_graph("m.onnx")
    np.testing.assert_array_equal(constant_of(loaded, 1), np.arange(800, dtype=np.float32))
    assert constant_of(loaded, 0).base is constant_of(loaded, 1).base


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("/etc/passwd", "which is not a path relative to the model's folder"),
        ("C:\\w.bin", "which is not a path relative to the model's folder"),
        ("", "which is not a path relative to the model's folder"),
        ("../w.bin", "which leads out of the model's folder"),
        ("a/../../w.bin", "which leads out of the model's folder"),
        ("gone.bin", "does not exist"),
        ("folder", "is a directory"),
    ],
)
def test_external_data_refused(tmp_path: Path, location: str, sentence: str) -> None:
    (tmp_path / "folder").mkdir()
    refusal = refusal_of(external_model(tmp_path, location))
    assert sentence in refusal
    assert "'w'" in refusal
    assert "m.onnx" in refusal


def test_external_data_contradictions(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(15))

    def reason(**entries: str) -> str:
        with pytest.raises(CompileError) as caught:
            load_graph(external_model(tmp_path, "w.bin", **entries))
        return caught.value.reasons[0]

    assert "which has only 15 bytes" in reason()
    assert "take 16 bytes, but holds 12" in reason(length="12")
    assert "invalid offset or length" in reason(offset="-4")
    assert "invalid offset or length" in reason(offset="many")


def test_external_data_of_a_model_in_memory(tmp_path: Path) -> None:
    data = external_model(tmp_path, "w.bin").read_bytes()
    assert "must be given as a path" in refusal_of(data)


# ---- files that are no models


def write(folder: Path, content: bytes) -> Path:
    (folder / "m.onnx").write_bytes(content)
    return folder / "m.onnx"


def test_missing_file_and_directory(tmp_path: Path) -> None:
    assert "does not exist" in refusal_of(tmp_path / "gone.onnx")
    assert "is a directory" in refusal_of(tmp_path)
    assert "the file is empty" in refusal_of(write(tmp_path, b""))


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (b"\x1c\x00\x00\x00TFL3" + bytes(50), "a TFLite model"),
        ((60).to_bytes(8, "little") + b'{"w": {}}' + bytes(60), "a safetensors file"),
        (b"\x80\x02}q\x00.", "a Python pickle"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (b"\n<!DOCTYPE html><html></html>", "an HTML page"),
        (b"Hello, I am no model.\n", "a text file"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, content: bytes, looks: str) -> None:
    refusal = refusal_of(write(tmp_path, content))
    assert f"looks like {looks}" in refusal
    assert "m.onnx" in refusal


def test_zip_archive_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.onnx", "w") as archive:
        archive.writestr("m/data.pkl", b"")
    assert "PyTorch archive" in refusal_of(tmp_path / "m.onnx")


def test_truncated_and_random_files(tmp_path: Path) -> None:
    data = model_with(floats("w", 1000)).SerializeToString()
    assert "is truncated" in refusal_of(write(tmp_path, data[:2000]))
    generator = random.Random(0)
    for _ in range(50):
        assert "m.onnx" in refusal_of(write(tmp_path, generator.randbytes(500)))


def test_graphs_without_nodes() -> None:
    assert "no nodes and no outputs" in refusal_of(model_of([], outputs=()))
    assert [t.name for t in load_graph(model_of([], outputs=("x",))).graph.outputs] == ["x"]
    assert "holds no graph" in refusal_of(helper.make_model(helper.make_graph([], "", [], [])).SerializeToString()[:2])
    assert "a path, bytes or an onnx.ModelProto" in refusal_of(3)
