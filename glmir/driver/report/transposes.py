"""What an artifact's transposes move, and what the passes knew of it."""

from ...passes.layout.layout_facts import layout_facts
from ...passes.layout.layout_report import LayoutReport
from ..compilation import Artifact
from .facts import TransposeFacts


def transpose_facts(artifact: Artifact, watched: LayoutReport | None) -> TransposeFacts | None:
    """The facts of an artifact; none where nobody ``watched`` the passes."""
    found = None if watched is None else watched.of(artifact.module)
    if found is None:
        return None
    left = layout_facts(artifact.module)
    return TransposeFacts(
        brought=found.brought.transposes,
        bytes_brought=found.brought.bytes,
        transposes=left.transposes,
        bytes=left.bytes,
        bound=found.bound,
        op_by_op=found.op_by_op,
    )
