"""center-streams: layers write residual streams without their mean, so that layer norms need not take it off.

Where all that is done to a stream is to add to it and to normalise it, its mean over the features matters to nobody:
``layer_norm(x)`` is ``rms_norm(x - mean(x))``. What a linear layer writes has mean zero once its weights have, over the
outputs (S. Ashkboos et al., "SliceGPT", arXiv:2401.15024, section 3.1). For targets that take layer norms apart.
"""

from dataclasses import dataclass, field

import numpy as np

from ...ir import Array, Function, Module, Op, Return, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import Activation, Layout
from ...pass_manager import module_pass
from ...rewriter import insert_new_ops, is_allowed, record_rewrite
from ...types import DType
from ..patterns import constant, constant_array

NAME = "stream_without_mean"

Layer = nn.Linear | nn.Conv


@module_pass()
def center_streams(module: Module) -> bool:
    """Makes root-mean-square norms of layer norms whose operands have mean zero, or are made so at less cost."""
    changed = False
    for function in module.functions.values():
        seen: set[Value] = set()
        for op in list(function.ops):
            if not _is_over_features(op) or op.operands[0] in seen:
                continue
            stream = _stream_of(op.operands[0])
            seen |= stream.values
            if stream.is_closed and stream.saved_ops > 0 and is_allowed(NAME):
                stream.center(function)
                record_rewrite(NAME)
                changed = True
    return changed


def _is_over_features(op: Op) -> bool:
    """Whether it is a layer norm over the last axis alone."""
    return isinstance(op, nn.LayerNorm) and op.axis == op.x.type.rank - 1


@dataclass
class _Stream:
    """Values that have mean zero over their last axis together, and what is made of them.

    ``sources`` are those that nothing else of the stream makes; ``is_closed`` says that nobody else sees the stream.
    """

    values: set[Value] = field(default_factory=set)
    sources: list[Value] = field(default_factory=list)
    norms: list[nn.LayerNorm] = field(default_factory=list)
    is_closed: bool = True

    @property
    def saved_ops(self) -> int:
        """A norm need not find the mean and take it off; a source may have to."""
        return 2 * len(self.norms) - 2 * sum(not _can_be_written_centered(v) for v in self.sources)

    def center(self, function: Function) -> None:
        for source in self.sources:
            owner = source.owner
            if isinstance(owner, tensor.Constant):
                _replace(owner, constant(_centered(owner.value.array, -1), source))
            elif isinstance(owner, Layer) and _can_be_written_centered(source):
                _replace(owner, _layer_without_mean(owner).result)
            else:
                _take_mean_off(function, source, self)
        for norm in self.norms:
            y = nn.RmsNorm(norm.x, norm.scale, norm.axis, norm.epsilon).result
            _replace(norm, y if norm.bias is None else math.Add(y, norm.bias).result)


def _stream_of(start: Value) -> _Stream:
    """All values whose means must be zero for that of ``start`` to be, or can only be so with it."""
    stream = _Stream()
    waiting = [start]
    while waiting and stream.is_closed:
        value = waiting.pop()
        if value in stream.values:
            continue
        stream.values.add(value)
        if value.type.rank == 0 or value.type.dtype is not DType.F32 or value.type.quantization is not None:
            stream.is_closed = False
            break
        makers = _carried_operands(value.owner)
        if not makers:
            stream.sources.append(value)
        waiting += makers
        # Where the mean has to be taken off, others can still have what was there before.
        is_seen_as_it_is = not makers and not _can_be_written_centered(value)
        for user in value.users:
            if isinstance(user, nn.LayerNorm) and _is_over_features(user) and value is user.x:
                stream.norms.append(user)
            elif isinstance(user, Return) or value not in _carried_operands(user):
                stream.is_closed &= is_seen_as_it_is
            else:
                waiting += user.results
    return stream


