"""How each op is written when its data has the channels last: one entry an op class or family.

For a tensor of rank r, channels-last order is [N, *spatial, C]: the permutation (0, 2, …, r-1, 1) of [N, C, *spatial].
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ...dims import Dim, known_equal, product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, quant, tensor
from ...ops.enums import Layout

T = TypeVar("T")
Operands = Mapping[Value, Value]
"""Each operand that follows the op's layout -> the same tensor with its channels last."""


@dataclass(frozen=True)
class Form:
    """An op's channels-last form. ``follows`` are the operands it then takes channels-last; the others stay.

    ``rank`` is the rank to which operands of lower rank are brought first (broadcasting aligns axes from the right).
    ``result_follows`` says whether the results are then channels-last too, or the same tensor in both forms.
    ``is_required`` says that the op has to take this form (ops with a layout, on a channels-last target).
    """

    follows: tuple[Value, ...]
    rank: int
    build: Callable[[Operands], Op]
    result_follows: bool = True
    is_required: bool = False


def to_channels_last(rank: int) -> tuple[int, ...]:
    """The permutation from channels-first to channels-last."""
    return (0, *range(2, rank), 1)


def to_channels_first(rank: int) -> tuple[int, ...]:
    """The permutation from channels-last to channels-first."""
    return (0, rank - 1, *range(1, rank - 1))


def moved_axis(axis: int, rank: int) -> int:
    """Where a channels-first axis stands in channels-last order."""
    return to_channels_last(rank).index(axis)


def permuted(entries: Sequence[T], permutation: Sequence[int]) -> tuple[T, ...]:
    return tuple(entries[axis] for axis in permutation)


def moves_only_ones(shape: Sequence[Dim], permutation: Sequence[int]) -> bool:
    """Whether a transpose keeps the elements in their order in memory: the axes of sizes other than 1 keep theirs."""
    moved = [axis for axis in permutation if shape[axis] != 1]
    return moved == sorted(moved)


def channels_last_form(op: Op) -> Form | None:
    """The op's channels-last form; None for an op that has none."""
    rank = max((v.type.rank for v in (*op.operands, *op.results)), default=0)
    if rank < 3:
        return None
    if type(op) not in _BY_CLASS:
        _BY_CLASS[type(op)] = next((d for family, d in _FORMS.items() if isinstance(op, family)), lambda op: None)
    return _BY_CLASS[type(op)](op)


def _spatial(op: Op) -> Form | None:
    x = op.operands[0]
    if getattr(op, "layout", Layout.NCHW) is Layout.NHWC:
        return None
    # The types of ops with a layout name their data operand x.
    return Form((x,), x.type.rank, lambda last: replace(op, x=last[x], layout=Layout.NHWC), is_required=True)


def _normalization(op: Op) -> Form | None:
    form = _spatial(op)
    return None if form is None else Form(form.follows, form.rank, form.build)


def _resize(op: Op) -> Form | None:
    assert isinstance(op, nn.Resize)
    x, order = op.x, to_channels_last(op.x.type.rank)
    if op.dims is not None or op.roi:
        return None
    channels_are_kept = all(known_equal(op.shape[a], x.type.shape[a]) for a in (0, 1))

    def build(last: Operands) -> Op:
        scales = permuted(op.scales, order) if op.scales else ()
        return replace(op, x=last[x], shape=permuted(op.shape, order), scales=scales)

    return Form((x,), x.type.rank, build, is_required=channels_are_kept)


def _elementwise(op: Op) -> Form | None:
    rank = op.results[0].type.rank
    follows = tuple(v for v in dict.fromkeys(op.operands) if v.type.rank > 0)
    fields = [f.name for f in op.definition.operand_fields]

    def build(last: Operands) -> Op:
        return replace(op, **{name: last.get(getattr(op, name), getattr(op, name)) for name in fields})

    return Form(follows, rank, build)


def _batch_norm(op: Op) -> Form | None:
    assert isinstance(op, nn.BatchNorm)
    x = op.x
    return Form((x,), x.type.rank, lambda last: replace(op, x=last[x], axis=moved_axis(op.axis, x.type.rank)))


def _scaled(op: Op) -> Form | None:
    assert isinstance(op, quant.Scaled)
    x, rank = op.x, op.x.type.rank
    if op.block is not None:
        return None
    axis = None if op.axis is None else moved_axis(op.axis, rank)
    return Form((x,), rank, lambda last: replace(op, x=last[x], axis=axis))


def _concat(op: Op) -> Form | None:
    assert isinstance(op, tensor.Concat)
    rank = op.result.type.rank
    axis = moved_axis(op.axis, rank)
    return Form(tuple(dict.fromkeys(op.xs)), rank, lambda last: tensor.Concat(tuple(last[x] for x in op.xs), axis))


def _along_axis(op: Op) -> Form | None:
    """Ops with one data operand x and one axis that keep the rank."""
    x = op.operands[0]
    rank = x.type.rank
    axis = moved_axis(getattr(op, "axis"), rank)  # noqa: B009 - the family has no common base that declares it
    return Form((x,), rank, lambda last: replace(op, x=last[x], axis=axis))


