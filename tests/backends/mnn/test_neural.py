"""Matrix products, softmax and normalisations in MNN, held against the interpreter."""

import numpy as np
import pytest

from glmir.dims import Dim
from glmir.ir import Value
from glmir.ops import math, nn
from tests.backends.building import argument, constant, weight

from .harness import check_op

Shape = tuple[Dim | str, ...]


@pytest.mark.parametrize("transpose_y", [False, True])
@pytest.mark.parametrize("transpose_x", [False, True])
@pytest.mark.parametrize("batch", [(), (2,), ("n", 3), (2, 1, 3)], ids=str)
def test_mat_mul(batch: Shape, transpose_x: bool, transpose_y: bool) -> None:
    x = argument(*batch, *((5, 4) if transpose_x else (4, 5)))
    y = argument(*batch, *((6, 5) if transpose_y else (5, 6)))
    check_op(math.MatMul(x, y, transpose_x, transpose_y), {"n": 2}, writes="MAT_MUL")


@pytest.mark.parametrize(("x", "y"), [((4, 5), (3, 5, 6)), ((3, 4, 5), (5, 6)), ((2, 1, 4, 5), (3, 5, 6))], ids=str)
def test_mat_mul_broadcasts(x: Shape, y: Shape) -> None:
    check_op(math.MatMul(argument(*x), argument(*y)))


@pytest.mark.parametrize("transpose_x", [False, True])
@pytest.mark.parametrize(
    ("batch_x", "batch_y", "writes"),
    [
        ((4, 1), (4,), None), ((4, 1), (1, 4), None), ((2, 1, 2), (2, 2, 1), None), (("n", 1), (3,), None),
        (("n", 3), (3,), None), ((1, 3), ("n", 1), None), ((2, 3), (3,), "MAT_MUL"), (("n", 3), (1,), "MAT_MUL"),
        (("n", 3), (1, "n", 3), "MAT_MUL"),
    ],
    ids=str,
)  # fmt: skip
def test_mat_mul_broadcasts_batches(batch_x: Shape, batch_y: Shape, transpose_x: bool, writes: str | None) -> None:
    x, y = argument(*batch_x, *((5, 4) if transpose_x else (4, 5))), argument(*batch_y, 5, 6)
    check_op(math.MatMul(x, y, transpose_x), {"n": 1}, {"n": 3}, {"n": 2}, writes=writes)


@pytest.mark.parametrize("shape", [(4, 5), ("n", 4, 5), (2, "n", 3, 5)], ids=str)
def test_mat_mul_of_constant_matrix(shape: Shape) -> None:
    check_op(math.MatMul(argument(*shape), weight(5, 6)), {"n": 3})
    check_op(math.MatMul(argument(*shape), weight(6, 5), transpose_y=True), {"n": 3})
    check_op(math.MatMul(weight(7, 4), argument(4, "n")), {"n": 3})
    check_op(math.MatMul(argument(*shape), weight(1, 5, 6)), {"n": 3})


@pytest.mark.parametrize(
    ("shape", "axis"), [((5,), 0), ((2, 5), 0), (("n", 3, "m"), 1), ((2, 3, 4, 5), 3), ((2, 3, 4, 5), 1)]
)
@pytest.mark.parametrize("op", [nn.Softmax, nn.LogSoftmax])
def test_softmax(op: type[nn.Softmax | nn.LogSoftmax], shape: Shape, axis: int) -> None:
    check_op(op(argument(*shape), axis), {"n": 2, "m": 7}, {"n": 3, "m": 4}, tolerance="elementwise")


def test_softmax_of_large_numbers() -> None:
    check_op(nn.Softmax(math.Mul(argument(3, 50), constant(np.array(60, np.float32))).result, 1), tolerance="f32-sums")


