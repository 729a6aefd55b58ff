"""The symbolic contents of shape tensors, on the chains that exporters write."""

import numpy as np
import pytest
from numpy.typing import NDArray

from glmir.dims import Dim, dim_max, dim_min, product, symbol
from glmir.ir import Op, Value
from glmir.ops import math, nn, tensor
from glmir.ops.enums import Activation, ScatterReduction
from glmir.symbolic import ELEMENT_LIMIT, SymbolicContents
from glmir.types import DType, TensorType
from glmir.weights import Weight

n, h, w = symbol("n"), symbol("h"), symbol("w")


def value(dtype: DType, *shape: Dim) -> Value:
    return Value(TensorType(dtype, shape))


def constant(data: object, dtype: type[np.generic] = np.int64) -> Value:
    return tensor.Constant(Weight(np.array(data, dtype))).result


def shape_of(*shape: Dim) -> Value:
    return tensor.Shape(value(DType.F32, *shape)).result


def contents(of: Value | Op) -> object:
    """The contents as nested lists."""
    found = SymbolicContents().of(of if isinstance(of, Value) else of.result)
    if found is None:
        return None
    assert found.dtype == np.object_
    return found.tolist()


def pick(vector: Value, index: int) -> Value:
    return tensor.Gather(vector, constant(index), 0).result


def part(vector: Value, start: int, size: int) -> Value:
    return tensor.Slice(vector, (start,), (size,), (1,)).result


def vector(scalar: Value) -> Value:
    return tensor.Reshape(scalar, None, (1,)).result


def cast(x: Value, dtype: DType) -> Value:
    return tensor.Cast(x, dtype).result


