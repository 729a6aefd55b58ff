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
from dataclasses import MISSING, dataclass, field
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st

from glmir.dims import Dim, evaluate, product, symbol
from glmir.interpreter import bind_symbols
from glmir.ir import Array, Function, Module, Op, Value
from glmir.opdef import ConstraintError, replace
from glmir.ops import DEFINITIONS, math, nn, tensor
from glmir.ops.enums import CoordinateTransform, ResizeMode, ScatterReduction
from glmir.types import DType, TensorType
from glmir.weights import Weight

Item = TypeVar("Item")
LARGEST = 100.0
"""Results beyond this magnitude are not added."""

SIZES = {"n": 2, "m": 3}
"""What the symbols are when a module runs."""

_NUMBERS: tuple[Dim, ...] = (1, 2, 3, 4)
_SYMBOLS = tuple(symbol(name) for name in SIZES)
_ATTEMPTS = 30
"""How many ops are tried until one fits."""
_UNSUITED = (tensor.Constant, tensor.DynamicSlice, tensor.NonZero, tensor.Range)
"""Ops that are leaves, or whose result shapes are known at run time only."""

_MOVING = (*(d.cls for d in DEFINITIONS.values() if d.name.startswith("tensor.")), math.Select, nn.MaxPool)
_EXACT = (
    *_MOVING, math.Neg, math.Abs, nn.Relu, nn.Relu6, math.Clamp, math.Maximum, math.Minimum, math.Add, math.Sub,
    math.Mul, math.Square, math.ReduceMax, math.ReduceMin, math.ReduceSum, math.Comparison, math.Logical, math.ArgMax,
    math.ArgMin, math.LogicalNot,
)  # fmt: skip
"""Ops that round nothing on small multiples of 1/8."""

_SMOOTH = (
    *_EXACT, nn.Sigmoid, nn.Silu, nn.Gelu, nn.HardSwish, nn.HardSigmoid, nn.Softplus, nn.Softmax, nn.LeakyRelu,
    math.Tanh, math.Erf, math.Sin, math.Cos, math.ReduceMean, math.MatMul, nn.Linear, nn.Conv, nn.ConvTranspose,
    nn.AveragePool, nn.BatchNorm,
)  # fmt: skip
_JUMPING = (math.Comparison, math.ArgReduction)
"""Ops that take exact values only, although they are exact themselves."""


@dataclass
class _Builder:
    random: random.Random
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
            raise _UnfitError
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
            definition = self.choose([d for d in DEFINITIONS.values() if d.cls not in _UNSUITED])
            try:
                if self.insert(_operation(self, definition.cls)):
                    return
            except (_UnfitError, ConstraintError):
                pass
            for constant in self.waiting:
                del self.arrays[constant.results[0]]
            self.waiting.clear()

    def insert(self, op: Op) -> bool:
        """Adds the op if it computes something comparable; returns whether it did."""
        rough = any(v in self.rough for v in op.operands)
        if rough and (not isinstance(op, _SMOOTH) or isinstance(op, _JUMPING)):
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


class _UnfitError(Exception):
    """Nothing there fits the op."""


def _is_comparable(array: Array) -> bool:
    if array.dtype == np.bool_ or not array.size:
        return True
    wide = array.astype(np.float64)
    return bool(np.isfinite(wide).all() and np.abs(wide).max() <= LARGEST)


def modules(largest: int = 16) -> st.SearchStrategy[tuple[Module, dict[str, Array]]]:
    """Modules of up to ``largest`` ops besides constants, with inputs for each."""
    return st.builds(random_module, st.integers(0, 2**32 - 1), st.integers(1, largest))


def random_module(seed: int, ops: int) -> tuple[Module, dict[str, Array]]:
    """A module and inputs for it. Its outputs are the values that no op uses, and sometimes one that some op does."""
    builder = _Builder(random.Random(seed))
    for _ in range(builder.integer(1, 3)):
        builder.add_input()
    for _ in range(ops):
        builder.add_op()
    function = builder.function
    computed = [v for v in function.values() if v.owner is not None and not isinstance(v.owner, tensor.Constant)]
    outputs = [v for v in computed if not v.is_used] or list(function.inputs)
    if computed and builder.flag():
        outputs = [*outputs, *(v for v in [builder.choose(computed)] if v not in outputs)]
    function.set_outputs(outputs, [f"y{i}" for i in range(len(outputs))])
    return Module([function]), {v.name: builder.arrays[v] for v in function.inputs}


def _operation(b: _Builder, cls: type[Op]) -> Op:
    """An op of the class on values of the builder; raises _UnfitError or ConstraintError when none comes out."""
    for family, strategy in _STRATEGIES.items():
        if issubclass(cls, family):
            return strategy(b, cls)
    operands: dict[str, object] = {f.name: b.value() for f in cls.definition.operand_fields}
    return _make(b, cls, **operands)


