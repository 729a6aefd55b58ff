"""The sizes of symbolic dims that Core ML prepares for when it loads a model: some that the model can have."""

from collections.abc import Iterator, Mapping

from ...dims import evaluate, free_symbols
from ...errors import CompileError
from ...ir import Function, Module
from ...passes.canonicalization.infer_types import infer_types
from ...passes.substitution import substitute_in_callees, substitute_symbols
from ..target import SizeRange, Sizes

OF_IMAGES, OF_SEQUENCES = 224, 64
"""What is tried first: as long as most networks have it, and halved several times without a remainder."""

OTHERS = (256, 128, 32, 16, 8, 4, 2, 1, 512, 1024, 2048, 4096, 16000, 32000, 64000)
"""What is tried next: less, where a table of positions ends; more, where windows must fit in; seconds of sound."""


def default_sizes(module: Module, sizes: Mapping[str, Sizes]) -> dict[str, int]:
    """A size within its range for every symbol that ``main`` takes: of those tried the first that fit all ops.

    Where none does, the first that are tried.
    """
    candidates = list(_candidates(module.main, sizes))
    distinct = [c for i, c in enumerate(candidates) if c not in candidates[:i]]
    if len(distinct) == 1:
        return distinct[0]
    return next((c for c in distinct if _fit(module, c)), distinct[0])


def _candidates(function: Function, sizes: Mapping[str, Sizes]) -> Iterator[dict[str, int]]:
    ranks = {s: v.type.rank for v in function.inputs for s in v.type.symbols}
    batch = {s for v in function.inputs if v.type.rank > 1 for s in free_symbols(v.type.shape[0])}
    first = {s: OF_IMAGES if rank > 3 else OF_SEQUENCES for s, rank in ranks.items()}
    # One sample at a time; what stands first may also be something else.
    for ones in (batch, frozenset[str]()):
        for other in (None, *OTHERS):
            wishes = {s: 1 if s in ones else other or first[s] for s in sizes}
            yield {s: _nearest(wishes[s], allowed) for s, allowed in sizes.items()}


def _nearest(wish: int, allowed: Sizes) -> int:
    return min(max(wish, allowed.low), allowed.high) if isinstance(allowed, SizeRange) else allowed[0]


def _fit(module: Module, sizes: Mapping[str, int]) -> bool:
    """Whether all ops can have operands of these sizes, and none of the tensors is empty."""
    known = frozenset(sizes)
    dims = {d for v in module.main.values() for d in v.type.shape}
    if any(evaluate(d, sizes) < 1 for d in dims if not isinstance(d, int) and known.issuperset(free_symbols(d))):
        return False
    fixed = module.clone()
    try:
        substitute_symbols(fixed.main, sizes)
        substitute_in_callees(fixed, fixed.main, sizes)
        infer_types(fixed)
    except CompileError:
        return False
    return True
