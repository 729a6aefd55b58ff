"""The generated page of the operations of PyTorch that can be imported (``spec/aten.md``)."""

import inspect
import re
from collections.abc import Iterator

from ..frontends.aten.ops import TABLE
from ..frontends.aten.registry import Overload


def sections() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each namespace with its operations: name and what each of its forms takes."""
    spaces: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(TABLE.overloads):
        space, _, short = name.rpartition("::")
        forms = dict.fromkeys(signature(o) for o in TABLE.overloads[name] if not _only_refuses(o))
        if not forms:
            continue
        spaces.setdefault(space or "aten", []).append((f"`{short}`", "<br>".join(f"`({form})`" for form in forms)))
    yield from sorted(spaces.items())


def signature(overload: Overload) -> str:
    """The parameters of one form, each with its type and default."""
    parameters = inspect.signature(overload.importer).parameters.values()
    own = [p for p in parameters if _annotation(p) != "Scope"]
    texts: list[str] = []
    for parameter in own:
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in texts and not _has_rest(own):
            texts.append("*")
        star = _STARS.get(parameter.kind, "")
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        texts.append(f"{star}{parameter.name}: {_annotation(parameter)}{default}")
    return ", ".join(texts)


_STARS: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def _only_refuses(overload: Overload) -> bool:
    """Whether the form takes anything whatever, to say why it is not supported."""
    parameters = inspect.signature(overload.importer).parameters.values()
    return bool(parameters) and all(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)


def _has_rest(parameters: list[inspect.Parameter]) -> bool:
    return any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _annotation(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    text = re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", text)
    for union, name in _UNIONS.items():
        text = text.replace(union, name)
    return text


_UNIONS = {
    "int | float | bool | SymInt | SymFloat | Scalar": "Number",
    "int | SymInt | Scalar": "Int",
}
"""What annotations write out -> the name of it (glmir/frontends/aten/scalars.py)."""
