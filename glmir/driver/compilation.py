"""compile(): from a model to artifacts, each written whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from ..backends.target import Target, load_target
from ..errors import InputError
from ..instrumentation import CrashReproducer
from ..ir import Module
from ..ops.enums import Layout
from ..pass_manager import Instrument, PassManager
from ..passes import pipelines
from ..rewriter import RewriteSession
from ..types import Array, TensorType
from .inputs import InputSpecs, parse_input_specs, pin_inputs

if TYPE_CHECKING:
    import onnx

Source: TypeAlias = "str | os.PathLike[str] | onnx.ModelProto | Module"


@dataclass(frozen=True)
class Options:
    """Everything that changes what is compiled."""

    opt_level: pipelines.OptLevel = pipelines.OptLevel.O2
    specs: InputSpecs = field(default_factory=InputSpecs)
    io_layout: Layout = Layout.NCHW
    io_layout_names: str = ""


@dataclass(frozen=True)
class Watch:
    """What observes the passes: instruments, the session that holds fuel and switched-off rules, a crash's file."""

    instruments: Sequence[Instrument] = ()
    session: RewriteSession = field(default_factory=RewriteSession)
    reproducer: Path | None = None


@dataclass(frozen=True)
class Artifact:
    """A compiled model: the target, and the module as it is written."""

    target: Target
    module: Module

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the artifact, whole or not at all: an existing file stays as it is until the new one is complete.

        Raises InputError when it cannot be written, CompileError when the target cannot express the module.
        """
        destination = Path(path)
        with write_whole(destination) as stream:
            self.target.serialize(self.module, stream)
        return destination

    def to_bytes(self) -> bytes:
        """The artifact's bytes."""
        with tempfile.TemporaryFile() as stream:
            self.target.serialize(self.module, stream)
            stream.seek(0)
            return stream.read()

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Runs the artifact in the target's own runtime: named arrays to named arrays."""
        return self.target.run(self.to_bytes(), inputs)


def compile(
    source: Source,
    *,
    target: str = "tflite",
    opt_level: int | str = 2,
    inputs: Mapping[str, object] | Sequence[str] = (),
    dims: Mapping[str, int] | None = None,
    io_layout: str = "nchw",
) -> Artifact:
    """Compiles a model (a path, an ``onnx.ModelProto``, a Module) for a target.

    ``inputs`` gives types (``{"x": "f32[1, 3, 224, 224]"}``, or a list by position) and pinned values
    (``{"sr": 16000}``); ``dims`` fixes symbolic dims; ``io_layout="nhwc"`` makes image inputs and outputs channels-last.
    Raises InputError for unreadable or contradicting input, CompileError listing every reason otherwise.
    """
    options = Options(
        opt_level=pipelines.OptLevel(str(opt_level)),
        specs=parse_input_specs(inputs, dims or {}),
        io_layout=Layout(io_layout),
    )
    return build(source, load_target(target), options)


def build(source: Source, target: Target, options: Options, watch: Watch | None = None) -> Artifact:
    """Reads the model, optimises it and makes it legal for the target."""
    watch = watch or Watch()
    module = load(source, options.specs)
    instruments = list(watch.instruments)
    if watch.reproducer is not None and not isinstance(source, Module):
        instruments.append(CrashReproducer(watch.reproducer, lambda: load(source, options.specs)))
    pipeline = (
        *pipelines.optimize(options.opt_level),
        *pipelines.lower(
            target.legalize, target.spatial_layout, options.opt_level, options.io_layout, options.io_layout_names
        ),
    )
    PassManager(pipeline, instruments, watch.session).run(module)
    return Artifact(target, module)


def load(source: Source, specs: InputSpecs | None = None) -> Module:
    """Reads a model as it is into a module, its inputs typed and pinned as ``specs`` says."""
    specs = specs or InputSpecs()
    module = _read(source, specs.specialize)
    pin_inputs(module.main, specs.pinned)
    return module


Specialize = Callable[[Mapping[str, TensorType | None]], dict[str, TensorType | None]]


def _read(source: Source, specialize: Specialize) -> Module:
    if isinstance(source, Module):
        return source
    if isinstance(source, str | os.PathLike) and Path(source).suffix == ".glir":
        from ..parser import load_module

        return load_module(Path(source))
    from ..frontends.onnx.importer import import_model

    return import_model(source, specialize)


@contextmanager
def write_whole(destination: Path) -> Iterator[BinaryIO]:
    """A stream whose content becomes ``destination`` when the block ends well, and vanishes when it does not.

    Raises InputError when the file cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{destination.name}.", dir=destination.parent)
    except OSError as error:
        raise InputError(f"cannot write {destination}: {error.strerror}") from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        # mkstemp makes private files; what is written is as public as any file the user makes.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(destination)
    except OSError as error:
        raise InputError(f"cannot write {destination}: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


__all__ = ["Artifact", "Options", "Watch", "build", "compile", "load", "write_whole"]
