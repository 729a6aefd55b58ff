"""Weights that are mostly zeros: layers store them sparse."""

from ....ir import Value
from ....ops import nn, quant
from ....passes.patterns import is_compressed
from ..graph import Graph, MnnTable

TABLE = MnnTable()


def is_stored_sparse(value: Value) -> bool:
    """Whether the value is made of constants that say what is not zero."""
    return isinstance(value.owner, quant.Densify) and is_compressed(value)


def is_weight_of_layers(op: quant.Densify) -> bool:
    """a constant weight of convolutions of one group, or of linear layers"""
    return is_stored_sparse(op.result) and all(
        isinstance(user, nn.Conv | nn.Linear) and user.weight is op.result and user.x is not op.result
        for user in op.result.users
    )


@TABLE.emits(quant.Densify, when=(is_weight_of_layers,))
def densify(op: quant.Densify, graph: Graph) -> None:
    """Weights are written where they are used."""
