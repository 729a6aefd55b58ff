"""What quantization did to a model: the facts that reports and messages are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...ir import Module
from ...passes.compression.palettize_weights import PalettizedWeight
from ...passes.compression.quantize_weights import QuantizedWeight
from ...passes.quantization.calibration_file import Calibration
from ...passes.quantization.parameters import Parameters, Range
from ...passes.quantization.plan import Decision
from .first_samples import FirstSamples
from .recipe import Recipe
from .search import SearchResult


@dataclass(frozen=True)
class StoredActivation:
    """How a value is stored: the range that the calibrator chose of what was seen, and its scale and zero point."""

    name: str
    range: Range
    parameters: Parameters


@dataclass
class Record:
    """``reference`` is the float module, after pruning, ``quantized`` the one that targets are made from.

    ``source`` is the module before pruning. ``float_bordered`` is the quantized one with inputs and outputs in float,
    where the user asked for integers. ``first`` are samples of the calibration data, ``search`` what was kept in float
    to be exact. ``notes`` are sentences for the user."""

    recipe: Recipe | None
    reference: Module
    quantized: Module
    calibration: Calibration | None = None
    activations: tuple[StoredActivation, ...] = ()
    decisions: tuple[Decision, ...] = ()
    weights: tuple[QuantizedWeight | PalettizedWeight, ...] = ()
    search: SearchResult | None = None
    notes: list[str] = field(default_factory=list)
    source: Module | None = None
    float_bordered: Module | None = None
    first: FirstSamples | None = None

    @property
    def measurable(self) -> Module:
        """What takes and gives what the float module does."""
        return self.quantized if self.float_bordered is None else self.float_bordered

    @property
    def ranges(self) -> Mapping[str, Range]:
        return {a.name: a.range for a in self.activations}
