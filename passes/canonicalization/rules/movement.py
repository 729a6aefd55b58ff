"""Transposes with reshapes between them become one, and those that a linear layer can undo go.

A transpose permutes the atoms of its operand's shape, a reshape groups them: see ``axis_atoms``.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from ....dims import Dim, product
from ....ir import Op, Value
from ....opdef import replace
from ....ops import nn, tensor
from ....rewriter import RuleSet
from ...axis_atoms import common_atoms
from ...patterns import constant, constant_array, reshape

RULES = RuleSet()


@RULES.on(tensor.Transpose)
def transpose_around_reshape(op: tensor.Transpose) -> Value | None:
    """transpose(reshape(transpose(x))) -> reshape(transpose(reshape(x))) where axes are only split and merged"""
    match op.x:
        case Value(
            owner=tensor.Reshape(
                x=Value(owner=tensor.Transpose(x=x, permutation=inner)) as middle, dims=None, shape=shape
            ),
            has_one_use=True,
        ):
            atoms = common_atoms(middle.type.shape, shape)
        case _:
            return None
    if atoms is None:
        return None
    source = _flat(atoms.before[inner.index(axis)] for axis in range(len(inner)))
    target = _flat(atoms.after[axis] for axis in op.permutation)
    return reshape(_transposed(x, atoms.sizes, source, target), op.result.type.shape)


@RULES.on(nn.Linear)
def transpose_into_weight(op: nn.Linear) -> Op | None:
    """linear(reshape(transpose(x)), w) -> linear(reshape(x), w with its columns reordered)"""
    weight = constant_array(op.weight)
    match op.x:
        case Value(
            owner=tensor.Reshape(
                x=Value(owner=tensor.Transpose(x=x, permutation=inner)) as middle, dims=None, shape=shape
            ),
            has_one_use=True,
        ) if weight is not None:
            atoms = common_atoms(middle.type.shape, shape)
        case _:
            return None
    if atoms is None:
        return None
    source = _flat(atoms.before[inner.index(axis)] for axis in range(len(inner)))
    columns = atoms.after[-1]
    rows = _flat(atoms.after[:-1])
    sizes = [d for d in (atoms.sizes[a] for a in columns) if isinstance(d, int)]
    if source[: len(rows)] != rows or len(sizes) != len(columns):
        return None
    # The columns as the layer knows them, one axis an atom, then in the order in which they stand in x.
    split = weight.reshape(-1, *sizes)
    order = [1 + columns.index(a) for a in source[len(rows) :]]
    reordered = np.transpose(split, (0, *order)).reshape(weight.shape)
    return replace(op, x=reshape(x, shape), weight=constant(reordered, op.weight))


def _transposed(x: Value, sizes: Sequence[Dim], source: Sequence[int], target: Sequence[int]) -> Value:
    """``x``, whose elements are ordered by the atoms ``source``, reordered by ``target``; the axes are blocks of atoms.

    Atoms that stay neighbours move as one.
    """
    blocks: list[list[int]] = []
    for atom in source:
        is_neighbour = bool(blocks) and _follows(blocks[-1][-1], atom, target)
        if is_neighbour:
            blocks[-1].append(atom)
        else:
            blocks.append([atom])
    first = [block[0] for block in blocks]
    permutation = tuple(first.index(atom) for atom in target if atom in first)
    grouped = reshape(x, tuple(product(sizes[atom] for atom in block) for block in blocks))
    is_moved = permutation != tuple(range(len(permutation)))
    return tensor.Transpose(grouped, permutation).result if is_moved else grouped


def _follows(atom: int, other: int, order: Sequence[int]) -> bool:
    return order.index(other) == order.index(atom) + 1


def _flat(groups: Iterable[Sequence[int]]) -> list[int]:
    return [atom for group in groups for atom in group]
