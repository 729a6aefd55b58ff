"""Texts of a program: Python's own, but for defaults that TorchScript spells otherwise."""

import re
from collections.abc import Callable, Sequence

from ..registry import Importer, Table, describe
from ..scalars import Int
from ..scope import known_int
from ..tensors import Unsupported
from ..work import MAX_TEXT
from .lists import sliced

TABLE = Table()

_SPACES = " \n\t\f\v"

_OF_ONE: dict[str, Callable[[str], object]] = {
    "capitalize": str.capitalize,
    "isalnum": str.isalnum,
    "isalpha": str.isalpha,
    "isdecimal": str.isdecimal,
    "isdigit": str.isdigit,
    "isidentifier": str.isidentifier,
    "islower": str.islower,
    "isnumeric": str.isnumeric,
    "isprintable": str.isprintable,
    "isspace": str.isspace,
    "istitle": str.istitle,
    "isupper": str.isupper,
    "lower": str.lower,
    "swapcase": str.swapcase,
    "title": str.title,
    "upper": str.upper,
    "len": len,
    "list": list,
    "ord": ord,
}

_SEARCHES: dict[str, Callable[[str, str], object]] = {
    "count": str.count,
    "endswith": str.endswith,
    "find": str.find,
    "index": str.index,
    "rfind": str.rfind,
    "rindex": str.rindex,
    "startswith": str.startswith,
}

_OF_TWO: dict[str, Callable[[str, str], object]] = {
    "add": str.__add__,
    "eq": str.__eq__,
    "ge": str.__ge__,
    "gt": str.__gt__,
    "le": str.__le__,
    "lt": str.__lt__,
    "ne": str.__ne__,
}


def _of_one(function: Callable[[str], object]) -> Importer:
    def importer(self: str) -> object:
        return function(self)

    return importer


def _of_two(function: Callable[[str, str], object]) -> Importer:
    def importer(a: str, b: str) -> object:
        return function(a, b)

    return importer


def _search(function: Callable[..., object]) -> Importer:
    def importer(self: str, substr: str, start: int = 0, end: int = -1) -> object:
        # TorchScript's -1 stands for the end.
        return function(self, substr, start, None if end == -1 else end)

    return importer


for _name, _function in _OF_ONE.items():
    TABLE.imports(_name)(_of_one(_function))
for _name, _binary in _OF_TWO.items():
    TABLE.imports(_name)(_of_two(_binary))
for _name, _binary in _SEARCHES.items():
    TABLE.imports(_name)(_search(_binary))


@TABLE.imports("format")
def format_(self: str, *args: object) -> str:
    values = iter(args)
    return re.sub(r"\{[^{}]*\}", lambda _: text(next(values)), self)


@TABLE.imports("percentFormat")
def percent_format(self: str, *args: object) -> str:
    if len(args) == 1 and isinstance(args[0], tuple):
        args = args[0]
    if re.search(r"%[^A-Za-z%]*(\*|[0-9]{4})", self):
        raise Unsupported("it pads to over a thousand characters")
    return self % tuple(a if isinstance(a, int | float | str) else text(a) for a in args)


@TABLE.imports("str")
def str_(elem: object) -> str:
    return text(elem)


def text(value: object) -> str:
    """How a program prints a value; what is not known yet prints as what it is."""
    return value if isinstance(value, str) else _element_text(value)


def _element_text(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_element_text, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_element_text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_element_text(k)}: {_element_text(v)}' for k, v in value.items())}}}"
    return repr(value) if isinstance(value, str) else describe(value)


def _require_modest(length: int) -> None:
    """Raises Unsupported when a text would become too long to be made."""
    if length > MAX_TEXT:
        raise Unsupported(f"it gives a text of more than {MAX_TEXT} characters")


@TABLE.imports("__getitem__", "prim::StringIndex")
def character(s: str, index: Int) -> str:
    return s[known_int(index, "the place in a text")]


@TABLE.imports("slice")
def slice_(string: str, start: Int | None = None, end: Int | None = None, step: Int = 1) -> str:
    return string[sliced(start, end, step)]


@TABLE.imports("__contains__")
def contains(a: str, b: str) -> bool:
    return b in a


@TABLE.imports("join")
def join(self: str, values: Sequence[str]) -> str:
    _require_modest(len(self) * len(values))
    return self.join(values)


@TABLE.imports("split")
def split(self: str, separator: str | None = None, max: int = -1) -> list[str]:
    return self.split(separator, max)


@TABLE.imports("rsplit")
def rsplit(self: str, separator: str = " ", max: int = -1) -> list[str]:
    return self.rsplit(separator, max)


@TABLE.imports("splitlines")
def splitlines(self: str, keepends: bool = False) -> list[str]:
    return self.splitlines(keepends)


@TABLE.imports("partition")
def partition(self: str, separator: str) -> tuple[str, str, str]:
    return self.partition(separator)


@TABLE.imports("rpartition")
def rpartition(self: str, separator: str) -> tuple[str, str, str]:
    return self.rpartition(separator)


@TABLE.imports("replace")
def replace(self: str, old: str, new: str, max: int = -1) -> str:
    _require_modest(self.count(old) * len(new))
    return self.replace(old, new, max)


@TABLE.imports("strip")
def strip(self: str, chars: str = _SPACES) -> str:
    return self.strip(chars)


@TABLE.imports("lstrip")
def lstrip(self: str, chars: str = _SPACES) -> str:
    return self.lstrip(chars)


@TABLE.imports("rstrip")
def rstrip(self: str, chars: str = _SPACES) -> str:
    return self.rstrip(chars)


@TABLE.imports("center")
def center(self: str, width: int, fillchar: str = " ") -> str:
    _require_modest(width)
    return self.center(width, fillchar)


@TABLE.imports("ljust")
def ljust(self: str, width: int, fillchar: str = " ") -> str:
    _require_modest(width)
    return self.ljust(width, fillchar)


@TABLE.imports("rjust")
def rjust(self: str, width: int, fillchar: str = " ") -> str:
    _require_modest(width)
    return self.rjust(width, fillchar)


@TABLE.imports("zfill")
def zfill(self: str, width: int) -> str:
    _require_modest(width)
    return self.zfill(width)


@TABLE.imports("expandtabs")
def expandtabs(self: str, tabsize: int = 8) -> str:
    _require_modest(self.count("\t") * tabsize)
    return self.expandtabs(tabsize)


@TABLE.imports("chr")
def chr_(i: int) -> str:
    return chr(i)


@TABLE.imports("bin")
def bin_(i: int) -> str:
    return bin(i)


@TABLE.imports("hex")
def hex_(i: int) -> str:
    return hex(i)


@TABLE.imports("oct")
def oct_(i: int) -> str:
    return oct(i)
