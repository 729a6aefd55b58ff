"""What the driver knows of a target. ``load_target`` imports a backend only when it is asked for."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    # The command line lists the targets before anything heavy is loaded.
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any, BinaryIO

    from ..ir import Module
    from ..ops.enums import Layout
    from ..pass_manager import Pipeline
    from ..rewriter import RuleSet
    from ..types import Array, DType, TensorType
    from .emission import EmitterTable


class Precision(enum.Enum):
    """What floats are stored and computed in (spec/precision.md); fp16 leaves islands of fp32."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"


@dataclass(frozen=True)
class ImageInput:
    """An input that takes an image of 8-bit channels; the model sees ``pixel * scale + bias`` (one bias a channel, or
    one for all)."""

    name: str
    color: str
    scale: float = 1.0
    bias: tuple[float, ...] = (0.0,)


@dataclass(frozen=True)
class SizeRange:
    """The sizes that a symbolic dim may take, both ends included."""

    low: int
    high: int


Sizes = SizeRange | tuple[int, ...]
"""A range, or the sizes themselves, the first of which is the default."""


@dataclass(frozen=True)
class TargetOptions:
    """What a user may choose about targets; each target takes what concerns it.

    ``precision`` none is the target's own default. ``coreml_target`` is an iOS version, ``opset`` ONNX's. ``sizes``
    bounds symbolic dims by name; several that list sizes take the first together, the second together, and so on.
    """

    precision: Precision | None = None
    coreml_target: int | None = None
    opset: int | None = None
    image_inputs: tuple[ImageInput, ...] = ()
    class_labels: tuple[str, ...] | tuple[int, ...] = ()
    sizes: Mapping[str, Sizes] = field(default_factory=dict)
    islands: Mapping[str, str] | None = None
    """The values that calibration data showed to be lost in f16, by name, each with the reason; none without data."""

    is_dynamic: bool = False
    """Whether layers with quantized weights shall quantize at run time what they take, where the target has that."""


def _same(dtype: DType) -> DType:
    return dtype


def _unchanged(name: str, array: Array) -> Array:
    return array


def _no_problems(artifact: Path) -> Sequence[str]:
    return ()


def _no_arena(artifact: Path) -> int | None:
    return None


@dataclass(frozen=True)
class Target:
    """A target: how modules are made legal for it, written, and run.

    ``table`` says what is legal, ``rules`` are what the passes of ``legalize`` apply to the rest.
    ``serialize`` writes the artifact to a fresh path: a file, a folder, or a file and others beside it.
    ``run`` takes an artifact and named arrays, and returns the outputs by name; ``input_types`` reads what its inputs
    are; ``problems`` are sentences on what the target's own tools would refuse in it; ``arena`` is how many bytes the
    runtime's own kernels take for activations, where that can be told from the artifact.
    ``border`` is the dtype that an input or output of a dtype has in the artifact, and ``adapt_input`` makes the
    artifact's input of the source's of that name, where more than the dtype differs. ``precision`` is what floats are
    computed in, ``tolerance`` the largest error that its arithmetic explains, as a part of an output's largest
    magnitude, and ``advice`` what is said of larger ones. ``with_islands`` gives the same target with
    ``TargetOptions.islands``, if it takes any.
    ``keeps_attention`` says that attention stays one op from the first pass on: nothing looks at its parts;
    ``keeps_integer_products`` that the target sums products of integers as such.
    ``newer`` is a later version of the target, to be tried on modules that this one refuses, and ``fitting`` gives the
    version with which a module is begun.
    """

    name: str
    suffix: str
    spatial_layout: Layout
    legalize: Pipeline
    rules: RuleSet
    table: EmitterTable[Any]
    serialize: Callable[[Module, Path], None]
    run: Callable[[Path, Mapping[str, Array]], dict[str, Array]]
    input_types: Callable[[Path], dict[str, TensorType]]
    border: Callable[[DType], DType] = _same
    adapt_input: Callable[[str, Array], Array] = _unchanged
    precision: Precision = Precision.FP32
    tolerance: float = 1e-4
    advice: str = ""
    with_islands: Callable[[Mapping[str, str]], Target] | None = None
    problems: Callable[[Path], Sequence[str]] = _no_problems
    arena: Callable[[Path], int | None] = _no_arena
    is_folder: bool = False
    keeps_attention: bool = False
    keeps_integer_products: bool = False
    newer: Callable[[], Target] | None = None
    fitting: Callable[[Module], Target] | None = None


TARGETS: tuple[str, ...] = ("tflite", "coreml", "mnn", "onnx")
"""The targets' names; each is a package beside this file whose ``target.py`` has ``make_target``."""


def load_target(name: str, options: TargetOptions | None = None) -> Target:
    """The target of that name; raises InputError when there is none, or when it has no such option."""
    if name not in TARGETS:
        raise InputError(f"there is no target {name}; the targets are {', '.join(TARGETS)}")
    target = import_module(f"{__package__}.{name}.target").make_target(options or TargetOptions())
    assert isinstance(target, Target)
    return target


def single_file(write: Callable[[Module, BinaryIO], None]) -> Callable[[Module, Path], None]:
    """A target's ``serialize``, from a function that writes one file's bytes to a stream."""

    def serialize(module: Module, path: Path) -> None:
        with path.open("xb") as stream:
            write(module, stream)

    return serialize


def refuse_bfloat(options: TargetOptions, target: str, reason: str) -> None:
    """Raises InputError when the user asked for bf16, which the target has not for that reason."""
    if options.precision is Precision.BF16:
        advice = "--precision fp16 makes files as small; bf16 is for onnx"
        raise InputError(f"target {target} is not written in bf16: {reason}; {advice}")
