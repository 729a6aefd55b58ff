"""The validation of packages: what we write has no problems, and each rule speaks up when it is broken."""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glmir.backends.coreml import schema
from glmir.backends.coreml.executor.kinds import DeclaredType, Operand
from glmir.backends.coreml.protobuf import serialize as serialized
from glmir.backends.coreml.schema import ArrayDataType, DataType, Model
from glmir.backends.coreml.serializer import serialize
from glmir.backends.coreml.validation import problems
from glmir.backends.coreml.validation.given import Given
from glmir.backends.coreml.validation.operators import check_operator
from glmir.backends.coreml.values import immediate
from glmir.backends.target import TargetOptions
from glmir.parser import parse_module

TEXT = """func @main(%image: f32[1, 3, 8, 8]) -> (%y: f32[1, 4, 4, 4], %z: f32[1, 4, 8, 8]) {
  %w = tensor.constant() {value = weight<w>} : f32[4, 3, 3, 3]
  %b = tensor.constant() {value = dense<[0.5, 0.5, 0.5, 0.25]>} : f32[4]
  %0 = nn.conv(%image, %w, %b) {strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1]} : f32[1, 4, 8, 8]
  %z = nn.softmax(%0) {axis = 1} : f32[1, 4, 8, 8]
  %y = nn.max_pool(%z) {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[1, 4, 4, 4]
  return %y, %z
}"""
MODEL = "Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    weight = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    path = tmp_path / "model.mlpackage"
    serialize(parse_module(TEXT, {"w": weight}), path, 16, TargetOptions())
    return path


def test_what_we_write_has_no_problems(package: Path) -> None:
    assert problems(package) == ()


def main(model: Any) -> Any:
    return model.ml_program.functions["main"]


def operations(model: Any) -> Any:
    return main(model).block_specializations["CoreML6"].operations


def find(model: Any, operator: str) -> Any:
    return next(op for op in operations(model) if op.type == operator)


def constant_of(model: Any, operator: str, parameter: str) -> Any:
    name = find(model, operator).inputs[parameter].arguments[0].name
    return next(op for op in operations(model) if op.outputs[0].name == name)


def set_constant(model: Any, operator: str, parameter: str, value: object) -> None:
    constant, replaced = constant_of(model, operator, parameter), immediate(np.asarray(value))
    constant.attributes["val"].CopyFrom(replaced)
    constant.outputs[0].type.CopyFrom(replaced.type)


def rename_result(model: Any, operator: str, name: str) -> None:
    find(model, operator).outputs[0].name = name


def return_the_input(model: Any) -> None:
    main(model).block_specializations["CoreML6"].outputs[0] = "image"
    model.description.output[0].name = "image"


def image(model: Any, **fields: Any) -> None:
    model.description.input[0].type.image_type.CopyFrom(schema.ImageFeatureType(**fields))


def declare(model: Any, operator: str, data_type: DataType) -> None:
    find(model, operator).outputs[0].type.tensor_type.data_type = data_type


def input_array(model: Any) -> Any:
    return model.description.input[0].type.multi_array_type


def set_ranges(model: Any, high: int) -> None:
    ranges = [schema.SizeRange(lower_bound=d, upper_bound=high) for d in (1, 3, 8, 8)]
    input_array(model).shape_range.CopyFrom(schema.ShapeRange(size_ranges=ranges))


def set_shapes(model: Any, *shapes: tuple[int, ...]) -> None:
    listed = [schema.ArrayShape(shape=shape) for shape in shapes]
    input_array(model).enumerated_shapes.CopyFrom(schema.EnumeratedShapes(shapes=listed))


def set_elements(model: Any, data_type: int) -> None:
    input_array(model).data_type = data_type


def put_value_elsewhere(model: Any) -> None:
    floats = schema.TensorValue(floats=schema.RepeatedFloats(values=[1.0]))
    constant_of(model, "softmax", "axis").attributes["val"].immediate_value.tensor.CopyFrom(floats)


