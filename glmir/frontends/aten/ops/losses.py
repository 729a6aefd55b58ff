"""Losses, of which the table's ``reduction`` is PyTorch's number: 0 gives all elements, 1 their mean, 2 their sum."""

from ....ir import Value
from ....ops import math, nn, tensor
from ....types import DType
from .. import formulas as f
from ..promotion import promoted
from ..registry import Table
from ..scope import Scope, cast, reshape
from ..tensors import Tensor, Unsupported

TABLE = Table()

_NONE, _MEAN, _SUM = 0, 1, 2


def _reduced(x: Value, reduction: int) -> Value:
    axes = tuple(range(x.type.rank))
    if reduction == _NONE or not axes:
        return x
    return (math.ReduceMean if reduction == _MEAN else math.ReduceSum)(x, axes, False).result


def _difference(scope: Scope, a: Tensor, b: Tensor) -> Value:
    return f.sub(*promoted(scope, (a, b)))


@TABLE.imports("mse_loss")
def mse_loss(scope: Scope, self: Tensor, target: Tensor, reduction: int = _MEAN) -> Value:
    return _reduced(math.Square(_difference(scope, self, target)).result, reduction)


@TABLE.imports("l1_loss")
def l1_loss(scope: Scope, self: Tensor, target: Tensor, reduction: int = _MEAN) -> Value:
    return _reduced(f.absolute(_difference(scope, self, target)), reduction)


@TABLE.imports("smooth_l1_loss")
def smooth_l1_loss(scope: Scope, self: Tensor, target: Tensor, reduction: int = _MEAN, beta: float = 1.0) -> Value:
    distance = f.absolute(_difference(scope, self, target))
    if beta == 0:
        return _reduced(distance, reduction)
    near = f.mul(math.Square(distance).result, 0.5 / beta)
    return _reduced(f.select(f.less(distance, beta), near, f.sub(distance, 0.5 * beta)), reduction)


@TABLE.imports("huber_loss")
def huber_loss(scope: Scope, self: Tensor, target: Tensor, reduction: int = _MEAN, delta: float = 1.0) -> Value:
    distance = f.absolute(_difference(scope, self, target))
    near = f.mul(math.Square(distance).result, 0.5)
    far = f.mul(f.sub(distance, 0.5 * delta), delta)
    return _reduced(f.select(f.less_equal(distance, delta), near, far), reduction)


@TABLE.imports("soft_margin_loss")
def soft_margin_loss(scope: Scope, self: Tensor, target: Tensor, reduction: int = _MEAN) -> Value:
    x, y = promoted(scope, (self, target))
    return _reduced(nn.Softplus(f.neg(f.mul(x, y))).result, reduction)


@TABLE.imports("kl_div")
def kl_div(scope: Scope, self: Tensor, target: Tensor, reduction: int = _MEAN, *, log_target: bool = False) -> Value:
    x, y = promoted(scope, (self, target))
    if log_target:
        return _reduced(f.mul(f.exp(y), f.sub(y, x)), reduction)
    entropy = f.select(f.equal(y, 0), 0, f.mul(y, f.log(y)))
    return _reduced(f.sub(entropy, f.mul(y, x)), reduction)


@TABLE.imports("binary_cross_entropy")
def binary_cross_entropy(self: Tensor, target: Tensor, weight: Tensor | None = None, reduction: int = _MEAN) -> Value:
    x, y = self.value, target.value
    # PyTorch takes no logarithm for less than -100.
    is_true, is_false = (f.maximum(f.log(p), -100) for p in (x, f.sub(1, x)))
    return _weighted(f.neg(f.add(f.mul(y, is_true), f.mul(f.sub(1, y), is_false))), weight, reduction)


@TABLE.imports("binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    self: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None,
    reduction: int = _MEAN,
) -> Value:  # fmt: skip
    x, y = self.value, target.value
    rest = nn.Softplus(f.neg(x)).result
    if pos_weight is not None:
        rest = f.mul(rest, f.add(f.mul(f.sub(pos_weight.value, 1), y), 1))
    return _weighted(f.add(f.mul(f.sub(1, y), x), rest), weight, reduction)


def _weighted(loss: Value, weight: Tensor | None, reduction: int) -> Value:
    return _reduced(loss if weight is None else f.mul(loss, weight.value), reduction)


@TABLE.imports("nll_loss", "nll_loss_nd", "nll_loss2d")
def nll_loss(
    self: Tensor, target: Tensor, weight: Tensor | None = None, reduction: int = _MEAN, ignore_index: int = -100
) -> Value:
    return _negative_log_likelihood(self.value, target.value, weight, reduction, ignore_index)


@TABLE.imports("cross_entropy_loss")
def cross_entropy_loss(
    self: Tensor, target: Tensor, weight: Tensor | None = None, reduction: int = _MEAN, ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Value:  # fmt: skip
    if label_smoothing or target.dtype.is_float:
        raise Unsupported("labels that are smoothed, or probabilities, are not supported")
    logarithms = nn.LogSoftmax(self.value, 1 if self.rank > 1 else 0).result
    return _negative_log_likelihood(logarithms, target.value, weight, reduction, ignore_index)


def _negative_log_likelihood(
    x: Value, target: Value, weight: Tensor | None, reduction: int, ignore_index: int
) -> Value:
    """x has the classes along axis 1 (0 of one example), and the target a class for each of the other places."""
    axis = 1 if x.type.rank > 1 else 0
    shape = target.type.shape
    target = cast(target, DType.I64)
    is_counted = f.not_equal(target, ignore_index)
    classes = f.select(is_counted, target, 0)
    places = reshape(classes, (*shape[:axis], 1, *shape[axis:]))
    chosen = reshape(tensor.GatherElements(x, places, axis).result, shape)
    counted = cast(is_counted, x.type.dtype)
    if weight is not None:
        counted = f.mul(counted, tensor.Gather(weight.value, classes, 0).result)
    loss = f.neg(f.mul(chosen, counted))
    if reduction != _MEAN:
        return _reduced(loss, reduction)
    return f.div(_reduced(loss, _SUM), _reduced(counted, _SUM))
