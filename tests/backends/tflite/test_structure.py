"""Ops that move elements in LiteRT, held against the interpreter: by dtype, rank, and kind of attribute."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from glmir.backends.tflite.legalize import legalize_tflite
from glmir.dims import Dim, evaluate, parse_dim
from glmir.interpreter import run
from glmir.ir import Array, Op, Value
from glmir.ops import tensor
from glmir.ops.enums import PadMode
from glmir.rewriter import insert_new_ops
from glmir.types import DType, TensorType
from tests.backends.building import module_of, sample
from tests.backends.structure_cases import MOVES, SYMBOLIC, N

from .harness import check
from .test_elementwise import check_with

F32 = DType.F32
MOVABLE = tuple(d for d in DType if d not in (DType.I4, DType.U4, DType.BF16))
CASTABLE = MOVABLE


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
