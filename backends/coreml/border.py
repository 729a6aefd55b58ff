"""Two passes on what the program takes and gives, where Core ML's inputs and outputs are not the source's."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from ...dims import Dim
from ...errors import CompileError, InputError
from ...ir import Function, Module, State, Value
from ...ops import math, tensor
from ...ops.enums import Layout
from ...pass_manager import module_pass
from ...passes.layout.channels_last import permuted, to_channels_first, to_channels_last
from ...passes.patterns import constant, reshape
from ...rewriter import insert_new_ops
from ...types import Array, DType, TensorType
from ...weights import Weight
from ..target import ImageInput
from .opsets import DEFAULT_VERSION, MAX_RANK

FIRST_WITH_HALVES = 16
"""The iOS release whose programs take and give f16."""

_CHANNELS = {"rgb": 3, "bgr": 3, "gray": 1}


def border_dtype(dtype: DType, version: int) -> DType:
    """What an input or output of a dtype has in the model; of bool and integers i32, of floats f32, or f16 as it is."""
    if not dtype.is_float:
        return DType.I32
    return DType.F16 if dtype is DType.F16 and version >= FIRST_WITH_HALVES else DType.F32


@module_pass(needed=True)
def adapt_coreml_border(module: Module, *, version: int = DEFAULT_VERSION) -> bool:
    """Gives inputs and outputs the dtypes that Core ML has for them, and inputs without axes one axis.

    Inputs without elements are left out where nothing uses them any more. Raises CompileError for others, and for
    inputs with more axes than Core ML has.
    """
    function = module.main
    changed = _leave_out_empty_inputs(module)
    _check(function.inputs)
    for index, old in enumerate(function.inputs):
        type_ = TensorType(border_dtype(old.type.dtype, version), old.type.shape or (1,))
        if type_ != old.type:
            _change_input(function, index, type_, partial(_as, type_=old.type))
            changed = True
    module.states = [_border_state(state, version) for state in module.states]
    kept = {state.output for state in module.states}
    outputs = [
        # What is kept for an input has that input's shape.
        _as(v, TensorType(border_dtype(v.type.dtype, version), v.type.shape or ((1,) if name in kept else ())))
        for name, v in zip(function.output_names, function.outputs, strict=True)
    ]
    insert_new_ops(outputs, function.ops.append)
    changed |= list(function.outputs) != outputs
    function.set_outputs(outputs, function.output_names)
    return changed


def _border_state(state: State, version: int) -> State:
    array = state.initial.array.astype(border_dtype(state.initial.type.dtype, version).numpy)
    return replace(state, initial=Weight(array, state.initial.name))


def _leave_out_empty_inputs(module: Module) -> bool:
    """Drops the inputs that tell nothing: what is computed from them has become constant."""
    function = module.main
    kept = {state.input for state in module.states}
    used = [v for v in function.inputs if 0 not in v.type.shape or v.is_used or v.name in kept]
    # A program takes something.
    if not used or len(used) == len(function.inputs):
        return False
    function.inputs[:] = used
    return True


def _check(inputs: Iterable[Value]) -> None:
    reasons: list[str] = []
    for value in inputs:
        where = f"input {value.name}, {value.type}"
        if value.type.rank > MAX_RANK:
            reasons.append(f"{where}: Core ML has tensors of at most {MAX_RANK} axes; merge some outside the model")
        if 0 in value.type.shape:
            reasons.append(f"{where}: Core ML has no tensors without elements")
    if reasons:
        raise CompileError(reasons)


def _as(x: Value, type_: TensorType) -> Value:
    """``x`` in another shape and dtype; itself when it has both."""
    x = reshape(x, type_.shape)
    if x.type.dtype is type_.dtype:
        return x
    if type_.dtype is DType.BOOL:
        return math.NotEqual(x, constant(np.zeros((), x.type.dtype.numpy))).result
    return tensor.Cast(x, type_.dtype).result


def _change_input(function: Function, index: int, type_: TensorType, restore: Callable[[Value], Value]) -> None:
    """Makes an input another type; ``restore`` computes from it what it was."""
    old = function.inputs[index]
    new = Value(type_, old.name)
    function.inputs[index] = new
    restored = restore(new)
    if restored is not new:
        old.name = ""
    first = next(iter(function.ops), None)
    insert_new_ops([restored], function.ops.append if first is None else partial(function.ops.insert_before, first))
    old.replace_all_uses_with(restored)
    # The function's return is no op of the list.
    function.set_outputs([restored if v is old else v for v in function.outputs], function.output_names)


def encode_images(images: Iterable[ImageInput]) -> str:
    """The option ``images`` of ``take-images``: JSON."""
    given = [[i.name, i.color, i.scale, *i.bias] for i in images]
    return json.dumps(given, ensure_ascii=True, separators=(",", ":")) if given else ""


@module_pass(needed=True)
def take_images(module: Module, *, images: str = "") -> bool:
    """Makes inputs take images, f32 [1, channels, height, width] of 0 to 255; the model sees pixel * scale + bias

    ``images`` is JSON: a list of [name, color, scale, bias, ...], with one bias a channel or one for all. Raises
    InputError for inputs that are no images of that color.
    """
    function = module.main
    given = json.loads(images or "[]")
    names = [v.name for v in function.inputs]
    for name, color, scale, *bias in given:
        if any(state.input == name for state in module.states):
            raise InputError(f"input {name} is a state, and cannot take images")
        if name not in names:
            raise InputError(f"there is no input {name} to take images; the inputs are {', '.join(names)}")
        _take_image(function, names.index(name), ImageInput(name, color, scale, tuple(bias)))
    return bool(given)


def _take_image(function: Function, index: int, image: ImageInput) -> None:
    old = function.inputs[index].type
    layout = _image_layout(old.shape, _CHANNELS[image.color])
    if layout is None:
        wanted = f"[1, {_CHANNELS[image.color]}, height, width]"
        raise InputError(f"input {image.name}, {old}, takes no {image.color} images: it would have to be {wanted}")
    shape = old.shape if layout is Layout.NCHW else permuted(old.shape, to_channels_first(4))

    def restore(pixels: Value) -> Value:
        x = pixels
        if image.scale != 1:
            x = math.Mul(x, constant(np.asarray(image.scale, np.float32))).result
        if any(image.bias):
            x = math.Add(x, constant(np.asarray(image.bias, np.float32).reshape(1, -1, 1, 1))).result
        if layout is Layout.NHWC:
            x = tensor.Transpose(x, to_channels_last(4)).result
        return x if old.dtype is DType.F32 else tensor.Cast(x, old.dtype).result

    _change_input(function, index, TensorType(DType.F32, shape), restore)


def image_of_input(name: str, array: Array, images: Iterable[ImageInput]) -> Array:
    """The pixels, f32 [1, channels, height, width], that become the source's input ``array``; other inputs as they are.

    They may lie outside 0 to 255 and between integers, which images of a camera do not.
    """
    image = next((i for i in images if i.name == name), None)
    if image is None:
        return array
    if _image_layout(array.shape, _CHANNELS[image.color]) is Layout.NHWC:
        array = array.transpose(to_channels_first(4))
    bias = np.asarray(image.bias, np.float32).reshape(1, -1, 1, 1)
    return np.asarray((array.astype(np.float32) - bias) / np.float32(image.scale), np.float32)


def _image_layout(shape: tuple[Dim, ...], channels: int) -> Layout | None:
    """Where the channels of one image stand; None if it is none."""
    if len(shape) != 4 or shape[0] != 1:
        return None
    layouts = (layout for layout in Layout if shape[layout.channel_axis(4)] == channels)
    return next(layouts, None)
