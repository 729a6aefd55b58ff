"""What has to be computed in single precision, and why: one small table of conditions, by op class.

An op outside the table is fit for half precision. Each condition gives the reason why this op is not, or none. What
feeds an op whose result hangs on the last bits of its operand (the sine of a large number, a rounding, the logarithm of
a small number) belongs to its island too, and so does what uses a number that may be out of f16's range, up to the op
that brings it back: a division, a root's inverse, a norm.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf, prod

import numpy as np

from ...ir import Function, Op, Value
from ...ops import math, nn, quant, tensor
from ...types import DType
from ..patterns import constant_array, is_compressed, is_known, number
from .half_constants import LARGEST, magnitudes, unfit_for_half, unfit_scale
from .limits import FunctionLimits
from .uses import MOVING, is_position

Reason = str | None

LARGEST_EXACT = 2048
"""Up to here f16 holds every integer."""

SMALLEST_NORMAL = DType.F16.smallest

_LARGEST_EXPONENT = 11.0
"""exp(11) is 59874."""

_LARGEST_ANGLE = 8.0
"""Up to here f16's steps, 2**-8, are small for an angle."""

_LARGEST_TERM = 256.0
"""What the terms of a sum are taken to be at most, when nothing is known of them."""

_SHORT_SUM = 32

_HEAVY = (nn.Convolution, nn.Linear, math.MatMul)
_COMPUTING = (
    *MOVING, math.Unary, math.Binary, nn.Softmax, nn.Sigmoid, nn.Relu, nn.Relu6, math.ReduceSum, math.ReduceMean,
    math.ReduceMax, math.ReduceMin, tensor.Cast, tensor.Range, math.CumSum, nn.AveragePool, nn.MaxPool,
)  # fmt: skip
"""Ops that cost little, so that an island grows over them to where its operand comes from."""

_OUT_OF_RANGE = (
    math.Square, math.Mul, math.Pow, math.MatMul, math.Exp, math.ReduceSum, math.ReduceProd, math.Clamp, math.Sinh,
    math.Cosh, math.Tan, math.Rsqrt, math.Reciprocal,
)  # fmt: skip
"""Ops that, when they must be single, are so because of their results' range."""

_INVERSES = (math.Rsqrt, math.Reciprocal)

_KEEPING = (
    *MOVING, math.Add, math.Sub, math.Mul, math.Neg, math.Abs, math.Maximum, math.Minimum, math.Sqrt, math.ReduceMean,
    math.ReduceSum, math.ReduceMax, math.ReduceMin, math.Clamp,
)  # fmt: skip
"""Ops whose results may be out of f16's range when an operand is."""

_SETTLING = (
    math.Div, math.Rsqrt, math.Reciprocal, math.Log, math.Tanh, math.Erf, math.Comparison, nn.Sigmoid, nn.Softmax,
    nn.LayerNorm,
)  # fmt: skip
"""Ops that bring such an operand back, or make nothing of it."""


def find_islands(function: Function, observed: Mapping[str, str] | None = None) -> dict[Op, str]:
    """The ops that must be computed in single precision, each with the reason, in the function's order.

    ``observed`` are those that data showed to be lost in f16, by the name of a result, with the reason. What has a name
    and is not among them, data showed to be fit; the table is for the others then.
    """
    unfit = {user: why for op in function.ops if is_known_op(op) for user, why in _unfit_users(op)}
    found = dict(unfit)
    limits = FunctionLimits(function)
    for op in function.ops:
        if is_known_op(op) or not uses_floats(op):
            continue
        if observed is not None and _is_seen(op):
            reason = next((observed[name] for name in _names(op) if name in observed), None)
            found |= dict.fromkeys(_nameless_before(op), reason) if reason else {}
        else:
            reason = _reason(op, limits)
        if reason:
            found[op] = reason
        for source in _sources(op) if reason else sources_within([v for v in op.operands if is_position(op, v)], 0):
            found.setdefault(source, hanging_on(op))
    if observed is None:
        _grow_over_users(found, unfit, limits)
    return {op: found[op] for op in function.ops if op in found}


def _is_seen(op: Op) -> bool:
    """Whether data, if there is any, tells of an op."""
    return any(_names(op)) and not op.calls and not isinstance(op, quant.Scaled)


