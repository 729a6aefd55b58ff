"""What ``glmc`` does, once its arguments are parsed."""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..backends.target import TARGETS, Target, TargetOptions, load_target
from ..errors import CompileError, InputError
from ..ir import Module
from ..passes.pipelines import OptLevel
from ..states import describe_state
from .compilation import Artifact, Optimized, Options, compression_of, data_for, optimized
from .inputs import parse_input_specs
from .io_layout import IoLayout
from .output import check_destination, save_ir
from .progress import ProgressLine
from .sources import IR_SUFFIX
from .target_options import parse_target_options, read_class_labels, require_targets
from .watching import Watching

if TYPE_CHECKING:
    # Slow to load, and most models are compiled as they are.
    from .report.facts import Report


DEFAULT_TARGETS = ("tflite",)


@dataclass(frozen=True)
class Job:
    """One target's part of a command, and where its output goes."""

    target: Target
    output: Path


def run(arguments: argparse.Namespace) -> None:
    """Compiles for every target, then writes and verifies; nothing is written unless all targets compile.

    Raises InputError, CompileError and VerificationError.
    """
    started = time.perf_counter()
    options = _options(arguments)
    jobs = _jobs(arguments, options)
    with ProgressLine(not arguments.quiet and not arguments.print_ir_after) as progress:
        watching = Watching(arguments, progress)
        front, results = _compile(arguments, options, jobs, watching)
        for job, result in zip(jobs, results, strict=True):
            progress.show(f"writing {job.output}")
            _write(result, job.output)
        report = _report(arguments, front, jobs, results, watching)
    if report is not None:
        _tell_report(arguments, report)
    for job, result in zip(jobs, results, strict=True):
        module = result if isinstance(result, Module) else result.module
        _tell(arguments, f"{_size(job.output)}, {len(module.main.ops):,} ops, {time.perf_counter() - started:.2f} s")
        for state in () if arguments.quiet else module.states:
            print(f"note: {job.output} has the state {describe_state(module, state)}", file=sys.stderr)
        if arguments.verify and isinstance(result, Artifact):
            _verify(arguments, job, result, options)


def _report(
    arguments: argparse.Namespace,
    front: Optimized,
    jobs: Sequence[Job],
    results: Sequence[Artifact | Module],
    watching: Watching,
) -> "Report | None":
    """The report, written where it was asked for; none when nobody asked, and nothing was quantized."""
    artifacts = [
        (job.output, result) for job, result in zip(jobs, results, strict=True) if isinstance(result, Artifact)
    ]
    is_told = front.record is not None and artifacts and not arguments.quiet
    if arguments.report is None and not is_told:
        return None
    from .report.building import Compiled, build_report
    from .report.writing import write_report

    single = () if watching.precision is None else watching.precision.lines()
    made = (arguments.model, front.module, artifacts, front.record)
    compiled = Compiled(*made, watching.memory, single, watching.layouts)
    report = build_report(compiled, arguments.report is not None, watching.watch.show)
    if arguments.report is not None:
        write_report(report, arguments.report)
    return report


def _tell_report(arguments: argparse.Namespace, report: "Report") -> None:
    from .report.summary import summary

    for line in summary(report) if report.recipe or report.weights else ():
        _tell(arguments, line)
    for target in report.targets:
        for warning in target.warnings if not arguments.quiet else ():
            print(f"warning: {target.name}: {warning}", file=sys.stderr)


def _options(arguments: argparse.Namespace) -> Options:
    targets = arguments.target or DEFAULT_TARGETS
    data, half_data = data_for(arguments.quantize, arguments.calibrate, arguments.precision, targets)
    return Options(
        OptLevel(arguments.opt_level),
        parse_input_specs(arguments.input, arguments.dim),
        IoLayout.parse(arguments.io_layout or ()),
        compression_of(
            arguments.quantize,
            data,
            arguments.calibration_cache,
            arguments.min_sqnr,
            arguments.io_dtype,
            arguments.prune,
        ),
        half_data,
    )


