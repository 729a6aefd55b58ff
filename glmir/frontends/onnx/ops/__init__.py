"""The importers of the ONNX operators, by family. A new family is one line here, or in other_domains.py
(spec/add_an_op.md)."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from ..node import Importer, ImporterTable
from . import (
    activation,
    attention,
    bits,
    convolution,
    creation,
    elementwise,
    indexing,
    legacy,
    matmul,
    ngrams,
    normalization,
    padding,
    pooling,
    quantization,
    quantized_products,
    random_numbers,
    recurrent,
    reduction,
    resize,
    sampling,
    selection,
    spectra,
    structure,
)

Operator = tuple[str, str]
"""Domain and op type."""


def merged(tables: Iterable[ImporterTable]) -> dict[Operator, Importer]:
    """All importers by (domain, op type); raises ValueError when an op has two."""
    importers: dict[Operator, Importer] = {}
    for table in tables:
        if twice := sorted(importers.keys() & table.entries.keys()):
            raise ValueError(f"two families import {', '.join(op_type for _, op_type in twice)}")
        importers |= table.entries
    return importers


_STANDARD = merged(
    (
        convolution.TABLE,
        pooling.TABLE,
        normalization.TABLE,
        attention.TABLE,
        recurrent.TABLE,
        activation.TABLE,
        resize.TABLE,
        sampling.TABLE,
        matmul.TABLE,
        elementwise.TABLE,
        reduction.TABLE,
        structure.TABLE,
        padding.TABLE,
        indexing.TABLE,
        selection.TABLE,
        ngrams.TABLE,
        creation.TABLE,
        legacy.TABLE,
        quantization.TABLE,
        random_numbers.TABLE,
        bits.TABLE,
        spectra.TABLE,
        quantized_products.TABLE,
    )
)


class _Importers(Mapping[Operator, Importer]):
    """All importers. Those of other domains than the standard's are loaded when one of them is looked for."""

    @cached_property
    def _others(self) -> dict[Operator, Importer]:
        # They are many, and few models need them.
        from .other_domains import TABLES

        return merged(TABLES)

    def __getitem__(self, operator: Operator) -> Importer:
        return (self._others if operator[0] else _STANDARD)[operator]

    def __iter__(self) -> Iterator[Operator]:
        yield from _STANDARD
        yield from self._others

    def __len__(self) -> int:
        return len(_STANDARD) + len(self._others)


IMPORTERS: Mapping[Operator, Importer] = _Importers()

__all__ = ["IMPORTERS", "Operator"]
