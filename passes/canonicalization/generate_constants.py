"""generate-constants: large constants that few numbers give are made of these when the model runs.

Masks and tables of positions are mostly one of three things: one part repeated; a few distinct parts, each at many
places; or a function of the distance of two positions (a causal mask, a band, linear biases). Their bits stay the same.
"""

from collections.abc import Iterator
from math import prod

import numpy as np

from ...ir import Array, Function, Module, Op, Value
from ...ops import math, nn, tensor
from ...pass_manager import module_pass
from ...rewriter import insert_new_ops, is_allowed, record_rewrite
from ..patterns import constant, constant_array, reshape
from .rules.broadcasts import without_repetition

NAME = "constant_of_few_numbers"

LARGEST = 2**24
"""Constants of more elements are not looked through."""


@module_pass()
def generate_constants(module: Module, *, least_saving: int = 2**12) -> bool:
    """Replaces constants that elementwise ops take by ops on smaller ones, where that saves ``least_saving`` bytes."""
    changed = False
    for function in module.functions.values():
        for op in list(function.ops):
            if isinstance(op, tensor.Constant) and op.result.is_used and all(map(_takes_any, op.result.uses)):
                changed |= is_allowed(NAME) and _generate(function, op, least_saving)
    return changed


def _takes_any(user: Op) -> bool:
    """Whether it makes no difference to the op if it knows the operand: targets have it for computed ones."""
    return isinstance(user, math.Binary | math.Select | nn.Attention)


def _generate(function: Function, op: tensor.Constant, least_saving: int) -> bool:
    array = constant_array(op.result)
    if array is None or array.nbytes < least_saving or array.size > LARGEST:
        return False
    smallest = min(_forms(array), key=_stored, default=None)
    if smallest is None or _stored(smallest) > array.nbytes - least_saving:
        return False
    insert_new_ops([smallest], lambda new: function.ops.insert_before(op, new))
    for made in _behind(smallest):
        made.location = op.location
    smallest.name, op.result.name = op.result.name, ""
    op.result.replace_all_uses_with(smallest)
    op.erase()
    record_rewrite(NAME)
    return True


def _forms(array: Array) -> Iterator[Value]:
    """The ways to compute the array that are not larger."""
    small = without_repetition(array)
    if small.size < array.size:
        yield tensor.Expand(constant(small), None, array.shape).result
    for axis in range(array.ndim - 1):
        if (found := _by_distance(array, axis)) is not None:
            yield found
    for first in range(array.ndim):
        for end in range(first + 1, array.ndim + 1):
            if array.shape[first] > 1 and array.shape[end - 1] > 1 and (found := _by_place(array, first, end)):
                yield found


def _by_distance(array: Array, axis: int) -> Value | None:
    """The array from one row of numbers when it depends on the distance of its positions along two axes alone."""
    rows, columns = array.shape[axis : axis + 2]
    if rows < 2 or columns < 2:
        return None
    flat = array.reshape(prod(array.shape[:axis]), rows, columns, -1)
    bits = _bits(flat)
    if not np.array_equal(bits[:, 1:, 1:], bits[:, :-1, :-1]):
        return None
    # By column less row, from the bottom left to the top right.
    numbers = np.concatenate([flat[:, :0:-1, 0], flat[:, 0]], 1)
    table = numbers.reshape(*array.shape[:axis], rows + columns - 1, *array.shape[axis + 2 :])
    of_row = np.arange(rows - 1, -1, -1, dtype=np.int32)[:, None]
    distances = math.Add(constant(of_row), constant(np.arange(columns, dtype=np.int32)[None])).result
    return tensor.Gather(constant(table), distances, axis).result


def _by_place(array: Array, first: int, end: int) -> Value | None:
    """The array as its distinct parts along some axes, and for each place which of them stands there."""
    places = array.shape[first:end]
    flat = array.reshape(prod(array.shape[:first]), prod(places), -1)
    parts = np.ascontiguousarray(_bits(flat).swapaxes(0, 1)).reshape(prod(places), -1)
    keys = parts.view(np.dtype((np.void, parts.shape[1] * parts.itemsize))).ravel()
    _, where, chosen = np.unique(keys, return_index=True, return_inverse=True)
    if len(where) == len(keys):
        return None
    table = flat[:, where].reshape(*array.shape[:first], len(where), *array.shape[end:])
    indices = constant(chosen.astype(np.int32).reshape(-1))
    return reshape(tensor.Gather(constant(table), indices, first).result, array.shape)


def _bits(array: Array) -> Array:
    """The elements as integers: a NaN equals itself, and -0.0 is not 0.0."""
    return np.ascontiguousarray(array).view(np.dtype(f"u{array.dtype.itemsize}"))


def _stored(value: Value) -> int:
    """The bytes of the constants that the value is made of."""
    arrays = (op.value.array for op in _behind(value) if isinstance(op, tensor.Constant))
    return sum(array.nbytes for array in arrays)


def _behind(value: Value) -> Iterator[Op]:
    if value.owner is not None:
        yield value.owner
        for operand in value.owner.operands:
            yield from _behind(operand)
