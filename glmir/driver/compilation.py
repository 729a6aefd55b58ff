"""compile(): from a model to an artifact."""

import dataclasses
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..backends.emission import check_legal, describe
from ..backends.target import Target, load_target
from ..errors import CompileError, InputError
from ..instrumentation import CrashReproducer
from ..ir import Module, Value
from ..ops.enums import Layout
from ..pass_manager import Instrument, PassManager, Pipeline, RequirementError
from ..passes import pipelines
from ..rewriter import RewriteSession
from ..types import Array
from .inputs import InputSpecs, parse_input_specs
from .io_layout import IoLayout
from .messages import collector_paused
from .output import write_whole
from .sources import Source, load, naming, require_main, source_name

LARGEST_DIM = 2**31 - 1


@dataclass(frozen=True)
class Options:
    """Everything that changes what is compiled."""

    opt_level: pipelines.OptLevel = pipelines.OptLevel.O2
    specs: InputSpecs = field(default_factory=InputSpecs)
    io_layout: IoLayout = field(default_factory=IoLayout)


@dataclass(frozen=True)
class Watch:
    """What observes the passes: instruments, the session that holds fuel and switched-off rules, a crash's file."""

    instruments: Sequence[Instrument] = ()
    session: RewriteSession = field(default_factory=RewriteSession)
    reproducer: Path | None = None


@dataclass(frozen=True)
class Artifact:
    """A compiled model: its target, the module as it is written, and how messages name the source."""

    target: Target
    module: Module
    source: str

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the artifact, whole or not at all: an existing file stays as it is until the new one is complete.

        Raises InputError when it cannot be written, CompileError when the target cannot express the module.
        """
        destination = Path(path)
        with write_whole(destination) as stream, naming(self.source):
            self.target.serialize(self.module, stream)
        return destination

    def to_bytes(self) -> bytes:
        """The artifact as it would be written; raises CompileError when the target cannot express the module."""
        with naming(self.source), tempfile.TemporaryFile() as stream:
            self.target.serialize(self.module, stream)
            stream.seek(0)
            return stream.read()

    def __bytes__(self) -> bytes:
        return self.to_bytes()

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Runs the artifact in the target's own runtime: named arrays to named arrays.

        Raises InputError for inputs that do not fit, or without the runtime, GlmirError when the runtime fails.
        """
        outputs = self.target.run(self.to_bytes(), inputs)
        return {name: outputs[name] for name in self.module.main.output_names}


def compile(
    source: Source,
    *,
    target: str = "tflite",
    opt_level: int | str = 2,
    inputs: Mapping[str, object] | Sequence[object] = (),
    dims: Mapping[str, int] | None = None,
    io_layout: str | Sequence[str] = "nchw",
) -> Artifact:
    """Compiles a model (a path, bytes, an ``onnx.ModelProto``, a Module, none of which it alters) for a target.

    ``inputs`` gives types (``{"x": "f32[1, 3, 224, 224]"}``, or a list by position) and pinned values
    (``{"sr": 16000}``); ``dims`` fixes symbolic dims; ``io_layout="nhwc"`` makes inputs and outputs of rank 4 and more
    channels-last, ``["x=nhwc"]`` those named.
    Raises InputError for unreadable or contradicting input, CompileError listing every reason otherwise.
    """
    options = Options(
        opt_level=_opt_level(opt_level),
        specs=parse_input_specs(inputs, dims or {}),
        io_layout=IoLayout.parse([io_layout] if isinstance(io_layout, str) else io_layout),
    )
    return build(source, load_target(target), options)


def _opt_level(level: int | str) -> pipelines.OptLevel:
    try:
        return pipelines.OptLevel(str(level).lower().removeprefix("o"))
    except ValueError:
        levels = ", ".join(member.value for member in pipelines.OptLevel)
        raise InputError(f"there is no optimisation level {level}; the levels are {levels}") from None


def build(source: Source, target: Target, options: Options, watch: Watch | None = None) -> Artifact:
    """Reads the model, optimises it and makes it legal for the target; raises InputError and CompileError."""
    module = lower(source, target, options, watch)
    with naming(source_name(source)):
        check_legal(module, target.table, target.name)
    return Artifact(target, module, source_name(source))


def lower(source: Source, target: Target, options: Options, watch: Watch | None = None) -> Module:
    """Reads the model and runs the whole pipeline; what the target cannot express stays in the module."""
    with collector_paused(), naming(source_name(source)):
        module = load(source, options.specs)
        require_main(module, source_name(source))
        _check_sizes(module)
        pipeline = pipeline_for(module, target, options)
        run_passes(module, pipeline, watch or Watch(), lambda: load(source, options.specs))
    return module


def _check_sizes(module: Module) -> None:
    """Raises CompileError for tensors with a dim that no runtime on a phone can count to, where they first appear."""

    def is_huge(value: Value) -> bool:
        return any(isinstance(d, int) and d > LARGEST_DIM for d in value.type.shape)

    reasons = []
    for value in module.main.values():
        if is_huge(value) and not (value.owner and any(map(is_huge, value.owner.operands))):
            where = describe(value.owner) if value.owner else f"input {value.name}"
            reasons.append(f"{where}: {value.type} is too large, sizes have 32 bits")
    if reasons:
        raise CompileError(reasons)


def pipeline_for(module: Module, target: Target, options: Options) -> Pipeline:
    """The passes from a module as the frontend made it to a legal one; raises InputError for a wrong ``io_layout``."""
    options.io_layout.selected(module.main)
    layout = Layout.NHWC if options.io_layout.is_channels_last else Layout.NCHW
    level = options.opt_level
    return (
        *pipelines.optimize(level),
        *pipelines.lower(target.legalize, target.spatial_layout, level, layout, options.io_layout.option_text),
    )


def run_passes(module: Module, pipeline: Pipeline, watch: Watch, read_again: Callable[[], Module]) -> None:
    """Runs the pipeline under watch. On a crash ``read_again`` makes the module anew, for the reproducer.

    Raises InputError when the module is not what a pass requires, and what the passes raise.
    """
    instruments = list(watch.instruments)
    if watch.reproducer is not None:
        # Fuel burns and counters count, so the second run to the crash needs a session as fresh as the first.
        session = dataclasses.replace(watch.session, fired=Counter())
        instruments.append(CrashReproducer(watch.reproducer, read_again, session))
    try:
        # A model may hold infinities and NaN; folding them is no news for the user.
        with np.errstate(all="ignore"):
            PassManager(pipeline, instruments, watch.session).run(module)
    except RequirementError as error:
        raise InputError(str(error)) from error
