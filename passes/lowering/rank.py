"""Tensors of more axes than a target takes: axes that an op treats alike are merged, around it stand reshapes.

Where nothing can be merged the op is done in steps, each of which leaves some axes alone. Reshapes that meet become
one, so that in the end no tensor between them is left.
"""

from collections.abc import Hashable, Sequence
from functools import wraps
from itertools import pairwise

from ...dims import Dim, known_equal, product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.nn.activation import SoftmaxFamily
from ...rewriter import AnyRule, Replacement, RuleSet
from ...types import Shape
from ..patterns import constant_array
from . import rank_indexing
from .building import expanded, folded, folded_reshape, slice_axes, three_axes

_RULES = RuleSet()

_ELEMENTWISE = (math.Unary, math.Binary, math.Select, tensor.Cast, nn.PRelu)


def rank_rules(limit: int) -> RuleSet:
    """The rules for a target whose tensors have at most ``limit`` axes, 5 or more."""
    rules = RuleSet()
    for rule in (*_RULES.rules, *rank_indexing.RULES.rules):
        rules.on(rule.op_class)(_beyond(limit, rule.apply))
    return rules


def _beyond(limit: int, apply: AnyRule) -> AnyRule:
    @wraps(apply)
    def apply_beyond(op: Op) -> Replacement:
        return apply(op) if any(v.type.rank > limit for v in (*op.operands, *op.results)) else None

    return apply_beyond


def _runs(keys: Sequence[Hashable]) -> list[slice]:
    """The longest runs of neighbouring axes with one key; None goes with any."""
    starts: list[int] = []
    current: Hashable = None
    for axis, key in enumerate(keys):
        if not starts or (key is not None and current is not None and key != current):
            starts.append(axis)
            current = key
        elif current is None:
            current = key
    return [slice(start, end) for start, end in zip(starts, (*starts[1:], len(keys)), strict=True)]


def _merged(shape: Shape, runs: Sequence[slice]) -> Shape:
    return tuple(product(shape[run]) for run in runs)


def _aligned(shape: Shape, rank: int) -> Shape:
    """``shape`` with ones before it, as broadcasting reads it."""
    return (*(1,) * (rank - len(shape)), *shape)


def _broadcast_runs(shapes: Sequence[Shape], result: Shape) -> list[slice]:
    """Axes along which the same ones of the shapes are broadcast, run by run."""
    aligned = [_aligned(shape, len(result)) for shape in shapes]
    return _runs(
        [None if dim == 1 else tuple(shape[axis] == 1 for shape in aligned) for axis, dim in enumerate(result)]
    )


@_RULES.on(tensor.Reshape)
def reshape_of_reshape(op: tensor.Reshape) -> Value | Op | None:
    """reshape(reshape(x)) -> reshape(x)"""
    if constant_array(op.x) is not None and op.result.type.is_static:
        return folded_reshape(op.x, op.shape)
    return replace(op, x=op.x.owner.x) if isinstance(op.x.owner, tensor.Reshape) else None


@_RULES.on(Op)
def elementwise_on_merged_axes(op: Op) -> Op | None:
    """op(x, y) -> reshape(op(reshape(x), reshape(y))), neighbouring axes as one where the same operands broadcast"""
    if not isinstance(op, _ELEMENTWISE) or isinstance(op, SoftmaxFamily):
        return None
    shape = op.result.type.shape
    runs = _broadcast_runs([v.type.shape for v in op.operands], shape)
    if len(runs) == len(shape):
        # No two axes are alike: when all operands are of the result's shape, all axes are.
        return replace(op, **{f.name: expanded(getattr(op, f.name), shape) for f in op.definition.operand_fields})
    fields = {f.name: _merge_operand(getattr(op, f.name), runs, shape) for f in op.definition.operand_fields}
    return tensor.Reshape(replace(op, **fields).result, None, shape)


def _merge_operand(operand: Value, runs: Sequence[slice], shape: Shape) -> Value:
    if operand.type.rank <= 1 and all(d == 1 for d in operand.type.shape):
        return operand
    return folded_reshape(operand, _merged(_aligned(operand.type.shape, len(shape)), runs))


