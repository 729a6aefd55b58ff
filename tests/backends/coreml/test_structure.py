"""Ops that move elements: what is written, run, and held against the interpreter; by dtype and kind of attribute."""

from collections.abc import Callable

import numpy as np
import pytest

from glmir.dims import Dim, parse_dim, symbol
from glmir.ir import Op, Value
from glmir.ops import math, tensor
from glmir.ops.enums import ChannelOrder, Layout, PadMode
from glmir.types import DType
from tests.backends.building import argument, constant, module_of, weight

from .harness import check_module, check_op

BOOL, F16, F32, I32, I64 = DType.BOOL, DType.F16, DType.F32, DType.I32, DType.I64
DTYPES = (F32, F16, I32, BOOL)
N: Dim = parse_dim("n")
M: Dim = parse_dim("m")

MOVES: dict[str, Callable[[Value], Op]] = {
    "reshape": lambda x: tensor.Reshape(x, None, (4, 6)),
    "drop ones": lambda x: tensor.Reshape(tensor.Slice(x, (0, 0, 0), (2, 1, 4), (1, 1, 1)).result, None, (2, 4)),
    "insert ones": lambda x: tensor.Reshape(x, None, (2, 1, 3, 4, 1)),
    "transpose": lambda x: tensor.Transpose(x, (2, 0, 1)),
    "concat": lambda x: tensor.Concat((x, x), 1),
    "concat one": lambda x: tensor.Concat((x,), 1),
    "split equal": lambda x: tensor.Split(x, 2, (2, 2)),
    "split": lambda x: tensor.Split(x, 2, (1, 3)),
    "slice": lambda x: tensor.Slice(x, (0, 1, 1), (2, 2, 2), (1, 1, 1)),
    "strided slice": lambda x: tensor.Slice(x, (0, 0, 1), (1, 2, 2), (2, 2, 2)),
    "backward slice": lambda x: tensor.Slice(x, (1, 2, 3), (2, 2, 2), (-1, -2, -2)),
    "pad": lambda x: tensor.Pad(x, None, (1, 0, 2), (0, 1, 1)),
    "reflect": lambda x: tensor.Pad(x, None, (1, 0, 2), (0, 1, 1), PadMode.REFLECT),
    "reflect last": lambda x: tensor.Pad(x, None, (0, 1, 2), (0, 1, 1), PadMode.REFLECT),
    "edge": lambda x: tensor.Pad(x, None, (1, 0, 2), (0, 1, 1), PadMode.EDGE),
    "edge last": lambda x: tensor.Pad(x, None, (0, 0, 7), (0, 1, 1), PadMode.EDGE),
    "wrap": lambda x: tensor.Pad(x, None, (1, 0, 2), (0, 1, 1), PadMode.WRAP),
    "expand": lambda x: tensor.Expand(tensor.Slice(x, (0, 0, 0), (2, 1, 4), (1, 1, 1)).result, None, (3, 2, 5, 4)),
    "tile": lambda x: tensor.Tile(x, (1, 2, 3)),
    "reverse": lambda x: tensor.Reverse(x, (0, 2)),
    "reverse none": lambda x: tensor.Reverse(x, ()),
    "shape": lambda x: tensor.Shape(x, DType.I32),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.value)
@pytest.mark.parametrize("name", MOVES)
def test_move(name: str, dtype: DType) -> None:
    check_op(MOVES[name](argument(2, 3, 4, dtype=dtype)), tolerance="exact")


