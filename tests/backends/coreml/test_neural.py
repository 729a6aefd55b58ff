"""Activations, normalizations, matrix products: what is written, run, and held against the interpreter."""

from collections.abc import Callable

import numpy as np
import pytest

from glmir.ir import Op, Value
from glmir.ops import math, nn
from glmir.ops.enums import Activation, GeluForm, Layout
from glmir.types import DType
from tests.backends.building import argument, constant, weight

from .harness import check_op

F16, F32, I32 = DType.F16, DType.F32, DType.I32
TOLERANCES = {F32: "f32-sums", F16: "f16"}
Case = tuple[Callable[["Sources"], Op], str | None]


class Sources:
    """Arguments ``x`` and constants ``w`` of one dtype."""

    def __init__(self, dtype: DType) -> None:
        self._dtype = dtype

    def x(self, *dims: int | str) -> Value:
        return argument(*dims, dtype=self._dtype)

    def w(self, *shape: int) -> Value:
        return weight(*shape, dtype=self._dtype)

    def variance(self, count: int) -> Value:
        return constant(np.arange(1, count + 1).astype(self._dtype.numpy))

    def full(self, number: float) -> Value:
        return constant(np.full((1,), number, self._dtype.numpy))


ACTIVATIONS: dict[str, Case] = {
    "relu": (lambda s: nn.Relu(s.x("n", 4)), "relu"),
    "relu6": (lambda s: nn.Relu6(s.x("n", 4)), "relu6"),
    "sigmoid": (lambda s: nn.Sigmoid(s.x("n", 4)), "sigmoid"),
    "silu": (lambda s: nn.Silu(s.x("n", 4)), "silu"),
    "softplus": (lambda s: nn.Softplus(s.x("n", 4)), "softplus"),
    "softsign": (lambda s: nn.Softsign(s.x("n", 4)), "softsign"),
    "mish": (lambda s: nn.Mish(s.x("n", 4)), "softplus tanh mul"),
    "hard_swish": (lambda s: nn.HardSwish(s.x("n", 4)), "sigmoid_hard mul"),
    "gelu": (lambda s: nn.Gelu(s.x("n", 4)), "gelu"),
    "gelu by tanh": (lambda s: nn.Gelu(s.x("n", 4), GeluForm.TANH), "gelu"),
    "leaky_relu": (lambda s: nn.LeakyRelu(s.x("n", 4), 0.1), "leaky_relu"),
    "elu": (lambda s: nn.Elu(s.x("n", 4), 0.7), "elu"),
    "celu": (lambda s: nn.Celu(s.x("n", 4), 0.7), None),
    "selu": (lambda s: nn.Selu(s.x("n", 4), 1.67, 1.05), "elu mul"),
    "hard_sigmoid": (lambda s: nn.HardSigmoid(s.x("n", 4), 0.2, 0.5), "sigmoid_hard"),
    "p_relu of channels": (lambda s: nn.PRelu(s.x("n", 3, 4, 5), s.w(3, 1, 1)), "prelu"),
    "p_relu of rank 5": (lambda s: nn.PRelu(s.x("n", 3, 4, 5, 2), s.w(3, 1, 1, 1)), "less mul select"),
    "p_relu of one slope": (lambda s: nn.PRelu(s.x("n", 3, 4), s.full(0.25)), "leaky_relu"),
    "p_relu of a computed slope": (lambda s: nn.PRelu(s.x("n", 3, 4), s.x(4)), "less mul select"),
    "softmax": (lambda s: nn.Softmax(s.x("n", 3, 4), 1), "softmax"),
    "log_softmax": (lambda s: nn.LogSoftmax(s.x("n", 3, 4), 1), "reduce_max sub exp reduce_sum log sub"),
}
PRODUCTS: dict[str, Case] = {
    "linear": (lambda s: nn.Linear(s.x("n", 5), s.w(3, 5), s.w(3)), "linear"),
    "linear of a vector": (lambda s: nn.Linear(s.x(5), s.w(3, 5), s.w(3)), "linear"),
    "linear, relu": (lambda s: nn.Linear(s.x("n", 4, 5), s.w(3, 5), None, Activation.RELU), "linear relu"),
    "linear of four axes": (
        lambda s: nn.Linear(s.x("n", 2, 4, 5), s.w(3, 5), s.w(3), Activation.RELU6),
        "matmul add relu6",
    ),
    "linear of a computed weight": (lambda s: nn.Linear(s.x("n", 5), s.x(3, 5), s.x(3)), "matmul add"),
    "linear of a vector and a computed weight": (
        lambda s: nn.Linear(s.x(5), s.x(3, 5), None, Activation.RELU),
        "expand_dims matmul squeeze relu",
    ),
    "mat_mul": (lambda s: math.MatMul(s.x("n", 3, 4), s.x(4, 5)), "matmul"),
    "mat_mul of transposed": (lambda s: math.MatMul(s.x("n", 4, 3), s.x("n", 5, 4), True, True), "matmul"),
    "mat_mul of broadcast batches": (lambda s: math.MatMul(s.x("n", 1, 3, 4), s.w(3, 4, 5)), "matmul"),
}
NORMALIZATIONS: dict[str, Case] = {
    "layer_norm": (lambda s: nn.LayerNorm(s.x("n", 3, 8), s.w(8), s.w(8), 2, 1e-12), "layer_norm"),
    "layer_norm of two axes": (lambda s: nn.LayerNorm(s.x("n", 3, 8), s.w(3, 8), s.w(8), 1, 1e-5), "layer_norm"),
    "layer_norm alone": (lambda s: nn.LayerNorm(s.x("n", 3, 8), None, None, 2, 1e-5), "layer_norm"),
    "layer_norm and bias": (lambda s: nn.LayerNorm(s.x("n", 3, 8), None, s.w(8), 2, 1e-5), "layer_norm"),
    "layer_norm, computed": (lambda s: nn.LayerNorm(s.x("n", 8), s.x(8), s.x(8), 1, 1e-5), "layer_norm mul add"),
    "layer_norm of an unknown size": (lambda s: nn.LayerNorm(s.x(2, "n"), None, None, 1, 1e-5), "layer_norm"),
    "rms_norm": (lambda s: nn.RmsNorm(s.x("n", 3, 8), s.w(8), 2, 1e-6), None),
    "instance_norm 1d": (lambda s: nn.InstanceNorm(s.x("n", 3, 8), s.w(3), s.w(3), 1e-5), "instance_norm"),
    "instance_norm 2d": (lambda s: nn.InstanceNorm(s.x("n", 3, 8, "m"), s.w(3), s.w(3), 1e-5), "instance_norm"),
    "instance_norm 3d": (
        lambda s: nn.InstanceNorm(s.x("n", 3, 4, 2, 4), s.w(3), s.w(3), 1e-5),
        "reshape instance_norm reshape",
    ),
    "instance_norm of channels last": (
        lambda s: nn.InstanceNorm(s.x("n", 8, 8, 3), s.w(3), s.w(3), 1e-5, Layout.NHWC),
        "transpose instance_norm transpose",
    ),
    "instance_norm, computed": (
        lambda s: nn.InstanceNorm(s.x("n", 3, 8, 8), s.x(3), s.x(3), 1e-5),
        "instance_norm expand_dims mul expand_dims add",
    ),
    "instance_norm of points": (lambda s: nn.InstanceNorm(s.x("n", 3), s.w(3), s.w(3), 1e-5), None),
    "group_norm": (
        lambda s: nn.GroupNorm(s.x("n", 6, 4, 4), s.w(6), s.w(6), 2, 1e-5),
        "reshape instance_norm reshape mul add",
    ),
    "group_norm of unknown sizes": (lambda s: nn.GroupNorm(s.x("n", 6, "m", "k"), s.w(6), s.w(6), 3, 1e-5), None),
    "group_norm of channels last": (
        lambda s: nn.GroupNorm(s.x("n", 4, 4, 6), s.w(6), s.w(6), 2, 1e-5, Layout.NHWC),
        "transpose reshape instance_norm reshape mul add transpose",
    ),
    "group_norm, computed": (lambda s: nn.GroupNorm(s.x("n", 6, 4), s.x(6), s.x(6), 1, 1e-5), None),
    "batch_norm": (
        lambda s: nn.BatchNorm(s.x("n", 3, 4, 5), s.w(3), s.w(3), s.w(3), s.variance(3), 1e-5),
        "batch_norm",
    ),
    "batch_norm of points": (
        lambda s: nn.BatchNorm(s.x("n", 3), s.w(3), s.w(3), s.w(3), s.variance(3), 1e-5),
        "mul add",
    ),
    "batch_norm along the last axis": (
        lambda s: nn.BatchNorm(s.x("n", 4, 3), s.w(3), s.w(3), s.w(3), s.variance(3), 1e-5, 2),
        "mul add",
    ),
    "batch_norm, computed": (
        lambda s: nn.BatchNorm(s.x("n", 3, 4), s.x(3), s.x(3), s.x(3), s.variance(3), 1e-5),
        None,
    ),
}
CASES = ACTIVATIONS | PRODUCTS | NORMALIZATIONS
SIZES = {"n": 2, "m": 5, "k": 3}, {"n": 3, "m": 2, "k": 4}


