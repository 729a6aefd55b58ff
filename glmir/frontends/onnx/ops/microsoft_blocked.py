"""onnxruntime's convolutions and pools of channels in blocks (com.microsoft.nchwc), as those of channels in order.

blocked_channels.py says what the blocks are, and has told the nodes.
"""

import numpy as np

from ....dims import Dim
from ....ir import Array, Value
from ....ops import math
from ...values import sliced
from ..blocked_channels import BLOCK, CHANNELS, DOMAIN, INNER, is_depthwise, unblocked
from ..node import Imported, ImporterTable, Node, Unsupported, constant
from .microsoft_layers import activated_by_list, channels_first, channels_last
from .standard_forms import as_standard, first

TABLE = ImporterTable(DOMAIN)


@TABLE.imports("ReorderInput")
def reorder_input(node: Node) -> Value:
    x = node.operand(0)
    return channels_first(x) if node.int("channels_last", 0) else x


@TABLE.imports("ReorderOutput")
def reorder_output(node: Node) -> Value:
    x = sliced(node.operand(0), 1, 0, node.int("channels"))
    return channels_last(x) if node.int("channels_last", 0) else x


@TABLE.imports("Conv")
def conv(node: Node) -> Value:
    """FusedConv with a sum, without the channels of zeros that fill up blocks."""
    x, stored = node.operand(0), node.constant(1)
    if stored is None:
        raise Unsupported("its weight is not constant")
    channels, group = node.int(CHANNELS), node.int("group", 1)
    weight = unblocked(stored, node.int(BLOCK), bool(node.int(INNER)))[:channels]
    if is_depthwise(group, stored.shape):
        group = channels
    weight = _of_channels(weight, x.type.shape[1] // group)
    bias = node.optional(2)
    operands = [x, constant(weight), None if bias is None else sliced(bias, 0, 0, channels)]
    kept = ("strides", "pads", "dilations", "auto_pad", "kernel_shape")
    attributes = {**{name: node.attributes[name] for name in kept if node.has(name)}, "group": group}
    y = first(as_standard(node, "Conv", operands, attributes))
    summand = node.optional(3)
    if summand is not None:
        y = math.Add(y, sliced(summand, 1, 0, channels)).result
    return activated_by_list(node, y)


def _of_channels(weight: Array, channels: Dim) -> Array:
    """The weight for as many input channels as there are: it has more, of zeros, or less, where the rest is unused."""
    own = weight.shape[1]
    if not isinstance(channels, int):
        raise Unsupported("the number of channels of its operand is not known")
    if weight[:, channels:].any():
        raise Unsupported(f"its weight reads {own} channels, and its operand has {channels}")
    missing = max(channels - own, 0)
    return np.pad(weight[:, :channels], [(0, 0), (0, missing), *[(0, 0)] * (weight.ndim - 2)])


@TABLE.imports("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool")
def pool(node: Node) -> Imported:
    return as_standard(node, node.op_type)


@TABLE.imports("Upsample")
def upsample(node: Node) -> Imported:
    """Resize by whole factors; where nothing else is said, each element is repeated."""
    scales = constant(np.array(node.ints("scales"), np.float32))
    attributes = {
        "mode": node.string("mode", "nearest"),
        "coordinate_transformation_mode": node.string("coordinate_transformation_mode", "asymmetric"),
        "nearest_mode": "floor",
    }
    return as_standard(node, "Resize", [node.operand(0), None, scales], attributes)
