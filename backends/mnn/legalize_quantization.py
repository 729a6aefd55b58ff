"""What is stored in few bits, put as MNN stores it: weights in layers, activations in described tensors."""

import numpy as np

from ...ir import Function, Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, quant, tensor
from ...pass_manager import module_pass
from ...passes.compressed_weights import known_transpose
from ...passes.lowering.expand_quantization import quantize_as_arithmetic
from ...passes.lowering.fold_quantization import fold_quantization, quantization_of, quantized_constant
from ...passes.lowering.indexing import gather_from_the_front
from ...passes.lowering.recurrent import few_steps_unrolled
from ...passes.lowering.rounded_weights import rounded_to_bytes
from ...passes.patterns import constant, elements_of, is_compressed
from ...passes.quantization.weights import WeightUse, weights_of
from ...rewriter import Replacement, RuleSet, apply_rules, insert_new_ops
from ...types import TensorType
from .emitters import TABLE
from .legalize_neural import global_pool_keeps_axes, linear_on_matrix

RULES = RuleSet()
"""What brings layers to where folding finds them."""

ILLEGAL = RuleSet()


@module_pass(needed=True)
def legalize_mnn_quantization(module: Module) -> bool:
    """Folds quantize and dequantize into types of what MNN stores so; the rest computes with floats."""
    changed = apply_rules(module, RULES)
    if not fold_quantization(module, TABLE.is_legal):
        return changed
    for function in module.functions.values():
        _pass_integers_plainly(function)
    apply_rules(module, ILLEGAL)
    return True


def is_quantized_layer(op: Op) -> bool:
    """Whether weights or data come from integers."""
    return any(isinstance(v.owner, quant.Dequantize) for v in op.operands)


@RULES.on(quant.Quantize)
def quantize_of_floats_exactly(op: quant.Quantize) -> Replacement:
    """quantize(x) -> round(x / scale) for those who take integers as such: the runtime rounds halves away from zero"""
    producer = op.x.owner
    is_stored = producer is not None and any(isinstance(v.owner, quant.Dequantize) for v in producer.operands)
    if is_stored or all(isinstance(user, quant.Dequantize) for user in op.result.uses):
        return None
    return quantize_as_arithmetic(op)


@RULES.on(math.MatMul)
def product_with_compressed_as_linear(op: math.MatMul) -> Op | None:
    """matmul(x, dequantize(constant)) -> linear(x, dequantize(constant))"""
    if not is_compressed(op.y) or op.y.type.rank != 2:
        return None
    weight = op.y if op.transpose_y else known_transpose(op.y, (1, 0))
    if weight is None:
        return None
    *batch, rows, columns = range(op.x.type.rank)
    x = tensor.Transpose(op.x, (*batch, columns, rows)).result if op.transpose_x else op.x
    return nn.Linear(x, weight, None)


@RULES.on(tensor.Gather)
def rows_counted_from_front(op: tensor.Gather) -> Replacement:
    """gather(dequantize(constant), indices) -> the same with indices that are not negative"""
    return gather_from_the_front(op) if is_compressed(op.x) else None


@RULES.on(quant.Dequantize)
def dequantize_of_palette(op: quant.Dequantize) -> Op | None:
    """dequantize(depalettize(constants)) -> dequantize(constant): what occurs is found again when it is packed"""
    stored = op.x.owner
    if not isinstance(stored, quant.Depalettize | quant.Densify) or not is_compressed(op.x):
        return None
    return replace(op, x=constant(elements_of(op.x)))


@RULES.on(nn.Linear)
def quantized_linear_on_matrix(op: nn.Linear) -> Replacement:
    """linear(x) -> reshape(linear(reshape(x, [rows, features])))"""
    return linear_on_matrix(op) if is_quantized_layer(op) else None


@RULES.on(nn.Recurrent)
def compressed_steps_unrolled(op: nn.Recurrent) -> Replacement:
    """recurrent(x) -> its cell, once for every step, when those are few: linear layers"""
    return few_steps_unrolled(op) if is_compressed(op.weight) or is_compressed(op.recurrence) else None


@RULES.on(math.Reduction)
def quantized_pool_keeps_axes(op: math.Reduction) -> Replacement:
    """reduce(x, [2, 3]) -> reshape(reduce(x, [2, 3], keep_dims = true)) for a mean or maximum over images"""
    return global_pool_keeps_axes(op) if is_quantized_layer(op) else None


