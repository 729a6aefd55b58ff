"""Which block a model's weights lie in: what the numbers say where the shapes fit several.

Read in the wrong block, a weight's channels are mixtures of its true ones.
"""

from collections.abc import Callable, Sequence
from math import sqrt

import numpy as np

from ...ir import Array

_FEWEST_ZEROS = 16
"""Zeros that make up no whole channel: so many do not come about by rounding or training."""

_CERTAINTY = 10
"""How many standard deviations must lie between what is read right and wrong. Of channels that are alike, as those of
a network that was never trained, the ratio of two variances of n of them is 1, give or take sqrt(2 / n)."""

Reading = Callable[[int], Array]
"""A convolution's weight [O, I, *kernel] as it reads in a block."""


def likely_block(weights: Sequence[Reading], blocks: Sequence[int]) -> int | None:
    """The block in which the weights make sense; None when they do in several."""
    possible = _without_torn_channels(weights, blocks)
    if len(possible) == 1:
        return possible[0]
    spreads = {block: sum(_spread(weight(block)) for weight in weights) for block in possible}
    *_, second, first = sorted(possible, key=lambda block: spreads[block])
    channels = sum(weight(first).shape[0] for weight in weights)
    is_clear = spreads[first] > (1 + _CERTAINTY * sqrt(2 / channels)) * spreads[second]
    return first if is_clear else None


def _without_torn_channels(weights: Sequence[Reading], blocks: Sequence[int]) -> list[int]:
    """The blocks in which the zeros that fill up channels stand in channels of their own."""
    torn = {block: sum(_stray_zeros(weight(block)) for weight in weights) for block in blocks}
    least = min(torn.values())
    return [block for block in blocks if torn[block] < least + _FEWEST_ZEROS]


def _stray_zeros(weight: Array) -> int:
    """The zeros in channels that have other numbers, too."""
    is_zero = weight == 0
    flat = is_zero.reshape(*weight.shape[:2], -1)
    whole = flat.all(axis=(1, 2))[:, None] | flat.all(axis=(0, 2))[None, :]
    return int(is_zero.sum() - whole.sum() * flat.shape[2])


def _spread(weight: Array) -> float:
    """How much the sizes of the output channels differ, as the variance of their logarithms."""
    squares = np.square(weight.reshape(weight.shape[0], -1).astype(np.float64)).mean(axis=1)
    sizes = squares[squares > 0]
    return float(np.log(sizes).var()) * sizes.size if sizes.size else 0.0
