"""``tensor.*``: evaluate against onnxruntime, inference with symbolic dims, constraints."""

from collections.abc import Callable, Sequence

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper

from glmir.dims import Dim, symbol
from glmir.ir import Op, Value
from glmir.opdef import ConstraintError
from glmir.ops import tensor
from glmir.ops.enums import ChannelOrder, Layout, PadMode, ScatterReduction
from glmir.types import DType, TensorType
from glmir.weights import Weight

Array = NDArray[np.generic]
Factory = Callable[..., Op]
n, m, u = symbol("n"), symbol("m"), symbol("u0")
DTYPES = (np.float32, np.int64, np.int32, np.float16, np.bool_, np.uint8)


def sample(shape: Sequence[int], dtype: type[np.generic] = np.float32, low: int = -9, high: int = 10) -> Array:
    rng = np.random.default_rng(sum(shape) + high)
    return rng.integers(low if np.dtype(dtype).kind in "if" else 0, high, tuple(shape)).astype(dtype)


def of_type(dtype: DType, *shape: Dim) -> Value:
    return Value(TensorType(dtype, shape))


def f32(*shape: Dim) -> Value:
    return of_type(DType.F32, *shape)


def i64(*shape: Dim) -> Value:
    return of_type(DType.I64, *shape)


def evaluate(factory: Factory, *arrays: Array | None) -> tuple[Array, ...]:
    """Builds the op on operands of the arrays' types, runs it and holds the results against the inferred types."""
    operands = [None if a is None else Value(TensorType(DType.of(a.dtype), a.shape)) for a in arrays]
    op = factory(*operands)
    computed = op.evaluate(*arrays)
    results = tuple(map(np.asarray, computed if isinstance(computed, tuple) else (computed,)))
    for value, array in zip(op.results, results, strict=True):
        assert value.type == TensorType(DType.of(array.dtype), array.shape)
    return results


def onnx_results(
    op_type: str, inputs: Sequence[Array | None], outputs: int = 1, opset: int = 18, **attributes: object
) -> tuple[Array, ...]:
    """What onnxruntime computes with one node."""
    names = ["" if a is None else f"x{i}" for i, a in enumerate(inputs)]
    fed = {name: a for name, a in zip(names, inputs, strict=True) if a is not None}
    results = [f"y{i}" for i in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(op_type, names, results, **attributes)],
        "case",
        [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for k, a in fed.items()],
        [onnx.ValueInfoProto(name=name) for name in results],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return tuple(session.run(None, fed))


def assert_same(ours: tuple[Array, ...], theirs: tuple[Array, ...]) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


def i64s(*values: int) -> Array:
    return np.array(values, np.int64)


def violates(number: int, factory: Callable[[], Op]) -> None:
    with pytest.raises(ConstraintError) as error:
        factory()
    assert error.value.constraint == f"C{number}"


# Cast


@pytest.mark.parametrize("source", [np.float32, np.float16, np.int64, np.int32, np.uint8, np.bool_, np.float64])
@pytest.mark.parametrize("target", [DType.F32, DType.F16, DType.I64, DType.I32, DType.I8, DType.BOOL, DType.F64])
def test_cast(source: type[np.generic], target: DType) -> None:
    x = (sample([3, 4], source) * np.array(1.25)).astype(source)
    to = helper.np_dtype_to_tensor_dtype(target.numpy)
    assert_same(evaluate(lambda v: tensor.Cast(v, target), x), onnx_results("Cast", [x], to=to))


def test_cast_truncates_and_tells_nan_from_zero() -> None:
    x = np.array([-1.7, -0.2, 0.9, 1.5], np.float32)
    np.testing.assert_array_equal(evaluate(lambda v: tensor.Cast(v, DType.I32), x)[0], [-1, 0, 0, 1])
    y = np.array([0.0, -0.0, np.nan, 0.1], np.float32)
    np.testing.assert_array_equal(evaluate(lambda v: tensor.Cast(v, DType.BOOL), y)[0], [False, False, True, True])


@pytest.mark.parametrize("target", [DType.BF16, DType.I4, DType.U4])
def test_cast_to_dtypes_that_numpy_lacks(target: DType) -> None:
    x = np.array([0, 1, 3, 7], np.float32)
    (y,) = evaluate(lambda v: tensor.Cast(v, target), x)
    (back,) = evaluate(lambda v: tensor.Cast(v, DType.F32), y)
    np.testing.assert_array_equal(back, x)


