"""Runs a TFLite file in its real runtime, LiteRT."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ...dims import symbol
from ...errors import GlmirError, InputError
from ...types import Array, DType, TensorType
from ..native_output import kept_native_output
from .serializer import SIGNATURE_KEY

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter


class _Detail(TypedDict):
    """What LiteRT says of a tensor of a signature. ``shape_signature`` has -1 for dynamic dims."""

    index: int
    dtype: type[np.generic]
    shape: Array
    shape_signature: Array


def run(
    model: Path | bytes, inputs: Mapping[str, Array], threads: int = 1, *, with_xnnpack: bool = True
) -> dict[str, Array]:
    """Runs the model's signature on named arrays; dynamic inputs are resized to the arrays' shapes.

    Without XNNPACK, LiteRT's own kernels compute everything, as they do where XNNPACK is switched off.

    Raises InputError when LiteRT is not installed or the inputs do not fit, GlmirError when the runtime fails.
    """
    with _failures(model):
        interpreter = _interpreter(model, threads, with_xnnpack=with_xnnpack)
        input_details, output_details = _details(interpreter)
        arrays = _checked(input_details, inputs)
        # Not through a signature runner, which takes keyword arguments: no input could be called "self".
        for index, array in arrays.items():
            interpreter.resize_tensor_input(index, array.shape)
        with kept_native_output():
            # It tells that it has created a delegate.
            interpreter.allocate_tensors()
        for index, array in arrays.items():
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        shapes = {d["index"]: tuple(d["shape"]) for d in interpreter.get_output_details()}
        return {name: _fetched(interpreter, d, shapes[d["index"]]) for name, d in output_details.items()}


def _fetched(interpreter: "Interpreter", detail: _Detail, shape: tuple[int, ...]) -> Array:
    """An output's elements. Tensors that have none LiteRT does not always hand out."""
    if 0 in shape:
        return np.zeros(shape, detail["dtype"])
    return np.asarray(interpreter.get_tensor(detail["index"]))


def input_types(model: Path | bytes) -> dict[str, TensorType]:
    """The types of the model's inputs by name, with a symbol of its own for every dynamic dim.

    Raises InputError when LiteRT is not installed, GlmirError when it cannot read the model.
    """
    with _failures(model):
        details, _ = _details(_interpreter(model))
    return {
        name: TensorType(
            DType.of(np.dtype(detail["dtype"])),
            tuple(symbol(f"{name}_dim{i}") if d < 0 else d for i, d in enumerate(_dims(detail))),
        )
        for name, detail in details.items()
    }


def _interpreter(model: Path | bytes, threads: int = 1, *, with_xnnpack: bool = True) -> "Interpreter":
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError:
        raise InputError("running a .tflite file needs LiteRT: pip install 'glmc[tflite]'") from None
    source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    kernels = OpResolverType.AUTO if with_xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(**source, num_threads=threads, experimental_op_resolver_type=kernels)
    if SIGNATURE_KEY not in interpreter.get_signature_list():
        raise InputError(f"the model has no signature {SIGNATURE_KEY}, so its inputs have no names")
    return interpreter


def _details(interpreter: "Interpreter") -> tuple[dict[str, _Detail], dict[str, _Detail]]:
    """The inputs and the outputs of the signature, by name, in the order of the model's."""
    # While a runner is alive the interpreter refuses to be used itself.
    runner = interpreter.get_signature_runner(SIGNATURE_KEY)
    inputs = _in_order(runner.get_input_details(), interpreter.get_input_details())
    return inputs, _in_order(runner.get_output_details(), interpreter.get_output_details())


def _in_order(by_name: Mapping[str, _Detail], ordered: Sequence[_Detail]) -> dict[str, _Detail]:
    places = {detail["index"]: place for place, detail in enumerate(ordered)}
    return dict(sorted(by_name.items(), key=lambda item: places[item[1]["index"]]))


def _checked(details: Mapping[str, _Detail], inputs: Mapping[str, Array]) -> dict[int, Array]:
    """The arrays by the index of their tensor; raises InputError for one that does not fit."""
    if set(details) != set(inputs):
        raise InputError(f"the inputs are {_list(details)}, not {_list(inputs)}")
    arrays = {}
    for name, detail in details.items():
        array, dims = np.asarray(inputs[name]), _dims(detail)
        if np.dtype(detail["dtype"]) != array.dtype:
            raise InputError(f"input {name} is {np.dtype(detail['dtype'])}, not {array.dtype}")
        if len(dims) != array.ndim or any(d not in (-1, size) for d, size in zip(dims, array.shape, strict=True)):
            raise InputError(f"input {name} has shape {list(dims)}, not {list(array.shape)}".replace("-1", "?"))
        arrays[detail["index"]] = np.ascontiguousarray(array).reshape(array.shape)
    return arrays


def _dims(detail: _Detail) -> tuple[int, ...]:
    signature = detail["shape_signature"]
    return tuple(int(d) for d in (signature if len(signature) else detail["shape"]))


def _list(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "none"


@contextmanager
def _failures(model: Path | bytes) -> Iterator[None]:
    """Turns what the runtime raises into a GlmirError."""
    name = "the model" if isinstance(model, bytes) else model
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise GlmirError(f"LiteRT cannot run {name}: {error}") from error
