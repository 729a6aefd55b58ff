"""The importers of the ONNX operators, by family. A new family is one line here (spec/add_an_op.md)."""

from collections.abc import Iterable

from ..node import Importer, ImporterTable
from . import (
    activation,
    convolution,
    creation,
    elementwise,
    indexing,
    matmul,
    normalization,
    pooling,
    quantization,
    quantized_products,
    recurrent,
    reduction,
    resize,
    structure,
)


def merged(tables: Iterable[ImporterTable]) -> dict[tuple[str, str], Importer]:
    """All importers by (domain, op type); raises ValueError when an op has two."""
    importers: dict[tuple[str, str], Importer] = {}
    for table in tables:
        if twice := sorted(importers.keys() & table.entries.keys()):
            raise ValueError(f"two families import {', '.join(op_type for _, op_type in twice)}")
        importers |= table.entries
    return importers


IMPORTERS: dict[tuple[str, str], Importer] = merged(
    (
        convolution.TABLE,
        pooling.TABLE,
        normalization.TABLE,
        recurrent.TABLE,
        activation.TABLE,
        resize.TABLE,
        matmul.TABLE,
        elementwise.TABLE,
        reduction.TABLE,
        structure.TABLE,
        indexing.TABLE,
        creation.TABLE,
        quantization.TABLE,
        quantized_products.TABLE,
    )
)

__all__ = ["IMPORTERS"]
