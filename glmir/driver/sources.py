"""Models in whatever form they come, as modules."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..errors import CompileError, GlmirError, InputError
from ..ir import Module
from ..types import Array
from ..verifier import InvalidModuleError, verify
from .inputs import InputSpecs, pin_inputs

if TYPE_CHECKING:
    import onnx

Source: TypeAlias = "str | os.PathLike[str] | bytes | onnx.ModelProto | Module"
"""A path to an ONNX model or to IR text (``.glir``), an ONNX model in memory, or a module."""

IR_SUFFIX = ".glir"
SOURCE_SUFFIXES = (".onnx", IR_SUFFIX)


def source_name(source: Source) -> str:
    """How messages name a model."""
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    return f"the given {type(source).__name__}"


def load(source: Source, specs: InputSpecs | None = None) -> Module:
    """Reads a model as it is into a module of its own, its inputs typed and pinned as ``specs`` says.

    Raises InputError for what cannot be read or contradicts ``specs``, CompileError for what cannot be imported.
    """
    module, _ = load_pinned(source, specs or InputSpecs())
    return module


def load_pinned(source: Source, specs: InputSpecs) -> tuple[Module, dict[str, Array]]:
    """As ``load``, and the values of the inputs that are pinned."""
    with naming(source_name(source)):
        module = _read(source, specs)
        return module, {} if specs.is_empty else pin_inputs(module.main, specs)


def require_main(module: Module, name: str) -> None:
    """Raises InputError for a module without a ``main``."""
    if "main" not in module.functions:
        raise InputError(f"{name}: there is no function @main; there are {', '.join(module.functions) or 'none'}")


def _read(source: Source, specs: InputSpecs) -> Module:
    if isinstance(source, Module):
        return _specialized(source.clone(), specs)
    if isinstance(source, str | os.PathLike) and Path(source).suffix == IR_SUFFIX:
        from ..parser import load_module

        return _specialized(load_module(Path(source)), specs)
    from ..frontends.onnx.importer import import_model

    return import_model(source, specs.specialize, specs.values)


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
