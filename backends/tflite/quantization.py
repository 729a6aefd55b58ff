"""Quantized types as TFLite writes them: scales beside a tensor, blocks' scales as a tensor of their own."""

import ml_dtypes
import numpy as np

from ...ir import Array
from ...types import QuantizedType
from .schema import BlockwiseQuantization, QuantizationParameters

BLOCK_SCALES = np.float16
"""What scales of blocks are stored in: XNNPACK takes no others."""


def parameters(quantization: QuantizedType) -> QuantizationParameters:
    """A scale and a zero point for the tensor, or for every index of the axis."""
    return QuantizationParameters(
        scale=quantization.scales,
        zero_point=quantization.zero_points or (0,) * len(quantization.scales),
        quantized_dimension=quantization.axis or 0,
    )


def blockwise_parameters(quantization: QuantizedType, scales: int) -> QuantizationParameters:
    """Scales of blocks, which are the tensor of that index; their zero points are 0."""
    assert quantization.block is not None
    details = BlockwiseQuantization(scales=scales, zero_points=-1, block_size=quantization.block)
    return QuantizationParameters(details=details, quantized_dimension=0)


def packed(array: Array) -> Array:
    """The elements as a buffer holds them: integers of four bits two a byte, the first in the low half."""
    if array.dtype != ml_dtypes.int4:
        return array
    nibbles = np.ascontiguousarray(array).reshape(-1).astype(np.int8).view(np.uint8) & 15
    if nibbles.size % 2:
        nibbles = np.append(nibbles, np.uint8(0))
    return np.asarray(nibbles[0::2] | nibbles[1::2] << 4)
