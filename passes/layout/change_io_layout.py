"""change-io-layout: the function takes and gives its images channels-last (``--io-layout nhwc``)."""

from collections.abc import Iterable
from urllib.parse import quote, unquote

from ...ir import Function, Module, Value
from ...ops import tensor
from ...ops.enums import Layout
from ...pass_manager import module_pass
from .channels_last import permuted, to_channels_first, to_channels_last

SMALLEST_RANK = 4


@module_pass(needed=True)
def change_io_layout(module: Module, *, layout: Layout = Layout.NHWC, names: str = "") -> bool:
    """Makes inputs and outputs of rank 4 and more channels-last, or only those named (percent-encoded, by spaces).

    States stay as they are: what a model keeps for itself has no better order.
    """
    if layout is Layout.NCHW:
        return False
    function = module.main
    changed = selected_names(module, names)
    for index, value in enumerate(function.inputs):
        if value.name in changed:
            _change_input(function, index)
    outputs = [
        _channels_last(function, value) if name in changed else value
        for name, value in zip(function.output_names, function.outputs, strict=True)
    ]
    function.set_outputs(outputs, function.output_names)
    return bool(changed)


def encode_names(names: Iterable[str]) -> str:
    """The option ``names`` for these names, which may hold anything."""
    return " ".join(quote(name, safe="") for name in names)


def selected_names(module: Module, names: str) -> frozenset[str]:
    """The inputs and outputs whose order changes."""
    function = module.main
    kept = {name for state in module.states for name in (state.input, state.output)}
    wanted = [unquote(name) for name in names.split()]
    pairs = [(v.name, v) for v in function.inputs] + list(zip(function.output_names, function.outputs, strict=True))
    images = {name for name, v in pairs if v.type.rank >= SMALLEST_RANK and name not in kept}
    return frozenset(images.intersection(wanted) if wanted else images)


def _change_input(function: Function, index: int) -> None:
    old = function.inputs[index]
    order = to_channels_last(old.type.rank)
    new = Value(old.type.with_shape(permuted(old.type.shape, order)), old.name)
    old.name = ""
    function.inputs[index] = new
    restored = tensor.Transpose(new, to_channels_first(old.type.rank))
    first = next(iter(function.ops), None)
    if first is None:
        function.ops.append(restored)
    else:
        function.ops.insert_before(first, restored)
    old.replace_all_uses_with(restored.result)


def _channels_last(function: Function, value: Value) -> Value:
    transpose = tensor.Transpose(value, to_channels_last(value.type.rank))
    function.ops.append(transpose)
    return transpose.result
