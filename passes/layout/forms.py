"""How each op is written when its data stands in another order: one entry an op class or family."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ...dims import known_equal, product
from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, quant, tensor
from ...ops.enums import Layout
from ...weights import Weight
from ..patterns import constant
from .channels_last import Axes, Order, permuted, swaps_last_two

Operands = Mapping[Value, Value]
"""Each operand that follows the op's order -> the same tensor in the other order."""


@dataclass(frozen=True)
class Form:
    """An op's form in another order. ``follows`` are the operands it then takes in that order; the others stay.

    ``rank`` is the rank to which operands of lower rank are brought first (broadcasting aligns axes from the right).
    ``result_follows`` says whether the results are then in that order too, or the same tensor in both forms.
    ``is_required`` says that the op has to take this form (ops with a layout, on a channels-last target).
    """

    follows: tuple[Value, ...]
    rank: int
    build: Callable[[Operands], Op]
    result_follows: bool = True
    is_required: bool = False


def form_in(op: Op, order: Order) -> Form | None:
    """The op's form in the order; None for an op that has none."""
    describe = _describer(type(op))
    if describe is None:
        return None
    rank = max((v.type.rank for v in (*op.operands, *op.results)), default=0)
    axes = order.axes(rank)
    return None if axes is None else describe(op, axes, order)


def _describer(cls: type[Op]) -> "_Describer | None":
    if cls not in _BY_CLASS:
        _BY_CLASS[cls] = next((d for family, d in _FORMS.items() if issubclass(cls, family)), None)
    return _BY_CLASS[cls]


def _spatial(op: Op, axes: Axes, order: Order) -> Form | None:
    if not order.is_channels_last:
        return _turned(op, axes)
    x = op.operands[0]
    if getattr(op, "layout", Layout.NCHW) is Layout.NHWC:
        return None
    # The types of ops with a layout name their data operand x.
    return Form((x,), len(axes), lambda last: replace(op, x=last[x], layout=Layout.NHWC), is_required=True)


def _turned(op: Op, axes: Axes) -> Form | None:
    """What looks through windows, with its spatial axes in another order: the windows' axes are in that order too."""
    if not isinstance(op, nn.Conv | nn.ConvTranspose | nn.MaxPool | nn.AveragePool):
        return None
    x, spatial = op.x, _spatial_order(op.layout, axes)
    if spatial is None:
        return None
    count = len(spatial)
    low, high = op.padding[:count], op.padding[count:]
    changes: dict[str, object] = {
        "strides": permuted(op.strides, spatial),
        "padding": (*permuted(low, spatial), *permuted(high, spatial)),
        "dilations": permuted(op.dilations, spatial),
    }
    if isinstance(op, nn.ConvTranspose):
        changes["output_padding"] = permuted(op.output_padding, spatial)
    if isinstance(op, nn.MaxPool | nn.AveragePool):
        changes["kernel"] = permuted(op.kernel, spatial)
        return Form((x,), len(axes), lambda last: replace(op, x=last[x], **changes))
    weight = op.weight
    if all(d == 1 for d in weight.type.shape[2:]):
        return Form((x,), len(axes), lambda last: replace(op, x=last[x], **changes))
    if not isinstance(weight.owner, tensor.Constant) or weight.type.quantization is not None:
        return None
    stored, kernel = weight.owner.value, (0, 1, *(2 + axis for axis in spatial))

    def build(last: Operands) -> Op:
        turned = tensor.Constant(Weight(stored.array.transpose(kernel), stored.name)).result
        return replace(op, x=last[x], weight=turned, **changes)

    return Form((x,), len(axes), build)


def _spatial_order(layout: Layout, axes: Axes) -> Axes | None:
    """The order of the spatial axes among themselves; None where those of the batch and the channels move."""
    first = 2 if layout is Layout.NCHW else 1
    spatial = tuple(axis - first for axis in axes[first : first + len(axes) - 2])
    others = [axis for place, axis in enumerate(axes) if axis != place and not first <= place < first + len(spatial)]
    return None if others or sorted(spatial) != [*range(len(spatial))] else spatial


def _channel_normalization(op: Op, axes: Axes, order: Order) -> Form | None:
    assert isinstance(op, nn.InstanceNorm | nn.GroupNorm | nn.LocalResponseNorm)
    if not order.is_channels_last:
        x, spatial = op.x, _spatial_order(op.layout, axes)
        return None if spatial is None else Form((x,), len(axes), lambda last: replace(op, x=last[x]))
    form = _spatial(op, axes, order)
    return None if form is None else Form(form.follows, form.rank, form.build)


