"""ONNX as a target of the driver."""

from ...errors import InputError
from ...ops.enums import Layout
from ..target import Target, TargetOptions, require_single_precision
from . import runtime
from .combine import combine_onnx
from .emitters import TABLE
from .legalize import legalize_onnx, rules_for
from .opsets import NEWEST_OPSET, OLDEST_OPSET
from .serializer import serializer


def make_target(options: TargetOptions) -> Target:
    """ONNX of the opset asked for, or of the newest; raises InputError for one that is not written."""
    require_single_precision(options, "onnx")
    opset = NEWEST_OPSET if options.opset is None else options.opset
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise InputError(f"--opset is from {OLDEST_OPSET} to {NEWEST_OPSET}, not {opset}")
    table = TABLE.at(opset)
    return Target(
        name="onnx",
        suffix=".onnx",
        spatial_layout=Layout.NCHW,
        legalize=(combine_onnx.with_options(opset=opset), legalize_onnx.with_options(opset=opset)),
        rules=rules_for(opset),
        table=table,
        serialize=serializer(table, opset),
        run=runtime.run,
        input_types=runtime.input_types,
    )
