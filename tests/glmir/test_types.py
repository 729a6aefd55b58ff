"""Tensor types: dtypes, shapes, quantization, compatibility."""

import numpy as np
import pytest

from glmir.dims import symbol
from glmir.types import DType, QuantizedType, TensorType, bind_lone_symbols, compatible

N, M = symbol("n"), symbol("m")


@pytest.mark.parametrize("dtype", list(DType), ids=lambda d: d.value)
def test_dtypes(dtype: DType) -> None:
    assert DType.of(dtype.numpy) is dtype and DType(dtype.value) is dtype
    kinds = [dtype.is_float, dtype.is_signed_integer, dtype.is_unsigned_integer, dtype is DType.BOOL]
    assert sum(kinds) == 1
    assert dtype.is_integer == (dtype.is_signed_integer or dtype.is_unsigned_integer)
    assert dtype.bits in (4, 8, 16, 32, 64) and dtype.numpy.itemsize * 8 == max(dtype.bits, 8)
    if dtype.is_integer and dtype.bits > 4:
        limits = np.iinfo(dtype.numpy)
        assert (dtype.lowest, dtype.highest) == (limits.min, limits.max)
    if dtype.is_float:
        with np.errstate(over="ignore"):
            numbers = np.array([dtype.largest, 1.01 * dtype.largest]).astype(dtype.numpy)
        assert np.isfinite(numbers).tolist() == [True, False]


def test_small_integers() -> None:
    assert (DType.I4.lowest, DType.I4.highest, DType.U4.lowest, DType.U4.highest) == (-8, 7, 0, 15)


def test_numpy_dtypes_that_the_ir_has_not() -> None:
    with pytest.raises(ValueError, match="no element type for numpy's complex64"):
        DType.of(np.complex64)


def test_shapes() -> None:
    type_ = TensorType(DType.F32, (N, 3, M * N))
    assert (type_.rank, type_.is_static, type_.symbols) == (3, False, ("m", "n"))
    assert type_.elements == N * M * N * 3
    assert str(type_) == "f32[n, 3, m*n]"
    with pytest.raises(ValueError, match=r"f32\[n, 3, m\*n\] has symbolic dims"):
        _ = type_.static_shape
    assert type_.substitute({"n": 2, "m": 5}).static_shape == (2, 3, 10)
    assert type_.with_dtype(DType.I8).dtype is DType.I8 and type_.with_shape([1]).shape == (1,)
    assert TensorType(DType.F32, ()).elements == 1 and str(TensorType(DType.BOOL, ())) == "bool[]"
    assert hash(type_) == hash(TensorType(DType.F32, (N, 3, N * M)))


@pytest.mark.parametrize(
    ("declared", "inferred", "expected"),
    [
        ((N, 3), (N, 3), True),
        ((4, 3), (N, 3), True),
        ((N,), (M,), True),
        ((N + 1,), (N,), False),
        ((2 * N,), (2 * M + 1,), False),
        ((2, 3), (2, 4), False),
        ((2,), (2, 1), False),
    ],
)
def test_compatible(declared: tuple[int, ...], inferred: tuple[int, ...], expected: bool) -> None:
    assert compatible(TensorType(DType.F32, declared), TensorType(DType.F32, inferred)) is expected
    assert not compatible(TensorType(DType.F32, declared), TensorType(DType.F16, inferred))


def test_a_quantized_type_is_compatible_with_what_it_expresses() -> None:
    quantized = TensorType(DType.F32, (2,), QuantizedType(DType.I8, (0.5,)))
    assert compatible(quantized, TensorType(DType.F32, (2,))) and not compatible(quantized, TensorType(DType.I8, (2,)))
    assert quantized.stored is DType.I8 and TensorType(DType.F16, ()).stored is DType.F16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((DType.F32, (1.0,)), "storage is an integer dtype, not f32"),
        ((DType.BOOL, (1.0,)), "storage is an integer dtype, not bool"),
        ((DType.I8, ()), "scales are positive numbers, at least one"),
        ((DType.I8, (0.0,)), "scales are positive"),
        ((DType.I8, (float("nan"),)), "scales are positive"),
        ((DType.I8, (float("inf"),)), "scales are positive"),
        ((DType.I8, (1.0,), (1, 2)), "as many zero points as scales"),
        ((DType.I8, (1.0, 2.0)), "need an axis"),
        ((DType.I8, (1.0,), (), None, 2), "need an axis"),
        ((DType.I8, (1.0,), (), -1), "the axis counts from the front"),
        ((DType.I8, (1.0,), (), 0, 0), "the block size is at least 1"),
    ],
)
def test_quantizations_that_cannot_be(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        QuantizedType(*arguments)  # type: ignore[arg-type]


def test_quantizations_must_fit_the_shape() -> None:
    per_axis = QuantizedType(DType.I8, (1.0, 2.0), (), 1)
    assert TensorType(DType.F32, (5, 2), per_axis).rank == 2 and TensorType(DType.F32, (5, N), per_axis).rank == 2
    with pytest.raises(ValueError, match="there are 3 scales for this shape, not 2"):
        TensorType(DType.F32, (5, 3), per_axis)
    with pytest.raises(ValueError, match="there is no axis 1 in a tensor of rank 1"):
        TensorType(DType.F32, (2,), per_axis)
    blocked = QuantizedType(DType.I4, (1.0,) * 6, (), 0, 4)
    assert blocked.parameters_shape((9, 2)) == (3, 2)
    assert TensorType(DType.F32, (9, 2), blocked).rank == 2
    with pytest.raises(ValueError, match="there are 4 scales"):
        TensorType(DType.F32, (8, 2), blocked)


def test_symbols_that_stand_alone_in_a_dim_are_bound() -> None:
    sizes: dict[str, int] = {"m": 7}
    bind_lone_symbols(TensorType(DType.F32, (2 * N + 1, M, N * M, 3)), (9, 5, 0, 3), sizes)
    assert sizes == {"n": 4, "m": 7}
    for dim in (N + M, N * N, -N + 9, N // 2):
        sizes = {}
        bind_lone_symbols(TensorType(DType.F32, (dim,)), (6,), sizes)
        assert sizes == {}
