"""Models of a running PyTorch: saved to memory and read like files. Only a caller who has loaded PyTorch needs it."""

import io
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol, cast

from ..errors import InputError
from .inputs import InputSpecs


class TorchModel(Protocol):
    """A ``torch.jit.ScriptModule``, ``torch.export.ExportedProgram`` or ``torch.nn.Module``."""

    def __call__(self, *args: object, **kwargs: object) -> object: ...


class _Jit(Protocol):
    ScriptModule: type

    def save(self, module: object, file: io.BytesIO) -> None: ...

    def trace(self, module: object, example: tuple[object, ...]) -> object: ...


class _Export(Protocol):
    ExportedProgram: type

    def save(self, program: object, file: io.BytesIO) -> None: ...

    def export(self, module: object, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object: ...


class _Torch(Protocol):
    jit: _Jit
    export: _Export
    Tensor: type


def saved(model: TorchModel, specs: InputSpecs) -> tuple[bytes, InputSpecs]:
    """The archive of a model, and what is left to say of its inputs.

    An nn.Module is exported with the tensors among ``specs.examples``; raises InputError without any.
    """
    torch = cast(_Torch, sys.modules["torch"])
    if isinstance(model, torch.jit.ScriptModule):
        return _bytes(torch.jit.save, model), specs
    import_export()
    if isinstance(model, torch.export.ExportedProgram):
        return _bytes(torch.export.save, model), specs
    if not specs.examples:
        raise InputError(
            f"a {type(model).__name__} is exported with example inputs: "
            "give inputs=[tensor, ...] or inputs={'x': tensor}"
        )
    return _exported(torch, model, specs), replace(specs, examples=())


def import_export() -> None:
    """torch.export is not loaded by ``import torch`` alone in every version."""
    import importlib

    importlib.import_module("torch.export")


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
