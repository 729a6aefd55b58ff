"""Whether an artifact is to be expected slower than its float model, and why."""

from collections.abc import Iterator, Sequence

from ..compilation import Artifact
from .facts import OpFacts, TargetOp


def warnings_of(artifact: Artifact, ops: Sequence[tuple[OpFacts, TargetOp]]) -> Iterator[str]:
    """Sentences on what makes it slower."""
    yield from ()