# Reshape, Expand: shapes as attribute and at run time


@pytest.mark.parametrize("dtype", DTYPES)
def test_reshape(dtype: type[np.generic]) -> None:
    x = sample([2, 3, 4], dtype)
    theirs = onnx_results("Reshape", [x, i64s(4, -1)])
    assert_same(evaluate(lambda v, d: tensor.Reshape(v, d, (4, 6)), x, None), theirs)
    assert_same(evaluate(lambda v, d: tensor.Reshape(v, d, (4, 6)), x, i64s(4, 6)), theirs)


def test_unbound_symbols_of_a_shape_come_from_the_operand() -> None:
    x = sample([2, 3])
    op = tensor.Reshape(f32(2, 3), i64(2), (u, 2))
    np.testing.assert_array_equal(op.evaluate(x, i64s(3, 99)), x.reshape(3, 2))
    expand = tensor.Expand(f32(1, 3), i64(2), (u, 3))
    np.testing.assert_array_equal(expand.evaluate(x[:1], i64s(4, 3)), np.repeat(x[:1], 4, axis=0))
    with pytest.raises(ValueError, match="u0 has no value"):
        tensor.Expand(f32(1, 3), None, (u, 3)).evaluate(x[:1], None)


def test_reshape_of_symbolic_shapes() -> None:
    assert tensor.Reshape(f32(n, 3, 4), None, (n * 12,)).result.type == TensorType(DType.F32, (n * 12,))
    tensor.Reshape(f32(n, 3), None, (m, u))
    tensor.Reshape(f32(0, n), None, (0,))
    violates(1, lambda: tensor.Reshape(f32(6), i64(2), (6,)))
    violates(1, lambda: tensor.Reshape(f32(6), of_type(DType.I8, 1), (6,)))
    violates(2, lambda: tensor.Reshape(f32(6), None, (-2, -3)))
    violates(3, lambda: tensor.Reshape(f32(2, 3), None, (7,)))
    violates(3, lambda: tensor.Reshape(f32(n, 4), None, (n, 5)))
    violates(3, lambda: tensor.Reshape(f32(n, 2), None, (2 * m + 1,)))


def test_constraint_messages_read_as_sentences() -> None:
    message = r"^tensor.reshape requires that the element counts agree, but got \(f32\[2, 3\]\) {shape = \[7\]} \(C3\)$"
    with pytest.raises(ConstraintError, match=message):
        tensor.Reshape(f32(2, 3), None, (7,))


@pytest.mark.parametrize("target", [(4, 2, 3), (2, 3), (5, 4, 2, 3)])
def test_expand(target: tuple[int, ...]) -> None:
    x = sample([1, 3] if len(target) < 4 else [4, 1, 3])
    theirs = onnx_results("Expand", [x, i64s(*target)])
    assert_same(evaluate(lambda v, d: tensor.Expand(v, d, target), x, None), theirs)
    assert_same(evaluate(lambda v, d: tensor.Expand(v, d, target), x, i64s(*target)), theirs)


def test_expand_constraints() -> None:
    tensor.Expand(f32(n), None, (m, 5))
    violates(1, lambda: tensor.Expand(f32(1), f32(1), (5,)))
    violates(2, lambda: tensor.Expand(f32(1), None, (-5,)))
    violates(3, lambda: tensor.Expand(f32(1, 2), None, (2,)))
    violates(3, lambda: tensor.Expand(f32(3), None, (4,)))
    violates(3, lambda: tensor.Expand(f32(n + 1), None, (n,)))


# Transpose, Concat, Split, Tile, Reverse, Shape


