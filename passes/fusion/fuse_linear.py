"""fuse-linear: a product with a constant matrix is a fully connected layer, and a vector added to it its bias."""

import numpy as np

from ...dims import known_equal
from ...ir import Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.enums import Activation
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ..patterns import constant, constant_array, either_order

RULES = RuleSet()


@module_pass()
def fuse_linear(module: Module) -> bool:
    """Makes linear layers of matrix products with constant matrices and of the biases added to them."""
    return apply_rules(module, RULES)


@RULES.on(math.MatMul)
def product_to_linear(op: math.MatMul) -> Op | None:
    """matmul(x, w) -> linear(x, transpose(w)) for a constant matrix w"""
    weight = constant_array(op.y)
    if weight is None or weight.ndim != 2 or op.transpose_x or not op.x.type.dtype.is_float:
        return None
    if isinstance(op.x.owner, tensor.Constant):
        return None
    # A view: the weight's elements stay where they are.
    return nn.Linear(op.x, op.y if op.transpose_y else constant(np.transpose(weight), op.y), None)


@RULES.on(math.Add)
def bias_into_linear(op: math.Add) -> Op | None:
    """linear(x) + b -> linear(x, b)"""
    for product, summand in either_order(op):
        match product:
            case Value(owner=nn.Linear(bias=None, activation=Activation.NONE) as linear, has_one_use=True):
                bias = _vector(summand, linear)
                if bias is not None:
                    return replace(linear, bias=bias, activation=op.activation)
    return None


def _vector(summand: Value, linear: nn.Linear) -> Value | None:
    """The bias that adding ``summand`` amounts to: one constant a feature."""
    array, result = constant_array(summand), linear.result.type
    if array is None or array.ndim > result.rank or array.ndim == 0:
        return None
    if array.size != array.shape[-1] or not known_equal(array.shape[-1], result.shape[-1]):
        return None
    return constant(array.reshape(-1), summand)


@RULES.on(tensor.Reshape)
def flatten_around_linear(op: tensor.Reshape) -> Op | None:
    """reshape(linear(reshape(x))) -> linear(x) when the reshapes only flatten and restore the leading axes"""
    match op.x:
        case Value(owner=nn.Linear(x=Value(owner=tensor.Reshape(x=x))) as linear, has_one_use=True):
            same_features = x.type.rank > 0 and x.type.shape[-1] == linear.x.type.shape[-1]
            if same_features and (*x.type.shape[:-1], linear.result.type.shape[-1]) == op.result.type.shape:
                return replace(linear, x=x)
    return None
