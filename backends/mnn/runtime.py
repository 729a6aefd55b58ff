"""Runs an MNN file in its real runtime."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np

from ...dims import symbol
from ...errors import GlmirError, InputError
from ...types import Array, DType, TensorType
from ..flatbuffer import MalformedBufferError, read
from ..native_output import kept_lines, kept_native_output
from .schema import Net
from .schema_enums import DataType, OpType
from .schema_parameters import Input

if TYPE_CHECKING:
    from types import ModuleType

CPU, HIGH = 0, 1
"""Numbers of the runtime's kinds of processors, and of precision."""

WINOGRAD_MEMORY_LEVEL = 3
"""The number of the hint by which convolutions of several taps choose between methods; 0 is no Winograd."""

MOST_COMPLAINTS = 3
"""As many lines of the runtime's own go into an error."""


class _Variable(Protocol):
    """A tensor of the runtime, as far as it is read."""

    shape: list[int]
    dtype: object

    def read(self) -> Array: ...


_DTYPES = {DataType.FLOAT: DType.F32, DataType.INT32: DType.I32}


def run(model: Path, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Runs the model on named arrays, in one thread and full precision; dynamic inputs take the arrays' shapes.

    Convolutions are computed without Winograd's method, which applications get unless they say otherwise.

    A run that fails leaves the runtime in a state in which later ones may go wrong, unnoticed: what must be sure of its
    results afterwards starts a new process. Raises InputError when MNN is not installed or the inputs do not fit,
    GlmirError when the runtime fails.
    """
    net = _net(model)
    types = _input_types(net)
    arrays = _checked(types, inputs)
    names = list(net.output_name or ())
    with kept_native_output() as said:
        try:
            return _computed(model, arrays, names)
        except InputError:
            raise
        except Exception as error:
            raise GlmirError(f"MNN cannot run {model}: {'; '.join([str(error), *_complaints(said)])}") from error


def _computed(model: Path, arrays: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
    try:
        from MNN import expr, nn
    except ImportError:
        raise InputError("running an .mnn file needs MNN: pip install 'glmc[mnn]'") from None
    manager = nn.create_runtime_manager(({"backend": CPU, "numThread": 1, "precision": HIGH},))
    # Winograd's method is up to 1e-2 off after many layers, which would hide mistakes.
    manager.set_hint(WINOGRAD_MEMORY_LEVEL, 0)
    module = nn.load_module_from_file(str(model), list(arrays), list(names), runtime_manager=manager)
    results = module.forward([_variable(expr, a) for a in arrays.values()])
    if len(results) != len(names):
        raise ValueError(f"it gives {len(results)} outputs, not {len(names)}")
    return {name: _elements(expr, result) for name, result in zip(names, results, strict=True)}


def _complaints(said: BinaryIO) -> list[str]:
    """The first lines that the runtime printed, but for the one that it always prints."""
    return [line for line in kept_lines(said) if not line.startswith("The device supports")][:MOST_COMPLAINTS]


def input_types(model: Path) -> dict[str, TensorType]:
    """The types of the model's inputs by name, with a symbol of its own for every dynamic dim.

    Raises GlmirError for a file that is no MNN model, or has inputs of another dtype than f32 and i32.
    """
    return _input_types(_net(model))


def _net(model: Path) -> Net:
    try:
        return read(Net, model.read_bytes())
    except MalformedBufferError as error:
        raise GlmirError(f"{model} is no MNN model: {error}") from None


def _input_types(net: Net) -> dict[str, TensorType]:
    types = {}
    for op in net.oplists or ():
        if op.type is OpType.INPUT and isinstance(op.main, Input) and op.name:
            if op.main.dtype not in _DTYPES:
                raise GlmirError(f"input {op.name} has elements of type {op.main.dtype}, of which there are no arrays")
            dims = tuple(symbol(f"{op.name}_dim{i}") if d < 0 else d for i, d in enumerate(op.main.dims or ()))
            types[op.name] = TensorType(_DTYPES[op.main.dtype], dims)
    return types


def _checked(types: Mapping[str, TensorType], inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays in the model's order; raises InputError for one that does not fit."""
    if set(types) != set(inputs):
        raise InputError(f"the inputs are {', '.join(types) or 'none'}, not {', '.join(inputs) or 'none'}")
    arrays = {}
    for name, type_ in types.items():
        array = np.asarray(inputs[name])
        if type_.dtype.numpy != array.dtype:
            raise InputError(f"input {name} is {type_.dtype.value}, not {DType.of(array.dtype).value}")
        fits = type_.rank == array.ndim and all(
            d == size for d, size in zip(type_.shape, array.shape, strict=True) if isinstance(d, int)
        )
        if not fits:
            raise InputError(f"input {name} is {type_}, not {list(array.shape)}")
        arrays[name] = array
    return arrays


def _variable(expr: "ModuleType", array: Array) -> object:
    dtype = expr.int if array.dtype == np.int32 else expr.float
    return expr.const(np.ascontiguousarray(array).reshape(-1), list(array.shape), expr.NCHW, dtype)


def _elements(expr: "ModuleType", result: "_Variable") -> Array:
    """What an output holds; of one without elements the runtime refuses to read any."""
    if 0 in result.shape:
        return np.zeros(result.shape, np.int32 if result.dtype == expr.int else np.float32)
    return np.array(result.read())
