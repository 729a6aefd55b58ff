"""The atoms of a reshape: the coarsest axes that the shapes before and after it are both made of.

[n, c, h, w] -> [n, g, d, h * w] has the atoms n, g, d, h, w when c is g * d.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..dims import Dim, known_equal


@dataclass(frozen=True)
class Atoms:
    """``before`` and ``after`` say for each axis of the shapes which atoms it is made of, in order."""

    sizes: list[Dim]
    before: list[list[int]]
    after: list[list[int]]


def common_atoms(before: Sequence[Dim], after: Sequence[Dim]) -> Atoms | None:
    """The atoms of two shapes of equal elements; None when an axis of one is not a product of atoms of both.

    Axes of size 1 have none.
    """
    atoms = Atoms([], [[] for _ in before], [[] for _ in after])
    left = [(axis, dim) for axis, dim in enumerate(before) if dim != 1]
    right = [(axis, dim) for axis, dim in enumerate(after) if dim != 1]
    while left and right:
        (a, size), (b, other) = left.pop(0), right.pop(0)
        if known_equal(size, other):
            atom = size
        elif (rest := _quotient(size, other)) is not None:
            atom = other
            left.insert(0, (a, rest))
        elif (rest := _quotient(other, size)) is not None:
            atom = size
            right.insert(0, (b, rest))
        else:
            return None
        atoms.before[a].append(len(atoms.sizes))
        atoms.after[b].append(len(atoms.sizes))
        atoms.sizes.append(atom)
    return None if left or right else atoms


def _quotient(size: Dim, divisor: Dim) -> Dim | None:
    if divisor == 0:
        return None
    quotient = size // divisor
    return quotient if known_equal(size, quotient * divisor) else None
