"""Models of a running PyTorch: saved to memory and read like files. Only a caller who has loaded PyTorch needs it."""

import importlib
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, cast

from ..errors import InputError
from ..types import DType, TensorType
from .inputs import InputSpec, InputSpecs, is_torch_tensor, parse_input_specs


class TorchModel(Protocol):
    """A ``torch.jit.ScriptModule``, ``torch.export.ExportedProgram`` or ``torch.nn.Module``."""

    def __call__(self, *args: object, **kwargs: object) -> object: ...


class _Jit(Protocol):
    ScriptModule: type
    ScriptFunction: type

    def save(self, module: object, file: io.BytesIO) -> None: ...

    def trace(self, module: object, example: tuple[object, ...]) -> object: ...


class _Export(Protocol):
    ExportedProgram: type

    def save(self, program: object, file: io.BytesIO) -> None: ...

    def export(self, module: object, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object: ...


class _Layers(Protocol):
    Module: type


class _Torch(Protocol):
    jit: _Jit
    export: _Export
    nn: _Layers


class _Tensor(Protocol):
    dtype: object
    shape: Sequence[int]


def saved(model: TorchModel, specs: InputSpecs) -> tuple[bytes, InputSpecs]:
    """The archive of a model, and what is left to say of its inputs.

    An nn.Module is exported with ``specs.examples``; the other kinds take from them the types of their inputs. Raises
    InputError for what is no model, and for an nn.Module without examples.
    """
    torch = cast(_Torch, sys.modules["torch"])
    # ``import torch`` alone does not load it in every version.
    importlib.import_module("torch.export")
    if isinstance(model, torch.jit.ScriptModule | torch.jit.ScriptFunction):
        return _bytes(torch.jit.save, model), _typed(specs)
    if isinstance(model, torch.export.ExportedProgram):
        return _bytes(torch.export.save, model), _typed(specs)
    kind = type(model).__name__
    if not isinstance(model, torch.nn.Module):
        raise InputError(f"a {kind} is no model: give an nn.Module, a ScriptModule or an ExportedProgram")
    if not specs.examples:
        raise InputError(
            f"a {kind} is exported with example inputs: give inputs=[tensor, ...] or inputs={{'x': tensor}}"
        )
    return _exported(torch, model, specs), replace(specs, examples=())


def _typed(specs: InputSpecs) -> InputSpecs:
    """The specs with the examples' types for the tensors, and the values of the rest."""
    if not specs.examples:
        return specs
    named: dict[str, InputSpec] = {}
    positional: list[InputSpec] = []
    for name, example in specs.examples:
        if not name and not is_torch_tensor(example):
            raise InputError(
                "beside tensors of PyTorch give what is none by its name: inputs={'x': tensor, 'scale': 2.0}"
            )
        for place, leaf in _leaves(name, example):
            if not place:
                positional.append(_type_of(leaf))
            elif is_torch_tensor(leaf):
                named[place] = _type_of(leaf)
            else:
                # Only this spells a text so that it is not read as a type.
                given = f"'{leaf}'" if isinstance(leaf, str) else leaf
                named |= parse_input_specs({place: given}, {}).named
    return replace(specs, named=named, positional=positional, examples=())


def _leaves(name: str, example: object) -> Iterator[tuple[str, object]]:
    """The parts of lists, tuples and mappings by the names that the importers have for them: ``past_0``."""
    if isinstance(example, Mapping):
        pairs: list[tuple[object, object]] = list(example.items())
    elif isinstance(example, list | tuple) and any(map(is_torch_tensor, example)):
        pairs = list(enumerate(example))
    else:
        yield name, example
        return
    for key, part in pairs:
        yield from _leaves(f"{name}_{key}", part)


def _type_of(leaf: object) -> TensorType:
    tensor = cast(_Tensor, leaf)
    name = str(tensor.dtype).removeprefix("torch.")
    dtype = next((d for d in DType if str(d.numpy) == name), None)
    if dtype is None:
        raise InputError(f"inputs of the dtype {tensor.dtype} are not supported")
    return TensorType(dtype, tuple(int(size) for size in tensor.shape))


def _exported(torch: _Torch, model: TorchModel, specs: InputSpecs) -> bytes:
    positional = tuple(example for name, example in specs.examples if not name)
    named = {name: example for name, example in specs.examples if name}
    try:
        return _bytes(torch.export.save, torch.export.export(model, positional, named))
    except Exception as error:
        if named:
            raise InputError(f"torch.export cannot export the model: {_first_line(error)}") from error
        first = error
    try:
        return _bytes(torch.jit.save, torch.jit.trace(model, positional))
    except Exception as error:
        raise InputError(
            f"torch.export cannot export the model ({_first_line(first)}), "
            f"nor can torch.jit trace it ({_first_line(error)})"
        ) from error


def _bytes(save: object, model: object) -> bytes:
    buffer = io.BytesIO()
    assert callable(save)
    save(model, buffer)
    return buffer.getvalue()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
