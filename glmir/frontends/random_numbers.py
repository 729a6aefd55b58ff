"""Random numbers that are the same in every run: no target draws any, so they are part of what is compiled.

Where the shape is known they are drawn here, by numpy's legacy generator (Mersenne Twister), as the ONNX standard's
reference evaluator does. Where it is not, an explicit compound generator computes the i-th number of i alone (Niederreiter and Eichenauer-Herrmann, "On generalized inversive
congruential pseudorandom numbers", 1994, with powers in place of inverses): sums of the fifth powers of i modulo
several primes. Its integers stay below 2**31, so it gives the same on every target.
"""

from math import pi

import numpy as np

from ..dims import product
from ..ir import Array, Value
from ..ops import math, tensor
from ..types import DType, Shape
from .values import cast, constant, reshape, size_of

_DRAWN_LIMIT = 1 << 20
"""How many numbers are drawn at compile time at most; they take four bytes each in the artifact."""

_PRIMES = (46337, 46327, 46309)
"""The largest below the root of 2**31 for which the fifth power is a permutation: 5 does not divide p - 1."""

_FINE = 32
"""Into how many steps the third component divides those of the sum, which are 1 / _PRIMES[0]."""


def uniform_numbers(shape: Shape, seed: int) -> Value:
    """f32 in [0, 1), evenly distributed."""
    drawn = _drawn(shape, seed, uniform_array)
    return _hashed(shape, seed, 0) if drawn is None else drawn


def normal_numbers(shape: Shape, seed: int) -> Value:
    """f32, of mean 0 and standard deviation 1."""
    drawn = _drawn(shape, seed, lambda sizes, number: np.random.RandomState(number).standard_normal(sizes))
    if drawn is not None:
        return drawn
    # Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958; the first factor never takes log(0).
    radius = math.Sqrt(math.Mul(math.Log(_hashed(shape, seed, 0)).result, constant(np.float32(-2))).result).result
    turn = math.Cos(math.Mul(_hashed(shape, seed, 1), constant(np.float32(2 * pi))).result).result
    return math.Mul(radius, turn).result


def uniform_array(sizes: tuple[int, ...], seed: int) -> Array:
    """f64 in [0, 1)."""
    return np.asarray(np.random.RandomState(seed).uniform(0.0, 1.0, sizes))
