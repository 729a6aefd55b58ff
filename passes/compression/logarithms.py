"""Weights whose products end in a logarithm, where what is nearly silent counts as much as what is loud."""

from ...ir import Op
from ...ops import math, nn, tensor
from ..precision.uses import MOVING

_HANDING_ON = (
    *MOVING, math.Add, math.Sub, math.Mul, math.Div, math.Maximum, math.Pow, math.Square, math.Sqrt, math.Abs,
    math.ReduceSum, math.ReduceMean, math.MatMul, nn.Linear, tensor.Pad,
)  # fmt: skip
"""What spectra pass through: powers, sums over real and imaginary parts, filters that gather frequencies into bands."""


def feeds_logarithm(op: Op) -> bool:
    """Whether a logarithm is taken of what an op computes, with nothing between that would make it forget small
    numbers: filter banks of spectrograms. An error of a weight that is small beside the loudest band is not small
    beside the others, and the logarithm shows it."""
    seen: set[Op] = {op}
    waiting = [op]
    while waiting:
        for user in (user for result in waiting.pop().results for user in result.users):
            if isinstance(user, math.Log):
                return True
            if isinstance(user, _HANDING_ON) and user not in seen:
                seen.add(user)
                waiting.append(user)
    return False