WRITTEN: dict[str, tuple[Callable[[], Op], str]] = {
    "drop ones": (lambda: tensor.Reshape(argument("n", 1, 4, "m"), None, (N, 4, M)), "slice_by_index"),
    "insert ones": (lambda: tensor.Reshape(argument("n", 4, "m"), None, (1, N, 4, 1, M)), "expand_dims"),
    "split": (lambda: tensor.Split(argument(2, 4, "n"), 1, (2, 2)), "split"),
    "slice from the end": (lambda: tensor.Slice(argument("n", 4), (N - 2, 0), (2, 4), (1, 1)), "slice_by_index"),
    "slice to the end": (lambda: tensor.Slice(argument("n", 4), (1, 0), (N - 1, 4), (1, 1)), "slice_by_index"),
    "all but the last": (lambda: tensor.Slice(argument("n", 4), (0, 0), (N - 1, 4), (1, 1)), "slice_by_index"),
    "tile": (lambda: tensor.Expand(argument(1, "n"), None, (4, N)), "tile"),
    "pad": (lambda: tensor.Pad(argument("n", 3), constant(np.array(7, np.float32)), (1, 0), (2, 1)), "pad"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_symbolic_dims_are_written_as_one_operation(name: str) -> None:
    build, operations = WRITTEN[name]
    check_op(build(), {"n": 2, "m": 3}, {"n": 5, "m": 1}, tolerance="exact", writes=operations)


def test_slice_with_computed_bounds() -> None:
    part = tensor.Slice(argument("n", 4), (N // 2, 0), (N - N // 2, 4), (1, 1))
    check_op(part, {"n": 5}, {"n": 8}, tolerance="exact")


def test_reshape_to_two_symbolic_dims() -> None:
    reshaped = tensor.Reshape(argument("n", "m", 4), None, (N, 2 * M, 2))
    check_op(reshaped, {"n": 2, "m": 3}, {"n": 5, "m": 1}, tolerance="exact")


def test_parts_without_elements_are_not_joined() -> None:
    check_op(tensor.Concat((argument(2, "n"), weight(2, 0), argument(2, 3)), 1), {"n": 2}, writes="concat")
    check_op(tensor.Concat((argument(2, "n"), weight(2, 0)), 1), {"n": 2}, tolerance="exact")


def test_scalars() -> None:
    check_op(tensor.Reshape(argument(1, 1), None, ()), tolerance="exact")
    check_op(tensor.Reshape(argument(), None, (1, 1)), tolerance="exact")
    check_op(tensor.Reshape(argument("n", 1), None, ()), {"n": 1}, tolerance="exact")
    column = tensor.Reshape(argument(), None, (N, 1)).result
    check_op(math.Add(column, argument("n", 1)), {"n": 1})


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.value)
def test_expand_at_run_time(dtype: DType) -> None:
    grown = tensor.Expand(argument(1, 4, dtype=dtype), None, (N, 4)).result
    both = tensor.Concat((grown, argument("n", 4, dtype=dtype)), 1)
    check_op(both, {"n": 3}, {"n": 1}, tolerance="exact")


def test_tile_at_run_time() -> None:
    tiled = tensor.Tile(argument(2, 3), (N, 1)).result
    shown = math.ReduceSum(argument("n", 3), (0,), True).result
    check_op(math.Add(tiled, shown), {"n": 4}, {"n": 1})


def test_pad_with_a_computed_value() -> None:
    check_op(tensor.Pad(argument(2, 3), argument(), (0, 1), (2, 0)), tolerance="exact")


def test_pad_by_a_symbolic_amount() -> None:
    check_op(tensor.Pad(argument("n", 3), None, (N, 1), (0, 0)), {"n": 3}, tolerance="exact")


@pytest.mark.parametrize("dtype", (F32, F16, I32), ids=lambda d: d.value)
def test_depth_to_space_and_back(dtype: DType) -> None:
    x = argument("n", 8, 3, "w", dtype=dtype)
    sizes = {"n": 2, "w": 4}
    is_float = dtype.is_float
    check_op(tensor.DepthToSpace(x, 2), sizes, tolerance="exact", writes="depth_to_space" if is_float else None)
    x = argument("n", 8, 3, "w", dtype=dtype)
    shuffled = tensor.DepthToSpace(x, 2, ChannelOrder.CRD)
    check_op(shuffled, sizes, tolerance="exact", writes="pixel_shuffle" if is_float else None)
    x = argument("n", 2, 4, 6, dtype=dtype)
    check_op(tensor.SpaceToDepth(x, 2), {"n": 2}, tolerance="exact", writes="space_to_depth" if is_float else None)


def test_depth_to_space_with_channels_last() -> None:
    image = tensor.DepthToSpace(argument(2, 3, 4, 8), 2, ChannelOrder.DCR, Layout.NHWC)
    check_op(image, tolerance="exact", writes="transpose depth_to_space transpose")


@pytest.mark.parametrize(
    ("start", "end", "stride"),
    [(1, -1, 1), (0, 100, 2), (-3, 100, 1), (-1, -100, -2), (100, 1, -1), (3, 0, -1)],
)
@pytest.mark.parametrize("dtype", (F32, BOOL), ids=lambda d: d.value)
def test_dynamic_slice(start: int, end: int, stride: int, dtype: DType) -> None:
    x, first, last = argument("n", 5, dtype=dtype), argument(1, dtype=I64), argument(1, dtype=I64)
    part = tensor.DynamicSlice(x, first, last, (1,), (stride,), (N, symbol("u0")))
    data = np.arange(20).reshape(4, 5) % 3
    arrays = {"x0": data.astype(dtype.numpy), "x1": np.array([start]), "x2": np.array([end])}
    check_module(module_of(part), arrays, tolerance="exact")


@pytest.mark.parametrize("start", [(3, 0), (7, 9), (-4, 1)])
@pytest.mark.parametrize("shape", [(1, 4), (2, 2)])
def test_dynamic_update_slice(shape: tuple[int, int], start: tuple[int, int]) -> None:
    updated = tensor.DynamicUpdateSlice(argument("n", 4), argument(*shape), argument(2, dtype=I64))
    x = np.arange(20, dtype=np.float32).reshape(5, 4)
    arrays = {"x0": x, "x1": np.full(shape, -1, np.float32), "x2": np.array(start)}
    check_module(module_of(updated), arrays, tolerance="exact")


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.value)
@pytest.mark.parametrize("rows", [1, 3])
def test_axes_that_may_have_one_element(dtype: DType, rows: int) -> None:
    expand = tensor.Expand(argument("n", 4, dtype=dtype), None, (2, 3, 4))
    check_op(expand, {"n": rows}, tolerance="exact")
