"""A report as Markdown, which can also be read as it is."""

from collections.abc import Iterator, Sequence

from .facts import Report
from .page import Section, Table, headline, sections_of


def markdown(report: Report) -> str:
    """The whole page."""
    parts = [f"# {_escaped(headline(report))}"]
    for section in sections_of(report):
        parts += _lines(section)
    return "\n\n".join(parts) + "\n"


def _lines(section: Section) -> Iterator[str]:
    yield f"## {section.title}"
    if section.text:
        yield _escaped(section.text)
    if section.points:
        yield "\n".join(f"- {_escaped(point)}" for point in section.points)
    if section.table is not None:
        yield _table(section.table)


def _table(table: Table) -> str:
    rows = [table.headings, *table.rows]
    cells = [[_escaped(cell) for cell in row] for row in rows]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(table.headings))]
    are_numbers = [heading in table.numbers for heading in table.headings]
    rule = ["-" * (w - 1) + (":" if n else "-") for w, n in zip(widths, are_numbers, strict=True)]
    return "\n".join(_row(row, widths, are_numbers) for row in (cells[0], rule, *cells[1:]))


def _row(cells: Sequence[str], widths: Sequence[int], are_numbers: Sequence[bool]) -> str:
    aligned = (c.rjust(w) if n else c.ljust(w) for c, w, n in zip(cells, widths, are_numbers, strict=True))
    return f"| {' | '.join(aligned)} |"


def _escaped(text: str) -> str:
    """Text whose signs mean themselves; names in a model may be anything."""
    one_line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    for sign in "\\`*_[]<>|#":
        if sign in one_line:
            one_line = one_line.replace(sign, f"\\{sign}") if sign in "\\`*[]<>|" else one_line
    return one_line


__all__ = ["markdown"]
