"""Builds small modules, and inputs for them, for the differential tests of every target."""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from glmir.dims import Dim, evaluate, symbol
from glmir.ir import Array, Function, Module, Op, Value
from glmir.ops import tensor
from glmir.rewriter import insert_new_ops
from glmir.types import DType, TensorType
from glmir.weights import Weight

Sizes = Mapping[str, int]


def argument(*dims: Dim | str, dtype: DType = DType.F32) -> Value:
    """A function input to be; a string is a symbol."""
    return Value(TensorType(dtype, tuple(symbol(d) if isinstance(d, str) else d for d in dims)))


def constant(array: Array) -> Value:
    return tensor.Constant(Weight(array)).result


def weight(*shape: int, seed: int = 0, dtype: DType = DType.F32) -> Value:
    """A constant of normally distributed floats."""
    return constant(np.random.default_rng(seed).standard_normal(shape).astype(dtype.numpy))


def per_axis(value: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    """``count`` numbers: those given, or the one given for all."""
    return value if isinstance(value, tuple) else (value,) * count


def module_of(op: Op, inputs: Sequence[Value] | None = None) -> Module:
    """A module that computes one op (and whatever stands before it); its inputs are named in order, x0, x1, …"""
    inputs = _inputs_of(op) if inputs is None else inputs
    for i, value in enumerate(inputs):
        value.name = value.name or f"x{i}"
    function = Function("main", inputs)
    insert_new_ops(op.results, function.ops.append)
    function.set_outputs(op.results, [f"y{i}" for i in range(len(op.results))])
    return Module([function])


def _inputs_of(op: Op) -> list[Value]:
    found: dict[Value, None] = {}
    stack = list(reversed(op.operands))
    while stack:
        value = stack.pop()
        if value.owner is None:
            found[value] = None
        else:
            stack.extend(reversed(value.owner.operands))
    return list(found)


def random_inputs(module: Module, sizes: Sizes) -> dict[str, Array]:
    """Normally distributed floats, integers from -9 to 9, truth values; the symbols of the inputs are ``sizes``."""
    generator = np.random.default_rng(1)
    return {v.name: _random(generator, v.type, sizes) for v in module.main.inputs}


def _random(generator: np.random.Generator, type_: TensorType, sizes: Sizes) -> Array:
    shape = [d if isinstance(d, int) else evaluate(d, sizes) for d in type_.shape]
    if type_.dtype.is_float:
        return np.asarray(generator.standard_normal(shape)).astype(type_.dtype.numpy)
    low, high = (0, 2) if type_.dtype is DType.BOOL else (-9, 10)
    return generator.integers(low, high, shape).astype(type_.dtype.numpy)


def sample(dtype: DType, shape: Sequence[int], low: float = -4, high: float = 4, seed: object = 0) -> Array:
    """Reproducible random elements in [low, high]; integers and floats both have ties and zeros among them."""
    generator = np.random.default_rng(zlib.crc32(repr((dtype.value, tuple(shape), seed)).encode()))
    if dtype is DType.BOOL:
        return generator.integers(0, 2, shape).astype(np.bool_)
    if dtype.is_integer:
        return generator.integers(max(low, 0) if dtype.is_unsigned_integer else low, high + 1, shape).astype(
            dtype.numpy
        )
    return np.asarray(generator.uniform(low, high, shape)).astype(dtype.numpy)
