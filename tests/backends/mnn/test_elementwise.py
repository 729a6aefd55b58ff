"""Elementwise ops in MNN, held against the interpreter."""

import numpy as np
import pytest

from glmir.ir import Array, Op
from glmir.ops import math, nn, tensor
from glmir.ops.enums import Activation, GeluForm
from glmir.types import DType
from tests.backends.building import argument, constant, module_of, sample, weight

from .harness import check_module, check_op

UNARY = {
    math.Abs: (-4, 4), math.Neg: (-4, 4), math.Sign: (-4, 4), math.Floor: (-4, 4), math.Ceil: (-4, 4),
    math.Round: (-4, 4), math.Exp: (-4, 4), math.Log: (0.01, 4), math.Sqrt: (0, 4), math.Rsqrt: (0.01, 4),
    math.Reciprocal: (0.1, 4), math.Square: (-4, 4), math.Sin: (-9, 9), math.Cos: (-9, 9), math.Tan: (-1.4, 1.4),
    math.Asin: (-1, 1), math.Acos: (-1, 1), math.Atan: (-9, 9), math.Sinh: (-4, 4), math.Cosh: (-4, 4),
    math.Tanh: (-4, 4), math.Asinh: (-9, 9), math.Acosh: (1, 9), math.Atanh: (-0.99, 0.99), math.Erf: (-4, 4),
    nn.Relu: (-4, 4), nn.Relu6: (-8, 8), nn.Sigmoid: (-9, 9), nn.HardSwish: (-4, 4), nn.Silu: (-9, 9),
    nn.Softplus: (-9, 9), nn.Softsign: (-4, 4), nn.Mish: (-4, 4),
}  # fmt: skip
"""The range of operands; where a function is steep at the ends, its error is the operand's."""


def run_on(op: Op, *arrays: Array, tolerance: str = "f32", is_exact: bool = False) -> None:
    module = module_of(op)
    case = dict(zip((v.name for v in module.main.inputs), arrays, strict=True))
    check_module(module, [case], tolerance, is_exact=is_exact)


@pytest.mark.parametrize("op_class", UNARY, ids=lambda c: c.__name__)
def test_unary(op_class: type[math.Unary]) -> None:
    low, high = UNARY[op_class]
    run_on(op_class(argument(3, 50)), sample(DType.F32, (3, 50), low, high), tolerance="elementwise")


EXTREMES = np.array([0.0, -0.0, 1e-30, -1e-30, 1e30, -1e30, 80, -80, 88, -88, 100, -100, 3, -3], np.float32)


@pytest.mark.parametrize(
    "op",
    [
        nn.Sigmoid, nn.Silu, math.Tanh, math.Erf, nn.Softplus, nn.Mish, nn.Softsign, nn.HardSwish, math.Sign, math.Atan,
        math.Floor, math.Ceil, math.Round, math.Abs, math.Neg, math.Asinh, nn.Relu, nn.Relu6,
    ],
    ids=lambda c: c.__name__,
)  # fmt: skip
def test_extremes(op: type[math.Unary]) -> None:
    run_on(op(argument(EXTREMES.size)), EXTREMES, tolerance="elementwise")


def test_exponential_of_large_numbers() -> None:
    run_on(math.Exp(argument(5)), np.array([-200, -100, -88, 0, 10], np.float32), tolerance="elementwise")


@pytest.mark.parametrize("op", [math.Floor, math.Ceil, math.Round, math.Sign], ids=lambda c: c.__name__)
def test_rounding_is_exact(op: type[math.Unary]) -> None:
    ties = np.array(
        [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999997, -0.49999997, 8388609, 2.0**24 + 2, 1e20, -7, 0], np.float32
    )
    run_on(op(argument(ties.size)), ties, tolerance="exact")


@pytest.mark.parametrize(
    "op", [math.Abs, math.Neg, math.Sign, math.Square, nn.Relu, nn.Relu6], ids=lambda c: c.__name__
)
def test_integer_unary(op: type[math.Unary]) -> None:
    run_on(op(argument(3, 50, dtype=DType.I32)), sample(DType.I32, (3, 50), -9, 9))


