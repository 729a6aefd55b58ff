"""gather-rows: chains of slices, concatenations, transposes and gathers that move whole rows become one gather.

Rolled windows, shuffled channels, interleaved parts: what such a chain does to a tensor of known shape is found by
running it on the numbers of the elements. Where every run of consecutive elements is long, a gather of rows moves each
element once. For runtimes whose gather copies rows as fast as their transposes move them, and that do not hand the ops
around it to something faster which has no gather.
"""

from functools import partial
from math import gcd, prod

import numpy as np

from ...ir import Array, Function, Module, Op, Value
from ...ops import tensor
from ...pass_manager import module_pass
from ...rewriter import erase_if_dead, insert_new_ops, is_allowed, record_rewrite
from ..patterns import constant, constant_array, reshape

NAME = "moves_as_one_gather"

LEAST_ROW = 16
"""Shorter rows would make the table of indices a burden, and copying them one by one slow."""

MOST_ELEMENTS = 2**22
"""Larger tensors are left as they are: running the chain on their elements would take the compiler long."""

Move = tensor.Slice | tensor.Concat | tensor.Transpose | tensor.Split | tensor.Reshape | tensor.Gather


@module_pass()
def gather_rows(module: Module, *, least_gain: float = 1.5) -> bool:
    """Makes gathers of slices, concatenations and transposes of one tensor that copy ``least_gain`` times as much, or
    as much by more ops."""
    changed = False
    for function in module.functions.values():
        for chain in _chains(function):
            gain = chain.gain()
            if gain >= 1:
                changed |= _rewrite(chain, function, must_save_ops=gain < least_gain)
    return changed


class _Chain:
    """The ops that do nothing but move elements of ``source``, in order."""

    def __init__(self, source: Value) -> None:
        self.source = source
        self.ops: list[Move] = []

    @property
    def results(self) -> list[Value]:
        """What other ops, or the function's caller, see of it."""
        inside: set[Op] = set(self.ops)
        values = (v for op in self.ops for v in op.results)
        return [v for v in values if any(user not in inside for user in v.uses)]

    def gain(self) -> float:
        """How many elements the ops copy for each one that gathers of the results would."""
        copies = sum(_elements(v) for op in self.ops if not isinstance(op, tensor.Reshape) for v in op.results)
        needed = sum(map(_elements, self.results))
        return copies / needed if needed else 0.0


def _elements(value: Value) -> int:
    return prod(value.type.static_shape)


def _chains(function: Function) -> list[_Chain]:
    chains: dict[Value, _Chain] = {}
    source: dict[Value, Value] = {}
    for op in function.ops:
        if not isinstance(op, Move) or not _is_known(op):
            continue
        sources = {source.get(v, v) for v in (op.operands[:1] if isinstance(op, tensor.Gather) else op.operands)}
        if len(sources) != 1:
            continue
        (root,) = sources
        if isinstance(root.owner, tensor.Constant) or root.type.quantization is not None:
            continue
        chains.setdefault(root, _Chain(root)).ops.append(op)
        source.update(dict.fromkeys(op.results, root))
    return list(chains.values())


def _is_known(op: Move) -> bool:
    """Whether everything about the move is known when the model is compiled."""
    if isinstance(op, tensor.Reshape) and op.dims is not None:
        return False
    if isinstance(op, tensor.Gather) and constant_array(op.indices) is None:
        return False
    values = (*op.operands, *op.results)
    return all(v.type.is_static and 0 < _elements(v) <= MOST_ELEMENTS for v in values)


