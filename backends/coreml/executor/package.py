"""Reads a `.mlpackage` from disk: its manifest, its model, and what the model says of its functions' interfaces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..protobuf import MalformedMessageError, has, which
from ..schema import (
    ArrayDataType,
    ArrayFeatureType,
    ColorSpace,
    FeatureDescription,
    Function,
    FunctionDescription,
    ImageFeatureType,
    Model,
    ModelDescription,
)
from .blobs import WeightFiles
from .kinds import DeclaredType, ProgramError
from .values import declared_type

_ARRAY_KINDS = {
    ArrayDataType.FLOAT16: "fp16",
    ArrayDataType.FLOAT32: "fp32",
    ArrayDataType.INT32: "i32",
    ArrayDataType.INT8: "i8",
}

Range = tuple[int, int]


@dataclass(frozen=True)
class Image:
    """An image at the model's border: a tensor fp32 [1, 3 or 1, height, width] of pixels from 0 to 255 inside."""

    color_space: ColorSpace
    width: int
    height: int


@dataclass(frozen=True)
class Feature:
    """An input, output or state as the model describes it.

    ``kind`` is the element kind of an array or image, else "str", "i64" (a label) or "dictionary". ``shape`` is the
    default shape, empty when none is given; ``ranges`` the least and greatest size of each dimension when they vary;
    ``enumerated`` the only shapes that there are, when listed.
    """

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    ranges: tuple[Range, ...] = ()
    enumerated: tuple[tuple[int, ...], ...] = ()
    image: Image | None = None
    optional: bool = False
    default: float = 0.0
    description: str = ""

    def accepts(self, shape: Sequence[int]) -> bool:
        """Whether an array of that shape is one of those described."""
        if self.enumerated:
            return tuple(shape) in self.enumerated
        if self.ranges:
            return len(shape) == len(self.ranges) and all(
                low <= d <= high for d, (low, high) in zip(shape, self.ranges, strict=True)
            )
        return tuple(shape) == self.shape

    def varies(self, axis: int) -> bool:
        """Whether the size of a dimension is not always the same."""
        if self.ranges:
            return self.ranges[axis][0] != self.ranges[axis][1]
        return len({shape[axis] for shape in self.enumerated}) > 1


@dataclass(frozen=True)
class Interface:
    """What a function takes, returns and keeps, by name and in order."""

    inputs: Mapping[str, Feature]
    outputs: Mapping[str, Feature]
    states: Mapping[str, Feature]
    predicted_feature: str
    predicted_probabilities: str


@dataclass(frozen=True)
class Package:
    """A model read from disk. ``metadata`` has what the author wrote, the user-defined entries under their own keys."""

    path: Path
    specification_version: int
    functions: Mapping[str, Function]
    interfaces: Mapping[str, Interface]
    default_function: str
    metadata: Mapping[str, str]
    weights: WeightFiles

    @property
    def interface(self) -> Interface:
        """Of the function that runs when none is named."""
        return self.interfaces[self.default_function]


def load(path: Path) -> Package:
    """The model in a package; raises ProgramError when the package is not whole or holds no ML Program."""
    model_path = _model_path(path)
    try:
        model = Model.parse(model_path.read_bytes())
    except MalformedMessageError as error:
        raise ProgramError(f"{model_path}: {error}") from error
    if not has(model, "ml_program"):
        raise ProgramError(f"{model_path} holds no ML Program")
    if not 6 <= model.specification_version <= 10:
        raise ProgramError(f"{model_path} has the specification version {model.specification_version}, not 6 to 10")
    functions = model.ml_program.functions
    interfaces, default = _interfaces(model)
    if set(functions) != set(interfaces):
        raise ProgramError(f"the program has the functions {_list(functions)}, described are {_list(interfaces)}")
    for name, function in functions.items():
        _check_interface(name, function, interfaces[name], model.specification_version)
    return Package(
        path,
        model.specification_version,
        functions,
        interfaces,
        default,
        _metadata(model),
        WeightFiles(model_path.parent),
    )


