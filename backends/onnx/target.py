"""ONNX as a target of the driver."""

from dataclasses import replace
from functools import partial

from ...errors import InputError
from ...ir import Module
from ...ops import quant
from ...ops.enums import Layout
from ...pass_manager import Pipeline
from ...passes.fusion.recognize_recurrent import recognize_recurrent
from ...passes.lowering.gather_rows import gather_rows
from ...passes.precision.round_weights import round_weights
from ...types import DType
from ..target import Precision, Target, TargetOptions
from . import runtime
from .combine import ATTENTION_OPSET, combine_onnx
from .emitters import TABLE
from .legalize import legalize_onnx, rules_for
from .opsets import NEWEST_OPSET, OLDEST_OPSET
from .serializer import serializer

BFLOAT_OPSET = 13
"""The first whose Cast takes bf16."""

PAIRS_OPSET = 20
"""From opset 21 on onnxruntime (1.31) fails to load what it has put pairs of i8 into itself, around a product and a
sum on more than two axes: it gives their QuantizeLinear the zero point of u8."""

TOLERANCES = {Precision.FP16: 1e-2, Precision.BF16: 8e-2, Precision.FP32: 1e-4}


def make_target(options: TargetOptions) -> Target:
    """ONNX of the opset asked for, or of the newest; raises InputError for one that is not written."""
    opset = NEWEST_OPSET if options.opset is None else options.opset
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise InputError(f"--opset is from {OLDEST_OPSET} to {NEWEST_OPSET}, not {opset}")
    if options.precision is Precision.BF16 and opset < BFLOAT_OPSET:
        raise InputError(f"--precision bf16 needs an --opset from {BFLOAT_OPSET} on, not {opset}")
    return _target(options, opset)


def _target(options: TargetOptions, opset: int) -> Target:
    table = TABLE.at(opset)
    precision = options.precision or Precision.FP32
    may_be_newer = options.opset is None and opset != NEWEST_OPSET
    return Target(
        name="onnx",
        suffix=".onnx",
        spatial_layout=Layout.NCHW,
        legalize=_pipeline(options, opset),
        rules=rules_for(opset),
        table=table,
        serialize=serializer(table, opset, DType.BF16 if precision is Precision.BF16 else None),
        run=runtime.run,
        input_types=runtime.input_types,
        newer=(lambda: _target(options, NEWEST_OPSET)) if may_be_newer else None,
        fitting=partial(_fitting, options) if options.opset is None else None,
        keeps_attention=opset >= ATTENTION_OPSET and precision is not Precision.FP16,
        keeps_integer_products=True,
        precision=precision,
        tolerance=TOLERANCES[precision],
        with_islands=lambda islands: _target(replace(options, islands=islands), opset),
    )


def _pipeline(options: TargetOptions, opset: int) -> Pipeline:
    layers = recognize_recurrent.with_options()
    combine, legalize = combine_onnx.with_options(opset=opset), legalize_onnx.with_options(opset=opset)
    if options.precision is Precision.FP16:
        # Most models are compiled in f32.
        from ...passes.precision.lower_precision import encode_islands, lower_precision

        # Before groups become one op, of which parts may have to be single.
        lower = lower_precision.with_options(islands=encode_islands(options.islands), keeps_pairs=True)
        return (layers, lower, combine, gather_rows.with_options(), legalize)
    if options.precision is Precision.BF16:
        return (layers, combine, gather_rows.with_options(), legalize, round_weights.with_options(dtype=DType.BF16))
    return (layers, combine, gather_rows.with_options(), legalize)


def _fitting(options: TargetOptions, module: Module) -> Target:
    """The newest opset, but for pairs of i8 around data the newest that onnxruntime can fuse them in."""
    ops = (op for function in module.functions.values() for op in function.ops)
    has_pairs = any(isinstance(op, quant.Quantize) and op.storage is DType.I8 for op in ops)
    return _target(options, PAIRS_OPSET if has_pairs else NEWEST_OPSET)
