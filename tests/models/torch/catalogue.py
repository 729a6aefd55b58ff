"""The large cases, in the order they are made."""

from __future__ import annotations

from . import torchvision_ops  # noqa: F401  (must come before whatever imports torchvision)

from . import language, networks, sequences, torchvision_models, transformers_more, vision  # isort: skip
from .zoo import Case

CASES: list[Case] = [
    *vision.CASES,
    *language.CASES,
    *networks.CASES,
    *sequences.CASES,
    *torchvision_models.CASES,
    *transformers_more.CASES,
]
