"""Identifiers of a program: what MIL allows, unique, as close to the source's names as that permits."""

import re

SOURCE_NAME = "source_name."
"""Before an identifier, in a model's metadata: the name of that input or output in the source, where it differs."""

_ILLEGAL = re.compile(r"[^A-Za-z0-9_]")

# fmt: off
_KEYWORDS = frozenset((
    "any", "bool", "program", "func", "tensor", "list", "dict", "tuple", "true", "false", "string", "state",
    "bf16", "fp16", "fp32", "fp64", "int4", "int8", "int16", "int32", "int64",
    "uint1", "uint2", "uint3", "uint4", "uint6", "uint8", "uint16", "uint32", "uint64",
))
# fmt: on
"""Words of MIL's text form, which the compiler writes programs in."""


def sanitized(name: str) -> str:
    """The identifier closest to ``name``: letters, digits and underscores, no digit first, no word of MIL."""
    identifier = _ILLEGAL.sub("_", name)
    if not identifier or identifier[0].isdigit() or identifier in _KEYWORDS:
        identifier = f"_{identifier}"
    return identifier


class Names:
    """Gives out identifiers, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def unique(self, wish: str) -> str:
        """The identifier for a name, with a number behind it when it is taken."""
        identifier = sanitized(wish)
        unique, count = identifier, self._counts.get(identifier, 0)
        while unique in self._taken:
            count += 1
            unique = f"{identifier}_{count}"
        self._counts[identifier] = count
        self._taken.add(unique)
        return unique
