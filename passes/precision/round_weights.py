"""round-weights: float weights to numbers that a shorter float holds; what computes with them stays as it is.

Targets whose files hold weights in halves, and whose runtimes compute with them as they see fit, store such a weight in
half its bytes without another loss.
"""

from collections.abc import Sequence

import numpy as np

from ...errors import InputError
from ...ir import Array, Module, Value
from ...ops import tensor
from ...pass_manager import module_pass
from ...types import DType
from ...weights import Weight, release
from ..compression.logarithms import feeds_logarithm
from ..quantization.weights import weights_in
from .half_constants import unfit_for_half

SHORT_FLOATS = (DType.F16, DType.BF16)

FEWEST = 1024
"""Weights of fewer elements are left alone: they take no room, and what they would lose is lost for nothing."""

_COMPARED_AT_ONCE = 2**16

_LOGARITHM = "a logarithm is taken of what it computes"


@module_pass(needed=True)
def round_weights(module: Module, *, dtype: DType = DType.F16) -> bool:
    """Rounds large f32 weights to numbers of ``dtype``, f16 or bf16; they stay f32, as what computes with them does.

    Biases, small weights and those that f16 cannot hold (too large or too small) stay as they are. Raises InputError
    for another dtype.
    """
    if dtype not in SHORT_FLOATS:
        raise InputError(f"round-weights: weights can be rounded to f16 or bf16, not {dtype.value}")
    weights: dict[int, Weight] = {}
    changed = False
    for constant, reason in _weights(module, dtype).items():
        if reason:
            continue
        weight = constant.value
        if id(weight) not in weights:
            weights[id(weight)] = _rounded(weight, dtype)
        if weights[id(weight)] is not weight:
            _put(weights[id(weight)], constant)
            changed = True
    return changed


def describe_unrounded(module: Module, dtype: DType) -> Sequence[str]:
    """A line for each weight that the pass leaves as it is because it would be lost."""
    reasons = _weights(module, dtype).items()
    return [f"weight {constant.result.name} stays f32: {reason}" for constant, reason in reasons if reason]


def _weights(module: Module, dtype: DType) -> dict[tensor.Constant, str]:
    """The constants that are large f32 weights, each with what keeps it from being rounded, if anything does."""
    found: dict[tensor.Constant, str] = {}
    for function in module.functions.values():
        for use in weights_in(function):
            constant = use.value.owner
            if not isinstance(constant, tensor.Constant) or not _is_large(use.value) or found.get(constant):
                continue
            # bf16 has the range of f32.
            unfit = unfit_for_half(use.value, constant.value.array) if dtype is DType.F16 else ""
            found[constant] = unfit or (_LOGARITHM if feeds_logarithm(use.op) else "")
    return found


def _is_large(weight: Value) -> bool:
    type_ = weight.type
    is_plain = type_.dtype is DType.F32 and type_.quantization is None
    return is_plain and int(np.prod(type_.static_shape)) >= FEWEST


def _rounded(weight: Weight, dtype: DType) -> Weight:
    """The weight itself when it holds such numbers alone."""
    array: Array = weight.array
    short = array.astype(dtype.numpy, order="C")
    is_rounded = _differ(array, short)
    release(array)
    return Weight.widened(short, weight.type.dtype, _name_of(weight, dtype)) if is_rounded else weight


def _differ(array: Array, short: Array) -> bool:
    """Whether an element does: seldom is one of the first rows like its rounded self."""
    rows = max(1, _COMPARED_AT_ONCE * len(array) // array.size)
    for start in range(0, len(array), rows):
        here = array[start : start + rows]
        if not np.array_equal(short[start : start + rows].astype(array.dtype), here, equal_nan=True):
            return True
    return False


def _name_of(weight: Weight, dtype: DType) -> str:
    return f"{weight.name}.{dtype.value}" if weight.name else ""


def _put(weight: Weight, old: tensor.Constant) -> None:
    """Puts a constant in the place of another."""
    assert old.function is not None
    new = tensor.Constant(weight)
    new.location, new.result.type = old.location, old.result.type
    new.result.name, old.result.name = old.result.name, ""
    old.function.ops.insert_before(old, new)
    old.result.replace_all_uses_with(new.result)
    old.erase()
