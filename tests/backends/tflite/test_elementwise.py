"""Elementwise ops in LiteRT, held against the interpreter: every op by dtype, and operands by shape and kind."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from glmir.dims import symbol
from glmir.ir import Array, Op, Value
from glmir.ops import math, nn, tensor
from glmir.ops.enums import Activation, GeluForm
from glmir.types import DType, TensorType
from glmir.weights import Weight

from .harness import check, module_of, sample

F32, F16, F64 = DType.F32, DType.F16, DType.F64
INTEGERS = (DType.I8, DType.U8, DType.I16, DType.U16, DType.I32, DType.U32, DType.I64)
FLOATS = (F32, F16, F64)
NUMBERS = (*FLOATS, *INTEGERS)


def tolerance_of(dtype: DType) -> str:
    # Doubles are computed in single precision.
    return {F16: "f16", F64: "f32"}.get(dtype, "f32" if dtype.is_float else "exact")


def check_with(
    build: Callable[..., Op], arrays: Sequence[Array], constants: Sequence[int] = (), **options: str
) -> None:
    """Runs ``build`` on the arrays, of which those at ``constants`` are constants of the module."""
    values: list[Value] = []
    inputs: list[Value] = []
    for i, array in enumerate(arrays):
        if i in constants:
            values.append(tensor.Constant(Weight(array)).result)
        else:
            inputs.append(Value(TensorType(DType.of(array.dtype), array.shape), f"x{i}"))
            values.append(inputs[-1])
    feeds = {f"x{i}": a for i, a in enumerate(arrays) if i not in constants}
    check(module_of(build(*values), inputs), feeds, **options)


# Where the functions are defined, and their own values are not too large.
DOMAINS = {
    math.Log: (0.1, 8), math.Sqrt: (0, 8), math.Rsqrt: (0.1, 8), math.Reciprocal: (0.1, 4), math.Asin: (-1, 1),
    math.Acos: (-1, 1), math.Acosh: (1, 8), math.Atanh: (-0.95, 0.95), math.Tan: (-1.4, 1.4),
}  # fmt: skip
FLOAT_FUNCTIONS = [
    math.Floor, math.Ceil, math.Round, math.Exp, math.Log, math.Sqrt, math.Rsqrt, math.Reciprocal, math.Sin, math.Cos,
    math.Tan, math.Asin, math.Acos, math.Atan, math.Sinh, math.Cosh, math.Tanh, math.Asinh, math.Acosh, math.Atanh,
    math.Erf, nn.Sigmoid, nn.HardSwish, nn.Silu, nn.Softplus, nn.Softsign, nn.Mish,
]  # fmt: skip
NUMBER_FUNCTIONS = [math.Abs, math.Neg, math.Sign, math.Square, nn.Relu, nn.Relu6]


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.value)
@pytest.mark.parametrize("function", FLOAT_FUNCTIONS, ids=lambda f: f.__name__)
def test_function_of_floats(function: type[Op], dtype: DType) -> None:
    x = sample(dtype, (2, 3, 50), *DOMAINS.get(function, (-8, 8)))
    check_with(function, [x], tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda d: d.value)
@pytest.mark.parametrize("function", NUMBER_FUNCTIONS, ids=lambda f: f.__name__)
def test_function_of_numbers(function: type[Op], dtype: DType) -> None:
    check_with(function, [sample(dtype, (2, 3, 10), -9, 9)], tolerance=tolerance_of(dtype))


def test_round_takes_halves_to_even() -> None:
    check_with(math.Round, [np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5], np.float32)], tolerance="exact")


@pytest.mark.parametrize("function", [math.IsNan, math.IsInf])
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.value)
def test_predicate(function: type[Op], dtype: DType) -> None:
    check_with(function, [np.array([0, 1, np.nan, np.inf, -np.inf], dtype.numpy)])


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


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.value)
@pytest.mark.parametrize("name", PARAMETRIC)
def test_function_with_parameters(name: str, dtype: DType) -> None:
    check_with(PARAMETRIC[name], [sample(dtype, (3, 40), -8, 8)], tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("dtype", [d for d in INTEGERS if not d.is_unsigned_integer], ids=lambda d: d.value)
@pytest.mark.parametrize("name", ["clamp", "relu", "relu6", "relu_0_to_1"])
def test_clamp_of_integers(name: str, dtype: DType) -> None:
    check_with(PARAMETRIC[name], [sample(dtype, (3, 5), -8, 8)])


ARITHMETIC = [math.Add, math.Sub, math.Mul, math.Div, math.Pow, math.Maximum, math.Minimum, math.FloorMod, math.Fmod]
COMPARISONS = [math.Equal, math.NotEqual, math.Less, math.LessEqual, math.Greater, math.GreaterEqual]
BITWISE = [math.BitwiseAnd, math.BitwiseOr, math.BitwiseXor, math.ShiftLeft, math.ShiftRight]
LOGICAL = [math.LogicalAnd, math.LogicalOr, math.LogicalXor]


def operands_of(function: type[Op], dtype: DType, shape: Sequence[int], other: Sequence[int]) -> list[Array]:
    x, y = sample(dtype, shape, -9, 9), sample(dtype, other, -4, 4, seed=1)
    if function in (math.Div, math.FloorMod, math.Fmod) and dtype.is_numeric:
        y = np.where(np.abs(y.astype(np.float64)) < 0.5, np.ones_like(y), y)
    if function in (math.Pow, math.ShiftLeft, math.ShiftRight):
        low = 0.5 if function is math.Pow else 0
        x, y = sample(dtype, shape, low, 4), sample(dtype, other, low, 3, seed=1)
    return [x, y]


@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda d: d.value)
@pytest.mark.parametrize("function", [*ARITHMETIC, *COMPARISONS], ids=lambda f: f.__name__)
def test_binary(function: type[Op], dtype: DType) -> None:
    operands = operands_of(function, dtype, (2, 3, 4), (2, 3, 4))
    check_with(function, operands, tolerance=tolerance_of(dtype))
    check_with(function, operands_of(function, dtype, (2, 3, 4), ()), [1], tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda d: d.value)
@pytest.mark.parametrize("function", BITWISE, ids=lambda f: f.__name__)
def test_bitwise(function: type[Op], dtype: DType) -> None:
    check_with(function, operands_of(function, dtype, (2, 3, 4), (2, 3, 4)))
    check_with(function, operands_of(function, dtype, (2, 3, 4), (4,)))
    check_with(function, operands_of(function, dtype, (2, 3, 4), ()), [1])


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda d: d.value)
def test_bitwise_not(dtype: DType) -> None:
    check_with(math.BitwiseNot, [sample(dtype, (2, 3))])


@pytest.mark.parametrize("function", [*LOGICAL, *COMPARISONS], ids=lambda f: f.__name__)
def test_truth_values(function: type[Op]) -> None:
    check_with(function, [sample(DType.BOOL, (2, 8)), sample(DType.BOOL, (8,), seed=1)])


def test_logical_not() -> None:
    check_with(math.LogicalNot, [sample(DType.BOOL, (2, 8))])


LAYOUTS = {
    "scalars": ((), ()),
    "scalar": ((2, 3), ()),
    "scalar first": ((), (2, 3)),
    "row": ((2, 3), (3,)),
    "column": ((2, 3), (2, 1)),
    "both": ((2, 1, 4), (3, 1)),
    "rank 4": ((2, 3, 1, 5), (1, 3, 4, 1)),
    "rank 5": ((2, 1, 2, 1, 3), (1, 2, 1, 2, 1)),
    "rank 6": ((2, 1, 2, 1, 3, 1), (1, 2, 1, 2, 1, 2)),
    "rank 8": ((2, 1, 2, 1, 3, 1, 2, 1), (1, 2, 1, 2, 1, 2, 1, 2)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("function", [*ARITHMETIC, math.Less, math.Equal], ids=lambda f: f.__name__)
def test_broadcast(function: type[Op], layout: str) -> None:
    for dtype in (F32, DType.I32, DType.I64):
        operands = operands_of(function, dtype, *LAYOUTS[layout])
        for constants in ([], [0], [1]):
            check_with(function, operands, constants, tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("activation", [Activation.RELU, Activation.RELU6])
@pytest.mark.parametrize("dtype", [F32, F16, DType.I32, DType.I64, DType.I8], ids=lambda d: d.value)
@pytest.mark.parametrize("function", [math.Add, math.Sub, math.Mul, math.Div], ids=lambda f: f.__name__)
def test_fused_activation(function: type[math.Add], dtype: DType, activation: Activation) -> None:
    operands = operands_of(function, dtype, (3, 8), (8,))
    check_with(lambda x, y: function(x, y, activation), operands, tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("dtype", [*NUMBERS, DType.BOOL, DType.U64], ids=lambda d: d.value)
def test_select(dtype: DType) -> None:
    for shapes in (((2, 3), (2, 3), (2, 3)), ((2, 1), (3,), ()), ((), (2, 3), (2, 3)), ((3,), (2, 1), (2, 3))):
        condition, x, y = (
            sample(d, s, seed=i) for i, (d, s) in enumerate(zip((DType.BOOL, dtype, dtype), shapes, strict=True))
        )
        check_with(math.Select, [condition, x, y], tolerance="exact")
        check_with(math.Select, [condition, x, y], [1, 2], tolerance="exact")


@pytest.mark.parametrize("slope", [(2, 3, 4, 5), (5,), (), (3, 1, 1), (4, 1), (1, 1, 5), (2, 1, 1, 1)], ids=str)
def test_p_relu(slope: tuple[int, ...]) -> None:
    for dtype in (F32, F16):
        operands = [sample(dtype, (2, 3, 4, 5)), sample(dtype, slope, 0.1, 0.9)]
        check_with(nn.PRelu, operands, [1], tolerance=tolerance_of(dtype))
        check_with(nn.PRelu, operands, tolerance=tolerance_of(dtype))


@pytest.mark.parametrize("function", [math.Add, math.Maximum, math.Less, math.FloorMod], ids=lambda f: f.__name__)
def test_dynamic_shapes(function: type[Op]) -> None:
    for size in (1, 2, 7):
        x, y = Value(TensorType(F32, (symbol("n"), 1, 4))), Value(TensorType(F32, (3, 1)))
        inputs = {"x0": sample(F32, (size, 1, 4)), "x1": sample(F32, (3, 1), 1, 4)}
        check(module_of(function(x, y)), inputs)


@pytest.mark.parametrize("function", [math.Erf, math.Atan, nn.Mish, nn.Softplus, nn.Gelu], ids=lambda f: f.__name__)
def test_function_of_dynamic_shape(function: type[Op]) -> None:
    for size in (1, 5):
        x = Value(TensorType(F32, (symbol("n"), 3)))
        check(module_of(function(x)), {"x0": sample(F32, (size, 3))})