def _nameless_before(op: Op) -> list[Op]:
    """The ops without names by which an op's operands come about: what it was taken apart into has its name at the end
    alone."""
    found: list[Op] = []
    waiting = [op]
    while waiting:
        owners = (v.owner for v in waiting.pop().operands if v.owner is not None and not v.name)
        new = [o for o in owners if uses_floats(o) and not is_known_op(o) and o not in found]
        found += new
        waiting += new
    return found


def _names(op: Op) -> list[str]:
    """The names by which data may tell of an op. Attention whose heads were put apart has that of its users."""
    results = list(op.results)
    if isinstance(op, nn.Attention):
        results += [r for user in op.result.users if isinstance(user, MOVING) for r in user.results]
    return [r.name for r in results]


def _grow_over_users(found: dict[Op, str], unfit: Mapping[Op, str], limits: FunctionLimits) -> None:
    """Adds what a number out of f16's range reaches."""
    waiting = [
        op
        for op in found
        if isinstance(op, _OUT_OF_RANGE) or (op in unfit and not isinstance(op, _HEAVY)) or _restores_large(op, limits)
    ]
    while waiting:
        op = waiting.pop()
        for user in _users(op):
            if user not in found:
                found[user] = f"the result of {op.definition.name} before it may be out of f16's range"
                waiting += [user] if isinstance(user, _INVERSES) else []


def is_known_op(op: Op) -> bool:
    """Whether an op is a constant, or decompresses constants."""
    return isinstance(op, tensor.Constant) or (op.is_compressed and is_compressed(op.results[0]))


def uses_floats(op: Op) -> bool:
    """Whether an op takes or gives f32."""
    return any(v.type.dtype is DType.F32 for v in (*op.operands, *op.results))


def _unfit_users(op: Op) -> Iterator[tuple[Op, str]]:
    """The ops that use a constant that f16 cannot hold, through ops that only move it."""
    result = op.results[0]
    if result.type.dtype is not DType.F32 or result.type.quantization is not None:
        return
    if not (why := unfit_for_half(result, op.value.array if isinstance(op, tensor.Constant) else magnitudes(op))):
        return
    waiting = [result]
    while waiting:
        for user in waiting.pop().users:
            # Scales have a condition of their own; what is decompressed is looked at where that is done.
            if isinstance(user, quant.Scaled) or is_known_op(user):
                continue
            yield user, why
            if isinstance(user, MOVING):
                waiting += user.results


def _reason(op: Op, limits: FunctionLimits) -> Reason:
    if op.calls:
        return "what it calls computes in f32"
    for cls, condition in _CONDITIONS.items():
        if isinstance(op, cls) and (reason := condition(op, limits)):
            return reason
    return None


def hanging_on(op: Op) -> str:
    """The reason of what computes the operands of an op whose result hangs on their last bits."""
    return f"{op.definition.name} behind it hangs on its last bits"


def _sources(op: Op) -> list[Op]:
    """The ops that compute the operands of an op to whose last bits its result is sensitive."""
    crossings = next((count for cls, count in _SENSITIVE.items() if isinstance(op, cls)), None)
    if crossings is None or (isinstance(op, tensor.Cast) and not op.dtype.is_integer):
        return []
    return sources_within(op.operands, crossings)


def sources_within(values: Iterable[Value], crossings: int) -> list[Op]:
    """The ops that compute the values, back over what costs little and so many layers."""
    best: dict[Op, int] = {}
    waiting = [(v, crossings) for v in values]
    while waiting:
        value, left = waiting.pop()
        source = value.owner
        if source is None or best.get(source, -1) >= left or not uses_floats(source):
            continue
        if isinstance(source, _HEAVY):
            left -= 1
        elif not isinstance(source, _COMPUTING):
            continue
        if left >= 0:
            best[source] = left
            waiting += [(v, left) for v in source.operands]
    return list(best)


def _users(op: Op) -> Iterator[Op]:
    """The ops that a number out of f16's range reaches, through those that may leave it there."""
    # A product with an inverse is a quotient.
    keeping = MOVING if isinstance(op, _INVERSES) else _KEEPING
    seen: set[Op] = set()
    waiting = [op]
    while waiting:
        for result in waiting.pop().results:
            for user in result.users:
                if user in seen or not isinstance(user, (*_KEEPING, *_SETTLING)):
                    continue
                seen.add(user)
                yield user
                if isinstance(user, keeping):
                    waiting.append(user)


