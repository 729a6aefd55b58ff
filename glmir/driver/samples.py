"""Seeded inputs for models that are run without data."""

from collections.abc import Iterator, Mapping

import numpy as np

from ..dims import evaluate
from ..types import Array, DType, TensorType

SYMBOL_SIZES = (32, 64, 48, 16, 224, 7, 1)
"""Sizes for symbolic dims, to be tried in turn until a model runs: many networks take multiples of 32 only."""

SEED = 0


def sample_inputs(types: Mapping[str, TensorType]) -> Iterator[dict[str, Array]]:
    """Random arrays of the given types, the same in every run; one set for each size that symbolic dims may have."""
    symbols = sorted({s for t in types.values() for s in t.symbols})
    leading = {str(t.shape[0]) for t in types.values() if t.shape}
    for size in SYMBOL_SIZES if symbols else SYMBOL_SIZES[:1]:
        # The first axis is the batch nearly always: a small one keeps runs quick.
        environment = {s: 2 if s in leading and len(symbols) > 1 else size for s in symbols}
        generator = np.random.default_rng(SEED)
        yield {name: _random(generator, t, environment) for name, t in types.items()}


def seeded_inputs(types: Mapping[str, TensorType]) -> dict[str, Array]:
    """Random arrays of the given types, the same in every run, symbolic dims of the first size."""
    return next(sample_inputs(types))


def _random(generator: np.random.Generator, type_: TensorType, environment: Mapping[str, int]) -> Array:
    shape = tuple(d if isinstance(d, int) else evaluate(d, environment) for d in type_.shape)
    if type_.dtype is DType.BOOL:
        return np.asarray(generator.integers(0, 2, shape), np.bool_)
    if type_.dtype.is_integer:
        # Small numbers are valid as indices, token ids and lengths alike.
        return np.asarray(generator.integers(0, 2, shape), type_.dtype.numpy)
    return np.asarray(generator.standard_normal(shape), type_.dtype.numpy)
