"""compile(): from a model to an artifact."""

import dataclasses
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..backends.emission import check_legal, describe, is_legal
from ..backends.target import Target, load_target
from ..errors import CompileError, InputError
from ..instrumentation import CrashReproducer
from ..ir import Module, Value
from ..ops.enums import Layout
from ..pass_manager import Instrument, PassManager, Pipeline, RequirementError
from ..passes import pipelines
from ..rewriter import RewriteSession
from ..states import Memory
from ..types import Array, DType
from .inputs import InputSpecs, parse_input_specs
from .io_layout import IoLayout
from .messages import collector_paused
from .output import place_whole
from .sources import Source, load_specified, naming, require_main, source_name
from .switches import check_rules, rewrite_switches
from .target_options import parse_target_options, require_targets

if TYPE_CHECKING:
    # Slow to load, and most models are compiled as they are.
    from .quantization.data import DataSource
    from .quantization.record import Record
    from .quantization.request import Compression

LARGEST_DIM = 2**31 - 1


@dataclass(frozen=True)
class Options:
    """Everything that changes what is compiled."""

    opt_level: pipelines.OptLevel = pipelines.OptLevel.O2
    specs: InputSpecs = field(default_factory=InputSpecs)
    io_layout: IoLayout = field(default_factory=IoLayout)
    compression: "Compression | None" = None
    half_data: "DataSource | None" = None
    """Samples on which it is tried what f16 loses."""


@dataclass(frozen=True)
class Watch:
    """What observes the passes: instruments, the session that holds fuel and switched-off rules, a crash's file; and
    what is shown of work that takes long."""

    instruments: Sequence[Instrument] = ()
    session: RewriteSession = field(default_factory=RewriteSession)
    reproducer: Path | None = None
    show: Callable[[str], None] = lambda text: None


@dataclass(frozen=True)
class Artifact:
    """A compiled model: its target, the module as it is written, and how messages name the source.

    ``memory`` holds the model's states between runs; ``record`` tells what quantization did.
    """

    target: Target
    module: Module
    source: str
    record: "Record | None" = field(default=None, repr=False, compare=False)
    memory: Memory = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", Memory(self.module))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the artifact, whole or not at all: what stands there stays as it is until the new one is complete.

        Raises InputError when it cannot be written, CompileError when the target cannot express the module.
        """
        destination = Path(path)
        with place_whole(destination, self.target.is_folder) as fresh, naming(self.source):
            self.target.serialize(self.module, fresh)
        return destination

    def to_bytes(self) -> bytes:
        """The artifact as it would be written, if it is one file; raises InputError when it is not, CompileError when
        the target cannot express the module."""
        with self._saved() as path:
            if path.is_dir() or len(list(path.parent.iterdir())) > 1:
                raise InputError(f"the {self.target.name} artifact is more than one file: save it")
            return path.read_bytes()

    def __bytes__(self) -> bytes:
        return self.to_bytes()

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Runs the artifact in the target's own runtime: named arrays to named arrays.

        A state may be left out: it then holds what the run before left, and what becomes of it is not returned.
        Raises InputError for inputs that do not fit, or without the runtime, GlmirError when the runtime fails.
        """
        with self._saved() as path:

            def call(given: Mapping[str, Array]) -> dict[str, Array]:
                return self.target.run(path, {n: a if n in inputs else self._as_taken(a) for n, a in given.items()})

            outputs = self.memory.call(call, inputs)
        return {name: outputs[name] for name in self.module.main.output_names if name in outputs}

    def reset(self) -> None:
        """Gives all states their initial values again."""
        self.memory.reset()

    def _as_taken(self, state: Array) -> Array:
        """A state's value in the dtype in which the artifact takes it."""
        return state.astype(self.target.border(DType.of(state.dtype)).numpy)

    @contextmanager
    def _saved(self) -> Iterator[Path]:
        """The artifact in a folder of its own, for as long as the block runs."""
        with tempfile.TemporaryDirectory(prefix="glmc-") as folder:
            yield self.save(Path(folder) / f"model{self.target.suffix}")