@_RULES.on(tensor.Expand)
def expand_on_merged_axes(op: tensor.Expand) -> Op:
    """expand(x) -> reshape(expand(reshape(x))), neighbouring axes as one; or one axis after the other"""
    shape = op.result.type.shape
    source = _aligned(op.x.type.shape, len(shape))
    runs = _broadcast_runs([source], shape)
    if len(runs) < len(shape):
        return _reshaped(tensor.Expand(_reshape(op.x, source, runs), None, _merged(shape, runs)).result, shape)
    axis = next(a for a, (old, new) in enumerate(zip(source, shape, strict=True)) if old != new)
    before, _, after = three_axes(source, axis)
    spread = expanded(folded_reshape(op.x, (before, 1, after)), (before, shape[axis], after))
    return tensor.Expand(folded_reshape(spread, _with(source, axis, shape[axis])), None, shape)


def _reshape(x: Value, shape: Shape, runs: Sequence[slice]) -> Value:
    return folded_reshape(x, _merged(shape, runs))


def _reshaped(x: Value, shape: Shape) -> Op:
    return tensor.Reshape(x, None, shape)


@_RULES.on(tensor.Transpose)
def transpose_on_merged_axes(op: tensor.Transpose) -> Op:
    """transpose(x) -> reshape(transpose(reshape(x))), axes that stay together as one; or one axis after the other"""
    shape, permutation = op.x.type.shape, op.permutation
    groups = _groups(shape, permutation)
    if len(groups) < len(shape):
        inputs = sorted(groups)
        x = folded_reshape(op.x, tuple(product(shape[a] for a in group) for group in inputs))
        moved = folded(tensor.Transpose(x, tuple(inputs.index(g) for g in groups))) if len(groups) > 1 else x
        return _reshaped(moved, op.result.type.shape)
    first = next(i for i, a in enumerate(permutation) if a != i)
    taken = permutation[first]
    blocks = (shape[:first], shape[first:taken], shape[taken : taken + 1], shape[taken + 1 :])
    x = tensor.Transpose(folded_reshape(op.x, tuple(map(product, blocks))), (0, 2, 1, 3)).result
    order = (*range(first), taken, *(a for a in range(first, len(shape)) if a != taken))
    return tensor.Transpose(
        folded_reshape(x, tuple(shape[a] for a in order)), tuple(order.index(a) for a in permutation)
    )


def _groups(shape: Shape, permutation: Sequence[int]) -> list[tuple[int, ...]]:
    """The axes that follow each other before and after, in the result's order; axes of size 1 are left out."""
    kept = [a for a in range(len(shape)) if shape[a] != 1]
    groups: list[tuple[int, ...]] = []
    for axis in (a for a in permutation if shape[a] != 1):
        place = kept.index(axis)
        if groups and place and kept[place - 1] == groups[-1][-1]:
            groups[-1] = (*groups[-1], axis)
        else:
            groups.append((axis,))
    return groups


@_RULES.on(tensor.Split)
def split_of_three_axes(op: tensor.Split) -> tuple[Value, ...]:
    """split(x) -> reshape(split(reshape(x, [before, dim, after]))) for each part"""
    parts = tensor.Split(folded_reshape(op.x, three_axes(op.x.type.shape, op.axis)), 1, op.sizes)
    return tuple(folded_reshape(new, old.type.shape) for new, old in zip(parts.results, op.results, strict=True))


@_RULES.on(tensor.Slice)
def slice_on_merged_axes(op: tensor.Slice) -> Op:
    """slice(x) -> reshape(slice(reshape(x))), neighbouring axes that stay whole as one; or one axis after the other"""
    shape = op.x.type.shape
    axes = zip(shape, op.starts, op.sizes, op.strides, strict=True)
    is_whole = [start == 0 and known_equal(size, dim) and stride == 1 for dim, start, size, stride in axes]
    runs = _kept_runs(shape, is_whole)
    if len(runs) < len(shape):
        firsts = [run.start for run in runs]
        starts, strides = tuple(op.starts[a] for a in firsts), tuple(op.strides[a] for a in firsts)
        part = tensor.Slice(_reshape(op.x, shape, runs), starts, _merged(op.sizes, runs), strides)
        return _reshaped(part.result, op.result.type.shape)
    axis = is_whole.index(False)
    three = folded_reshape(op.x, three_axes(shape, axis))
    cut = slice_axes(three, [1], [op.starts[axis]], [op.sizes[axis]], [op.strides[axis]])
    x = folded_reshape(cut, (*shape[:axis], op.sizes[axis], *shape[axis + 1 :]))
    rest = tuple(1 if a == axis else s for a, s in enumerate(op.strides))
    return tensor.Slice(x, _with(op.starts, axis, 0), op.sizes, rest)