def _resize(op: Op, axes: Axes, order: Order) -> Form | None:
    assert isinstance(op, nn.Resize)
    x = op.x
    if op.dims is not None or op.roi or not order.is_channels_last:
        return None
    channels_are_kept = all(known_equal(op.shape[a], x.type.shape[a]) for a in (0, 1))

    def build(last: Operands) -> Op:
        scales = permuted(op.scales, axes) if op.scales else ()
        return replace(op, x=last[x], shape=permuted(op.shape, axes), scales=scales)

    return Form((x,), len(axes), build, is_required=channels_are_kept)


def _elementwise(op: Op, axes: Axes, order: Order) -> Form | None:
    rank = op.results[0].type.rank
    follows = tuple(v for v in dict.fromkeys(op.operands) if v.type.rank > 0)
    fields = [f.name for f in op.definition.operand_fields]

    def build(last: Operands) -> Op:
        return replace(op, **{name: last.get(getattr(op, name), getattr(op, name)) for name in fields})

    return Form(follows, rank, build)


def _axis_normalization(op: Op, axes: Axes, order: Order) -> Form | None:
    """Norms over the last axes, in orders that keep those axes last and, where they have weights, in their order."""
    assert isinstance(op, nn.LayerNorm | nn.RmsNorm)
    normalized = axes[op.axis :]
    has_weights = len(op.operands) > 1
    if list(normalized if has_weights else sorted(normalized)) != [*range(op.axis, len(axes))]:
        return None
    return Form((op.x,), len(axes), lambda last: replace(op, x=last[op.x]))


def _linear(op: Op, axes: Axes, order: Order) -> Form | None:
    assert isinstance(op, nn.Linear)
    x, rank = op.x, op.x.type.rank
    if rank != len(axes) or axes[-1] != rank - 1:
        return None
    return Form((x,), rank, lambda last: replace(op, x=last[x]))


def _batch_norm(op: Op, axes: Axes, order: Order) -> Form | None:
    assert isinstance(op, nn.BatchNorm)
    x = op.x
    return Form((x,), len(axes), lambda last: replace(op, x=last[x], axis=axes.index(op.axis)))


def _scaled(op: Op, axes: Axes, order: Order) -> Form | None:
    assert isinstance(op, quant.Scaled)
    x = op.x
    if op.block is not None:
        return None
    axis = None if op.axis is None else axes.index(op.axis)
    return Form((x,), len(axes), lambda last: replace(op, x=last[x], axis=axis))


def _concat(op: Op, axes: Axes, order: Order) -> Form | None:
    assert isinstance(op, tensor.Concat)
    axis = axes.index(op.axis)
    return Form(tuple(dict.fromkeys(op.xs)), len(axes), lambda last: tensor.Concat(tuple(last[x] for x in op.xs), axis))


def _along_axis(op: Op, axes: Axes, order: Order) -> Form | None:
    """Ops with one data operand x and one axis that keep the rank."""
    x = op.operands[0]
    axis = axes.index(getattr(op, "axis"))  # noqa: B009 - the family has no common base that declares it
    return Form((x,), len(axes), lambda last: replace(op, x=last[x], axis=axis))


def _per_axis(*names: str) -> "_Describer":
    """Ops with one data operand x and attributes that have an entry for each axis."""

    def describe(op: Op, axes: Axes, order: Order) -> Form | None:
        x = op.operands[0]
        # A run-time operand (dims, amounts) would have to be permuted too, by ops: not worth its cost.
        others = [v for v in op.operands[1:] if v.type.rank > 0]
        if others or x.type.rank != len(axes) or op.results[0].type.rank != len(axes):
            return None

        def build(last: Operands) -> Op:
            return replace(op, x=last[x], **{name: permuted(getattr(op, name), axes) for name in names})

        return Form((x,), len(axes), build)

    return describe


def _reverse(op: Op, axes: Axes, order: Order) -> Form | None:
    assert isinstance(op, tensor.Reverse)
    x = op.x
    moved = tuple(sorted(axes.index(a) for a in op.axes))
    return Form((x,), len(axes), lambda last: replace(op, x=last[x], axes=moved))


def _gather(op: Op, axes: Axes, order: Order) -> Form | None:
    assert isinstance(op, tensor.Gather)
    return _along_axis(op, axes, order) if op.indices.type.rank == 1 and op.x.type.rank == len(axes) else None


def _by_element(op: Op, axes: Axes, order: Order) -> Form | None:
    """Ops whose operands all have the result's rank, and that have one axis."""
    assert isinstance(op, tensor.GatherElements | tensor.ScatterElements)
    axis, fields = axes.index(op.axis), [f.name for f in op.definition.operand_fields]

    def build(last: Operands) -> Op:
        return replace(op, axis=axis, **{name: last[getattr(op, name)] for name in fields})

    return Form(tuple(dict.fromkeys(op.operands)), len(axes), build)


