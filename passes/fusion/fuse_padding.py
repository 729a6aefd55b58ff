"""fuse-padding: zeros around an image become the padding of the convolution or pool that reads it."""

from ...dims import Dim
from ...ir import Module, Op
from ...opdef import ConstraintError, replace
from ...ops import nn, tensor
from ...ops.enums import Layout, PadMode
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..patterns import is_number

RULES = RuleSet()


@module_pass()
def fuse_padding(module: Module) -> bool:
    """Fuses zero padding into convolutions and average pools, and padding by minus infinity into max pools."""
    return apply_rules(module, RULES)


@RULES.on(nn.Conv)
def padding_into_conv(op: nn.Conv) -> Op | None:
    """conv(pad(x)) -> conv(x) with more padding"""
    pad = op.x.owner
    if not isinstance(pad, tensor.Pad) or not _pads_with(pad, 0):
        return None
    padding = _with_padding(op.padding, pad, op.layout)
    return None if padding is None else replace(op, x=pad.x, padding=padding)


@RULES.on(nn.AveragePool)
def padding_into_average_pool(op: nn.AveragePool) -> Op | None:
    """average_pool(pad(x)) -> average_pool(x) that counts its padding, when it has none of its own"""
    pad = op.x.owner
    if not isinstance(pad, tensor.Pad) or not _pads_with(pad, 0) or op.ceil_mode or any(p != 0 for p in op.padding):
        return None
    padding = _with_padding(op.padding, pad, op.layout)
    if padding is None:
        return None
    try:
        return replace(op, x=pad.x, padding=padding, count_include_pad=True)
    except ConstraintError:
        # Pools take no padding as wide as their kernel.
        return None


@RULES.on(nn.MaxPool)
def padding_into_max_pool(op: nn.MaxPool) -> Op | None:
    """max_pool(pad(x, -inf)) -> max_pool(x) with more padding"""
    pad = op.x.owner
    if not isinstance(pad, tensor.Pad) or not _pads_with(pad, -float("inf")) or op.ceil_mode:
        return None
    padding = _with_padding(op.padding, pad, op.layout)
    if padding is None:
        return None
    try:
        return replace(op, x=pad.x, padding=padding)
    except ConstraintError:
        return None


def _pads_with(pad: tensor.Pad, number: float) -> bool:
    if pad.mode is not PadMode.CONSTANT:
        return False
    return number == 0 if pad.value is None else is_number(pad.value, number)


def _with_padding(padding: tuple[Dim, ...], pad: tensor.Pad, layout: Layout) -> tuple[Dim, ...] | None:
    """The padding [low..., high...] with that of ``pad`` added; None when it pads batch or channels too."""
    axes = layout.spatial_axes(pad.x.type.rank)
    if any(pad.low[a] != 0 or pad.high[a] != 0 for a in range(pad.x.type.rank) if a not in axes):
        return None
    added = (*(pad.low[a] for a in axes), *(pad.high[a] for a in axes))
    return tuple(p + more for p, more in zip(padding, added, strict=True))
