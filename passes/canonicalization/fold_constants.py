"""fold-constants: what depends on constants only is computed now."""

from math import prod

import numpy as np

from ...dims import SymInt
from ...ir import Array, Module, Op, Value
from ...opdef import replace
from ...ops import quant, tensor
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ...types import DType
from ..patterns import constant, constant_array, is_compressed
from ..quantization.moves import moved_operands
from .rules.broadcasts import without_repetition

GROWTH_LIMIT = 2**16
"""A result of at most this many elements is folded even when its operands are smaller: the table of relative positions
that attention over windows gathers is, a mask over whole sequences is not."""

_VIEWS = (tensor.Reshape, tensor.Slice, tensor.Split, tensor.Transpose)
"""Ops whose result on an array is a view of it: folding them costs nothing."""


@module_pass(needed=True)
def fold_constants(module: Module, *, max_elements: int = 2**24, max_growth: int = GROWTH_LIMIT) -> bool:
    """Evaluates ops whose operands are all constant. A tensor without elements is known, whoever computes it.

    Results of more than ``max_elements`` elements stay ops, and so do those of more than ``max_growth`` elements that
    are larger than what they are computed from (expand, tile, one-hot): the artifact would grow. Up to 65,536
    elements those are not counted that repeat others along an axis. Views (transpose, reshape, slice, split) cost
    nothing and are always folded, without a copy. Compressed weights (dequantize, depalettize, densify) stay as they
    are: pass dissolve-compression makes constants of them where a target cannot store them. Views and concatenations of
    those with one scale are views and concatenations of their integers.
    """
    rules = RuleSet()

    @rules.on(Op)
    def fold(op: Op) -> list[Value] | None:
        """f(constants) -> constant"""
        return _fold(op, max_elements, max_growth)

    @rules.on(Op)
    def move_integers(op: Op) -> list[Value] | None:
        """move(dequantize(constants)) -> dequantize(move(constants)), of one scale"""
        return _move_integers(op)

    changed = False
    # What moves compressed weights asks for their scales, which may become known after it was tried.
    while apply_rules(module, rules):
        changed = True
    return changed


def _move_integers(op: Op) -> list[Value] | None:
    moved = op.operands
    if not isinstance(op, (*_VIEWS, tensor.Concat)) or len(moved) != len(moved_operands(op)):
        return None
    stored = [v.owner for v in moved if isinstance(v.owner, quant.Dequantize) and is_compressed(v)]
    if len(stored) != len(moved) or len({_one_scale(s) for s in stored}) != 1 or _one_scale(stored[0]) is None:
        return None
    integers = tuple(s.x for s in stored)
    made = replace(op, xs=integers) if isinstance(op, tensor.Concat) else replace(op, x=integers[0])
    return [replace(stored[0], x=result).result for result in made.results]


def _one_scale(op: quant.Dequantize) -> tuple[DType, float, int] | None:
    """How the integers are to be understood; None when places tell their scales, or the scale is no constant."""
    scale, zero = constant_array(op.scale), constant_array(op.zero_point)
    if op.axis is not None or scale is None or (zero is None and op.zero_point is not None):
        return None
    return op.stored, float(scale.reshape(())), 0 if zero is None else int(zero.reshape(()))


def _fold(op: Op, max_elements: int, max_growth: int) -> list[Value] | None:
    if not op.operands or not op.results or op.has_effect or op.calls or op.is_compressed or not _is_static(op):
        return None
    if all(0 in r.type.static_shape for r in op.results):
        return [constant(_empty(r)) for r in op.results]
    operands = [_arrays(getattr(op, field.name)) for field in op.definition.operand_fields]
    if any(o is _NOT_CONSTANT for o in operands) or not _is_worthwhile(op, max_elements, max_growth):
        return None
    try:
        with np.errstate(all="ignore"):
            evaluated = op.evaluate(*operands)
    except (ValueError, IndexError, TypeError, ArithmeticError):
        # It would fail at run time too, if it is ever reached: no reason to refuse the model.
        return None
    arrays = evaluated if isinstance(evaluated, tuple) else (evaluated,)
    for array, result in zip(arrays, op.results, strict=True):
        if array.shape != result.type.shape or array.dtype != result.type.dtype.numpy:
            return None
    # What repeats itself takes no more room in the end.
    if _growth(op) > max_growth and sum(without_repetition(np.asarray(a)).size for a in arrays) > max_growth:
        return None
    return [constant(np.asarray(array)) for array in arrays]


_NOT_CONSTANT = object()


def _arrays(operand: object) -> object:
    """What ``evaluate`` takes for an operand field, or ``_NOT_CONSTANT``."""
    if operand is None:
        return None
    if isinstance(operand, tuple):
        arrays = tuple(_arrays(v) for v in operand)
        return _NOT_CONSTANT if any(a is _NOT_CONSTANT for a in arrays) else arrays
    assert isinstance(operand, Value)
    array = None if operand.type.quantization else constant_array(operand)
    if array is None and operand.type.is_static and 0 in operand.type.shape:
        return _empty(operand)
    return _NOT_CONSTANT if array is None else array


def _empty(value: Value) -> Array:
    return np.zeros(value.type.static_shape, value.type.dtype.numpy)


def _is_static(op: Op) -> bool:
    if any(not r.type.is_static or r.type.quantization for r in op.results):
        return False
    attributes = op.definition.attributes_of(op).values()
    return not any(
        isinstance(a, SymInt) or (isinstance(a, tuple) and any(isinstance(d, SymInt) for d in a)) for a in attributes
    )


def _is_worthwhile(op: Op, max_elements: int, max_growth: int) -> bool:
    if isinstance(op, _VIEWS):
        return True
    is_small = sum(prod(r.type.static_shape) for r in op.results) <= max_elements
    return is_small and _growth(op) <= max(max_growth, GROWTH_LIMIT)


def _growth(op: Op) -> int:
    """How many elements the results have, if that is more than the operands do; else 0."""
    elements = sum(prod(r.type.static_shape) for r in op.results)
    return elements if elements > sum(prod(v.type.static_shape) for v in op.operands) else 0
