"""Average pools as convolutions, where onnxruntime is slow with them.

From opset 19 on, when pools may be dilated, the kernel of onnxruntime 1.31 for them is a plain loop: 5.8 ms for 3 x 3
windows over [1, 40, 112, 112], where the older kernel and a depthwise convolution take 0.3 ms. Multiples of 16 channels
are spared, which it blocks by channels and has another kernel for.
"""

from math import prod

import numpy as np

from ...ir import Array, Op, Value
from ...opdef import replace
from ...ops import math, nn
from ...ops.enums import Layout
from ...ops.nn.windows import spatial_sizes
from ...passes.patterns import constant
from ...rewriter import RuleSet
from ...types import DType, TensorType

RULES = RuleSet()

BLOCK = 16
"""How many channels the runtime keeps together."""

_LARGEST_WINDOW = 64


@RULES.on(nn.AveragePool)
def average_pool_as_convolution(op: nn.AveragePool) -> Op | None:
    """average_pool(x) -> conv(x, 1 / window), a group a channel; * (window / what of it is data) next to padding"""
    channels = op.x.type.shape[1]
    if op.layout is not Layout.NCHW or not isinstance(channels, int) or channels % BLOCK == 0:
        return None
    if op.x.type.dtype is not DType.F32 or op.spatial_rank > 2 or op.ceil_mode or prod(op.kernel) > _LARGEST_WINDOW:
        return None
    weight = np.full((channels, 1, *op.kernel), 1 / prod(op.kernel), np.float32)
    conv = nn.Conv(op.x, constant(weight), None, op.strides, op.padding, op.dilations, channels)
    if op.count_include_pad or all(p == 0 for p in op.padding):
        return conv
    coverage = _coverage(op)
    return None if coverage is None else math.Mul(conv.result, constant(1 / coverage))


def _coverage(op: nn.AveragePool) -> Array | None:
    """What part of every window is data, not padding: [1, 1, *counts]; None for sizes that are not known."""
    sizes = spatial_sizes(op.x.type.shape, op.layout)
    known = [size for size in sizes if isinstance(size, int)]
    if len(known) < len(sizes) or not all(isinstance(p, int) for p in op.padding):
        return None
    ones = Value(TensorType(DType.F32, (1, 1, *known)))
    coverage = replace(op, x=ones, count_include_pad=True).evaluate(np.ones((1, 1, *known), np.float32))
    # A dilated window may have all its data in the gaps.
    return coverage if coverage.all() else None
