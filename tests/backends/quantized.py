"""Weights in compressed forms and a quantized network, for the tests of several targets."""

import numpy as np

from glmir.ir import Array, Module, Value
from glmir.ops import math, nn, quant
from glmir.ops.enums import Activation
from glmir.types import DType

from .building import argument, constant, module_of

ROWS, COLUMNS = 24, 64


def integers(dtype: DType, *shape: int) -> Value:
    """A constant of integers of all that the dtype holds."""
    numbers = np.random.default_rng(0).integers(dtype.lowest, dtype.highest + 1, shape)
    return constant(numbers.astype(dtype.numpy))


def scales(*shape: int) -> Value:
    return constant(np.random.default_rng(1).uniform(0.5, 1.5, shape).astype(np.float32) / 128)


def per_channel(dtype: DType, zeros: bool = False) -> Value:
    zero_points = integers(dtype, ROWS) if zeros else None
    return quant.Dequantize(integers(dtype, ROWS, COLUMNS), scales(ROWS), zero_points, 0).result


def per_tensor() -> Value:
    return quant.Dequantize(integers(DType.I8, ROWS, COLUMNS), scales(), None).result


def blocks(dtype: DType, block: int, zeros: bool = False) -> Value:
    shape = (ROWS, -(-COLUMNS // block))
    zero_points = integers(dtype, *shape) if zeros else None
    return quant.Dequantize(integers(dtype, ROWS, COLUMNS), scales(*shape), zero_points, 1, block).result


def palette(bits: int, *shape: int) -> Value:
    table = np.random.default_rng(2).standard_normal(1 << bits).astype(np.float32)
    indices = np.random.default_rng(3).integers(0, 1 << bits, shape or (ROWS, COLUMNS)).astype(np.uint8)
    return quant.Depalettize(constant(indices), constant(table), bits).result


def mask() -> Array:
    return np.random.default_rng(4).random((ROWS, COLUMNS)) < 0.3


def sparse() -> Value:
    values = np.random.default_rng(5).standard_normal(int(np.count_nonzero(mask()))).astype(np.float32)
    return quant.Densify(constant(values), constant(mask())).result


def sparse_integers() -> Value:
    stored = integers(DType.I8, int(np.count_nonzero(mask())))
    return quant.Dequantize(quant.Densify(stored, constant(mask())).result, scales(ROWS), None, 0).result


def sparse_palette() -> Value:
    return quant.Densify(palette(4, int(np.count_nonzero(mask()))), constant(mask())).result


def conv_weight(*shape: int, axis: int = 0) -> Value:
    return quant.Dequantize(integers(DType.I8, *shape), scales(shape[axis]), None, axis).result


def paired(x: Value, scale: float, zero: int = 0, dtype: DType = DType.I8) -> Value:
    parameters = constant(np.asarray(scale, np.float32)), constant(np.asarray(zero, dtype.numpy))
    integers_of_x = quant.Quantize(x, *parameters, storage=dtype).result
    return quant.Dequantize(integers_of_x, *parameters).result


def integer_network() -> Module:
    """A convolution and a layer whose operands and results are all quantized."""
    x = paired(argument(1, 3, 9, 9), 0.02, -3)
    bias = quant.Dequantize(constant(np.arange(8, dtype=np.int32) * 100), scales(8), None, 0).result
    conv = nn.Conv(x, conv_weight(8, 3, 3, 3), bias, (2, 2), (1, 1, 1, 1), (1, 1), activation=Activation.RELU).result
    pooled = math.ReduceMean(paired(conv, 0.05, 2, DType.U8), (2, 3), False).result
    last = nn.Linear(paired(pooled, 0.03), conv_weight(5, 8), None).result
    quantized = paired(last, 0.01, 4).owner
    assert quantized is not None
    return module_of(quantized)


def normal_inputs(module: Module) -> dict[str, Array]:
    """Normally distributed inputs for a module whose sizes are known."""
    shapes = {v.name: v.type.static_shape for v in module.main.inputs}
    return {name: np.random.default_rng(6).standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