@pytest.mark.parametrize("permutation", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_transpose(permutation: tuple[int, ...]) -> None:
    x = sample([2, 3, 4])
    ours = evaluate(lambda v: tensor.Transpose(v, permutation), x)
    assert_same(ours, onnx_results("Transpose", [x], perm=permutation))


def test_transpose_types() -> None:
    assert tensor.Transpose(f32(n, 3, m), (2, 0, 1)).result.type.shape == (m, n, 3)
    assert tensor.Transpose(f32(), ()).result.type.shape == ()
    violates(1, lambda: tensor.Transpose(f32(2, 3), (0, 0)))
    violates(1, lambda: tensor.Transpose(f32(2, 3), (0,)))
    violates(1, lambda: tensor.Transpose(f32(2, 3), (-1, 0)))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_concat(axis: int) -> None:
    arrays = [sample([5 if i == axis else 2 for i in range(3)]), sample([2, 2, 2]), sample([2, 2, 2])]
    op = tensor.Concat(tuple(f32(*a.shape) for a in arrays), axis)
    ours = op.evaluate(tuple(arrays))
    assert op.result.type.shape == ours.shape
    assert_same((ours,), onnx_results("Concat", arrays, axis=axis))


def test_concat_types() -> None:
    assert tensor.Concat((f32(n, 2), f32(m, 2)), 0).result.type.shape == (n + m, 2)
    assert tensor.Concat((f32(2, n), f32(2, 3)), 0).result.type.shape == (4, 3)
    violates(1, lambda: tensor.Concat((), 0))
    violates(2, lambda: tensor.Concat((f32(2), i64(2)), 0))
    violates(3, lambda: tensor.Concat((f32(2),), 1))
    violates(3, lambda: tensor.Concat((f32(),), 0))
    violates(4, lambda: tensor.Concat((f32(2), f32(2, 2)), 0))
    violates(4, lambda: tensor.Concat((f32(2, 3), f32(2, 4)), 0))


@pytest.mark.parametrize(("axis", "sizes"), [(1, (1, 3, 2)), (1, (6,)), (1, (0, 6)), (0, (2, 1))])
def test_split(axis: int, sizes: tuple[int, ...]) -> None:
    x = sample([3, 6])
    ours = evaluate(lambda v: tensor.Split(v, axis, sizes), x)
    assert_same(ours, onnx_results("Split", [x, i64s(*sizes)], outputs=len(sizes), axis=axis))


def test_split_types() -> None:
    assert [r.type.shape for r in tensor.Split(f32(n, 3), 0, (2, n - 2)).results] == [(2, 3), (n - 2, 3)]
    violates(1, lambda: tensor.Split(f32(4), 1, (4,)))
    violates(2, lambda: tensor.Split(f32(0), 0, ()))
    violates(3, lambda: tensor.Split(f32(4), 0, (5, -1)))
    violates(4, lambda: tensor.Split(f32(4), 0, (2, 3)))


@pytest.mark.parametrize("repeats", [(1, 1), (2, 3), (0, 2)])
def test_tile(repeats: tuple[int, ...]) -> None:
    x = sample([2, 3])
    assert_same(evaluate(lambda v: tensor.Tile(v, repeats), x), onnx_results("Tile", [x, i64s(*repeats)]))


def test_tile_types() -> None:
    assert tensor.Tile(f32(n, 3), (2, m)).result.type.shape == (2 * n, 3 * m)
    violates(1, lambda: tensor.Tile(f32(2), (2, 2)))
    violates(2, lambda: tensor.Tile(f32(2), (-1,)))


@pytest.mark.parametrize("axes", [(), (0,), (1, 2), (0, 1, 2)])
def test_reverse(axes: tuple[int, ...]) -> None:
    x = sample([2, 3, 4])
    bounds = [i64s(*[v] * len(axes)) for v in (-1, np.iinfo(np.int64).min)]
    theirs = onnx_results("Slice", [x, *bounds, i64s(*axes), i64s(*[-1] * len(axes))]) if axes else (x,)
    assert_same(evaluate(lambda v: tensor.Reverse(v, axes), x), theirs)


def test_reverse_constraints() -> None:
    violates(1, lambda: tensor.Reverse(f32(2, 3), (1, 0)))
    violates(1, lambda: tensor.Reverse(f32(2, 3), (2,)))


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_shape(shape: tuple[int, ...]) -> None:
    x = sample(shape)
    assert_same(evaluate(tensor.Shape, x), onnx_results("Shape", [x]))


# Pad


@pytest.mark.parametrize("mode", PadMode)
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int32])
def test_pad(mode: PadMode, dtype: type[np.generic]) -> None:
    x = sample([4, 5], dtype)
    ours = evaluate(lambda v, value: tensor.Pad(v, value, (1, 0), (2, 3), mode), x, None)
    assert_same(ours, onnx_results("Pad", [x, i64s(1, 0, 2, 3)], opset=19, mode=mode.value))


