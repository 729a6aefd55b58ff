"""Which line of the user's own source a place in the archive's code came from (``code/….py.debug_pkl``).

The table is a tuple ``("FORMAT_WITH_STRING_TABLE", strings, entries)``; an entry ``(offset, range, tag)`` says that the
code from a byte offset on came from ``range = ((text, file, line), start, end)``: text and file as indices of strings,
``line`` the number of the text's first line, start and end as offsets in the text. What was traced has as
text the stack of Python's calls, one a line, innermost first
(torch/csrc/jit/serialization/source_range_serialization.cpp).
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import PurePath
from typing import TypeGuard

from ...errors import InputError
from ..torch_archives.members import Archive
from ..torch_archives.unpickling import unpickle

_FORMAT = "FORMAT_WITH_STRING_TABLE"
_FRAME = re.compile(r"(?P<path>[^(]+)\((?P<line>[0-9]{1,9})\): .*\s*")
_MAX_FRAMES, _MAX_FRAME = 100, 1000


class SourceLines:
    """Source lines by byte offset in one file of code; ranges are looked at when they are asked for."""

    def __init__(self, source: bytes, strings: Sequence[object], entries: Sequence[object]) -> None:
        self._line_starts = [0, *accumulate(len(line) + 1 for line in source.split(b"\n"))]
        self._strings = [s if isinstance(s, str) else "" for s in strings]
        found = [(e[0], e[1]) for e in entries if isinstance(e, tuple) and len(e) >= 2 and isinstance(e[0], int)]
        found.sort(key=lambda pair: pair[0])
        self._offsets = [offset for offset, _ in found]
        self._ranges = [range_ for _, range_ in found]
        self._lines: dict[int, str] = {}
        # By the identity of the list of their pieces, which many ranges share.
        self._texts: dict[int, _Text] = {}

    def find(self, line: int, column: int) -> str:
        """The source line of what stands at a line (from 1) and column (from 0, in bytes); empty if not known."""
        if not self._offsets or not 1 <= line <= len(self._line_starts):
            return ""
        place = bisect_right(self._offsets, self._line_starts[line - 1] + column) - 1
        if place < 0:
            return ""
        if place not in self._lines:
            self._lines[place] = self._line(self._ranges[place])
        return self._lines[place]

    def _line(self, range_: object) -> str:
        match range_:
            case ((list() | tuple() as pieces, int(file), int(first)), int(start), int(_)):
                if not pieces or not 0 <= file < len(self._strings):
                    return ""
                path = self._strings[file]
                if not path or _is_torch(path):
                    frames = [self._strings[p] for p in pieces[:_MAX_FRAMES] if self._is_string(p)]
                    if line := _line_of_stack(frames):
                        return line
                if not path:
                    return ""
                text = self._texts.get(id(pieces)) or self._texts.setdefault(id(pieces), _Text(pieces, self._strings))
                return f"{PurePath(path).name}:{first + text.newlines_before(start)}"
            case _:
                return ""

    def _is_string(self, place: object) -> TypeGuard[int]:
        return isinstance(place, int) and 0 <= place < len(self._strings)


def _line_of_stack(frames: Sequence[str]) -> str:
    """Of the frames of a traced operation's stack (``…/model.py(12): forward``) the innermost outside PyTorch."""
    found = [match for frame in frames if (match := _FRAME.fullmatch(frame[:_MAX_FRAME]))]
    outside = [match for match in found if not _is_torch(match["path"])]
    return f"{PurePath(outside[0]['path']).name}:{outside[0]['line']}" if outside else ""


def _is_torch(path: str) -> bool:
    return "/torch/" in path.replace("\\", "/")


class _Text:
    """A text given as pieces, by their indices among strings."""

    def __init__(self, pieces: Sequence[object], strings: Sequence[str]) -> None:
        self._pieces = [strings[p] if isinstance(p, int) and 0 <= p < len(strings) else "" for p in pieces]
        newlines = {p: p.count("\n") for p in set(self._pieces)}
        self._starts = [0, *accumulate(map(len, self._pieces))]
        self._newlines = [0, *accumulate(newlines[p] for p in self._pieces)]

    def newlines_before(self, offset: int) -> int:
        place = bisect_right(self._starts, max(offset, 0)) - 1
        if place >= len(self._pieces):
            return self._newlines[-1]
        return self._newlines[place] + self._pieces[place].count("\n", 0, offset - self._starts[place])


NO_LINES = SourceLines(b"", (), ())


def read_source_lines(archive: Archive, member: str, source: bytes) -> SourceLines:
    """The table of one file of code; an empty one when the archive has none, or one that cannot be read."""
    if member not in archive:
        return NO_LINES
    try:
        table = unpickle(archive, member, storages=None)
    except InputError:
        # What it says is for messages only: no reason to refuse the model.
        return NO_LINES
    match table:
        case (format_, list() | tuple() as strings, list() | tuple() as entries) if format_ == _FORMAT:
            return SourceLines(source, strings, entries)
        case _:
            return NO_LINES
