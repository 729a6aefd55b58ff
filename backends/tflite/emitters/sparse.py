"""Weights that are mostly zeros: stored sparse, and made dense by an operator once, when the model is loaded."""

from collections.abc import Sequence

import numpy as np

from ....ir import Value
from ....ops import nn, quant
from ....passes.patterns import elements_of, is_known
from ....types import DType
from ..graph import Graph, Slot, TfliteTable
from ..schema_enums import BuiltinOperator
from ..schema_options import DensifyOptions

TABLE = TfliteTable()


def is_constant(op: quant.Densify) -> bool:
    """constant values and a constant mask"""
    return is_known(op.values) and is_known(op.mask)


def is_stored_sparse(op: quant.Densify) -> bool:
    """f32 values, of one axis or more"""
    return op.values.type.dtype is DType.F32 and op.result.type.rank >= 1


@TABLE.emits(quant.Densify, when=(is_constant, is_stored_sparse))
def densify(op: quant.Densify, graph: Graph) -> None:
    """Convolutions ask for their weights' axes in another order, and densify those themselves."""
    if any(not isinstance(user, nn.Convolution) for user in op.result.users) or not op.has_uses:
        graph.add(
            BuiltinOperator.DENSIFY, [graph.sparse_constant(elements_of(op.result))], [op.result], DensifyOptions()
        )


def densified(value: Value, permutation: Sequence[int], graph: Graph) -> Slot:
    """A sparse weight with its axes reordered, made dense."""
    weight = np.transpose(elements_of(value), permutation)
    result = graph.temporary(value.type.with_shape(weight.shape))
    graph.add(BuiltinOperator.DENSIFY, [graph.sparse_constant(weight)], [result], DensifyOptions())
    return result