def _jobs(arguments: argparse.Namespace, options: Options) -> list[Job]:
    """The jobs; raises InputError for arguments that do not go together, before anything is read."""
    chosen = parse_target_options(
        arguments.precision,
        arguments.coreml_target,
        arguments.opset,
        arguments.image_input,
        read_class_labels(arguments.class_labels) if arguments.class_labels else (),
        options.specs.sizes,
    )
    names = tuple(dict.fromkeys(arguments.target or DEFAULT_TARGETS))
    require_targets(chosen, names)
    if options.compression is not None:
        chosen = replace(chosen, is_dynamic=options.compression.is_dynamic)
    targets = [load_target(name, chosen) for name in names]
    is_ir = arguments.emit == "ir"
    if len(targets) > 1 and (arguments.output or is_ir):
        raise InputError(f"{'--emit ir writes' if is_ir else '-o names'} one file; give one --target")
    if arguments.report is not None:
        from .report.writing import check_report_path

        if is_ir:
            raise InputError("--report tells of artifacts, and --emit ir writes none")
        check_report_path(arguments.report, arguments.model)
    if arguments.verify and is_ir:
        raise InputError("--verify runs an artifact, and --emit ir writes none")
    if arguments.verify:
        from .verification import require_runtimes

        require_runtimes(arguments.model)
    jobs = []
    for target in targets:
        suffix = IR_SUFFIX if is_ir else target.suffix
        output = arguments.output or Path(arguments.model.stem + suffix)
        if not arguments.output and output.exists() and arguments.model.exists() and output.samefile(arguments.model):
            # An ONNX model compiled for ONNX, where it stands.
            output = Path(f"{arguments.model.stem}.{target.name}{suffix}")
        check_destination(output, arguments.model, target.is_folder and not is_ir)
        if not is_ir:
            _check_suffix(output, target)
        jobs.append(Job(target, output))
    return jobs


def _check_suffix(output: Path, target: Target) -> None:
    """Raises InputError when the output would be called like another target's: --target was forgotten."""
    if output.suffix == target.suffix:
        return
    for name in TARGETS:
        other = load_target(name, TargetOptions())
        if output.suffix == other.suffix:
            reason = f"that is a name for --target {other.name}, and this is --target {target.name}"
            raise InputError(f"cannot write {output}: {reason}, whose files end in {target.suffix}")


def _compile(
    arguments: argparse.Namespace, options: Options, jobs: Sequence[Job], watching: Watching
) -> tuple[Optimized, list[Artifact | Module]]:
    """The targets share one front half, which is returned too; raises CompileError with the reasons of all targets."""
    watching.watch.show(f"reading {arguments.model}")
    with watching.reporting():
        front = optimized(arguments.model, options, watching.watch)
        if watching.precision is not None:
            watching.precision.observed = front.islands
        if arguments.emit == "ir":
            return front, [front.lower(job.target) for job in jobs]
        artifacts: list[Artifact | Module] = []
        refusals = []
        for job in jobs:
            try:
                artifacts.append(front.build(job.target))
            except CompileError as error:
                refusals.append(error)
        if refusals:
            raise refusals[0] if len(refusals) == 1 else _joined(refusals)
        return front, artifacts


def _joined(refusals: Sequence[CompileError]) -> CompileError:
    reasons = [f"{error.source.rpartition(', ')[2]}: {reason}" for error in refusals for reason in error.reasons]
    return CompileError(reasons, refusals[0].source.rpartition(", ")[0])


def _write(result: Artifact | Module, output: Path) -> None:
    if isinstance(result, Module):
        save_ir(result, output)
    else:
        result.save(output)


def _verify(arguments: argparse.Namespace, job: Job, artifact: Artifact, options: Options) -> None:
    if artifact.record is not None:
        from .quantized_verification import verify_quantized

        for noise in verify_quantized(job.output, artifact.target, arguments.model, options, artifact.record):
            _tell(arguments, f"  {noise}")
        return
    from .verification import verify_file

    for error in verify_file(job.output, artifact.target, arguments.model, options):
        _tell(arguments, f"  {error}")


def _size(path: Path) -> str:
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return f"{path}: {sum(file.stat().st_size for file in files):,} bytes"


def _tell(arguments: argparse.Namespace, line: str) -> None:
    if not arguments.quiet:
        print(line)
