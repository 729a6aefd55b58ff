"""TFLite as a target of the driver."""

from dataclasses import replace
from functools import partial
from typing import BinaryIO

from ...ir import Module
from ...ops.enums import Layout
from ...pass_manager import Pipeline
from ...passes.precision.round_weights import round_weights
from ..target import Precision, Target, TargetOptions, refuse_bfloat, single_file
from . import runtime
from .arena import arena_size
from .emitters import TABLE
from .legalize import RULES, legalize_tflite
from .serializer import serialize

TOLERANCES = {Precision.FP16: 1e-2, Precision.FP32: 1e-4}


def make_target(options: TargetOptions) -> Target:
    """TFLite; raises InputError for a precision that it is not compiled in."""
    refuse_bfloat(options, "tflite", "its runtimes restore f32 from f16 alone")
    precision = options.precision or Precision.FP32
    halves: Pipeline = (round_weights.with_options(),) if precision is Precision.FP16 else ()
    return Target(
        name="tflite",
        suffix=".tflite",
        spatial_layout=Layout.NHWC,
        # Before norms are taken apart.
        legalize=(legalize_tflite.with_options(dynamic=options.is_dynamic), *halves),
        rules=RULES,
        table=TABLE,
        serialize=single_file(partial(_serialize, options)),
        run=runtime.run,
        input_types=runtime.input_types,
        arena=arena_size,
        precision=precision,
        tolerance=TOLERANCES[precision],
        with_islands=lambda islands: make_target(replace(options, islands=islands)),
    )


def _serialize(options: TargetOptions, module: Module, stream: BinaryIO) -> None:
    """The file asks for f16 where all of it can be computed so: it has no other way to say that a part cannot."""
    serialize(module, stream, options.precision is Precision.FP16 and not _has_islands(options, module))


def _has_islands(options: TargetOptions, module: Module) -> bool:
    # Most models are compiled in f32.
    from ...passes.precision.islands import find_islands

    return bool(options.islands) or any(find_islands(f, options.islands) for f in module.functions.values())
