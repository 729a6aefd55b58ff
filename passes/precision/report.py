"""What a compilation did about precision: which ops and weights stay in f32, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...instrumentation import SilentInstrument
from ...ir import Module
from ...pass_manager import PassInstance
from ...types import DType
from .islands import describe_islands, find_islands
from .lower_precision import MAIN, islands_of, lower_precision
from .round_weights import describe_unrounded, round_weights


@dataclass
class PrecisionReport(SilentInstrument):
    """Collects a line for each op that ``lower-precision`` leaves in f32, for each weight that ``round-weights`` leaves
    as it is, and, where the latter runs, for each op that a runtime should not compute in f16.

    ``observed`` is what data showed to be lost in f16, by the name of a value; none without data.
    """

    observed: Mapping[str, str] | None = None
    islands: list[str] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)
    hazards: list[str] = field(default_factory=list)

    def before_pass(self, instance: PassInstance, module: Module) -> None:
        if instance.pass_ is lower_precision:
            self._add(self.islands, describe_islands(islands_of(module, instance.options)))
        elif instance.pass_ is round_weights:
            dtype = instance.options.get("dtype", DType.F16)
            assert isinstance(dtype, DType)
            self._add(self.weights, describe_unrounded(module, dtype))
            if dtype is DType.F16:
                for name, function in module.functions.items():
                    found = find_islands(function, self.observed if name == MAIN else None)
                    self._add(self.hazards, describe_islands(found))

    def _add(self, known: list[str], lines: Sequence[str]) -> None:
        """Those that are new: a module is lowered for several targets, and versions of one."""
        known += [line for line in dict.fromkeys(lines) if line not in known]

    def lines(self) -> Sequence[str]:
        """All of it."""
        return [
            *self.islands,
            *self.weights,
            *(line.replace(" stays f32: ", " is not for f16: ") for line in self.hazards),
        ]

    def summary(self) -> Sequence[str]:
        """A sentence on each kind that there is."""
        sentences = []
        if self.islands:
            sentences.append(f"{_count(self.islands, 'op stays', 'ops stay')} f32, where f16 would lose the result")
        if self.weights:
            sentences.append(f"{_count(self.weights, 'weight stays', 'weights stay')} f32, which f16 would lose")
        if self.hazards:
            computing = "for runtimes that compute in f16 (a GPU, precision low)"
            sentences.append(f"{_count(self.hazards, 'op is', 'ops are')} not {computing}")
        return sentences


def _count(lines: Sequence[str], one: str, many: str) -> str:
    return f"{len(lines)} {one if len(lines) == 1 else many}"
