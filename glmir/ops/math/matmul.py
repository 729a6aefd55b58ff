"""Matrix products."""

import numpy as np

from ...dims import known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op
from ...types import TensorType
from ..inference import broadcast, can_broadcast


@op
class MatMul(Op):
    """Batched matrix product: [..., m, k] by [..., k, n] ([..., n, k] with ``transpose_y``); leading dims broadcast

    ```
    %z = math.mat_mul(%x: f32[b, 4, 5], %y: f32[3, 5]) {transpose_y = true} : f32[b, 4, 3]
    ```
    """

    x: Value
    y: Value
    transpose_x: bool = False
    transpose_y: bool = False

    @constraint
    def operands_are_matrices(self) -> bool:
        """both operands have rank 2 or more"""
        return self.x.type.rank >= 2 and self.y.type.rank >= 2

    @constraint
    def dtypes_agree(self) -> bool:
        """both operands have the same dtype, not bool"""
        return self.x.type.dtype is self.y.type.dtype and self.x.type.dtype.is_numeric

    @constraint
    def inner_dims_agree(self) -> bool:
        """the columns of x are as many as the rows of y"""
        inner_x = self.x.type.shape[-2 if self.transpose_x else -1]
        inner_y = self.y.type.shape[-1 if self.transpose_y else -2]
        return not known_different(inner_x, inner_y)

    @constraint
    def batches_broadcast(self) -> bool:
        """the leading dims broadcast together"""
        return can_broadcast(self.x.type.shape[:-2], self.y.type.shape[:-2])

    def infer(self) -> TensorType:
        rows = self.x.type.shape[-1 if self.transpose_x else -2]
        columns = self.y.type.shape[-2 if self.transpose_y else -1]
        batch = broadcast(self.x.type.shape[:-2], self.y.type.shape[:-2])
        return TensorType(self.x.type.dtype, (*batch, rows, columns))

    def evaluate(self, x: Array, y: Array) -> Array:
        dtype = x.dtype
        if dtype.itemsize == 2 and self.x.type.dtype.is_float:
            # Products of halves are summed in single precision, as the runtimes do.
            x, y = x.astype(np.float32), y.astype(np.float32)
        x = np.swapaxes(x, -1, -2) if self.transpose_x else x
        y = np.swapaxes(y, -1, -2) if self.transpose_y else y
        return np.asarray(np.matmul(x, y)).astype(dtype, copy=False)
