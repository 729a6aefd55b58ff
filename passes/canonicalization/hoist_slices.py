"""hoist-slices: of what is thrown away again nothing is computed: a slice stands before the ops that it can pass.

A classifier that reads one token of a transformer's last layer needs that layer's products for this token only.
"""

from collections.abc import Sequence

from ...dims import Dim
from ...ir import Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.nn.activation import SoftmaxFamily
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..patterns import constant_array, is_elementwise

RULES = RuleSet()

WORTHWHILE = 0.5
"""A slice that takes more of its tensor stays where it is: it would be made twice before ops of two operands."""


@module_pass()
def hoist_slices(module: Module) -> bool:
    """Moves slices that take little of a tensor before what computes the tensor, if nothing else uses it."""
    changed = False
    # When a slice has passed one of two uses of a tensor, one that stands at the other use may go on.
    while apply_rules(module, RULES):
        changed = True
    return changed


@RULES.on(tensor.Slice)
def slice_before_elementwise(op: tensor.Slice) -> Op | None:
    """slice(f(x)) -> f(slice(x))"""
    f = _producer(op)
    if f is None or not is_elementwise(f) or not isinstance(f, math.Unary | tensor.Cast):
        return None
    return replace(f, x=replace(op, x=f.x).result)


@RULES.on(tensor.Slice)
def slice_before_broadcast(op: tensor.Slice) -> Op | None:
    """slice(x + y) -> slice(x) + slice(y), and likewise for every op that broadcasts, also c ? x : y"""
    f = _producer(op)
    if not isinstance(f, math.Binary | math.Select):
        return None
    parts = [_part_of_operand(op, v, op.x.type.rank - v.type.rank) for v in f.operands]
    cut = [v for v, part in zip(f.operands, parts, strict=True) if part is not v and constant_array(v) is None]
    # Two slices instead of one pay where they go on.
    if None in parts or (len(set(cut)) > 1 and not any(_is_passed(v) for v in cut)):
        return None
    fields = [field.name for field in f.definition.operand_fields]
    return replace(f, **dict(zip(fields, parts, strict=True)))


@RULES.on(tensor.Slice)
def slice_before_norm(op: tensor.Slice) -> Op | None:
    """slice(layer_norm(x)) -> layer_norm(slice(x)) along axes that are not normalised; likewise rms_norm"""
    norm = _producer(op)
    if not isinstance(norm, nn.LayerNorm | nn.RmsNorm) or max(_cut(op)) >= norm.axis:
        return None
    return replace(norm, x=replace(op, x=norm.x).result)


@RULES.on(tensor.Slice)
def slice_before_softmax(op: tensor.Slice) -> Op | None:
    """slice(softmax(x)) -> softmax(slice(x)) along other axes; likewise log_softmax"""
    softmax = _producer(op)
    if not isinstance(softmax, SoftmaxFamily) or softmax.axis in _cut(op):
        return None
    return replace(softmax, x=replace(op, x=softmax.x).result)


@RULES.on(tensor.Slice)
def slice_before_linear(op: tensor.Slice) -> Op | None:
    """slice(linear(x)) -> linear(slice(x)) along axes of x that stay"""
    layer = _producer(op)
    if not isinstance(layer, nn.Linear) or max(_cut(op)) == op.x.type.rank - 1:
        return None
    return replace(layer, x=_sliced(layer.x, op, {axis: axis for axis in _cut(op)}))


@RULES.on(tensor.Slice)
def slice_before_product(op: tensor.Slice) -> Op | None:
    """slice(matmul(x, y)) -> matmul(slice(x), slice(y)): rows of x, columns of y"""
    product = _producer(op)
    if not isinstance(product, math.MatMul):
        return None
    rank, cut = op.x.type.rank, _cut(op)
    if any(axis < rank - 2 for axis in cut):
        return None
    x, y = product.x, product.y
    if rank - 2 in cut:
        x = _sliced(x, op, {x.type.rank - (1 if product.transpose_x else 2): rank - 2})
    if rank - 1 in cut:
        y = _sliced(y, op, {y.type.rank - (2 if product.transpose_y else 1): rank - 1})
    return replace(product, x=x, y=y)


