"""A report as one HTML file that needs nothing else: no scripts, no fonts, nothing from the network."""

from collections.abc import Iterator
from html import escape

from .facts import Report
from .page import Section, Table, decibels, headline, percent, sections_of, size

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --mark: #0a7; }
* { box-sizing: border-box; }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
h2, summary { font-size: 1.05rem; font-weight: 600; margin: 1.6rem 0 .4rem; }
summary { cursor: pointer; }
.cards { display: flex; flex-wrap: wrap; gap: .6rem; }
.cards div { background: var(--soft); border-radius: .5rem; flex: 1 1 8rem; padding: .6rem .8rem; }
.cards b { display: block; font-size: 1.25rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
th { position: sticky; top: 0; background: Canvas; }
td { overflow-wrap: anywhere; min-width: 4rem; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; overflow-wrap: normal; }
li { margin: .3rem 0; overflow-wrap: anywhere; }
"""


def html_page(report: Report) -> str:
    """The whole page; names of the model are shown as text, whatever they hold."""
    title = _text(headline(report))
    body = "\n".join(part for section in sections_of(report) for part in _section(section))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{title}</h1>
{_cards(report)}
{body}
</body>
</html>
"""


def _cards(report: Report) -> str:
    cards = [(size(report.source_bytes), "source")]
    cards += [(size(target.file_bytes), target.name) for target in report.targets]
    if report.worst_sqnr is not None:
        cards.append((decibels(report.worst_sqnr), "SQNR of the worst output"))
    if report.recipe and report.targets and any(op.is_integer for op in report.ops):
        least = min(report.targets, key=lambda target: target.integer_share)
        cards.append((percent(least.integer_share), f"of the multiplications on integers ({least.name})"))
    return f"<div class=cards>{''.join(f'<div><b>{_text(a)}</b>{_text(b)}</div>' for a, b in cards)}</div>"


def _section(section: Section) -> Iterator[str]:
    yield (
        f"<details><summary>{_text(section.title)}</summary>" if section.is_long else f"<h2>{_text(section.title)}</h2>"
    )
    if section.text:
        yield f"<p>{_text(section.text)}</p>"
    if section.points:
        yield f"<ul>{''.join(f'<li>{_text(point)}</li>' for point in section.points)}</ul>"
    if section.table is not None:
        yield _table(section.table)
    if section.is_long:
        yield "</details>"


def _table(table: Table) -> str:
    classes = [" class=n" if heading in table.numbers else "" for heading in table.headings]
    head = "".join(f"<th{c}>{_text(h)}</th>" for c, h in zip(classes, table.headings, strict=True))
    rows = ("".join(f"<td{c}>{_text(cell)}</td>" for c, cell in zip(classes, row, strict=True)) for row in table.rows)
    lines = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>\n{lines}\n</tbody></table></div>"


def _text(text: str) -> str:
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return escape(printable)


__all__ = ["html_page"]
