"""Random typed modules for property tests, built from the op declarations.

An op is drawn from ``DEFINITIONS``; operands are earlier values or new constants, attributes come from a strategy for
its family. hypothesis chooses the seed and the number of ops: a module of fewer ops is the beginning of one of more, so
that a failing module shrinks to its shortest failing beginning. What breaks a constraint, or computes something that
cannot be compared (infinite, huge), is not added, so every module is valid and runs. Each value knows whether it is
exact: only exact values enter ops that amplify rounding (division, logarithm) or jump (floor, comparison), so that a
pass may round otherwise and still be held to a tolerance.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st

from glmir.dims import Dim, evaluate, symbol
from glmir.interpreter import bind_symbols
from glmir.ir import Array, Function, Module, Op, Value
from glmir.opdef import ConstraintError, replace
from glmir.ops import DEFINITIONS, math, nn, quant, tensor
from glmir.ops.enums import ScatterReduction
from glmir.types import DType, TensorType
from glmir.weights import Weight
from tests.random_ops import UnfitError, operation

Item = TypeVar("Item")
LARGEST = 100.0
"""Results beyond this magnitude are not added."""

SIZES = {"n": 2, "m": 3}
"""What the symbols are when a module runs."""

_NUMBERS: tuple[Dim, ...] = (1, 2, 3, 4)
_SYMBOLS = tuple(symbol(name) for name in SIZES)
_ATTEMPTS = 30
"""How many ops are tried until one fits."""
_UNSUITED = (
    tensor.Constant, tensor.DynamicSlice, tensor.NonZero, tensor.Range, nn.NonMaxSuppression, quant.DynamicQuantize,
    quant.IntegerConv, quant.IntegerMatMul,
)  # fmt: skip
"""Ops that are leaves, or whose result shapes are known at run time only, or that take bytes, or give scales."""
SUITED: tuple[type[Op], ...] = tuple(d.cls for d in DEFINITIONS.values() if d.cls not in _UNSUITED)

_MOVING = (*(d.cls for d in DEFINITIONS.values() if d.name.startswith("tensor.")), math.Select, nn.MaxPool)
_EXACT = (
    *_MOVING, math.Neg, math.Abs, nn.Relu, nn.Relu6, math.Clamp, math.Maximum, math.Minimum, math.Add, math.Sub,
    math.Mul, math.Square, math.ReduceMax, math.ReduceMin, math.ReduceSum, math.Comparison, math.Logical, math.ArgMax,
    math.ArgMin, math.LogicalNot, quant.Scaled,
)  # fmt: skip
"""Ops that round nothing on small multiples of 1/8."""

_SMOOTH = (
    *_EXACT, nn.Sigmoid, nn.Silu, nn.Gelu, nn.HardSwish, nn.HardSigmoid, nn.Softplus, nn.Softmax, nn.LeakyRelu,
    math.Tanh, math.Erf, math.Sin, math.Cos, math.ReduceMean, math.MatMul, nn.Linear, nn.Conv, nn.ConvTranspose,
    nn.AveragePool, nn.BatchNorm,
)  # fmt: skip
_JUMPING = (math.Comparison, math.ArgReduction, quant.Quantize)
"""Ops that take exact values only, although they are exact themselves."""


@dataclass
class Builder:
    """A function that grows, and what its values are when it runs."""

    random: random.Random
    drawn: Sequence[type[Op]] = SUITED
    """The ops to choose from, some more often than others."""
    function: Function = field(default_factory=lambda: Function("main"))
    arrays: dict[Value, Array] = field(default_factory=dict)
    rough: set[Value] = field(default_factory=set)
    waiting: list[Op] = field(default_factory=list)
    """Constants for the op that is being built; they are added with it or dropped."""

    def choose(self, options: Sequence[Item]) -> Item:
        return self.random.choice(options)

    def integer(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def flag(self) -> bool:
        return self.random.random() < 0.5

    def dim(self) -> Dim:
        """A number, or a symbol that an input binds."""
        return self.choose((*_NUMBERS, *map(symbol, self.function.symbols)))

    def array(self, dtype: DType, shape: Sequence[int]) -> Array:
        """Small numbers that arithmetic keeps exact: multiples of 1/4, or integers."""
        rng = np.random.default_rng(self.integer(0, 1000))
        if dtype is DType.BOOL:
            return np.asarray(rng.random(tuple(shape)) < 0.5)
        numbers = np.asarray(rng.integers(-8, 9, tuple(shape)))
        return np.asarray(numbers / 4 if dtype.is_float else numbers // 3, dtype.numpy)

    def add_input(self) -> None:
        dtype = self.choose([DType.F32] * 6 + [DType.I32, DType.I64, DType.BOOL])
        type_ = TensorType(dtype, tuple(self.choose((*_NUMBERS, *_SYMBOLS)) for _ in range(self.integer(0, 4))))
        value = Value(type_, f"x{len(self.function.inputs)}")
        self.function.inputs.append(value)
        self.arrays[value] = self.array(dtype, self.static(type_.shape))

    def add_signal(self) -> None:
        """An input that convolutions take: a batch, channels, and one to three axes."""
        sizes = (self.choose((*_NUMBERS, *_SYMBOLS)) for _ in range(self.integer(1, 3)))
        type_ = TensorType(DType.F32, (self.choose((1, 2, *_SYMBOLS)), self.integer(1, 9), *sizes))
        value = Value(type_, f"x{len(self.function.inputs)}")
        self.function.inputs.append(value)
        self.arrays[value] = self.array(DType.F32, self.static(type_.shape))

    def static(self, shape: Sequence[Dim]) -> tuple[int, ...]:
        return tuple(d if isinstance(d, int) else evaluate(d, SIZES) for d in shape)

    def constant(self, array: Array) -> Value:
        op = tensor.Constant(Weight(array))
        self.waiting.append(op)
        self.arrays[op.result] = array
        return op.result

    def value(self, where: Callable[[Value], bool] = lambda v: True) -> Value:
        """An earlier value, the newest ones more often than not."""
        found = [v for v in self.arrays if where(v)]
        if not found:
            raise UnfitError
        return found[-1 - min(self.integer(0, len(found) - 1), self.integer(0, len(found) - 1))]

    def partner(self, x: Value) -> Value:
        """Something of the dtype of ``x`` that an elementwise op can take with it."""
        if self.flag():
            shape = [d if self.flag() else 1 for d in self.static(x.type.shape)]
            if x.type.is_static:
                return self.constant(self.array(x.type.dtype, shape[self.integer(0, len(shape)) :]))
            return self.constant(self.array(x.type.dtype, ()))
        return self.value(lambda v: v.type.dtype is x.type.dtype)

    def add_op(self) -> None:
        for _ in range(_ATTEMPTS):
            try:
                if self.insert(operation(self, self.choose(self.drawn))):
                    return
            except (UnfitError, ConstraintError):
                pass
            for constant in self.waiting:
                del self.arrays[constant.results[0]]
            self.waiting.clear()

    def insert(self, op: Op) -> bool:
        """Adds the op if it computes something comparable; returns whether it did."""
        rough = any(v in self.rough for v in op.operands)
        jumps = isinstance(op, _JUMPING) or (isinstance(op, tensor.Cast) and not op.dtype.is_float)
        if rough and (jumps or not isinstance(op, _SMOOTH)):
            return False
        operands = [self._gather(getattr(op, f.name)) for f in op.definition.operand_fields]
        if not _is_defined(op, operands):
            return False
        try:
            with np.errstate(all="ignore"):
                evaluated = bind_symbols(op, SIZES).evaluate(*operands)
        except (ValueError, IndexError, TypeError, ArithmeticError):
            return False
        arrays = evaluated if isinstance(evaluated, tuple) else (evaluated,)
        for array, result in zip(arrays, op.results, strict=True):
            if np.shape(array) != self.static(result.type.shape) or not _is_comparable(np.asarray(array)):
                return False
        for added in (*self.waiting, op):
            self.function.ops.append(added)
        self.waiting.clear()
        for array, result in zip(arrays, op.results, strict=True):
            self.arrays[result] = np.asarray(array)
            if rough or not isinstance(op, _EXACT):
                self.rough.add(result)
        return True

    def _gather(self, operand: object) -> object:
        if isinstance(operand, tuple):
            return tuple(self.arrays[v] for v in operand)
        return self.arrays[operand] if isinstance(operand, Value) else None


def _is_defined(op: Op, operands: Sequence[object]) -> bool:
    """Whether the op says what it computes. It does not for integers over zero, shifts by what is no place, and updates
    of one element twice: targets differ."""
    if isinstance(op, tensor.ScatterElements | tensor.ScatterNd) and op.reduction is ScatterReduction.NONE:
        x, indices, updates = (np.asarray(o, np.int64) for o in operands)
        counting = replace(op, reduction=ScatterReduction.ADD)
        try:
            return bool((counting.evaluate(np.zeros_like(x), indices, np.ones_like(updates)) <= 1).all())
        except IndexError:
            return False
    y = operands[-1]
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "iu":
        return True
    if isinstance(op, math.Div | math.FloorMod | math.Fmod):
        return bool((y != 0).all())
    if isinstance(op, math.ShiftLeft | math.ShiftRight):
        return bool((y >= 0).all() and (y < y.dtype.itemsize * 8).all())
    if isinstance(op, math.Pow):
        return bool((y >= 0).all())
    return True


def _is_comparable(array: Array) -> bool:
    if array.dtype == np.bool_ or not array.size:
        return True
    wide = array.astype(np.float64)
    return bool(np.isfinite(wide).all() and np.abs(wide).max() <= LARGEST)


def modules(largest: int = 16) -> st.SearchStrategy[tuple[Module, dict[str, Array]]]:
    """Modules of up to ``largest`` ops besides constants, with inputs for each."""
    return st.builds(random_module, st.integers(0, 2**32 - 1), st.integers(1, largest))


def has_elements_everywhere(module: Module) -> bool:
    """Whether no tensor is empty."""
    dims = {d for v in module.main.values() for d in v.type.shape}
    return all((d if isinstance(d, int) else evaluate(d, SIZES)) > 0 for d in dims)


def random_module(seed: int, ops: int) -> tuple[Module, dict[str, Array]]:
    """A module and inputs for it."""
    builder = Builder(random.Random(seed))
    for _ in range(builder.integer(1, 3)):
        builder.add_input()
    return _grown(builder, ops)


def random_network(seed: int, ops: int, drawn: Sequence[type[Op]]) -> tuple[Module, dict[str, Array]]:
    """A module of ops of the classes ``drawn`` on one or two signals in single precision, and inputs for it."""
    builder = Builder(random.Random(seed), drawn)
    for _ in range(builder.integer(1, 2)):
        builder.add_signal()
    return _grown(builder, ops)


def _grown(builder: Builder, ops: int) -> tuple[Module, dict[str, Array]]:
    """Its outputs are the values that no op uses, and sometimes one that some op does."""
    for _ in range(ops):
        builder.add_op()
    function = builder.function
    computed = [v for v in function.values() if v.owner is not None and not isinstance(v.owner, tensor.Constant)]
    outputs = [v for v in computed if not v.is_used] or list(function.inputs)
    if computed and builder.flag():
        outputs = [*outputs, *(v for v in [builder.choose(computed)] if v not in outputs)]
    function.set_outputs(outputs, [f"y{i}" for i in range(len(outputs))])
    return Module([function]), {v.name: builder.arrays[v] for v in function.inputs}
