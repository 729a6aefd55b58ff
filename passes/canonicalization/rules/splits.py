"""Splits before the reshapes that prepare them, and transposes without the axes of size 1 that splits leave."""

from ....dims import product
from ....ir import Value
from ....ops import tensor
from ....rewriter import RuleSet
from ...axis_atoms import common_atoms
from ...patterns import reshape

RULES = RuleSet()


@RULES.on(tensor.Split)
def split_of_reshape(op: tensor.Split) -> list[Value] | None:
    """split(reshape(x, [.., n, k, ..])) -> reshape(split(x)), x's axis of n * k elements split in parts of k each"""
    match op.x:
        case Value(owner=tensor.Reshape(x=x, dims=None), has_one_use=True):
            atoms = common_atoms(x.type.shape, op.x.type.shape)
        case _:
            return None
    if atoms is None or not (own := atoms.after[op.axis]):
        return None
    for axis, whole in enumerate(atoms.before):
        if len(whole) > len(own) and whole[: len(own)] == own:
            run = product(atoms.sizes[atom] for atom in whole[len(own) :])
            parts = tensor.Split(x, axis, tuple(size * run for size in op.sizes)).results
            return [reshape(part, result.type.shape) for part, result in zip(parts, op.results, strict=True)]
    return None


@RULES.on(tensor.Reshape)
def reshape_around_transpose(op: tensor.Reshape) -> Value | None:
    """reshape(transpose(reshape(x))) -> reshape(transpose(reshape(x) without axes of size 1))"""
    match op:
        case tensor.Reshape(
            x=Value(
                owner=tensor.Transpose(
                    x=Value(owner=tensor.Reshape(x=x, dims=None), has_one_use=True) as middle, permutation=permutation
                ),
                has_one_use=True,
            ),
            dims=None,
        ):
            shape = middle.type.shape
        case _:
            return None
    kept = [axis for axis, dim in enumerate(shape) if dim != 1]
    if not kept or len(kept) == len(shape):
        return None
    order = tuple(kept.index(axis) for axis in permutation if axis in kept)
    narrow = reshape(x, tuple(shape[axis] for axis in kept))
    moved = narrow if order == tuple(range(len(order))) else tensor.Transpose(narrow, order).result
    return reshape(moved, op.result.type.shape)
