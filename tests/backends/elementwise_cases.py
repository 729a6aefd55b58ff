"""Elementwise ops and their operands, as the differential tests of several targets try them."""

from collections.abc import Callable, Sequence

import numpy as np

from glmir.ir import Array, Module, Op, Value
from glmir.ops import math, nn
from glmir.ops.enums import GeluForm
from glmir.types import DType, TensorType
from tests.backends.building import constant, module_of, sample

# Where the functions are defined, and their own values are not too large.
DOMAINS: dict[type[Op], tuple[float, float]] = {
    math.Log: (0.1, 8), math.Sqrt: (0, 8), math.Rsqrt: (0.1, 8), math.Reciprocal: (0.1, 4), math.Asin: (-1, 1),
    math.Acos: (-1, 1), math.Acosh: (1, 8), math.Atanh: (-0.95, 0.95), math.Tan: (-1.4, 1.4),
}  # fmt: skip
FLOAT_FUNCTIONS = [
    math.Floor, math.Ceil, math.Round, math.Exp, math.Log, math.Sqrt, math.Rsqrt, math.Reciprocal, math.Sin, math.Cos,
    math.Tan, math.Asin, math.Acos, math.Atan, math.Sinh, math.Cosh, math.Tanh, math.Asinh, math.Acosh, math.Atanh,
    math.Erf,
]  # fmt: skip
NUMBER_FUNCTIONS = [math.Abs, math.Neg, math.Sign, math.Square]
FLOAT_ACTIVATIONS = [nn.Sigmoid, nn.HardSwish, nn.Silu, nn.Softplus, nn.Softsign, nn.Mish]
NUMBER_ACTIVATIONS = [nn.Relu, nn.Relu6]
ARITHMETIC = [math.Add, math.Sub, math.Mul, math.Div, math.Pow, math.Maximum, math.Minimum, math.FloorMod, math.Fmod]
COMPARISONS = [math.Equal, math.NotEqual, math.Less, math.LessEqual, math.Greater, math.GreaterEqual]
BITWISE = [math.BitwiseAnd, math.BitwiseOr, math.BitwiseXor, math.ShiftLeft, math.ShiftRight]
LOGICAL = [math.LogicalAnd, math.LogicalOr, math.LogicalXor]

PARAMETRIC: dict[str, Callable[[Value], Op]] = {
    "leaky_relu": lambda x: nn.LeakyRelu(x, 0.1),
    "elu": lambda x: nn.Elu(x, 1.0),
    "elu 0.5": lambda x: nn.Elu(x, 0.5),
    "celu": lambda x: nn.Celu(x, 2.0),
    "celu 1": lambda x: nn.Celu(x, 1.0),
    "selu": lambda x: nn.Selu(x, 1.6732632, 1.050701),
    "hard_sigmoid": lambda x: nn.HardSigmoid(x, 0.2, 0.5),
    "gelu": lambda x: nn.Gelu(x, GeluForm.ERF),
    "gelu tanh": lambda x: nn.Gelu(x, GeluForm.TANH),
    "clamp": lambda x: math.Clamp(x, -2.0, 3.0),
    "relu": lambda x: math.Clamp(x, 0.0),
    "relu6": lambda x: math.Clamp(x, 0.0, 6.0),
    "relu_n1_to_1": lambda x: math.Clamp(x, -1.0, 1.0),
    "relu_0_to_1": lambda x: math.Clamp(x, 0.0, 1.0),
    "at most": lambda x: math.Clamp(x, maximum=1.0),
    "unlimited": lambda x: math.Clamp(x),
}

BROADCASTS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "scalars": ((), ()),
    "scalar": ((2, 3), ()),
    "scalar first": ((), (2, 3)),
    "row": ((2, 3), (3,)),
    "column": ((2, 3), (2, 1)),
    "both": ((2, 1, 4), (3, 1)),
    "rank 4": ((2, 3, 1, 5), (1, 3, 4, 1)),
    "rank 5": ((2, 1, 2, 1, 3), (1, 2, 1, 2, 1)),
}
"""Two shapes that are broadcast."""


def operands_of(function: type[Op], dtype: DType, shape: Sequence[int], other: Sequence[int]) -> list[Array]:
    """Operands on which the op is defined, and does not overflow."""
    x, y = sample(dtype, shape, -9, 9), sample(dtype, other, -4, 4, seed=1)
    if function in (math.Div, math.FloorMod, math.Fmod) and dtype.is_numeric:
        y = np.where(np.abs(y.astype(np.float64)) < 0.5, np.ones_like(y), y)
    if function in (math.Pow, math.ShiftLeft, math.ShiftRight):
        low = 0.5 if function is math.Pow else 0
        x, y = sample(dtype, shape, low, 4), sample(dtype, other, low, 3, seed=1)
    return [x, y]


def module_on(
    build: Callable[..., Op], arrays: Sequence[Array], constants: Sequence[int] = ()
) -> tuple[Module, dict[str, Array]]:
    """The module of an op on such operands, those at ``constants`` being constants of it, and its inputs."""
    inputs = {
        i: Value(TensorType(DType.of(a.dtype), a.shape), f"x{i}") for i, a in enumerate(arrays) if i not in constants
    }
    values = [inputs[i] if i in inputs else constant(array) for i, array in enumerate(arrays)]
    return module_of(build(*values), list(inputs.values())), {f"x{i}": arrays[i] for i in inputs}
