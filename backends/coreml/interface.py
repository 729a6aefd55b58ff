"""The model's description: its inputs and outputs as applications see them, and the names that the source gave them."""

from ...ir import Module, Value
from ...types import DType
from ..target import ImageInput, TargetOptions
from . import schema
from .names import SOURCE_NAME
from .program import Program
from .schema import ArrayDataType, ColorSpace
from .shapes import BorderShapes, Flexibility

ARRAY_TYPES: dict[DType, ArrayDataType] = {
    DType.F16: ArrayDataType.FLOAT16,
    DType.F32: ArrayDataType.FLOAT32,
    DType.I32: ArrayDataType.INT32,
}
"""The dtypes that inputs and outputs may have (f16 from iOS 16 on)."""

COLOR_SPACES = {"rgb": ColorSpace.RGB, "bgr": ColorSpace.BGR, "gray": ColorSpace.GRAYSCALE}


def describe(module: Module, program: Program, options: TargetOptions) -> schema.ModelDescription:
    """The description of the function ``main``; raises InputError for sizes that Core ML has no words for."""
    function = module.main
    shapes = BorderShapes(module, options.sizes, program.version)
    images = {image.name: image for image in options.image_inputs}
    inputs = [
        _described(name, _input_type(value, shapes.of(value.type), images.get(value.name)))
        for value, name in zip(function.inputs, program.input_names, strict=True)
    ]
    outputs = [_described(n, _output_type(v)) for n, v in zip(program.output_names, function.outputs, strict=True)]
    names = [*(v.name for v in function.inputs), *function.output_names]
    identifiers = [*program.input_names, *program.output_names]
    pairs = zip(identifiers, names, strict=True)
    originals = {SOURCE_NAME + identifier: name for identifier, name in pairs if identifier != name}
    return schema.ModelDescription(input=inputs, output=outputs, metadata=schema.Metadata(user_defined=originals))


def _described(name: str, type_: schema.FeatureType) -> schema.FeatureDescription:
    return schema.FeatureDescription(name=name, type=type_)


def _input_type(value: Value, shapes: Flexibility, image: ImageInput | None) -> schema.FeatureType:
    if image is not None:
        return schema.FeatureType(image_type=_image_type(shapes, image))
    data_type = ARRAY_TYPES[value.type.dtype]
    if shapes.listed:
        listed = schema.EnumeratedShapes(shapes=[schema.ArrayShape(shape=s) for s in shapes.listed])
        array = schema.ArrayFeatureType(shape=shapes.default, data_type=data_type, enumerated_shapes=listed)
    elif shapes.is_fixed:
        array = schema.ArrayFeatureType(shape=shapes.default, data_type=data_type)
    else:
        ranges = schema.ShapeRange(size_ranges=[_range(*ends) for ends in zip(shapes.low, shapes.high, strict=True)])
        array = schema.ArrayFeatureType(shape=shapes.default, data_type=data_type, shape_range=ranges)
    return schema.FeatureType(multi_array_type=array)


def _image_type(shapes: Flexibility, image: ImageInput) -> schema.ImageFeatureType:
    """An image's size, from shapes [1, channels, height, width]."""
    *_, height, width = shapes.default
    color = COLOR_SPACES[image.color]
    if shapes.listed:
        sizes = schema.EnumeratedImageSizes(sizes=[schema.ImageSize(width=s[3], height=s[2]) for s in shapes.listed])
        return schema.ImageFeatureType(width=width, height=height, color_space=color, enumerated_sizes=sizes)
    if shapes.is_fixed:
        return schema.ImageFeatureType(width=width, height=height, color_space=color)
    heights, widths = (_range(shapes.low[axis], shapes.high[axis]) for axis in (2, 3))
    ranges = schema.ImageSizeRange(width_range=widths, height_range=heights)
    return schema.ImageFeatureType(width=width, height=height, color_space=color, image_size_range=ranges)


def _range(low: int, high: int) -> schema.SizeRange:
    return schema.SizeRange(lower_bound=low, upper_bound=high)


def _output_type(value: Value) -> schema.FeatureType:
    """An output's type; its shape is left out where it is not known, and where there are no axes."""
    shape = value.type.static_shape if value.type.is_static else ()
    array = schema.ArrayFeatureType(shape=shape, data_type=ARRAY_TYPES[value.type.dtype])
    return schema.FeatureType(multi_array_type=array)