def compile(
    source: Source,
    *,
    target: str = "tflite",
    opt_level: int | str = 2,
    inputs: Mapping[str, object] | Sequence[object] | None = None,
    dims: Mapping[str, int | str] | None = None,
    io_layout: str | Sequence[str] = "nchw",
    precision: str | None = None,
    coreml_target: str | None = None,
    opset: int | None = None,
    image_inputs: Mapping[str, str] | None = None,
    class_labels: Sequence[str] | Sequence[int] = (),
    quantize: str | None = None,
    calibrate: "DataSource | None" = None,
    calibration_cache: str | os.PathLike[str] | None = None,
    min_sqnr: float | None = None,
    io_dtype: str | None = None,
    prune: str | float | Sequence[str | float] = (),
    disable_passes: Sequence[str] = (),
    disable_rules: Sequence[str] = (),
    fuel: int | None = None,
) -> Artifact:
    """Compiles a model (a path, bytes, an ``onnx.ModelProto``, a Module, none of which it alters) for a target.

    ``inputs`` gives types (``{"x": "f32[1, 3, 224, 224]"}``, or a list by position) and pinned values
    (``{"sr": 16000}``); ``dims`` fixes symbolic dims (4) or bounds them (``"1..8"``, ``"224|256"``);
    ``io_layout="nhwc"`` makes inputs and outputs of rank 4 and more channels-last, ``["x=nhwc"]`` those named.
    ``precision`` is ``"fp32"``, ``"fp16"`` or ``"bf16"`` (spec/precision.md), ``coreml_target`` ``"ios15"`` to
    ``"ios18"``, ``opset`` ONNX's, ``image_inputs`` like ``{"image": "rgb:scale=1/127.5:bias=-1"}``, ``class_labels``
    the names of a classifier's classes in order.
    ``quantize`` is a recipe (``"int8"``, ``"int4-weights{block=64}"``, spec/quantization.md), ``calibrate`` the samples
    it needs, or on which fp16 is tried: a path, arrays by input, an iterable of samples or a function that gives one.
    ``io_dtype`` is ``"int8"``, ``"uint8"`` or ``"int16"`` for quantized inputs and outputs. ``prune`` is like ``0.5``,
    ``"2:4"``, or passes.
    ``disable_passes`` and ``disable_rules`` leave out what is named, ``fuel`` ends the optimisation after so many
    rewrites (spec/passes_guide.md).
    Raises InputError for unreadable or contradicting input, CompileError listing every reason otherwise.
    """
    specs = parse_input_specs(() if inputs is None else inputs, dims or {})
    cache = None if calibration_cache is None else Path(calibration_cache)
    data, half_data = data_for(quantize, calibrate, precision, (target,))
    options = Options(
        opt_level=_opt_level(opt_level),
        specs=specs,
        io_layout=IoLayout.parse([io_layout] if isinstance(io_layout, str) else io_layout),
        compression=compression_of(quantize, data, cache, min_sqnr, io_dtype, prune),
        half_data=half_data,
    )
    images = [f"{name}={text}" for name, text in (image_inputs or {}).items()]
    chosen = parse_target_options(precision, coreml_target, opset, images, class_labels, specs.sizes)
    if options.compression is not None:
        chosen = dataclasses.replace(chosen, is_dynamic=options.compression.is_dynamic)
    require_targets(chosen, (target,))
    session = rewrite_switches(disable_passes, disable_rules, fuel)
    artifact = build(source, load_target(target, chosen), options, Watch(session=session))
    check_rules(session)
    return artifact


def data_for(
    quantize: str | None, data: "DataSource | None", precision: str | None, targets: Sequence[str]
) -> "tuple[DataSource | None, DataSource | None]":
    """The samples for quantization, and those on which f16 is tried: where it was asked for, or is what a target
    computes in and nothing else wants the samples."""
    is_half = precision == "fp16" or (precision is None and quantize is None and "coreml" in targets)
    return (None if is_half and quantize is None else data), (data if is_half else None)


