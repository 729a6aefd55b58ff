"""What a module's transposes move, for reports."""

from dataclasses import dataclass

from ...ir import Module
from .costs import costs_of, moving_transposes


@dataclass(frozen=True)
class LayoutFacts:
    """How many transposes move elements in one run, and how many bytes; sizes not known and trips of loops are guessed
    as spec/layouts.md says."""

    transposes: int
    bytes: int

    def __str__(self) -> str:
        return f"{self.transposes} transposes of {self.bytes} bytes"


def layout_facts(module: Module) -> LayoutFacts:
    """The facts of any module; transposes of constants and those that become reshapes do not count."""
    costs = costs_of(module)
    moved = [costs.runs[function] * costs.bytes(op.x.type) for function, op in moving_transposes(module)]
    return LayoutFacts(len(moved), sum(moved))
