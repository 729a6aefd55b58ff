"""What the model says that it takes and gives, against what the program takes and gives.

Source: the validators of Apple's converter (InterfaceValidators.cpp) and its exporter's own checks.
"""

from collections.abc import Iterator, Mapping, Sequence

from ..executor.kinds import DeclaredType
from ..executor.values import declared_type
from ..protobuf import which
from ..schema import (
    ArrayDataType,
    ArrayFeatureType,
    ColorSpace,
    FeatureDescription,
    Function,
    FunctionDescription,
    ImageFeatureType,
    ModelDescription,
    NamedValueType,
    Operation,
)

Description = ModelDescription | FunctionDescription

_KINDS = {
    ArrayDataType.FLOAT16: "fp16",
    ArrayDataType.FLOAT32: "fp32",
    ArrayDataType.INT32: "i32",
    ArrayDataType.INT8: "i8",
}
_SINCE = {"fp16": 7, "i8": 10}
"""The first specification version that has a kind at its border."""

_MAX_RANK = 5
_MOST_SHAPES = 128
_SEVERAL_ENUMERATED = 9
_STATES = 9
_GRAYSCALE_HALVES = 7


def check_border(function: Function, description: Description, version: int) -> Iterator[str]:
    """What does not fit, one sentence each."""
    block = function.block_specializations[function.opset]
    declared = {value.name: declared_type(value.type) for value in function.inputs}
    yield from _check_names("input", declared, [f.name for f in (*description.input, *description.state)])
    yield from _check_names("output", block.outputs, [f.name for f in description.output])
    for feature in description.input:
        if feature.name in declared:
            yield from _check_input(feature, declared[feature.name], version)
    enumerated = sum(bool(f.type.multi_array_type.enumerated_shapes.shapes) for f in description.input)
    if enumerated > 1 and version < _SEVERAL_ENUMERATED:
        yield "several inputs with enumerated shapes need specification version 9"
    for feature in description.state:
        yield from _check_state(feature, declared.get(feature.name), version)
    makers = {value.name: (op, value) for op in block.operations for value in op.outputs}
    for feature in description.output:
        if feature.name in declared:
            yield f"output {feature.name} is an input: an identity has to stand between them"
        elif feature.name in makers:
            yield from _check_output(feature, *makers[feature.name], version)
    yield from _check_classifier(description, block.operations)


def _check_names(what: str, inside: Sequence[str] | Mapping[str, object], described: Sequence[str]) -> Iterator[str]:
    for name in dict.fromkeys(described):
        if name not in inside:
            yield f"{what} {name} is described, but the program has none of that name"
    for name in inside:
        if name not in described:
            yield f"{what} {name} of the program is not described"
    for names in (list(inside), described):
        for name in dict.fromkeys(n for n in names if list(names).count(n) > 1):
            yield f"{what} {name} is there twice"


def _check_kind(what: str, array: ArrayFeatureType, version: int) -> str:
    """Why an array cannot have its elements; empty when it can."""
    kind = _KINDS.get(ArrayDataType(array.data_type)) if array.data_type in list(ArrayDataType) else None
    if kind is None:
        return f"{what} has elements of type {array.data_type}, which ML Programs do not have at their border"
    if version < _SINCE.get(kind, 0):
        return f"{what} is {kind}, which needs specification version {_SINCE[kind]}"
    return ""


def _check_input(feature: FeatureDescription, declared: DeclaredType, version: int) -> Iterator[str]:
    what = f"input {feature.name}"
    kind = which(feature.type, "type")
    if kind == "image_type":
        yield from _check_image(what, feature.type.image_type, declared, version)
        return
    if kind != "multi_array_type":
        yield f"{what} is no array and no image, but {kind}"
        return
    array = feature.type.multi_array_type
    if problem := _check_kind(what, array, version):
        yield problem
        return
    default = tuple(array.shape)
    if not 1 <= len(default) <= _MAX_RANK:
        yield f"{what} has rank {len(default)}, not 1 to {_MAX_RANK}"
    kind = _KINDS[ArrayDataType(array.data_type)]
    if declared.kind != kind or len(declared.dims) != len(default):
        yield f"{what} is described as {kind}{list(default)}, the program says {declared}"
        return
    if any(d < 1 for d in default):
        yield f"{what} has the default shape {list(default)}"
    yield from _check_flexibility(what, array, declared)
    if feature.type.is_optional != (which(array, "default_value") is not None):
        yield f"{what} is optional without a default, or has a default and is not optional"