@pytest.mark.parametrize(
    "op",
    [
        nn.LeakyRelu(argument(2, 30), 0.1), nn.LeakyRelu(argument(2, 30), 1.5), nn.LeakyRelu(argument(2, 30), -0.5),
        nn.Elu(argument(2, 30), 1.0), nn.Elu(argument(2, 30), 0.3), nn.Celu(argument(2, 30), 0.7),
        nn.Selu(argument(2, 30), 1.67, 1.05), nn.HardSigmoid(argument(2, 30), 0.2, 0.5),
        math.Clamp(argument(2, 30), -1.0, 2.0), math.Clamp(argument(2, 30), 0.0, float("inf")),
        math.Clamp(argument(2, 30), float("-inf"), 0.5),
    ],
    ids=lambda op: op.definition.name,
)  # fmt: skip
def test_activations(op: Op) -> None:
    run_on(op, sample(DType.F32, (2, 30)), tolerance="elementwise")


LARGE = np.array([1e3, -1e3, 1e6, -1e6, 1e10, -1e10, 1e30, -1e30], np.float32)


@pytest.mark.parametrize(("tolerance", "is_exact"), [("native-gelu", False), ("gelu", True)])
@pytest.mark.parametrize("form", list(GeluForm))
def test_gelu(form: GeluForm, tolerance: str, is_exact: bool) -> None:
    for x in (sample(DType.F32, (60,), -9, 9), EXTREMES, LARGE, LARGE / 100):
        run_on(nn.Gelu(argument(x.size), form), x, tolerance=tolerance, is_exact=is_exact)


def test_gelu_is_one_op() -> None:
    check_op(nn.Gelu(argument(3, 8)), tolerance="native-gelu", writes="UNARY_OP")


def test_integer_clamp() -> None:
    run_on(math.Clamp(argument(30, dtype=DType.I32), -2, 3), sample(DType.I32, (30,)))


FLOATS = [
    math.Add, math.Sub, math.Mul, math.Div, math.Maximum, math.Minimum, math.FloorMod, math.Fmod, math.Equal,
    math.NotEqual, math.Less, math.LessEqual, math.Greater, math.GreaterEqual,
]  # fmt: skip
INTEGERS = [*FLOATS, math.BitwiseAnd, math.BitwiseOr, math.BitwiseXor]


