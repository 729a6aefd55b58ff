"""palettize-weights: constant weights become indices into a table of few numbers."""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...ir import Module
from ...ops import quant
from ...pass_manager import module_pass
from ...types import TensorType
from ..quantization.palettes import palettize
from ..quantization.uniform import signal_to_noise
from .dense_weights import SMALLEST_WEIGHT, DenseWeight, Replacement, Selection, dense_weights

FLOAT = 4
"""Bytes of an entry, or of an element."""


@dataclass(frozen=True)
class PalettizedWeight:
    """What became of one weight, for reports."""

    name: str
    users: tuple[str, ...]
    type: TensorType
    bits: int | None
    """None when it stays as it was."""

    sqnr: float = np.inf
    """In dB."""

    reason: str = ""
    """Why it stays as it was; empty when it does not."""


@module_pass()
def palettize_weights(module: Module, *, bits: int = 4, min_elements: int = SMALLEST_WEIGHT, keep: str = "") -> bool:
    """Stores constant weights of layers as indices of 1 to 8 bits into a table, which k-means finds for each weight.

    ``keep`` names what stays float, separated by ``;``. Raises InputError for other numbers of bits, CompileError for
    weights with NaNs or infinities.
    """
    if not 1 <= bits <= 8:
        raise InputError(f"palettize-weights: indices have 1 to 8 bits, not {bits}")
    selection = Selection.parse(min_elements, keep)
    return any(weight.bits is not None for weight in palettize_weights_of(module, bits, selection))


def palettize_weights_of(module: Module, bits: int, selection: Selection) -> list[PalettizedWeight]:
    """Palettizes the weights of a module in place, and tells what became of each; raises CompileError as the pass."""
    return [_palettize(weight, bits, selection) for weight in dense_weights(module)]


def _palettize(weight: DenseWeight, bits: int, selection: Selection) -> PalettizedWeight:
    reason = selection.why_not(weight)
    if not reason and weight.elements.size * bits // 8 + (1 << bits) * FLOAT >= weight.elements.size * FLOAT:
        reason = "its table would be no smaller than it"
    if reason:
        return PalettizedWeight(weight.name, weight.users, weight.value.type, None, reason=reason)
    palette = palettize(weight.elements, bits)
    replacement = Replacement(weight)
    indices = replacement.stored(palette.indices, "indices")
    table = replacement.stored(palette.table.astype(weight.elements.dtype), "table")
    replacement.finish(quant.Depalettize(indices, table, bits))
    sqnr = signal_to_noise(weight.elements, palette.restored())
    return PalettizedWeight(weight.name, weight.users, weight.value.type, bits, sqnr)


__all__ = ["PalettizedWeight", "palettize_weights_of"]
