"""What becomes of quantize, dequantize and compressed weights: kept where a program has the form, else spelled out."""

from collections.abc import Mapping, Sequence
from math import gcd

import numpy as np

from ...ir import Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, quant, tensor
from ...pass_manager import module_pass
from ...passes.lowering import dissolve_compression, expand_quantization
from ...passes.patterns import constant, constant_array, elements_of, is_compressed
from ...rewriter import RuleSet, apply_rules
from ...types import DType
from .emitters import TABLE
from .emitters.compression import NEW_FORMS, NEW_PALETTE_BITS, PALETTE_BITS
from .opsets import DEFAULT_VERSION

LEAST_BLOCK = 8
"""Of smaller blocks the scales take as much room as is saved."""

_PLACES: Mapping[type[Op], tuple[str, ...]] = {
    nn.Conv: ("weight",),
    nn.ConvTranspose: ("weight",),
    nn.Linear: ("weight",),
    math.MatMul: ("x", "y"),
    tensor.Gather: ("x",),
}
"""Where a weight may be compressed."""

QUANTIZING = (quant.Scaled, quant.Depalettize, quant.Densify)

RULES = RuleSet()

FITTING = RuleSet()
"""Forms that a program has not, as the nearest that it has and that mean the same."""


@module_pass(needed=True)
def fit_coreml_quantization(module: Module, *, version: int = DEFAULT_VERSION, may_be_newer: bool = False) -> bool:
    """Spells out what the release cannot quantize, dequantize or decompress.

    With ``may_be_newer`` what a later release can is left as it is.
    """

    table = TABLE.at(version)

    def keeps(op: Op) -> bool:
        return table.is_legal(op) or (may_be_newer and TABLE.is_legal(op))

    changed = apply_rules(module, _widening(version))
    changed |= apply_rules(module, RuleSet(FITTING, only=lambda op: not keeps(op)))
    spelled_out = RuleSet(
        dissolve_compression.RULES, expand_quantization.RULES, only=lambda op: not (keeps(op) and is_well_placed(op))
    )
    return apply_rules(module, spelled_out) or changed


def dissolve_misplaced(module: Module) -> bool:
    """Makes constants of compressed weights that something else takes than what may take them."""
    return apply_rules(module, RuleSet(dissolve_compression.RULES, only=lambda op: not is_well_placed(op)))


def is_well_placed(op: Op) -> bool:
    """Whether an op computes no compressed weight, or only what layers may take so, and parts of weights."""
    if not is_compressed(op.results[0]):
        return True
    return all(_may_take(user, op.results[0]) for user in op.results[0].uses)


def _may_take(user: Op, weight: Value) -> bool:
    if user.is_compressed:
        return is_well_placed(user)
    places = _PLACES.get(type(user), ())
    others = [v for v in user.operands if v is weight]
    return len(others) == sum(getattr(user, place) is weight for place in places)


@FITTING.on(quant.Dequantize)
def dequantize_of_dense(op: quant.Dequantize) -> Op | None:
    """dequantize(compressed) -> dequantize(constant)"""
    return replace(op, x=constant(elements_of(op.x), op.x)) if is_compressed(op.x) else None


@FITTING.on(quant.Densify)
def densify_of_known(op: quant.Densify) -> Op | None:
    """densify(compressed) -> densify(constant)"""
    return replace(op, values=constant(elements_of(op.values))) if is_compressed(op.values) else None


@FITTING.on(quant.Dequantize)
def dequantize_of_smaller_blocks(op: quant.Dequantize) -> Op | None:
    """dequantize(w, block) -> dequantize(w, a block that divides the axis)"""
    if op.block is None or op.axis is None or not is_compressed(op.result):
        return None
    size = op.x.type.static_shape[op.axis]
    block = gcd(op.block, size)
    if block == op.block or block < LEAST_BLOCK:
        return None
    places = np.arange(size // block) * block // op.block
    scale, zeros = (None if v is None else np.take(elements_of(v), places, op.axis) for v in (op.scale, op.zero_point))
    assert scale is not None
    return replace(op, scale=constant(scale), zero_point=None if zeros is None else constant(zeros), block=block)


@FITTING.on(quant.Dequantize)
def dequantize_of_bytes(op: quant.Dequantize) -> Op | None:
    """dequantize(i4) -> dequantize(i8)"""
    wider = {DType.I4: DType.I8, DType.U4: DType.U8}.get(op.stored)
    if wider is None or op.block is not None or not is_compressed(op.result):
        return None
    x, zeros = (None if v is None else constant(elements_of(v).astype(wider.numpy)) for v in (op.x, op.zero_point))
    return replace(op, x=x, zero_point=zeros)


@RULES.on(Op)
def layer_of_dense_weight(op: Op) -> Op | None:
    """f(compressed) -> f(constant)"""
    fields = {f.name: getattr(op, f.name) for f in op.definition.operand_fields}
    weights = {n: v for n, v in fields.items() if isinstance(v, Value) and is_compressed(v)}
    if not weights or isinstance(op, QUANTIZING):
        return None
    return replace(op, **{n: constant(elements_of(v)) for n, v in weights.items()})


def _widening(version: int) -> RuleSet:
    rules = RuleSet()
    choice: Sequence[int] = NEW_PALETTE_BITS if version >= NEW_FORMS else PALETTE_BITS

    @rules.on(quant.Depalettize)
    def depalettize_of_more_bits(op: quant.Depalettize) -> Op | None:
        """depalettize(indices, table) -> depalettize(indices, longer table)"""
        table = constant_array(op.table)
        if table is None or op.bits in choice:
            return None
        bits = min(b for b in choice if b > op.bits)
        # What no index chooses.
        rest = np.zeros((1 << bits) - table.size, table.dtype)
        return replace(op, table=constant(np.concatenate([table, rest])), bits=bits)

    return rules
