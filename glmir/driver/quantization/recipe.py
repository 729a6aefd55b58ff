"""``--quantize``: what the user asks for, ``int8`` or ``int4-weights{block=64}`` (spec/quantization.md)."""

import dataclasses
import enum
import re
from dataclasses import dataclass
from typing import ClassVar, get_args

from ...errors import InputError
from ...pass_manager import Option
from ...passes.quantization.calibrators import PERCENTILE, Calibrator
from ...passes.quantization.uniform import Refinement
from ...types import DType

MAX_SQNR = 200.0
"""dB: more than any float has."""


@dataclass(frozen=True)
class Recipe:
    """How a model is quantized. Each recipe is one subclass; its fields are its options."""

    name: ClassVar[str]
    needs_data: ClassVar[bool] = False
    """Whether it cannot do without calibration data."""

    keep: str = ""
    """Ops and weights that stay float: names of source nodes or of what they compute, separated by ``;``."""

    def _require(self, option: str, value: float | None, low: float, high: float) -> None:
        """Raises InputError for an option out of range; NaN is in none."""
        if value is not None and not low <= value <= high:
            raise InputError(f"--quantize {self.name}: {option} is a number from {low:g} to {high:g}, not {value:g}")


@dataclass(frozen=True)
class Static(Recipe):
    """Weights of 8 bits and activations of 8: layers compute on integers."""

    name = "int8"
    needs_data = True

    storage: ClassVar[DType] = DType.I8
    calibrator: Calibrator = Calibrator.MSE
    percentile: float = PERCENTILE
    symmetric: bool = False
    per_channel: bool = True
    equalize: bool = True
    correct_biases: bool = True
    smooth: float | None = None
    """SmoothQuant's strength, 0 to 1, with which outliers of activations move into weights; none: not at all."""

    min_sqnr: float = 15.0
    """How exact the worst output shall be, in dB: ops stay float that keep it from being so. 0: none does."""

    max_float: float = 0.5
    """The part of all multiplications that may stay float for that."""

    def __post_init__(self) -> None:
        self._require("percentile", self.percentile, 0, 100)
        self._require("smooth", self.smooth, 0, 1)
        self._require("min_sqnr", self.min_sqnr, 0, MAX_SQNR)
        self._require("max_float", self.max_float, 0, 1)


@dataclass(frozen=True)
class StaticWide(Static):
    """Weights of 8 bits and symmetric activations of 16: nearly as exact as float."""

    name = "int16"
    storage = DType.I16
    calibrator: Calibrator = Calibrator.MINMAX
    symmetric: bool = True


@dataclass(frozen=True)
class Automatic(Static):
    """Like int8, but the ops that lose most stay float until the whole is as exact as ``min_sqnr`` asks."""

    name = "auto"
    min_sqnr: float = 30.0


@dataclass(frozen=True)
class Weights(Recipe):
    """Weights of few bits, computed with as floats."""

    bits: int = 8
    block: int | None = None
    symmetric: bool | None = None
    """Whether zero is stored as zero; none: where that costs little."""

    refine: Refinement = Refinement.MSE


@dataclass(frozen=True)
class EightBitWeights(Weights):
    """Weights of 8 bits, a scale per output channel; computed with as floats."""

    name = "int8-weights"


@dataclass(frozen=True)
class FourBitWeights(Weights):
    """Weights of 4 bits in blocks; what loses too much has 8. Calibration data makes them more exact."""

    name = "int4-weights"
    bits: int = 4
    block: int | None = 32


@dataclass(frozen=True)
class Dynamic(Recipe):
    """Weights of 8 bits; layers quantize what they take at run time, where the target can."""

    name = "int8-dynamic"


@dataclass(frozen=True)
class Palette(Recipe):
    """Weights as indices into a table of 2^bits numbers each."""

    name = "palette"
    bits: int = 6


RECIPES: dict[str, type[Recipe]] = {
    r.name: r for r in (Static, StaticWide, Automatic, Dynamic, EightBitWeights, FourBitWeights, Palette)
}
"""Recipe name -> its class."""

_TEXT = re.compile(r"\s*([a-z0-9\-]+)\s*(?:\{(.*)\})?\s*", re.DOTALL)
_PART = re.compile(r'\s*([A-Za-z0-9_\-]+)\s*=\s*("(?:\\.|[^"\\])*"|[^",{}]*?)\s*(?:,|$)')


def parse_recipe(text: str) -> Recipe:
    """The recipe that ``int8{calibrator=entropy, symmetric=true}`` stands for; raises InputError."""
    match = _TEXT.fullmatch(text)
    if match is None or match.group(1) not in RECIPES:
        raise InputError(f"--quantize takes {', '.join(RECIPES)}, with options in braces, not {text!r}")
    recipe = RECIPES[match.group(1)]
    options = recipe_options(recipe)
    chosen: dict[str, object] = {}
    position, body = 0, match.group(2) or ""
    while position < len(body):
        part = _PART.match(body, position)
        name = "" if part is None else part.group(1).replace("-", "_")
        if part is None or name not in options or name in chosen:
            rest = body[position:].split(",")[0].strip()
            raise InputError(f"--quantize {recipe.name} has no option {rest!r}; there are {', '.join(sorted(options))}")
        try:
            chosen[name] = options[name].parse(part.group(2))
        except ValueError as error:
            raise InputError(f"--quantize {recipe.name}: {error}") from None
        position = part.end()
    return recipe(**chosen)  # type: ignore[arg-type]


def recipe_options(recipe: type[Recipe]) -> dict[str, Option]:
    """Option name -> option, from the recipe's fields."""
    return {f.name: _option(f) for f in dataclasses.fields(recipe)}


def _option(field: "dataclasses.Field[object]") -> Option:
    members = get_args(field.type) or (field.type,)
    (kind,) = (m for m in members if m is not type(None))
    assert isinstance(kind, type)
    default = field.default
    assert default is None or isinstance(default, (bool, int, float, str, enum.Enum))
    return Option(field.name, kind, default, type(None) in members)


__all__ = [
    "RECIPES", "Automatic", "Dynamic", "Palette", "Recipe", "Static", "Weights", "parse_recipe", "recipe_options",
]  # fmt: skip
