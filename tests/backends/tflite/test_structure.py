"""Ops that move elements in LiteRT, held against the interpreter: by dtype, rank, and kind of attribute."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from glmir.backends.tflite.legalize import legalize_tflite
from glmir.dims import Dim, ceil_div, evaluate, parse_dim
from glmir.interpreter import run
from glmir.ir import Array, Op, Value
from glmir.ops import tensor
from glmir.ops.enums import PadMode
from glmir.rewriter import insert_new_ops
from glmir.types import DType, TensorType

from .harness import check, module_of, sample
from .test_elementwise import check_with

F32 = DType.F32
MOVABLE = tuple(d for d in DType if d not in (DType.I4, DType.U4, DType.BF16))
CASTABLE = MOVABLE
N: Dim = parse_dim("n")
M: Dim = parse_dim("m")


def check_symbolic(
    build: Callable[..., Op | Value], shapes: Sequence[Sequence[Dim]], *sizes: Mapping[str, int], dtype: DType = F32
) -> None:
    """Runs ``build`` on inputs of symbolic shapes for each binding of the symbols."""
    for binding in sizes:
        values = [Value(TensorType(dtype, tuple(s)), f"x{i}") for i, s in enumerate(shapes)]
        built = build(*values)
        module = module_of(built.owner if isinstance(built, Value) and built.owner else built, values)
        arrays = {f"x{i}": sample(dtype, [_bound(d, binding) for d in s], seed=i) for i, s in enumerate(shapes)}
        check(module, arrays, "exact")


def _bound(dim: Dim, binding: Mapping[str, int]) -> int:
    return evaluate(dim, binding)


@pytest.mark.parametrize("target", CASTABLE, ids=lambda d: d.value)
@pytest.mark.parametrize("source", CASTABLE, ids=lambda d: d.value)
def test_cast(source: DType, target: DType) -> None:
    # What a negative float becomes as an unsigned integer, C does not say.
    low = 0 if source.is_float and target.is_unsigned_integer else -4
    check_with(lambda x: tensor.Cast(x, target), [sample(source, (3, 8), low, 4)], tolerance="f32")


MOVES: dict[str, Callable[[Value], Op]] = {
    "reshape": lambda x: tensor.Reshape(x, None, (4, 6)),
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
    "edge": lambda x: tensor.Pad(x, None, (1, 0, 2), (0, 1, 1), PadMode.EDGE),
    "wrap": lambda x: tensor.Pad(x, None, (1, 0, 2), (0, 1, 1), PadMode.WRAP),
    "expand": lambda x: tensor.Expand(tensor.Slice(x, (0, 0, 0), (2, 1, 4), (1, 1, 1)).result, None, (3, 2, 5, 4)),
    "tile": lambda x: tensor.Tile(x, (1, 2, 3)),
    "reverse": lambda x: tensor.Reverse(x, (1,)),
    "reverse several": lambda x: tensor.Reverse(x, (0, 2)),
    "reverse none": lambda x: tensor.Reverse(x, ()),
    "shape": tensor.Shape,
}


@pytest.mark.parametrize("dtype", MOVABLE, ids=lambda d: d.value)
@pytest.mark.parametrize("name", MOVES)
def test_move(name: str, dtype: DType) -> None:
    x = sample(dtype, (2, 3, 4))
    check_with(MOVES[name], [x], tolerance="f32" if dtype is DType.F64 else "exact")


@pytest.mark.parametrize("rank", range(1, 9))
def test_ranks(rank: int) -> None:
    x = sample(F32, (2, 3, 2, 2, 3, 2, 2, 2)[:rank])
    ones, zeros, axes = (1,) * rank, (0,) * rank, tuple(range(rank))
    for build in (
        lambda x: tensor.Transpose(x, axes[::-1]),
        lambda x: tensor.Concat((x, x), rank - 1),
        lambda x: tensor.Concat((x, x), rank // 2),
        lambda x: tensor.Split(x, 0, (1, 1)),
        lambda x: tensor.Slice(x, ones, ones, ones),
        lambda x: tensor.Slice(x, ones, (2,) * rank, (-1,) * rank),
        lambda x: tensor.Pad(x, None, ones, zeros),
        lambda x: tensor.Pad(x, None, ones, ones, PadMode.REFLECT),
        lambda x: tensor.Pad(x, None, ones, zeros, PadMode.EDGE),
        lambda x: tensor.Expand(x, None, (2, *x.type.static_shape) if rank < 8 else x.type.static_shape),
        lambda x: tensor.Tile(x, (2, *ones[1:])),
        lambda x: tensor.Reverse(x, axes),
    ):
        check_with(build, [x], tolerance="exact")


@pytest.mark.parametrize("dtype", [F32, DType.I32, DType.I8, DType.BOOL, DType.F16], ids=lambda d: d.value)
def test_pad_with_value(dtype: DType) -> None:
    x, value = sample(dtype, (2, 3)), np.ones((), dtype.numpy)
    for constants in ([1], []):
        check_with(lambda x, v: tensor.Pad(x, v, (1, 0), (0, 2)), [x, value], constants, tolerance="exact")


def test_reflect_farther_than_the_tensor() -> None:
    x = sample(F32, (2, 3))
    check_with(lambda x: tensor.Pad(x, None, (3, 0), (0, 5), PadMode.REFLECT), [x], tolerance="exact")


@pytest.mark.parametrize(
    ("starts", "ends", "strides"),
    [
        ((0, 0), (2, 3), (1, 1)),
        ((-3, -4), (-1, 99), (2, 1)),
        ((1, -99), (99, 2**62), (1, 3)),
        ((3, 4), (-99, -(2**62)), (-1, -2)),
        ((99, -1), (-4, 1), (-2, -1)),
        ((1, 5), (4, 0), (1, -1)),
    ],
)
def test_dynamic_slice(starts: tuple[int, int], ends: tuple[int, int], strides: tuple[int, int]) -> None:
    # Empty results are left out: LiteRT's Python interface cannot read them.
    x = sample(F32, (5, 6))
    first, last = np.array(starts, np.int64), np.array(ends, np.int64)
    shape = (parse_dim("u0"), parse_dim("u1"))

    def build(x: Value, starts: Value, ends: Value) -> Op:
        return tensor.DynamicSlice(x, starts, ends, (0, 1), strides, shape)

    for constants in ([], [1, 2], [1], [2]):
        check_with(build, [x, first, last], constants, tolerance="exact")


@pytest.mark.parametrize("axes", [(0,), (2,), (2, 0), (1, 2)])
def test_dynamic_slice_of_some_axes(axes: tuple[int, ...]) -> None:
    x = sample(F32, (4, 5, 6))
    starts, ends = np.array([1, -3][: len(axes)], np.int64), np.array([-1, 2**40][: len(axes)], np.int64)
    shape = tuple(parse_dim(f"u{a}") if a in axes else d for a, d in enumerate(x.shape))

    def build(x: Value, starts: Value, ends: Value) -> Op:
        return tensor.DynamicSlice(x, starts, ends, axes, (1,) * len(axes), shape)

    check_with(build, [x, starts, ends], tolerance="exact")


SYMBOLIC: dict[str, tuple[Sequence[Sequence[Dim]], Callable[..., Op | Value]]] = {
    "reshape": ([(N, 3, 4)], lambda x: tensor.Reshape(x, None, (N, 12))),
    "reshape two": ([(N, 3, 4 * M), (M,)], lambda x, _: tensor.Reshape(x, None, (3, N, M, 4))),
    "reshape product": ([(N, M, 4)], lambda x: tensor.Reshape(x, None, (N * M, 4))),
    "transpose": ([(N, 3, M)], lambda x: tensor.Transpose(x, (2, 0, 1))),
    "concat": ([(N, 3), (M, 3)], lambda x, y: tensor.Concat((x, y), 0)),
    "split": ([(2 * N, 3), (N,)], lambda x, _: tensor.Split(x, 0, (N, N))),
    "split one open": ([(N + 2, 3), (N,)], lambda x, _: tensor.Split(x, 0, (2, N))),
    "split open": ([(N + M, 3), (N, M)], lambda x, _: tensor.Split(x, 0, (N, M))),
    "slice to the end": ([(N + 2, 3), (N,)], lambda x, _: tensor.Slice(x, (2, 0), (N, 3), (1, 1))),
    "slice from the end": ([(N + 2, 3), (N,)], lambda x, _: tensor.Slice(x, (N, 0), (2, 3), (1, 1))),
    "slice all but the last": ([(N + 2, 3), (N,)], lambda x, _: tensor.Slice(x, (0, 0), (N + 1, 3), (1, 1))),
    "slice every other": ([(N, 3)], lambda x: tensor.Slice(x, (0, 0), (ceil_div(N, 2), 3), (2, 1))),
    "slice backwards": ([(N, 3)], lambda x: tensor.Slice(x, (N - 1, 2), (N, 3), (-1, -1))),
    "slice by another": ([(8, 3), (N, 2)], lambda x, _: tensor.Slice(x, (0, 0), (N, 3), (1, 1))),
    "slice half": ([(N, 3)], lambda x: tensor.Slice(x, (N // 2, 0), (N - N // 2, 3), (1, 1))),
    "slice middle": ([(N + M, 3), (N, M)], lambda x, _: tensor.Slice(x, (N // 2, 0), (M, 3), (1, 1))),
    "pad": ([(N, 3)], lambda x: tensor.Pad(x, None, (1, 0), (0, 2))),
    "reflect": ([(N, 3)], lambda x: tensor.Pad(x, None, (0, 2), (0, 1), PadMode.REFLECT)),
    "edge": ([(N, 3)], lambda x: tensor.Pad(x, None, (2, 0), (1, 0), PadMode.EDGE)),
    "wrap": ([(N, 3)], lambda x: tensor.Pad(x, None, (5, 1), (7, 0), PadMode.WRAP)),
    "wrap open": ([(N, 3), (M, 2)], lambda x, _: tensor.Pad(x, None, (M, 1), (0, M), PadMode.WRAP)),
    "reflect open": ([(N + M, 3), (N, M)], lambda x, _: tensor.Pad(x, None, (M, 0), (N, 2), PadMode.REFLECT)),
    "pad open": ([(N, 3), (M, 2)], lambda x, _: tensor.Pad(x, None, (0, 1), (M, 0))),
    "pad to multiple": ([(N, 3)], lambda x: tensor.Pad(x, None, (0, 0), (-N % 4, 0))),
    "expand": ([(1, 3), (N, M)], lambda x, _: tensor.Expand(x, None, (N, M, 3))),
    "tile": ([(N, 3)], lambda x: tensor.Tile(x, (2, 1))),
    "tile open": ([(N, 3), (M, 2)], lambda x, _: tensor.Tile(x, (M, 2))),
    "shape": ([(N, 3, M)], tensor.Shape),
    "max": ([(1, 3), (N, M)], lambda x, _: tensor.Expand(x, None, (parse_dim("max(n, m)"), 3))),
    "min": ([(1, 3), (N, M)], lambda x, _: tensor.Expand(x, None, (parse_dim("min(n, 2 * m)"), 3))),
    "modulo": ([(1, 3), (N, M)], lambda x, _: tensor.Expand(x, None, (parse_dim("n % 3 + (n * m + 1) // 2"), 3))),
}


@pytest.mark.parametrize("name", SYMBOLIC)
def test_symbolic(name: str) -> None:
    shapes, build = SYMBOLIC[name]
    check_symbolic(build, shapes, {"n": 2, "m": 3}, {"n": 5, "m": 2}, {"n": 4, "m": 4})


def test_data_dependent_symbol() -> None:
    """The size of what NonZero finds is read off its result."""
    mask, row = Value(TensorType(DType.BOOL, (N,)), "x0"), Value(TensorType(F32, (1, 3)), "x1")
    count = parse_dim("u0")
    found = tensor.NonZero(mask, count).result
    module = module_of(tensor.Expand(row, None, (count, 3)), [mask, row])
    insert_new_ops([found], lambda op: module.main.ops.insert_before(next(iter(module.main.ops)), op))
    inputs = {"x0": np.array([True, False, True, True]), "x1": sample(F32, (1, 3))}
    legalize_tflite(module)
    assert run(module, inputs)["y0"].shape == (3, 3)
    check(module, inputs, "exact")


def test_tensors_without_elements() -> None:
    check_with(tensor.Shape, [sample(F32, ())], tolerance="exact")
    check_with(lambda x: tensor.Slice(x, (1, 0), (0, 3), (1, 1)), [sample(F32, (2, 3))], tolerance="exact")


def test_scalars() -> None:
    for build in (
        lambda x: tensor.Transpose(x, ()),
        lambda x: tensor.Reverse(x, ()),
        lambda x: tensor.Slice(x, (), (), ()),
        lambda x: tensor.Pad(x, None, (), ()),
        lambda x: tensor.Tile(x, ()),
        lambda x: tensor.Expand(x, None, ()),
        lambda x: tensor.Reshape(x, None, ()),
    ):
        check_with(build, [sample(F32, ())], tolerance="exact")


def test_cast_by_way_of_bfloat16() -> None:
    x = sample(F32, (2, 8))
    check_with(lambda v: tensor.Cast(tensor.Cast(v, DType.BF16).result, F32), [x], tolerance="exact")


def test_cast_keeps_large_integers() -> None:
    x: Array = np.array([2**31 - 1, -(2**31), 300, -1], np.int64)
    for dtype in (DType.I32, DType.U32, DType.I16, DType.U16, DType.I8, DType.U8):
        check_with(lambda v, dtype=dtype: tensor.Cast(v, dtype), [x], tolerance="exact")
