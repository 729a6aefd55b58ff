"""How weights are stored, and what that costs them."""

from collections.abc import Mapping, Sequence

import numpy as np

from ...ir import Array, Module, Op, Value
from ...ops import quant, tensor
from ...passes.compression.palettize_weights import PalettizedWeight
from ...passes.compression.quantize_weights import QuantizedWeight
from ...passes.patterns import elements_of
from ...passes.quantization.uniform import signal_to_noise
from ...passes.quantization.weights import WeightUse, weights_of
from ...types import TensorType
from .facts import WeightFacts


def weight_facts(
    reference: Module, quantized: Module, known: Sequence[QuantizedWeight | PalettizedWeight]
) -> list[WeightFacts]:
    """The weights of ``main``, each once, against those of the float module."""
    exact = {(op.results[0].name, use.field): use for op in reference.main.ops for use in weights_of(op)}
    reasons = {w.name: w.reason for w in known if w.reason}
    facts, seen = [], set[Value]()
    for op in quantized.main.ops:
        for use in weights_of(op):
            if use.value in seen:
                continue
            seen.add(use.value)
            before = exact.get((op.results[0].name, use.field))
            facts.append(_facts(op, use, before, reasons))
    return facts


def _facts(op: Op, use: WeightUse, before: WeightUse | None, reasons: Mapping[str, str]) -> WeightFacts:
    elements = elements_of(use.value)
    exact = None if before is None else elements_of(before.value)
    name = _name(before.value if before is not None else use.value) or " and ".join(op.location)
    bits, axis, block, form = _form(use.value)
    return WeightFacts(
        name=name,
        op=op.results[0].name,
        shape=elements.shape,
        form=form,
        bits=bits,
        axis=axis,
        block=block,
        zeros=float(np.mean(elements == 0)) if elements.size else 0.0,
        sqnr=None if exact is None or exact.shape != elements.shape else _sqnr(exact, elements),
        reason=reasons.get(name, "") or next((reasons[n] for n in op.location if n in reasons), ""),
    )


def _sqnr(exact: Array, found: Array) -> float | None:
    sqnr = signal_to_noise(exact, found)
    return None if sqnr == -np.inf else float(sqnr)


def _name(value: Value) -> str:
    owner = value.owner
    return (owner.value.name if isinstance(owner, tensor.Constant) else "") or value.name


def _form(value: Value) -> tuple[int, int | None, int | None, str]:
    """Bits of an element, the axis and the block of the scales, and all that in words."""
    owner = value.owner
    match owner:
        case quant.Dequantize(x=x, axis=axis, block=block):
            bits, _, _, form = _form(x)
            return bits, axis, block, f"{form or f'{bits} bits'}, {_scales(owner)}"
        case quant.Depalettize(bits=bits):
            return bits, None, None, f"indices of {bits} bits into a table"
        case quant.Densify(values=values):
            bits, axis, block, form = _form(values)
            return bits, axis, block, f"sparse, {form or f'{bits} bits'}"
    type_: TensorType = value.type
    return type_.stored.bits, None, None, "" if type_.dtype.is_integer else type_.dtype.value


def _scales(op: quant.Dequantize) -> str:
    if op.axis is None:
        text = "one scale"
    else:
        text = (
            f"a scale per index of axis {op.axis}" if op.block is None else f"blocks of {op.block} along axis {op.axis}"
        )
    return text if op.zero_point is None else f"{text}, with zero points"


__all__ = ["weight_facts"]
