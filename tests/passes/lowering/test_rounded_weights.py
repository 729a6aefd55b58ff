"""Weights rounded once more to 8 bits: which, to what, and how much that adds to the error."""

import numpy as np
import pytest

from glmir.ir import Value
from glmir.ops import math, nn, quant, tensor
from glmir.passes.lowering.rounded_weights import SMALLEST_ROUNDED, rounded_to_bytes
from glmir.passes.patterns import elements_of
from glmir.passes.quantization.palettes import palettize
from glmir.passes.quantization.uniform import Scheme, quantize, signal_to_noise
from glmir.passes.quantization.weights import weights_of
from glmir.types import DType
from tests.backends.building import argument, constant

FOUR = Scheme(4)
FLOATS = np.random.default_rng(0).standard_normal((16, 32, 3, 3)).astype(np.float32)


def in_blocks(array: np.ndarray, scheme: Scheme = FOUR, axis: int = 1, block: int | None = 16) -> Value:
    found = quantize(array, scheme, axis=axis, block=block)
    zeros = None if found.zero_points is None else constant(found.zero_points)
    return quant.Dequantize(constant(found.stored), constant(found.scales), zeros, axis, block).result


def as_palette(array: np.ndarray, bits: int) -> Value:
    palette = palettize(array, bits)
    return quant.Depalettize(constant(palette.indices), constant(palette.table), bits).result


def conv(weight: Value) -> nn.Conv:
    return nn.Conv(argument(1, 32, 8, 8), weight, None, (1, 1), (1,) * 4, (1, 1))


def rounded(op: nn.Conv | nn.ConvTranspose | math.MatMul | tensor.Gather) -> quant.Dequantize | None:
    """What the op's one weight becomes."""
    (use,) = weights_of(op)
    found = rounded_to_bytes(use)
    assert found is None or isinstance(found.owner, quant.Dequantize)
    return None if found is None else found.owner


@pytest.mark.parametrize("scheme", [Scheme(4), Scheme(4, is_symmetric=False)], ids=["i4", "u4"])
def test_blocks_of_four_bits_get_a_scale_for_each_output(scheme: Scheme) -> None:
    weight = in_blocks(FLOATS, scheme)
    found = rounded(conv(weight))
    assert found is not None and (found.axis, found.block, found.x.type.dtype) == (0, None, DType.I8)
    assert found.scale.type.shape == (16,)
    before, after = (signal_to_noise(FLOATS, elements_of(w)) for w in (weight, found.result))
    assert before - after < 0.1


@pytest.mark.parametrize("dtype", [DType.F16, DType.F64])
def test_scales_have_the_dtype_of_the_weight(dtype: DType) -> None:
    palette = palettize(FLOATS.reshape(64, 72), 8)
    weight = quant.Depalettize(constant(palette.indices), constant(palette.table.astype(dtype.numpy)), 8).result
    found = rounded(math.MatMul(argument(4, 64, dtype=dtype), weight))
    assert found is not None and found.result.type == weight.type


def test_the_outputs_of_other_ops_lie_elsewhere() -> None:
    weight = in_blocks(FLOATS, axis=0, block=8)
    layer = nn.ConvTranspose(argument(1, 16, 4, 4), weight, None, (1, 1), (1,) * 4, (1, 1), (0, 0))
    product = math.MatMul(argument(4, 64), in_blocks(FLOATS.reshape(64, 72), axis=0, block=16))
    table = tensor.Gather(in_blocks(FLOATS.reshape(64, 72)), argument(3, dtype=DType.I64), 0)
    assert [found.axis for op in (layer, product, table) if (found := rounded(op)) is not None] == [1, 1, 0]


@pytest.mark.parametrize("bits", [1, 2, 4, 6])
def test_small_palettes_keep_their_entries(bits: int) -> None:
    weight = as_palette(FLOATS, bits)
    found = rounded(conv(weight))
    assert found is not None and found.axis is None and found.x.type.dtype is DType.I8
    assert np.unique(elements_of(found.x)).size <= 1 << bits
    before, after = (signal_to_noise(FLOATS, elements_of(w)) for w in (weight, found.result))
    assert before - after < (0.1 if bits <= 4 else 0.5)


@pytest.mark.parametrize("bits", [7, 8])
def test_large_palettes_get_a_scale_for_each_output(bits: int) -> None:
    weight = as_palette(FLOATS, bits)
    found = rounded(conv(weight))
    assert found is not None and found.axis == 0
    assert signal_to_noise(elements_of(weight), elements_of(found.result)) > 40


def test_a_palette_of_zeros() -> None:
    weight = quant.Depalettize(constant(np.zeros(FLOATS.shape, np.uint8)), constant(np.zeros(4, np.float32)), 2).result
    found = rounded(conv(weight))
    assert found is not None and not elements_of(found.result).any()


def test_what_stays_exact() -> None:
    small = FLOATS[:1, :, :, :]
    assert small.size < SMALLEST_ROUNDED
    grouped = nn.ConvTranspose(
        argument(1, 16, 4, 4), in_blocks(FLOATS, axis=0, block=8), None, (1, 1), (1,) * 4, (1, 1), (0, 0), groups=2
    )
    assert all(
        rounded(op) is None
        for op in (
            conv(constant(FLOATS)),
            conv(in_blocks(small)),
            conv(in_blocks(FLOATS, Scheme(8))),
            conv(in_blocks(FLOATS, axis=0, block=None)),
            grouped,
        )
    )