Condition = Callable[[Op, FunctionLimits], Reason]


def _always(reason: str) -> Condition:
    return lambda op, limits: reason


def _unless_within(limit: float, reason: str) -> Condition:
    """The reason, unless the first operand's elements provably are at most ``limit`` in magnitude."""
    return lambda op, limits: None if limits.magnitude(op.operands[0]) <= limit else reason


def _square(op: Op, limits: FunctionLimits) -> Reason:
    return None if limits.magnitude(op.results[0]) <= LARGEST else "a square overflows f16 from 256 on"


def _product(op: Op, limits: FunctionLimits) -> Reason:
    assert isinstance(op, math.Mul)
    return _square(op, limits) if op.x is op.y else None


def _power(op: Op, limits: FunctionLimits) -> Reason:
    assert isinstance(op, math.Pow)
    exponent = number(op.y)
    if exponent is not None and 0.5 <= exponent <= 1:
        return None
    is_small_square = exponent == 2 and limits.magnitude(op.x) < 255
    return None if is_small_square or limits.magnitude(op.result) <= LARGEST else "a power overflows f16"


def _exp(op: Op, limits: FunctionLimits) -> Reason:
    return None if limits.of(op.operands[0])[1] <= _LARGEST_EXPONENT else "exp overflows f16 above 11"


def _unless_above_zero(reason: str) -> Condition:
    return lambda op, limits: None if limits.of(op.operands[0])[0] >= SMALLEST_NORMAL else reason


def _layer(op: Op, limits: FunctionLimits) -> Reason:
    becomes_integers = any(isinstance(user, tensor.Cast) and user.dtype.is_integer for user in op.results[0].users)
    return "its sums become integers" if becomes_integers else None


def _matrix_product(op: Op, limits: FunctionLimits) -> Reason:
    assert isinstance(op, math.MatMul)
    if reason := _layer(op, limits):
        return reason
    if not _is_of_activations(op, limits) or limits.magnitude(op.result) <= LARGEST:
        return None
    is_fed = any(_is_of_activations(before, limits) for v in (op.x, op.y) if (before := _moved_from(v)) is not None)
    feeds = any(_is_of_activations(after, limits) for after in _moved_to(op.result))
    return "a product of products overflows f16" if is_fed or feeds else None


def _is_of_activations(op: Op, limits: FunctionLimits) -> bool:
    """Whether it is a product of two computed matrices, unlike a layer's, of which none is a softmax or the like."""
    return isinstance(op, math.MatMul) and not any(is_known(v) or limits.magnitude(v) <= 1 for v in (op.x, op.y))


def _moved_from(value: Value) -> Op | None:
    """The op that computes what is moved into ``value``, or scaled."""
    op = value.owner
    while op is not None and isinstance(op, (*MOVING, math.Mul, math.Div)):
        op = op.operands[0].owner
    return op


def _moved_to(value: Value) -> Iterator[Op]:
    """The ops that use ``value`` as it is, or moved."""
    seen: set[Op] = set()
    waiting = [value]
    while waiting:
        for user in waiting.pop().users:
            if user not in seen:
                seen.add(user)
                yield user
                waiting += user.results if isinstance(user, MOVING) else ()


def _sum(op: Op, limits: FunctionLimits) -> Reason:
    assert isinstance(op, math.ReduceSum)
    sizes = [op.x.type.shape[a] for a in op.axes]
    term = min(limits.magnitude(op.x), _LARGEST_TERM)
    if not all(isinstance(d, int) for d in sizes):
        return "a sum of so many elements overflows f16" if limits.magnitude(op.result) > LARGEST else None
    count = prod(d for d in sizes if isinstance(d, int))
    return "a sum of so many elements overflows f16" if term * count > LARGEST else None


def _sum_of_squares(op: Op, limits: FunctionLimits) -> Reason:
    assert isinstance(op, nn.RmsNorm)
    sizes = op.x.type.shape[op.axis :]
    count = prod(d if isinstance(d, int) else inf for d in sizes)
    return None if count * limits.magnitude(op.x) ** 2 <= LARGEST else "a sum of squares overflows f16"


def _running_sum(op: Op, limits: FunctionLimits) -> Reason:
    assert isinstance(op, math.CumSum)
    size = op.x.type.shape[op.axis]
    return None if isinstance(size, int) and size <= _SHORT_SUM else "the error of a running sum grows along it"


