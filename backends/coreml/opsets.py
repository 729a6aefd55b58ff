"""The versions of Core ML that have ML Programs, by the iOS release that brought them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Opset:
    """A version: the model's specification version, and the tag of the ops that a program may use."""

    specification: int
    name: str


OPSETS: dict[int, Opset] = {
    15: Opset(6, "CoreML5"),
    16: Opset(7, "CoreML6"),
    17: Opset(8, "CoreML7"),
    18: Opset(9, "CoreML8"),
}
"""By iOS release; macOS 12 to 15 are the same."""

DEFAULT_VERSION = 16
"""The first that takes and gives halves; devices since 2017 run it."""

ATTENTION_VERSION = 18
"""The first that has attention as one op."""

MAX_RANK = 5
"""No tensor of a program has more axes."""


def version_flag(version: int) -> str:
    """How a user asks for a version."""
    return f"--coreml-target ios{version}"
