"""MNN as a target of the driver."""

from ...ops.enums import Layout
from ...types import DType
from ..target import Target, TargetOptions, require_single_precision
from . import runtime
from .emitters import TABLE
from .legalize import LEGALIZE, RULES
from .serializer import serialize

GELU_ERROR = 1e-3
"""What networks may be off, as a part of an output's largest magnitude, with GELU approximated in every layer."""


def make_target(options: TargetOptions) -> Target:
    """The target; raises InputError for an option that it does not have."""
    require_single_precision(options, "mnn")
    return Target(
        name="mnn",
        suffix=".mnn",
        spatial_layout=Layout.NCHW,
        legalize=LEGALIZE,
        rules=RULES,
        table=TABLE,
        serialize=serialize,
        run=runtime.run,
        input_types=runtime.input_types,
        border=border,
        tolerance=GELU_ERROR,
    )


def border(dtype: DType) -> DType:
    """Inputs and outputs are f32 or i32: truth values are 0 and 1."""
    return DType.F32 if dtype.is_float else DType.I32