def test_pad_with_a_value() -> None:
    x, value = sample([2, 3]), np.array(7, np.float32)
    ours = evaluate(lambda v, c: tensor.Pad(v, c, (0, 2), (1, 0)), x, value)
    assert_same(ours, onnx_results("Pad", [x, i64s(0, 2, 1, 0), value]))
    (truths,) = evaluate(lambda v, c: tensor.Pad(v, c, (1,), (0,)), np.array([True]), np.array(True))
    np.testing.assert_array_equal(truths, [True, True])


def test_pad_types() -> None:
    assert tensor.Pad(f32(n, 3), None, (1, m), (2, 0)).result.type.shape == (n + 3, m + 3)
    violates(1, lambda: tensor.Pad(f32(2), None, (1, 1), (1,)))
    violates(2, lambda: tensor.Pad(f32(2), None, (-1,), (1,)))
    violates(3, lambda: tensor.Pad(f32(2), f32(1), (1,), (1,)))
    violates(3, lambda: tensor.Pad(f32(2), i64(), (1,), (1,)))
    violates(4, lambda: tensor.Pad(f32(2), f32(), (1,), (1,), PadMode.EDGE))


# Slice, DynamicSlice


@pytest.mark.parametrize(
    ("starts", "sizes", "strides"),
    [
        ((0, 0), (4, 7), (1, 1)),
        ((1, 2), (2, 3), (1, 2)),
        ((3, 6), (4, 7), (-1, -1)),
        ((3, 6), (2, 4), (-3, -2)),
        ((4, 0), (0, 1), (1, 5)),
        ((0, 6), (0, 1), (-1, -9)),
    ],
)
def test_slice(starts: tuple[int, ...], sizes: tuple[int, ...], strides: tuple[int, ...]) -> None:
    x = sample([4, 7])
    ours = evaluate(lambda v: tensor.Slice(v, starts, sizes, strides), x)
    index = [np.array([a + i * d for i in range(k)], int) for a, k, d in zip(starts, sizes, strides, strict=True)]
    np.testing.assert_array_equal(ours[0], x[np.ix_(*index)])


def test_slice_constraints() -> None:
    assert tensor.Slice(f32(n, 3), (0, 1), (n - 1, 2), (1, 1)).result.type.shape == (n - 1, 2)
    tensor.Slice(f32(n), (2,), (m,), (3,))
    violates(1, lambda: tensor.Slice(f32(2, 3), (0,), (2,), (1,)))
    violates(2, lambda: tensor.Slice(f32(2), (0,), (2,), (0,)))
    violates(3, lambda: tensor.Slice(f32(2), (-1,), (1,), (1,)))
    violates(3, lambda: tensor.Slice(f32(2), (0,), (-1,), (1,)))
    violates(4, lambda: tensor.Slice(f32(5), (2,), (3,), (2,)))
    violates(4, lambda: tensor.Slice(f32(5), (1,), (3,), (-1,)))
    violates(4, lambda: tensor.Slice(f32(n), (1,), (n,), (1,)))


@pytest.mark.parametrize(
    ("start", "end", "stride"),
    [(1, 4, 1), (-3, -1, 1), (0, 99, 2), (-99, 99, 3), (4, 1, 1), (-1, -99, -1), (5, 1, -2), (99, -99, -1), (3, 3, -1)],
)
def test_dynamic_slice(start: int, end: int, stride: int) -> None:
    x = sample([6, 5])
    (theirs,) = onnx_results("Slice", [x, i64s(start), i64s(end), i64s(0), i64s(stride)])
    ours = evaluate(
        lambda v, s, e: tensor.DynamicSlice(v, s, e, (0,), (stride,), theirs.shape), x, i64s(start), i64s(end)
    )
    assert_same(ours, (theirs,))


def test_dynamic_slice_clamps_as_onnx_says() -> None:
    # Backwards, the standard clamps a start before the first element to the first element.
    assert tensor.DynamicSlice(f32(3), i64(1), i64(1), (0,), (-1,), (u,)).evaluate(
        np.arange(3), i64s(-9), i64s(-99)
    ).tolist() == [0]
    empty = tensor.DynamicSlice(f32(0), i64(1), i64(1), (0,), (-1,), (u,)).evaluate(np.zeros(0), i64s(5), i64s(-9))
    assert empty.shape == (0,)