def _rewrite(chain: _Chain, function: Function, must_save_ops: bool) -> bool:
    """Gathers every result from the source, or changes nothing if one of them is made of short rows."""
    if must_save_ops and len(chain.results) >= len(chain.ops):
        return False
    numbers = _run(chain)
    pairs = []
    for old in chain.results:
        new = _gathered(chain.source, old, numbers[old])
        if new is None:
            return False
        pairs.append((old, new))
    if must_save_ops and sum(_new_ops(new) for _, new in pairs) >= len(chain.ops):
        return False
    if not is_allowed(NAME):
        return False
    location = tuple(dict.fromkeys(part for op in chain.ops for part in op.location))
    for old, new in pairs:
        anchor = old.owner
        assert anchor is not None
        for inserted in insert_new_ops([new], partial(function.ops.insert_before, anchor)):
            inserted.location = location
        if new is not chain.source and not new.name:
            new.name, old.name = old.name, ""
        old.replace_all_uses_with(new)
    for op in reversed(chain.ops):
        if op.function is not None:
            erase_if_dead(op)
    record_rewrite(NAME)
    return True


def _new_ops(value: Value) -> int:
    """How many ops that move something stand behind ``value`` and in no function yet."""
    owner = value.owner
    if owner is None or owner.function is not None:
        return 0
    return 1 + _new_ops(owner.operands[0])


def _run(chain: _Chain) -> dict[Value, Array]:
    """Which element of the source every element of every value is."""
    numbers = {chain.source: np.arange(_elements(chain.source), dtype=np.int32)}
    numbers[chain.source] = numbers[chain.source].reshape(chain.source.type.static_shape)
    for op in chain.ops:
        match op:
            case tensor.Reshape(x=x):
                found: Array | tuple[Array, ...] = numbers[x].reshape(op.result.type.static_shape)
            case tensor.Concat(xs=xs):
                found = op.evaluate(tuple(numbers[x] for x in xs))
            case tensor.Gather(x=x, indices=indices):
                places = constant_array(indices)
                assert places is not None
                found = op.evaluate(numbers[x], places)
            case tensor.Slice(x=x) | tensor.Transpose(x=x) | tensor.Split(x=x):
                found = op.evaluate(numbers[x])
        numbers.update(zip(op.results, found if isinstance(found, tuple) else (found,), strict=True))
    return numbers


def _gathered(source: Value, result: Value, numbers: Array) -> Value | None:
    """The elements of the source with these numbers, by one gather at most; None if their rows are short."""
    flat = numbers.reshape(-1)
    if flat.size == _elements(source) and (flat == np.arange(flat.size)).all():
        return reshape(source, result.type.shape)
    row = _row(flat, source)
    if row < LEAST_ROW:
        return None
    rows = flat[::row] // row
    shape = source.type.static_shape
    for axis, size in enumerate(shape):
        # A gather along one axis of the source as it stands needs no reshape.
        inner, outer = prod(shape[axis + 1 :]), prod(shape[:axis])
        if row % inner == 0 and inner >= LEAST_ROW:
            indices = _common_indices(flat[::inner] // inner, outer, size)
            if indices is not None:
                return _reshaped_gather(source, indices, axis, result)
    merged = reshape(source, (_elements(source) // row, row))
    return _reshaped_gather(merged, rows, 0, result)


def _reshaped_gather(x: Value, indices: Array, axis: int, result: Value) -> Value:
    gathered = tensor.Gather(x, constant(indices.astype(np.int32)), axis).result
    return reshape(gathered, result.type.shape)


def _row(flat: Array, source: Value) -> int:
    """The longest row that the source and the result are both made of; 1 for any that is too short to be of use."""
    if (np.diff(flat[:LEAST_ROW]) != 1).any():
        return 1
    breaks = np.flatnonzero(np.diff(flat) != 1) + 1
    starts = flat[np.concatenate([[0], breaks])]
    return gcd(_elements(source), flat.size, int(np.gcd.reduce(breaks)), int(np.gcd.reduce(starts)))


def _common_indices(rows: Array, outer: int, size: int) -> Array | None:
    """The indices along an axis of ``size`` when those of all ``outer`` slices before it are the same."""
    if rows.size % outer != 0:
        return None
    table = rows.reshape(outer, -1) - np.arange(outer, dtype=rows.dtype)[:, None] * size
    is_common = (table == table[0]).all() and table[0].min() >= 0 and table[0].max() < size
    return np.ascontiguousarray(table[0]) if is_common else None
