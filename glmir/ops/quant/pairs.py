"""Quantize and dequantize: the explicit pairs around an op that a target may compute in integers (ONNX QDQ)."""

import numpy as np

from ...dims import ceil_div, known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op, op_family
from ...types import DType, Shape, TensorType

STORED = (DType.I4, DType.U4, DType.I8, DType.U8, DType.I16, DType.U16)


@op_family
class Scaled(Op):
    """``real = (stored - zero_point) * scale``. There is one scale; with ``axis`` one for each index of it; with
    ``block`` one for each ``block`` indices of it and each index of the other axes. No zero point is 0.

    Halves (f16, bf16) are computed in f32, other floats in themselves."""

    x: Value
    scale: Value
    zero_point: Value | None
    axis: int | None = None
    block: int | None = None

    @constraint
    def scale_is_float(self) -> bool:
        """the scale is a float"""
        return self.scale.type.dtype.is_float

    @constraint
    def axis_exists(self) -> bool:
        """the axis is within the operand's rank, and there is one if there are blocks, of at least 1"""
        if self.axis is None:
            return self.block is None
        return 0 <= self.axis < self.x.type.rank and (self.block is None or self.block >= 1)

    @constraint
    def scales_fit(self) -> bool:
        """there is one scale, or as many as the axis, or its blocks, ask for"""
        expected, given = self.scales_shape, self.scale.type.shape
        return len(expected) == len(given) and not any(map(known_different, expected, given))

    @constraint
    def zero_points_fit(self) -> bool:
        """there are as many zero points as scales, in the dtype that is stored"""
        if self.zero_point is None:
            return True
        given, expected = self.zero_point.type, self.scale.type.shape
        is_stored = given.dtype is self.stored
        return is_stored and given.rank == len(expected) and not any(map(known_different, given.shape, expected))

    @property
    def stored(self) -> DType:
        """The dtype of the integers."""
        raise NotImplementedError

    @property
    def scales_shape(self) -> Shape:
        """The shape that scales have."""
        shape = self.x.type.shape
        if self.axis is None or not self.axis < len(shape):
            return ()
        if self.block is None:
            return (shape[self.axis],)
        return tuple(ceil_div(d, self.block) if i == self.axis else d for i, d in enumerate(shape))

    def over(self, parameters: Array, shape: tuple[int, ...]) -> Array:
        """Scales or zero points as an array that broadcasts against one of ``shape``."""
        if self.axis is None:
            return parameters
        if self.block is not None:
            return np.take(parameters, np.arange(shape[self.axis]) // self.block, self.axis)
        return parameters.reshape([-1 if i == self.axis else 1 for i in range(len(shape))])


def computing_dtype(dtype: DType) -> DType:
    """What numbers of a float dtype are computed in."""
    return dtype if dtype in (DType.F32, DType.F64) else DType.F32


@op
class Quantize(Scaled):
    """The integers nearest to numbers: round(x / scale) + zero_point, within what ``storage`` holds

    Halves are rounded to even, and what lies outside becomes the lowest or highest integer (ONNX QuantizeLinear). NaN
    becomes any integer.

    ```
    %q = quant.quantize(%x: f32[n, 3], %scale: f32[3], none) {axis = 1, storage = i8} : i8[n, 3]
    ```
    """

    storage: DType = DType.I8

    @constraint
    def dtypes_agree(self) -> bool:
        """x and the scale are floats of one dtype"""
        return self.x.type.dtype is self.scale.type.dtype

    @constraint
    def storage_is_small(self) -> bool:
        """the storage is i4, u4, i8, u8, i16 or u16"""
        return self.storage in STORED

    @property
    def stored(self) -> DType:
        return self.storage

    def infer(self) -> TensorType:
        return TensorType(self.storage, self.x.type.shape)

    def evaluate(self, x: Array, scale: Array, zero_point: Array | None) -> Array:
        dtype = computing_dtype(self.x.type.dtype).numpy
        integers = np.rint(x.astype(dtype) / self.over(scale.astype(dtype), x.shape))
        if zero_point is not None:
            integers = integers + self.over(zero_point.astype(dtype), x.shape)
        return np.clip(integers, self.storage.lowest, self.storage.highest).astype(self.storage.numpy)


@op
class Dequantize(Scaled):
    """The numbers that integers stand for: (x - zero_point) * scale, in the scale's dtype

    ```
    %x = quant.dequantize(%q: u8[n, 3], %scale: f32[], %zero: u8[]) : f32[n, 3]
    ```
    """

    is_compressed = True

    @constraint
    def stored_is_integer(self) -> bool:
        """x is i4, u4, i8, u8, i16, u16 or i32"""
        return self.x.type.dtype in (*STORED, DType.I32)

    @property
    def stored(self) -> DType:
        return self.x.type.dtype

    def infer(self) -> TensorType:
        return TensorType(self.scale.type.dtype, self.x.type.shape)

    def evaluate(self, x: Array, scale: Array, zero_point: Array | None) -> Array:
        dtype = computing_dtype(self.scale.type.dtype).numpy
        numbers = x.astype(dtype)
        if zero_point is not None:
            numbers = numbers - self.over(zero_point.astype(dtype), x.shape)
        return np.asarray(numbers * self.over(scale.astype(dtype), x.shape)).astype(scale.dtype)
