"""Operators of the domain ai.onnx.ml that compute tensors of tensors: what stands before and behind linear models.

https://onnx.ai/onnx/operators/#ai-onnx-ml. Where the standard leaves signs and zeros open, onnxruntime is followed.
"""

import math as numbers
from collections.abc import Sequence

import numpy as np

from ....dims import product
from ....ir import Op, Value
from ....ops import math, nn, tensor
from ....types import DType
from ..node import Imported, ImporterTable, Node, Unsupported, cast, constant, scalar

TABLE = ImporterTable("ai.onnx.ml")


@TABLE.imports("Scaler")
def scaler(node: Node) -> Imported:
    x = cast(node.operand(0), DType.F32)
    offset, scale = (_floats(node, name) for name in ("offset", "scale"))
    return math.Mul(math.Sub(x, offset).result, scale)


@TABLE.imports("Binarizer")
def binarizer(node: Node) -> Imported:
    x = node.operand(0)
    is_above = math.Greater(x, scalar(node.float("threshold", 0.0), x)).result
    return tensor.Cast(is_above, x.type.dtype)


@TABLE.imports("Normalizer")
def normalizer(node: Node) -> Imported:
    """Rows over their largest element, or their norm; rows of which that is 0 stay as they are."""
    x, norm = cast(node.operand(0), DType.F32), node.string("norm", "MAX")
    axes = (x.type.rank - 1,)
    if norm == "MAX":
        divisor = math.ReduceMax(x, axes, True).result
    elif norm == "L1":
        divisor = math.ReduceSum(math.Abs(x).result, axes, True).result
    elif norm == "L2":
        divisor = math.Sqrt(math.ReduceSum(math.Square(x).result, axes, True).result).result
    else:
        raise Unsupported(f"there is no norm {norm}")
    zero = math.Equal(divisor, scalar(0, divisor)).result
    return math.Div(x, math.Select(zero, scalar(1, divisor), divisor).result)


@TABLE.imports("Imputer")
def imputer(node: Node) -> Imported:
    """Elements that are the replaced value, or NaN if that is NaN, become the imputed one of their column."""
    x = node.operand(0)
    kind = "float" if x.type.dtype.is_float else "int64"
    is_float = kind == "float"
    given = node.floats(f"imputed_value_{kind}s") if is_float else node.ints(f"imputed_value_{kind}s")
    imputed = constant(np.array(given, x.type.dtype.numpy))
    replaced = node.float("replaced_value_float", 0.0) if is_float else node.int("replaced_value_int64", 0)
    if numbers.isnan(replaced):
        missing = math.IsNan(x).result
    else:
        missing = math.Equal(x, scalar(replaced, x)).result
    return math.Select(missing, imputed, x)


@TABLE.imports("ArrayFeatureExtractor")
def array_feature_extractor(node: Node) -> Op:
    x, indices = node.operand(0), node.operand(1)
    return tensor.Gather(x, tensor.Reshape(indices, None, (product(indices.type.shape),)).result, x.type.rank - 1)


@TABLE.imports("LinearRegressor")
def linear_regressor(node: Node) -> Imported:
    return _transformed(node, _scores(node, node.int("targets", 1)))


@TABLE.imports("LinearClassifier")
def linear_classifier(node: Node) -> Imported:
    """The label with the largest score, and the scores."""
    if node.has("classlabels_strings"):
        raise Unsupported("its labels are strings; export the model with labels that are integers")
    labels = node.ints("classlabels_ints")
    scores = _scores(node, len(labels))
    best = math.ArgMax(scores, 1, False).result
    return tensor.Gather(constant(np.array(labels, np.int64)), best, 0).result, _transformed(node, scores)


def _floats(node: Node, name: str) -> Value:
    return constant(np.array(node.floats(name), np.float32))


def _scores(node: Node, count: int) -> Value:
    """x times the coefficients, [count, features], plus the intercepts."""
    x = cast(node.operand(0), DType.F32)
    coefficients = node.floats("coefficients")
    if not count or len(coefficients) % count or x.type.rank != 2:
        raise Unsupported(f"{len(coefficients)} coefficients do not give {count} scores of {x.type}")
    weight = constant(np.array(coefficients, np.float32).reshape(count, -1))
    intercepts: Sequence[float] = node.floats("intercepts", ())
    if intercepts and len(intercepts) != count:
        raise Unsupported(f"it has {len(intercepts)} intercepts for {count} scores")
    return nn.Linear(x, weight, constant(np.array(intercepts, np.float32)) if intercepts else None).result


def _transformed(node: Node, scores: Value) -> Value:
    match node.string("post_transform", "NONE"):
        case "NONE":
            return scores
        case "LOGISTIC":
            return nn.Sigmoid(scores).result
        case "SOFTMAX":
            return nn.Softmax(scores, 1).result
        case other:
            raise Unsupported(f"the transform {other} is not supported")
