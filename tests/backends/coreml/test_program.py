"""What is written: names, constants, outputs that are no results, packages that are reproducible."""

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from glmir.backends.coreml import schema
from glmir.backends.coreml.legalize import legalize_coreml
from glmir.backends.coreml.protobuf import which
from glmir.backends.coreml.schema import DataType
from glmir.backends.coreml.serializer import serialize
from glmir.backends.coreml.values import immediate
from glmir.backends.target import TargetOptions
from glmir.errors import CompileError
from glmir.ir import Array, Function, Module, Value
from glmir.ops import math, tensor
from glmir.parser import parse_module
from glmir.types import DType, TensorType
from glmir.weights import Weight
from tests.backends.coreml.mil_loader import assert_loads
from tests.backends.coreml.packages import read_model, read_operations, written_operations

WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"


def write(module: Module | str, folder: Path, version: int = 16) -> Path:
    module = parse_module(module) if isinstance(module, str) else module
    legalize_coreml(module, version=version)
    package = folder / "model.mlpackage"
    serialize(module, package, version, TargetOptions())
    assert_loads(package)
    return package


def sum_of(*arrays: Array) -> Module:
    """x + each array, one after the other."""
    dtype = DType.of(arrays[0].dtype)
    x = Value(TensorType(dtype, arrays[0].shape), "x")
    function = Function("main", [x])
    for array in arrays:
        constant = tensor.Constant(Weight(array))
        function.ops.append(constant)
        added = math.Add(x, constant.result)
        function.ops.append(added)
        x = added.result
    function.set_outputs([x], ["y"])
    return Module([function])


def constants(package: Path) -> dict[str, schema.Value]:
    return {o.outputs[0].name: o.attributes["val"] for o in read_operations(package) if o.type == "const"}


def test_names_of_the_source_are_kept_as_far_as_mil_allows(tmp_path: Path) -> None:
    text = """
    func @main(%"x:0": f32[2], %fp16: f32[2]) -> (%"out/1": f32[2], %"out.1": f32[2]) {
      %hidden = math.exp(%"x:0") : f32[2]
      %1 = math.add(%hidden, %fp16) : f32[2]
      %2 = math.sin(%1) : f32[2]
      return %1, %2
    }
    """
    package = write(text, tmp_path)
    model = read_model(package)
    function = model.ml_program.functions["main"]
    assert [i.name for i in function.inputs] == ["x_0", "_fp16"] == [i.name for i in model.description.input]
    assert [o.outputs[0].name for o in read_operations(package)] == ["hidden", "out_1", "out_1_1"]
    block = function.block_specializations["CoreML6"]
    assert list(block.outputs) == ["out_1", "out_1_1"] == [o.name for o in model.description.output]
    assert dict(model.description.metadata.user_defined) == {
        "source_name.x_0": "x:0",
        "source_name._fp16": "fp16",
        "source_name.out_1": "out/1",
        "source_name.out_1_1": "out.1",
    }


def test_outputs_that_no_operation_computes_are_copies(tmp_path: Path) -> None:
    text = """
    func @main(%x: f32[2]) -> (%a: f32[2], %b: f32[2], %c: f32[2], %d: f32[2]) {
      %0 = tensor.constant() {value = dense<[1.0, 2.0]>} : f32[2]
      %1 = math.exp(%x) : f32[2]
      return %x, %0, %1, %1
    }
    """
    package = write(text, tmp_path)
    assert written_operations(package) == ["exp", "identity", "identity", "identity"]
    named = {o.outputs[0].name: o.type for o in read_operations(package) if o.type != "const"}
    assert named == {"a": "identity", "b": "identity", "c": "exp", "d": "identity"}


def test_long_constants_are_in_the_file_and_short_ones_in_the_program(tmp_path: Path) -> None:
    package = write(sum_of(np.ones((3, 3), np.float32)), tmp_path / "short")
    assert [which(v, "value") for v in constants(package).values()] == ["immediate_value"]
    assert (package / WEIGHTS).stat().st_size == 64
    package = write(sum_of(np.ones((2, 5), np.float32)), tmp_path / "long")
    (value,) = constants(package).values()
    assert (value.blob_file_value.file_name, value.blob_file_value.offset) == ("@model_path/weights/weight.bin", 64)
    data = (package / WEIGHTS).read_bytes()
    assert data[128:] == np.ones(10, np.float32).tobytes()
    assert struct.unpack_from("<II", data) == (1, 2)


