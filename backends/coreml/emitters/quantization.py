"""Numbers to small integers and back, at run time. Weights are in compression.py."""

from ....ops import quant
from ....passes.patterns import constant_array, is_compressed
from ....types import DType
from ...conditions import takes
from ..program import CoremlTable, Parameter, Program
from .conditions import FLOATS

TABLE = CoremlTable()

_STORED = {DType.I8: "int8", DType.U8: "uint8"}


def stores_bytes(op: quant.Scaled) -> bool:
    """integers of 8 bits"""
    return op.stored in _STORED


def has_no_blocks(op: quant.Scaled) -> bool:
    """one scale, or one for each index of an axis"""
    return op.block is None


def knows_parameters(op: quant.Scaled) -> bool:
    """constant scales and zero points"""
    return all(v is None or constant_array(v) is not None for v in (op.scale, op.zero_point))


def is_of_floats(op: quant.Scaled) -> bool:
    """numbers of f16 or f32"""
    return op.scale.type.dtype in FLOATS


def is_computed(op: quant.Scaled) -> bool:
    """computed integers"""
    return not is_compressed(op.results[0])


_COMMON = (stores_bytes, has_no_blocks, knows_parameters, is_of_floats)


def _parameters(op: quant.Scaled) -> dict[str, Parameter]:
    parameters: dict[str, Parameter] = {"scale": op.scale}
    if op.zero_point is not None:
        parameters["zero_point"] = op.zero_point
    if op.axis is not None:
        parameters["axis"] = op.axis
    return parameters


@TABLE.emits(quant.Quantize, when=(*_COMMON, takes(*FLOATS)), since=17)
def quantize(op: quant.Quantize, program: Program) -> None:
    program.add("quantize", op.result, input=op.x, output_dtype=_STORED[op.storage], **_parameters(op))


@TABLE.emits(quant.Dequantize, when=(*_COMMON, is_computed), since=17)
def dequantize(op: quant.Dequantize, program: Program) -> None:
    program.add("dequantize", op.result, input=op.x, **_parameters(op))