@RULES.on(quant.Quantize)
def quantize_before_reshape(op: quant.Quantize) -> Op | None:
    """quantize(reshape(f(x))) -> quantize(reshape(dequantize(quantize(f(x))))): then f gives integers"""
    match op.x.owner:
        case tensor.Reshape(x=x, dims=None) as shaping if op.axis is None and not isinstance(x.owner, quant.Dequantize):
            integers = replace(op, x=x).result
            numbers = quant.Dequantize(integers, op.scale, op.zero_point).result
            return replace(op, x=replace(shaping, x=numbers).result)
    return None


@RULES.on(Op)
def storable_weights(op: Op) -> Op | None:
    """op(x, w in blocks that have no rows, or from a palette) -> op(x, dequantize(w in 8 bits))"""
    for use in weights_of(op):
        if _is_stored(use, use.value):
            continue
        rounded = rounded_to_bytes(use)
        if rounded is not None and _is_stored(use, rounded):
            return replace(op, **{use.field: rounded})
    return None


def _is_stored(use: WeightUse, weight: Value) -> bool:
    """Whether MNN has the op with the weight as few bits."""
    match weight.owner:
        case quant.Dequantize(x=Value(owner=tensor.Constant() as stored)) as op:
            quantization = quantization_of(op)
            if quantization is None:
                return False
            typed = quantized_constant(
                stored.value.array, TensorType(weight.type.dtype, weight.type.shape, quantization)
            )
            return TABLE.is_legal(replace(use.op, **{use.field: typed}))
    return False


@ILLEGAL.on(quant.Convert)
def round_by_arithmetic(op: quant.Convert) -> Op | None:
    """convert(convert(x, quantized), float) -> dequantize(quantize(x)) for what tensors of bytes cannot hold"""
    match op.x.owner:
        case quant.Convert(x=x) as rounding if op.result.type.quantization is None and not TABLE.is_legal(rounding):
            return _dequantized(_quantized(x, op.x.type), op.x.type)
    return None


def _pass_integers_plainly(function: Function) -> None:
    """Inputs and outputs of quantized types become the integers that are stored: MNN passes no bytes."""
    first = next(iter(function.ops), None)
    for value in function.inputs:
        type_ = value.type
        if type_.quantization is None:
            continue
        users = value.users
        value.type = TensorType(type_.stored, type_.shape)
        floats = _dequantized(value, type_)
        typed = _typed(quant.Convert(floats.result), type_)
        insert_new_ops(typed.results, lambda op: _insert_before(first, op, function))
        for user in users:
            user.replace_operand(value, typed.result)
    for value in function.outputs:
        if value.type.quantization is not None:
            numbers = _typed(quant.Convert(value), TensorType(value.type.dtype, value.type.shape)).result
            integers = _quantized(numbers, value.type)
            insert_new_ops([integers], function.ops.append)
            integers.name, value.name = value.name, ""
            function.ret.replace_operand(value, integers)


def _insert_before(anchor: Op | None, op: Op, function: Function) -> None:
    if anchor is None:
        function.ops.append(op)
    else:
        function.ops.insert_before(anchor, op)


def _typed(op: quant.Convert, type_: TensorType) -> quant.Convert:
    op.result.type = type_
    return op


def _quantized(x: Value, type_: TensorType) -> Value:
    """The integers that a value of quantized type stores for floats."""
    scale, zero, axis, block = _parameters(type_)
    return quant.Quantize(x, scale, zero, axis, block, type_.stored).result


def _dequantized(x: Value, type_: TensorType) -> quant.Dequantize:
    """The floats that integers are, stored as a value of quantized type."""
    return quant.Dequantize(x, *_parameters(type_))


def _parameters(type_: TensorType) -> tuple[Value, Value | None, int | None, int | None]:
    """Scale, zero point, axis and block, as ops between integers and floats take them."""
    quantization = type_.quantization
    assert quantization is not None
    axis, block = quantization.axis, quantization.block
    shape: tuple[int, ...] = ()
    if axis is not None:
        lying = quantization.parameters_shape(type_.shape)
        shape = tuple(d for d in (lying if block is not None else (lying[axis],)) if isinstance(d, int))
    scales = np.array(quantization.scales, type_.dtype.numpy).reshape(shape)
    zeros = np.array(quantization.zero_points, quantization.storage.numpy)
    return constant(scales), constant(zeros.reshape(shape)) if zeros.size else None, axis, block