def test_shapes_and_constants() -> None:
    assert contents(shape_of(n, 3, h // 2)) == [n, 3, h // 2]
    assert contents(shape_of()) == []
    assert contents(constant([[1, 2], [3, 4]])) == [[1, 2], [3, 4]]
    assert contents(constant([True, False], np.bool_)) == [True, False]
    assert contents(constant(range(ELEMENT_LIMIT))) is not None
    assert contents(constant(range(ELEMENT_LIMIT + 1))) is None
    assert contents(value(DType.I64, 3)) is None


def test_moved_scalars_stay_scalars() -> None:
    number = constant(1.25, np.float32)
    assert contents(tensor.Pad(number, None, (), ())) == 1.25
    assert contents(tensor.Tile(number, ())) == 1.25
    assert contents(tensor.Expand(number, None, ())) == 1.25
    assert contents(tensor.Transpose(number, ())) == 1.25


def test_shape_gather_mul_concat_reshape() -> None:
    shape = shape_of(n, 64, h, w)
    pixels = math.Mul(pick(shape, 2), pick(shape, 3)).result
    target = tensor.Concat((vector(pick(shape, 0)), constant([64]), vector(pixels)), 0)
    assert contents(target) == [n, 64, h * w]
    elements = math.ReduceProd(target.result, (0,), False)
    assert contents(elements) == product((n, 64, h, w))


def test_shape_slice_concat() -> None:
    shape = shape_of(n, 3, h, w)
    sizes = math.Mul(part(shape, 2, 2), constant([2, 2])).result
    assert contents(tensor.Concat((part(shape, 0, 2), sizes), 0)) == [n, 3, 2 * h, 2 * w]
    dynamic = tensor.DynamicSlice(shape, constant([-2]), constant([99]), (0,), (1,), (symbol("u0"),))
    assert contents(dynamic) == [h, w]


def test_flatten() -> None:
    shape = shape_of(n, 16, 5, 5)
    target = tensor.Concat((part(shape, 0, 1), vector(math.ReduceProd(part(shape, 1, 3), (0,), True).result)), 0)
    assert contents(target) == [n, 400]
    assert contents(tensor.Concat((vector(pick(shape, 0)), constant([-1])), 0)) == [n, -1]


def test_scaled_sizes_by_way_of_floats() -> None:
    size = cast(pick(shape_of(n, 3, 7, 9), 2), DType.F32)
    floor = math.Floor(math.Mul(size, constant(2.5, np.float32)).result).result
    assert contents(cast(floor, DType.I64)) == 17
    symbolic = cast(pick(shape_of(n, 3, h, 9), 2), DType.F32)
    assert contents(cast(math.Floor(symbolic).result, DType.I64)) is None


def test_floats_round_as_their_dtype_does() -> None:
    factor = np.float32(1 / 49)
    x = cast(constant([49, 98, 147]), DType.F32)
    expected = np.floor(np.array([49, 98, 147], np.float32) * factor).astype(np.int64).tolist()
    floor = math.Floor(math.Mul(x, constant(factor, np.float32)).result).result
    assert contents(cast(floor, DType.I64)) == expected


def test_partly_known_floats_keep_their_known_part() -> None:
    sizes = cast(shape_of(n, 3, 7, w), DType.F32)
    scaled = math.Ceil(math.Mul(sizes, constant(0.5, np.float32)).result).result
    assert contents(cast(scaled, DType.I64)) == [None, 2, 4, None]


def test_equal_where_expand() -> None:
    """Expand with -1 for an axis that stays: where(dims == -1, 1, dims), expanded to the shape."""
    wanted = tensor.Concat((vector(pick(shape_of(n, 1, w), 0)), constant([-1, 4])), 0).result
    ones = tensor.Expand(constant([1]), None, (3,)).result
    is_kept = math.Equal(wanted, constant([-1, -1, -1])).result
    assert contents(is_kept) == [False, True, False]
    assert contents(math.Select(is_kept, ones, wanted)) == [n, 1, 4]


def test_constant_of_shape_idiom() -> None:
    rank = tensor.Shape(shape_of(n, 3)).result
    zeros = tensor.Expand(constant(0), rank, (2,)).result
    updated = tensor.ScatterNd(zeros, constant([[1]]), vector(pick(shape_of(n, 3), 0))).result
    assert contents(updated) == [0, n]


def test_pads_computed_from_a_range() -> None:
    """torch's constant_pad_nd: pad the list with zeros, reshape to pairs, reverse, transpose, flatten."""
    zeros = tensor.Expand(constant([0]), None, (4,)).result
    pairs = tensor.Reshape(tensor.Concat((constant([1, 2, 3, 4]), zeros), 0).result, None, (4, 2)).result
    flipped = tensor.Transpose(tensor.Reverse(pairs, (0,)).result, (1, 0)).result
    assert contents(tensor.Reshape(flipped, None, (8,))) == [0, 0, 3, 1, 0, 0, 4, 2]


def test_range_and_its_uses() -> None:
    scalars = [constant(v) for v in (1, 7, 2)]
    assert contents(tensor.Range(*scalars, symbol("u0"))) == [1, 3, 5]
    start = pick(shape_of(n), 0)
    assert contents(tensor.Range(start, constant(0), constant(2), 3)) == [n, n + 2, n + 4]
    assert contents(tensor.Range(start, constant(0), constant(2), symbol("u0"))) is None
    floats = [constant(v, np.float32) for v in (0.0, 1.0, 0.5)]
    assert contents(tensor.Range(*floats, 2)) == [0.0, 0.5]


def test_positions_of_known_elements() -> None:
    positions = tensor.NonZero(constant([0, 5, 0, 7]), symbol("u0"))
    assert contents(positions) == [[1, 3]]
    assert contents(tensor.NonZero(shape_of(n), symbol("u0"))) is None


def test_split_and_tile_and_pad() -> None:
    first, second = tensor.Split(shape_of(n, 3, h), 0, (1, 2)).results
    assert (contents(first), contents(second)) == ([n], [3, h])
    assert contents(tensor.Tile(second, (2,))) == [3, h, 3, h]
    assert contents(tensor.Pad(second, None, (1,), (0,))) == [0, 3, h]


def test_gathers_and_scatters() -> None:
    shape = shape_of(n, 3, h)
    assert contents(tensor.Gather(shape, constant([-1, 0]), 0)) == [h, n]
    assert contents(tensor.GatherElements(shape, constant([2, 1]), 0)) == [h, 3]
    assert contents(tensor.GatherNd(shape, constant([2]))) == h
    assert contents(tensor.ScatterElements(shape, constant([0]), constant([1]), 0)) == [1, 3, h]
    added = tensor.ScatterElements(shape, constant([0]), constant([1]), 0, ScatterReduction.ADD)
    assert contents(added) == [n + 1, 3, h]
    assert contents(tensor.Gather(shape, value(DType.I64), 0)) is None
    assert contents(tensor.Gather(shape, pick(shape, 0), 0)) is None


def test_unknown_parts_stay_none() -> None:
    unknown = value(DType.I64, 1)
    mixed = tensor.Concat((shape_of(n, 3), unknown), 0).result
    assert contents(mixed) == [n, 3, None]
    assert contents(math.Add(mixed, constant([1, 1, 1]))) == [n + 1, 4, None]
    assert contents(pick(mixed, 1)) == 3
    assert contents(pick(mixed, 2)) is None
    assert contents(math.ReduceSum(mixed, (0,), False)) is None
    assert contents(math.Select(value(DType.BOOL, 2), shape_of(n, 3), shape_of(n, 4))) == [n, None]
    assert contents(tensor.Concat((shape_of(n), value(DType.I64, n)), 0)) is None


def test_arithmetic_on_symbols() -> None:
    x, k = pick(shape_of(n), 0), constant(2)
    assert contents(math.Add(x, k)) == n + 2
    assert contents(math.Sub(k, x)) == 2 - n
    assert contents(math.Div(x, k)) == n // 2
    assert contents(math.Div(math.Sub(x, k).result, k)) is None
    assert contents(math.Div(x, constant(0))) is None
    assert contents(math.FloorMod(x, k)) == n % 2
    assert contents(math.FloorMod(x, constant(0))) is None
    assert contents(math.Fmod(x, k)) == n % 2
    assert contents(math.Neg(x)) == -n
    assert contents(math.Abs(x)) == n
    assert contents(math.Square(x)) == n * n
    assert contents(math.Maximum(x, k)) == dim_max(n, 2)
    assert contents(math.Minimum(x, k)) == dim_min(n, 2)
    assert contents(math.Add(x, k, Activation.RELU)) is None


def test_arithmetic_on_numbers_is_the_ops_own() -> None:
    assert contents(math.Div(constant([-7, 7]), constant([2, -2]))) == [-3, -3]
    assert contents(math.Fmod(constant(-7), constant(2))) == -1
    assert contents(math.Add(constant(2**31 - 1, np.int32), constant(1, np.int32))) == -(2**31)
    assert contents(math.Pow(constant(2), constant(5))) == 32
    assert contents(math.CumSum(constant([1, 2, 3]), 0)) == [1, 3, 6]
    assert contents(math.Add(constant([-3, 1]), constant(1), Activation.RELU)) == [0, 2]


def test_comparisons_that_bounds_decide() -> None:
    x, one = pick(shape_of(n), 0), constant(1)
    assert contents(math.Equal(x, constant(0))) is False
    assert contents(math.Equal(x, one)) is None
    assert contents(math.NotEqual(x, x)) is False
    assert contents(math.Less(x, one)) is False
    assert contents(math.LessEqual(one, x)) is True
    assert contents(math.Greater(x, constant(0))) is True
    assert contents(math.GreaterEqual(x, math.Add(x, one).result)) is False
    assert contents(cast(x, DType.BOOL)) is True
    assert contents(cast(math.Sub(x, one).result, DType.BOOL)) is None


def test_truth_values_of_which_one_suffices() -> None:
    mixed = math.Equal(shape_of(n, 3, 0), constant([1, 3, 1])).result
    assert contents(mixed) == [None, True, False]
    assert contents(math.LogicalNot(mixed)) == [None, False, True]
    assert contents(math.LogicalAnd(mixed, constant([False] * 3, np.bool_))) == [False] * 3
    assert contents(math.LogicalOr(mixed, constant([True] * 3, np.bool_))) == [True] * 3
    assert contents(math.ReduceAll(mixed, (0,), False)) is False
    assert contents(math.ReduceAny(mixed, (0,), False)) is True


@pytest.mark.parametrize("keep_dims", [True, False])
def test_reductions(keep_dims: bool) -> None:
    grid = tensor.Reshape(shape_of(n, 2, h, 3, 4, w), None, (2, 3)).result

    def expected(*elements: Dim) -> list[object]:
        return [[e] for e in elements] if keep_dims else list(elements)

    assert contents(math.ReduceSum(grid, (1,), keep_dims)) == expected(n + h + 2, w + 7)
    assert contents(math.ReduceProd(grid, (1,), keep_dims)) == expected(2 * n * h, 12 * w)
    assert contents(math.ReduceMax(grid, (1,), keep_dims)) == expected(dim_max(dim_max(n, 2), h), dim_max(4, w))
    assert contents(math.ReduceMin(grid, (1,), keep_dims)) == expected(dim_min(dim_min(n, 2), h), dim_min(3, w))
    both = math.ReduceSum(grid, (0, 1), keep_dims)
    assert contents(both) == ([[n + h + w + 9]] if keep_dims else n + h + w + 9)
    assert contents(math.ReduceProd(shape_of(), (0,), False)) == 1


def test_casts_between_integers() -> None:
    shape = shape_of(n, 300)
    assert contents(cast(cast(shape, DType.I32), DType.I64)) == [n, 300]
    assert contents(cast(shape, DType.U8)) == [None, 44]
    assert contents(cast(shape, DType.U64)) == [n, 300]
    assert contents(cast(math.Neg(shape).result, DType.U32)) == [None, 2**32 - 300]
    assert contents(cast(shape, DType.F32)) == [None, 300.0]
    assert contents(cast(constant([0, 2]), DType.BOOL)) == [False, True]


def test_ops_that_are_not_followed() -> None:
    x = cast(constant([1, 2]), DType.F32)
    assert contents(nn.Relu(x) if hasattr(nn, "Relu") else math.Exp(x)) is None
    large = tensor.Expand(constant(1), None, (ELEMENT_LIMIT + 1,)).result
    assert contents(large) is None
    assert contents(part(large, 0, 1)) is None


def test_results_are_kept_and_read_only() -> None:
    analysis = SymbolicContents()
    shape = shape_of(n, 3)
    found: NDArray[np.object_] | None = analysis.of(shape)
    assert found is not None and analysis.of(shape) is found
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1


def test_long_chains_do_not_recurse() -> None:
    x, one = pick(shape_of(n), 0), constant(1)
    for _ in range(10_000):
        x = math.Add(x, one).result
    assert contents(x) == n + 10_000


def test_shared_operands_are_visited_once() -> None:
    x = pick(shape_of(n), 0)
    for _ in range(200):
        x = math.Sub(math.Add(x, x).result, x).result
    assert contents(x) == n