def test_dynamic_slice_constraints() -> None:
    op = tensor.DynamicSlice(f32(n, 8), i64(1), i64(1), (1,), (1,), (n, u))
    assert op.result.type.shape == (n, u)
    violates(1, lambda: tensor.DynamicSlice(f32(8), i64(1), i64(1), (1,), (1,), (u,)))
    violates(2, lambda: tensor.DynamicSlice(f32(8), i64(1), i64(1), (0,), (0,), (u,)))
    violates(3, lambda: tensor.DynamicSlice(f32(8), i64(2), i64(1), (0,), (1,), (u,)))
    violates(4, lambda: tensor.DynamicSlice(f32(8, 3), i64(1), i64(1), (0,), (1,), (u, 4)))
    violates(5, lambda: tensor.DynamicSlice(f32(8, 3), i64(1), i64(1), (0,), (1,), (9, 3)))


# Gather*


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("indices", [np.int64(1), i64s(0, -1, 1), np.array([[1, 0], [-2, 1]], np.int32)])
def test_gather(axis: int, indices: Array) -> None:
    x = sample([3, 2, 4])
    indices = np.asarray(indices)
    ours = evaluate(lambda v, i: tensor.Gather(v, i, axis), x, indices)
    assert_same(ours, onnx_results("Gather", [x, indices], axis=axis))


def test_gather_types() -> None:
    assert tensor.Gather(f32(10, n), i64(m, 2), 0).result.type.shape == (m, 2, n)
    assert tensor.Gather(i64(4), i64(), 0).result.type.shape == ()
    violates(1, lambda: tensor.Gather(f32(3), f32(1), 0))
    violates(2, lambda: tensor.Gather(f32(3), i64(1), 1))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gather_elements(axis: int) -> None:
    x, indices = sample([3, 4, 5]), sample([2, 4, 3], np.int64, -3, 3)
    ours = evaluate(lambda v, i: tensor.GatherElements(v, i, axis), x, indices)
    assert_same(ours, onnx_results("GatherElements", [x, indices], axis=axis))


def test_gather_elements_types() -> None:
    assert tensor.GatherElements(f32(n, 5), i64(n, 9), 1).result.type.shape == (n, 9)
    violates(2, lambda: tensor.GatherElements(f32(3), i64(3), 1))
    violates(3, lambda: tensor.GatherElements(f32(3, 4), i64(4, 4), 1))
    violates(3, lambda: tensor.GatherElements(f32(3, 4), i64(3), 1))


@pytest.mark.parametrize(
    ("shape", "indices_shape", "batch_dims"),
    [((3, 4), (2,), 0), ((3, 4), (5, 1), 0), ((3, 4, 5), (2, 6, 2), 0), ((2, 3, 4), (2, 1), 1),
     ((2, 3, 4), (2, 6, 2), 1), ((2, 3, 4, 5), (2, 3, 6, 1), 2)],
)  # fmt: skip
def test_gather_nd(shape: tuple[int, ...], indices_shape: tuple[int, ...], batch_dims: int) -> None:
    x, indices = sample(shape), sample(indices_shape, np.int64, -2, 3)
    ours = evaluate(lambda v, i: tensor.GatherNd(v, i, batch_dims), x, indices)
    assert_same(ours, onnx_results("GatherND", [x, indices], batch_dims=batch_dims))


def test_gather_nd_types() -> None:
    assert tensor.GatherNd(f32(n, 5, 6), i64(n, m, 1), 1).result.type.shape == (n, m, 6)
    violates(2, lambda: tensor.GatherNd(f32(3), i64(1), 1))
    violates(3, lambda: tensor.GatherNd(f32(3), i64(2), 0))
    violates(3, lambda: tensor.GatherNd(f32(3), i64(n), 0))
    violates(4, lambda: tensor.GatherNd(f32(3, 3), i64(2, 1), 1))


# Scatter*


