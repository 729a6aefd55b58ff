"""What quantized values mean (spec/types.md): ``real = (stored - zero_point) * scale``.

An op with quantized operands or results means: dequantize the operands, compute, quantize the results. So a tensor may
be quantized wherever it stands, and no op is declared twice. A quantized value is carried as the array of its stored
integers: at function inputs and outputs, and in constants, whose elements the text gives as they are stored::

    %w = tensor.constant() {value = dense<[-128, 127]>} : quant<f32, i8, scales=[0.5]>[2]
"""

import numpy as np

from .types import Array, TensorType


def dequantize(stored: Array, type_: TensorType) -> Array:
    """The real numbers, in the dtype that the type expresses, of an array of stored integers.

    They are computed in double precision and rounded once. (ONNX DequantizeLinear computes in the expressed dtype.)
    """
    scales, zero_points = _parameters(type_, stored.shape)
    return np.asarray((stored.astype(np.float64) - zero_points) * scales).astype(type_.dtype.numpy)


def quantize(real: Array, type_: TensorType) -> Array:
    """The stored integers nearest to real numbers: halves go to the even one, what lies outside is clipped (saturated).

    Rounding is that of ONNX QuantizeLinear: ``clip(round(x / scale) + zero_point)``. NaN becomes the zero point.
    """
    scales, zero_points = _parameters(type_, real.shape)
    storage = type_.stored
    rounded = np.rint(real.astype(np.float64) / scales)
    shifted = np.where(np.isnan(rounded), 0.0, rounded) + zero_points
    lowest, highest = storage.lowest, storage.highest
    inside = (shifted > lowest) & (shifted < highest)
    wide = np.dtype(np.uint64 if lowest == 0 else np.int64)
    # The limits of 64 bits are no doubles: they are set after the conversion, not before.
    stored = np.where(inside, shifted, 0.0).astype(wide)
    limits = np.where(shifted <= lowest, wide.type(lowest), wide.type(highest))
    return np.where(inside, stored, limits).astype(storage.numpy)


def _parameters(type_: TensorType, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Scales and zero points as arrays that broadcast against an array of ``shape``."""
    quantization = type_.quantization
    assert quantization is not None
    # The run-time shape, for the type's own may be symbolic.
    over = TensorType(type_.dtype, shape, quantization)
    lying = tuple(d for d in quantization.parameters_shape(over.shape) if isinstance(d, int))
    zero_points = quantization.zero_points or (0,) * len(quantization.scales)
    arrays = (np.array(quantization.scales, np.float64), np.array(zero_points, np.float64))
    scales, zeros = (array.reshape(lying) for array in arrays)
    if quantization.block is None or quantization.axis is None:
        return scales, zeros
    axis, size = quantization.axis, shape[quantization.axis]
    return tuple(  # type: ignore[return-value]
        np.take(array.repeat(quantization.block, axis), range(size), axis) for array in (scales, zeros)
    )