@pytest.mark.parametrize("shapes", [((3, 40), (3, 40)), ((3, 40), (40,)), ((2, 3, 1), (4,)), ((), (3, 5))], ids=str)
@pytest.mark.parametrize("op", FLOATS, ids=lambda c: c.__name__)
def test_binary(op: type[math.Binary], shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    x, y = sample(DType.F32, shapes[0]), sample(DType.F32, shapes[1], seed=1)
    x.ravel()[: min(2, x.size)] = y.ravel()[: min(2, x.size)]
    run_on(op(argument(*shapes[0]), argument(*shapes[1])), x, y)


@pytest.mark.parametrize("op", INTEGERS, ids=lambda c: c.__name__)
def test_integer_binary(op: type[math.Binary]) -> None:
    x, y = sample(DType.I32, (3, 40), -20, 20), sample(DType.I32, (40,), -9, 9)
    if op in (math.Div, math.FloorMod, math.Fmod):
        y[y == 0] = 5
    run_on(op(argument(3, 40, dtype=DType.I32), argument(40, dtype=DType.I32)), x, y)


def test_large_integers() -> None:
    x = np.array([2**31 - 1, -(2**31), 16777217, -16777219, 123456789], np.int32)
    y = np.array([1, 1, 3, 7, 1000], np.int32)
    for op in INTEGERS:
        run_on(op(argument(5, dtype=DType.I32), argument(5, dtype=DType.I32)), x, y)


@pytest.mark.parametrize("op", [math.ShiftLeft, math.ShiftRight], ids=lambda c: c.__name__)
def test_shifts(op: type[math.Binary]) -> None:
    x, y = sample(DType.I32, (3, 40), -1000, 1000), sample(DType.I32, (40,), 0, 9)
    run_on(op(argument(3, 40, dtype=DType.I32), argument(40, dtype=DType.I32)), x, y)


@pytest.mark.parametrize("op", [math.ShiftLeft, math.ShiftRight], ids=lambda c: c.__name__)
def test_shifts_beyond_the_width(op: type[math.Binary]) -> None:
    x, y = np.array([-8, 8, -16, 5, 7], np.int32), np.array([32, 33, 31, -1, 0], np.int32)
    run_on(op(argument(5, dtype=DType.I32), argument(5, dtype=DType.I32)), x, y)
    run_on(op(argument(5, dtype=DType.I32), constant(np.array(40, np.int32))), x)


@pytest.mark.parametrize("op", [math.FloorMod, math.Fmod])
def test_remainders_of_infinities_and_large_numbers(op: type[math.Binary]) -> None:
    x = np.array([1, -1, 1, -1, np.inf, 3e10, -3e10, 0, -0.0], np.float32)
    y = np.array([np.inf, np.inf, -np.inf, -np.inf, 2, 7, 7, 3, 3], np.float32)
    run_on(op(argument(9), argument(9)), x, y)


def test_bitwise_not() -> None:
    run_on(math.BitwiseNot(argument(40, dtype=DType.I32)), sample(DType.I32, (40,), -1000, 1000))


def test_powers() -> None:
    x, y = sample(DType.F32, (40,), 0.1, 4), sample(DType.F32, (40,), -3, 3, seed=1)
    run_on(math.Pow(argument(40), argument(40)), x, y, tolerance="elementwise")
    negative = sample(DType.F32, (40,), -4, -0.1)
    run_on(math.Pow(argument(40), constant(np.array(3, np.float32))), negative, tolerance="elementwise")
    run_on(math.Pow(argument(40), constant(np.array(2, np.float32))), negative, tolerance="elementwise")
    integers = sample(DType.I32, (40,), -9, 9)
    run_on(math.Pow(argument(40, dtype=DType.I32), constant(np.array(3, np.int32))), integers)


@pytest.mark.parametrize("activation", [Activation.RELU, Activation.RELU6])
@pytest.mark.parametrize("op", [math.Add, math.Sub, math.Mul, math.Div])
def test_fused_activation(op: type[math.ActivatedArithmetic], activation: Activation) -> None:
    x, y = sample(DType.F32, (3, 40), -9, 9), sample(DType.F32, (40,), 1, 9, seed=1)
    run_on(op(argument(3, 40), argument(40), activation), x, y)
    x, y = sample(DType.I32, (3, 40), -9, 9), sample(DType.I32, (40,), 1, 9, seed=1)
    run_on(op(argument(3, 40, dtype=DType.I32), argument(40, dtype=DType.I32), activation), x, y)


@pytest.mark.parametrize("op", [math.LogicalAnd, math.LogicalOr, math.LogicalXor, math.Equal, math.NotEqual])
def test_logic(op: type[math.Binary]) -> None:
    x, y = sample(DType.BOOL, (3, 40)), sample(DType.BOOL, (40,), seed=1)
    run_on(op(argument(3, 40, dtype=DType.BOOL), argument(40, dtype=DType.BOOL)), x, y)


def test_logical_not() -> None:
    run_on(math.LogicalNot(argument(40, dtype=DType.BOOL)), sample(DType.BOOL, (40,)))


@pytest.mark.parametrize("dtype", [DType.F32, DType.I32, DType.BOOL])
def test_select(dtype: DType) -> None:
    op = math.Select(argument(3, 1, dtype=DType.BOOL), argument(3, 40, dtype=dtype), argument(40, dtype=dtype))
    run_on(op, sample(DType.BOOL, (3, 1)), sample(dtype, (3, 40)), sample(dtype, (40,), seed=1))
    op = math.Select(argument(3, 1, dtype=DType.BOOL), argument(dtype=dtype), argument(2, 1, 5, dtype=dtype))
    run_on(op, sample(DType.BOOL, (3, 1)), sample(dtype, ()), sample(dtype, (2, 1, 5), seed=1))


CASTABLE = [DType.F32, DType.I32, DType.BOOL]


@pytest.mark.parametrize("target", CASTABLE)
@pytest.mark.parametrize("source", CASTABLE)
def test_cast(source: DType, target: DType) -> None:
    x = sample(source, (3, 40))
    if source is DType.F32:
        x.ravel()[:6] = [0, -0.0, 0.3, -0.3, 2.7, -2.7]
    run_on(tensor.Cast(argument(3, 40, dtype=source), target), x)


@pytest.mark.parametrize("op", [math.IsNan, math.IsInf])
def test_special_numbers(op: type[math.Unary]) -> None:
    run_on(op(argument(5)), np.array([0, np.nan, np.inf, -np.inf, 3e38], np.float32))


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 7), (4, 3)], ids=str)
def test_p_relu(shape: tuple[int, ...]) -> None:
    slopes = [(3, *(1,) * (len(shape) - 2)), (1,), (1, 3, *(1,) * (len(shape) - 2)), shape[-1:]]
    for slope in slopes:
        check_op(nn.PRelu(argument(*shape), weight(*slope)), tolerance="f32")


