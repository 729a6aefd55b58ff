"""Folding quantize/dequantize pairs into quantized types, for targets whose kernels compute on integers.

``dequantize(q)`` is the number that the integers ``q`` mean, so an op between dequantized operands and a quantized
result is an op on quantized values (glmir/quantized.py). It becomes one where the target has a kernel for it. Elsewhere
``quant.convert`` stands between floats and integers. Nothing is rounded that was not, but for float biases of integer
layers, which become i32 in the unit of the products.
"""

from collections.abc import Callable, Iterator

import numpy as np

from ...dead_code import is_dead
from ...ir import Array, Function, Module, Op, Value
from ...opdef import replace
from ...ops import nn, quant, tensor
from ...quantized import dequantize, quantize
from ...types import DType, QuantizedType, TensorType
from ...weights import Weight
from ..patterns import constant, constant_array, elements_of, is_known
from ..quantization.moves import moved_operands

IsLegal = Callable[[Op], bool]

_BIAS_LIMITS = {DType.I32: 2.0**31, DType.I64: 2.0**47}
"""Biases are below: what the dtype holds, and what kernels of 16 bits can scale (TFLite's MultiplyByQuantizedMultiplier
of 64 bits). Layers with larger ones stay float."""

_WIDEST_WEIGHT = 16
"""Integers of more bits are biases of layers on integers."""


def fold_quantization(module: Module, is_legal: IsLegal) -> bool:
    """Makes ops of all functions compute on quantized values where ``is_legal`` holds of the op that results.

    Pairs whose scales are computed stay as they are.
    """
    changed = [_Folding(function, is_legal).run() for function in module.functions.values()]
    return any(changed)


