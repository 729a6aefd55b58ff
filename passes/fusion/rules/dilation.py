"""Convolutions over every b-th pixel, b * b images of them side by side in the batch: dilation, spelled otherwise."""

from typing import NamedTuple

from ....dims import Dim, known_equal
from ....ir import Op, Value
from ....opdef import replace
from ....ops import nn, tensor
from ....ops.enums import Layout
from ....rewriter import RuleSet

RULES = RuleSet()

_TO_BATCH = {(3, 5, 0, 1, 2, 4): True, (0, 3, 5, 1, 2, 4): False}
"""The transposes of [n, c, h, b, w, b] whose first axes become the batch; whether the phases stand before n in it."""

_FROM_BATCH = {True: (2, 3, 4, 0, 5, 1), False: (0, 3, 4, 1, 5, 2)}
"""Those of [b, b, n, o, h, w], or of [n, b, b, o, h, w], back to [n, o, h, b, w, b]."""


class _Moved(NamedTuple):
    """reshape(transpose(reshape(x, split), permutation))"""

    x: Value
    split: tuple[Dim, ...]
    permutation: tuple[int, ...]


def _moved(value: Value) -> _Moved | None:
    match value.owner:
        case tensor.Reshape(x=Value(owner=tensor.Transpose() as transpose, has_one_use=True), dims=None):
            pass
        case _:
            return None
    match transpose.x:
        case Value(owner=tensor.Reshape(x=x, dims=None), has_one_use=True) as split:
            return _Moved(x, split.type.shape, transpose.permutation)
    return None


def _fits(shape: tuple[Dim, ...], expected: tuple[Dim, ...]) -> bool:
    return len(shape) == len(expected) and all(known_equal(a, b) for a, b in zip(shape, expected, strict=True))


@RULES.on(tensor.Reshape)
def dilated_conv_of_phases(op: tensor.Reshape) -> Op | None:
    """batch_to_space(conv(space_to_batch(x))) -> conv(x) with gaps as large as the block"""
    merged = _moved(op.result)
    conv = None if merged is None else merged.x.owner
    if merged is None or not isinstance(conv, nn.Conv) or not merged.x.has_one_use or conv.layout is not Layout.NCHW:
        return None
    phases = _moved(conv.x)
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
        _fits(phases.split, (n, c, h // block, block, w // block, block))
        and _fits(conv.x.type.shape, (block * block * n, c, h // block, w // block))
        and _fits(merged.split, (*batch, outputs, oh, ow))
        and _fits(op.result.type.shape, (n, outputs, oh * block, ow * block))
    ):
        return None
    return replace(
        conv,
        x=phases.x,
        padding=tuple(p * block for p in conv.padding),
        dilations=tuple(d * block for d in conv.dilations),
    )
