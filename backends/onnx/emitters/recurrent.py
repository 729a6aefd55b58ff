"""Recurrent layers and loops."""

from collections.abc import Mapping

import numpy as np

from ....ir import Value
from ....ops import control, nn
from ....ops.enums import RecurrentActivation
from ....passes.patterns import constant_array
from ....types import TensorType
from ..graph import Attribute, Graph, OnnxTable, Operand
from .operands import are_known, emits, scalar

TABLE = OnnxTable()

_ACTIVATIONS: Mapping[RecurrentActivation, str] = {
    RecurrentActivation.SIGMOID: "Sigmoid",
    RecurrentActivation.TANH: "Tanh",
    RecurrentActivation.RELU: "Relu",
    RecurrentActivation.AFFINE: "Affine",
    RecurrentActivation.LEAKY_RELU: "LeakyRelu",
    RecurrentActivation.THRESHOLDED_RELU: "ThresholdedRelu",
    RecurrentActivation.SCALED_TANH: "ScaledTanh",
    RecurrentActivation.HARD_SIGMOID: "HardSigmoid",
    RecurrentActivation.ELU: "Elu",
    RecurrentActivation.SOFTSIGN: "Softsign",
    RecurrentActivation.SOFTPLUS: "Softplus",
}
_WITH_ALPHA = frozenset(
    (
        RecurrentActivation.AFFINE,
        RecurrentActivation.LEAKY_RELU,
        RecurrentActivation.THRESHOLDED_RELU,
        RecurrentActivation.SCALED_TANH,
        RecurrentActivation.HARD_SIGMOID,
        RecurrentActivation.ELU,
    )
)
_WITH_BETA = frozenset((RecurrentActivation.AFFINE, RecurrentActivation.SCALED_TANH, RecurrentActivation.HARD_SIGMOID))

Layer = nn.Lstm | nn.Gru | nn.Rnn


def knows_hidden_size(op: Layer) -> bool:
    """a known number of hidden elements"""
    return are_known(op.recurrence.type.shape)


@emits(TABLE, "LSTM", nn.Lstm, when=(knows_hidden_size,))
def lstm(op: nn.Lstm, graph: Graph) -> None:
    operands = [*_weights(op, None, graph), op.lengths, op.initial_h, op.initial_c, op.peephole]
    forget: dict[str, int] = {"input_forget": 1} if op.input_forget else {}
    graph.add("LSTM", operands, _used(op), **_attributes(op), **forget)


@emits(TABLE, "GRU", nn.Gru, when=(knows_hidden_size,))
def gru(op: nn.Gru, graph: Graph) -> None:
    operands = [*_weights(op, op.recurrent_bias, graph), op.lengths, op.initial_h]
    linear = {"linear_before_reset": int(op.linear_before_reset)}
    graph.add("GRU", operands, _used(op), **_attributes(op), **linear)


@emits(TABLE, "RNN", nn.Rnn, when=(knows_hidden_size,))
def rnn(op: nn.Rnn, graph: Graph) -> None:
    graph.add("RNN", [*_weights(op, None, graph), op.lengths, op.initial_h], _used(op), **_attributes(op))


def _used(op: Layer) -> list[Value | None]:
    return [r if r.is_used else None for r in op.results]


def _weights(op: Layer, recurrent_bias: Value | None, graph: Graph) -> list[Operand]:
    """x, W, R and B, which is both biases one behind the other."""
    if op.bias is None and recurrent_bias is None:
        return [op.x, op.weight, op.recurrence, None]
    directions, rows, _ = op.recurrence.type.static_shape
    zeros = np.broadcast_to(scalar(0, op.x.type.dtype), (directions, rows))
    parts = [zeros if b is None else b for b in (op.bias, recurrent_bias)]
    arrays = [constant_array(p) if isinstance(p, Value) else p for p in parts]
    known = [a for a in arrays if a is not None]
    if len(known) == len(parts):
        return [op.x, op.weight, op.recurrence, np.concatenate(known, 1)]
    joined = graph.temporary(TensorType(op.x.type.dtype, (directions, 2 * rows)))
    graph.add("Concat", parts, [joined], axis=1)
    return [op.x, op.weight, op.recurrence, joined]


def _attributes(op: Layer) -> dict[str, Attribute]:
    attributes: dict[str, Attribute] = {
        "direction": op.direction.value,
        "hidden_size": op.recurrence.type.static_shape[2],
        "activations": [_ACTIVATIONS[a] for a in op.activations],
    }
    if op.clip:
        attributes["clip"] = op.clip
    # The standard lists parameters of those activations only that have some.
    for name, values, takers in (
        ("activation_alpha", op.alphas, _WITH_ALPHA),
        ("activation_beta", op.betas, _WITH_BETA),
    ):
        if listed := [v for v, a in zip(values, op.activations, strict=False) if a in takers]:
            attributes[name] = listed
    return attributes


@TABLE.emits(control.While)
def while_(op: control.While, graph: Graph) -> None:
    functions = graph.module.functions
    condition, body = functions[op.condition.name], functions[op.body.name]
    values = [graph.operand(v) for v in op.values]
    (holds,) = graph.inlined(condition, values)
    graph.add("Loop", [None, holds, *values], op.results, body=graph.loop_body(condition, body))


@TABLE.emits(control.If)
def if_(op: control.If, graph: Graph) -> None:
    values = [graph.operand(v) for v in op.values]
    then, otherwise = (graph.branch(graph.module.functions[b.name], values) for b in (op.then_branch, op.else_branch))
    graph.add("If", [op.condition], op.results, then_branch=then, else_branch=otherwise)