def _carried_operands(op: Op | None) -> tuple[Value, ...]:
    """The operands of which each must have mean zero for the op's results to have it; none for other ops."""
    match op:
        case math.Add(x=x, y=y, activation=Activation.NONE) | math.Sub(x=x, y=y, activation=Activation.NONE):
            features = op.results[0].type.shape[-1:]
            return (x, y) if x.type.shape[-1:] == y.type.shape[-1:] == features else ()
        case math.Mul(x=x, y=y, activation=Activation.NONE) if _is_same_for_all_features(y):
            return (x,)
        case math.Mul(x=x, y=y, activation=Activation.NONE) if _is_same_for_all_features(x):
            return (y,)
        case tensor.Reshape(x=x, dims=None) if _joins_features(x, op.results[0]):
            return (x,)
        case tensor.Transpose(x=x, permutation=permutation) if permutation[-1] == len(permutation) - 1:
            return (x,)
        case tensor.Expand(x=x) if x.type.shape[-1:] == op.results[0].type.shape[-1:]:
            return (x,)
        case tensor.Concat(xs=xs):
            return xs
        case tensor.Split(x=x, axis=axis) | tensor.Gather(x=x, axis=axis) if axis != x.type.rank - 1:
            return (x,)
        case tensor.Slice(x=x) if x.type.shape[-1] == op.results[0].type.shape[-1] and op.strides[-1] == 1:
            return (x,)
    return ()


def _is_same_for_all_features(factor: Value) -> bool:
    return factor.type.rank == 0 or factor.type.shape[-1] == 1


def _joins_features(x: Value, y: Value) -> bool:
    """Whether every last axis of y is made of whole last axes of x."""
    if x.type.rank == 0 or y.type.rank == 0:
        return False
    own, joined = x.type.shape[-1], y.type.shape[-1]
    return isinstance(own, int) and isinstance(joined, int) and own > 1 and joined % own == 0


def _can_be_written_centered(source: Value) -> bool:
    """Whether it is a constant, or what a layer writes whose weights nobody else uses."""
    owner = source.owner
    if isinstance(owner, tensor.Constant):
        return True
    if not isinstance(owner, Layer) or owner.activation is not Activation.NONE:
        return False
    if isinstance(owner, nn.Conv) and (owner.groups != 1 or owner.layout is not Layout.NHWC):
        return False
    is_known = constant_array(owner.weight) is not None and owner.weight.has_one_use
    return is_known and (owner.bias is None or constant_array(owner.bias) is not None)


def _layer_without_mean(layer: Layer) -> Layer:
    """The layer with weights and bias less their means over the outputs, the first axis of both."""
    weight, bias = constant_array(layer.weight), constant_array(layer.bias)
    assert weight is not None
    centered = None if bias is None else constant(_centered(bias, 0), layer.bias)
    return replace(layer, weight=constant(_centered(weight, 0), layer.weight), bias=centered)


def _centered(array: Array, axis: int) -> Array:
    wide = array.astype(np.float64)
    return np.asarray(wide - wide.mean(axis, keepdims=True)).astype(array.dtype)


def _take_mean_off(function: Function, source: Value, stream: _Stream) -> None:
    mean = math.ReduceMean(source, (source.type.rank - 1,), keep_dims=True)
    centered = math.Sub(source, mean.result)
    users = [u for u in source.users if u in stream.norms or not stream.values.isdisjoint(u.results)]
    if source.owner is None:
        function.ops.prepend(centered)
        function.ops.insert_before(centered, mean)
    else:
        function.ops.insert_after(source.owner, mean)
        function.ops.insert_after(mean, centered)
        mean.location = centered.location = source.owner.location
    for user in users:
        user.replace_operand(source, centered.result)


def _replace(op: Op, new: Value) -> None:
    """Puts ``new``, and what it is made of, in the op's place."""
    assert op.function is not None
    function, old = op.function, op.results[0]
    for made in insert_new_ops([new], lambda inserted: function.ops.insert_before(op, inserted)):
        made.location = op.location
    new.name, old.name = old.name, ""
    old.replace_all_uses_with(new)
    op.erase()
    for operand in op.operands:
        if isinstance(operand.owner, tensor.Constant) and not operand.is_used:
            operand.owner.erase()
