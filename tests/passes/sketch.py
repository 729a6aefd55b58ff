"""A function that grows by ops which run, with what makes a near miss of a pattern thrown in (idioms.py)."""

import random
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from glmir.dims import evaluate, symbol
from glmir.interpreter import bind_symbols
from glmir.ir import Array, Function, Op, Value
from glmir.ops import math, nn, tensor
from glmir.ops.enums import Activation
from glmir.types import DType, TensorType
from glmir.weights import Weight

N, M = symbol("n"), symbol("m")
SHAPES = ((N, 4), (2, 3, 4), (N, 4, M), (N, 1, 4), (1, 4, 4, M), (N, 4, 4, 4), (N, 4, M, 3), (3, M), (1, 1))
NUMBERS = (0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 6.0, -0.5, 1 / 6, 0.25)
DIVISIONS = (math.Div, math.Reciprocal, math.Rsqrt, math.Sqrt, math.Log)
LARGEST, SMALLEST = 100.0, 1e-2
"""Results beyond the one, and operands of ``DIVISIONS`` below the other, would amplify rounding too much."""

Item = TypeVar("Item")
Number = float | int


class UnfitError(Exception):
    """What an idiom would add cannot be, or cannot be compared."""


class Sketch:
    """A function that grows, and what its values are when it runs."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.function = Function("main")
        self.sizes = {"n": self.choose([1, 1, 2, 3]), "m": self.choose([1, 2, 3, 4])}
        self.arrays: dict[Value, Array] = {}
        self.outputs: list[Value] = []

    def choose(self, options: Sequence[Item]) -> Item:
        return self.random.choice(options)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def noise(self, *shape: int) -> Array:
        """Random multiples of 1/4, none of them 0."""
        rng = np.random.default_rng(self.random.randrange(1000))
        return np.asarray(rng.integers(1, 9, shape) * rng.choice([-0.25, 0.25], shape), np.float32)

    def sizes_of(self, x: Value) -> tuple[int, ...]:
        return tuple(d if isinstance(d, int) else evaluate(d, self.sizes) for d in x.type.shape)

    def add_input(self) -> Value:
        dtype = DType.I32 if self.chance(0.1) else DType.F32
        x = Value(TensorType(dtype, self.choose(SHAPES)), f"x{len(self.function.inputs)}")
        self.function.inputs.append(x)
        self.arrays[x] = self.noise(*self.sizes_of(x)).astype(dtype.numpy)
        return x

    def add(self, op: Op, may_be_infinite: bool = False) -> Value:
        """The first result of ``op``, which joins the function; sometimes it is an output or is used twice."""
        operands = {v: self.arrays[v] for v in op.operands}
        if isinstance(op, DIVISIONS) and np.abs(operands[op.operands[-1]]).min(initial=1) < SMALLEST:
            raise UnfitError
        values = [getattr(op, f.name) for f in op.definition.operand_fields]
        arguments = [
            tuple(operands[e] for e in v) if isinstance(v, tuple) else None if v is None else operands[v]
            for v in values
        ]
        try:
            with np.errstate(all="ignore"):
                computed = bind_symbols(op, self.sizes).evaluate(*arguments)
        except (ValueError, ArithmeticError) as error:
            raise UnfitError from error
        arrays = computed if isinstance(computed, tuple) else (computed,)
        for result, array in zip(op.results, arrays, strict=True):
            is_large = not (np.abs(array) <= LARGEST).all() and not may_be_infinite
            if is_large or array.shape != self.sizes_of(result) or array.size == 0:
                raise UnfitError
        self.function.ops.append(op)
        self.arrays.update(zip(op.results, arrays, strict=True))
        if not may_be_infinite and self.chance(0.04):
            self.outputs.append(op.results[0])
        elif not may_be_infinite and self.chance(0.04):
            self.outputs.append(self.add(math.Abs(op.results[0])))
        return op.results[0]

    def constant(self, array: Array) -> Value:
        return self.add(tensor.Constant(Weight(array)), may_be_infinite=True)

    def number(self, x: Value, number: Number) -> Value:
        """A constant to combine with ``x``: mostly that number alone, in some shape."""
        rank, sizes = x.type.rank, [d if isinstance(d, int) else 1 for d in x.type.shape]
        if self.chance(0.1):
            number = self.choose(NUMBERS)
        shape: Sequence[int] = (1,) * self.choose([0, 0, 0, 0, 1, rank, rank + 1])
        array = np.full(shape, number)
        if self.chance(0.05):
            array = np.full(sizes, number)
        elif self.chance(0.05):
            array = self.noise(*(d if self.chance(0.5) else 1 for d in sizes))
        return self.constant(array.astype(x.type.dtype.numpy))

    def operate(self, cls: type[math.Binary], x: Value, y: Value | Number) -> Value:
        """``cls(x, y)``, its operands often swapped where that is the same, seldom where not, seldom another op."""
        operands = (x, y if isinstance(y, Value) else self.number(x, y))
        if self.chance(0.02):
            cls = self.choose([math.Add, math.Sub, math.Mul, math.Div, math.Maximum])
        if self.chance(0.4 if cls.is_commutative else 0.03):
            operands = operands[::-1]
        if issubclass(cls, math.ActivatedArithmetic) and self.chance(0.03):
            return self.add(cls(*operands, self.choose(list(Activation))))
        return self.add(cls(*operands))

    def plus(self, x: Value, y: Value | Number) -> Value:
        return self.operate(math.Add, x, y)

    def times(self, x: Value, y: Value | Number) -> Value:
        if isinstance(y, float) and y and self.chance(0.3):
            return self.operate(math.Div, x, 1 / y)
        return self.operate(math.Mul, x, y)

    def square(self, x: Value) -> Value:
        if self.chance(0.3):
            return self.operate(math.Pow, x, 2)
        return self.add(math.Square(x)) if self.chance(0.5) else self.operate(math.Mul, x, x)

    def channels(self, x: Value, axis: int) -> int:
        size = x.type.shape[axis] if -x.type.rank <= axis < x.type.rank else None
        if not isinstance(size, int):
            raise UnfitError
        return size

    def per_channel(self, x: Value, axis: int) -> Value:
        """A constant with a number for every index of one axis of ``x``, or sometimes of another."""
        axis = self.choose(range(x.type.rank)) if self.chance(0.1) else axis % x.type.rank
        ones = (1,) * (x.type.rank - axis - 1)
        leading = (1,) * self.choose([0, 0, axis, axis + 1])
        return self.constant(self.noise(*leading, self.channels(x, axis), *ones))

    def scaled(self, x: Value, axis: int) -> Value:
        """``x`` through a few of the scales, shifts and activations that layers absorb."""
        for _ in range(self.choose([1, 2, 3])):
            step = self.choose(["scale", "shift", "divide", "negate", "norm", "limit", "number"])
            if step in ("scale", "shift", "divide"):
                cls = {"scale": math.Mul, "shift": math.Add, "divide": math.Div}[step]
                x = self.operate(cls, x, self.per_channel(x, axis))
            elif step == "negate":
                x = self.add(math.Neg(x))
            elif step == "norm":
                count = self.channels(x, axis)
                scale, variance = self.constant(self.noise(count)), self.constant(np.abs(self.noise(count)))
                x = self.add(nn.BatchNorm(x, scale, scale, scale, variance, 1e-3, axis % x.type.rank))
            elif step == "limit":
                x = limits(self, x)
            else:
                x = self.operate(self.choose([math.Mul, math.Add, math.Sub]), x, self.choose(NUMBERS))
        return x


def limits(s: Sketch, x: Value) -> Value:
    for _ in range(s.choose([1, 1, 2, 3])):
        low, high = s.choose([0.0, -1.0, 1.0, -np.inf]), s.choose([6.0, 1.0, 2.0, np.inf])
        match s.choose(range(5)):
            case 0:
                x = s.add(nn.Relu(x))
            case 1:
                x = s.add(nn.Relu6(x))
            case 2:
                x = s.add(math.Clamp(x, low, high))
            case _:
                x = s.operate(s.choose([math.Maximum, math.Minimum]), x, s.choose(NUMBERS))
    return x
