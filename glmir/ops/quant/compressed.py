"""Weights in forms that take less room than their elements."""

import numpy as np

from ...dims import known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op
from ...types import DType, TensorType


@op
class Depalettize(Op):
    """The entries of a table that indices of ``bits`` bits choose (Core ML constexpr_lut_to_dense)

    ```
    %w = quant.depalettize(%indices: u8[2, 3], %table: f32[4]) {bits = 2} : f32[2, 3]
    ```
    """

    indices: Value
    table: Value
    bits: int
    is_compressed = True

    @constraint
    def indices_are_bytes(self) -> bool:
        """the indices are u8"""
        return self.indices.type.dtype is DType.U8

    @constraint
    def bits_are_few(self) -> bool:
        """there are 1 to 8 bits"""
        return 1 <= self.bits <= 8

    @constraint
    def table_is_complete(self) -> bool:
        """the table is a vector with an entry for all that the bits can say"""
        return self.table.type.rank == 1 and not known_different(self.table.type.shape[0], 1 << self.bits)

    def infer(self) -> TensorType:
        return TensorType(self.table.type.dtype, self.indices.type.shape)

    def evaluate(self, indices: Array, table: Array) -> Array:
        return np.asarray(table[indices & (table.shape[0] - 1)])


@op
class Densify(Op):
    """The values where the mask is true, in row-major order, zeros elsewhere (Core ML constexpr_sparse_to_dense)

    ```
    %mask = tensor.constant() {value = dense<[[true, false], [false, true]]>} : bool[2, 2]
    %w = quant.densify(%values: f32[2], %mask) : f32[2, 2]
    ```
    """

    values: Value
    mask: Value
    is_compressed = True

    @constraint
    def values_are_listed(self) -> bool:
        """the values are a vector"""
        return self.values.type.rank == 1

    @constraint
    def mask_is_boolean(self) -> bool:
        """the mask is bool"""
        return self.mask.type.dtype is DType.BOOL

    def infer(self) -> TensorType:
        return TensorType(self.values.type.dtype, self.mask.type.shape)

    def evaluate(self, values: Array, mask: Array) -> Array:
        dense = np.zeros(mask.shape, values.dtype)
        dense[mask] = values
        return dense