class _Folding:
    """One function's folding. Ops are visited in order, so that operands are stored before their users ask."""

    def __init__(self, function: Function, is_legal: IsLegal) -> None:
        self._function = function
        self._is_legal = is_legal
        self._stored: dict[Value, Value] = {}
        """Float -> the value of quantized type that means the same numbers."""
        self._typed: dict[Value, Value] = {}
        """Integers that ``quantize`` gives, or a constant or input holds -> the value of quantized type."""
        self._constants: dict[Value, Value] = {}
        """Constant of quantized type, which stands in the function once something takes it -> its integers."""
        self._has_changed = False

    def run(self) -> bool:
        ops = list(self._function.ops)
        if not any(isinstance(op, quant.Scaled) for op in ops):
            return False
        for op in ops:
            if isinstance(op, quant.Dequantize):
                self._visit_dequantize(op)
            elif isinstance(op, quant.Quantize):
                self._visit_quantize(op)
            elif not isinstance(op, tensor.Constant) and not self._visit_moved(op):
                self._visit(op)
        self._return_integers()
        self._erase_folded(ops)
        return self._has_changed

    def _visit_dequantize(self, op: quant.Dequantize) -> None:
        quantization = quantization_of(op)
        if quantization is None:
            return
        typed = self._typed.get(op.x)
        if typed is None:
            typed = self._typed_source(op, quantization)
        if typed is not None and typed.type.quantization == quantization:
            self._stored[op.result] = typed

    def _typed_source(self, op: quant.Dequantize, quantization: QuantizedType) -> Value | None:
        """The integers of a constant, or of an input that nothing takes as mere integers, as a quantized value."""
        type_ = TensorType(op.result.type.dtype, op.x.type.shape, quantization)
        if is_known(op.x):
            # Sparse integers, too: types of quantized constants say nothing of zeros.
            stored = quantized_constant(elements_of(op.x), type_, op.x.name)
            self._constants[stored] = op.x
            return stored
        if op.x.owner is not None or not all(_parameters_of(user) == quantization for user in op.x.uses):
            return None
        if not self._is_convertible(Value(type_), None):
            return None
        op.x.type = type_
        self._has_changed = True
        self._typed[op.x] = op.x
        return op.x

    def _visit_quantize(self, op: quant.Quantize) -> None:
        quantization = quantization_of(op)
        if quantization is None or op.result in self._typed:
            return
        source = self._stored.get(op.x, op.x)
        if source.type.quantization != quantization:
            if not self._is_convertible(source, quantization):
                return
            source = self._converted(source, quantization, op)
        self._typed[op.result] = source

    def _visit_moved(self, op: Op) -> bool:
        """Makes an op on mere integers, between quantize and dequantize, one on the quantized values that they are: it
        only moves them."""
        moved = moved_operands(op)
        if not moved or len(op.results) != 1 or not all(v in self._typed for v in moved):
            return False
        kept = {self._typed[v].type.quantization for v in moved}
        quantization = next(iter(kept))
        if len(kept) > 1 or quantization is None or quantization.axis is not None:
            return False
        fields = {f.name: getattr(op, f.name) for f in op.definition.operand_fields}
        made = replace(op, **{name: _mapped(operand, self._typed) for name, operand in fields.items()})
        (old,), (new,) = op.results, made.results
        new.type = TensorType(self._typed[moved[0]].type.dtype, old.type.shape, quantization)
        if not self._is_legal(made):
            return False
        self._function.ops.insert_before(op, made)
        self._has_changed = True
        self._typed[old] = new
        return True

    def _is_convertible(self, x: Value, quantization: QuantizedType | None) -> bool:
        converted = quant.Convert(x)
        converted.result.type = TensorType(x.type.dtype, x.type.shape, quantization)
        return self._is_legal(converted)

    def _converted(self, x: Value, quantization: QuantizedType | None, before: Op) -> Value:
        converted = quant.Convert(x)
        converted.location = before.location
        converted.result.type = TensorType(x.type.dtype, x.type.shape, quantization)
        self._insert_before(before, converted.result)
        self._has_changed = True
        return converted.result

    def _visit(self, op: Op) -> None:
        """Puts the op on quantized values in the op's place, if the target has it."""
        for folded in self._candidates(op):
            if not self._is_legal(folded):
                continue
            for operand in folded.operands:
                self._insert_before(op, operand)
            self._function.ops.insert_before(op, folded)
            self._has_changed = True
            self._replace_results(op, folded)
            return

    def _insert_before(self, op: Op, value: Value) -> None:
        owner = value.owner
        if owner is not None and owner.function is None:
            for operand in owner.operands:
                self._insert_before(op, operand)
            self._function.ops.insert_before(op, owner)
            integers = self._constants.get(value)
            if integers is not None:
                value.name, integers.name = integers.name, ""

    def _candidates(self, op: Op) -> Iterator[Op]:
        """The op on quantized values: all that can be, then its weights alone, without biases in a unit of products."""
        whole = _on_stored(op, self._stored)
        if whole is not None:
            yield whole
        known = {real: s for real, s in self._stored.items() if isinstance(s.owner, tensor.Constant)}
        weights = {real: s for real, s in known.items() if s.type.stored.bits <= _WIDEST_WEIGHT}
        constants = _operands(op, weights)
        if constants is not None:
            biases = {f: constant(elements_of(f), f) for f in op.operands if f in known and f not in weights}
            fields = {name: _mapped(operand, biases) for name, operand in constants.items()}
            yield _typed_op(op, fields, (None,) * len(op.results))

    def _replace_results(self, op: Op, folded: Op) -> None:
        for old, new in zip(op.results, folded.results, strict=True):
            new.name, old.name = old.name, ""
            if new.type.quantization is None:
                old.replace_all_uses_with(new)
                continue
            self._stored[old] = new
            for user in old.users:
                if isinstance(user, quant.Quantize) and quantization_of(user) == new.type.quantization:
                    self._typed[user.result] = new

    def _return_integers(self) -> None:
        """Outputs of integers are outputs of quantized values, which are passed as they are stored."""
        for integers, typed in self._typed.items():
            is_returned = integers is not typed and self._function.ret in integers.uses
            if is_returned and all(u is self._function.ret or _is_pair(u) for u in integers.uses):
                self._function.ret.replace_operand(integers, typed)

    def _erase_folded(self, ops: list[Op]) -> None:
        """Takes out what others stand for now; what still takes floats gets those that the stored integers mean."""
        # The last first: then an op's users have gone before it is asked for its uses.
        for op in reversed(ops):
            for real in op.results:
                stored = self._stored.get(real)
                # Known numbers stay compressed for those that take them as floats.
                if stored is not None and real.is_used and not isinstance(stored.owner, tensor.Constant):
                    real.replace_all_uses_with(self._converted(stored, None, op))
            if is_dead(op):
                op.erase()


def integer_form(op: Op) -> Op | None:
    """What folding would make of the op, by the pairs that stand right around it; None when it would stay float."""
    return _on_stored(op, {v: typed for v in op.operands if (typed := _meant(v)) is not None})


def _meant(value: Value) -> Value | None:
    """A value of quantized type with the numbers that a dequantize gives."""
    owner = value.owner
    quantization = quantization_of(owner) if isinstance(owner, quant.Dequantize) else None
    if quantization is None or not isinstance(owner, quant.Dequantize):
        return None
    type_ = TensorType(value.type.dtype, value.type.shape, quantization)
    return quantized_constant(elements_of(owner.x), type_) if is_known(owner.x) else Value(type_)


def _on_stored(op: Op, stored: dict[Value, Value]) -> Op | None:
    """The op on stored values where there are such, with quantized results."""
    operands = _operands(op, stored)
    results = None if operands is None else _result_quantizations(op, stored)
    if operands is None or results is None:
        return None
    return _typed_op(op, _requantized(op, operands, results[0]), results)


def _operands(op: Op, stored: dict[Value, Value]) -> dict[str, object] | None:
    """The operand fields with stored values in the place of floats; None when there are none."""
    fields = {f.name: getattr(op, f.name) for f in op.definition.operand_fields}
    changed = {n: _mapped(v, stored) for n, v in fields.items()}
    return {**fields, **changed} if any(changed[n] != v for n, v in fields.items()) else None


