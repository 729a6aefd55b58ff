"""The standard's operators on channels last, which onnxruntime writes for other processors (com.ms.internal.nhwc).

Weights are as the standard has them; an operator that names axes by operands, as Resize does, names those of its image.
"""

from ..node import Imported, ImporterTable, Node
from .microsoft_layers import channels_first, channels_last
from .standard_forms import as_standard, first

TABLE = ImporterTable("com.ms.internal.nhwc")

_MOVED = (
    *("Conv", "ConvTranspose", "BatchNormalization", "InstanceNormalization", "LRN", "GridSample"),
    *("AveragePool", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "LpPool", "MaxPool"),
    *("DepthToSpace", "SpaceToDepth"),
)


def _on_channels_last(node: Node) -> Imported:
    operands = (channels_first(node.operand(0)), *node.operands[1:])
    return channels_last(first(as_standard(node, node.op_type, operands, opset=node.opset)))


@TABLE.imports("Resize")
def _resize(node: Node) -> Imported:
    return as_standard(node, "Resize", opset=node.opset)


for _op_type in _MOVED:
    TABLE.imports(_op_type)(_on_channels_last)
