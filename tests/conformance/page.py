"""``spec/conformance.md``: how much of the standard each target computes, and why it does not compute the rest."""

from collections.abc import Sequence
from pathlib import Path

from tests.conformance.left_out import ALL, LEFT_OUT, left_out
from tests.conformance.standard import REQUIREMENT, case_names

PAGE = Path(__file__).parents[2] / "spec" / "conformance.md"
_HEAD = """\
<!-- Made by `python -m tests.conformance --page`: edit tests/conformance/left_out.py, not this page. -->

# The ONNX standard's backend tests

The standard comes with small models, their inputs and the outputs that they must give. {requirement} is the newest
release that ships them as files. Counted are the {count} cases with plain tensors as inputs and outputs (floats of 16
to 64 bits, integers of 8 to 64, booleans) and operators of the default domain. Each is compiled as it stands, with
every input of the graph an input, run in the target's own runtime (Core ML: the reader that executes what was written)
and compared. `pytest --all-cases tests/conformance` holds every figure and every reason here: a case that is listed and
is computed fails it too."""
_TITLES = {"onnx": "ONNX", "tflite": "TFLite", "mnn": "MNN", "coreml": "Core ML"}


def render() -> str:
    """The page's text."""
    names = case_names()
    return "\n\n".join((_head(names), _figures(names), "## Left out", *_rows(names))) + "\n"


def _head(names: Sequence[str]) -> str:
    return _HEAD.format(requirement=REQUIREMENT, count=f"{len(names):,}")


def _figures(names: Sequence[str]) -> str:
    corrected = sum(row.is_corrected for row in LEFT_OUT for _ in row.names(names))
    lines = [
        "| target | computed | of all |",
        "|---|---|---|",
        *(f"| {_TITLES[t]} | {_share(len(names) - len(left_out(t, names)), len(names))} |" for t in ALL),
        "",
        f"{corrected} more are computed as the standard expects them since it has been corrected, below.",
    ]
    return "\n".join(lines)


def _share(count: int, total: int) -> str:
    return f"{count:,} | {count / total:.1%}"


def _rows(names: Sequence[str]) -> list[str]:
    blocks = []
    for row in LEFT_OUT:
        cases = ", ".join(f"`{name.removeprefix('test_')}`" for name in row.names(names))
        targets = "every target" if row.targets == ALL else ", ".join(_TITLES[t] for t in row.targets)
        blocks.append(f"**{targets}**: {row.reason}\\\n{cases}")
    return blocks