def _model_path(path: Path) -> Path:
    """Where the manifest says that the model is; every item it lists has to be there."""
    try:
        manifest = json.loads((path / "Manifest.json").read_text("utf-8"))
        entries = manifest["itemInfoEntries"]
        items = {key: path / "Data" / PurePosixPath(entry["path"]) for key, entry in entries.items()}
        root = items[manifest["rootModelIdentifier"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProgramError(f"{path} is no package: {type(error).__name__}: {error}") from error
    missing = [item for item in items.values() if not item.exists()]
    if missing or not root.is_file():
        raise ProgramError(f"{path} lacks {', '.join(map(str, missing or [root]))}")
    if (root.parent / "weights").is_dir() and root.parent / "weights" not in items.values():
        raise ProgramError(f"{path}: the manifest does not list the folder of the weights")
    return root


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _metadata(model: Model) -> dict[str, str]:
    metadata = model.description.metadata
    return {
        "shortDescription": metadata.short_description,
        "versionString": metadata.version_string,
        "author": metadata.author,
        "license": metadata.license,
        **metadata.user_defined,
    }


def _interfaces(model: Model) -> tuple[dict[str, Interface], str]:
    description = model.description
    if not description.functions:
        return {"main": _interface(description)}, "main"
    if model.specification_version < 9 or description.input or description.output or description.state:
        raise ProgramError("several functions need specification version 9 and no description of the model's own")
    interfaces = {function.name: _interface(function) for function in description.functions}
    default = description.default_function_name
    if default not in interfaces:
        raise ProgramError(f"the default function is {default!r}, described are {_list(interfaces)}")
    return interfaces, default


def _interface(description: ModelDescription | FunctionDescription) -> Interface:
    return Interface(
        {feature.name: _feature(feature) for feature in description.input},
        {feature.name: _feature(feature) for feature in description.output},
        {feature.name: _feature(feature) for feature in description.state},
        description.predicted_feature_name,
        description.predicted_probabilities_name,
    )


def _feature(feature: FeatureDescription) -> Feature:
    feature_type = feature.type
    match which(feature_type, "type"):
        case "multi_array_type":
            return _array_feature(feature, feature_type.multi_array_type)
        case "state_type":
            return _array_feature(feature, feature_type.state_type.array_type)
        case "image_type":
            return _image_feature(feature, feature_type.image_type)
        case "string_type":
            return Feature(feature.name, "str")
        case "int64_type":
            return Feature(feature.name, "i64")
        case "dictionary_type":
            return Feature(feature.name, "dictionary")
        case other:
            raise ProgramError(f"{feature.name} is of a type that ML Programs do not have ({other})")


def _image_feature(feature: FeatureDescription, image: ImageFeatureType) -> Feature:
    color_space = ColorSpace(image.color_space)
    channels = 1 if color_space in (ColorSpace.GRAYSCALE, ColorSpace.GRAYSCALE_FLOAT16) else 3
    ranges: tuple[Range, ...] = ()
    if has(image, "image_size_range"):
        sides = (image.image_size_range.height_range, image.image_size_range.width_range)
        ranges = ((1, 1), (channels, channels), *((side.lower_bound, side.upper_bound) for side in sides))
    return Feature(
        feature.name,
        "fp16" if color_space == ColorSpace.GRAYSCALE_FLOAT16 else "fp32",
        (1, channels, image.height, image.width),
        ranges,
        tuple((1, channels, size.height, size.width) for size in image.enumerated_sizes.sizes),
        image=Image(color_space, image.width, image.height),
    )


def _array_feature(feature: FeatureDescription, array: ArrayFeatureType) -> Feature:
    if array.data_type not in _ARRAY_KINDS:
        raise ProgramError(f"{feature.name} has elements of type {array.data_type}, which ML Programs do not have")
    default = which(array, "default_value")
    return Feature(
        feature.name,
        _ARRAY_KINDS[ArrayDataType(array.data_type)],
        tuple(array.shape),
        tuple((r.lower_bound, r.upper_bound) for r in array.shape_range.size_ranges),
        tuple(tuple(shape.shape) for shape in array.enumerated_shapes.shapes),
        optional=feature.type.is_optional,
        default={"int_default": array.int_default, "float_default": array.float_default}.get(default or "", 0.0),
        description=feature.short_description,
    )


def _check_interface(name: str, function: Function, interface: Interface, version: int) -> None:
    """What Core ML's own validator demands of the descriptions and the function; raises ProgramError."""
    block = function.block_specializations.get(function.opset)
    if block is None:
        raise ProgramError(f"function {name} has no block for its opset {function.opset!r}")
    declared = {value.name: declared_type(value.type) for value in function.inputs}
    if set(declared) != set(interface.inputs) | set(interface.states):
        described = _list((*interface.inputs, *interface.states))
        raise ProgramError(f"function {name} has the inputs {_list(declared)}, described are {described}")
    if set(block.outputs) != set(interface.outputs) or len(set(block.outputs)) != len(block.outputs):
        outputs = ", ".join(block.outputs)
        raise ProgramError(f"function {name} returns {outputs}, described are {_list(interface.outputs)}")
    for feature in interface.inputs.values():
        _check_input(feature, declared[feature.name], version)
    if version < 9 and sum(bool(feature.enumerated) for feature in interface.inputs.values()) > 1:
        raise ProgramError(f"function {name} has several inputs with listed shapes, which needs iOS 18")
    for state in interface.states.values():
        wrapped = declared[state.name].wrapped
        if version < 9 or wrapped is None or wrapped.kind != state.kind or wrapped.dims != state.shape:
            raise ProgramError(f"state {state.name} is described as {state.kind}{list(state.shape)}, not {wrapped}")
    for feature in interface.outputs.values():
        _check_version(feature, version)


def _check_input(feature: Feature, declared: DeclaredType, version: int) -> None:
    _check_version(feature, version)
    if not 1 <= len(feature.shape) <= 5:
        raise ProgramError(f"input {feature.name} has rank {len(feature.shape)}, not 1 to 5")
    if declared.kind != feature.kind or len(declared.dims) != len(feature.shape):
        raise ProgramError(f"input {feature.name} is {feature.kind}{list(feature.shape)}, the program says {declared}")
    if not feature.accepts(feature.shape):
        raise ProgramError(f"input {feature.name}: its default shape {list(feature.shape)} is not one it may have")
    if any(high < low or low < 1 for low, high in feature.ranges):
        raise ProgramError(f"input {feature.name} has a dimension without bounds: {list(feature.ranges)}")
    if len(feature.enumerated) > 128:
        raise ProgramError(f"input {feature.name} has {len(feature.enumerated)} shapes, more than 128")
    for axis, dim in enumerate(declared.dims):
        sizes = {shape[axis] for shape in feature.enumerated or (feature.shape,)}
        if feature.ranges:
            sizes.update(feature.ranges[axis])
        if (dim is None) == (len(sizes) == 1) or (dim is not None and sizes != {dim}):
            raise ProgramError(f"input {feature.name} has the sizes {sorted(sizes)} where the program says {declared}")


def _check_version(feature: Feature, version: int) -> None:
    if (feature.kind == "fp16" and version < 7) or (feature.kind == "i8" and version < 10):
        raise ProgramError(f"{feature.name} is {feature.kind}, which specification version {version} does not have")
