"""Moving elements between channels and space."""

import numpy as np

from ...dims import Dim, known_different
from ...ir import Array, Op, Value
from ...opdef import constraint, op, op_family
from ...types import TensorType
from ..enums import ChannelOrder, Layout


def _to_nchw(x: Array, layout: Layout) -> Array:
    return x if layout is Layout.NCHW else np.moveaxis(x, -1, 1)


def _from_nchw(x: Array, layout: Layout) -> Array:
    return x if layout is Layout.NCHW else np.moveaxis(x, 1, -1)


def _may_divide(divisor: int, dim: Dim) -> bool:
    return not known_different(dim % divisor, 0)


@op_family
class BlockRearrangement(Op):
    """An op that moves elements between the channels of a pixel and a block of pixels."""

    x: Value
    block: int

    @constraint
    def operand_is_an_image(self) -> bool:
        """the operand has rank 4"""
        return self.x.type.rank == 4

    @constraint
    def block_is_positive(self) -> bool:
        """the block size is positive"""
        return self.block >= 1


@op
class DepthToSpace(BlockRearrangement):
    """Each pixel's channels spread over a block of block x block pixels (ONNX DepthToSpace; ``crd`` is pixel shuffle)

    ```
    %y = tensor.depth_to_space(%x: f32[n, 12, h, w]) {block = 2, order = crd} : f32[n, 3, 2*h, 2*w]
    ```
    """

    order: ChannelOrder = ChannelOrder.DCR
    layout: Layout = Layout.NCHW

    @constraint
    def channels_fill_blocks(self) -> bool:
        """the number of channels is a multiple of block * block"""
        return _may_divide(self.block**2, self.x.type.shape[self.layout.channel_axis(4)])

    def infer(self) -> TensorType:
        shape = [d * self.block for d in self.x.type.shape]
        shape[0] = self.x.type.shape[0]
        channel = self.layout.channel_axis(4)
        shape[channel] = self.x.type.shape[channel] // self.block**2
        return TensorType(self.x.type.dtype, tuple(shape))

    def evaluate(self, x: Array) -> Array:
        x, b = _to_nchw(x, self.layout), self.block
        n, c, h, w = x.shape
        if self.order is ChannelOrder.DCR:
            spread = x.reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2)
        else:
            spread = x.reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
        return _from_nchw(spread.reshape(n, c // b**2, h * b, w * b), self.layout)


@op
class SpaceToDepth(BlockRearrangement):
    """Each block of block x block pixels gathered into one pixel, its channels ordered [block, block, C]

    ```
    %y = tensor.space_to_depth(%x: f32[n, 3, 4, 6]) {block = 2} : f32[n, 12, 2, 3]
    ```
    """

    layout: Layout = Layout.NCHW

    @constraint
    def blocks_fill_image(self) -> bool:
        """height and width are multiples of the block size"""
        return all(_may_divide(self.block, self.x.type.shape[a]) for a in self.layout.spatial_axes(4))

    def infer(self) -> TensorType:
        shape = [d // self.block for d in self.x.type.shape]
        shape[0] = self.x.type.shape[0]
        channel = self.layout.channel_axis(4)
        shape[channel] = self.x.type.shape[channel] * self.block**2
        return TensorType(self.x.type.dtype, tuple(shape))

    def evaluate(self, x: Array) -> Array:
        x, b = _to_nchw(x, self.layout), self.block
        n, c, h, w = x.shape
        gathered = x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4)
        return _from_nchw(gathered.reshape(n, c * b**2, h // b, w // b), self.layout)