@RULES.on(tensor.Slice)
def slice_before_transpose(op: tensor.Slice) -> Op | None:
    """slice(transpose(x)) -> transpose(slice(x))"""
    transpose = _producer(op)
    if not isinstance(transpose, tensor.Transpose):
        return None
    places = [transpose.permutation.index(axis) for axis in range(op.x.type.rank)]
    return replace(transpose, x=_sliced(transpose.x, op, dict(enumerate(places))))


@RULES.on(tensor.Slice)
def slice_before_reshape(op: tensor.Slice) -> Op | None:
    """slice(reshape(x)) -> reshape(slice(x)) along an axis that it leaves as it is"""
    shaping = _producer(op)
    cut = _cut(op)
    if not isinstance(shaping, tensor.Reshape) or shaping.dims is not None or len(cut) != 1:
        return None
    (axis,), x = cut, shaping.x
    before = shaping.shape[: axis + 1]
    from_end = len(shaping.shape) - axis
    if x.type.shape[: axis + 1] == before:
        place = axis
    elif from_end <= x.type.rank and x.type.shape[x.type.rank - from_end :] == shaping.shape[axis:]:
        place = x.type.rank - from_end
    else:
        return None
    return tensor.Reshape(_sliced(x, op, {place: axis}), None, op.sizes)


_PASSED = (
    math.Unary, tensor.Cast, math.Binary, math.Select, nn.LayerNorm, nn.RmsNorm, nn.Linear, math.MatMul,
    tensor.Transpose, tensor.Reshape,
)  # fmt: skip
"""Ops that a slice can pass, along some axes at least."""


def _is_passed(value: Value) -> bool:
    return isinstance(value.owner, _PASSED) and len(value.uses) == 1


def _producer(op: tensor.Slice) -> Op | None:
    """What computes the sliced tensor, if nothing but slices alike use it, and these take little of it."""
    producer = op.x.owner
    if producer is None or len(producer.results) != 1 or op.x.type.quantization or not _takes_little(op):
        return None
    return producer if all(_is_alike(user, op) for user in op.x.uses) else None


def _is_alike(user: Op, op: tensor.Slice) -> bool:
    if not isinstance(user, tensor.Slice):
        return False
    return (user.starts, user.sizes, user.strides) == (op.starts, op.sizes, op.strides)


def _takes_little(op: tensor.Slice) -> bool:
    kept = 1.0
    for axis in _cut(op):
        dim, size = op.x.type.shape[axis], op.sizes[axis]
        if isinstance(dim, int) and isinstance(size, int):
            kept *= size / max(dim, 1)
        elif size == 1:
            # A size that is known only at run time is taken for more than a few.
            return True
    return kept <= WORTHWHILE


def _cut(op: tensor.Slice) -> list[int]:
    """The axes along which it takes not all, or in another order."""
    axes = zip(op.starts, op.sizes, op.strides, op.x.type.shape, strict=True)
    return [i for i, (start, size, stride, dim) in enumerate(axes) if start != 0 or stride != 1 or size != dim]


def _part_of_operand(op: tensor.Slice, x: Value, added: int) -> Value | None:
    """What of an operand that broadcasts to the sliced tensor the slice reads; None when that is not known."""
    cuts: dict[int, int] = {}
    for axis in _cut(op):
        if axis < added:
            continue
        dim = x.type.shape[axis - added]
        if dim == op.x.type.shape[axis]:
            cuts[axis - added] = axis
        elif dim != 1:
            return None
    return _sliced(x, op, cuts) if cuts else x


def _sliced(x: Value, op: tensor.Slice, places: dict[int, int]) -> Value:
    """``x`` cut along axes as the slice cuts others: axis of x -> axis of the sliced tensor."""

    def chosen(own: Sequence[Dim], cut: Sequence[Dim]) -> tuple[Dim, ...]:
        return tuple(cut[places[axis]] if axis in places else own[axis] for axis in range(x.type.rank))

    strides = tuple(op.strides[places[axis]] if axis in places else 1 for axis in range(x.type.rank))
    starts = chosen([0] * x.type.rank, op.starts)
    return tensor.Slice(x, starts, chosen(x.type.shape, op.sizes), strides).result