def _dynamic_slice(op: Op, axes: Axes, order: Order) -> Form | None:
    assert isinstance(op, tensor.DynamicSlice)
    x = op.x
    if x.type.rank != len(axes):
        return None
    moved, shape = tuple(axes.index(a) for a in op.axes), permuted(op.shape, axes)
    return Form((x,), len(axes), lambda last: replace(op, x=last[x], axes=moved, shape=shape))


def _shape(op: Op, axes: Axes, order: Order) -> Form | None:
    """The sizes are the same, read in another order: so much less than the tensor that they cost nothing."""
    assert isinstance(op, tensor.Shape)
    x = op.x

    def build(last: Operands) -> Op:
        places = constant(np.array([axes.index(a) for a in range(len(axes))], np.int64))
        return tensor.Gather(replace(op, x=last[x]).result, places, 0)

    return Form((x,), len(axes), build, result_follows=False)


def _reduction(op: Op, axes: Axes, order: Order) -> Form | None:
    assert isinstance(op, math.Reduction | math.ArgReduction)
    x, rank = op.x, len(axes)
    reduced = op.axes if isinstance(op, math.Reduction) else (op.axis,)
    moved = tuple(sorted(axes.index(a) for a in reduced))
    changes: dict[str, object] = {"axes": moved} if isinstance(op, math.Reduction) else {"axis": moved[0]}

    def build(last: Operands) -> Op:
        return replace(op, x=last[x], **changes)

    if op.keep_dims:
        return Form((x,), rank, build)
    kept = [a for a in range(rank) if a not in reduced]
    kept_moved = [axes[a] for a in range(rank) if a not in moved]
    if kept == kept_moved:
        return Form((x,), rank, build, result_follows=False)
    order_of_kept = order.axes(len(kept))
    follows = order_of_kept is not None and kept_moved == list(permuted(kept, order_of_kept))
    return Form((x,), rank, build) if follows else None


def _reshape(op: Op, axes: Axes, order: Order) -> Form | None:
    """A reshape of the spatial axes alone is one in both orders."""
    assert isinstance(op, tensor.Reshape)
    x, before, after = op.x, op.x.type.shape, op.shape
    if op.dims is not None or not order.is_channels_last or len(before) < 3 or len(after) < 2:
        return None
    if not all(known_equal(before[a], after[a]) for a in (0, 1)):
        return None
    if len(after) == 2:
        if not known_equal(product(before[2:]), 1):
            return None
        return Form((x,), len(before), lambda last: replace(op, x=last[x]), result_follows=False)
    order_after = order.axes(len(after))
    assert order_after is not None
    shape = permuted(after, order_after)
    return Form((x,), len(before), lambda last: replace(op, x=last[x], shape=shape))


def _mat_mul(op: Op, axes: Axes, order: Order) -> Form | None:
    """Transposed, the product of two batches of matrices is that of the transposed ones in the other order."""
    assert isinstance(op, math.MatMul)
    x, y, rank = op.x, op.y, len(axes)
    if order.is_channels_last and swaps_last_two(axes):
        return Form((), rank, lambda last: math.MatMul(y, x, not op.transpose_y, not op.transpose_x))
    if axes[-2:] != (rank - 2, rank - 1) or x.type.rank != rank or y.type.rank != rank:
        return None
    return Form(tuple(dict.fromkeys((x, y))), rank, lambda last: replace(op, x=last[x], y=last[y]))


_Describer = Callable[[Op, Axes, Order], Form | None]

_BY_CLASS: dict[type[Op], _Describer | None] = {}
"""For each op class met so far its entry of ``_FORMS``, or that of its family."""

_FORMS: dict[type[Op], _Describer] = {
    nn.Conv: _spatial,
    nn.ConvTranspose: _spatial,
    nn.MaxPool: _spatial,
    nn.AveragePool: _spatial,
    tensor.DepthToSpace: _spatial,
    tensor.SpaceToDepth: _spatial,
    nn.InstanceNorm: _channel_normalization,
    nn.GroupNorm: _channel_normalization,
    nn.LocalResponseNorm: _channel_normalization,
    nn.GridSample: _spatial,
    nn.Resize: _resize,
    nn.BatchNorm: _batch_norm,
    nn.LayerNorm: _axis_normalization,
    nn.RmsNorm: _axis_normalization,
    nn.Linear: _linear,
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
    tensor.GatherElements: _by_element,
    tensor.ScatterElements: _by_element,
    tensor.DynamicSlice: _dynamic_slice,
    tensor.Shape: _shape,
    tensor.Reshape: _reshape,
    quant.Scaled: _scaled,
}
