"""The cases of the standard that a target does not compute, each with its reason: reviewed by hand, held by a test.

A case that is listed and is computed right fails the test as much as one that is not listed and is not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

ALL = ("onnx", "tflite", "mnn", "coreml")


@dataclass(frozen=True)
class LeftOut:
    """Cases, by patterns of their names, that some targets do not compute, and why: one line."""

    reason: str
    cases: tuple[str, ...]
    targets: tuple[str, ...] = ALL

    def names(self, case_names: Sequence[str]) -> Iterator[str]:
        return (name for name in case_names if any(fnmatchcase(name, pattern) for pattern in self.cases))


LEFT_OUT: tuple[LeftOut, ...] = (
    LeftOut(
        "the case expects results out of range to wrap around, where the standard and onnxruntime saturate them",
        ("test_qlinearmatmul_?D_int8_float*",),
    ),
)


def left_out(target: str, case_names: Sequence[str]) -> dict[str, str]:
    """The cases that the target does not compute -> why; of the interpreter those that no target computes."""
    rows = [row for row in LEFT_OUT if target in row.targets or row.targets == ALL]
    return {name: row.reason for row in rows for name in row.names(case_names)}