@pytest.mark.parametrize("reduction", ScatterReduction)
@pytest.mark.parametrize("axis", [0, 1])
def test_scatter_elements(reduction: ScatterReduction, axis: int) -> None:
    x, updates = sample([4, 5]), sample([2, 3], low=1)
    # Without a reduction, equal indices would leave open which update remains.
    indices = sample([2, 3], np.int64, -4, 4)
    if reduction is ScatterReduction.NONE:
        indices = np.argsort(sample([4, 5]), axis=axis).astype(np.int64)[:2, :3]
    ours = evaluate(lambda v, i, w: tensor.ScatterElements(v, i, w, axis, reduction), x, indices, updates)
    theirs = onnx_results("ScatterElements", [x, indices, updates], axis=axis, reduction=reduction.value)
    assert_same(ours, theirs)


def test_scatter_elements_types() -> None:
    assert tensor.ScatterElements(f32(n, 5), i64(n, 2), f32(n, 2), 1).result.type.shape == (n, 5)
    violates(1, lambda: tensor.ScatterElements(f32(3), f32(2), f32(2), 0))
    violates(2, lambda: tensor.ScatterElements(f32(3), i64(2), i64(2), 0))
    violates(3, lambda: tensor.ScatterElements(f32(3), i64(2), f32(2), 1))
    violates(4, lambda: tensor.ScatterElements(f32(3, 3), i64(4, 3), f32(4, 3), 1))
    violates(5, lambda: tensor.ScatterElements(f32(3), i64(2), f32(3), 0))


@pytest.mark.parametrize("reduction", ScatterReduction)
@pytest.mark.parametrize(("width", "rows"), [(1, (3,)), (2, (2, 2)), (3, (4,)), (1, ())])
def test_scatter_nd(reduction: ScatterReduction, width: int, rows: tuple[int, ...]) -> None:
    x = sample([4, 3, 2])
    cells = [(i, j, k)[:width] for k in range(2) for j in range(3) for i in range(4)]
    if reduction is ScatterReduction.NONE:
        cells = list(dict.fromkeys(cells))[::-1]
    indices = np.array(cells[: int(np.prod(rows))], np.int64).reshape(*rows, width)
    updates = sample([*rows, *x.shape[width:]], low=1)
    ours = evaluate(lambda v, i, w: tensor.ScatterNd(v, i, w, reduction), x, indices, updates)
    assert_same(ours, onnx_results("ScatterND", [x, indices, updates], reduction=reduction.value))


def test_scatter_leaves_its_operand_alone() -> None:
    x = np.zeros(3, np.float32)
    evaluate(lambda v, i, w: tensor.ScatterNd(v, i, w), x, i64s(1).reshape(1, 1), np.ones(1, np.float32))
    assert not x.any()


def test_scatter_nd_types() -> None:
    assert tensor.ScatterNd(f32(8, n), i64(m, 1), f32(m, n)).result.type.shape == (8, n)
    violates(2, lambda: tensor.ScatterNd(f32(3), i64(2, 1), i64(2)))
    violates(3, lambda: tensor.ScatterNd(f32(3), i64(), f32()))
    violates(3, lambda: tensor.ScatterNd(f32(3), i64(2, 2), f32(2)))
    violates(4, lambda: tensor.ScatterNd(f32(3, 4), i64(2, 1), f32(2, 5)))


# Constant, Range, OneHot, Trilu, NonZero


def test_constant() -> None:
    array = sample([2, 3], np.int64)
    op = tensor.Constant(Weight(array))
    assert op.result.type == TensorType(DType.I64, (2, 3))
    assert op.evaluate() is array
    assert tensor.Constant(Weight(array.astype(ml_dtypes.bfloat16))).result.type.dtype is DType.BF16


@pytest.mark.parametrize("length", [None, u])
@pytest.mark.parametrize(
    ("start", "limit", "delta", "dtype"),
    [(0, 5, 1, np.int64), (1, 10, 3, np.int64), (5, 0, -2, np.int32), (3, 3, 1, np.int64), (5, 1, 1, np.int64),
     (0.0, 2.5, 0.5, np.float32), (1.5, -1.0, -1.0, np.float32), (0.0, 2.1, 0.5, np.float64)],
)  # fmt: skip
def test_range(start: float, limit: float, delta: float, dtype: type[np.generic], length: Dim | None) -> None:
    scalars = [np.array(v, dtype) for v in (start, limit, delta)]
    (theirs,) = onnx_results("Range", scalars)
    op = tensor.Range(*(of_type(DType.of(dtype)) for _ in scalars), theirs.shape[0] if length is None else length)
    assert_same((op.evaluate(*scalars),), (theirs,))


