"""Products of integers about zero points, exact in i32, and the integers that data is given at run time.

The arithmetic of networks whose activations are quantized while they run.
"""

import numpy as np

from ...dims import Dim, known_different
from ...ir import Array, Op, Value
from ...opdef import ConstraintError, constraint, op, op_family
from ...types import DType, Shape, TensorType
from ..inference import can_broadcast
from ..math.matmul import MatMul
from ..nn.convolution import Conv

BYTES = (DType.I8, DType.U8)


@op
class DynamicQuantize(Op):
    """x as bytes, with the scale and the zero point that its own range asks for (ONNX DynamicQuantizeLinear)

    The range takes in 0; the scale is a 255th of it, and 1 where all elements are 0. Results are the integers, the
    scale (f32) and the zero point (u8), the latter two without axes.

    ```
    %q, %scale, %zero = quant.dynamic_quantize(%x: f32[n, 3]) : u8[n, 3], f32[], u8[]
    ```
    """

    x: Value

    @constraint
    def x_is_single(self) -> bool:
        """x is f32"""
        return self.x.type.dtype is DType.F32

    def infer(self) -> tuple[TensorType, ...]:
        return (
            TensorType(DType.U8, self.x.type.shape),
            TensorType(DType.F32, ()),
            TensorType(DType.U8, ()),
        )

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        low, high = (np.float32(f(x, initial=0.0)) for f in (np.min, np.max))
        scale = np.float32((high - low) / np.float32(255)) if high != low else np.float32(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            zero = np.rint(np.clip(-low / scale, 0, 255))
            integers = np.clip(np.rint(x / scale) + zero, 0, 255)
        return integers.astype(np.uint8), np.asarray(scale, np.float32), np.asarray(zero).astype(np.uint8)


@op_family
class IntegerProduct(Op):
    """Sums of ``(x - x_zero) * (y - y_zero)`` over bytes, in i32, which wraps. No zero point is 0."""

    @property
    def factors(self) -> tuple[tuple[Value, Value | None], tuple[Value, Value | None]]:
        """Both operands, each with its zero points."""
        raise NotImplementedError

    @constraint
    def factors_are_bytes(self) -> bool:
        """both factors are i8 or u8"""
        return all(v.type.dtype in BYTES for v, _ in self.factors)

    @constraint
    def zero_points_have_their_dtypes(self) -> bool:
        """zero points have the dtype of what they are taken from"""
        return all(zero is None or zero.type.dtype is v.type.dtype for v, zero in self.factors)


@op
class IntegerMatMul(IntegerProduct):
    """Batched product of matrices of integers (ONNX MatMulInteger)

    Zero points broadcast to the matrices: one for all, [m, 1] for the rows of x, [n] for the columns of y.

    ```
    %z = quant.integer_mat_mul(%x: u8[b, 4, 5], %y: i8[5, 3], %x_zero: u8[], %y_zero: i8[3]) : i32[b, 4, 3]
    ```
    """

    x: Value
    y: Value
    x_zero: Value | None
    y_zero: Value | None

    @property
    def factors(self) -> tuple[tuple[Value, Value | None], tuple[Value, Value | None]]:
        return (self.x, self.x_zero), (self.y, self.y_zero)

    @constraint
    def operands_are_matrices(self) -> bool:
        """both factors have rank 2 or more"""
        return self.x.type.rank >= 2 and self.y.type.rank >= 2

    @constraint
    def dims_agree(self) -> bool:
        """the columns of x are as many as the rows of y, and the leading dims broadcast together"""
        x, y = self.x.type.shape, self.y.type.shape
        return not known_different(x[-1], y[-2]) and can_broadcast(x[:-2], y[:-2])

    @constraint
    def zero_points_fit(self) -> bool:
        """zero points broadcast to the factors, and are the same along what is summed"""
        (x, x_zero), (y, y_zero) = self.factors
        return _fits(x.type.shape, x_zero, -1) and _fits(y.type.shape, y_zero, -2)

    def infer(self) -> TensorType:
        product = MatMul(Value(self.x.type.with_dtype(DType.I32)), Value(self.y.type.with_dtype(DType.I32)))
        return product.result.type

    def evaluate(self, x: Array, y: Array, x_zero: Array | None, y_zero: Array | None) -> Array:
        # Sums below 2**53 are exact, and BLAS has no integers.
        product = np.matmul(_centred(x, x_zero), _centred(y, y_zero))
        return np.asarray(product).astype(np.int64).astype(np.int32)


def _fits(shape: Shape, zero: Value | None, summed: int) -> bool:
    if zero is None:
        return True
    given = zero.type.shape
    if len(given) > len(shape) or (len(given) >= -summed and given[summed] != 1):
        return False
    pairs = zip(given, shape[len(shape) - len(given) :], strict=True)
    return not any(d != 1 and known_different(d, full) for d, full in pairs)


@op
class IntegerConv(IntegerProduct):
    """Convolution of integers, channels first (ONNX ConvInteger); what pads is x_zero

    The weight is [O, C / groups, *kernel], ``x_zero`` without axes, ``weight_zero`` as well, or [O].

    ```
    %y = quant.integer_conv(%x: u8[n, 4, h, 7], %w: i8[6, 2, 3, 3], %x_zero: u8[], none)
        {strides = [2, 2], padding = [1, 1, 1, 1], dilations = [1, 1], groups = 2} : i32[n, 6, (h + 1) // 2, 4]
    ```
    """

    x: Value
    weight: Value
    x_zero: Value | None
    weight_zero: Value | None
    strides: tuple[int, ...]
    padding: tuple[Dim, ...]
    dilations: tuple[int, ...]
    groups: int = 1

    @property
    def factors(self) -> tuple[tuple[Value, Value | None], tuple[Value, Value | None]]:
        return (self.x, self.x_zero), (self.weight, self.weight_zero)

    @constraint
    def x_zero_is_one(self) -> bool:
        """there is one zero point for x"""
        return self.x_zero is None or self.x_zero.type.rank == 0

    @constraint
    def weight_zeros_fit(self) -> bool:
        """there is one zero point for the weight, or one for each output channel"""
        if self.weight_zero is None or self.weight_zero.type.rank == 0:
            return True
        type_ = self.weight_zero.type
        return type_.rank == 1 and not known_different(type_.shape[0], self.weight.type.shape[0])

    @constraint
    def factors_make_a_convolution(self) -> bool:
        """x, the weight, strides, padding, dilations and groups are those of a convolution"""
        try:
            return self.in_floats.groups == self.groups
        except ConstraintError:
            return False

    @property
    def in_floats(self) -> Conv:
        """The convolution of numbers of the factors' shapes; raises ConstraintError where there is none."""
        x, weight = (Value(v.type.with_dtype(DType.F64)) for v in (self.x, self.weight))
        return Conv(x, weight, None, self.strides, self.padding, self.dilations, self.groups)

    def infer(self) -> TensorType:
        return self.in_floats.result.type.with_dtype(DType.I32)

    def evaluate(self, x: Array, weight: Array, x_zero: Array | None, weight_zero: Array | None) -> Array:
        if weight_zero is not None and weight_zero.ndim:
            weight_zero = weight_zero.reshape(-1, *[1] * (weight.ndim - 1))
        product = self.in_floats.evaluate(_centred(x, x_zero), _centred(weight, weight_zero), None)
        return np.asarray(product).astype(np.int64).astype(np.int32)


def _centred(x: Array, zero: Array | None) -> Array:
    numbers = x.astype(np.float64)
    return numbers if zero is None else numbers - zero.astype(np.float64)
