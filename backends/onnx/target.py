"""ONNX as a target of the driver."""

from ...errors import InputError
from ...ir import Module
from ...ops import quant
from ...ops.enums import Layout
from ...types import DType
from ..target import Target, TargetOptions, require_single_precision
from . import runtime
from .combine import combine_onnx
from .emitters import TABLE
from .legalize import legalize_onnx, rules_for
from .opsets import NEWEST_OPSET, OLDEST_OPSET
from .serializer import serializer

PAIRS_OPSET = 20
"""From opset 21 on onnxruntime (1.31) fails to load what it has put pairs of i8 into itself, around a product and a
sum on more than two axes: it gives their QuantizeLinear the zero point of u8."""


def make_target(options: TargetOptions) -> Target:
    """ONNX of the opset asked for, or of the newest; raises InputError for one that is not written."""
    require_single_precision(options, "onnx")
    opset = NEWEST_OPSET if options.opset is None else options.opset
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise InputError(f"--opset is from {OLDEST_OPSET} to {NEWEST_OPSET}, not {opset}")
    return _target(opset, is_chosen=options.opset is not None)


def _target(opset: int, is_chosen: bool) -> Target:
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
        newer=None if is_chosen or opset == NEWEST_OPSET else lambda: _target(NEWEST_OPSET, is_chosen=False),
        fitting=None if is_chosen else _fitting,
    )


def _fitting(module: Module) -> Target:
    """The newest opset, but for pairs of i8 around data the newest that onnxruntime can fuse them in."""
    ops = (op for function in module.functions.values() for op in function.ops)
    has_pairs = any(isinstance(op, quant.Quantize) and op.storage is DType.I8 for op in ops)
    return _target(PAIRS_OPSET if has_pairs else NEWEST_OPSET, is_chosen=False)
