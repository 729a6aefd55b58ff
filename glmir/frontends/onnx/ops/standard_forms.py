"""Nodes of other domains as nodes of the standard: where only the name, the version or the operands' order differ."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ....ir import Op, Value
from ..node import AttributeValue, Imported, Node

NEWEST_KNOWN = 17
"""The opset of the operators that nodes of other domains stand for, unless they say otherwise."""


def as_standard(
    node: Node,
    op_type: str,
    operands: Sequence[Value | None] | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    opset: int = NEWEST_KNOWN,
) -> Imported:
    """What the standard's operator computes of the node's operands and attributes, or of others given for them."""
    standard = replace(
        node,
        op_type=op_type,
        domain="",
        opset=opset,
        operands=node.operands if operands is None else tuple(operands),
        attributes=dict(node.attributes if attributes is None else attributes),
    )
    return node.scope.importers["", op_type](standard)


def first(imported: Imported) -> Value:
    """The first output."""
    results = imported.results if isinstance(imported, Op) else imported
    return results if isinstance(results, Value) else results[0]
