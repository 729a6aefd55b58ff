"""The spellings that fusions look for, as random functions; each takes a value and gives the idiom of it.

The sketch that they add to varies the numbers, the shapes of constants, the order of operands and the uses (sketch.py).
"""

import math as numbers
from collections.abc import Callable

import numpy as np

from glmir.dims import product
from glmir.ir import Array, Module, Value
from glmir.opdef import ConstraintError
from glmir.ops import math, nn, tensor
from tests.passes.sketch import NUMBERS, Number, Sketch, UnfitError, limits


def sigmoid(s: Sketch, x: Value) -> Value:
    denominator = s.plus(s.add(math.Exp(s.add(math.Neg(x)))), 1)
    y = s.add(math.Reciprocal(denominator)) if s.chance(0.5) else s.add(math.Div(s.number(x, 1), denominator))
    return s.times(x, y) if s.chance(0.5) else y


def softplus(s: Sketch, x: Value) -> Value:
    y = s.add(math.Log(s.plus(s.add(math.Exp(x)), 1)))
    return s.times(x, s.add(math.Tanh(y))) if s.chance(0.5) else y


def gelu(s: Sketch, x: Value) -> Value:
    if s.chance(0.5):
        inner = s.add(math.Erf(s.times(x, numbers.sqrt(0.5))))
    elif s.chance(0.5):
        cubic = s.plus(s.times(s.times(s.square(x), x), 0.044715), x)
        inner = s.add(math.Tanh(s.times(cubic, numbers.sqrt(2 / numbers.pi))))
    else:
        quadratic = s.plus(s.times(s.square(x), 0.044715), 1)
        inner = s.add(math.Tanh(s.times(s.times(x, numbers.sqrt(2 / numbers.pi)), quadratic)))
    match s.choose(range(4)):
        case 0:
            return s.times(s.times(x, s.plus(inner, 1)), 0.5)
        case 1:
            return s.times(s.times(x, 0.5), s.plus(inner, 1))
        case 2:
            return s.times(x, s.times(s.plus(inner, 1), 0.5))
    return s.times(x, s.plus(s.times(inner, 0.5), 0.5))


def hard_swish(s: Sketch, x: Value) -> Value:
    shifted = s.plus(x, 3)
    gate = s.add(nn.Relu6(shifted) if s.chance(0.5) else math.Clamp(shifted, 0.0, s.choose([6.0, 6.0, 1.0])))
    match s.choose(range(4)):
        case 0:
            return s.times(s.times(x, gate), 1 / 6)
        case 1:
            return s.times(s.times(x, 1 / 6), gate)
        case 2:
            return s.times(gate, 1 / 6)
    y = s.add(math.Clamp(s.plus(s.times(x, s.choose([1 / 6, 0.2])), 0.5), 0.0, 1.0))
    return s.times(x, y) if s.chance(0.5) else y


def other_activation(s: Sketch, x: Value) -> Value:
    if s.chance(0.3):
        return s.operate(math.Div, x, s.plus(s.add(math.Abs(x)), 1))
    if s.chance(0.5):
        return s.operate(math.Maximum, x, s.times(x, s.choose([0.25, 0.1, 1.5, -0.5])))
    axis = s.choose(range(x.type.rank))
    largest = s.add(math.ReduceMax(x, (axis,), keep_dims=True))
    powers = s.add(math.Exp(s.operate(math.Sub, x, largest) if s.chance(0.7) else x))
    return s.operate(math.Div, powers, s.add(math.ReduceSum(powers, (s.choose([axis, axis, 0]),), keep_dims=True)))


