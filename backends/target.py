"""What the driver knows of a target. ``load_target`` imports a backend only when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    # The command line lists the targets before anything heavy is loaded.
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any, BinaryIO

    from ..ir import Module
    from ..ops.enums import Layout
    from ..pass_manager import Pass
    from ..rewriter import RuleSet
    from ..types import Array, TensorType
    from .emission import EmitterTable


@dataclass(frozen=True)
class Target:
    """A target: how modules are made legal for it, written, and run.

    ``table`` says what is legal, ``rules`` are what ``legalize`` applies to the rest.
    ``run`` takes the artifact (a path or its bytes) and named arrays, and returns the outputs by name;
    ``input_types`` reads from an artifact what its inputs are.
    """

    name: str
    suffix: str
    spatial_layout: Layout
    legalize: Pass
    rules: RuleSet
    table: EmitterTable[Any]
    serialize: Callable[[Module, BinaryIO], None]
    run: Callable[[Path | bytes, Mapping[str, Array]], dict[str, Array]]
    input_types: Callable[[Path | bytes], dict[str, TensorType]]


TARGETS: tuple[str, ...] = ("tflite",)
"""The targets' names; each is a package beside this file whose ``target.py`` has ``TARGET``."""


def load_target(name: str) -> Target:
    """The target of that name; raises InputError when there is none."""
    if name not in TARGETS:
        raise InputError(f"there is no target {name}; the targets are {', '.join(TARGETS)}")
    target = import_module(f"{__package__}.{name}.target").TARGET
    assert isinstance(target, Target)
    return target
