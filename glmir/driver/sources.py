"""Models in whatever form they come, as modules."""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from ..errors import CompileError, GlmirError, InputError
from ..ir import Module
from ..types import Array
from ..verifier import InvalidModuleError, verify
from .inputs import DimSpecs, InputSpecs, parse_input_specs, pin_inputs

if TYPE_CHECKING:
    import onnx

    from ..frontends.torch_archives.recognition import Kind
    from .live_torch import TorchModel

Source: TypeAlias = "str | os.PathLike[str] | bytes | onnx.ModelProto | Module | TorchModel"
"""A path to an ONNX model, a TorchScript or torch.export archive or IR text (``.glir``); the bytes of such a file, or a
ModelProto; a module; where PyTorch is installed, its ScriptModule, ExportedProgram or nn.Module."""

IR_SUFFIX = ".glir"
TORCH_SUFFIXES = (".pt", ".pth", ".jit", ".ptl", ".pt2", ".ts", ".torchscript")
SOURCE_SUFFIXES = (".onnx", IR_SUFFIX, *TORCH_SUFFIXES)

_ZIP_MAGIC = b"PK"
_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".ckpt", ".tar")
"""Files that may hold weights of PyTorch alone: recognised to say what to do."""


def source_name(source: Source) -> str:
    """How messages name a model."""
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    return f"the given {type(source).__name__}"


def load(source: Source, inputs: Mapping[str, object] | Sequence[object] = (), dims: DimSpecs = ()) -> Module:
    """Reads a model as it is into a module of its own, with ``inputs`` and ``dims`` as for ``glmir.compile``.

    Raises InputError for what cannot be read or contradicts them, CompileError for what cannot be imported.
    """
    return load_specified(source, parse_input_specs(inputs, dims))


def load_specified(source: Source, specs: InputSpecs) -> Module:
    """As ``load``: the model's inputs typed and pinned as ``specs`` says."""
    module, _ = load_pinned(source, specs)
    return module


def load_pinned(source: Source, specs: InputSpecs) -> tuple[Module, dict[str, Array]]:
    """As ``load_specified``, and the values of the inputs that are pinned."""
    with naming(source_name(source)):
        module, is_pinned = _read(source, specs)
        pinned = {} if specs.is_empty or is_pinned else pin_inputs(module.main, specs)
        # What is pinned is not remembered.
        module.states = [state for state in module.states if state.input not in pinned]
        return module, pinned


def require_main(module: Module, name: str) -> None:
    """Raises InputError for a module without a ``main``."""
    if "main" not in module.functions:
        raise InputError(f"{name}: there is no function @main; there are {', '.join(module.functions) or 'none'}")


def _read(source: Source, specs: InputSpecs) -> tuple[Module, bool]:
    """The module, and whether what ``specs`` pins is no input of it any more."""
    if isinstance(source, Module):
        return _specialized(source.clone(), specs), False
    if isinstance(source, str | os.PathLike) and Path(source).suffix == IR_SUFFIX:
        from ..parser import load_module

        return _specialized(load_module(Path(source)), specs), False
    if is_torch_model(source):
        from .live_torch import saved

        source, specs = saved(source, specs)
    if specs.examples:
        raise InputError("tensors of PyTorch are example inputs, which only an nn.Module takes; give types or values")
    if isinstance(source, str | os.PathLike | bytes) and (kind := _kind_of_torch_file(source)):
        return _read_torch(source, kind, specs)
    from ..frontends.onnx.importer import import_model

    return import_model(source, specs.specialize, specs.values), False


def is_torch_model(source: Source) -> "TypeGuard[TorchModel]":
    """Whether the source is an object of PyTorch; none can be without PyTorch being loaded."""
    return "torch" in sys.modules and any(c.__module__.partition(".")[0] == "torch" for c in type(source).__mro__)


def is_torch_file(source: Source) -> bool:
    """Whether the source is a file of PyTorch."""
    return isinstance(source, str | os.PathLike | bytes) and _kind_of_torch_file(source) is not None


def _kind_of_torch_file(source: "str | os.PathLike[str] | bytes") -> "Kind | None":
    """What PyTorch has written; None for what it has not. Files that are nothing like it are not looked at twice."""
    if not _may_be_torch(source):
        return None
    from ..frontends.torch_archives.recognition import recognize

    with naming(source_name(source)):
        return recognize(source)


def _may_be_torch(source: "str | os.PathLike[str] | bytes") -> bool:
    if isinstance(source, bytes):
        return source.startswith(_ZIP_MAGIC)
    if Path(source).suffix in (*TORCH_SUFFIXES, *_WEIGHT_SUFFIXES):
        return True
    try:
        with Path(source).open("rb") as file:
            return file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC
    except OSError:
        return False


def _read_torch(source: "str | os.PathLike[str] | bytes", kind: "Kind", specs: InputSpecs) -> tuple[Module, bool]:
    from ..frontends.torch_archives.recognition import Kind, require_readable

    require_readable(kind, source_name(source))
    if kind is Kind.EXPORTED:
        from ..frontends.exported_program.importer import import_exported

        return import_exported(source, specs.specialize, specs.values), False
    from ..frontends.torchscript.importer import import_torchscript
    from ..frontends.torchscript.interface import Arguments

    return import_torchscript(source, Arguments(*specs.arguments())), True


def _specialized(module: Module, specs: InputSpecs) -> Module:
    try:
        verify(module)
    except InvalidModuleError as error:
        raise InputError(str(error)) from None
    if specs.is_empty:
        return module
    from ..passes.substitution import substitute_symbols

    require_main(module, "the module")
    declared = {v.name: v.type for v in module.main.inputs}
    wanted = specs.specialize(declared)
    substitute_symbols(module.main, specs.symbol_sizes(declared))
    for value in module.main.inputs:
        old, new = declared[value.name], wanted[value.name]
        if value.type != new:
            raise InputError(f"input {value.name} is declared {old} and cannot become {new}")
    return module


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Puts the model's name before what is said of it inside the block."""
    try:
        yield
    except CompileError as error:
        if _names(error.source, name):
            raise
        raise CompileError(error.reasons, f"{name}, {error.source}" if error.source else name) from error
    except GlmirError as error:
        if _names(str(error), name):
            raise
        named = InputError if isinstance(error, InputError) else GlmirError
        raise named(f"{name}: {error}") from error


def _names(text: str, name: str) -> bool:
    """Whether the model's name stands in the text, and not merely inside a word of it."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
