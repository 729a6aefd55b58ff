"""Conv and ConvTranspose."""

from ....dims import Dim, dim_max, is_nonnegative, known_different
from ....ops import nn
from ....ops.nn.windows import Windows
from ..node import ImporterTable, Node, Unsupported
from .windows import auto_pad, positive_ints, read_windows, spatial_sizes, split_padding

TABLE = ImporterTable()


@TABLE.imports("Conv")
def conv(node: Node) -> nn.Conv:
    windows = convolution_windows(node)
    return nn.Conv(
        node.operand(0),
        node.operand(1),
        node.optional(2),
        windows.strides,
        windows.padding,
        windows.dilations,
        node.int("group", 1),
    )


def convolution_windows(node: Node) -> Windows:
    """The windows of a convolution of the first operand by the second."""
    return read_windows(node, _kernel(node))


@TABLE.imports("ConvTranspose")
def conv_transpose(node: Node) -> nn.ConvTranspose:
    sizes, kernel = spatial_sizes(node), _kernel(node)
    strides = positive_ints(node, "strides", len(sizes))
    dilations = positive_ints(node, "dilations", len(sizes))
    windows = Windows(kernel, strides, node.ints("pads", (0,) * 2 * len(sizes)), dilations)
    output_padding = node.ints("output_padding", (0,) * len(sizes))
    if len(kernel) != len(sizes) or len(output_padding) != len(sizes):
        raise Unsupported(f"its attributes do not fit {len(sizes)} spatial axes")
    padding, output_padding = _transposed_padding(node, windows, output_padding)
    operands = node.operand(0), node.operand(1), node.optional(2)
    return nn.ConvTranspose(*operands, strides, padding, dilations, output_padding, node.int("group", 1))


def _kernel(node: Node) -> tuple[Dim, ...]:
    """The spatial sizes of the weight, which the attribute kernel_shape may only repeat."""
    kernel = node.type(1).shape[2:]
    declared = node.ints("kernel_shape", ())
    if declared and (
        len(declared) != len(kernel) or any(known_different(d, k) for d, k in zip(declared, kernel, strict=True))
    ):
        raise Unsupported(f"kernel_shape {list(declared)} contradicts the weight's type {node.type(1)}")
    return kernel


def _transposed_padding(
    node: Node, windows: Windows, output_padding: tuple[int, ...]
) -> tuple[tuple[Dim, ...], tuple[int, ...]]:
    """The padding, and the output padding, by the formulas of ONNX ConvTranspose."""
    sizes, mode = spatial_sizes(node), auto_pad(node)
    target: tuple[Dim, ...] = node.ints("output_shape", ())[-len(sizes) :]
    if not target and mode in ("NOTSET", "VALID"):
        return (windows.padding if mode == "NOTSET" else (0,) * 2 * len(sizes)), output_padding
    if not target:
        # size * stride, the smaller kernels' gaps left out of the result: onnxruntime does not fill them.
        axes = zip(windows.extents, windows.strides, output_padding, strict=True)
        cut = [dim_max(extent - stride + extra, 0) for extent, stride, extra in axes]
        return split_padding(cut, mode == "SAME_UPPER"), output_padding
    if len(target) != len(sizes):
        raise Unsupported(f"output_shape {list(target)} does not fit {len(sizes)} spatial axes")
    totals = [
        (size - 1) * stride + extent + extra - goal
        for size, stride, extent, extra, goal in zip(
            sizes, windows.strides, windows.extents, output_padding, target, strict=True
        )
    ]
    # What the target asks for beyond the full result is filled with zeros at the high end.
    missing = [-total if isinstance(total, int) and total < 0 else 0 for total in totals]
    amounts: list[Dim] = [total if lack == 0 else 0 for total, lack in zip(totals, missing, strict=True)]
    if not all(map(is_nonnegative, amounts)):
        raise Unsupported(f"output_shape {list(target)} of an operand of unknown size {node.type(0)} is not supported")
    grown = tuple(extra + lack for extra, lack in zip(output_padding, missing, strict=True))
    return split_padding(amounts, mode == "SAME_UPPER"), grown