def _check_flexibility(what: str, array: ArrayFeatureType, declared: DeclaredType) -> Iterator[str]:
    default = tuple(array.shape)
    listed = [tuple(shape.shape) for shape in array.enumerated_shapes.shapes]
    ranges = [(r.lower_bound, r.upper_bound) for r in array.shape_range.size_ranges]
    if listed and (len(listed) > _MOST_SHAPES or default not in listed):
        yield f"{what} has more than {_MOST_SHAPES} shapes, or its default {list(default)} is none of them"
    if any(len(shape) != len(default) for shape in listed) or (ranges and len(ranges) != len(default)):
        yield f"{what} has shapes of several ranks"
        return
    for (low, high), size in zip(ranges, default, strict=False):
        if high < 1:
            yield f"{what} has a dimension without an upper bound, which ML Programs need"
        elif not 1 <= low <= size <= high:
            yield f"{what} has a dimension of {low} to {high}, by default {size}"
    for axis, dim in enumerate(declared.dims):
        sizes = {default[axis], *(shape[axis] for shape in listed), *(ranges[axis] if ranges else ())}
        if dim is None and len(sizes) == 1:
            yield f"{what} is described with {dim or default[axis]} along axis {axis}, which the program leaves open"
        elif dim is not None and sizes != {dim}:
            yield f"{what} is described with {sorted(sizes)} along axis {axis}, where the program says {dim}"


def _check_image(what: str, image: ImageFeatureType, declared: DeclaredType, version: int) -> Iterator[str]:
    color = image.color_space
    if color not in list(ColorSpace) or color == ColorSpace.INVALID:
        yield f"{what} is an image of the unknown color space {color}"
        return
    if color == ColorSpace.GRAYSCALE_FLOAT16 and version < _GRAYSCALE_HALVES:
        yield f"{what} is a grayscale image of halves, which needs specification version {_GRAYSCALE_HALVES}"
    channels = 1 if color in (ColorSpace.GRAYSCALE, ColorSpace.GRAYSCALE_FLOAT16) else 3
    kind = "fp16" if color == ColorSpace.GRAYSCALE_FLOAT16 else "fp32"
    if declared.kind != kind or len(declared.dims) != 4 or declared.dims[:2] != (1, channels):
        yield f"{what} is an image, which the program takes as {kind}[1, {channels}, height, width], not {declared}"
        return
    if image.width < 1 or image.height < 1:
        yield f"{what} is an image of {image.width} x {image.height} pixels"
    is_fixed = which(image, "flexibility") is None
    for dim, size in zip(declared.dims[2:], (image.height, image.width), strict=True):
        if is_fixed and dim != size:
            yield f"{what} is an image of {image.width} x {image.height} pixels, the program says {declared}"
            return


def _check_state(feature: FeatureDescription, declared: DeclaredType | None, version: int) -> Iterator[str]:
    array = feature.type.state_type.array_type
    if version < _STATES:
        yield f"state {feature.name} needs specification version {_STATES}"
    if declared is None or declared.wrapped is None:
        yield f"state {feature.name} is none of the program's states"
        return
    if array.data_type != ArrayDataType.FLOAT16 or declared.wrapped.kind != "fp16":
        yield f"state {feature.name} is {declared.wrapped.kind}; states are fp16"
    if declared.wrapped.dims != tuple(array.shape):
        yield f"state {feature.name} is described with the shape {list(array.shape)}, the program says {declared}"


def _check_output(feature: FeatureDescription, maker: Operation, value: NamedValueType, version: int) -> Iterator[str]:
    what = f"output {feature.name}"
    kind = which(feature.type, "type")
    if maker.type == "const":
        yield f"{what} is a constant: an identity has to stand between them"
    if maker.type == "classify":
        return
    if kind == "image_type":
        yield from _check_image(what, feature.type.image_type, declared_type(value.type), version)
        return
    if kind != "multi_array_type":
        yield f"{what} is no array and no image, but {kind}"
        return
    array, declared = feature.type.multi_array_type, declared_type(value.type)
    if problem := _check_kind(what, array, version):
        yield problem
        return
    kind = _KINDS[ArrayDataType(array.data_type)]
    fits = not array.shape or (
        len(array.shape) == len(declared.dims)
        and all(d is None or d == size for d, size in zip(declared.dims, array.shape, strict=True))
    )
    if declared.kind != kind or not fits:
        yield f"{what} is described as {kind}{list(array.shape)}, the program says {declared}"
    elif array.shape and None in declared.dims:
        yield f"{what} is described with the shape {list(array.shape)}, which is not always its shape: {declared}"


def _check_classifier(description: Description, operations: Sequence[Operation]) -> Iterator[str]:
    classifiers = [op for op in operations if op.type == "classify"]
    names = (description.predicted_feature_name, description.predicted_probabilities_name)
    if not classifiers:
        if any(names):
            yield f"the description names {' and '.join(filter(None, names))} as predicted, but nothing classifies"
        return
    classifier = classifiers[-1]
    if len(classifiers) > 1 or operations[-1] != classifier:
        yield "an operation classify is to be one, and the last"
    made = tuple(value.name for value in classifier.outputs)
    if names != made:
        yield f"classify gives {', '.join(made)}, predicted are {', '.join(names) or 'none'}"
    features = {f.name: which(f.type, "type") for f in description.output}
    label, probabilities = (features.get(name) for name in (*made, "", "")[:2])
    if label not in ("string_type", "int64_type") or probabilities != "dictionary_type":
        yield f"classify gives a label and a dictionary, described are {label} and {probabilities}"
