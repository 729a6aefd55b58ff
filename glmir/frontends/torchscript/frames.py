"""Where a program stands: the functions that are being run, and the places in the user's source that they came from."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .program import ScriptFunction

_TORCH = "__torch__.torch."


@dataclass
class Frame:
    """A function that is being run."""

    function: ScriptFunction
    module: str
    """The path of the module whose method it is (``layer1.0.conv1``)."""
    node: ast.AST


class Frames:
    """The functions that are being run, the innermost last."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def current(self) -> Frame:
        return self._frames[-1]

    @contextmanager
    def entered(self, function: ScriptFunction, module: str | None) -> Iterator[None]:
        """Runs a function inside the block; without a module of its own it belongs to the caller's."""
        if module is None:
            module = self._frames[-1].module if self._frames else ""
        self._frames.append(Frame(function, module, function.node))
        try:
            yield
        finally:
            self._frames.pop()

    def at(self, node: ast.AST) -> None:
        """Says which statement or call is run now."""
        if self._frames:
            self._frames[-1].node = node

    def location(self) -> tuple[str, ...]:
        """The module that is run, and the line of the user's source, where they are known."""
        return tuple(part for part in self._place() if part)

    def where(self) -> str:
        """The place as part of a message."""
        module, line = self._place()
        return f"in {module or 'the module itself'}{f' ({line})' if line else ''}"

    def _place(self) -> tuple[str, str]:
        """The module and the line: the innermost that is not PyTorch's own, if there is one."""
        if not self._frames:
            return "", ""
        innermost_first = self._frames[::-1]
        users = [f for f in innermost_first if not f.function.name.startswith(_TORCH)]
        own = [f for f in innermost_first if f.function.name.startswith(_TORCH)]
        # Tables of PyTorch's own code are mostly never read.
        lines = (frame.function.file.source_line(frame.node) for frame in (*users, *own))
        return self._frames[-1].module, next(filter(None, lines), "")
