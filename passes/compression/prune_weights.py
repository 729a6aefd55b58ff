"""prune-weights: single weights of little magnitude become zero; the tensors keep their shapes.

Han et al., "Learning both Weights and Connections for Efficient Neural Networks", arXiv:1506.02626. A target stores
and runs sparse weights as such when the pass store-sparse stands behind this one.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...ir import Array, Module, Value
from ...ops import tensor
from ...pass_manager import module_pass
from ...weights import Weight
from ..quantization.weights import weights_in
from .prune_channels import Scope
from .selection import check_share, named

Mask = NDArray[np.bool_]


@module_pass()
def prune_weights(
    module: Module, *, amount: float = 0.0, scope: Scope = Scope.GLOBAL, pattern: str | None = None, keep: str = ""
) -> bool:
    """Sets the share ``amount`` of the weights to zero, those of the lowest magnitude in the module or in each layer.

    With a ``pattern`` n:m instead all but the n largest of every m weights along the input channels. ``keep`` names
    layers that lose none, separated by ``;``. Raises InputError for an amount that is no share, and for a pattern that
    is none.
    """
    check_share("amount", amount)
    if amount == 0 and pattern is None:
        return False
    weights = _dense_weights(module, keep)
    if pattern is not None:
        kept, group = _parsed(pattern)
        masks = [_largest_of_groups(w.array, w.input_axis, kept, group) for w in weights]
    elif scope is Scope.LAYER:
        masks = [_largest(w.array, amount) for w in weights]
    else:
        masks = _largest_of_all([w.array for w in weights], amount)
    changed = False
    for weight, mask in zip(weights, masks, strict=True):
        changed |= _zero(weight.value, ~mask)
    return changed


@dataclass(frozen=True)
class _Dense:
    """A constant that is a weight, with its elements and the axis that is summed over."""

    value: Value
    array: Array
    input_axis: int


def _dense_weights(module: Module, keep: str) -> list[_Dense]:
    """Each constant that is a weight, once: of layers and products, not embeddings, of which no sum is made."""
    is_kept, found, left = named(keep), dict[Value, _Dense](), set[Value]()
    for use in (use for function in module.functions.values() for use in weights_in(function)):
        if use.array is None or isinstance(use.op, tensor.Gather) or is_kept(use.op):
            left.add(use.value)
        else:
            found.setdefault(use.value, _Dense(use.value, use.array, use.input_axis))
    return [weight for value, weight in found.items() if value not in left]


def _parsed(pattern: str) -> tuple[int, int]:
    """n and m of ``n:m``."""
    match = re.fullmatch(r"(\d+):(\d+)", pattern)
    kept, group = map(int, match.groups()) if match else (0, 0)
    if not 0 < kept < group:
        raise InputError(f"a pattern of weights that stay is like 2:4, two of every four, not {pattern}")
    return kept, group


def _magnitudes(array: Array) -> NDArray[np.floating]:
    """In single precision at least, in which all shorter floats are what they are."""
    return np.asarray(np.abs(array.astype(np.float64 if array.dtype == np.float64 else np.float32)))


def _largest(array: Array, amount: float) -> Mask:
    """Which elements are not among the share ``amount`` of the lowest magnitude."""
    (mask,) = _largest_of_all([array], amount)
    return mask


def _largest_of_all(arrays: list[Array], amount: float) -> list[Mask]:
    if not arrays:
        return []
    magnitudes = np.concatenate([_magnitudes(array).reshape(-1) for array in arrays])
    mask = _largest_elements(magnitudes, len(magnitudes) - int(amount * len(magnitudes) + 1e-9))
    parts = np.split(mask, np.cumsum([array.size for array in arrays])[:-1])
    return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]


def _largest_elements(magnitudes: NDArray[np.floating], kept: int) -> Mask:
    """Which elements are among the ``kept`` largest; of equal ones those that stand last. NaN is larger than all."""
    removed = len(magnitudes) - kept
    if removed == 0:
        return np.ones(len(magnitudes), bool)
    threshold = np.partition(magnitudes, removed - 1)[removed - 1]
    mask = np.asarray(~(magnitudes <= threshold))
    (equal,) = np.nonzero(magnitudes == threshold)
    missing = kept - int(np.count_nonzero(mask))
    mask[equal[len(equal) - missing :]] = True
    return mask


def _largest_of_groups(array: Array, axis: int, kept: int, group: int) -> Mask:
    """Which elements are among the ``kept`` largest of their ``group`` neighbours along the axis.

    The last group may be smaller: it keeps as many.
    """
    magnitudes = np.moveaxis(_magnitudes(array), axis, -1)
    length = magnitudes.shape[-1]
    # What is missing in the last group is less than anything.
    padded = np.pad(magnitudes, [(0, 0)] * (array.ndim - 1) + [(0, -length % group)], constant_values=-1)
    grouped = padded.reshape(*padded.shape[:-1], -1, group)
    ranks = np.argsort(np.argsort(-grouped, axis=-1, kind="stable"), axis=-1)
    mask = (ranks < kept).reshape(padded.shape)[..., :length]
    return np.moveaxis(mask, -1, axis)


def _zero(value: Value, removed: Mask) -> bool:
    """Gives the constant zeros where they are not yet; returns whether any were missing."""
    constant = value.owner
    assert isinstance(constant, tensor.Constant) and constant.function is not None
    array = constant.value.array
    if not np.any(array[removed] != 0):
        return False
    pruned = tensor.Constant(Weight(np.where(removed, np.zeros((), array.dtype), array), constant.value.name))
    pruned.location, pruned.result.type = constant.location, value.type
    pruned.result.name, value.name = value.name, ""
    constant.function.ops.insert_before(constant, pruned)
    value.replace_all_uses_with(pruned.result)
    constant.erase()
    return True
