"""quantize-weights: constant weights become small integers with scales, which targets store as they are.

``weight`` becomes ``quant.dequantize(integers, scales, zero_points) {axis, block}``; what is computed stays float.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ...errors import InputError
from ...ir import Array, Module
from ...ops import quant
from ...pass_manager import module_pass
from ...types import TensorType
from ..quantization.uniform import QuantizedArray, Refinement, Scheme, quantize, signal_to_noise
from ..quantization.weights import WeightUse
from .dense_weights import SMALLEST_WEIGHT, DenseWeight, Replacement, Selection, dense_weights
from .logarithms import feeds_logarithm

WIDE = Scheme(8)
"""What weights become that blocks of fewer bits do not fit: they are small (depthwise kernels, first layers)."""

FINE = Scheme(16)
"""What weights of filter banks become whose results a logarithm is taken of: they are small, too."""

WIDE_PART = 0.1


@dataclass(frozen=True)
class Form:
    """How a weight is stored: integers of ``scheme``, a scale for each index of ``axis`` or for each block along it."""

    scheme: Scheme
    axis: int | None = None
    block: int | None = None


Rounding = Callable[[WeightUse, Array, Form], QuantizedArray | None]
"""Quantizes the elements of a weight, knowing more than them; None when it does not."""


@dataclass(frozen=True)
class WeightOptions:
    """What weights become: integers of ``scheme``, a scale per output channel, or per ``block`` of its inputs."""

    scheme: Scheme = WIDE
    block: int | None = None
    refinement: Refinement = Refinement.NONE
    selection: Selection = field(default_factory=Selection)
    wide_part: float = 0.0
    """The smallest weights, up to this part of all elements, have 8 bits if others have fewer: first layers and
    bottlenecks, which matter most and cost least."""

    rounding: Rounding | None = None


@dataclass(frozen=True)
class QuantizedWeight:
    """What became of one weight, for reports."""

    name: str
    users: tuple[str, ...]
    type: TensorType
    form: Form | None
    """None when it stays float."""

    sqnr: float = np.inf
    """In dB."""

    reason: str = ""
    """Why it is not what was asked for; empty when it is."""


@module_pass()
def quantize_weights(
    module: Module,
    *,
    bits: int = 8,
    block: int | None = None,
    symmetric: bool = True,
    refine: Refinement = Refinement.NONE,
    wide_part: float = WIDE_PART,
    min_elements: int = SMALLEST_WEIGHT,
    keep: str = "",
) -> bool:
    """Stores constant weights of layers as integers with scales per output channel, or per block of its inputs.

    Weights that the block does not fit have 8 bits, a scale per channel; so do the smallest, up to ``wide_part`` of all
    elements, where others have fewer bits. Filter banks that a logarithm follows have 16. ``keep`` names what stays
    float, separated by ``;``.
    Raises InputError for other than 2 to 8 or 16 bits, CompileError for weights with NaNs or infinities.
    """
    try:
        scheme = Scheme(bits, symmetric)
    except ValueError as error:
        raise InputError(f"quantize-weights: {error}") from None
    if block is not None and block < 2:
        raise InputError(f"quantize-weights: a block has at least 2 elements, not {block}")
    options = WeightOptions(scheme, block, refine, Selection.parse(min_elements, keep), wide_part)
    return any(weight.form is not None for weight in quantize_weights_of(module, options))


def quantize_weights_of(module: Module, options: WeightOptions) -> list[QuantizedWeight]:
    """Quantizes the weights of a module in place, and tells what became of each.

    Weights that are compressed already stay as they are, and are not told of. Raises CompileError for weights with
    NaNs or infinities, naming all of them.
    """
    return [_quantize(plan, options) for plan in plan_weights(module, options)]


@dataclass(frozen=True)
class WeightPlan:
    """What a weight is to become: a form, or None when it stays float; and why it is not what was asked for."""

    weight: DenseWeight
    form: Form | None
    reason: str = ""


def plan_weights(module: Module, options: WeightOptions) -> list[WeightPlan]:
    """What each weight is to become. Raises CompileError for weights with NaNs or infinities."""
    weights = dense_weights(module)
    wide = _smallest([w for w in weights if not options.selection.why_not(w)], options.wide_part)
    plans = []
    for weight in weights:
        if reason := options.selection.why_not(weight):
            plans.append(WeightPlan(weight, None, reason))
        elif feeds_logarithm(weight.first_use.op):
            form = Form(FINE, weight.first_use.output_axis)
            plans.append(WeightPlan(weight, form, "a logarithm is taken of what it makes"))
        elif weight in wide and options.scheme.bits < WIDE.bits:
            form = Form(WIDE, weight.first_use.output_axis)
            plans.append(WeightPlan(weight, form, "it is among the smallest, which take little room"))
        else:
            plans.append(WeightPlan(weight, *_form_of(weight.first_use, options)))
    return plans


def _smallest(weights: list[DenseWeight], part: float) -> list[DenseWeight]:
    """The smallest weights that together hold at most ``part`` of all elements."""
    room = part * sum(weight.elements.size for weight in weights)
    found = []
    for weight in sorted(weights, key=lambda w: w.elements.size):
        room -= weight.elements.size
        if room < 0:
            break
        found.append(weight)
    return found


def _form_of(use: WeightUse, options: WeightOptions) -> tuple[Form, str]:
    """How a weight is stored, and why not as was asked for (empty when it is)."""
    if options.block is None:
        return Form(options.scheme, use.output_axis), ""
    inputs = use.value.type.static_shape[use.input_axis]
    block = fitting_block(inputs, options.block)
    if block is None:
        return Form(WIDE, use.output_axis), f"blocks of {options.block} do not fit its {inputs} inputs"
    return Form(options.scheme, use.input_axis, block), ""


def _quantize(plan: WeightPlan, options: WeightOptions) -> QuantizedWeight:
    weight, form = plan.weight, plan.form
    if form is None:
        return QuantizedWeight(weight.name, weight.users, weight.value.type, None, reason=plan.reason)
    quantized = _rounded(weight, form, options)
    sqnr = signal_to_noise(weight.elements, quantized.dequantized())
    _replace(weight, quantized)
    return QuantizedWeight(weight.name, weight.users, weight.value.type, form, sqnr, plan.reason)


def fitting_block(inputs: int, block: int) -> int | None:
    """The longest block of at most ``block`` and more than half of it that divides the inputs; None without one."""
    return next((b for b in range(block, block // 2, -1) if inputs % b == 0), None)


def _rounded(weight: DenseWeight, form: Form, options: WeightOptions) -> QuantizedArray:
    elements = weight.elements
    if options.rounding is not None:
        quantized = options.rounding(weight.first_use, elements, form)
        if quantized is not None:
            return quantized
    return quantize(elements, form.scheme, axis=form.axis, block=form.block, refinement=options.refinement)


def _replace(weight: DenseWeight, quantized: QuantizedArray) -> None:
    replacement, grouping = Replacement(weight), quantized.grouping
    integers = replacement.stored(quantized.stored, "quantized")
    # The scales have the dtype that the weight had, which the layer computes in.
    scales = replacement.stored(quantized.scales.astype(weight.elements.dtype), "scale")
    zeros = None if quantized.zero_points is None else replacement.stored(quantized.zero_points, "zero_point")
    replacement.finish(quant.Dequantize(integers, scales, zeros, grouping.axis, grouping.block))


__all__ = ["Form", "QuantizedWeight", "WeightOptions", "WeightPlan", "plan_weights", "quantize_weights_of"]