def _kept_runs(shape: Shape, is_kept: Sequence[bool]) -> list[slice]:
    """Neighbouring axes that an op leaves as they are as one, every other axis for itself."""
    keys: list[Hashable] = []
    for axis, (dim, kept) in enumerate(zip(shape, is_kept, strict=True)):
        keys.append(("changed", axis) if not kept else (None if dim == 1 else "kept"))
    return _separate(_runs(keys), is_kept)


def _separate(runs: Sequence[slice], is_kept: Sequence[bool]) -> list[slice]:
    """The runs, with the axes of size 1 that went with a changed axis by themselves again."""
    separate: list[slice] = []
    for run in runs:
        changed = [a for a in range(run.start, run.stop) if not is_kept[a]]
        if not changed:
            separate.append(run)
            continue
        edges = (run.start, changed[0], changed[0] + 1, run.stop)
        separate += [slice(a, b) for a, b in pairwise(edges) if a < b]
    return separate


def _with(dims: Sequence[Dim], axis: int, dim: Dim) -> Shape:
    return (*dims[:axis], dim, *dims[axis + 1 :])


@_RULES.on(tensor.DynamicSlice)
def dynamic_slice_on_merged_axes(op: tensor.DynamicSlice) -> Op:
    """dynamic_slice(x) -> reshape(dynamic_slice(reshape(x))), neighbouring axes that stay whole as one; or in steps"""
    shape = op.x.type.shape
    runs = _kept_runs(shape, [a not in op.axes for a in range(len(shape))])
    if len(runs) < len(shape):
        firsts = [run.start for run in runs]
        axes = tuple(firsts.index(a) for a in op.axes)
        x = replace(op, x=_reshape(op.x, shape, runs), axes=axes, shape=_merged(op.shape, runs))
        return _reshaped(x.result, op.shape)
    first = op.axes[0]
    start, end = (slice_axes(v, [0], [0], [1]) for v in (op.starts, op.ends))
    starts, ends = (slice_axes(v, [0], [1], [len(op.axes) - 1]) for v in (op.starts, op.ends))
    cut = tensor.DynamicSlice(op.x, start, end, (first,), op.strides[:1], _with(shape, first, op.shape[first]))
    return tensor.DynamicSlice(cut.result, starts, ends, op.axes[1:], op.strides[1:], op.shape)


@_RULES.on(tensor.Pad)
def pad_on_merged_axes(op: tensor.Pad) -> Op:
    """pad(x) -> reshape(pad(reshape(x))), neighbouring axes without padding as one; or one axis after the other"""
    shape = op.x.type.shape
    is_kept = [low == 0 and high == 0 for low, high in zip(op.low, op.high, strict=True)]
    runs = _kept_runs(shape, is_kept)
    if len(runs) < len(shape):
        low, high = (tuple(dims[run.start] for run in runs) for dims in (op.low, op.high))
        return _reshaped(replace(op, x=_reshape(op.x, shape, runs), low=low, high=high).result, op.result.type.shape)
    axis = is_kept.index(False)
    three = folded_reshape(op.x, three_axes(shape, axis))
    padded = replace(op, x=three, low=(0, op.low[axis], 0), high=(0, op.high[axis], 0)).result
    x = folded_reshape(padded, _with(shape, axis, op.result.type.shape[axis]))
    return replace(op, x=x, low=_with(op.low, axis, 0), high=_with(op.high, axis, 0))


@_RULES.on(tensor.Reverse)
def reverse_on_merged_axes(op: tensor.Reverse) -> Op | Value:
    """reverse(x) -> reshape(reverse(reshape(x))), neighbouring axes as one; or one axis after the other"""
    shape = op.x.type.shape
    if not op.axes:
        return op.x
    runs = _runs([None if dim == 1 else a in op.axes for a, dim in enumerate(shape)])
    if len(runs) < len(shape):
        axes = tuple(i for i, run in enumerate(runs) if any(a in op.axes and shape[a] != 1 for a in _axes(run)))
        return _reshaped(tensor.Reverse(_reshape(op.x, shape, runs), axes).result, shape)
    first = tensor.Reverse(folded_reshape(op.x, three_axes(shape, op.axes[0])), (1,)).result
    return tensor.Reverse(folded_reshape(first, shape), op.axes[1:])


def _axes(run: slice) -> range:
    return range(run.start, run.stop)


