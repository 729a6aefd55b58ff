"""What convolutions and pools share: window attributes and the padding that ``auto_pad`` stands for."""

from ....dims import Dim, ceil_div, dim_max
from ....ops.nn.windows import Windows
from ....types import Shape
from ..node import Node, Unsupported


def spatial_sizes(node: Node) -> Shape:
    """The sizes of the first operand behind batch and channels; refuses what has none."""
    shape = node.type(0).shape
    if len(shape) < 3:
        raise Unsupported(f"its operand {node.type(0)} has no spatial axes")
    return shape[2:]


def read_windows(node: Node, kernel: tuple[Dim, ...], ceil_mode: bool = False) -> Windows:
    """The node's windows of size ``kernel``; ``auto_pad`` is resolved (ONNX Conv)."""
    sizes = spatial_sizes(node)
    rank = len(sizes)
    strides = positive_ints(node, "strides", rank)
    dilations = positive_ints(node, "dilations", rank)
    windows = Windows(kernel, strides, node.ints("pads", (0,) * 2 * rank), dilations, ceil_mode)
    if len(kernel) != rank:
        raise Unsupported(f"the kernel has {len(kernel)} axes, but its operand {node.type(0)} has {rank} spatial axes")
    mode = auto_pad(node)
    if mode == "NOTSET":
        return windows
    amounts = [_same(*axis) if mode != "VALID" else 0 for axis in zip(sizes, windows.extents, strides, strict=True)]
    return Windows(kernel, strides, split_padding(amounts, mode == "SAME_UPPER"), dilations, ceil_mode)


def auto_pad(node: Node) -> str:
    mode = node.string("auto_pad", "NOTSET") or "NOTSET"
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise Unsupported(f"auto_pad {mode} is not known")
    return mode


def positive_ints(node: Node, name: str, rank: int) -> tuple[int, ...]:
    """An attribute with a number of at least 1 for every spatial axis, all 1 when it is left out."""
    numbers = node.ints(name, (1,) * rank)
    if len(numbers) != rank or any(n < 1 for n in numbers):
        raise Unsupported(f"{name} {list(numbers)} must have a positive number for each of {rank} spatial axes")
    return numbers


def _same(size: Dim, extent: Dim, stride: int) -> Dim:
    """The padding in all with which an axis gives ceil(size / stride) windows."""
    if stride == 1:
        return extent - 1
    return dim_max((ceil_div(size, stride) - 1) * stride + extent - size, 0)


def split_padding(amounts: list[Dim], is_upper: bool) -> tuple[Dim, ...]:
    """Low and high padding out of the padding in all; an odd element goes to the high end when ``is_upper``."""
    smaller = [amount // 2 for amount in amounts]
    larger = [amount - half for amount, half in zip(amounts, smaller, strict=True)]
    return (*smaller, *larger) if is_upper else (*larger, *smaller)
