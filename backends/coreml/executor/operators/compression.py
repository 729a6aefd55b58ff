"""Quantization, and the operators that decompress weights when a program is loaded. Source: `constexpr_ops`,
`quantization_ops` and `compression` of the operator classes."""

from collections.abc import Sequence
from math import prod

import numpy as np

from .....types import Array
from ..blobs import unpack
from ..kinds import ProgramError


def _along(values: Array, data: Array, axis: int | None) -> Array:
    """A scalar, or a vector along an axis of the data, in float32."""
    wide = values.astype(np.float32)
    if values.ndim == 0:
        return wide
    if axis is None or values.shape != (data.shape[axis],):
        raise ProgramError(f"{list(values.shape)} values for axis {axis} of {list(data.shape)}")
    shape = [1] * data.ndim
    shape[axis] = -1
    return wide.reshape(shape)


def quantize(
    input: Array, scale: Array, output_dtype: str, zero_point: Array | None = None, axis: int | None = None
) -> Array:
    """clip(round(input / scale) + zero_point), halves to even."""
    if output_dtype not in ("int8", "uint8") or (zero_point is not None and zero_point.dtype != output_dtype):
        raise ProgramError(f"output_dtype is {output_dtype!r}, zero_point of another type")
    scaled = np.rint(input / _along(np.asarray(scale), input, axis))
    shifted = scaled if zero_point is None else scaled + _along(zero_point, input, axis)
    low, high = (-128, 127) if output_dtype == "int8" else (0, 255)
    return np.clip(shifted, low, high)


def dequantize(input: Array, scale: Array, zero_point: Array | None = None, axis: int | None = None) -> Array:
    """scale (input - zero_point)"""
    wide = input.astype(np.float32)
    shifted = wide if zero_point is None else wide - _along(zero_point, input, axis)
    return shifted * _along(np.asarray(scale), input, axis)


def constexpr_affine_dequantize(quantized_data: Array, zero_point: Array, scale: Array, axis: int) -> Array:
    zero = np.asarray(zero_point)
    if zero.dtype.kind != "f" and zero.dtype != quantized_data.dtype:
        raise ProgramError(f"zero_point is {zero.dtype}, quantized_data {quantized_data.dtype}")
    return dequantize(quantized_data, scale, zero, axis)


def constexpr_cast(source_val: Array, output_dtype: str) -> Array:
    if output_dtype != "fp32":
        raise ProgramError(f"output_dtype is {output_dtype!r}, not fp32")
    return np.asarray(source_val)


def constexpr_lut_to_dense(
    indices: Array, lut: Array, opset: int, shape: Sequence[int] | None = None, vector_axis: int | None = None
) -> Array:
    """Entries of a table. Until iOS 17 the table is flat and the indices are packed into bytes."""
    if opset >= 18:
        return _looked_up(indices, lut, vector_axis)
    if shape is None or lut.ndim != 1 or lut.size not in (2, 4, 16, 64, 256):
        raise ProgramError(f"a table of shape {list(lut.shape)}")
    width, count = int(lut.size).bit_length() - 1, prod(shape)
    if indices.shape != ((count * width + 7) // 8,):
        raise ProgramError(f"{indices.size} bytes for {count} indices of {width} bits")
    places = indices if width == 8 else unpack(indices, f"u{width}", count)
    return lut[places].reshape(shape)


def _looked_up(indices: Array, lut: Array, vector_axis: int | None) -> Array:
    """The table [..., entries, vector] has the rank of the indices and two more; its first dims divide theirs."""
    rank, vector = indices.ndim, lut.shape[-1]
    if lut.ndim != rank + 2 or any(d % t for d, t in zip(indices.shape, lut.shape, strict=False)):
        raise ProgramError(f"a table of shape {list(lut.shape)} for indices of shape {list(indices.shape)}")
    if vector > 1 and vector_axis is None:
        raise ProgramError("a table of vectors without vector_axis")
    groups = [np.arange(d) // (d // t) for d, t in zip(indices.shape, lut.shape, strict=False)]
    vectors = lut[(*np.ix_(*groups), indices.astype(np.int64))]
    if vector == 1:
        return np.asarray(vectors[..., 0])
    axis = (vector_axis or 0) % rank
    dims = list(indices.shape)
    dims[axis] *= vector
    return np.asarray(np.moveaxis(vectors, -1, axis + 1).reshape(dims))


def constexpr_sparse_to_dense(
    nonzero_data: Array, mask: Array, opset: int, shape: Sequence[int] | None = None
) -> Array:
    """The data at the set bits of the mask, zero elsewhere. Until iOS 17 the mask is packed into bytes."""
    bits = mask
    if opset < 18:
        if shape is None or mask.shape != ((prod(shape) + 7) // 8,):
            raise ProgramError(f"a mask of {mask.size} bytes for shape {shape}")
        bits = unpack(mask, "u1", prod(shape)).reshape(shape)
    return _dense(nonzero_data, bits)


def _dense(data: Array, mask: Array) -> Array:
    if data.shape != (np.count_nonzero(mask),):
        raise ProgramError(f"{data.size} elements for {np.count_nonzero(mask)} bits of the mask")
    result = np.zeros(mask.shape, data.dtype)
    result[mask != 0] = data
    return result


def constexpr_blockwise_shift_scale(data: Array, scale: Array, offset: Array | None = None) -> Array:
    """scale (data - offset), each for a block; the dimensions of the scale divide the data's."""
    scale, offset = np.asarray(scale), None if offset is None else np.asarray(offset)
    if data.ndim != scale.ndim or any(d % s for d, s in zip(data.shape, scale.shape, strict=True)):
        raise ProgramError(f"a scale of shape {list(scale.shape)} for data of shape {list(data.shape)}")
    if offset is not None and offset.shape != scale.shape:
        raise ProgramError(f"an offset of shape {list(offset.shape)} for a scale of shape {list(scale.shape)}")
    wide = data.astype(np.float32)
    shifted = wide if offset is None else wide - _spread(offset, data.shape)
    return shifted * _spread(scale, data.shape)


def _spread(values: Array, shape: Sequence[int]) -> Array:
    wide = values.astype(np.float32)
    for axis, size in enumerate(shape):
        wide = np.repeat(wide, size // wide.shape[axis], axis)
    return wide


def constexpr_lut_to_sparse(
    indices_mask: Array, indices_nonzero_data: Array, lut: Array, vector_axis: int | None = None
) -> tuple[Array, Array]:
    """The mask, and the looked-up elements at its set bits; both are wider when the table holds vectors."""
    values = _looked_up(_dense(indices_nonzero_data, indices_mask), lut, vector_axis)
    mask = indices_mask
    if lut.shape[-1] > 1 and vector_axis is not None:
        mask = np.repeat(mask, lut.shape[-1], vector_axis)
    return mask, values[mask != 0]


def constexpr_sparse_blockwise_shift_scale(
    data_mask: Array, nonzero_data: Array, scale: Array, offset: Array | None = None
) -> tuple[Array, Array]:
    values = constexpr_blockwise_shift_scale(_dense(nonzero_data, data_mask), scale, offset)
    return data_mask, values[data_mask != 0]