@_RULES.on(tensor.Tile)
def tile_on_merged_axes(op: tensor.Tile) -> Op:
    """tile(x) -> reshape(tile(reshape(x))), neighbouring axes without repeats as one; or one axis after the other"""
    shape = op.x.type.shape
    is_kept = [r == 1 for r in op.repeats]
    runs = _kept_runs(shape, is_kept)
    if len(runs) < len(shape):
        repeats = tuple(op.repeats[run.start] for run in runs)
        return _reshaped(tensor.Tile(_reshape(op.x, shape, runs), repeats).result, op.result.type.shape)
    axis = is_kept.index(False)
    tiled = tensor.Tile(folded_reshape(op.x, three_axes(shape, axis)), (1, op.repeats[axis], 1)).result
    x = folded_reshape(tiled, _with(shape, axis, op.result.type.shape[axis]))
    return tensor.Tile(x, _with(op.repeats, axis, 1))


@_RULES.on(SoftmaxFamily)
def softmax_of_three_axes(op: SoftmaxFamily) -> Op:
    """softmax(x) -> reshape(softmax(reshape(x, [before, dim, after])))"""
    return _along_three_axes(op)


@_RULES.on(math.CumSum)
def cum_sum_of_three_axes(op: math.CumSum) -> Op:
    """cum_sum(x) -> reshape(cum_sum(reshape(x, [before, dim, after])))"""
    return _along_three_axes(op)


@_RULES.on(nn.BatchNorm)
def batch_norm_of_three_axes(op: nn.BatchNorm) -> Op:
    """batch_norm(x) -> reshape(batch_norm(reshape(x, [before, channels, after])))"""
    return _along_three_axes(op)


def _along_three_axes(op: SoftmaxFamily | math.CumSum | nn.BatchNorm) -> Op:
    flat = replace(op, x=folded_reshape(op.x, three_axes(op.x.type.shape, op.axis)), axis=1)
    return _reshaped(flat.result, op.x.type.shape)


@_RULES.on(nn.LayerNorm)
def layer_norm_of_two_axes(op: nn.LayerNorm) -> Op:
    """layer_norm(x) -> reshape(layer_norm(reshape(x, [before, normalized])))"""
    flat = replace(op, x=_rows(op), axis=1, scale=_row(op, op.scale), bias=_row(op, op.bias))
    return _reshaped(flat.result, op.x.type.shape)


@_RULES.on(nn.RmsNorm)
def rms_norm_of_two_axes(op: nn.RmsNorm) -> Op:
    """rms_norm(x) -> reshape(rms_norm(reshape(x, [before, normalized])))"""
    return _reshaped(replace(op, x=_rows(op), axis=1, scale=_row(op, op.scale)).result, op.x.type.shape)


def _rows(op: nn.LayerNorm | nn.RmsNorm) -> Value:
    shape = op.x.type.shape
    return folded_reshape(op.x, (product(shape[: op.axis]), product(shape[op.axis :])))


def _row(op: nn.LayerNorm | nn.RmsNorm, parameter: Value | None) -> Value | None:
    if parameter is None:
        return None
    shape = op.x.type.shape[op.axis :]
    return folded_reshape(expanded(parameter, shape), (product(shape),))


@_RULES.on(nn.Linear)
def linear_of_two_axes(op: nn.Linear) -> Op:
    """linear(x) -> reshape(linear(reshape(x, [before, features])))"""
    shape = op.x.type.shape
    flat = replace(op, x=folded_reshape(op.x, (product(shape[:-1]), shape[-1])))
    return _reshaped(flat.result, op.result.type.shape)


@_RULES.on(math.MatMul)
def mat_mul_on_merged_axes(op: math.MatMul) -> Op:
    """mat_mul(x, y) -> reshape(mat_mul(reshape(x), reshape(y))), batch axes that broadcast alike as one"""
    result = op.result.type.shape
    batch = result[:-2]
    x, y = op.x.type.shape, op.y.type.shape
    runs = _broadcast_runs([x[:-2], y[:-2]], batch)
    if len(runs) == len(batch):
        return replace(op, x=expanded(op.x, (*batch, *x[-2:])), y=expanded(op.y, (*batch, *y[-2:])))
    flat_x, flat_y = (
        folded_reshape(v, (*_merged(_aligned(v.type.shape[:-2], len(batch)), runs), *v.type.shape[-2:]))
        for v in (op.x, op.y)
    )
    return _reshaped(replace(op, x=flat_x, y=flat_y).result, result)