def test_p_relu_of_computed_slope() -> None:
    check_op(nn.PRelu(argument(2, 3, 4), argument(3, 1)), tolerance="f32")


@pytest.mark.parametrize("rank", range(1, 9))
def test_many_axes(rank: int) -> None:
    shape = (2,) * rank
    check_op(math.Add(argument(*shape), argument(*shape[1:], 1)), tolerance="f32")
    check_op(math.Select(argument(*shape, dtype=DType.BOOL), argument(*shape), argument(*shape[:-1], 1)))


def test_in_packed_format() -> None:
    """Between convolutions everything elementwise stays as they compute it."""
    x = argument(2, 6, 5, 7)
    first = nn.Conv(x, weight(6, 6, 1, 1), None, (1, 1), (0,) * 4, (1, 1)).result
    slopes = weight(6, 1, 1)
    values = [
        math.Add(first, x).result, math.Mul(first, weight(6, 1, 1)).result, math.Sub(weight(1), first).result,
        math.Div(first, constant(np.array(3, np.float32))).result, nn.Sigmoid(first).result,
        nn.PRelu(first, slopes).result, nn.Elu(first, 0.4).result, nn.LeakyRelu(first, 0.4).result,
        math.Clamp(first, -1.0, 1.0).result, math.Mul(first, argument(2, 6, 1, 1)).result,
        math.Maximum(first, weight(5, 7)).result, math.Tanh(first).result, math.Exp(first).result,
    ]  # fmt: skip
    joined = tensor.Concat(tuple(values), 1).result
    last = nn.Conv(joined, weight(5, 6 * len(values), 1, 1), None, (1, 1), (0,) * 4, (1, 1))
    check_op(last, tolerance="f32-sums")


@pytest.mark.parametrize("op", [math.Mul, math.Maximum, math.Minimum], ids=lambda c: c.__name__)
def test_sizes_with_large_constants(op: type[math.Binary]) -> None:
    """Kernels that compute sizes in single precision would round the constants."""
    for number in (2**24 + 1, -(2**24) - 1, 2**31 - 1):
        sizes = tensor.Tile(tensor.Shape(argument("n", 3), DType.I32).result, (20,)).result
        check_op(op(sizes, constant(np.array(number, np.int32))), {"n": 5}, tolerance="exact")


def test_products_of_remainders() -> None:
    """Positions that are remainders have bounds, and their products may need more bits than single precision has."""
    remainders = math.FloorMod(argument(50, dtype=DType.I32), constant(np.array(46337, np.int32))).result
    run_on(math.Mul(remainders, remainders), np.arange(50, dtype=np.int32) * 33331, tolerance="exact")


def test_relu_of_infinities() -> None:
    x = np.array([-np.inf, np.inf, 0, -0.0, 1], np.float32)
    run_on(nn.Relu(argument(5)), x)
    quotient = math.Div(constant(np.array(-2, np.float32)), argument(5), Activation.RELU)
    run_on(quotient, np.array([0, -0.0, 1, -4, np.inf], np.float32))


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 6, 1, 1), (6, 1, 1)], ids=str)
@pytest.mark.parametrize("op", [math.Sub, math.Div, math.Add], ids=lambda c: c.__name__)
def test_constant_first_operand_between_packed_ones(op: type[math.Binary], shape: tuple[int, ...]) -> None:
    """Of the same rank it would give the result its own format, whatever the convolutions expect."""
    first = nn.Conv(argument(2, 6, 5, 7), weight(6, 6, 1, 1), None, (1, 1), (0,) * 4, (1, 1)).result
    shifted = math.Add(op(weight(*shape), nn.Sigmoid(first).result).result, weight(6, 1, 1)).result
    pooled = nn.MaxPool(shifted, (2, 3), (1, 1), (0, 0, 0, 0), (1, 1)).result
    check_op(nn.Conv(pooled, weight(5, 6, 1, 1), None, (1, 1), (0,) * 4, (1, 1)), tolerance="f32-sums")
