"""All ops, by family. A new op is a class in one of these packages (spec/add_an_op.md), a new family one line here."""

from types import ModuleType

from ..ir import Op
from ..opdef import OpDefinition
from . import control, math, nn, quant, tensor

FAMILIES: tuple[ModuleType, ...] = (tensor, math, nn, quant, control)


def _collect() -> dict[str, OpDefinition]:
    definitions: dict[str, OpDefinition] = {}
    for family in FAMILIES:
        for member in vars(family).values():
            if isinstance(member, type) and issubclass(member, Op) and "definition" in vars(member):
                definitions.setdefault(member.definition.name, member.definition)
    return dict(sorted(definitions.items()))


DEFINITIONS: dict[str, OpDefinition] = _collect()
"""Op name -> definition."""

__all__ = ["DEFINITIONS", "FAMILIES", "control", "math", "nn", "quant", "tensor"]
