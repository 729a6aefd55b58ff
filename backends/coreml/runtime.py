"""Runs a Core ML package where Core ML itself does not exist: operator by operator, from the files alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...dims import Dim, symbol
from ...types import Array, DType, TensorType
from .names import SOURCE_NAME

if TYPE_CHECKING:
    # Compiling needs none of it.
    from .executor import Package
    from .executor.package import Feature

_DTYPES = {"fp16": DType.F16, "fp32": DType.F32, "i32": DType.I32, "i8": DType.I8}


def run(path: Path, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Runs the package's function on named arrays; an image is its pixels, f32[1, channels, height, width].

    Names are the source's where the package tells them, and an input without axes may stand for one with one. Inputs
    without elements, which packages lack, may be given.
    Raises InputError for inputs that do not fit, GlmirError for a package that is malformed or not executable.
    """
    # Like a runtime's package: loaded by who runs something.
    from . import executor

    package = executor.load(path)
    names = _source_names(package)
    # An output may be called like an input in the source, and not in the package.
    identifiers = {names.get(identifier, identifier): identifier for identifier in package.interface.inputs}
    given = {
        identifiers.get(name, name): array.reshape(array.shape or (1,))
        for name, array in inputs.items()
        if array.size or identifiers.get(name, name) in package.interface.inputs
    }
    outputs = executor.run(path, given)
    return {names.get(identifier, identifier): array for identifier, array in outputs.items()}


def input_types(path: Path) -> dict[str, TensorType]:
    """The types of the package's inputs by name, with a symbol of its own for every dim that varies."""
    from . import executor

    package = executor.load(path)
    names, features = _source_names(package), package.interface.inputs.values()
    return {names.get(f.name, f.name): TensorType(_DTYPES[f.kind], _dims(f)) for f in features}


def _source_names(package: "Package") -> dict[str, str]:
    """What the inputs and outputs are called in the source, by their identifiers, where that is something else."""
    entries = package.metadata.items()
    return {key.removeprefix(SOURCE_NAME): name for key, name in entries if key.startswith(SOURCE_NAME)}


def _dims(feature: "Feature") -> tuple[Dim, ...]:
    return tuple(
        symbol(f"{feature.name}_dim{axis}") if feature.varies(axis) else size for axis, size in enumerate(feature.shape)
    )
