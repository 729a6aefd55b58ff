"""JSON of unknown origin: every read checks the type, and says where something else stands."""

import json
from collections.abc import Iterator

from ...errors import InputError

LARGEST_NUMBER = (1 << 64) - 1


def malformed(where: str, problem: str) -> InputError:
    """The error for a program that is not as torch.export writes it."""
    return InputError(
        f"The exported program is damaged: {where} {problem}. "
        "Save it again with torch.export.save, or download it again."
    )


def parse_json(content: bytes, name: str) -> "Record":
    """The JSON object that a member holds; raises InputError."""
    try:
        return Record(json.loads(content), name)
    except RecursionError:
        raise malformed(name, "is nested too deeply") from None
    except ValueError as error:
        raise malformed(name, f"is not JSON ({error})") from None


class Record:
    """A JSON object and where it stands. Every method raises InputError for what is missing or of another type."""

    __slots__ = ("_fields", "where")

    def __init__(self, content: object, where: str) -> None:
        if not isinstance(content, dict):
            raise malformed(where, f"is no object but {brief(content)}")
        self._fields = content
        self.where = where

    def __contains__(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def _get(self, name: str) -> object:
        if name not in self._fields:
            raise malformed(self.where, f"has no field {name!r}")
        return self._fields[name]

    def text(self, name: str) -> str:
        return as_text(self._get(name), f"{self.where}.{name}")

    def integer(self, name: str) -> int:
        return as_integer(self._get(name), f"{self.where}.{name}")

    def flag(self, name: str, default: bool) -> bool:
        found = self._fields.get(name)
        return default if found is None else as_flag(found, f"{self.where}.{name}")

    def record(self, name: str) -> "Record":
        return Record(self._get(name), f"{self.where}.{name}")

    def entries(self, name: str) -> list[object]:
        return as_list(self._get(name), f"{self.where}.{name}")

    def records(self, name: str) -> "list[Record]":
        return records_of(self._get(name), f"{self.where}.{name}")

    def texts(self, name: str) -> list[str]:
        return [as_text(e, f"{self.where}.{name}") for e in self.entries(name)]

    def items(self) -> Iterator[tuple[str, object]]:
        yield from self._fields.items()

    def union(self) -> tuple[str, object]:
        """The one alternative that is given, with its content."""
        given = [(tag, content) for tag, content in self._fields.items() if content is not None]
        if len(given) != 1:
            raise malformed(self.where, f"is no one alternative but {brief(self._fields)}")
        return given[0]


def records_of(content: object, where: str) -> list[Record]:
    return [Record(e, f"{where}[{i}]") for i, e in enumerate(as_list(content, where))]


def as_list(content: object, where: str) -> list[object]:
    if not isinstance(content, list):
        raise malformed(where, f"is no list but {brief(content)}")
    return content


def as_text(content: object, where: str) -> str:
    if not isinstance(content, str):
        raise malformed(where, f"is no text but {brief(content)}")
    return content


def as_integer(content: object, where: str) -> int:
    if isinstance(content, bool) or not isinstance(content, int):
        raise malformed(where, f"is no integer but {brief(content)}")
    if abs(content) > LARGEST_NUMBER:
        raise malformed(where, f"is too large a number: {brief(content)}")
    return content


def as_flag(content: object, where: str) -> bool:
    if not isinstance(content, bool):
        raise malformed(where, f"is neither true nor false but {brief(content)}")
    return content


def as_float(content: object, where: str) -> float:
    """A float; JSON has none of ``Infinity``, ``-Infinity`` and ``NaN``, which are written as text."""
    if isinstance(content, str) and content in ("Infinity", "-Infinity", "NaN"):
        return float(content.replace("Infinity", "inf"))
    if isinstance(content, int) and not isinstance(content, bool):
        return float(as_integer(content, where))
    if not isinstance(content, float):
        raise malformed(where, f"is no number but {brief(content)}")
    return content


def brief(content: object) -> str:
    """JSON as messages show it."""
    if isinstance(content, dict | list):
        return f"{'an object' if isinstance(content, dict) else 'a list'} of {len(content)}"
    if isinstance(content, int) and abs(content) > LARGEST_NUMBER:
        return f"a number of {content.bit_length()} bits"
    text = json.dumps(content)
    return text if len(text) <= 60 else f"{text[:60]}…"
