"""Which line of the user's own source a place in the archive's code came from (``code/….py.debug_pkl``).

The table is a tuple ``("FORMAT_WITH_STRING_TABLE", strings, entries)``; an entry ``(offset, range, tag)`` says that the
code from a byte offset on came from ``range = ((text, file, line), start, end)``: text and file as indices of strings,
``line`` the number of the text's first line, start and end as offsets in the text
(torch/csrc/jit/serialization/source_range_serialization.cpp).
"""

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import PurePath

from ...errors import InputError
from ..torch_archives.members import Archive
from ..torch_archives.unpickling import unpickle

_FORMAT = "FORMAT_WITH_STRING_TABLE"


@dataclass(frozen=True)
class SourceLines:
    """Source lines by byte offset in one file of code."""

    line_starts: tuple[int, ...]
    offsets: tuple[int, ...]
    lines: tuple[str, ...]

    def find(self, line: int, column: int) -> str:
        """The source line of what stands at a line (from 1) and column (from 0, in bytes); empty if not known."""
        if not self.offsets or not 1 <= line <= len(self.line_starts):
            return ""
        place = bisect_right(self.offsets, self.line_starts[line - 1] + column) - 1
        return self.lines[place] if place >= 0 else ""


NO_LINES = SourceLines((), (), ())


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
            texts = [s if isinstance(s, str) else "" for s in strings]
        case _:
            return NO_LINES
    known: dict[object, str] = {}
    found = [(entry[0], _line(entry, texts, known)) for entry in entries if _is_entry(entry)]
    starts = [0]
    for text_line in source.split(b"\n"):
        starts.append(starts[-1] + len(text_line) + 1)
    found.sort(key=lambda pair: pair[0])
    return SourceLines(tuple(starts), tuple(o for o, _ in found), tuple(line for _, line in found))


def _is_entry(entry: object) -> bool:
    return isinstance(entry, tuple) and len(entry) >= 2 and isinstance(entry[0], int)


def _line(entry: tuple[object, ...], texts: list[str], known: dict[object, str]) -> str:
    match entry[1]:
        case ((list() | tuple() as pieces, int(file), int(first)), int(start), int(_)):
            key = (tuple(pieces), file, first, start)
            if key not in known:
                known[key] = _described(list(pieces), file, first, start, texts)
            return known[key]
        case _:
            return ""


def _described(pieces: list[object], file: int, first: int, start: int, texts: list[str]) -> str:
    if not 0 <= file < len(texts) or not texts[file] or not pieces:
        return ""
    before = ""
    for piece in pieces:
        if isinstance(piece, int) and 0 <= piece < len(texts):
            before += texts[piece]
        if len(before) >= start:
            break
    return f"{PurePath(texts[file]).name}:{first + before[:start].count(chr(10))}"
