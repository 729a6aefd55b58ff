"""The small cases that are committed, some kilobytes each."""

from __future__ import annotations

from . import tiny_exported, tiny_language, tiny_layers
from .zoo import Case

CASES: list[Case] = [*tiny_language.CASES, *tiny_layers.CASES, *tiny_exported.CASES]