def norm(s: Sketch, x: Value) -> Value:
    axes = tuple(range(s.choose(range(x.type.rank)), x.type.rank)) if s.chance(0.8) else (0,)
    if s.chance(0.6):
        x = s.operate(math.Sub, x, s.add(math.ReduceMean(x, axes, keep_dims=True)))
    variance = s.plus(s.add(math.ReduceMean(s.square(x), axes, keep_dims=True)), s.choose([1e-5, 0.1, 0.5]))
    if s.chance(0.5):
        y = s.operate(math.Div, x, s.add(math.Sqrt(variance)))
    else:
        y = s.operate(math.Mul, x, s.add(math.Rsqrt(variance)))
    if s.chance(0.5):
        y = s.times(y, s.per_channel(y, -1))
        return s.plus(y, s.per_channel(y, -1))
    return s.scaled(y, -1)


def channel_norm(s: Sketch, x: Value) -> Value:
    count, groups = s.channels(x, 1), s.choose([1, 2, 4])
    grouped = s.add(tensor.Reshape(x, None, (x.type.shape[0], groups, product(x.type.shape[1:]) // groups)))
    parameters = s.constant(s.noise(groups)), s.constant(s.noise(groups))
    y = s.add(nn.InstanceNorm(grouped, *parameters, 0.1))
    if s.chance(0.3):
        y = s.add(nn.GroupNorm(x, s.constant(s.noise(count)), s.constant(s.noise(count)), groups, 0.1))
    return s.scaled(s.add(tensor.Reshape(y, None, x.type.shape)), 1)


def convolution(s: Sketch, x: Value) -> Value:
    count, rank = s.channels(x, 1), x.type.rank - 2
    x = limits(s, x) if s.chance(0.2) else s.scaled(x, 1) if s.chance(0.2) else x
    if s.chance(0.4):
        x = padded(s, x, 0)
    groups = s.choose([1, 1, count])
    kernel, ones = (s.choose([1, 2]),) * rank, (1,) * rank
    bias = s.constant(s.noise(4)) if s.chance(0.5) else None
    padding = (s.choose([0, 1]),) * (2 * rank)
    if s.chance(0.7):
        weight = s.constant(s.noise(4, count // groups, *kernel) / 4)
        y = s.add(nn.Conv(x, weight, bias, ones, padding, ones, groups))
    else:
        weight = s.constant(s.noise(count, 4 // groups, *kernel) / 4)
        y = s.add(nn.ConvTranspose(x, weight, bias, ones, (0,) * (2 * rank), ones, (0,) * rank, groups))
    return s.scaled(y, 1)


def padded(s: Sketch, x: Value, filler: float) -> Value:
    rank = x.type.rank
    low, high = ([int(axis > 1 or s.chance(0.1)) * s.choose([0, 1]) for axis in range(rank)] for _ in range(2))
    if not x.type.dtype.is_float:
        filler = 0
    value = None if s.chance(0.5) and filler == 0 else s.constant(np.array(filler, x.type.dtype.numpy))
    return s.add(tensor.Pad(x, value, tuple(low), tuple(high)), may_be_infinite=not np.isfinite(filler))


def pool(s: Sketch, x: Value) -> Value:
    rank = x.type.rank - 2
    kernel, ones, padding = (2,) * rank, (1,) * rank, (s.choose([0, 0, 1]),) * (2 * rank)
    if s.chance(0.5):
        return s.add(nn.MaxPool(padded(s, x, s.choose([-np.inf, -np.inf, 0.0])), kernel, ones, padding, ones))
    x = padded(s, x, s.choose([0, 0, 1]))
    return s.add(nn.AveragePool(x, kernel, ones, padding, ones, s.chance(0.3), s.chance(0.5)))


def product_with_matrix(s: Sketch, x: Value) -> Value:
    shape = x.type.shape
    features = s.channels(x, -1)
    flat = s.add(tensor.Reshape(x, None, (product(shape[:-1]), features))) if s.chance(0.4) else x
    if s.chance(0.5):
        weight = s.constant(s.noise(features, 4) / 4)
        y = s.add(math.MatMul(flat, weight))
    else:
        weight = s.constant(s.noise(4, features) / 4)
        y = s.add(nn.Linear(flat, weight, s.constant(s.noise(4)) if s.chance(0.5) else None))
    if s.chance(0.5):
        y = s.plus(y, s.per_channel(y, -1))
    if flat is not x:
        y = s.add(tensor.Reshape(y, None, (*shape[:-1], 4)))
    return s.scaled(y, -1)


def product_of_transposed(s: Sketch, x: Value) -> Value:
    rank = x.type.rank
    swapped = s.add(tensor.Transpose(x, (*range(rank - 2), rank - 1, rank - 2)))
    y = swapped if s.chance(0.5) else s.add(math.MatMul(x, x, s.chance(0.2), s.chance(0.7)))
    pair = (x, swapped) if s.chance(0.5) else (swapped, y)
    return s.times(s.add(math.MatMul(*pair, s.chance(0.2), s.chance(0.2))), 0.5)


def attention(s: Sketch, x: Value) -> Value:
    features, shape = s.channels(x, -1), x.type.shape[:-1]
    heads = s.choose([1, 2, features])
    split, order = (*shape, heads, features // heads), tuple(range(len(shape) - 1))
    names = len(shape) - 1, len(shape), len(shape) + 1
    forward, transposed = (*order, names[1], names[0], names[2]), (*order, names[1], names[2], names[0])
    parts = [s.add(tensor.Reshape(projected(s, x, features), None, split)) for _ in range(3)]
    query, value = (s.add(tensor.Transpose(part, forward)) for part in parts[:2])
    key = s.add(tensor.Transpose(parts[2], transposed))
    if s.chance(0.3):
        query = s.times(query, 0.5)
    scores = s.times(s.add(math.MatMul(query, key)), 0.5)
    mixed = s.add(math.MatMul(s.add(nn.Softmax(scores, scores.type.rank - 1)), value))
    return s.add(tensor.Reshape(s.add(tensor.Transpose(mixed, forward)), None, x.type.shape))


def projected(s: Sketch, x: Value, features: int) -> Value:
    y = s.add(math.MatMul(x, s.constant(s.noise(features, features) / 4)))
    return s.plus(y, s.constant(s.noise(features))) if s.chance(0.5) else y


def moved(s: Sketch, x: Value) -> Value:
    for _ in range(s.choose([1, 2, 3])):
        rank, shape = x.type.rank, list(x.type.shape)
        axis = s.choose(range(rank))
        match s.choose(range(6)):
            case 0:
                order = s.random.sample(range(rank), rank)
                x = s.add(tensor.Transpose(x, tuple(order)))
                if s.chance(0.4):
                    x = s.add(tensor.Transpose(limits(s, x), tuple(map(order.index, range(rank)))))
            case 1:
                x = s.add(tensor.Reshape(x, None, s.choose([(1, *shape), (*shape, 1), (product(shape),)])))
            case 2:
                size = s.channels(x, axis)
                parts = [part(s, x, axis, start, 1) for start in range(size)]
                x = s.add(tensor.Concat(tuple(s.random.sample(parts, len(parts)) if s.chance(0.3) else parts), axis))
            case 3:
                size = s.channels(x, axis)
                s.add(cut := tensor.Split(x, axis, (1, size - 1)))
                x = s.add(tensor.Concat(cut.results, axis)) if s.chance(0.5) else cut.results[0]
            case 4:
                x = s.add(tensor.Concat((x, limits(s, x)), axis))
            case _:
                x = padded(s, x, 0)
    return limits(s, x) if s.chance(0.3) else x


def part(s: Sketch, x: Value, axis: int, start: int, size: int) -> Value:
    shape = x.type.shape
    starts = tuple(start if a == axis else 0 for a in range(len(shape)))
    return s.add(tensor.Slice(x, starts, (*shape[:axis], size, *shape[axis + 1 :]), (1,) * len(shape)))


def reduction(s: Sketch, x: Value) -> Value:
    axes = tuple(sorted(s.random.sample(range(x.type.rank), s.choose(range(1, x.type.rank + 1)))))
    reduced = s.add(s.choose([math.ReduceSum, math.ReduceMean, math.ReduceMax])(x, axes, s.chance(0.5)))
    kept = tuple(1 if a in axes else d for a, d in enumerate(x.type.shape))
    if s.chance(0.6):
        reduced = s.add(tensor.Reshape(reduced, None, kept))
    count = numbers.prod(size for a, size in enumerate(s.sizes_of(x)) if a in axes)
    y = s.times(reduced, 1 / count)
    return s.operate(s.choose([math.Sub, math.Add]), x, y) if s.chance(0.5) else y


def arithmetic(s: Sketch, x: Value) -> Value:
    y = x
    for _ in range(s.choose([2, 3, 4])):
        operands: tuple[Value | Number, ...] = (*NUMBERS, x, y)
        cls = s.choose([math.Add, math.Mul, math.Sub, math.Div])
        y = s.operate(cls, y, s.choose(operands))
    return y


def bend(s: Sketch, x: Value) -> Value:
    """Leaky relus and elus by a choice of the sign, or as a sum of the two parts of x."""
    slope: Value | Number = s.per_channel(x, -1) if s.chance(0.4) else s.choose([0.25, 0.1, 2.0, -0.5])
    scale = s.choose([1.0, 1.0, 0.5, 2.0])
    below = s.add(math.Clamp(x, -np.inf, 0.0))
    opposite = s.add(nn.Relu(s.add(math.Neg(x))))
    if s.chance(0.4):
        power = s.add(math.Exp(s.choose([x, below, below, s.times(x, 1 / scale)])))
        negative = s.times(s.plus(power, -1.0), scale)
        limited = negative if s.chance(0.5) else s.add(math.Clamp(negative, -np.inf, 0.0))
    elif s.chance(0.5):
        negative = s.times(x, slope)
        limited = s.times(s.choose([below, below, opposite]), slope)
    else:
        negative, limited = s.choose([x, opposite, below]), s.choose([below, opposite])
    if s.chance(0.5):
        cls = s.choose([math.Greater, math.GreaterEqual, math.Less, math.LessEqual])
        pair = (x, negative) if cls in (math.Greater, math.GreaterEqual) or s.chance(0.1) else (negative, x)
        return s.add(math.Select(s.add(cls(x, s.number(x, 0.0))), *pair))
    return s.operate(s.choose([math.Add, math.Add, math.Sub]), s.add(nn.Relu(x)), limited)


def quotient_of_powers(s: Sketch, x: Value) -> Value:
    """Sigmoid, tanh and mish of exponentials, near misses among them."""
    factor = s.choose([1.0, 2.0, -1.0, -2.0])
    power = s.add(math.Exp(x if factor == 1 else s.times(x, factor)))
    match s.choose(range(5)):
        case 0:
            return s.operate(math.Div, s.choose([power, x]), s.plus(power, 1))
        case 1:
            above = s.plus(power, -1) if s.chance(0.5) else s.operate(math.Sub, s.number(x, 1), power)
            return s.operate(math.Div, above, s.plus(power, 1))
        case 2:
            opposite = s.add(math.Exp(s.add(math.Neg(x))))
            return s.operate(math.Div, s.operate(math.Sub, power, opposite), s.plus(power, opposite))
        case 3:
            gate = s.add(s.choose([math.Tanh, nn.Sigmoid])(s.times(x, s.choose([0.5, 2.0]))))
            return s.times(s.plus(gate, 1), 0.5) if s.chance(0.5) else s.plus(s.times(gate, s.choose([0.5, 2.0])), -1)
    numerator = s.operate(math.Mul, power, s.plus(power, 2))
    return s.operate(math.Div, s.operate(math.Mul, x, numerator), s.plus(numerator, 2))


def blocks(s: Sketch, x: Value) -> Value:
    """Pixels that become channels, channels that become pixels, and repeated pixels; then a product over channels."""
    if x.type.rank != 4 or s.channels(x, 1) != 4 or s.channels(x, 2) != 4:
        raise UnfitError
    n, c, h, _ = x.type.shape
    x = s.add(tensor.Concat((x, x), 3)) if s.chance(0.7) else x
    match s.choose(range(4)):
        case 0:
            split = s.add(tensor.Reshape(x, None, (n, c, 2, 2, x.type.shape[3] // 2, 2)))
            order = s.choose([(0, 3, 5, 1, 2, 4), (0, 1, 3, 5, 2, 4), (0, 5, 3, 1, 2, 4), (0, 3, 1, 5, 2, 4)])
            y = s.add(tensor.Reshape(s.add(tensor.Transpose(split, order)), None, (n, 16, 2, x.type.shape[3] // 2)))
        case 1:
            split = s.add(tensor.Reshape(x, None, (n, *s.choose([(2, 2, 1), (1, 2, 2)]), *x.type.shape[2:])))
            order = s.choose([(0, 3, 4, 1, 5, 2), (0, 1, 4, 2, 5, 3), (0, 1, 4, 3, 5, 2)])
            moved = s.add(tensor.Transpose(split, order))
            y = s.add(tensor.Reshape(moved, None, (n, 1, 2 * x.type.shape[2], 2 * x.type.shape[3])))
        case 2:
            axis = s.choose([1, 3])
            starts = s.choose([((0, 0), (0, 1), (1, 0), (1, 1)), ((0, 0), (1, 0), (0, 1), (1, 1))])
            y = s.add(tensor.Concat(tuple(phase(s, x, 2 if axis == 1 else 1, start) for start in starts), axis))
        case _:
            split = s.add(tensor.Reshape(x, None, (n, c, h, 1, x.type.shape[3], 1)))
            grown = s.add(tensor.Expand(split, None, (n, c, h, 2, x.type.shape[3], s.choose([1, 3]))))
            y = s.add(tensor.Reshape(grown, None, (n, c, 2 * h, product(grown.type.shape[4:]))))
    return convolution(s, y) if s.chance(0.5) else y


def phase(s: Sketch, x: Value, axis: int, start: tuple[int, int]) -> Value:
    """Every second row and column of the image whose rows stand along the axis."""
    places = [start[a - axis] if a in (axis, axis + 1) else 0 for a in range(4)]
    sizes = [d // 2 if a in (axis, axis + 1) else d for a, d in enumerate(x.type.shape)]
    strides = [2 if a in (axis, axis + 1) else 1 for a in range(4)]
    return s.add(tensor.Slice(x, tuple(places), tuple(sizes), tuple(strides)))


IDIOMS: tuple[Callable[[Sketch, Value], Value], ...] = (
    sigmoid, softplus, gelu, hard_swish, other_activation, limits, norm, channel_norm, convolution, pool,
    product_with_matrix, product_of_transposed, attention, moved, reduction, arithmetic, bend,
    quotient_of_powers, blocks,
)  # fmt: skip


def random_module(seed: int, idioms: int) -> tuple[Module, dict[str, Array]]:
    """A module of up to that many idioms, each of an earlier idiom's value or of an input, and inputs for it."""
    s = Sketch(seed)
    values = [s.add_input() for _ in range(s.choose([1, 1, 2]))]
    for _ in range(idioms):
        x = s.choose([v for v in values if v.type.rank][-2:])
        try:
            values.append(s.choose(IDIOMS)(s, x))
        except (UnfitError, ConstraintError):
            continue
    outputs = list(dict.fromkeys([*values[-2:], *s.outputs]))
    s.function.set_outputs(outputs, [f"y{i}" for i in range(len(outputs))])
    return Module([s.function]), {v.name: s.arrays[v] for v in s.function.inputs}