@pytest.mark.parametrize(("version", "where"), [(17, "immediate_value"), (18, "blob_file_value")])
def test_integers_are_in_the_file_from_ios_18_on(tmp_path: Path, version: int, where: str) -> None:
    package = write(sum_of(np.arange(20, dtype=np.int32)), tmp_path, version)
    assert [which(v, "value") for v in constants(package).values()] == [where]


def test_halves_are_bytes(tmp_path: Path) -> None:
    halves = np.array([1.5, -2], np.float16)
    (value,) = constants(write(sum_of(halves), tmp_path)).values()
    assert value.type.tensor_type.data_type == DataType.FLOAT16
    assert value.immediate_value.tensor.bytes.values == halves.tobytes()


def test_equal_constants_are_one(tmp_path: Path) -> None:
    long = np.arange(5000, dtype=np.float32)
    package = write(sum_of(long, long, long.copy()), tmp_path)
    offsets = {v.blob_file_value.offset for v in constants(package).values()}
    assert offsets == {64}
    assert len(write(sum_of(np.ones(3, np.float32), np.ones(3, np.float32)), tmp_path / "short").name) > 0
    assert len(constants(tmp_path / "short" / "model.mlpackage")) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.float16, np.bool_, np.uint8])
def test_empty_constants_have_their_field(dtype: type[np.generic]) -> None:
    value = immediate(np.zeros((0, 3), dtype))
    assert which(value.immediate_value.tensor, "value") is not None


def test_packages_are_reproducible(tmp_path: Path) -> None:
    def files(folder: Path) -> dict[str, bytes]:
        package = write(sum_of(np.arange(50, dtype=np.float32)), folder)
        return {str(p.relative_to(package)): p.read_bytes() for p in package.rglob("*") if p.is_file()}

    first = files(tmp_path / "a")
    assert first == files(tmp_path / "b")
    assert set(first) == {"Manifest.json", "Data/com.apple.CoreML/model.mlmodel", WEIGHTS}


def test_the_manifest_lists_what_is_there(tmp_path: Path) -> None:
    package = write(sum_of(np.arange(50, dtype=np.float32)), tmp_path)
    manifest = json.loads((package / "Manifest.json").read_text())
    entries = manifest["itemInfoEntries"]
    assert manifest["fileFormatVersion"] == "1.0.0"
    assert entries[manifest["rootModelIdentifier"]]["name"] == "model.mlmodel"
    assert len(entries) == 2
    assert all((package / "Data" / entry["path"]).exists() for entry in entries.values())
    shutil.rmtree(package)
    other = write(sum_of(np.arange(51, dtype=np.float32)), tmp_path)
    assert set(json.loads((other / "Manifest.json").read_text())["itemInfoEntries"]).isdisjoint(entries)


@pytest.mark.parametrize(("version", "tag", "number"), [(15, "CoreML5", 6), (16, "CoreML6", 7), (18, "CoreML8", 9)])
def test_the_version_is_written(tmp_path: Path, version: int, tag: str, number: int) -> None:
    model = read_model(write(sum_of(np.ones(3, np.float32)), tmp_path, version))
    assert (model.specification_version, model.ml_program.functions["main"].opset) == (number, tag)


def test_all_reasons_are_given(tmp_path: Path) -> None:
    text = """
    func @main(%x: i32[2], %z: f32[1, 1, 1, 1, 1, 2]) -> (%y: i32[2], %w: f32[1, 1, 1, 1, 1, 2]) {
      %y = math.bitwise_xor(%x, %x) : i32[2] loc("first")
      %w = math.exp(%z) : f32[1, 1, 1, 1, 1, 2] loc("second")
      return %y, %w
    }
    """
    with pytest.raises(CompileError) as caught:
        serialize(parse_module(text), tmp_path / "model.mlpackage", 16, TargetOptions())
    assert len(caught.value.reasons) == 2
    assert "tensors of at most 5 axes" in str(caught.value)
    assert not (tmp_path / "model.mlpackage").exists()
