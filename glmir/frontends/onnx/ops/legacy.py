"""Operators of the default domain that the standard has dropped, or never had, and onnxruntime still runs.

https://github.com/microsoft/onnxruntime, onnxruntime/core/graph/contrib_ops: of the experimental operators of 2017, and
the normalization without a mean that its optimiser writes.
"""

import numpy as np

from ....dims import Dim
from ....ir import Value
from ....ops import math, nn, tensor
from ....types import DType
from ...values import cast
from ..node import Imported, ImporterTable, Node, Unsupported, constant, scalar
from .standard_forms import as_standard

TABLE = ImporterTable()


def _affine(x: Value, factor: float, summand: float) -> Value:
    """factor * x + summand"""
    x = x if factor == 1 else math.Mul(x, scalar(factor, x)).result
    return x if summand == 0 else math.Add(x, scalar(summand, x)).result


@TABLE.imports("Affine")
def affine(node: Node) -> Value:
    return _affine(node.operand(0), node.float("alpha", 1.0), node.float("beta", 0.0))


@TABLE.imports("Scale")
def scale(node: Node) -> Value:
    return _affine(node.operand(0), node.float("scale", 1.0), 0)


@TABLE.imports("ImageScaler")
def image_scaler(node: Node) -> Value:
    """scale * x + bias, the bias by channel."""
    x = _affine(node.operand(0), node.float("scale", 1.0), 0)
    bias = np.array(node.floats("bias", ()), x.type.dtype.numpy)
    return x if bias.size == 0 else math.Add(x, constant(bias.reshape(-1, 1, 1))).result


@TABLE.imports("ParametricSoftplus")
def parametric_softplus(node: Node) -> Value:
    """alpha * log(exp(beta * x) + 1)"""
    x = _affine(node.operand(0), node.float("beta"), 0)
    return _affine(nn.Softplus(x).result, node.float("alpha"), 0)


@TABLE.imports("ScaledTanh")
def scaled_tanh(node: Node) -> Value:
    """alpha * tanh(beta * x)"""
    x = _affine(node.operand(0), node.float("beta"), 0)
    return _affine(math.Tanh(x).result, node.float("alpha"), 0)


@TABLE.imports("Crop")
def crop(node: Node) -> Value:
    """The image without its borders (left, top, right, bottom), or the part of a size (height, width) behind them."""
    x = node.operand(0)
    borders = node.ints("border", (0,) * 4)
    if x.type.rank != 4 or len(borders) != 4:
        raise Unsupported(f"borders {list(borders)} cannot be cut from {x.type}")
    left, top, right, bottom = borders
    batch, channels, height, width = x.type.shape
    sizes: tuple[Dim, ...] = node.ints("scale", ()) or (height - top - bottom, width - left - right)
    return tensor.Slice(x, (0, 0, top, left), (batch, channels, *sizes), (1,) * 4).result


@TABLE.imports("DynamicSlice")
def dynamic_slice(node: Node) -> Imported:
    return as_standard(node, "Slice", opset=13)


@TABLE.imports("GivenTensorFill")
def given_tensor_fill(node: Node) -> Value:
    """The values of an attribute in the shape of another, or of an operand and ``extra_shape``."""
    if node.int("input_as_shape", 0):
        shape: tuple[Dim, ...] = (*node.known_dims(0), *node.ints("extra_shape", ()))
    else:
        shape = node.ints("shape", ())
    values = np.array(node.floats("values"), np.float32)
    return tensor.Reshape(constant(values), None, shape).result


@TABLE.imports("SimplifiedLayerNormalization")
def simplified_layer_normalization(node: Node) -> Imported:
    """RMSNormalization whose second output is what it multiplies with; the result has the scale's element type."""
    x, factor, epsilon = node.operand(0), node.operand(1), node.float("epsilon", 1e-5)
    axis = node.axis("axis", -1, x.type.rank)
    y = nn.RmsNorm(cast(x, factor.type.dtype), factor, axis, epsilon).result
    return (y, inverse_root_mean_square(x, axis, epsilon)) if node.wants_output(1) else y


def inverse_root_mean_square(x: Value, axis: int, epsilon: float) -> Value:
    """1 / sqrt(mean(x * x) + epsilon) over the axes from ``axis`` on, in single precision at least."""
    wide = cast(x, DType.F64 if x.type.dtype is DType.F64 else DType.F32)
    axes = tuple(range(axis, x.type.rank))
    mean = math.ReduceMean(math.Square(wide).result, axes, keep_dims=True).result
    return math.Rsqrt(math.Add(mean, scalar(epsilon, mean)).result).result
