"""Activations, normalizations, matrix products and softmax."""

from collections.abc import Mapping
from math import isclose, sqrt

import numpy as np

from ....dims import known_equal
from ....ir import Array, Op, Value
from ....ops import math, nn
from ....ops.enums import GeluForm, Layout
from ....passes.patterns import constant_array, elements_of, is_known, without_ones
from ....types import DType
from ...conditions import has_no_activation
from ..opsets import ATTENTION_VERSION
from ..program import CoremlTable, Parameter, Program
from .conditions import is_float
from .elementwise import scalar

TABLE = CoremlTable()

_FUNCTIONS: Mapping[type[Op], str] = {
    nn.Relu: "relu",
    nn.Relu6: "relu6",
    nn.Sigmoid: "sigmoid",
    nn.Silu: "silu",
    nn.Softplus: "softplus",
    nn.Softsign: "softsign",
}


def function(op: math.Unary, program: Program) -> None:
    program.add(_FUNCTIONS[type(op)], op.result, x=op.x)


for _op_class in _FUNCTIONS:
    TABLE.emits(_op_class, when=(is_float,))(function)  # type: ignore[arg-type]


@TABLE.emits(nn.LeakyRelu, when=(is_float,))
def leaky_relu(op: nn.LeakyRelu, program: Program) -> None:
    program.add("leaky_relu", op.result, x=op.x, alpha=scalar(op.alpha, op.x))


@TABLE.emits(nn.Elu, when=(is_float,))
def elu(op: nn.Elu, program: Program) -> None:
    program.add("elu", op.result, x=op.x, alpha=scalar(op.alpha, op.x))


@TABLE.emits(nn.HardSigmoid, when=(is_float,))
def hard_sigmoid(op: nn.HardSigmoid, program: Program) -> None:
    program.add("sigmoid_hard", op.result, x=op.x, alpha=scalar(op.alpha, op.x), beta=scalar(op.beta, op.x))


_GELU_MODES = {GeluForm.ERF: "EXACT", GeluForm.TANH: "TANH_APPROXIMATION"}


@TABLE.emits(nn.Gelu, when=(is_float,))
def gelu(op: nn.Gelu, program: Program) -> None:
    program.add("gelu", op.result, x=op.x, mode=_GELU_MODES[op.form])


def has_slope_per_channel(op: nn.PRelu) -> bool:
    """data [N, C, H, W] and a constant slope for every C"""
    if op.x.type.rank != 4 or constant_array(op.slope) is None:
        return False
    channels, slope = op.x.type.shape[1], op.slope.type.shape
    return channels != 1 and slope[-3:] == (channels, 1, 1) and without_ones(slope) == (channels,)


@TABLE.emits(nn.PRelu, when=(is_float, has_slope_per_channel))
def prelu(op: nn.PRelu, program: Program) -> None:
    program.add("prelu", op.result, x=op.x, alpha=elements_of(op.slope).reshape(-1))


@TABLE.emits(nn.Softmax, when=(is_float,))
def softmax(op: nn.Softmax, program: Program) -> None:
    program.add("softmax", op.result, x=op.x, axis=op.axis)


def has_heads_apart(op: nn.Attention) -> bool:
    """an axis of heads, as many of keys and values as of queries"""
    return op.q.type.rank == 4 and op.shared_heads == op.heads


def has_usual_scale(op: nn.Attention) -> bool:
    """the scale one by the root of a key's length"""
    size = op.q.type.shape[-1]
    return isinstance(size, int) and isclose(op.scale * sqrt(size), 1, rel_tol=1e-6)


def has_mask_for_every_key(op: nn.Attention) -> bool:
    """a mask, if any, with an element for every key"""
    if op.mask is None:
        return True
    shape = op.mask.type.shape
    return len(shape) >= 2 and known_equal(shape[-1], op.k.type.shape[-2])


@TABLE.emits(
    nn.Attention, when=(is_float, has_heads_apart, has_usual_scale, has_mask_for_every_key), since=ATTENTION_VERSION
)
def attention(op: nn.Attention, program: Program) -> None:
    mask = {} if op.mask is None else {"attn_mask": op.mask}
    program.add("scaled_dot_product_attention", op.result, query=op.q, key=op.k, value=op.v, **mask)


