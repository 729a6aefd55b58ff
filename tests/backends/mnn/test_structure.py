"""Ops that move elements in MNN, held against the interpreter: by dtype, rank, and kind of attribute."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from glmir.dims import Dim, evaluate, parse_dim
from glmir.ir import Array, Op, Value
from glmir.ops import nn, tensor
from glmir.ops.enums import ChannelOrder, Layout, PadMode
from glmir.rewriter import insert_new_ops
from glmir.types import DType, TensorType
from tests.backends.building import module_of, sample
from tests.backends.elementwise_cases import module_on
from tests.backends.structure_cases import MOVES, SYMBOLIC, N

from .harness import check, check_module

F32, I32, I64, BOOL = DType.F32, DType.I32, DType.I64, DType.BOOL
MOVABLE = (F32, I32, BOOL, I64, DType.U8, DType.F16)


def check_with(
    build: Callable[..., Op], arrays: Sequence[Array], constants: Sequence[int] = (), tolerance: str = "f32"
) -> None:
    """Runs ``build`` on the arrays, of which those at ``constants`` are constants of the module."""
    module, inputs = module_on(build, arrays, constants)
    check_module(module, [inputs], tolerance)


def check_symbolic(
    build: Callable[..., Op | Value], shapes: Sequence[Sequence[Dim]], *sizes: Mapping[str, int], dtype: DType = F32
) -> None:
    """Runs ``build`` on inputs of symbolic shapes for each binding of the symbols."""
    values = [Value(TensorType(dtype, tuple(s)), f"x{i}") for i, s in enumerate(shapes)]
    built = build(*values)
    module = module_of(built.owner if isinstance(built, Value) and built.owner else built, values)
    cases = [
        {f"x{i}": sample(dtype, [evaluate(d, binding) for d in s], seed=i) for i, s in enumerate(shapes)}
        for binding in sizes
    ]
    check_module(module, cases, "exact")


@pytest.mark.parametrize("dtype", MOVABLE, ids=lambda d: d.value)
@pytest.mark.parametrize("name", MOVES)
def test_move(name: str, dtype: DType) -> None:
    check_with(MOVES[name], [sample(dtype, (2, 3, 4))], tolerance="exact")


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
        lambda x: tensor.Pad(x, None, zeros, ones, PadMode.REFLECT),
        lambda x: tensor.Pad(x, None, ones, zeros, PadMode.EDGE),
        lambda x: tensor.Expand(x, None, (2, *x.type.static_shape) if rank < 8 else x.type.static_shape),
        lambda x: tensor.Tile(x, (2, *ones[1:])),
        lambda x: tensor.Reverse(x, axes),
        lambda x: tensor.Reverse(x, (0,)),
    ):
        check_with(build, [x], tolerance="exact")


MANY = (2, 1, 3, 2, 1, 2, 2, 3, 1, 2)
MANY_AXES: dict[str, Callable[[Value], Op]] = {
    "transpose": lambda x: tensor.Transpose(x, (9, 0, 3, 2, 7, 1, 4, 5, 8, 6)),
    "slice": lambda x: tensor.Slice(
        x, (0, 0, 1, 0, 0, 0, 1, 2, 0, 0), (2, 1, 2, 1, 1, 2, 1, 3, 1, 2), (*(1,) * 7, -1, 1, 1)
    ),
    "tile": lambda x: tensor.Tile(x, (1, 2, 1, 1, 3, 1, 1, 1, 2, 1)),
    "concat": lambda x: tensor.Concat((x, x), 7),
    "reverse": lambda x: tensor.Reverse(x, (0, 3, 6)),
}


@pytest.mark.parametrize("name", MANY_AXES)
def test_more_axes_than_tensors_have(name: str) -> None:
    def build(x: Value) -> Op:
        changed = MANY_AXES[name](tensor.Reshape(x, None, MANY).result).result
        return tensor.Reshape(changed, None, (int(np.prod(changed.type.static_shape)),))

    check_with(build, [sample(F32, (int(np.prod(MANY)),))], tolerance="exact")


@pytest.mark.parametrize(
    "permutation",
    [(0, 2, 1, 3), (0, 2, 3, 1), (3, 2, 1, 0), (0, 1, 4, 2, 5, 3), (5, 4, 3, 2, 1, 0), (0, 2, 4, 6, 1, 3, 5, 7)],
)
def test_transpose(permutation: tuple[int, ...]) -> None:
    x = sample(F32, (2, 3, 4, 2, 3, 2, 2, 3)[: len(permutation)])
    check_with(lambda x: tensor.Transpose(x, permutation), [x], tolerance="exact")


@pytest.mark.parametrize(
    ("starts", "sizes", "strides"),
    [
        ((1, 0, 2), (2, 3, 2), (1, 1, 1)),
        ((3, 2, 4), (4, 3, 5), (-1, -1, -1)),
        ((3, 0, 4), (2, 3, 2), (-2, 1, -2)),
        ((8,), (4,), (-1,)),
        ((8,), (3,), (-2,)),
        ((1,), (2,), (-1,)),
        ((2,), (0,), (3,)),
        ((2,), (0,), (-3,)),
        ((1, 0, 1, 3, 0), (1, 2, 2, 2, 3), (1, 1, 1, -1, 1)),
        ((1, 2, 1, 3), (2, 3, 2, 3), (-1, 1, 1, 1)),
    ],
)
def test_slice(starts: tuple[int, ...], sizes: tuple[int, ...], strides: tuple[int, ...]) -> None:
    shape = {1: (9,), 3: (4, 3, 5), 4: (2, 5, 3, 6), 5: (2, 3, 3, 4, 3)}[len(starts)]
    check_with(lambda x: tensor.Slice(x, starts, sizes, strides), [sample(F32, shape)], tolerance="exact")


@pytest.mark.parametrize("dtype", MOVABLE, ids=lambda d: d.value)
def test_pad_with_value(dtype: DType) -> None:
    x, value = sample(dtype, (2, 3, 2, 2, 3)), np.ones((), dtype.numpy)
    for constants in ([1], []):
        for low in ((1, 0, 0, 0, 2), (1, 0, 1, 0, 2), (1, 1, 1, 1, 1)):
            check_with(
                lambda x, v, low=low: tensor.Pad(x, v, low, (0, 0, 0, 2, 1)), [x, value], constants, tolerance="exact"
            )


PADDINGS = [
    ((1, 0, 1, 0, 1), (0, 1, 0, 1, 0)),
    ((1, 1, 1, 1), (0, 0, 1, 1)),
    ((0, 0, 1, 1), (0, 0, 1, 1)),
    ((1, 0, 0, 1), (1, 0, 0, 1)),
    ((0, 0, 0, 0, 0, 1), (1, 0, 0, 0, 0, 0)),
]


@pytest.mark.parametrize("mode", PadMode, ids=lambda m: m.value)
@pytest.mark.parametrize(("low", "high"), PADDINGS)
def test_pad(low: tuple[int, ...], high: tuple[int, ...], mode: PadMode) -> None:
    for dtype in (F32, I32, BOOL):
        x = sample(dtype, (3, 2, 3, 4, 2, 3)[: len(low)])
        check_with(lambda x: tensor.Pad(x, None, low, high, mode), [x], tolerance="exact")


def test_reflect_farther_than_the_tensor() -> None:
    x = sample(F32, (2, 3))
    check_with(lambda x: tensor.Pad(x, None, (3, 0), (0, 5), PadMode.REFLECT), [x], tolerance="exact")


@pytest.mark.parametrize("repeats", [(2, 1, 3, 1, 2), (2, 2, 2, 2, 2), (1, 3, 1, 1, 1), (1, 1, 1, 1, 0)])
def test_tile(repeats: tuple[int, ...]) -> None:
    check_with(lambda x: tensor.Tile(x, repeats), [sample(F32, (2, 3, 1, 2, 2))], tolerance="exact")


@pytest.mark.parametrize(
    ("shape", "larger"),
    [
        ((), (2, 3)), ((1,), (5,)), ((3, 1, 4), (3, 7, 4)), ((3, 1, 1), (2, 3, 5, 4)),
        ((1, 3, 1, 2, 1), (4, 3, 5, 2, 6)), ((1, 2, 1, 2, 1, 2, 1, 2), (2,) * 8),
    ],
)  # fmt: skip
def test_expand(shape: tuple[int, ...], larger: tuple[int, ...]) -> None:
    for dtype in (F32, I32, BOOL):
        check_with(lambda x: tensor.Expand(x, None, larger), [sample(dtype, shape)], tolerance="exact")


@pytest.mark.parametrize(
    ("starts", "ends", "strides"),
    [
        ((0, 0), (2, 3), (1, 1)),
        ((-3, -4), (-1, 99), (2, 1)),
        ((1, -99), (99, 2**62), (1, 3)),
        ((3, 4), (-99, -(2**62)), (-1, -2)),
        ((99, -1), (-4, 1), (-2, -1)),
        ((1, 5), (4, 0), (1, -1)),
        ((2, 3), (2, 1), (1, 1)),
        ((2, 3), (1, 4), (3, 1)),
        ((1, 0), (3, 1), (-1, 1)),
        ((3, 4), (2**31 - 1, 2**63 - 1), (-1, -2)),
    ],
)
def test_dynamic_slice(starts: tuple[int, int], ends: tuple[int, int], strides: tuple[int, int]) -> None:
    x = sample(F32, (5, 6))
    first, last = np.array(starts, np.int64), np.array(ends, np.int64)
    shape = (parse_dim("u0"), parse_dim("u1"))

    def build(x: Value, starts: Value, ends: Value) -> Op:
        return tensor.DynamicSlice(x, starts, ends, (0, 1), strides, shape)

    fits = max(map(abs, ends)) < 2**31
    for constants in ([], [1, 2], [1], [2]):
        # What is known at run time only is supposed to fit 32 bits.
        if fits or 2 in constants:
            check_with(build, [x, first, last], constants, tolerance="exact")


@pytest.mark.parametrize("axes", [(0,), (2,), (2, 0), (1, 2)])
def test_dynamic_slice_of_some_axes(axes: tuple[int, ...]) -> None:
    x = sample(F32, (4, 5, 6))
    starts, ends = np.array([1, -3][: len(axes)], np.int64), np.array([-1, 2**30][: len(axes)], np.int64)
    shape = tuple(parse_dim(f"u{a}") if a in axes else d for a, d in enumerate(x.shape))

    def build(x: Value, starts: Value, ends: Value) -> Op:
        return tensor.DynamicSlice(x, starts, ends, axes, (1,) * len(axes), shape)

    check_with(build, [x, starts, ends], tolerance="exact")


@pytest.mark.parametrize("name", SYMBOLIC)
def test_symbolic(name: str) -> None:
    shapes, build = SYMBOLIC[name]
    check_symbolic(build, shapes, {"n": 2, "m": 3}, {"n": 5, "m": 2}, {"n": 4, "m": 4})


@pytest.mark.parametrize("dtype", (F32, I32, BOOL), ids=lambda d: d.value)
@pytest.mark.parametrize("layout", Layout, ids=lambda v: v.value)
def test_blocks(layout: Layout, dtype: DType) -> None:
    deep, wide = ((2, 12, 2, 3), (2, 3, 4, 6)) if layout is Layout.NCHW else ((2, 2, 3, 12), (2, 4, 6, 3))
    for order in ChannelOrder:
        check_with(lambda x, o=order: tensor.DepthToSpace(x, 2, o, layout), [sample(dtype, deep)], tolerance="exact")
    check_with(lambda x: tensor.SpaceToDepth(x, 2, layout), [sample(dtype, wide)], tolerance="exact")


def test_data_dependent_symbol() -> None:
    """The size of what NonZero finds is read off its result."""
    mask, row = Value(TensorType(BOOL, (N,)), "x0"), Value(TensorType(F32, (1, 3)), "x1")
    count = parse_dim("u0")
    found = tensor.NonZero(mask, count).result
    module = module_of(tensor.Expand(row, None, (count, 3)), [mask, row])
    insert_new_ops([found], lambda op: module.main.ops.insert_before(next(iter(module.main.ops)), op))
    cases = [np.array([True, False, True, True]), np.array([True, False])]
    check_module(module, [{"x0": x, "x1": sample(F32, (1, 3))} for x in cases], "exact")


def test_tensors_without_elements() -> None:
    check_with(tensor.Shape, [sample(F32, ())], tolerance="exact")
    check_with(lambda x: tensor.Slice(x, (1, 0), (0, 3), (1, 1)), [sample(F32, (2, 3))], tolerance="exact")
    check_with(lambda x: tensor.Split(x, 1, (3, 0)), [sample(F32, (2, 3))], tolerance="exact")


def test_scalars() -> None:
    for build in (
        lambda x: tensor.Transpose(x, ()),
        lambda x: tensor.Reverse(x, ()),
        lambda x: tensor.Slice(x, (), (), ()),
        lambda x: tensor.Pad(x, None, (), ()),
        lambda x: tensor.Tile(x, ()),
        lambda x: tensor.Expand(x, None, ()),
        lambda x: tensor.Reshape(x, None, ()),
        lambda x: tensor.Reshape(x, None, (1, 1)),
    ):
        check_with(build, [sample(F32, ())], tolerance="exact")


def test_constants_and_inputs_as_outputs() -> None:
    text = """
