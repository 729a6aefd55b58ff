"""glmc: ``glmc model.onnx -O2 --target tflite -o model.tflite``."""

import argparse
import sys
from pathlib import Path

from .. import __version__
from ..backends.target import TARGETS
from .arguments import add_debug_argument, add_input_arguments, add_watch_arguments
from .messages import run_command
from .target_options import COREML_TARGETS, PRECISIONS

EPILOG = """examples:
  glmc model.onnx                                   writes model.tflite here
  glmc model.onnx -o out.tflite --verify            and compares it with the source
  glmc model.onnx --input "x=f32[1, 3, 224, 224]"   fixes dims that the model leaves open
  glmc traced.pt --input "x=f32[n, 3, 224, 224]"    a model of PyTorch; sizes may be symbolic
  glmc model.onnx --io-layout nhwc                  takes and gives images channels-last

exit codes:
  0  done
  1  the model cannot be compiled; all reasons are listed
  2  bad usage, unreadable input or unwritable output
  3  the artifact does not compute what its source does (--verify)"""

OPT_LEVELS = ("0", "1", "2", "3", "s")


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code; bad usage raises SystemExit, as argparse does."""
    arguments = _parser().parse_args(argv)
    return run_command(lambda: _run(arguments), arguments.debug)


def _run(arguments: argparse.Namespace) -> None:
    # The compiler itself is loaded only once the arguments are known to be good.
    from .compile_command import run

    run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="glmc",
        description="Compiles a trained network into what a phone runs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model", type=Path, help="an ONNX model, an archive of torch.jit.save or torch.export.save, or IR text (.glir)"
    )
    parser.add_argument(
        "-O",
        dest="opt_level",
        choices=OPT_LEVELS,
        default="2",
        help="0: only what correctness needs; 1: cleaning up; 2 (default): everything; 3: also what changes rounding; "
        "s: for size",
    )
    parser.add_argument(
        "--target", action="append", choices=TARGETS, help="default: tflite; may be given several times"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: the model's name with the target's suffix, here"
    )
    parser.add_argument(
        "--emit",
        choices=["artifact", "ir"],
        default="artifact",
        help="ir: write the module after the last pass instead, as text, also where the target refuses it",
    )
    parser.add_argument(
        "--io-layout",
        action="append",
        metavar="nchw|nhwc|NAME=nhwc",
        help="nhwc: inputs and outputs of rank 4 and more are channels-last; NAME=nhwc: that one alone, may be given "
        "several times",
    )
    _add_target_arguments(parser)
    _add_compression_arguments(parser)
    parser.add_argument(
        "--verify",
        action="store_true",
        help="compare on seeded inputs with the source: ONNX in onnxruntime, others in glmc's interpreter",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html|.md|.json",
        help="what became of the model: sizes, precision and exactness op by op, and what to try",
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    add_debug_argument(parser)
    parser.add_argument("--version", action="version", version=f"glmc {__version__}")
    add_input_arguments(parser)
    add_watch_arguments(parser)
    return parser


def _add_target_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for some targets")
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="what floats are stored and computed in (spec/precision.md); default: fp16 for coreml, else fp32",
    )
    group.add_argument(
        "--coreml-target",
        choices=COREML_TARGETS,
        help="the oldest system that shall run it; default: ios16, or later where the model needs it",
    )
    group.add_argument("--opset", type=int, metavar="N", help="of the ONNX to write; default: the newest")
    group.add_argument(
        "--image-input",
        action="append",
        default=[],
        metavar="NAME=rgb|bgr|gray[:scale=S][:bias=B[,B,B]]",
        help="coreml: that input takes images; the model sees pixel * S + B; may be given several times",
    )
    group.add_argument(
        "--class-labels", type=Path, metavar="FILE", help="coreml: a classifier with these labels, one a line"
    )


def _add_compression_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("quantization and pruning (spec/quantization.md)")
    group.add_argument(
        "--quantize",
        metavar="RECIPE",
        help="int8, int16, auto, int8-dynamic, int8-weights, int4-weights or palette, with options in braces: "
        "int4-weights{block=64}",
    )
    group.add_argument(
        "--calibrate",
        metavar="DATA",
        help="samples of what it is given, for fp16 too: .npz, .npy, a folder of them, or python:module:function",
    )
    group.add_argument(
        "--calibration-cache", type=Path, metavar="FILE", help="what calibration learns: read, added to, and kept here"
    )
    group.add_argument(
        "--min-sqnr",
        type=float,
        metavar="DB",
        help="how exact the outputs shall be at least, for auto (default: 30) and int8 (15)",
    )
    group.add_argument(
        "--io-dtype", choices=("int8", "uint8", "int16"), help="inputs and outputs as the integers they are stored as"
    )
    group.add_argument(
        "--prune",
        action="append",
        default=[],
        metavar="0.5|2:4|PASS",
        help="weights to zero, by amount or pattern, or passes: prune-channels{amount=0.3}",
    )


if __name__ == "__main__":
    sys.exit(main())
