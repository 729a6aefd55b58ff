"""What ``glmc`` does, once its arguments are parsed."""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from ..backends.target import Target, load_target
from ..errors import InputError
from ..ir import Module
from ..passes.pipelines import OptLevel
from .compilation import Artifact, Options, build, lower
from .inputs import parse_input_specs
from .io_layout import IoLayout
from .output import check_destination, save_ir
from .progress import ProgressLine
from .sources import IR_SUFFIX
from .watching import Watching


@dataclass(frozen=True)
class Job:
    """One target's part of a command: the options, and where its output goes."""

    model: Path
    target: Target
    options: Options
    output: Path


def run(arguments: argparse.Namespace) -> None:
    """Compiles for every target, then writes and verifies; nothing is written unless all targets compile.

    Raises InputError, CompileError and VerificationError.
    """
    started = time.perf_counter()
    jobs = _jobs(arguments)
    with ProgressLine(not arguments.quiet and not arguments.print_ir_after) as progress:
        results = [_compile(arguments, job, progress) for job in jobs]
        for job, result in zip(jobs, results, strict=True):
            progress.show(f"writing {job.output}")
            _write(result, job.output)
    for job, result in zip(jobs, results, strict=True):
        module = result if isinstance(result, Module) else result.module
        _tell(arguments, f"{_size(job.output)}, {len(module.main.ops):,} ops, {time.perf_counter() - started:.2f} s")
        if arguments.verify and isinstance(result, Artifact):
            _verify(arguments, job, result)


def _jobs(arguments: argparse.Namespace) -> list[Job]:
    """The jobs; raises InputError for arguments that do not go together, before anything is read."""
    targets = [load_target(name) for name in dict.fromkeys(arguments.target or ["tflite"])]
    is_ir = arguments.emit == "ir"
    if len(targets) > 1 and (arguments.output or is_ir):
        raise InputError(f"{'--emit ir writes' if is_ir else '-o names'} one file; give one --target")
    if arguments.verify and is_ir:
        raise InputError("--verify runs an artifact, and --emit ir writes none")
    if arguments.verify:
        from .verification import require_runtimes

        require_runtimes(arguments.model)
    options = Options(
        OptLevel(arguments.opt_level),
        parse_input_specs(arguments.input, arguments.dim),
        IoLayout.parse(arguments.io_layout or ()),
    )
    jobs = []
    for target in targets:
        suffix = IR_SUFFIX if is_ir else target.suffix
        output = arguments.output or Path(arguments.model.stem + suffix)
        check_destination(output, arguments.model)
        jobs.append(Job(arguments.model, target, options, output))
    return jobs


def _compile(arguments: argparse.Namespace, job: Job, progress: ProgressLine) -> Artifact | Module:
    progress.show(f"reading {job.model}")
    watching = Watching(arguments, progress)
    make = lower if arguments.emit == "ir" else build
    with watching.reporting():
        return make(job.model, job.target, job.options, watching.watch)


def _write(result: Artifact | Module, output: Path) -> None:
    if isinstance(result, Module):
        save_ir(result, output)
    else:
        result.save(output)


def _verify(arguments: argparse.Namespace, job: Job, artifact: Artifact) -> None:
    from .verification import verify_file

    for error in verify_file(job.output, artifact.target, job.model, job.options):
        _tell(arguments, f"  {error}")


def _size(path: Path) -> str:
    return f"{path}: {path.stat().st_size:,} bytes"


def _tell(arguments: argparse.Namespace, line: str) -> None:
    if not arguments.quiet:
        print(line)
