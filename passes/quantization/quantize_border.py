"""quantize-border: inputs and outputs of a quantized model that are passed as the integers they are stored as."""

import numpy as np

from ...errors import InputError
from ...ir import Module, Value
from ...ops import quant, tensor
from ...pass_manager import module_pass
from ...rewriter import erase_if_dead
from ...types import DType, TensorType
from ...weights import Weight
from ..patterns import constant_array

BORDERS = (DType.I8, DType.U8, DType.I16)


@module_pass(needed=True)
def quantize_border(module: Module, *, dtype: DType = DType.I8) -> bool:
    """Makes inputs that are quantized first, and outputs that are dequantized last, integers of ``dtype``.

    i8 and u8 of one scale differ in the zero point only, by 128. Other inputs and outputs stay as they are, and so do
    states. Raises InputError for dtypes other than i8, u8 and i16, and for i16 of what is stored in 8 bits.
    """
    if dtype not in BORDERS:
        raise InputError(f"inputs and outputs may be i8, u8 or i16, not {dtype.value}")
    states = {name for state in module.states for name in (state.input, state.output)}
    changed = [_take_integers(module, v, dtype) for v in module.main.inputs if v.name not in states]
    return _give_integers(module, dtype, states) or any(changed)


def _take_integers(module: Module, value: Value, dtype: DType) -> bool:
    quantizers = [user for user in value.users if isinstance(user, quant.Quantize)]
    if not quantizers or len(quantizers) != len(value.uses) or not _is_at_border(quantizers[0]):
        return False
    first, ops = quantizers[0], module.main.ops
    if any((q.scale, q.zero_point, q.storage) != (first.scale, first.zero_point, first.storage) for q in quantizers):
        return False
    # The numbers that the integers mean: quantizing them again gives the integers.
    value.type = TensorType(dtype, value.type.shape)
    zero = _zero(first, dtype)
    made = quant.Dequantize(value, first.scale, zero)
    anchor = next(op for op in ops if op in quantizers)
    if zero is not None and zero.owner is not None and zero.owner.function is None:
        ops.insert_before(anchor, zero.owner)
    ops.insert_before(anchor, made)
    for quantizer in quantizers:
        if quantizer.storage is dtype:
            quantizer.result.replace_all_uses_with(value)
            quantizer.erase()
        else:
            quantizer.replace_operand(value, made.result)
    erase_if_dead(made)
    return True


def _give_integers(module: Module, dtype: DType, states: set[str]) -> bool:
    function = module.main
    outputs = list(function.outputs)
    for place, (name, value) in enumerate(zip(function.output_names, outputs, strict=True)):
        last = value.owner
        if name in states or not isinstance(last, quant.Dequantize) or not _is_at_border(last):
            continue
        if last.stored is dtype:
            outputs[place] = last.x
            continue
        zero = _zero(last, dtype)
        made = quant.Quantize(value, last.scale, zero, storage=dtype)
        for op in (zero.owner if zero is not None else None, made):
            if op is not None and op.function is None:
                function.ops.append(op)
        outputs[place] = made.result
    if outputs == list(function.outputs):
        return False
    replaced = [v for v in function.outputs if v not in outputs]
    function.set_outputs(outputs, function.output_names)
    for value in replaced:
        if value.owner is not None:
            erase_if_dead(value.owner)
    return True


def _is_at_border(op: quant.Scaled) -> bool:
    """Whether the integers may be an input or an output: those of other widths, and of several scales, stay inside."""
    return op.axis is None and op.stored in BORDERS


def _zero(op: quant.Scaled, dtype: DType) -> Value | None:
    """The zero point as integers of ``dtype`` have it; raises InputError where the widths differ."""
    if op.stored.bits != dtype.bits:
        raise InputError(f"what is stored as {op.stored.value} is not passed as {dtype.value}")
    if op.stored is dtype:
        return op.zero_point
    held = constant_array(op.zero_point)
    zero = (0 if held is None else int(held)) - op.stored.lowest + dtype.lowest
    return tensor.Constant(Weight(np.array(zero, dtype.numpy))).result if zero else None


__all__ = ["BORDERS"]