def _per_axis(*names: str) -> Callable[[Op], Form | None]:
    """Ops with one data operand x and attributes that have an entry for each axis."""

    def describe(op: Op) -> Form | None:
        x = op.operands[0]
        rank = x.type.rank
        # A run-time operand (dims, amounts) would have to be permuted too, by ops: not worth its cost.
        others = [v for v in op.operands[1:] if v.type.rank > 0]
        if others or op.results[0].type.rank != rank:
            return None
        order = to_channels_last(rank)

        def build(last: Operands) -> Op:
            return replace(op, x=last[x], **{name: permuted(getattr(op, name), order) for name in names})

        return Form((x,), rank, build)

    return describe


def _reverse(op: Op) -> Form | None:
    assert isinstance(op, tensor.Reverse)
    x = op.x
    axes = tuple(sorted(moved_axis(a, x.type.rank) for a in op.axes))
    return Form((x,), x.type.rank, lambda last: replace(op, x=last[x], axes=axes))


def _gather(op: Op) -> Form | None:
    assert isinstance(op, tensor.Gather)
    return _along_axis(op) if op.indices.type.rank == 1 else None


def _reduction(op: Op) -> Form | None:
    assert isinstance(op, math.Reduction | math.ArgReduction)
    x, rank = op.x, op.x.type.rank
    axes = op.axes if isinstance(op, math.Reduction) else (op.axis,)
    moved = tuple(sorted(moved_axis(a, rank) for a in axes))
    changes: dict[str, object] = {"axes": moved} if isinstance(op, math.Reduction) else {"axis": moved[0]}

    def build(last: Operands) -> Op:
        return replace(op, x=last[x], **changes)

    if op.keep_dims:
        return Form((x,), rank, build)
    kept_first = [a for a in range(rank) if a not in axes]
    kept_last = [to_channels_last(rank)[a] for a in range(rank) if a not in moved]
    if kept_first == kept_last:
        return Form((x,), rank, build, result_follows=False)
    order = to_channels_last(len(kept_first)) if len(kept_first) > 2 else ()
    return Form((x,), rank, build) if order and kept_last == list(permuted(kept_first, order)) else None


def _reshape(op: Op) -> Form | None:
    """A reshape of the spatial axes alone is one in both orders."""
    assert isinstance(op, tensor.Reshape)
    x, before, after = op.x, op.x.type.shape, op.shape
    if op.dims is not None or len(before) < 3 or len(after) < 2:
        return None
    if not all(known_equal(before[a], after[a]) for a in (0, 1)):
        return None
    if len(after) == 2:
        if not known_equal(product(before[2:]), 1):
            return None
        return Form((x,), len(before), lambda last: replace(op, x=last[x]), result_follows=False)
    shape = permuted(after, to_channels_last(len(after)))
    return Form((x,), len(before), lambda last: replace(op, x=last[x], shape=shape))


def _mat_mul(op: Op) -> Form | None:
    """Transposed, the product of two batches of matrices is that of the transposed ones in the other order."""
    assert isinstance(op, math.MatMul)
    if op.x.type.rank != 3 or op.y.type.rank != 3:
        return None
    return Form((), 3, lambda last: math.MatMul(op.y, op.x, not op.transpose_y, not op.transpose_x))


_Describer = Callable[[Op], Form | None]

_BY_CLASS: dict[type[Op], _Describer] = {}
"""For each op class met so far its entry of ``_FORMS``, or that of its family."""

_FORMS: dict[type[Op], _Describer] = {
    nn.Conv: _spatial,
    nn.ConvTranspose: _spatial,
    nn.MaxPool: _spatial,
    nn.AveragePool: _spatial,
    tensor.DepthToSpace: _spatial,
    tensor.SpaceToDepth: _spatial,
    nn.InstanceNorm: _normalization,
    nn.GroupNorm: _normalization,
    nn.LocalResponseNorm: _normalization,
    nn.Resize: _resize,
    nn.BatchNorm: _batch_norm,
    math.MatMul: _mat_mul,
    nn.PRelu: _elementwise,
    nn.Softmax: _along_axis,
    nn.LogSoftmax: _along_axis,
    math.Unary: _elementwise,
    math.Binary: _elementwise,
    math.Select: _elementwise,
    math.Reduction: _reduction,
    math.ArgReduction: _reduction,
    math.CumSum: _along_axis,
    math.TopK: _along_axis,
    tensor.Cast: _elementwise,
    tensor.Concat: _concat,
    tensor.Split: _along_axis,
    tensor.Slice: _per_axis("starts", "sizes", "strides"),
    tensor.Pad: _per_axis("low", "high"),
    tensor.Tile: _per_axis("repeats"),
    tensor.Expand: _per_axis("shape"),
    tensor.Reverse: _reverse,
    tensor.Gather: _gather,
    tensor.Reshape: _reshape,
    quant.Scaled: _scaled,
}