def _result_quantizations(op: Op, stored: dict[Value, Value]) -> tuple[QuantizedType | None, ...] | None:
    """How each result is quantized: as what takes it says, or as the numbers that it only moves; None: not so."""
    moved = [stored.get(v) for v in moved_operands(op)]
    common = {v.type.quantization for v in moved if v is not None} if moved and all(moved) else set()
    kept = next(iter(common)) if len(common) == 1 else None
    if kept is not None and kept.axis is not None:
        # Which scale an element has, its new place does not tell.
        kept = None
    quantizations: list[QuantizedType | None] = []
    for result in op.results:
        if not result.type.dtype.is_float:
            quantizations.append(None)
            continue
        wanted = kept or _asked_of(result)
        if wanted is None and result.is_used:
            return None
        quantizations.append(wanted)
    return tuple(quantizations) if any(quantizations) or not op.results[0].type.dtype.is_float else None


def _requantized(op: Op, operands: dict[str, object], result: QuantizedType | None) -> dict[str, object]:
    """Operands that only move come in the scale of the result; a float bias becomes i32."""
    if isinstance(op, tensor.Concat) and result is not None:
        return {**operands, "xs": tuple(_in_scale(v, result) for v in _values(operands["xs"]))}
    bias = operands.get("bias")
    if isinstance(op, (nn.Conv, nn.ConvTranspose, nn.Linear)) and isinstance(bias, Value):
        return {**operands, "bias": _integer_bias(op, operands, bias)}
    return operands


def quantization_of(op: quant.Scaled) -> QuantizedType | None:
    """What the op says of its integers, as a type says it; None when scales are computed, or no positive numbers."""
    scales = constant_array(op.scale)
    zeros = None if op.zero_point is None else constant_array(op.zero_point)
    if scales is None or (zeros is None and op.zero_point is not None):
        return None
    if not scales.size or not np.all((scales > 0) & np.isfinite(scales)):
        return None
    points = () if zeros is None or not np.any(zeros != 0) else tuple(int(z) for z in zeros.reshape(-1))
    return QuantizedType(op.stored, tuple(map(float, scales.reshape(-1))), points, op.axis, op.block)


def quantized_constant(stored: Array, type_: TensorType, name: str = "") -> Value:
    """A constant of quantized type, from its stored integers."""
    return tensor.Constant(Weight(stored, name, type_)).result


def _parameters_of(op: Op) -> QuantizedType | None:
    return quantization_of(op) if isinstance(op, quant.Dequantize) else None


def _is_pair(op: Op) -> bool:
    return isinstance(op, quant.Dequantize)


def _asked_of(result: Value) -> QuantizedType | None:
    """The one quantization that everything which takes the value gives it."""
    asked = {quantization_of(u) if isinstance(u, quant.Quantize) else None for u in result.uses}
    return next(iter(asked)) if len(asked) == 1 else None


def _typed_op(op: Op, operands: dict[str, object], results: tuple[QuantizedType | None, ...]) -> Op:
    made = replace(op, **operands)
    for old, new, quantization in zip(op.results, made.results, results, strict=True):
        new.type = TensorType(old.type.dtype, old.type.shape, quantization)
    return made


def _mapped(operand: object, stored: dict[Value, Value]) -> object:
    if isinstance(operand, tuple):
        return tuple(stored.get(v, v) for v in operand)
    return stored.get(operand, operand) if isinstance(operand, Value) else operand


def _values(operand: object) -> tuple[Value, ...]:
    assert isinstance(operand, tuple)
    return operand


def _in_scale(value: Value, quantization: QuantizedType) -> Value:
    if value.type.quantization in (None, quantization):
        return value
    type_ = TensorType(value.type.dtype, value.type.shape, quantization)
    if isinstance(value.owner, tensor.Constant):
        return quantized_constant(quantize(dequantize(value.owner.value.array, value.type), type_), type_, value.name)
    converted = quant.Convert(value)
    converted.result.type = type_
    return converted.result


def _integer_bias(op: Op, operands: dict[str, object], bias: Value) -> Value:
    """A float bias of a layer on integers in the unit of its products, in i32 (i64 where activations have 16 bits)."""
    x, weight, array = operands["x"], operands["weight"], constant_array(bias)
    assert isinstance(x, Value) and isinstance(weight, Value)
    if array is None or x.type.quantization is None or weight.type.quantization is None:
        return bias
    scales = np.multiply(x.type.quantization.scales, weight.type.quantization.scales)
    if scales.size not in (1, array.size):
        # Of blocks, or along the inputs: no kernel multiplies integers with those.
        return bias
    storage = DType.I32 if x.type.quantization.storage.bits <= 8 else DType.I64
    integers = np.rint(array / scales)
    if not np.all(np.abs(integers) < _BIAS_LIMITS[storage]):
        return bias
    is_one = scales.size == 1
    quantization = QuantizedType(storage, tuple(map(float, scales.reshape(-1))), (), None if is_one else 0)
    type_ = TensorType(bias.type.dtype, bias.type.shape, quantization)
    return quantized_constant(integers.astype(storage.numpy), type_, bias.name)


__all__ = ["fold_quantization", "integer_form", "quantization_of", "quantized_constant"]
