"""keep-matrices: between linear layers data stays the matrix that they compute with.

A linear layer of MNN is a convolution over a matrix, so data of more axes is reshaped before and behind it. What looks
at single elements or at the last axis alone can look at the matrix as well: the reshape behind the layer moves further
on, until it meets the one before the next layer.
"""

from ...dims import product
from ...ir import Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.math import Binary, Unary
from ...ops.nn.activation import SoftmaxFamily
from ...pass_manager import module_pass
from ...passes.lowering.building import folded_reshape
from ...passes.patterns import constant_array
from ...rewriter import RuleSet, apply_rules
from ...types import Shape, TensorType
from ..emission import is_not_quantized

RULES = RuleSet(only=is_not_quantized)

_GIVING_PIXELS = (nn.AveragePool, nn.MaxPool, nn.Conv, math.ReduceMean)
"""What may leave one pixel of an image in the packed format."""


@module_pass()
def keep_matrices(module: Module) -> bool:
    """Moves reshapes of matrices behind elementwise ops and normalisations, and those of pooled images behind layers"""
    return apply_rules(module, RULES)


def _shaping(value: Value) -> tensor.Reshape | None:
    """The reshape that gives ``value`` from a matrix whose rows are all along its last axis."""
    match value.owner:
        # Integers are left alone: what multiplies them looks at how they are made.
        case tensor.Reshape(x=matrix) as shaping if (
            matrix.type.rank == 2 and value.type.rank > 2 and value.type.dtype.is_float
        ):
            return shaping if _rows(value.type.shape) == matrix.type.shape else None
    return None


def _rows(shape: Shape) -> Shape:
    return (product(shape[:-1]), shape[-1])


@RULES.on(tensor.Reshape)
def reshape_of_reshape(op: tensor.Reshape) -> Op | Value | None:
    """reshape(reshape(x)) -> reshape(x), or x"""
    match op.x.owner:
        case tensor.Reshape(x=x):
            return x if x.type.shape == op.shape else replace(op, x=x)
    return None


@RULES.on(Unary)
def unary_of_matrix(op: Unary) -> Op | None:
    """f(reshape(x)) -> reshape(f(x))"""
    shaping = _shaping(op.x)
    if shaping is None:
        return None
    if not isinstance(op, SoftmaxFamily):
        return replace(shaping, x=replace(op, x=shaping.x).results[0])
    along_rows = op.axis == op.x.type.rank - 1
    return replace(shaping, x=replace(op, x=shaping.x, axis=1).results[0]) if along_rows else None


@RULES.on(nn.LayerNorm)
def layer_norm_of_matrix(op: nn.LayerNorm) -> Op | None:
    """layer_norm(reshape(x)) -> reshape(layer_norm(x)) along the last axis"""
    shaping = _shaping(op.x)
    if shaping is None or op.axis != op.x.type.rank - 1:
        return None
    return replace(shaping, x=replace(op, x=shaping.x, axis=1).results[0])


@RULES.on(nn.Linear)
def linear_of_pixels(op: nn.Linear) -> Op | None:
    """linear(reshape(x, [n, c]), w) -> reshape(conv(x, reshape(w, [o, c, 1, 1])), [n, o]) for x [n, c, 1, 1]"""
    # What a global pool gives is in the packed format, which convolutions compute in.
    match op.x.owner:
        case tensor.Reshape(x=Value(type=TensorType(shape=(batch, channels, 1, 1))) as pixels, shape=(rows, columns)):
            pass
        case _:
            return None
    if (batch, channels) != (rows, columns) or not isinstance(pixels.owner, _GIVING_PIXELS):
        return None
    outputs = op.weight.type.shape[0]
    kernel = folded_reshape(op.weight, (outputs, channels, 1, 1))
    conv = nn.Conv(pixels, kernel, op.bias, (1, 1), (0,) * 4, (1, 1), activation=op.activation)
    return tensor.Reshape(conv.result, None, (batch, outputs))


@RULES.on(Binary)
def binary_of_matrix(op: Binary) -> Op | None:
    """f(reshape(x), y) -> reshape(f(x, y)), y reshaped too unless it is a constant number or row"""
    shape = op.result.type.shape
    shaping = _shaping(op.x) or _shaping(op.y)
    if shaping is None or shaping.shape != shape:
        return None
    x, y = _as_matrix(op.x, shape), _as_matrix(op.y, shape)
    return None if x is None or y is None else replace(shaping, x=replace(op, x=x, y=y).results[0])


def _as_matrix(value: Value, shape: Shape) -> Value | None:
    """An operand of an op with a result of ``shape``, for the same op on matrices."""
    if value.type.shape == shape:
        shaping = _shaping(value)
        return folded_reshape(value, _rows(shape)) if shaping is None else shaping.x
    array = constant_array(value)
    if array is None or array.size not in (1, array.shape[-1] if array.ndim else 1):
        return None
    return folded_reshape(value, array.shape[-1:])