func @main(%x: f32[2]) -> (%a: f32[2], %b: f32[2], %c: f32[2], %d: f32[2]) {
  %c = tensor.constant() {value = dense<[1.0, 2.0]>} : f32[2]
  %y = math.neg(%x) : f32[2]
  return %x, %c, %y, %y
}"""
    check(text, {"x": np.array([3, 4], np.float32)})


@pytest.mark.parametrize("dtype", (F32, I32, BOOL), ids=lambda d: d.value)
def test_parts_that_begin_within_joined_rows(dtype: DType) -> None:
    """The runtime, which reads parts from where they come, does not find those."""

    def cut(x: Value) -> Op:
        rows = tensor.Reshape(tensor.Concat((x, x, x), 1).result, None, (18, 3)).result
        return tensor.Slice(rows, (8, 0), (6, 3), (1, 1))

    check_with(cut, [sample(dtype, (3, 2, 3))], tolerance="exact")


@pytest.mark.parametrize("axis", range(4))
def test_blocks_that_are_joined(axis: int) -> None:
    def build(x: Value) -> Op:
        deep = tensor.SpaceToDepth(x, 2, Layout.NCHW).result
        return tensor.Concat((deep, deep), axis)

    check_with(build, [sample(F32, (2, 8, 2, 4))], tolerance="exact")


@pytest.mark.parametrize("order", ChannelOrder, ids=lambda v: v.value)
def test_images_of_blocks_that_are_cut(order: ChannelOrder) -> None:
    def build(x: Value) -> Op:
        image = tensor.DepthToSpace(x, 2, order, Layout.NCHW).result
        return tensor.Slice(image, (0, 1, 1, 2), (2, 2, 3, 3), (1, 1, 1, 1))

    check_with(build, [sample(F32, (2, 16, 2, 4))], tolerance="exact")


@pytest.mark.parametrize(
    ("shape", "permutation"),
    [((2, 24, 8), (0, 2, 1)), ((2, 4, 6, 8), (0, 3, 1, 2)), ((2, 1, 24, 8), (0, 1, 3, 2)), ((2, 8, 24), (0, 2, 1))],
    ids=str,
)
def test_channels_that_are_mixed_behind_a_pool(shape: tuple[int, ...], permutation: tuple[int, ...]) -> None:
    """The runtime would join the reshape, the transpose and what unpacks the pool's result, as if it mixed nothing."""

    def build(x: Value) -> Op:
        pooled = nn.MaxPool(x, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)).result
        return tensor.Transpose(tensor.Reshape(pooled, None, shape).result, permutation)

    check_with(build, [sample(F32, (2, 8, 4, 6))], tolerance="exact")
