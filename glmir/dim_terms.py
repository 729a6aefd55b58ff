"""The inside of a symbolic dim, for those who translate it: a sum of integer multiples of products."""

from collections.abc import Iterator
from typing import Literal, TypeAlias, cast

from .dims import Dim, SymInt, free_symbols

Factor: TypeAlias = str | tuple[Literal["//", "max", "min"], Dim, Dim]
"""A symbol's name, or a function of two dims that does not simplify."""


def terms(dim: Dim) -> Iterator[tuple[int, tuple[Factor, ...]]]:
    """The summands of a dim: each a coefficient and what it multiplies; the constant multiplies nothing."""
    if isinstance(dim, int):
        if dim:
            yield dim, ()
        return
    for monomial, coefficient in dim._terms.items():
        yield coefficient, tuple(_factor(atom.kind, atom.args, atom.symbols) for atom in monomial)


def _factor(kind: str, arguments: tuple[Dim, ...], symbols: frozenset[str]) -> Factor:
    if kind == "symbol":
        (name,) = symbols
        return name
    return cast(Factor, (kind, *arguments))


def linear_symbol(dim: Dim) -> tuple[str, int, int] | None:
    """The name, factor and offset of a dim that is ``factor * name + offset`` with a positive factor; else None."""
    parts = {factors: coefficient for coefficient, factors in terms(dim)}
    offset = parts.pop((), 0)
    match list(parts.items()):
        case [((str(name),), int(factor))] if factor > 0:
            return name, factor, offset
    return None


def is_symbol(dim: Dim, name: str) -> bool:
    """Whether the dim is just the symbol of that name."""
    return isinstance(dim, SymInt) and free_symbols(dim) == (name,) and list(terms(dim)) == [(1, (name,))]
