"""MNN as a target of the driver."""

from ...ops.enums import Layout
from ...pass_manager import Pipeline
from ...passes.precision.round_weights import round_weights
from ...types import DType
from ..target import Precision, Target, TargetOptions, refuse_bfloat
from . import runtime
from .emitters import TABLE
from .legalize import RULES, legalize
from .serializer import serialize

TOLERANCES = {Precision.FP16: 1e-2, Precision.FP32: 1e-3, None: 2e-3}
"""Winograd's method explains that of single precision; with none asked for, GELU is approximated in every layer."""

APPROXIMATION_ADVICE = "\n  the runtime approximates GELU; --precision fp32 tells whether that is why"


def make_target(options: TargetOptions) -> Target:
    """The target; raises InputError for an option that it does not have.

    With single precision asked for, it computes nothing by the runtime's approximations.
    """
    refuse_bfloat(
        options, "mnn", "that is a way in which its runtime may compute (precision low_bf16), not one to store"
    )
    precision = options.precision or Precision.FP32
    halves: Pipeline = (round_weights.with_options(),) if precision is Precision.FP16 else ()
    return Target(
        name="mnn",
        suffix=".mnn",
        spatial_layout=Layout.NCHW,
        legalize=(*legalize(is_exact=options.precision is Precision.FP32), *halves),
        rules=RULES,
        table=TABLE,
        serialize=serialize,
        run=runtime.run,
        input_types=runtime.input_types,
        border=border,
        precision=precision,
        tolerance=TOLERANCES[options.precision],
        advice=APPROXIMATION_ADVICE if options.precision is None else "",
    )


def border(dtype: DType) -> DType:
    """Inputs and outputs are f32 or i32: truth values are 0 and 1."""
    return DType.F32 if dtype.is_float else DType.I32
