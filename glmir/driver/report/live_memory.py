"""What an artifact's activations need of memory, in what order of ops, and what lives where it is the most."""

from pathlib import Path

from ...ir import Value
from ...passes.memory.memory_plan import memory_plan
from ...passes.memory.memory_report import MemoryReport
from ..compilation import Artifact
from .facts import LiveFacts, MemoryFacts

LARGEST = 5
"""How many values a report names."""


def memory_facts(artifact: Artifact, path: Path, watched: MemoryReport | None) -> MemoryFacts:
    """The facts of an artifact that stands at ``path``; ``watched`` has the order of before, if another one."""
    module = artifact.module
    plan = memory_plan(module)
    before = (watched.before(module) if watched is not None else None) or plan
    return MemoryFacts(
        peak_before=before.peak,
        arena_before=before.arena,
        peak=plan.peak,
        arena=plan.arena,
        op="" if plan.op is None else ", ".join(plan.op.location) or plan.op.results[0].name,
        kind="" if plan.op is None else plan.op.definition.name,
        live=tuple(LiveFacts(_title(b.values[0]), str(b.values[0].type), b.size) for b in plan.live[:LARGEST]),
        runtime_arena=artifact.target.arena(path),
        is_nominal=bool(module.main.symbols),
    )


def _title(value: Value) -> str:
    """What a user knows a value by."""
    return value.name or (", ".join(value.owner.location) if value.owner is not None else "")
