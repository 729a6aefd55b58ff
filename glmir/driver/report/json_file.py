"""A report as JSON, to be read by programs and by ``glmir report``."""

import dataclasses
import json
import math
import types
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, get_args, get_origin, get_type_hints

from ...errors import InputError
from .facts import Report

FORMAT = "glmc report"
VERSION = 2

FactsT = TypeVar("FactsT")


def to_json(report: Report) -> str:
    """The text of the file: a fact a line. Infinite numbers are the texts ``inf`` and ``-inf``."""
    content = {"format": FORMAT, "version": VERSION, **_plain_fields(report)}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain_fields(facts: object) -> dict[str, object]:
    assert dataclasses.is_dataclass(facts)
    return {field.name: _plain(getattr(facts, field.name)) for field in dataclasses.fields(facts)}


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return _plain_fields(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return str(value) if not math.isfinite(value) else value
    return value


def read_report(path: Path) -> Report:
    """The report that a file holds; raises InputError."""
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path} is no report: it is not JSON") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} is no report that glmc wrote")
    if content.get("version") != VERSION:
        raise InputError(f"{path} is a report of version {content.get('version')}, and this glmc reads {VERSION}")
    try:
        return _facts(Report, content)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is a damaged report: {error}") from None


def _facts(kind: type[FactsT], content: Mapping[str, object]) -> FactsT:
    hints = get_type_hints(kind)
    assert dataclasses.is_dataclass(kind)
    return kind(**{f.name: _value(hints[f.name], content[f.name]) for f in dataclasses.fields(kind)})


def _value(hint: object, content: object) -> object:
    """What stands for a value of a type; raises TypeError when it is none."""
    if isinstance(hint, types.UnionType):
        (kind,) = (member for member in get_args(hint) if member is not type(None))
        return None if content is None else _value(kind, content)
    if get_origin(hint) is tuple and isinstance(content, list):
        return tuple(_value(get_args(hint)[0], item) for item in content)
    if hint is float and isinstance(content, str | int):
        return float(content)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(content, dict):
        return _facts(hint, content)
    if not isinstance(hint, type) or not isinstance(content, hint):
        raise TypeError(f"{content!r} stands where {getattr(hint, '__name__', hint)} should")
    return content


__all__ = ["read_report", "to_json"]
