"""Recurrent layers of ONNX."""

from collections.abc import Sequence
from dataclasses import dataclass

from ....ir import Value
from ....ops import math, nn, tensor
from ....ops.enums import Direction, RecurrentActivation
from ..node import Imported, ImporterTable, Node, Unsupported, scalar

TABLE = ImporterTable()

_A = RecurrentActivation
_ACTIVATIONS: dict[str, tuple[RecurrentActivation, tuple[float, ...]]] = {
    "sigmoid": (_A.SIGMOID, ()),
    "tanh": (_A.TANH, ()),
    "relu": (_A.RELU, ()),
    "affine": (_A.AFFINE, (0.0, 0.0)),
    "leakyrelu": (_A.LEAKY_RELU, (0.01,)),
    "thresholdedrelu": (_A.THRESHOLDED_RELU, (0.0,)),
    "scaledtanh": (_A.SCALED_TANH, (0.0, 0.0)),
    "hardsigmoid": (_A.HARD_SIGMOID, (0.2, 0.5)),
    "elu": (_A.ELU, (1.0,)),
    "softsign": (_A.SOFTSIGN, ()),
    "softplus": (_A.SOFTPLUS, ()),
}
"""The standard's name, in lower case -> the activation and the defaults of its alpha and beta, where it has them.

For affine and scaled tanh the standard gives no defaults, and those of the thresholded relu are said to be the
operator's; onnxruntime, which we follow, takes 0 for all of them."""


@dataclass
class _Layer:
    """What the three operators share, read from a node."""

    x: Value
    weight: Value
    recurrence: Value
    lengths: Value | None
    initial_h: Value | None
    direction: Direction
    activations: tuple[RecurrentActivation, ...]
    alphas: tuple[float, ...]
    betas: tuple[float, ...]
    clip: float
    is_batch_major: bool


def _layer(node: Node, default_activations: Sequence[str]) -> _Layer:
    direction_name = node.string("direction", "forward").lower()
    if direction_name not in {d.value for d in Direction}:
        raise Unsupported(f"there is no direction {direction_name}")
    direction = Direction(direction_name)
    is_batch_major = bool(node.int("layout", 0))
    names = node.strings("activations", (*default_activations,) * direction.count)
    activations, alphas, betas = _activations(node, names)
    return _Layer(
        _time_major(node.operand(0), is_batch_major),
        node.operand(1),
        node.operand(2),
        node.optional(4),
        _initial_state(node, 5, is_batch_major),
        direction,
        activations,
        alphas,
        betas,
        node.float("clip", 0.0),
        is_batch_major,
    )


def _activations(
    node: Node, names: Sequence[str]
) -> tuple[tuple[RecurrentActivation, ...], tuple[float, ...], tuple[float, ...]]:
    """The activations with a parameter of either kind for each, or none at all when none takes any.

    A list of parameters is consumed in order by those activations that take one, and may be shorter.
    """
    if unknown := [name for name in names if name.lower() not in _ACTIVATIONS]:
        raise Unsupported(f"there is no activation {unknown[0]}")
    found = [_ACTIVATIONS[name.lower()] for name in names]
    given_alphas, given_betas = iter(node.floats("activation_alpha", ())), iter(node.floats("activation_beta", ()))
    alphas = [next(given_alphas, defaults[0]) if defaults else 1.0 for _, defaults in found]
    betas = [next(given_betas, defaults[1]) if len(defaults) > 1 else 0.0 for _, defaults in found]
    kinds = tuple(kind for kind, _ in found)
    if not any(defaults for _, defaults in found):
        return kinds, (), ()
    return kinds, tuple(alphas), tuple(betas)


def _time_major(x: Value, is_batch_major: bool) -> Value:
    """[B, T, ...] -> [T, B, ...]"""
    if not is_batch_major:
        return x
    if x.type.rank < 2:
        raise Unsupported(f"input 0 is {x.type}, which has no time axis")
    return tensor.Transpose(x, (1, 0, *range(2, x.type.rank))).result


def _initial_state(node: Node, index: int, is_batch_major: bool) -> Value | None:
    """[D, B, H], zero for samples of length 0: in onnxruntime their final state is that."""
    given, lengths = node.optional(index), node.optional(4)
    if given is None:
        return None
    state = _time_major(given, is_batch_major)
    if lengths is None or lengths.type.rank != 1:
        return state
    column = tensor.Reshape(lengths, None, (*lengths.type.shape, 1)).result
    return math.Select(math.Greater(column, scalar(0, column)).result, state, scalar(0.0, state)).result


def _results(op: nn.Recurrent, is_batch_major: bool) -> Imported:
    """The op's results; batch-major y is [B, T, D, H] and a state [B, D, H]."""
    if not is_batch_major:
        return op
    y, *states = op.results
    return [tensor.Transpose(y, (2, 0, 1, 3)).result, *(tensor.Transpose(s, (1, 0, 2)).result for s in states)]


def _biases(node: Node) -> tuple[Value, Value] | None:
    """The halves of the bias, [D, G * H] each: that of the input and that of the state."""
    bias = node.optional(3)
    if bias is None:
        return None
    if bias.type.rank != 2:
        raise Unsupported(f"input 3 is {bias.type}, not a matrix")
    half = bias.type.shape[1] // 2
    first, second = tensor.Split(bias, 1, (half, bias.type.shape[1] - half)).results
    return first, second


def _summed_bias(node: Node) -> Value | None:
    halves = _biases(node)
    return None if halves is None else math.Add(*halves).result


@TABLE.imports("RNN")
def rnn(node: Node) -> Imported:
    layer = _layer(node, ("Tanh",))
    op = nn.Rnn(
        layer.x, layer.weight, layer.recurrence, _summed_bias(node), layer.lengths, layer.initial_h,
        layer.direction, layer.activations, layer.alphas, layer.betas, layer.clip,
    )  # fmt: skip
    return _results(op, layer.is_batch_major)


@TABLE.imports("LSTM")
def lstm(node: Node) -> Imported:
    layer = _layer(node, ("Sigmoid", "Tanh", "Tanh"))
    initial_c = _initial_state(node, 6, layer.is_batch_major)
    op = nn.Lstm(
        layer.x, layer.weight, layer.recurrence, _summed_bias(node), layer.lengths, layer.initial_h, initial_c,
        node.optional(7), layer.direction, layer.activations, layer.alphas, layer.betas, layer.clip,
        bool(node.int("input_forget", 0)),
    )  # fmt: skip
    return _results(op, layer.is_batch_major)


@TABLE.imports("GRU")
def gru(node: Node) -> Imported:
    layer = _layer(node, ("Sigmoid", "Tanh"))
    bias, recurrent_bias = _biases(node) or (None, None)
    op = nn.Gru(
        layer.x, layer.weight, layer.recurrence, bias, recurrent_bias, layer.lengths, layer.initial_h,
        layer.direction, layer.activations, layer.alphas, layer.betas, layer.clip,
        bool(node.int("linear_before_reset", 0)),
    )  # fmt: skip
    return _results(op, layer.is_batch_major)
