"""The importers of the ONNX operators, by family. A new family is one line here (spec/add_an_op.md)."""

from collections.abc import Iterable

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
    microsoft_activation,
    microsoft_attention,
    microsoft_blocked,
    microsoft_experts,
    microsoft_grouped_attention,
    microsoft_layers,
    microsoft_nhwc,
    microsoft_normalization,
    microsoft_packed_weights,
    microsoft_quantization,
    microsoft_rotary,
    microsoft_tensors,
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
    traditional,
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
        microsoft_activation.TABLE,
        microsoft_attention.TABLE,
        microsoft_grouped_attention.TABLE,
        microsoft_layers.TABLE,
        microsoft_nhwc.TABLE,
        microsoft_normalization.TABLE,
        microsoft_rotary.TABLE,
        microsoft_tensors.TABLE,
        microsoft_experts.TABLE,
        microsoft_blocked.TABLE,
        quantization.TABLE,
        random_numbers.TABLE,
        bits.TABLE,
        spectra.TABLE,
        quantized_products.TABLE,
        microsoft_quantization.TABLE,
        microsoft_packed_weights.TABLE,
        traditional.TABLE,
    )
)

__all__ = ["IMPORTERS"]
