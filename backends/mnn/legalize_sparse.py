"""Compressed weights as plain constants, but for sparse ones that MNN has kernels for."""

import numpy as np

from ...ir import Module, Op
from ...ops import nn, quant
from ...pass_manager import module_pass
from ...passes.lowering import dissolve_compression
from ...passes.patterns import elements_of, is_compressed
from ...rewriter import RuleSet, apply_rules
from ...types import DType

POINT_SPARSITY, WINDOW_SPARSITY = 0.75, 0.85
"""From which share of zeros on the sparse kernels are faster than the dense ones, for kernels of one point and of more:
the latter are computed by Winograd's algorithm. Measured on x86 with AVX2, in MobileNetV2 and ResNet-18."""


@module_pass(needed=True)
def legalize_mnn_compression(module: Module) -> bool:
    """Makes constants of compressed weights, but of sparse floats that the layers' kernels are faster on."""
    return apply_rules(module, RuleSet(dissolve_compression.RULES, only=lambda op: not stays_sparse(op)))


def stays_sparse(op: Op) -> bool:
    """Whether an op makes a weight of zeros mostly, for layers that MNN stores and computes sparse."""
    if not isinstance(op, quant.Densify) or not is_compressed(op.result) or op.values.type.dtype is not DType.F32:
        return False
    users = op.result.users
    if not users or not all(isinstance(user, nn.Conv | nn.Linear) and _takes_sparse(user, op) for user in users):
        return False
    weight = elements_of(op.result)
    threshold = POINT_SPARSITY if np.prod(weight.shape[2:]) == 1 else WINDOW_SPARSITY
    return bool(1 - np.count_nonzero(weight) / weight.size >= threshold)


def _takes_sparse(layer: nn.Conv | nn.Linear, weight: quant.Densify) -> bool:
    if layer.x is weight.result or layer.weight is not weight.result:
        return False
    return isinstance(layer, nn.Linear) or (layer.groups == 1 and layer.spatial_rank <= 2)
