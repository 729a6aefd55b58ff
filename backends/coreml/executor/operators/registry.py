"""The operators that are executed, and of which type their results are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from .....types import Array
from . import (
    compression,
    convolution,
    detection,
    elementwise,
    indexing,
    normalization,
    pooling,
    recurrent,
    reductions,
    resampling,
    structure,
)

Computation = Callable[..., Array | tuple[Array, ...]]


@dataclass(frozen=True)
class Operator:
    """A computation, and of what kind each of its results is.

    A result is of the kind so called, or of the parameter so called; a parameter that is a text names the kind, and
    after a bar stands what holds without it. The last one stands for all results that follow. ``moves`` says that
    elements are only moved, so that fp16 need not go through fp32; ``by_opset`` that the opset makes a difference.
    """

    compute: Computation
    results: tuple[str, ...] = ("x",)
    moves: bool = False
    by_opset: bool = False


def _of(compute: Computation, *results: str, by_opset: bool = False) -> Operator:
    return Operator(compute, results or ("x",), by_opset=by_opset)


def _moves(compute: Computation, *results: str, by_opset: bool = False) -> Operator:
    return Operator(compute, results or ("x",), moves=True, by_opset=by_opset)


_ELEMENTWISE: Mapping[str, Operator] = {
    "abs": _of(np.abs),
    "acos": _of(np.arccos),
    "add": _of(np.add),
    "asin": _of(np.arcsin),
    "atan": _of(np.arctan),
    "atanh": _of(np.arctanh),
    "cast": _moves(elementwise.cast, "dtype"),
    "ceil": _of(np.ceil),
    "clamped_relu": _of(elementwise.clamped_relu),
    "clip": _of(elementwise.clip),
    "cos": _of(np.cos),
    "cosh": _of(np.cosh),
    "elu": _of(elementwise.elu),
    "equal": _of(np.equal, "bool"),
    "erf": _of(elementwise.erf),
    "exp": _of(np.exp),
    "exp2": _of(np.exp2),
    "floor": _of(np.floor),
    "floor_div": _of(elementwise.floor_div),
    "gelu": _of(elementwise.gelu),
    "greater": _of(np.greater, "bool"),
    "greater_equal": _of(np.greater_equal, "bool"),
    "identity": _moves(lambda x: x),
    "inverse": _of(elementwise.inverse),
    "leaky_relu": _of(elementwise.leaky_relu),
    "less": _of(np.less, "bool"),
    "less_equal": _of(np.less_equal, "bool"),
    "linear_activation": _of(elementwise.linear_activation),
    "log": _of(elementwise.log),
    "logical_and": _of(np.logical_and),
    "logical_not": _of(np.logical_not),
    "logical_or": _of(np.logical_or),
    "logical_xor": _of(np.logical_xor),
    "maximum": _of(np.maximum),
    "minimum": _of(np.minimum),
    "mod": _of(elementwise.mod),
    "mul": _of(np.multiply),
    "not_equal": _of(np.not_equal, "bool"),
    "pow": _of(elementwise.power),
    "prelu": _of(elementwise.prelu),
    "real_div": _of(elementwise.real_div),
    "relu": _of(elementwise.relu),
    "relu6": _of(elementwise.relu6),
    "round": _of(np.rint),
    "rsqrt": _of(elementwise.rsqrt),
    "scaled_tanh": _of(elementwise.scaled_tanh),
    "select": _moves(elementwise.select, "a"),
    "sigmoid": _of(elementwise.sigmoid),
    "sigmoid_hard": _of(elementwise.sigmoid_hard),
    "sign": _of(np.sign),
    "silu": _of(elementwise.silu),
    "sin": _of(np.sin),
    "sinh": _of(np.sinh),
    "softmax": _of(elementwise.softmax),
    "softplus": _of(elementwise.softplus),
    "softplus_parametric": _of(elementwise.softplus_parametric),
    "softsign": _of(elementwise.softsign),
    "sqrt": _of(np.sqrt),
    "square": _of(np.square),
    "sub": _of(np.subtract),
    "tan": _of(np.tan),
    "tanh": _of(np.tanh),
    "threshold": _of(elementwise.threshold),
    "thresholded_relu": _of(elementwise.thresholded_relu),
}

_STRUCTURE: Mapping[str, Operator] = {
    "band_part": _moves(structure.band_part),
    "batch_to_space": _moves(structure.batch_to_space),
    "concat": _moves(structure.concat, "values"),
    "crop": _moves(structure.crop),
    "depth_to_space": _moves(structure.depth_to_space),
    "expand_dims": _moves(structure.expand_dims),
    "fill": _of(structure.fill, "value"),
    "fill_like": _of(structure.fill_like, "value"),
    "flatten2d": _moves(structure.flatten2d),
    "non_zero": _of(structure.non_zero, "i32"),
    "one_hot": _of(structure.one_hot, "on_value"),
    "pad": _moves(structure.pad),
    "pixel_shuffle": _moves(structure.pixel_shuffle),
    "pixel_unshuffle": _moves(structure.pixel_unshuffle),
    "range_1d": _of(structure.range_1d, "start"),
    "reshape": _moves(structure.reshape, by_opset=True),
    "reshape_like": _moves(structure.reshape_like),
    "reverse": _moves(structure.reverse),
    "reverse_sequence": _moves(structure.reverse_sequence),
    "shape": _moves(structure.shape_of, "i32"),
    "slice_by_index": _moves(structure.slice_by_index),
    "slice_by_size": _moves(structure.slice_by_size),
    "slice_update": _moves(structure.slice_update),
    "sliding_windows": _moves(structure.sliding_windows),
    "space_to_batch": _moves(structure.space_to_batch),
    "space_to_depth": _moves(structure.space_to_depth),
    "split": _moves(structure.split),
    "squeeze": _moves(structure.squeeze),
    "stack": _moves(structure.stack, "values"),
    "tile": _moves(structure.tile),
    "transpose": _moves(structure.transpose),
}

_REDUCTIONS_AND_INDEXING: Mapping[str, Operator] = {
    "argsort": _of(reductions.argsort, "i32"),
    "cumsum": _of(reductions.cumsum),
    "gather": _moves(indexing.gather),
    "gather_along_axis": _moves(indexing.gather_along_axis),
    "gather_nd": _moves(indexing.gather_nd),
    "reduce_argmax": _of(reductions.reduce_argmax, "output_dtype|i32"),
    "reduce_argmin": _of(reductions.reduce_argmin, "output_dtype|i32"),
    "reduce_l1_norm": _of(reductions.reduce_l1_norm),
    "reduce_l2_norm": _of(reductions.reduce_l2_norm),
    "reduce_log_sum": _of(reductions.reduce_log_sum),
    "reduce_log_sum_exp": _of(reductions.reduce_log_sum_exp),
    "reduce_max": _of(reductions.reduce_max),
    "reduce_mean": _of(reductions.reduce_mean),
    "reduce_min": _of(reductions.reduce_min),
    "reduce_prod": _of(reductions.reduce_prod),
    "reduce_sum": _of(reductions.reduce_sum),
    "reduce_sum_square": _of(reductions.reduce_sum_square),
    "scatter": _of(indexing.scatter, "data"),
    "scatter_along_axis": _of(indexing.scatter_along_axis, "data"),
    "scatter_nd": _of(indexing.scatter_nd, "data"),
    "topk": _of(reductions.topk, "x", "output_indices_dtype|i32"),
}

_NEURAL: Mapping[str, Operator] = {
    "avg_pool": _of(pooling.avg_pool, by_opset=True),
    "batch_norm": _of(normalization.batch_norm),
    "conv": _of(convolution.conv, by_opset=True),
    "conv_transpose": _of(convolution.conv_transpose),
    "einsum": _of(convolution.einsum, "values"),
    "gru": _of(recurrent.gru),
    "instance_norm": _of(normalization.instance_norm),
    "l2_norm": _of(normalization.l2_norm),
    "l2_pool": _of(pooling.l2_pool, by_opset=True),
    "layer_norm": _of(normalization.layer_norm),
    "linear": _of(convolution.linear),
    "local_response_norm": _of(normalization.local_response_norm),
    "lstm": _of(recurrent.lstm),
    "matmul": _of(convolution.matmul),
    "max_pool": _of(pooling.max_pool, by_opset=True),
    "rnn": _of(recurrent.rnn),
    "scaled_dot_product_attention": _of(convolution.scaled_dot_product_attention, "query"),
}

_IMAGES: Mapping[str, Operator] = {
    "affine": _of(resampling.affine),
    "crop_resize": _of(detection.crop_resize, by_opset=True),
    "non_maximum_suppression": _of(detection.non_maximum_suppression, "boxes", "scores", "i32", by_opset=True),
    "resample": _of(resampling.resample),
    "resize": _of(resampling.resize),
    "resize_bilinear": _of(resampling.resize_bilinear),
    "resize_nearest_neighbor": _moves(resampling.resize_nearest_neighbor),
    "upsample_bilinear": _of(resampling.upsample_bilinear),
    "upsample_nearest_neighbor": _moves(resampling.upsample_nearest_neighbor),
}

_COMPRESSION: Mapping[str, Operator] = {
    "constexpr_affine_dequantize": _of(compression.constexpr_affine_dequantize, "scale"),
    "constexpr_blockwise_shift_scale": _of(compression.constexpr_blockwise_shift_scale, "scale"),
    "constexpr_cast": _moves(compression.constexpr_cast, "output_dtype"),
    "constexpr_lut_to_dense": _moves(compression.constexpr_lut_to_dense, "lut", by_opset=True),
    "constexpr_lut_to_sparse": _moves(compression.constexpr_lut_to_sparse, "indices_mask", "lut"),
    "constexpr_sparse_blockwise_shift_scale": _of(
        compression.constexpr_sparse_blockwise_shift_scale, "data_mask", "scale"
    ),
    "constexpr_sparse_to_dense": _moves(compression.constexpr_sparse_to_dense, "nonzero_data", by_opset=True),
    "dequantize": _of(compression.dequantize, "scale"),
    "quantize": _of(compression.quantize, "output_dtype"),
}

OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {**_ELEMENTWISE, **_STRUCTURE, **_REDUCTIONS_AND_INDEXING, **_NEURAL, **_IMAGES, **_COMPRESSION}
)
"""All of them by name. Those with blocks, with states and `const` are the executor's own (machine.py)."""