def compression_of(
    quantize: str | None,
    data: "DataSource | None",
    cache: Path | None,
    min_sqnr: float | None,
    io_dtype: str | None,
    prune: str | float | Sequence[str | float],
) -> "Compression | None":
    """What these arguments ask for, none if they ask for nothing; raises InputError."""
    if (quantize, data, cache, min_sqnr, io_dtype) == (None,) * 5 and not prune:
        return None
    from .quantization.request import parse_compression

    pruners = [str(prune)] if isinstance(prune, str | float) else [str(pruner) for pruner in prune]
    return parse_compression(quantize, data, cache, min_sqnr, io_dtype, pruners)


def _opt_level(level: int | str) -> pipelines.OptLevel:
    try:
        return pipelines.OptLevel(str(level).lower().removeprefix("o"))
    except ValueError:
        levels = ", ".join(member.value for member in pipelines.OptLevel)
        raise InputError(f"there is no optimisation level {level}; the levels are {levels}") from None


def build(source: Source, target: Target, options: Options, watch: Watch | None = None) -> Artifact:
    """Reads the model, optimises it and makes it legal for the target; raises InputError and CompileError."""
    return optimized(source, options, watch).build(target)


def optimized(source: Source, options: Options, watch: Watch | None = None) -> "Optimized":
    """Reads the model and runs the passes that do not depend on a target; raises InputError and CompileError."""
    watch = watch or Watch()
    with collector_paused(), naming(source_name(source)):
        module = load_specified(source, options.specs)
        require_main(module, source_name(source))
        _check_sizes(module)
        options.io_layout.selected(module)
        pipeline = pipelines.optimize(options.opt_level)
        run_passes(module, pipeline, watch, lambda: load_specified(source, options.specs))
        record = None
        if options.compression is not None:
            from .quantization.quantize import compress

            record = compress(module, options.compression, options.specs.pinned, watch.show)
            module = record.quantized
            run_passes(module, pipelines.cleanup(options.opt_level), watch, module.clone)
        islands = None
        if options.half_data is not None:
            from .half_islands import islands_on_data

            islands = islands_on_data(module, record, options.half_data, options.specs.pinned, watch.show)
    return Optimized(source, module, options, watch, record, islands)


@dataclass(frozen=True)
class Optimized:
    """A model between the two halves of the compiler: what every target begins with."""

    source: Source
    module: Module
    options: Options
    watch: Watch
    record: "Record | None" = None
    islands: Mapping[str, str] | None = None
    """The values that data showed to be lost in f16, with reasons; none without data."""

    def build(self, target: Target) -> Artifact:
        """The artifact for a target, or for its first later version that takes the model; raises CompileError."""
        if self.islands is not None and target.with_islands is not None:
            target = target.with_islands(self.islands)
        first = target = target if target.fitting is None else target.fitting(self.module)
        with collector_paused(), naming(source_name(self.source)):
            while True:
                module = self.lower(target)
                if is_legal(module, target.table) or target.newer is None:
                    break
                target = target.newer()
            if not is_legal(module, target.table):
                # What the user asked for, or would get without asking, is what the reasons are about.
                target, module = first, self.lower(first)
            check_legal(module, target.table, target.name)
        return Artifact(target, module, source_name(self.source), self.record)

    def lower(self, target: Target) -> Module:
        """The module after the target's passes; what the target cannot express stays in it."""
        if self.islands is not None and target.with_islands is not None:
            target = target.with_islands(self.islands)
        with collector_paused(), naming(source_name(self.source)):
            module = self.module.clone()
            run_passes(module, self._lowering(target), self.watch, self.module.clone)
        return module

    def _lowering(self, target: Target) -> Pipeline:
        io_layout, level = self.options.io_layout, self.options.opt_level
        layout = Layout.NHWC if io_layout.is_channels_last else Layout.NCHW
        return pipelines.lower(
            target.legalize,
            target.spatial_layout,
            level,
            layout,
            io_layout.option_text,
            keeps_attention=target.keeps_attention,
            keeps_integer_products=target.keeps_integer_products,
        )


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
