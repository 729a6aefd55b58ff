"""The sizes of symbolic dims that Core ML prepares for when it loads a model: some that the model can have."""

from collections.abc import Iterator, Mapping
from itertools import chain

from ...dims import Dim, SymInt, evaluate, free_symbols, product
from ...errors import CompileError
from ...ir import Function, Module
from ...ops import math, tensor
from ...passes.canonicalization.infer_types import infer_types
from ...passes.substitution import substitute_in_callees, substitute_symbols
from ..target import SizeRange, Sizes

OF_IMAGES, OF_SEQUENCES = 224, 64
"""What is tried first: as long as most networks have it, and halved several times without a remainder."""

OTHERS = (256, 128, 32, 16, 8, 4, 2, 1, 512, 1024, 2048, 4096, 16000, 32000, 64000)
"""What is tried next: less, where a table of positions ends; more, where windows must fit in; seconds of sound."""

STEPS, LONGEST, MOST_FOUND = (32, 8, 1), 2**16, 8
"""What is tried last: the multiples of these at which the dims agree, up to a length and a number."""


def default_sizes(module: Module, sizes: Mapping[str, Sizes]) -> dict[str, int]:
    """A size within its range for every symbol that ``main`` takes: of those tried the first that fit all ops.

    Where none does, the first that are tried.
    """
    candidates = [*_usual(module.main, sizes)]
    distinct = [c for i, c in enumerate(candidates) if c not in candidates[:i]]
    if len(distinct) == 1:
        return distinct[0]
    tried = chain(distinct, _searched(module.main, sizes, distinct[0]))
    return next((c for c in tried if _fit(module, c)), distinct[0])


def _usual(function: Function, sizes: Mapping[str, Sizes]) -> Iterator[dict[str, int]]:
    ranks = {s: v.type.rank for v in function.inputs for s in v.type.symbols}
    first = {s: OF_IMAGES if rank > 3 else OF_SEQUENCES for s, rank in ranks.items()}
    # One sample at a time; what stands first may also be something else.
    for ones in (_batch(function), frozenset[str]()):
        for other in (None, *OTHERS):
            wishes = {s: 1 if s in ones else other or first[s] for s in sizes}
            yield {s: _nearest(wishes[s], allowed) for s, allowed in sizes.items()}


def _searched(function: Function, sizes: Mapping[str, Sizes], first: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Sizes at which reshapes keep the number of elements and broadcasts meet their equals: round ones first.

    The number of samples stays what it is at ``first``.
    """
    differences, batch = _differences(function, frozenset(sizes)), _batch(function)
    found = 0
    for step in STEPS if differences else ():
        for size in range(step, LONGEST, step):
            wishes = {s: first[s] if s in batch else _nearest(size, allowed) for s, allowed in sizes.items()}
            if all(_value(d, wishes) == 0 for d in differences):
                yield wishes
                found += 1
            if found == MOST_FOUND:
                return


def _batch(function: Function) -> frozenset[str]:
    """The symbols that may count samples: those that stand first."""
    return frozenset(s for v in function.inputs if v.type.rank > 1 for s in free_symbols(v.type.shape[0]))


def _differences(function: Function, known: frozenset[str]) -> list[SymInt]:
    """What must be 0, and is not whatever the sizes are."""
    pairs: list[tuple[Dim, Dim]] = []
    for op in function.ops:
        match op:
            case tensor.Reshape(x=x, shape=shape):
                pairs.append((product(x.type.shape), product(shape)))
            case math.Binary(x=x, y=y):
                both = zip(reversed(x.type.shape), reversed(y.type.shape), strict=False)
                pairs += [(a, b) for a, b in both if 1 not in (a, b)]
    differences = dict.fromkeys(a - b for a, b in pairs)
    return [d for d in differences if isinstance(d, SymInt) and known.issuperset(free_symbols(d))]


def _value(dim: SymInt, sizes: Mapping[str, int]) -> int:
    """What a dim is at these sizes; less than nothing where they make it divide by 0."""
    try:
        return evaluate(dim, sizes)
    except ZeroDivisionError:
        return -1


def _nearest(wish: int, allowed: Sizes) -> int:
    return min(max(wish, allowed.low), allowed.high) if isinstance(allowed, SizeRange) else allowed[0]


def _fit(module: Module, sizes: Mapping[str, int]) -> bool:
    """Whether all ops can have operands of these sizes, and none of the tensors is empty."""
    known = frozenset(sizes)
    dims = {d for v in module.main.values() for d in v.type.shape if isinstance(d, SymInt)}
    if any(_value(d, sizes) < 1 for d in dims if known.issuperset(free_symbols(d))):
        return False
    fixed = module.clone()
    try:
        substitute_symbols(fixed.main, sizes)
        substitute_in_callees(fixed, fixed.main, sizes)
        infer_types(fixed)
    except (CompileError, ZeroDivisionError):
        return False
    return True
