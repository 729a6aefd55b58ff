"""--report: a report in the form that a path asks for."""

from pathlib import Path

from ...errors import InputError
from ..output import check_destination, write_whole
from .facts import Report
from .html_page import html_page
from .json_file import to_json
from .markdown import markdown

FORMS = {".html": html_page, ".json": to_json, ".md": markdown}


def check_report_path(path: Path, source: Path) -> None:
    """Raises InputError for a path that no report can be written to."""
    if path.suffix not in FORMS:
        raise InputError(f"--report writes {', '.join(FORMS)}, and {path} ends in none of these")
    check_destination(path, source)


def write_report(report: Report, path: Path) -> None:
    """Writes it, whole or not at all; raises InputError."""
    text = FORMS[path.suffix](report)
    with write_whole(path) as stream:
        # Names that are no Unicode (half a surrogate pair) are shown escaped.
        stream.write(text.encode("utf-8", errors="backslashreplace"))


__all__ = ["FORMS", "check_report_path", "write_report"]