@pytest.mark.parametrize("parameters", ["none", "scale", "bias", "both"])
@pytest.mark.parametrize(
    ("shape", "axis"), [((4, 6), 1), (("n", 5, 6), 2), ((2, 3, 4), 1), (("n", 3, 4, 5), 2), ((3, 4), 0)]
)
def test_layer_norm(shape: Shape, axis: int, parameters: str) -> None:
    sizes = [d for d in shape[axis:] if isinstance(d, int)]
    scale = weight(*sizes) if parameters in ("scale", "both") else None
    bias = weight(*sizes, seed=1) if parameters in ("bias", "both") else None
    check_op(nn.LayerNorm(argument(*shape), scale, bias, axis, 1e-5), {"n": 3}, writes="LAYER_NORM")


def test_layer_norm_of_computed_scale_or_unknown_size() -> None:
    check_op(nn.LayerNorm(argument(2, 5), argument(5), argument(5), 1, 1e-5))
    check_op(nn.LayerNorm(argument(2, "n"), None, None, 1, 1e-5), {"n": 5})


@pytest.mark.parametrize(("shape", "axis"), [((4, 6), 1), (("n", 5, 6), 2), ((2, 3, 4), 1)])
def test_rms_norm(shape: Shape, axis: int) -> None:
    sizes = [d for d in shape[axis:] if isinstance(d, int)]
    check_op(nn.RmsNorm(argument(*shape), weight(*sizes), axis, 1e-5), {"n": 3}, writes="LAYER_NORM")
    check_op(nn.RmsNorm(argument(*shape), None, axis, 1e-5), {"n": 3}, writes="LAYER_NORM")
    check_op(nn.RmsNorm(argument(*shape), argument(*sizes), axis, 1e-5), {"n": 3})


SPATIAL: list[Shape] = [("n", 6, 5, "w"), (2, 6, 7), (1, 6, 3, 4, 5)]


def vectors() -> tuple[Value, Value]:
    return weight(6), weight(6, seed=1)


def statistics() -> tuple[Value, Value]:
    """A mean and a variance."""
    return weight(6, seed=2), constant(np.arange(1, 7, dtype=np.float32))


@pytest.mark.parametrize("shape", [*SPATIAL, (4, 6)], ids=str)
def test_batch_norm(shape: Shape) -> None:
    op = nn.BatchNorm(argument(*shape), *vectors(), *statistics(), 1e-5)
    check_op(op, {"n": 2, "w": 3}, writes="CONVERT_TENSOR SCALE CONVERT_TENSOR")


def test_batch_norm_along_last_axis_or_of_computed_parameters() -> None:
    check_op(nn.BatchNorm(argument(2, 3, 6), *vectors(), *statistics(), 1e-5, 2))
    check_op(nn.BatchNorm(argument(2, 6, 3), argument(6), weight(6), *statistics(), 1e-5))


@pytest.mark.parametrize("shape", SPATIAL, ids=str)
def test_instance_and_group_norm(shape: Shape) -> None:
    check_op(nn.InstanceNorm(argument(*shape), *vectors(), 1e-5), {"n": 2, "w": 3})
    check_op(nn.GroupNorm(argument(*shape), *vectors(), 3, 1e-5), {"n": 2, "w": 3})


@pytest.mark.parametrize("size", [3, 4])
def test_local_response_norm(size: int) -> None:
    check_op(nn.LocalResponseNorm(argument("n", 6, 5, 4), size, 1e-3, 0.75, 2.0), {"n": 2})


@pytest.mark.parametrize("op", [math.Add, math.Mul, math.Sub, math.Div])
def test_numbers_a_channel_are_parameters(op: type[math.ActivatedArithmetic]) -> None:
    x = nn.Conv(argument("n", 3, 4, 5), weight(6, 3, 1, 1), None, (1, 1), (0,) * 4, (1, 1)).result
    for shape in ((6, 1, 1), (1, 6, 1, 1)):
        x = op(x, constant(np.arange(1, 7, dtype=np.float32).reshape(shape))).result
    last = nn.Conv(x, weight(2, 6, 1, 1), None, (1, 1), (0,) * 4, (1, 1))
    between = "BINARY_OP BINARY_OP" if op is math.Div else "SCALE SCALE"
    check_op(last, {"n": 2}, writes=f"CONVERT_TENSOR CONVOLUTION {between} CONVOLUTION CONVERT_TENSOR")
