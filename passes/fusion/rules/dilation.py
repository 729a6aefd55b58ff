"""Convolutions over every b-th pixel, b * b images of them side by side in the batch: dilation, spelled otherwise."""

from ....dims import Dim
from ....ir import Op
from ....opdef import replace
from ....ops import nn, tensor
from ....ops.enums import Layout
from ....rewriter import RuleSet
from .rearrangements import fits, rearrangement

RULES = RuleSet()

_TO_BATCH = {(3, 5, 0, 1, 2, 4): True, (0, 3, 5, 1, 2, 4): False}
"""The transposes of [n, c, h, b, w, b] whose first axes become the batch; whether the phases stand before n in it."""

_FROM_BATCH = {True: (2, 3, 4, 0, 5, 1), False: (0, 3, 4, 1, 5, 2)}
"""Those of [b, b, n, o, h, w], or of [n, b, b, o, h, w], back to [n, o, h, b, w, b]."""


@RULES.on(tensor.Reshape)
def dilated_conv_of_phases(op: tensor.Reshape) -> Op | None:
    """batch_to_space(conv(space_to_batch(x))) -> conv(x) with gaps as large as the block"""
    merged = rearrangement(op.result)
    conv = None if merged is None else merged.x.owner
    if merged is None or not isinstance(conv, nn.Conv) or not merged.x.has_one_use or conv.layout is not Layout.NCHW:
        return None
    phases = rearrangement(conv.x)
    is_plain = conv.x.type.rank == 4 and conv.x.has_one_use and conv.strides == (1, 1)
    if phases is None or not is_plain or phases.permutation not in _TO_BATCH or phases.x.type.rank != 4:
        return None
    (n, c, h, w), block = phases.x.type.shape, phases.split[3]
    is_first = _TO_BATCH[phases.permutation]
    outputs, oh, ow = conv.result.type.shape[1:]
    if not isinstance(block, int) or merged.permutation != _FROM_BATCH[is_first]:
        return None
    batch: tuple[Dim, ...] = (block, block, n) if is_first else (n, block, block)
    if not (
        fits(phases.split, (n, c, h // block, block, w // block, block))
        and fits(conv.x.type.shape, (block * block * n, c, h // block, w // block))
        and fits(merged.split, (*batch, outputs, oh, ow))
        and fits(op.result.type.shape, (n, outputs, oh * block, ow * block))
    ):
        return None
    return replace(
        conv,
        x=phases.x,
        padding=tuple(p * block for p in conv.padding),
        dilations=tuple(d * block for d in conv.dilations),
    )
