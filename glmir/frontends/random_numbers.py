"""Random numbers that are the same in every run: no target draws any, so they are part of what is compiled.

Where the shape is known they are drawn here, by numpy's legacy generator (Mersenne Twister), as the reference evaluator
of the ONNX standard does. Where it is not, the i-th number is computed of i alone, by an explicit compound generator
(Niederreiter, "Random Number Generation and Quasi-Monte Carlo Methods", 1992, chapter 8): the sum of fifth powers of i
modulo four primes. Its integers stay below 2**24, so that all targets compute the same, also those that compute
integers in single precision.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from math import pi, prod

import numpy as np

from ..dims import product
from ..ir import Array, Value
from ..ops import math
from ..types import DType, Shape
from .values import cast, constant, positions, reshape

_DRAWN_LIMIT = 1 << 20
"""How many numbers are drawn at compile time at most: the artifact holds them."""

_PRIMES = (4093, 4079, 4073, 4057)
"""The largest below the root of 2**24 of which fifth powers are permutations: 5 does not divide p - 1."""

_FINE = 2048
"""Into how many parts a second sum divides the steps of 1 / _PRIMES[0] that the first makes: 23 bits in all."""


def uniform_numbers(shape: Shape, seed: int, dtype: DType) -> Value:
    """Floats in [0, 1), evenly distributed."""
    drawn = _drawn(shape, lambda sizes: _below_one(_state(seed).random_sample(sizes), dtype))
    return cast(_hashed(shape, seed, 0), dtype) if drawn is None else drawn


def further_uniform_numbers(shape: Shape, seed: int, dtype: DType) -> Value:
    """Others than ``uniform_numbers`` draws with that seed: those behind them."""
    drawn = _drawn(shape, lambda sizes: _below_one(_state(seed).random_sample((2, *sizes))[1], dtype))
    return cast(_hashed(shape, seed, 1), dtype) if drawn is None else drawn


def _below_one(numbers: Array, dtype: DType) -> Array:
    """The numbers in the dtype, not rounded up to 1."""
    return numbers.astype(dtype.numpy).clip(max=np.nextafter(np.ones((), dtype.numpy), np.zeros((), dtype.numpy)))


def normal_numbers(shape: Shape, seed: int, dtype: DType) -> Value:
    """Floats of mean 0 and standard deviation 1, normally distributed."""
    drawn = _drawn(shape, lambda sizes: np.asarray(_state(seed).standard_normal(sizes)).astype(dtype.numpy))
    if drawn is not None:
        return drawn
    # Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958; no logarithm is of 0.
    logarithm = math.Log(_hashed(shape, seed, 0)).result
    radius = math.Sqrt(math.Mul(logarithm, constant(np.array(-2, np.float32))).result).result
    angle = math.Mul(_hashed(shape, seed, 1), constant(np.array(2 * pi, np.float32))).result
    return cast(math.Mul(radius, math.Cos(angle).result).result, dtype)


def _state(seed: int) -> "np.random.RandomState":
    return np.random.RandomState(seed % (1 << 32))


def _drawn(shape: Shape, draw: Callable[[tuple[int, ...]], Array]) -> Value | None:
    """Numbers drawn now, if the shape is known."""
    sizes = tuple(d for d in shape if isinstance(d, int))
    if len(sizes) < len(shape) or prod(sizes) > _DRAWN_LIMIT:
        return None
    return constant(np.asarray(draw(sizes)))


def _hashed(shape: Shape, seed: int, stream: int) -> Value:
    """f32 in (0, 1), made of the elements' positions; two streams of one seed are independent."""
    shifts = np.random.RandomState([stream, seed % (1 << 32)]).randint(0, _PRIMES[-1], len(_PRIMES)).tolist()
    index = positions(product(shape), DType.I32)
    powers = [_fifth_power(index, *pair) for pair in zip(shifts, _PRIMES, strict=True)]
    multiples = [math.Mul(power, _int(factor)).result for factor, power in enumerate(powers, 1)]
    coarse = math.FloorMod(_sum(powers), _int(_PRIMES[0])).result
    fine = math.FloorMod(_sum(multiples), _int(_FINE)).result
    steps = math.Add(math.Mul(coarse, _int(_FINE)).result, fine).result
    # Fewer than 2**23 steps, so that the half is exact and the product alone rounds.
    middle = math.Add(cast(steps, DType.F32), constant(np.array(0.5, np.float32))).result
    return reshape(math.Mul(middle, constant(np.array(1 / (_PRIMES[0] * _FINE), np.float32))).result, shape)


def _fifth_power(index: Value, shift: int, prime: int) -> Value:
    """(index + shift) ** 5 modulo the prime."""

    def modulo(x: Value) -> Value:
        return math.FloorMod(x, _int(prime)).result

    base = modulo(math.Add(index, _int(shift)).result)
    square = modulo(math.Mul(base, base).result)
    return modulo(math.Mul(modulo(math.Mul(square, square).result), base).result)


def _sum(xs: Sequence[Value]) -> Value:
    return reduce(lambda x, y: math.Add(x, y).result, xs)


def _int(number: int) -> Value:
    return constant(np.array(number, np.int32))
