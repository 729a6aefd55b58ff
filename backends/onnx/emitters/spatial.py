"""Convolutions and pools over images with channels first."""

from ....dims import Dim, ceil_div, dim_max, known_equal
from ....ops import nn
from ....ops.nn.windows import spatial_sizes
from ...conditions import has_channels_first, has_no_activation, is_not_dilated
from ..graph import Graph, OnnxTable
from .operands import are_known, emits, ints

TABLE = OnnxTable()

Spatial = nn.Conv | nn.ConvTranspose | nn.MaxPool | nn.AveragePool


def knows_padding(op: Spatial) -> bool:
    """known padding, or as much as makes as many windows as strides"""
    return are_known(op.padding) or _scheme(op) is not None


def _scheme(op: Spatial) -> str | None:
    """The rule by which the padding follows from the sizes at run time: the smaller half of it comes first, or last."""
    if isinstance(op, nn.ConvTranspose) or any(d != 1 for d in op.dilations):
        return None
    if isinstance(op, nn.Pool) and op.ceil_mode:
        return None
    totals = [
        dim_max((ceil_div(size, stride) - 1) * stride + extent - size, 0)
        for size, stride, extent in zip(
            spatial_sizes(op.x.type.shape, op.layout), op.strides, op.windows.extents, strict=True
        )
    ]
    halves = [total // 2 for total in totals]
    rests = [total - half for total, half in zip(totals, halves, strict=True)]
    for scheme, padding in (("SAME_UPPER", halves + rests), ("SAME_LOWER", rests + halves)):
        if all(known_equal(a, b) for a, b in zip(op.padding, padding, strict=True)):
            return scheme
    return None


def _padding(op: Spatial) -> dict[str, list[int] | str]:
    scheme = None if are_known(op.padding) else _scheme(op)
    return {"pads": ints(op.padding)} if scheme is None else {"auto_pad": scheme}


@emits(TABLE, "Conv", nn.Conv, when=(has_channels_first, has_no_activation, knows_padding))
def conv(op: nn.Conv, graph: Graph) -> None:
    graph.add(
        "Conv",
        [op.x, op.weight, op.bias],
        [op.result],
        **_kernel_shape(op.weight.type.shape[2:]),
        strides=list(op.strides),
        **_padding(op),
        dilations=list(op.dilations),
        group=op.groups,
    )


def _kernel_shape(sizes: tuple[Dim, ...]) -> dict[str, list[int]]:
    """The attribute, which may be left out: the weight says the same."""
    return {"kernel_shape": ints(sizes)} if are_known(sizes) else {}


@emits(TABLE, "ConvTranspose", nn.ConvTranspose, when=(has_channels_first, has_no_activation, knows_padding))
def conv_transpose(op: nn.ConvTranspose, graph: Graph) -> None:
    graph.add(
        "ConvTranspose",
        [op.x, op.weight, op.bias],
        [op.result],
        **_kernel_shape(op.weight.type.shape[2:]),
        strides=list(op.strides),
        **_padding(op),
        dilations=list(op.dilations),
        output_padding=list(op.output_padding),
        group=op.groups,
    )


@emits(TABLE, "MaxPool", nn.MaxPool, when=(has_channels_first, knows_padding))
def max_pool(op: nn.MaxPool, graph: Graph) -> None:
    graph.add(
        "MaxPool",
        [op.x],
        [op.result],
        kernel_shape=list(op.kernel),
        strides=list(op.strides),
        **_padding(op),
        dilations=list(op.dilations),
        ceil_mode=int(op.ceil_mode),
    )


@emits(TABLE, "AveragePool", nn.AveragePool, when=(has_channels_first, knows_padding), since=19)
@emits(TABLE, "AveragePool", nn.AveragePool, when=(has_channels_first, knows_padding, is_not_dilated))
def average_pool(op: nn.AveragePool, graph: Graph) -> None:
    dilations = {} if is_not_dilated(op) else {"dilations": list(op.dilations)}
    graph.add(
        "AveragePool",
        [op.x],
        [op.result],
        kernel_shape=list(op.kernel),
        strides=list(op.strides),
        **_padding(op),
        **dilations,
        ceil_mode=int(op.ceil_mode),
        count_include_pad=int(op.count_include_pad),
    )
