"""Ops that move elements pass those that compute each by itself, so that they meet others, or move less."""

from ....ir import Op, Value
from ....opdef import replace
from ....ops import math, tensor
from ....rewriter import RuleSet
from ...patterns import constant, constant_array, is_elementwise

RULES = RuleSet()


def _elementwise(value: Value) -> tuple[Op, Value] | None:
    """An op of no other use that computes every element of x from one of x and a number, and x."""
    if not value.has_one_use:
        return None
    match value.owner:
        case (math.Unary() | tensor.Cast()) as op if is_elementwise(op):
            return op, op.x
        case math.Binary(x=x, y=y) as op if (array := constant_array(y)) is not None and array.size == 1:
            return (op, x) if y.type.rank <= x.type.rank else None
    return None


def _again(op: Op, x: Value) -> Value:
    """The same computation on the elements of ``x``."""
    if isinstance(op, math.Binary):
        array = constant_array(op.y)
        assert array is not None
        # Beside fewer axes the number must not have more.
        return replace(op, x=x, y=constant(array.reshape(()), op.y)).result
    return replace(op, x=x).result


@RULES.on(tensor.Reshape)
def reshape_around_elementwise(op: tensor.Reshape) -> Op | None:
    """reshape(f(reshape(x))) -> reshape(f(x)), and likewise for f(x) = x + 1 and every op with a number"""
    match _elementwise(op.x):
        case (f, Value(owner=tensor.Reshape(x=x), has_one_use=True)):
            return replace(op, x=_again(f, x))
    return None


@RULES.on(tensor.Transpose)
def transpose_around_elementwise(op: tensor.Transpose) -> Op | None:
    """transpose(f(transpose(x))) -> transpose(f(x)), and likewise for f(x) = x + 1 and every op with a number"""
    match _elementwise(op.x):
        case (f, Value(owner=tensor.Transpose(x=x, permutation=inner), has_one_use=True)):
            return tensor.Transpose(_again(f, x), tuple(inner[axis] for axis in op.permutation))
    return None


@RULES.on(math.Reduction)
def transpose_after_reduction(op: math.Reduction) -> Op | None:
    """sum(transpose(x)) -> transpose(sum(x)), which is smaller, or sum(x); likewise for every reduction"""
    match op.x:
        case Value(owner=tensor.Transpose(x=x, permutation=permutation), has_one_use=True):
            pass
        case _:
            return None
    reduced = replace(op, x=x, axes=tuple(sorted(permutation[axis] for axis in op.axes)))
    if op.keep_dims:
        return tensor.Transpose(reduced.result, permutation)
    left = [permutation[axis] for axis in range(len(permutation)) if axis not in op.axes]
    if left == sorted(left):
        return reduced
    return tensor.Transpose(reduced.result, tuple(sorted(left).index(axis) for axis in left))


@RULES.on(tensor.Transpose)
def transpose_of_product(op: tensor.Transpose) -> Op | None:
    """transpose(matmul(x, y)) -> matmul(transpose(y), transpose(x)), both read transposed, where the last axes swap"""
    rank = len(op.permutation)
    match op.x:
        case Value(owner=math.MatMul(x=x, y=y) as product, has_one_use=True):
            pass
        case _:
            return None
    swaps = rank >= 2 and op.permutation == (*range(rank - 2), rank - 1, rank - 2)
    # Layers have their weights on the right.
    if not swaps or min(x.type.rank, y.type.rank) < 2 or constant_array(x) is not None or constant_array(y) is not None:
        return None
    return replace(product, x=y, y=x, transpose_x=not product.transpose_y, transpose_y=not product.transpose_x)