@pytest.mark.parametrize("version", (15, 16, 17, 18))
@pytest.mark.parametrize("dtype", (F32, F16), ids=lambda d: d.value)
@pytest.mark.parametrize("name", CASES)
def test_op(name: str, dtype: DType, version: int) -> None:
    build, operations = CASES[name]
    if version == 15 and dtype is F16:
        # Its inputs and outputs are single precision.
        operations = None
    check_op(build(Sources(dtype)), *SIZES, tolerance=TOLERANCES[dtype], writes=operations, version=version)


@pytest.mark.parametrize(
    ("shape", "mask", "scale", "written"),
    [
        (("n", 2, 3, 4), ("n", 1, 3, 3), 0.5, "scaled_dot_product_attention"),
        (("n", 2, 3, 4), None, 1.0, "mul scaled_dot_product_attention"),
        (("n", 2, 3, 4), (3, 1), 1.0, "matmul add softmax matmul"),
        (("n", 3, 4), (3,), 1.0, "matmul add softmax matmul"),
    ],
)
def test_attention(
    shape: tuple[int | str, ...], mask: tuple[int | str, ...] | None, scale: float, written: str
) -> None:
    q, k, v = (argument(*shape) for _ in range(3))
    heads = 2 if len(shape) == 4 else 1
    attention = nn.Attention(q, k, v, None if mask is None else argument(*mask), heads, scale)
    check_op(attention, {"n": 2}, tolerance="f32-sums", writes=written, version=18)


@pytest.mark.parametrize("kind", (nn.Relu, nn.Relu6), ids=("relu", "relu6"))
def test_activation_of_integers(kind: type[nn.Relu] | type[nn.Relu6]) -> None:
    check_op(kind(argument(3, 4, dtype=I32)), tolerance="exact")


def test_products_of_integers() -> None:
    matrix = constant(np.arange(20, dtype=np.int32).reshape(5, 4))
    check_op(math.MatMul(argument(2, 3, 4, dtype=I32), argument(4, 5, dtype=I32)), tolerance="exact")
    check_op(math.MatMul(argument(2, 4, 3, dtype=I32), matrix, True, True), tolerance="exact")
    check_op(nn.Linear(argument(3, 4, dtype=I32), matrix, None), tolerance="exact")
