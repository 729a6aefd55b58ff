"""Operators of ONNX whose results are random: they give the same numbers in every run, of which a warning tells."""

import numpy as np

from ....ir import Value
from ....ops import math, nn, tensor
from ....types import DType, Shape
from ...random_numbers import further_uniform_numbers, normal_numbers, uniform_numbers
from ...values import reshape
from ..node import Imported, ImporterTable, Node, Unsupported, cast, constant, scalar

TABLE = ImporterTable()


def _seed(node: Node) -> int:
    """The node's seed; nodes that have none get different ones."""
    node.scope.random_nodes.append(node.name)
    return int(node.float("seed")) if node.has("seed") else len(node.scope.random_nodes) - 1


def _shape_and_dtype(node: Node) -> tuple[Shape, DType]:
    """Those of the result: attributes, or where those are left out the operand's."""
    shape = node.type(0).shape if node.operands else node.ints("shape")
    if node.has("dtype"):
        dtype = node.dtype("dtype")
    else:
        dtype = node.type(0).dtype if node.operands else DType.F32
    if not dtype.is_float:
        raise Unsupported(f"random numbers of the element type {dtype.value} are not supported")
    return shape, dtype


def random_results(names: list[str]) -> str:
    """What a user should know of nodes that draw random numbers."""
    subject = f"node {names[0]} draws" if len(names) == 1 else f"nodes {', '.join(names[:8])} draw"
    return (
        f"{subject} random numbers, which are the same in every run of what is compiled; "
        "for others in each run make them an input of the model"
    )


@TABLE.imports("RandomNormal", "RandomNormalLike")
def _random_normal(node: Node) -> Imported:
    shape, dtype = _shape_and_dtype(node)
    return _moved(normal_numbers(shape, _seed(node), dtype), node.float("scale", 1.0), node.float("mean", 0.0))


@TABLE.imports("RandomUniform", "RandomUniformLike")
def _random_uniform(node: Node) -> Imported:
    shape, dtype = _shape_and_dtype(node)
    low, high = node.float("low", 0.0), node.float("high", 1.0)
    return _moved(uniform_numbers(shape, _seed(node), dtype), high - low, low)


def _moved(x: Value, scale: float, offset: float) -> Value:
    """x * scale + offset"""
    scaled = x if scale == 1 else math.Mul(x, scalar(scale, x)).result
    return scaled if offset == 0 else math.Add(scaled, scalar(offset, x)).result


@TABLE.imports("Bernoulli")
def _bernoulli(node: Node) -> Imported:
    """1 with the probability that the operand is, by the inversion that numpy's binomial distribution uses.

    An operand that was itself drawn with the seed must not decide, as in the standard's own cases it does not.
    """
    x = node.operand(0)
    drawn = further_uniform_numbers(x.type.shape, _seed(node), x.type.dtype)
    is_above = math.Greater(drawn, math.Sub(scalar(1, x), x).result).result
    is_below = math.LessEqual(drawn, x).result
    is_even = math.LessEqual(x, scalar(0.5, x)).result
    y = math.LogicalOr(
        math.LogicalAnd(is_even, is_above).result,
        math.LogicalAnd(math.LogicalNot(is_even).result, is_below).result,
    )
    return cast(y.result, node.dtype("dtype") if node.has("dtype") else x.type.dtype)


@TABLE.imports("Multinomial")
def _multinomial(node: Node) -> Imported:
    """Classes drawn by logarithms of their probabilities, which need not be normalised.

    A number below the running sum of the probabilities falls into the first class whose sum is above it.
    """
    x, count = node.operand(0), node.int("sample_size", 1)
    if x.type.rank != 2 or not isinstance(x.type.shape[1], int):
        raise Unsupported(f"its operand is {x.type}, not [batch, classes] with a known number of classes")
    batch, classes = x.type.shape
    sums = math.CumSum(nn.Softmax(cast(x, DType.F32), 1).result, 1).result
    bounds = tensor.Reshape(sums, None, (batch, 1, classes)).result
    drawn = uniform_numbers((batch, count, 1), _seed(node), DType.F32)
    passed = cast(math.GreaterEqual(drawn, bounds).result, DType.I32)
    places = math.ReduceSum(passed, (2,), False).result
    # The sums' rounding may leave the last of them below 1.
    chosen = math.Minimum(places, constant(np.array(classes - 1, np.int32))).result
    return cast(chosen, node.dtype("dtype") if node.has("dtype") else DType.I32)


@TABLE.imports("Dropout")
def _dropout(node: Node) -> Imported:
    """At inference it does nothing, and the mask says that every element is kept; in training it drops some."""
    x, is_training = node.operand(0), _is_training(node)
    if is_training is False:
        return (x, _all_kept(node)) if node.wants_output(1) else x
    ratio = _ratio(node)
    known_ratio = ratio if isinstance(ratio, float) else None
    if known_ratio == 0:
        return x, _all_kept(node)
    kept = _kept(x.type.shape, _seed(node), ratio)
    if known_ratio is not None:
        scaled = math.Mul(x, scalar(1 / (1 - known_ratio) if known_ratio != 1 else 0, x)).result
    else:
        assert isinstance(ratio, Value)
        rest = cast(math.Sub(scalar(1, ratio), ratio).result, x.type.dtype)
        scaled = math.Div(x, rest).result
    y = math.Select(kept, scaled, scalar(0, x)).result
    if isinstance(is_training, Value):
        y = math.Select(is_training, y, x).result
        kept = math.Select(is_training, kept, constant(np.array(True))).result
    return y, cast(kept, _mask_dtype(node))


def _is_training(node: Node) -> bool | Value:
    """An attribute says the contrary before opset 7, an operand says it since 12; in between there is no training."""
    if node.opset < 7:
        return not node.int("is_test", 0)
    if node.opset < 12 or node.optional(2) is None or node.dims(2) == (0,):
        return False
    array = node.constant(2)
    return reshape(node.operand(2), ()) if array is None else bool(array.item())


def _ratio(node: Node) -> float | Value:
    """The probability with which an element is dropped."""
    if node.opset < 12 or node.optional(1) is None:
        return node.float("ratio", 0.5)
    numbers = node.numbers(1)
    return reshape(node.operand(1), ()) if numbers is None else numbers[0]


def _kept(shape: Shape, seed: int, ratio: float | Value) -> Value:
    """Whether an element is kept."""
    drawn = uniform_numbers(shape, seed, DType.F32)
    limit = cast(ratio, DType.F32) if isinstance(ratio, Value) else scalar(ratio, drawn)
    return math.GreaterEqual(drawn, limit).result


def _all_kept(node: Node) -> Value:
    return tensor.Expand(constant(np.array(1, _mask_dtype(node).numpy)), None, node.type(0).shape).result


def _mask_dtype(node: Node) -> DType:
    """Before opset 10 the mask has the operand's elements."""
    return node.type(0).dtype if node.opset < 10 else DType.BOOL
