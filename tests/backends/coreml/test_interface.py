"""What applications see: flexible shapes, images, class labels, dtypes of inputs and outputs."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from glmir import interpreter
from glmir.backends.coreml import schema
from glmir.backends.coreml.border import adapt_coreml_border, encode_images, take_images
from glmir.backends.coreml.legalize import legalize_coreml
from glmir.backends.coreml.protobuf import has, which
from glmir.backends.coreml.runtime import run
from glmir.backends.coreml.schema import ArrayDataType, ColorSpace
from glmir.backends.coreml.serializer import serialize
from glmir.backends.target import ImageInput, SizeRange, Sizes, TargetOptions
from glmir.dims import symbol
from glmir.errors import CompileError, InputError
from glmir.ir import Module, Op
from glmir.ops import math, nn, tensor
from glmir.parser import parse_module
from tests.backends.building import argument, module_of, weight
from tests.backends.coreml.mil_loader import assert_loads
from tests.backends.coreml.packages import read_model, written_operations


def write(source: str | Module, folder: Path, options: TargetOptions | None = None, version: int = 16) -> schema.Model:
    options = options or TargetOptions()
    module = parse_module(source) if isinstance(source, str) else source
    take_images(module, images=encode_images(options.image_inputs))
    adapt_coreml_border(module, version=version)
    legalize_coreml(module, version=version)
    serialize(module, folder / "model.mlpackage", version, options)
    assert_loads(folder / "model.mlpackage")
    return read_model(folder / "model.mlpackage")


def exp_of(*shape: str, dtype: str = "f32") -> str:
    type_ = f"{dtype}[{', '.join(shape)}]"
    return f"func @main(%x: {type_}) -> (%y: {type_}) {{\n  %y = math.exp(%x) : {type_}\n  return %y\n}}"


def array_type(feature: schema.FeatureDescription) -> schema.ArrayFeatureType:
    assert which(feature.type, "type") == "multi_array_type"
    return feature.type.multi_array_type


def ranges(type_: schema.ArrayFeatureType) -> list[tuple[int, int]]:
    return [(r.lower_bound, r.upper_bound) for r in type_.shape_range.size_ranges]


def test_static_shapes_are_fixed(tmp_path: Path) -> None:
    model = write(exp_of("1", "3", "8", "8"), tmp_path)
    for feature in (*model.description.input, *model.description.output):
        type_ = array_type(feature)
        assert list(type_.shape) == [1, 3, 8, 8] and type_.data_type == ArrayDataType.FLOAT32
        assert which(type_, "flexibility") is None


@pytest.mark.parametrize(
    ("shape", "reason"), [(("2", "0", "3"), "no tensors without elements"), (("2",) * 6, "at most 5 axes")]
)
def test_inputs_that_core_ml_has_not_are_refused(shape: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=f"^input x, .*{reason}"):
        write(exp_of(*shape), tmp_path)


def test_inputs_without_elements_are_left_out_where_nothing_uses_them(tmp_path: Path) -> None:
    source = """func @main(%x: f32[2], %axes: i64[0]) -> (%y: f32[2]) {
      %y = math.exp(%x) : f32[2]
      return %y
    }"""
    model = write(source, tmp_path)
    assert [feature.name for feature in model.description.input] == ["x"]
    outputs = run(tmp_path / "model.mlpackage", {"x": np.zeros(2, np.float32), "axes": np.zeros(0, np.int32)})
    assert outputs["y"].tolist() == [1, 1]


def test_symbolic_dims_are_ranges(tmp_path: Path) -> None:
    model = write(exp_of("n", "3", "2*h", "8"), tmp_path)
    type_ = array_type(model.description.input[0])
    assert ranges(type_) == [(1, 4096), (3, 3), (2, 8192), (8, 8)]
    assert list(type_.shape) == [1, 3, 448, 8]
    assert list(array_type(model.description.output[0]).shape) == []
    (value,) = model.ml_program.functions["main"].inputs
    assert [which(d, "dimension") for d in value.type.tensor_type.dimensions] == [
        "unknown", "constant", "unknown", "constant",
    ]  # fmt: skip


def test_sequences_may_be_longer_than_images(tmp_path: Path) -> None:
    type_ = array_type(write(exp_of("1", "n"), tmp_path).description.input[0])
    assert ranges(type_) == [(1, 1), (1, 2**20)]


S = symbol("s")
DEFAULTS: dict[str, tuple[Callable[[], Op], list[int]]] = {
    "an image": (lambda: math.Exp(argument("n", 3, "h", "w")), [1, 3, 224, 224]),
    "a sequence": (lambda: math.Exp(argument("n", "s")), [1, 64]),
    "what stands first is no batch": (lambda: tensor.Reshape(argument("s", 8), None, (S // 16, 128)), [64, 8]),
    "a table of positions": (
        lambda: math.Add(argument("n", "s"), tensor.Slice(weight(1, 50), (0, 0), (1, S), (1, 1)).result),
        [1, 32],
    ),
    "a number of elements": (lambda: tensor.Reshape(argument("n", 2, "s"), None, (symbol("n"), 48, 100)), [1, 2, 2400]),
    "a divisor": (
        lambda: tensor.Reshape(argument("n", "s"), None, (symbol("n"), (S // 100), S // (S // 100))),
        [1, 256],
    ),
    "a number of steps": (lambda: math.Add(argument("n", S // 10 + 2), weight(1, 37)), [1, 37]),
    "a large window": (lambda: nn.MaxPool(argument("n", 1, "s"), (400,), (160,), (0, 0), (1,)), [1, 1, 512]),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_model_can_have_its_default_sizes(name: str, tmp_path: Path) -> None:
    make, shape = DEFAULTS[name]
    assert list(array_type(write(module_of(make()), tmp_path).description.input[0]).shape) == shape


def test_ranges_are_the_users(tmp_path: Path) -> None:
    sizes: Mapping[str, Sizes] = {"n": SizeRange(2, 9), "h": SizeRange(32, 64)}
    type_ = array_type(write(exp_of("n", "h", "w", "4"), tmp_path, TargetOptions(sizes=sizes)).description.input[0])
    assert ranges(type_) == [(2, 9), (32, 64), (1, 4096), (4, 4)]
    assert list(type_.shape) == [2, 64, 224, 4]


def test_listed_sizes_are_enumerated_shapes(tmp_path: Path) -> None:
    sizes: Mapping[str, Sizes] = {"h": (8, 16), "w": (4, 2)}
    model = write(exp_of("1", "h", "w"), tmp_path, TargetOptions(sizes=sizes))
    type_ = array_type(model.description.input[0])
    assert [list(s.shape) for s in type_.enumerated_shapes.shapes] == [[1, 8, 4], [1, 16, 2]]
    assert list(type_.shape) == [1, 8, 4]


@pytest.mark.parametrize(
    ("shapes", "sizes", "message"),
    [
        ([("n", "h")], {"h": (8, 16)}, "input x0: where some dims list sizes, all must: fix n, or list its sizes"),
        ([("1", "h"), ("2", "h")], {"h": (8, 16)}, "more than one such input needs --coreml-target ios18"),
        ([("1", "h")], {"h": tuple(range(1, 200))}, "up to 128 shapes"),
    ],
)
def test_sizes_that_core_ml_cannot_express_are_refused(
    tmp_path: Path, shapes: list[tuple[str, ...]], sizes: dict[str, Sizes], message: str
) -> None:
    types = [f"f32[{', '.join(s)}]" for s in shapes]
    inputs = ", ".join(f"%x{i}: {t}" for i, t in enumerate(types))
    outputs = ", ".join(f"%y{i}: {t}" for i, t in enumerate(types))
    body = "\n".join(f"%y{i} = math.exp(%x{i}) : {t}" for i, t in enumerate(types))
    text = (
        f"func @main({inputs}) -> ({outputs}) {{\n{body}\nreturn {', '.join(f'%y{i}' for i in range(len(types)))}\n}}"
    )
    with pytest.raises(InputError, match=message):
        write(text, tmp_path, TargetOptions(sizes=sizes))


@pytest.mark.parametrize(
    ("dtype", "version", "expected"),
    [("f32", 15, ArrayDataType.FLOAT32), ("f16", 15, ArrayDataType.FLOAT32), ("f16", 16, ArrayDataType.FLOAT16)],
)
def test_halves_are_at_the_border_from_ios_16_on(tmp_path: Path, dtype: str, version: int, expected: int) -> None:
    model = write(exp_of("4", dtype=dtype), tmp_path, version=version)
    features = (*model.description.input, *model.description.output)
    assert [array_type(f).data_type for f in features] == [expected, expected]


def test_truth_values_are_integers_at_the_border(tmp_path: Path) -> None:
    text = """
    func @main(%x: bool[4], %s: bool[]) -> (%y: bool[4]) {
      %y = math.logical_and(%x, %s) : bool[4]
      return %y
    }
    """
    model = write(text, tmp_path)
    features = (*model.description.input, *model.description.output)
    assert [array_type(f).data_type for f in features] == [ArrayDataType.INT32] * 3
    assert [list(array_type(f).shape) for f in features] == [[4], [1], [4]]


IMAGE = """
func @main(%x: {type}) -> (%y: {type}) {{
  %y = math.add(%x, %x) : {type}
  return %y
}}
"""


def taken(type_: str, image: ImageInput) -> Module:
    module = parse_module(IMAGE.format(type=type_))
    assert take_images(module, images=encode_images([image]))
    return module


def test_images_are_scaled_and_shifted() -> None:
    module = taken("f32[1, 3, 2, 2]", ImageInput("x", "rgb", 0.5, (1.0, 2.0, 3.0)))
    pixels = np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)
    expected = 2 * (pixels * 0.5 + np.array([1, 2, 3]).reshape(1, 3, 1, 1))
    np.testing.assert_array_equal(interpreter.run(module, {"x": pixels})["y"], expected)


def test_channels_may_be_last_and_pixels_integers() -> None:
    module = taken("u8[1, 2, 5, 3]", ImageInput("x", "bgr"))
    assert str(module.main.inputs[0].type) == "f32[1, 3, 2, 5]"
    pixels = np.arange(30, dtype=np.float32).reshape(1, 3, 2, 5)
    output = interpreter.run(module, {"x": pixels})["y"]
    np.testing.assert_array_equal(output, 2 * pixels.transpose(0, 2, 3, 1).astype(np.uint8))


@pytest.mark.parametrize(
    ("type_", "image", "message"),
    [
        ("f32[1, 4, 2, 2]", ImageInput("x", "rgb"), r"would have to be \[1, 3, height, width\]"),
        ("f32[n, 3, 2, 2]", ImageInput("x", "rgb"), r"would have to be \[1, 3, height, width\]"),
        ("f32[1, 3, 2, 2]", ImageInput("x", "gray"), r"would have to be \[1, 1, height, width\]"),
        ("f32[1, 3, 2, 2]", ImageInput("z", "rgb"), "no input z"),
    ],
)
def test_what_is_no_image_is_refused(type_: str, image: ImageInput, message: str) -> None:
    with pytest.raises(InputError, match=message):
        taken(type_, image)


@pytest.mark.parametrize(
    ("color", "channels", "space"),
    [("rgb", 3, ColorSpace.RGB), ("bgr", 3, ColorSpace.BGR), ("gray", 1, ColorSpace.GRAYSCALE)],
)
def test_image_inputs_are_described_as_images(tmp_path: Path, color: str, channels: int, space: int) -> None:
    text = IMAGE.format(type=f"f32[1, {channels}, 20, 30]")
    options = TargetOptions(image_inputs=(ImageInput("x", color, 1 / 255),))
    type_ = write(text, tmp_path, options).description.input[0].type
    assert which(type_, "type") == "image_type"
    image = type_.image_type
    assert (image.height, image.width, image.color_space) == (20, 30, space)


def test_images_may_be_flexible(tmp_path: Path) -> None:
    text = IMAGE.format(type="f32[1, 3, h, w]")
    image = ImageInput("x", "rgb")
    sizes: Mapping[str, Sizes] = {"h": SizeRange(16, 64), "w": SizeRange(8, 32)}
    type_ = write(text, tmp_path / "a", TargetOptions(image_inputs=(image,), sizes=sizes)).description.input[0].type
    spans = type_.image_type.image_size_range
    assert (spans.height_range.lower_bound, spans.height_range.upper_bound) == (16, 64)
    assert (spans.width_range.lower_bound, spans.width_range.upper_bound) == (8, 32)
    listed: Mapping[str, Sizes] = {"h": (16, 32), "w": (8, 8)}
    type_ = write(text, tmp_path / "b", TargetOptions(image_inputs=(image,), sizes=listed)).description.input[0].type
    assert [(s.height, s.width) for s in type_.image_type.enumerated_sizes.sizes] == [(16, 8), (32, 8)]


@pytest.mark.parametrize("labels", [("cat", "dog", "egg"), (7, 8, 9)])
def test_class_labels_make_a_classifier(tmp_path: Path, labels: tuple[str, ...] | tuple[int, ...]) -> None:
    description = write(exp_of("1", "3"), tmp_path, TargetOptions(class_labels=labels)).description
    assert written_operations(tmp_path / "model.mlpackage") == ["exp", "classify"]
    assert [o.name for o in description.output] == ["y", "classLabel", "classLabel_probs"]
    assert description.predicted_feature_name == "classLabel"
    assert description.predicted_probabilities_name == "classLabel_probs"
    is_text = isinstance(labels[0], str)
    assert which(description.output[1].type, "type") == ("string_type" if is_text else "int64_type")
    keys = "string_key_type" if is_text else "int64_key_type"
    assert has(description.output[2].type.dictionary_type, keys)


def test_half_probabilities_are_widened(tmp_path: Path) -> None:
    write(exp_of("1", "3", dtype="f16"), tmp_path, TargetOptions(class_labels=("a", "b", "c")))
    assert written_operations(tmp_path / "model.mlpackage") == ["exp", "cast", "classify"]


@pytest.mark.parametrize("shape", [("1", "4"), ("n", "3")])
def test_labels_that_fit_no_output_are_refused(tmp_path: Path, shape: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="3 class labels need one output"):
        write(exp_of(*shape), tmp_path, TargetOptions(class_labels=("a", "b", "c")))