def test_range_constraints() -> None:
    assert tensor.Range(i64(), i64(), i64(), n).result.type == TensorType(DType.I64, (n,))
    violates(1, lambda: tensor.Range(i64(), i64(1), i64(), n))
    violates(2, lambda: tensor.Range(i64(), i64(), f32(), n))
    violates(3, lambda: tensor.Range(i64(), i64(), i64(), -1))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_one_hot(axis: int, dtype: type[np.generic]) -> None:
    indices, values = sample([2, 3], dtype, -6, 7), np.array([2, 5], np.float32)
    ours = evaluate(lambda i, v: tensor.OneHot(i, v, 4, axis), indices, values)
    assert_same(ours, onnx_results("OneHot", [indices.astype(np.int64), i64s(4), values], axis=axis))


def test_one_hot_types() -> None:
    assert tensor.OneHot(i64(n, 3), f32(2), m, 1).result.type == TensorType(DType.F32, (n, m, 3))
    violates(1, lambda: tensor.OneHot(f32(3), f32(2), 4, 0))
    violates(2, lambda: tensor.OneHot(i64(3), f32(3), 4, 0))
    violates(3, lambda: tensor.OneHot(i64(3), f32(2), 4, 2))
    violates(4, lambda: tensor.OneHot(i64(3), f32(2), -4, 0))


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("diagonal", [-9, -1, 0, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_])
def test_trilu(upper: bool, diagonal: int, dtype: type[np.generic]) -> None:
    x = sample([2, 3, 4], dtype)
    ours = evaluate(lambda v: tensor.Trilu(v, diagonal, upper), x)
    assert_same(ours, onnx_results("Trilu", [x, np.array(diagonal, np.int64)], upper=int(upper)))


def test_trilu_constraints() -> None:
    violates(1, lambda: tensor.Trilu(f32(3)))


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_])
def test_non_zero(dtype: type[np.generic]) -> None:
    x = sample([2, 3, 4], dtype, -1, 2)
    count = int(np.count_nonzero(x))
    assert_same(evaluate(lambda v: tensor.NonZero(v, count), x), onnx_results("NonZero", [x]))


def test_non_zero_of_a_scalar_has_no_rows() -> None:
    assert evaluate(lambda v: tensor.NonZero(v, 1), np.array(3.0, np.float32))[0].shape == (0, 1)


# DepthToSpace, SpaceToDepth


@pytest.mark.parametrize("order", ChannelOrder)
@pytest.mark.parametrize("layout", Layout)
def test_depth_to_space(order: ChannelOrder, layout: Layout) -> None:
    x = sample([2, 12, 2, 3])
    (theirs,) = onnx_results("DepthToSpace", [x], blocksize=2, mode=order.value.upper())
    if layout is Layout.NHWC:
        x, theirs = np.moveaxis(x, 1, -1), np.moveaxis(theirs, 1, -1)
    assert_same(evaluate(lambda v: tensor.DepthToSpace(v, 2, order, layout), x), (theirs,))


@pytest.mark.parametrize("layout", Layout)
def test_space_to_depth(layout: Layout) -> None:
    x = sample([2, 3, 4, 6])
    (theirs,) = onnx_results("SpaceToDepth", [x], blocksize=2)
    if layout is Layout.NHWC:
        x, theirs = np.moveaxis(x, 1, -1), np.moveaxis(theirs, 1, -1)
    assert_same(evaluate(lambda v: tensor.SpaceToDepth(v, 2, layout), x), (theirs,))


def test_block_rearrangement_types() -> None:
    assert tensor.DepthToSpace(f32(n, 4 * m, 3, u), 2).result.type.shape == (n, m, 6, 2 * u)
    assert tensor.SpaceToDepth(f32(n, 2 * m, u, 3), 2, Layout.NHWC).result.type.shape == (n, m, u // 2, 12)
    violates(1, lambda: tensor.DepthToSpace(f32(4, 4, 4), 2))
    violates(2, lambda: tensor.SpaceToDepth(f32(1, 4, 4, 4), 0))
    violates(3, lambda: tensor.DepthToSpace(f32(1, 6, 4, 4), 2))
    violates(3, lambda: tensor.SpaceToDepth(f32(1, 4, 4, 5), 2))
    violates(3, lambda: tensor.SpaceToDepth(f32(1, 4, 4, 2 * n + 1), 2))
