"""Flexible shapes at the border: what the symbols of the inputs' shapes may be, and what Core ML is told of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ...dims import Dim, SymInt, evaluate, free_symbols
from ...errors import InputError
from ...ir import Function, Value
from ...types import TensorType
from ..target import SizeRange, Sizes
from .opsets import version_flag

LARGEST_OF_FEW_AXES = 2**20
"""How long a symbolic dim may be unless the user says: of signals and sequences (inputs of rank 3 or less) …"""

LARGEST = 2**12
"""… and of images. Core ML wants some finite bound."""

MOST_SHAPES = 128
"""Core ML takes no more enumerated shapes of one input."""

Environment = Mapping[str, int]
_DEFAULT_SIZES = tuple(2**k for k in range(12))


@dataclass(frozen=True)
class Flexibility:
    """The shapes that one input takes: those listed, or all between ``low`` and ``high``; one of them by default."""

    default: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    listed: tuple[tuple[int, ...], ...] = ()

    @property
    def is_fixed(self) -> bool:
        return self.low == self.high


class BorderShapes:
    """The flexibility of each input of a function. ``sizes`` bounds symbols by name; others get bounds of ours."""

    def __init__(self, function: Function, sizes: Mapping[str, Sizes], version: int) -> None:
        self._function = function
        self._sizes = {s: sizes.get(s) or _own_range(s, function.inputs) for s in function.symbols}
        self._check(version)

    def _check(self, version: int) -> None:
        """Raises InputError for sizes that Core ML has no words for."""
        listed = {s: sizes for s, sizes in self._sizes.items() if isinstance(sizes, tuple)}
        if any(len(sizes) > MOST_SHAPES for sizes in listed.values()):
            raise InputError(f"Core ML takes up to {MOST_SHAPES} shapes of an input")
        flexible = [v for v in self._function.inputs if not listed.keys().isdisjoint(v.type.symbols)]
        for value in flexible:
            if others := [s for s in value.type.symbols if s not in listed]:
                wish = f"fix {', '.join(others)}, or list its sizes"
                raise InputError(f"input {value.name}: where some dims list sizes, all must: {wish}")
        if len(flexible) > 1 and version < 18:
            names = ", ".join(v.name for v in flexible)
            raise InputError(f"inputs {names} list sizes: more than one such input needs {version_flag(18)}")

    def of(self, type_: TensorType) -> Flexibility:
        """What an input of this type takes."""
        ends = [_evaluated(type_.shape, environment) for environment in self._corners]
        low, high = (tuple(pick(sizes) for sizes in zip(*ends, strict=True)) for pick in (min, max))
        listed: tuple[tuple[int, ...], ...] = ()
        if any(isinstance(self._sizes[s], tuple) for s in type_.symbols):
            # Shapes may repeat when another input tells them apart.
            listed = tuple(dict.fromkeys(_evaluated(type_.shape, e) for e in self._enumerated))
        # Differences of symbols may be nothing, or less, at an end; no input of Core ML is.
        low = tuple(d if isinstance(dim, int) else max(1, d) for d, dim in zip(low, type_.shape, strict=True))
        return Flexibility(_evaluated(type_.shape, self._default), low, high, listed)

    @cached_property
    def _corners(self) -> list[Environment]:
        """All symbols least, and all greatest: dims of inputs grow with their symbols."""
        ends = [(s.low, s.high) if isinstance(s, SizeRange) else (min(s), max(s)) for s in self._sizes.values()]
        return [dict(zip(self._sizes, [end[i] for end in ends], strict=True)) for i in (0, 1)]

    @cached_property
    def _enumerated(self) -> list[Environment]:
        """The listed sizes, the first of all symbols together, the second, and so on."""
        listed = {s: sizes for s, sizes in self._sizes.items() if isinstance(sizes, tuple)}
        count = max((len(sizes) for sizes in listed.values()), default=0)
        return [{s: sizes[i] for s, sizes in listed.items()} for i in range(count)]

    @cached_property
    def _default(self) -> Environment:
        """The sizes that the runtime prepares for: the least powers of two that leave no tensor empty."""
        candidates = list(self._default_candidates())
        dims = _symbolic_dims(self._function)
        return next((c for c in candidates if _all_positive(dims, c)), candidates[0])

    def _default_candidates(self) -> Iterator[Environment]:
        batch = {s for v in self._function.inputs for d in v.type.shape[:1] for s in free_symbols(d)}
        for size in _DEFAULT_SIZES:
            yield {
                s: sizes[0]
                if isinstance(sizes, tuple)
                else min(max(sizes.low, 1 if s in batch and len(self._sizes) > 1 else size), sizes.high)
                for s, sizes in self._sizes.items()
            }


def _own_range(symbol: str, inputs: Iterable[Value]) -> SizeRange:
    ranks = [v.type.rank for v in inputs if symbol in v.type.symbols]
    return SizeRange(1, LARGEST_OF_FEW_AXES if max(ranks) <= 3 else LARGEST)


def _evaluated(shape: Sequence[Dim], environment: Environment) -> tuple[int, ...]:
    return tuple(d if isinstance(d, int) else evaluate(d, environment) for d in shape)


def _symbolic_dims(function: Function) -> list[Dim]:
    """The symbolic dims of all values that the inputs' symbols determine."""
    known = frozenset(function.symbols)
    dims = dict.fromkeys(d for v in function.values() for d in v.type.shape if isinstance(d, SymInt))
    return [d for d in dims if known.issuperset(free_symbols(d))]


def _all_positive(dims: Iterable[Dim], environment: Environment) -> bool:
    return all(evaluate(d, environment) >= 1 for d in dims)
