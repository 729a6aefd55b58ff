"""glmc: ``glmc model.onnx -O2 --target tflite -o model.tflite``."""

import argparse
import sys
import time
from pathlib import Path

from .. import __version__
from ..backends.target import TARGETS, Target, load_target
from ..errors import InputError
from ..ops.enums import Layout
from ..passes.pipelines import OptLevel
from .arguments import Watching, add_input_arguments, add_watch_arguments, input_specs
from .compilation import Options, build, load
from .messages import run_command

EPILOG = """exit codes: 0 done; 1 the model cannot be compiled (all reasons are listed); 2 bad usage or unreadable input;
3 the artifact differs from its source (--verify)"""


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    arguments = _parser().parse_args(argv)
    return run_command(lambda: _run(arguments), arguments.debug)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="glmc", description="Compiles a trained network into what a phone runs.", epilog=EPILOG
    )
    parser.add_argument("model", type=Path, help="an ONNX model, or IR text (.glir)")
    parser.add_argument(
        "-O", dest="opt_level", choices=[level.value for level in OptLevel], default="2", help="optimisation level"
    )
    parser.add_argument("--target", action="append", choices=TARGETS, help="may be given several times (default: tflite)")
    parser.add_argument("-o", "--output", type=Path, help="the file to write (default: beside where you are, model's name)")
    parser.add_argument("--emit", choices=["artifact", "ir"], default="artifact", help="ir: write the module as IR text")
    parser.add_argument(
        "--io-layout",
        default="nchw",
        metavar="nchw|nhwc|NAME=nhwc",
        help="nhwc: inputs and outputs of rank 4 and more are channels-last; NAME=nhwc (commas between): those alone",
    )
    parser.add_argument("--verify", action="store_true", help="compare with onnxruntime on seeded inputs")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.add_argument("--version", action="version", version=f"glmc {__version__}")
    add_input_arguments(parser)
    add_watch_arguments(parser)
    return parser


def _run(arguments: argparse.Namespace) -> None:
    targets = [load_target(name) for name in dict.fromkeys(arguments.target or ["tflite"])]
    if arguments.output and len(targets) > 1:
        raise InputError("-o names one file; with several targets leave it out")
    layout, names = _io_layout(arguments.io_layout)
    options = Options(OptLevel(arguments.opt_level), input_specs(arguments), layout, names)
    for target in targets:
        _compile(arguments, target, options)


def _io_layout(text: str) -> tuple[Layout, str]:
    if text in ("nchw", "nhwc"):
        return Layout(text), ""
    names = []
    for part in text.split(","):
        name, equals, layout = part.rpartition("=")
        if not equals or not name or layout != "nhwc":
            raise InputError(f"--io-layout takes nchw, nhwc, or NAME=nhwc with commas between, not {text!r}")
        names.append(name.strip())
    return Layout.NHWC, " ".join(names)


def _compile(arguments: argparse.Namespace, target: Target, options: Options) -> None:
    started = time.perf_counter()
    watching = Watching(arguments)
    with _progress(arguments, f"compiling {arguments.model} for {target.name}"):
        artifact = build(arguments.model, target, options, watching.watch)
        if arguments.emit == "ir":
            output = _save_ir(arguments, artifact.module)
        else:
            output = artifact.save(arguments.output or Path(arguments.model.stem + target.suffix))
    if report := watching.report():
        print(report, file=sys.stderr)
    if not arguments.quiet:
        size = output.stat().st_size
        seconds = time.perf_counter() - started
        print(f"{output}: {size:,} bytes, {len(artifact.module.main.ops):,} ops, {seconds:.2f} s")
    if arguments.verify:
        from .verification import verify_artifact

        for error in verify_artifact(artifact, arguments.model, options):
            if not arguments.quiet:
                print(f"  {error}")


def _save_ir(arguments: argparse.Namespace, module: object) -> Path:
    from ..ir import Module
    from ..printer import save_module

    assert isinstance(module, Module)
    output: Path = arguments.output or Path(arguments.model.stem + ".glir")
    save_module(module, output)
    return output


class _progress:  # noqa: N801 - a context manager reads as a verb
    """A line on a terminal for what takes over a second; nothing elsewhere."""

    def __init__(self, arguments: argparse.Namespace, text: str) -> None:
        self._enabled = sys.stderr.isatty() and not arguments.quiet and arguments.model.exists()
        self._enabled = self._enabled and arguments.model.stat().st_size > 20_000_000
        self._text = text
        self._stack: object = None

    def __enter__(self) -> None:
        if self._enabled:
            from rich.console import Console

            self._stack = Console(stderr=True).status(self._text)
            self._stack.__enter__()

    def __exit__(self, *error: object) -> None:
        from contextlib import AbstractContextManager

        if isinstance(self._stack, AbstractContextManager):
            self._stack.__exit__(None, None, None)


if __name__ == "__main__":
    sys.exit(main())


__all__ = ["load", "main"]
