"""Command-line arguments that glmc and the workbench share. Imports nothing heavy: --help must answer at once."""

import argparse
from pathlib import Path


def add_debug_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def add_input_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("inputs")
    group.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="[NAME=]TYPE|VALUE",
        help='an input\'s type, "x=f32[1, 3, 224, 224]", or a value that pins it, sr=16000; without a name they go by '
        "position; may be given several times",
    )
    group.add_argument(
        "--dim",
        action="append",
        default=[],
        metavar="NAME=SIZE",
        help="fix a symbolic dim, n=4, or say what it may be, n=1..8 or n=224|256",
    )


def add_watch_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("watching the passes")
    group.add_argument("--verify-each", action="store_true", help="verify the IR after every pass")
    group.add_argument(
        "--print-ir-after",
        choices=["all", "change", "failure"],
        help="print the IR after every pass, after those that change it, or where one fails",
    )
    group.add_argument("--timing", action="store_true", help="print the time that each pass takes")
    group.add_argument(
        "--statistics",
        action="store_true",
        help="print the ops after each pass, which rules fired, and what --precision fp16 leaves in fp32",
    )
    group.add_argument(
        "--fuel", type=_count, metavar="N", help="stop optimising after N rewrites, to find a bad one; 0 is like -O0"
    )
    group.add_argument(
        "--disable-pass",
        action="append",
        default=[],
        metavar="PASS",
        help="leave a pass out; may be repeated",
    )
    group.add_argument(
        "--disable-rule",
        action="append",
        default=[],
        metavar="RULE",
        help="leave a rule out; may be repeated",
    )
    group.add_argument(
        "--reproducer", type=Path, metavar="FILE", help="if a pass crashes, write its input there, for glmir opt FILE"
    )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"takes a number, 0 or more, not {text!r}")
    return int(text)
