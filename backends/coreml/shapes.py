"""Flexible shapes at the border: what the symbols of the inputs' shapes may be, and what Core ML is told of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ...dims import Dim, evaluate
from ...errors import InputError
from ...ir import Module, Value
from ...types import TensorType
from ..target import SizeRange, Sizes
from .default_sizes import default_sizes
from .opsets import version_flag

LARGEST_OF_FEW_AXES = 2**20
"""How long a symbolic dim may be unless the user says: of signals and sequences (inputs of rank 3 or less) …"""

LARGEST = 2**12
"""… and of images. Core ML wants some finite bound."""

MOST_SHAPES = 128
"""Core ML takes no more enumerated shapes of one input."""

Environment = Mapping[str, int]


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
    """The flexibility of each input of ``main``. ``sizes`` bounds symbols by name; others get bounds of ours."""

    def __init__(self, module: Module, sizes: Mapping[str, Sizes], version: int) -> None:
        self._module = module
        inputs = module.main.inputs
        self._sizes = {s: sizes.get(s) or _own_range(s, inputs) for s in module.main.symbols}
        self._check(version)

    def _check(self, version: int) -> None:
        """Raises InputError for sizes that Core ML has no words for."""
        listed = {s: sizes for s, sizes in self._sizes.items() if isinstance(sizes, tuple)}
        if any(len(sizes) > MOST_SHAPES for sizes in listed.values()):
            raise InputError(f"Core ML takes up to {MOST_SHAPES} shapes of an input")
        flexible = [v for v in self._module.main.inputs if not listed.keys().isdisjoint(v.type.symbols)]
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
        return default_sizes(self._module, self._sizes)


def _own_range(symbol: str, inputs: Iterable[Value]) -> SizeRange:
    ranks = [v.type.rank for v in inputs if symbol in v.type.symbols]
    return SizeRange(1, LARGEST_OF_FEW_AXES if max(ranks) <= 3 else LARGEST)


def _evaluated(shape: Sequence[Dim], environment: Environment) -> tuple[int, ...]:
    return tuple(d if isinstance(d, int) else evaluate(d, environment) for d in shape)