def has_constant_weights(op: nn.Linear) -> bool:
    """a constant weight and a constant bias, or none"""
    return is_known(op.weight) and (op.bias is None or constant_array(op.bias) is not None)


def has_rows(op: nn.Linear) -> bool:
    """data of one to three axes"""
    return op.x.type.rank <= 3


@TABLE.emits(nn.Linear, when=(is_float, has_no_activation, has_constant_weights, has_rows))
def linear(op: nn.Linear, program: Program) -> None:
    # Unlike that of a convolution, this one has a default: zeros, which are to be written.
    zeros = np.zeros(op.weight.type.static_shape[:1], op.x.type.dtype.numpy)
    program.add("linear", op.result, x=op.x, weight=op.weight, bias=zeros if op.bias is None else op.bias)


@TABLE.emits(math.MatMul, when=(is_float,))
def matmul(op: math.MatMul, program: Program) -> None:
    program.add("matmul", op.result, x=op.x, y=op.y, transpose_x=op.transpose_x, transpose_y=op.transpose_y)


_SMALLEST_HALF = 2.0**-24


def _epsilon(epsilon: float, x: Value) -> Array:
    """What keeps a variance off zero, which halves would round a small one to."""
    return scalar(max(epsilon, _SMALLEST_HALF) if x.type.dtype is DType.F16 else epsilon, x)


def has_constant_affine(op: nn.LayerNorm) -> bool:
    """constant scales and biases, or none, over axes of known sizes"""
    if not all(isinstance(d, int) for d in op.x.type.shape[op.axis :]):
        return op.scale is None and op.bias is None
    return all(v is None or constant_array(v) is not None for v in (op.scale, op.bias))


@TABLE.emits(nn.LayerNorm, when=(is_float, has_constant_affine))
def layer_norm(op: nn.LayerNorm, program: Program) -> None:
    affine: dict[str, Parameter] = {}
    if op.scale is not None or op.bias is not None:
        affine = {"gamma": _spread(op.scale, op, 1), "beta": _spread(op.bias, op, 0)}
    axes = tuple(range(op.axis, op.x.type.rank))
    program.add("layer_norm", op.result, x=op.x, axes=axes, epsilon=_epsilon(op.epsilon, op.x), **affine)


def _spread(parameter: Value | None, op: nn.LayerNorm, neutral: float) -> Array:
    """A constant in the shape of what is normalized; ``neutral`` if there is none."""
    array = scalar(neutral, op.x) if parameter is None else elements_of(parameter)
    sizes = tuple(d for d in op.x.type.shape[op.axis :] if isinstance(d, int))
    return array if array.shape == sizes else np.broadcast_to(array, sizes)


def has_three_or_four_axes(op: nn.InstanceNorm) -> bool:
    """three or four axes, channels first"""
    return op.x.type.rank in (3, 4) and op.layout is Layout.NCHW


def has_constant_parameters(op: nn.InstanceNorm | nn.BatchNorm) -> bool:
    """constant parameters"""
    return all(constant_array(v) is not None for v in op.operands[1:])


@TABLE.emits(nn.InstanceNorm, when=(is_float, has_three_or_four_axes, has_constant_parameters))
def instance_norm(op: nn.InstanceNorm, program: Program) -> None:
    program.add("instance_norm", op.result, x=op.x, gamma=op.scale, beta=op.bias, epsilon=_epsilon(op.epsilon, op.x))


def has_channels_on_axis_1(op: nn.BatchNorm) -> bool:
    """three to five axes, the channels on the second"""
    return op.axis == 1 and 3 <= op.x.type.rank <= 5


@TABLE.emits(nn.BatchNorm, when=(is_float, has_channels_on_axis_1, has_constant_parameters))
def batch_norm(op: nn.BatchNorm, program: Program) -> None:
    program.add(
        "batch_norm",
        op.result,
        x=op.x,
        mean=op.mean,
        variance=op.variance,
        gamma=op.scale,
        beta=op.bias,
        epsilon=_epsilon(op.epsilon, op.x),
    )