def _make(b: _Builder, cls: type[Op], **given: object) -> Op:
    """The op with the fields ``given``; enums, flags and axes that are left are drawn."""
    x = given.get("x")
    rank = x.type.rank if isinstance(x, Value) else 0
    for attribute in cls.definition.attribute_fields:
        if attribute.name in given:
            continue
        kind = attribute.type
        if kind is bool:
            given[attribute.name] = b.flag()
        elif attribute.name == "axis":
            given["axis"] = b.integer(0, max(rank - 1, 0))
        elif attribute.name == "axes":
            given["axes"] = tuple(sorted({b.integer(0, max(rank - 1, 0)) for _ in range(b.integer(0, rank))}))
        elif kind is float:
            given[attribute.name] = b.choose([0.125, 0.5, 1.0])
        elif isinstance(kind, type) and attribute.name in ("activation", "form", "order", "dtype", "reduction"):
            given[attribute.name] = b.choose(list(kind))  # type: ignore[call-overload]
        elif attribute.default is MISSING and kind in (int, Dim):
            given[attribute.name] = b.integer(1, 2)
        elif attribute.default is MISSING:
            raise _UnfitError
    return cls(**given)


def _binary(b: _Builder, cls: type[Op]) -> Op:
    x = b.value()
    y = b.partner(x)
    return _make(b, cls, x=x, y=y) if b.flag() else _make(b, cls, x=y, y=x)


def _select(b: _Builder, cls: type[Op]) -> Op:
    x = b.value()
    return math.Select(b.value(lambda v: v.type.dtype is DType.BOOL), x, b.partner(x))


def _clamp(b: _Builder, cls: type[Op]) -> Op:
    low = b.choose([-float("inf"), -1.0, 0.0])
    high = b.choose([float("inf"), 1.0, 6.0])
    return math.Clamp(b.value(), low, high)


def _cast(b: _Builder, cls: type[Op]) -> Op:
    dtype = b.choose([DType.F32, DType.I32, DType.I64, DType.I8, DType.BOOL])
    return tensor.Cast(b.value(), dtype)


def _reshape(b: _Builder, cls: type[Op]) -> Op:
    x = b.value()
    dims = list(x.type.shape)
    if b.flag() and len(dims) > 1:
        at = b.integer(0, len(dims) - 2)
        dims[at : at + 2] = [product(dims[at : at + 2])]
    if b.flag():
        dims.insert(b.integer(0, len(dims)), 1)
    return tensor.Reshape(x, None, tuple(d for d in dims if d != 1 or b.flag()))


def _transpose(b: _Builder, cls: type[Op]) -> Op:
    x = b.value()
    return tensor.Transpose(x, tuple(b.random.sample(range(x.type.rank), x.type.rank)))


def _expand(b: _Builder, cls: type[Op]) -> Op:
    x = b.value()
    front = tuple(b.dim() for _ in range(b.integer(0, 1)))
    return tensor.Expand(x, None, (*front, *(b.dim() if d == 1 else d for d in x.type.shape)))


def _slice(b: _Builder, cls: type[Op]) -> Op:
    x = b.value()
    parts = [_extent(b, d) for d in x.type.shape]
    starts, sizes, strides = ([p[i] for p in parts] for i in range(3))
    return tensor.Slice(x, tuple(starts), tuple(sizes), tuple(strides))


