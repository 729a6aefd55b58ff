"""Splits before the reshapes that prepare them, and transposes without the axes of size 1 that splits leave."""

from ....dims import product
from ....ir import Value
from ....ops import tensor
from ....rewriter import RuleSet
from ....types import Shape
from ...axis_atoms import common_atoms
from ...patterns import reshape

RULES = RuleSet()


@RULES.on(tensor.Split)
def split_of_reshape(op: tensor.Split) -> list[Value] | None:
    """split(reshape(x, [.., n, k, ..])) -> reshape(split(x)), x's axis of n * k elements split in parts of k each

    Where the reshape leaves the axis as it is, only between other reshapes.
    """
    match op.x:
        case Value(owner=tensor.Reshape(x=x, dims=None), has_one_use=True):
            atoms = common_atoms(x.type.shape, op.x.type.shape)
        case _:
            return None
    if atoms is None or not (own := atoms.after[op.axis]):
        return None
    for axis, whole in enumerate(atoms.before):
        is_within = len(whole) > len(own) and whole[: len(own)] == own
        if is_within or (whole == own and _only_reshaped(op)):
            run = product(atoms.sizes[atom] for atom in whole[len(own) :])
            parts = tensor.Split(x, axis, tuple(size * run for size in op.sizes)).results
            return [reshape(part, result.type.shape) for part, result in zip(parts, op.results, strict=True)]
    return None


def _only_reshaped(split: tensor.Split) -> bool:
    """Whether each part has uses, all of them reshapes."""
    return all(part.is_used and all(isinstance(u, tensor.Reshape) for u in part.users) for part in split.results)


@RULES.on(tensor.Reshape)
def reshape_around_transpose(op: tensor.Reshape) -> Value | None:
    """reshape(transpose(reshape(x))) -> transpose(reshape(x)) when the last reshape only drops axes of size 1"""
    match op:
        case tensor.Reshape(
            x=Value(
                owner=tensor.Transpose(
                    x=Value(owner=tensor.Reshape(x=x, dims=None), has_one_use=True) as middle, permutation=permutation
                ),
                has_one_use=True,
            ) as moved,
            dims=None,
            shape=shape,
        ):
            kept = _kept(moved.type.shape, shape)
        case _:
            return None
    if kept is None:
        return None
    sources = [permutation[axis] for axis in kept]
    axes = sorted(sources)
    narrow = reshape(x, tuple(middle.type.shape[axis] for axis in axes))
    return tensor.Transpose(narrow, tuple(axes.index(axis) for axis in sources)).result


def _kept(shape: Shape, narrow: Shape) -> list[int] | None:
    """The axes that ``narrow`` has of ``shape``, when it lacks some of size 1 and no others; of equal ones the last."""
    kept: list[int] = []
    left = list(narrow)
    for axis in reversed(range(len(shape))):
        if left and shape[axis] == left[-1]:
            left.pop()
            kept.insert(0, axis)
        elif shape[axis] != 1:
            return None
    return None if left or len(kept) == len(shape) else kept