def move_blob(model: Any) -> None:
    constant_of(model, "conv", "weight").attributes["val"].blob_file_value.offset = 96


def add_attribute(model: Any) -> None:
    find(model, "softmax").attributes["axis"].CopyFrom(immediate(np.asarray(True)))


def add_parameter(model: Any) -> None:
    find(model, "softmax").inputs["beta"].CopyFrom(find(model, "softmax").inputs["axis"])


def read_what_is_not_there(model: Any) -> None:
    find(model, "softmax").inputs["x"].arguments[0].name = "nothing"


BREAKING: dict[str, tuple[Callable[[Any], object], str]] = {
    "specification": (lambda m: setattr(m, "specification_version", 6), "which specification version 6 does not have"),
    "unknown specification": (lambda m: setattr(m, "specification_version", 4), "those of ML Programs are 6 to 10"),
    "program version": (lambda m: setattr(m.ml_program, "version", 2), "the program has version 2"),
    "opset": (lambda m: setattr(main(m), "opset", "CoreML4"), "unknown opset 'CoreML4'"),
    "missing parameter": (lambda m: find(m, "conv").inputs.pop("pad"), "its parameter pad is missing"),
    "unknown parameter": (add_parameter, "it has no parameter beta"),
    "operator": (lambda m: setattr(find(m, "softmax"), "type", "soft_max"), "there is no such operator"),
    "newer operator": (lambda m: setattr(find(m, "softmax"), "type", "resize"), "there is none before a later opset"),
    "attribute": (add_attribute, "it has the attributes axis"),
    "identifier": (lambda m: rename_result(m, "conv", "a/b"), "'a/b', which is no identifier"),
    "twice": (lambda m: rename_result(m, "conv", "y"), "is called y, as another value is"),
    "undefined": (read_what_is_not_there, "x is nothing, which is not there"),
    "output is input": (return_the_input, "output image is an input"),
    "undescribed": (lambda m: m.description.output.pop(), "output z of the program is not described"),
    "tie": (lambda m: set_constant(m, "conv", "bias", np.zeros(4, np.float16)), "parameters of its type are fp32"),
    "type": (lambda m: set_constant(m, "softmax", "axis", np.float32(1)), "axis is fp32, not i32"),
    "axis": (lambda m: set_constant(m, "softmax", "axis", np.int32(4)), "axis is [4], for a tensor of rank 4"),
    "word": (lambda m: set_constant(m, "conv", "pad_type", "full"), "pad_type is 'full'"),
    "window": (
        lambda m: set_constant(m, "max_pool", "strides", np.array([2], np.int32)),
        "strides is [2] for 2 spatial axes",
    ),
    "value field": (put_value_elsewhere, "has its value in floats, not in ints"),
    "blob": (move_blob, "the blob at offset 96"),
    "64 bits": (lambda m: declare(m, "softmax", DataType.INT64), "is i64, which no operation of this opset computes"),
    "8 bits": (lambda m: declare(m, "softmax", DataType.INT8), "is i8, which no operation of this opset computes"),
    "input rank": (lambda m: input_array(m).shape.append(1), "is described as fp32[1, 3, 8, 8, 1]"),
    "input kind": (lambda m: set_elements(m, ArrayDataType.DOUBLE), "has elements of type 65600"),
    "input version": (lambda m: set_elements(m, ArrayDataType.INT8), "is i8, which needs specification version 10"),
    "range without end": (lambda m: set_ranges(m, -1), "has a dimension without an upper bound"),
    "range": (lambda m: set_ranges(m, 9), "along axis 0, where the program says 1"),
    "enumerated": (lambda m: set_shapes(m, (1, 3, 4, 4)), "its default [1, 3, 8, 8] is none of them"),
    "image color": (lambda m: image(m, width=8, height=8, color_space=10), "takes as fp32[1, 1, height, width]"),
    "image size": (lambda m: image(m, width=9, height=8, color_space=20), "an image of 9 x 8 pixels, the program says"),
    "optional": (lambda m: setattr(m.description.input[0].type, "is_optional", True), "is optional without a default"),
    "classifier": (lambda m: setattr(m.description, "predicted_feature_name", "label"), "nothing classifies"),
    "functions": (lambda m: m.description.functions.add(name="main"), "need specification version 9"),
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_broken_rule_is_named(package: Path, name: str) -> None:
    breaks, sentence = BREAKING[name]
    model = Model.parse((package / MODEL).read_bytes())
    breaks(model)
    (package / MODEL).write_bytes(serialized(model))
    found = problems(package)
    assert any(sentence in problem for problem in found), found


def test_all_problems_are_found(package: Path) -> None:
    model = Model.parse((package / MODEL).read_bytes())
    for name in ("missing parameter", "axis", "optional", "word"):
        BREAKING[name][0](model)
    (package / MODEL).write_bytes(serialized(model))
    assert len(problems(package)) == 4


def rewrite_manifest(package: Path, change: Callable[[Any], object]) -> None:
    manifest = json.loads((package / "Manifest.json").read_text())
    change(manifest)
    (package / "Manifest.json").write_text(json.dumps(manifest))


def drop_weights(manifest: Any) -> None:
    entries = manifest["itemInfoEntries"]
    del entries[next(key for key, entry in entries.items() if entry["name"] == "weights")]


def test_manifest(package: Path) -> None:
    rewrite_manifest(package, drop_weights)
    assert problems(package) == ("Manifest.json does not list the folder of the weights",)
    rewrite_manifest(package, lambda m: m.update(rootModelIdentifier="none", fileFormatVersion="2"))
    assert len([p for p in problems(package) if "fileFormatVersion" in p or "names no model" in p]) == 2
    (package / "Manifest.json").unlink()
    assert problems(package) == ("the package has no Manifest.json",)


def test_weight_file(package: Path) -> None:
    data = bytearray((package / WEIGHTS).read_bytes())
    struct.pack_into("<I", data, 0, 3)
    (package / WEIGHTS).write_bytes(data)
    assert problems(package) == ("weight.bin: it has 1 blobs, its header says 3",)
    struct.pack_into("<II", data, 0, 1, 1)
    (package / WEIGHTS).write_bytes(data)
    assert any("version 1, not 2" in p for p in problems(package))


def test_not_a_model(package: Path) -> None:
    (package / MODEL).write_bytes(b"\xff\xff\xff")
    assert any("not a Model message" in p for p in problems(package))


@dataclass(frozen=True)
class Argument:
    type: DeclaredType
    constant: Operand | None = None
    maker: str = ""


def computed(kind: str, *dims: int | None) -> Argument:
    return Argument(DeclaredType(kind, dims))


def known(elements: object) -> Argument:
    if isinstance(elements, str):
        return Argument(DeclaredType("str"), Operand("str", elements, constant=True))
    array = np.asarray(elements)
    kind = {"f": "fp32", "b": "bool"}.get(array.dtype.kind, "i32")
    return Argument(DeclaredType(kind, array.shape), Operand(kind, array, constant=True))


X4 = computed("fp32", 1, 4, 8, 8)
OPERATORS: dict[str, tuple[str, dict[str, Argument], str]] = {
    "pad in front": (
        "pad",
        {"x": X4, "pad": known([0, 0, 1, 1, 0, 0, 0, 0]), "mode": known("reflect")},
        "modes other than constant pad the last two axes only",
    ),
    "pad too much": ("pad", {"x": X4, "pad": known([1] * 10), "mode": known("constant")}, "for a tensor of rank 4"),
    "integers": ("matmul", {"x": computed("i32", 2, 2), "y": known([[1, 2], [3, 4]])}, "a product of integers with a"),
    "negative index": ("gather", {"x": X4, "indices": known([-1]), "axis": known(1)}, "an index is negative"),
    "reshape": ("reshape", {"x": X4, "shape": known([-1, -1])}, "shape is [-1, -1]"),
    "reshape to 6": ("reshape", {"x": X4, "shape": known([1, 2, 2, 8, 8, 1])}, "of more than 5 axes"),
    "transpose": ("transpose", {"x": X4, "perm": known([0, 1, 2, 2])}, "perm is [0, 1, 2, 2]"),
    "reduce twice": ("reduce_sum", {"x": X4, "axes": known([1, -3])}, "names an axis twice"),
    "linear": ("linear", {"x": X4, "weight": known(np.ones((2, 8)))}, "x has rank 4, not 1 to 3"),
    "pixel shuffle": ("pixel_shuffle", {"x": computed("fp32", 4, 8, 8)}, "x has rank 3, not 4"),
    "cast": ("cast", {"x": X4, "dtype": known("int64")}, "dtype is 'int64'"),
    "conv channels": (
        "conv",
        {"x": X4, "weight": known(np.ones((2, 3, 1, 1))), "groups": known(1)},
        "x has 4 channels, the weight is for 3",
    ),
    "ceiling": (
        "max_pool",
        {"x": X4, "ceil_mode": known(True), "pad": known([0, 1, 0, 0]), "pad_type": known("custom")},
        "ceil_mode needs padding that is the same on both sides",
    ),
    "slice": ("slice_by_index", {"x": X4, "begin": known([0]), "end": known([1])}, "not one number for each of 4 axes"),
    "select": ("select", {"a": X4, "b": computed("fp16", 1)}, "a and b are of the types fp16, fp32"),
    "batch norm": ("batch_norm", {"x": X4, "mean": known(np.ones(3, np.float32))}, "mean is fp32[3] for 4 channels"),
    "axis of scales": (
        "dequantize",
        {"input": computed("i8", 1, 4, 8, 8), "scale": known(np.ones(3, np.float32)), "axis": known(1)},
        "scale is fp32[3] for axis 1",
    ),
    "axis of one scale": (
        "dequantize",
        {"input": computed("i8", 4), "scale": known(np.float32(1)), "axis": known(0)},
        "scale has no axis",
    ),
    "zero point": (
        "quantize",
        {"input": X4, "scale": known(np.float32(1)), "zero_point": computed("i8"), "output_dtype": known("uint8")},
        "zero_point is i8, what is stored u8",
    ),
    "blocks": (
        "constexpr_blockwise_shift_scale",
        {"data": computed("i4", 4, 30), "scale": computed("fp16", 4, 4)},
        "which does not divide [4, 30]",
    ),
    "offset": (
        "constexpr_blockwise_shift_scale",
        {"data": computed("i4", 4, 32), "scale": computed("fp16", 4, 4), "offset": computed("u4", 4, 4)},
        "the offset is u4, the data i4",
    ),
    "table": (
        "constexpr_lut_to_dense",
        {"indices": computed("u8", 8), "lut": computed("fp16", 8), "shape": known([8])},
        "the table has the shape [8]",
    ),
    "indices": (
        "constexpr_lut_to_dense",
        {"indices": computed("u8", 8), "lut": computed("fp16", 16), "shape": known([8])},
        "indices has the shape [8], for 32 bits",
    ),
    "mask": (
        "constexpr_sparse_to_dense",
        {"nonzero_data": computed("fp16", 3), "mask": known(np.array([5], np.uint8)), "shape": known([8])},
        "there are [3] elements for 2 bits",
    ),
    "split": ("split", {"x": X4, "split_sizes": known([2, 2]), "axis": known(1)}, "it splits into 2, and has 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_s_own_rules(name: str) -> None:
    operator, arguments, sentence = OPERATORS[name]
    found = list(check_operator(Given(operator, 17, arguments, {}, ())))
    assert any(sentence in problem for problem in found), found