def _extent(b: _Builder, dim: Dim) -> tuple[Dim, Dim, int]:
    if not isinstance(dim, int) or b.flag():
        return 0, dim, 1
    start = b.integer(0, dim - 1) if dim else 0
    stride = b.choose([1, 1, 2, -1])
    room = start + 1 if stride < 0 else -((start - dim) // stride)
    return start, b.integer(0, max(room, 0)), stride


def _split(b: _Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: any(isinstance(d, int) and d > 1 for d in v.type.shape))
    axis = next(i for i, d in enumerate(x.type.shape) if isinstance(d, int) and d > 1)
    (size,) = b.static(x.type.shape[axis : axis + 1])
    first = b.integer(0, size)
    return tensor.Split(x, axis, (first, size - first) if b.flag() else (size,))


def _concat(b: _Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.rank > 0)
    others = [b.value(lambda v: v.type.dtype is x.type.dtype and v.type.rank == x.type.rank) for _ in range(2)]
    return tensor.Concat((x, *others)[: b.integer(1, 3)], b.integer(0, x.type.rank - 1))


def _pad(b: _Builder, cls: type[Op]) -> Op:
    x = b.value()
    low, high = (tuple(b.integer(0, 1) for _ in x.type.shape) for _ in range(2))
    value = b.constant(b.array(x.type.dtype, ())) if b.flag() else None
    return tensor.Pad(x, value, low, high)


def _tile(b: _Builder, cls: type[Op]) -> Op:
    x = b.value()
    return tensor.Tile(x, tuple(b.integer(1, 2) for _ in x.type.shape))


def _gather(b: _Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.rank > 0)
    axis = b.integer(0, x.type.rank - 1)
    (size,) = b.static(x.type.shape[axis : axis + 1])
    if size == 0:
        raise _UnfitError
    if b.flag():
        count = b.integer(1, 3)
        indices = [b.integer(-size, size - 1) for _ in range(count)]
        return tensor.Gather(x, b.constant(np.array(indices)), axis)
    return tensor.Gather(x, b.constant(np.array(b.integer(-size, size - 1))), axis)


def _mat_mul(b: _Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.rank >= 2 and v.type.dtype.is_float)
    inner = x.type.shape[-1]
    if isinstance(inner, int) and b.flag():
        y = b.constant(b.array(x.type.dtype, (inner, b.integer(1, 3))))
        return math.MatMul(x, y)
    return _make(b, cls, x=x, y=b.value(lambda v: v.type.rank >= 2 and v.type.dtype is x.type.dtype))


def _linear(b: _Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.dtype.is_float and v.type.rank > 0 and isinstance(v.type.shape[-1], int))
    features = b.integer(1, 3)
    weight = b.constant(b.array(x.type.dtype, (features, *b.static(x.type.shape[-1:]))))
    bias = b.constant(b.array(x.type.dtype, (features,))) if b.flag() else None
    return _make(b, cls, x=x, weight=weight, bias=bias)


def _image(b: _Builder) -> Value:
    return b.value(lambda v: v.type.dtype.is_float and 3 <= v.type.rank <= 5 and _has_channels(v))


def _has_channels(value: Value) -> bool:
    channels = value.type.shape[1]
    return isinstance(channels, int) and channels > 0


def _convolution(b: _Builder, cls: type[Op]) -> Op:
    x = _image(b)
    spatial = x.type.rank - 2
    (channels,) = b.static(x.type.shape[1:2])
    groups = channels if b.flag() else 1
    outputs = groups * b.integer(1, 2)
    kernel = [b.integer(1, 2) for _ in range(spatial)]
    own = (channels, outputs // groups) if cls is nn.ConvTranspose else (outputs, channels // groups)
    weight = b.constant(b.array(x.type.dtype, (*own, *kernel)))
    bias = b.constant(b.array(x.type.dtype, (outputs,))) if b.flag() else None
    extra: dict[str, object] = {"output_padding": (0,) * spatial} if cls is nn.ConvTranspose else {}
    return _make(b, cls, x=x, weight=weight, bias=bias, **_windows(b, spatial, 1), groups=groups, **extra)


def _windows(b: _Builder, spatial: int, padding: int) -> dict[str, object]:
    return {
        "strides": tuple(b.integer(1, 2) for _ in range(spatial)),
        "padding": tuple(b.integer(0, padding) for _ in range(2 * spatial)),
        "dilations": (1,) * spatial,
    }


def _pool(b: _Builder, cls: type[Op]) -> Op:
    x = _image(b)
    spatial = x.type.rank - 2
    kernel = tuple(b.integer(1, 3) for _ in range(spatial))
    return _make(b, cls, x=x, kernel=kernel, **_windows(b, spatial, min(kernel) - 1))


def _batch_norm(b: _Builder, cls: type[Op]) -> Op:
    x = b.value(lambda v: v.type.dtype.is_float and v.type.rank >= 2 and isinstance(v.type.shape[1], int))
    channels = b.static(x.type.shape[1:2])
    scale, bias, mean = (b.constant(b.array(x.type.dtype, channels)) for _ in range(3))
    variance = b.constant(np.abs(b.array(x.type.dtype, channels)) + np.ones((), x.type.dtype.numpy))
    return nn.BatchNorm(x, scale, bias, mean, variance, 1e-3)


def _resize(b: _Builder, cls: type[Op]) -> Op:
    x = _image(b)
    shape = (*x.type.shape[:2], *(d * b.integer(1, 2) for d in x.type.shape[2:]))
    mode = b.choose([ResizeMode.NEAREST, ResizeMode.LINEAR])
    transform = b.choose([CoordinateTransform.ASYMMETRIC, CoordinateTransform.HALF_PIXEL])
    return nn.Resize(x, shape, (), mode, transform)


_STRATEGIES: dict[type[Op], Callable[[_Builder, type[Op]], Op]] = {
    math.Binary: _binary,
    math.Select: _select,
    math.Clamp: _clamp,
    math.MatMul: _mat_mul,
    tensor.Cast: _cast,
    tensor.Reshape: _reshape,
    tensor.Transpose: _transpose,
    tensor.Expand: _expand,
    tensor.Slice: _slice,
    tensor.Split: _split,
    tensor.Concat: _concat,
    tensor.Pad: _pad,
    tensor.Tile: _tile,
    tensor.Gather: _gather,
    nn.Linear: _linear,
    nn.Convolution: _convolution,
    nn.Pool: _pool,
    nn.BatchNorm: _batch_norm,
    nn.Resize: _resize,
}
