"""Seeded inputs for models that are run without data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from ..backends.target import Sizes
from ..dims import evaluate
from ..types import Array, DType, TensorType

SYMBOL_SIZES = (64, 32, 48, 16, 224, 7, 1)
"""Sizes for symbolic dims, to be tried in turn until a model runs: many networks take multiples of 32 only, and
are left with nothing of small images."""

INTEGER_LIMITS = (100, 2)
"""Integers stay below the first, so that sums do not cancel; or below the second, valid as almost any index."""

SEED = 0

Arrays = Mapping[str, Array]


def run_on_samples(
    types: Mapping[str, TensorType], run: Callable[[Arrays], Arrays], sizes: Mapping[str, Sizes] | None = None
) -> tuple[Arrays, Arrays]:
    """The inputs and outputs of the first samples on which ``run`` works, preferably with outputs that tell.

    ``sizes`` bounds symbolic dims. Raises what ``run`` raises on the first samples when it works on none.
    """
    first: tuple[Arrays, Arrays] | None = None
    problem: Exception | None = None
    for inputs in sample_inputs(types, sizes=sizes or {}):
        try:
            outputs = run(inputs)
        except Exception as error:
            # Each runtime has errors of its own for sizes and indices that do not suit the model.
            problem = problem or error
            continue
        if _are_telling(outputs):
            return inputs, outputs
        if first is not None:
            break
        first = inputs, outputs
    if first is None:
        assert problem is not None
        raise problem
    return first


def _are_telling(outputs: Arrays) -> bool:
    """Whether there is something to compare: images too small come out empty, masked sums may be infinite."""
    numbers = [a for a in outputs.values() if a.dtype.kind not in "USO"]
    return all(a.size > 0 and bool(np.all(np.isfinite(a.astype(np.float64)))) for a in numbers)


def sample_inputs(
    types: Mapping[str, TensorType],
    limits: Sequence[int] = INTEGER_LIMITS,
    sizes: Mapping[str, Sizes] = MappingProxyType({}),
) -> Iterator[dict[str, Array]]:
    """Random arrays of the given types, the same in every run, for each size of dims and each range of integers."""
    symbols = sorted({s for t in types.values() for s in t.symbols})
    leading = {str(t.shape[0]) for t in types.values() if t.rank > 1} & set(symbols)
    has_integers = any(t.dtype.is_integer for t in types.values())
    # The first axis is the batch nearly always: a small one keeps runs quick.
    others = SYMBOL_SIZES if set(symbols) - leading else SYMBOL_SIZES[:1]
    turns = [(batch, size) for batch in ((2, 1) if leading else (1,)) for size in others]
    turns += [(size, size) for size in SYMBOL_SIZES] if leading else []
    for turn, (batch, size) in enumerate(turns):
        wanted = {s: batch if s in leading else size for s in symbols}
        environment = {s: _allowed(n, turn, sizes.get(s)) for s, n in wanted.items()}
        for limit in limits if has_integers else limits[:1]:
            generator = np.random.default_rng(SEED)
            yield {name: _random(generator, t, environment, limit) for name, t in types.items()}


def _allowed(size: int, turn: int, sizes: Sizes | None) -> int:
    """The size, or the nearest that is allowed; of those that are listed each in its turn."""
    if isinstance(sizes, tuple):
        return sizes[turn % len(sizes)]
    return size if sizes is None else min(max(size, sizes.low), sizes.high)


def _random(generator: np.random.Generator, type_: TensorType, environment: Mapping[str, int], limit: int) -> Array:
    shape = tuple(d if isinstance(d, int) else evaluate(d, environment) for d in type_.shape)
    if type_.dtype is DType.BOOL:
        return np.asarray(generator.integers(0, 2, shape), np.bool_)
    if type_.dtype.is_integer:
        # A single integer is a length, an index or a switch.
        limit = min(limit, 2) if np.prod(shape) == 1 else limit
        limit = min(limit, 8) if type_.dtype in (DType.I4, DType.U4) else limit
        return np.asarray(generator.integers(0, limit, shape)).astype(type_.dtype.numpy)
    return np.asarray(generator.standard_normal(shape), type_.dtype.numpy)


def seeded_inputs(types: Mapping[str, TensorType]) -> dict[str, Array]:
    """One set of samples, with the smallest integers."""
    return next(sample_inputs(types, INTEGER_LIMITS[-1:]))
