"""What a user can cause to go wrong. Every message is a sentence that names the file, the node and the reason.

The driver turns each class into its exit code and prints the message alone; anything else that is raised is a defect
of the compiler.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class GlmirError(Exception):
    """Base of everything a user may cause. Control characters that a file's names smuggle in are shown escaped."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str) -> None:
        super().__init__(_printable(message, keep="\n"))


class InputError(GlmirError):
    """Unreadable input or bad usage."""

    exit_code: ClassVar[int] = 2


class CompileError(GlmirError):
    """The model is readable but cannot be compiled; `reasons` holds every reason found, one sentence each.

    `source` names the model (a file name) and stands before the reasons in the message.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, reasons: Sequence[str], source: str = "") -> None:
        self.reasons = [_printable(reason) for reason in reasons]
        self.source = source
        super().__init__(self._message())

    def _message(self) -> str:
        prefix = f"{self.source}: " if self.source else ""
        if len(self.reasons) == 1:
            return prefix + self.reasons[0]
        lines = [f"{prefix}cannot be compiled for {len(self.reasons)} reasons:"]
        return "\n".join(lines + [f"  - {reason}" for reason in self.reasons])


class VerificationError(GlmirError):
    """The compiled model does not compute what its source computes."""

    exit_code: ClassVar[int] = 3


class ModelWarning(UserWarning):
    """Something is odd about a model that can be compiled nevertheless: a sentence, which the driver prints alone."""

    def __init__(self, message: str) -> None:
        super().__init__(_printable(message))


def _printable(text: str, keep: str = "") -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)