def _cast(op: Op, limits: FunctionLimits) -> Reason:
    assert isinstance(op, tensor.Cast)
    if op.x.type.dtype.is_integer and op.dtype.is_float:
        return None if limits.magnitude(op.x) <= LARGEST_EXACT else "integers above 2048 are not exact in f16"
    if op.x.type.dtype.is_float and op.dtype.is_integer:
        return "a number that is rounded before becomes another integer"
    return None


def _clamp(op: Op, limits: FunctionLimits) -> Reason:
    assert isinstance(op, math.Clamp)
    is_lost = any(0 < abs(bound) < 1e-6 for bound in (op.minimum, op.maximum))
    return "its bound is too small for f16" if is_lost else None


def _variance(op: Op, limits: FunctionLimits) -> Reason:
    assert isinstance(op, nn.BatchNorm)
    array = constant_array(op.variance)
    is_small = array is not None and array.size and float(array.min()) < SMALLEST_NORMAL
    return "its variance is too small for f16" if is_small else None


def _scaled(op: Op, limits: FunctionLimits) -> Reason:
    assert isinstance(op, quant.Scaled)
    scale = constant_array(op.scale)
    if scale is None:
        return None
    if float(np.abs(scale).max()) * max(abs(op.stored.lowest), op.stored.highest) > LARGEST:
        return "its numbers overflow f16"
    return unfit_scale(scale) or None


def _restores_large(op: Op, limits: FunctionLimits) -> bool:
    return isinstance(op, quant.Dequantize) and limits.magnitude(op.result) > LARGEST


_JUMP = "a number that is rounded before becomes another integer"
_STEEP = "f16 is too coarse where it is steep"

_CONDITIONS: Mapping[type[Op], Condition] = {
    math.Square: _square,
    math.Mul: _product,
    math.Pow: _power,
    math.MatMul: _matrix_product,
    **dict.fromkeys((nn.Linear, nn.Conv), _layer),
    math.Exp: _exp,
    math.Log: _unless_above_zero("small numbers, which f16 loses, have large logarithms"),
    **dict.fromkeys(_INVERSES, _unless_above_zero("small numbers, which f16 loses, have large inverses")),
    **dict.fromkeys((math.Sin, math.Cos), _unless_within(_LARGEST_ANGLE, "f16 is too coarse for large angles")),
    **dict.fromkeys(
        (math.Tan, math.Asin, math.Acos, math.Sinh, math.Cosh, math.Asinh, math.Acosh, math.Atanh), _always(_STEEP)
    ),
    **dict.fromkeys((math.Floor, math.Ceil, math.Round, math.FloorMod, math.Fmod), _always(_JUMP)),
    math.ReduceSum: _sum,
    math.ReduceProd: _always("a product overflows f16"),
    math.CumSum: _running_sum,
    math.Clamp: _clamp,
    tensor.Cast: _cast,
    tensor.Range: _always("the error of steps grows along them"),
    nn.RmsNorm: _sum_of_squares,
    nn.LocalResponseNorm: _always("a sum of squares overflows f16"),
    nn.BatchNorm: _variance,
    quant.Scaled: _scaled,
    nn.NonMaxSuppression: _always("which boxes overlap too much hangs on the last bits"),
    nn.Recurrent: _always("its state passes through every step's rounding"),
}
"""Op class -> why an op of it must be computed in single precision, if it must."""

_SENSITIVE: Mapping[type[Op], int] = {
    **dict.fromkeys((math.Sin, math.Cos), 1),
    **dict.fromkeys((math.Floor, math.Ceil, math.Round, math.FloorMod, math.Fmod, tensor.Cast), 0),
    math.Log: 2,
}
"""Ops whose island takes in what computes their operands, over how many layers. Of a logarithm those of a spectrum:
the layer that sums bands, and the transform before it."""


def describe_islands(islands: Mapping[Op, str]) -> Sequence[str]:
    """A line for each op that stays in single precision, by the source's node names."""
    return [f"{_name(op)} stays f32: {reason}" for op, reason in islands.items()]


def _name(op: Op) -> str:
    nodes = ", ".join(op.location) or next((r.name for r in op.results if r.name), "")
    return f"node {nodes} ({op.definition.name})" if nodes else op.definition.name
