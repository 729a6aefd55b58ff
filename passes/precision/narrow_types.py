"""narrow-types: dtypes that a target lacks are represented by those that it has, inputs and outputs included."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import inf, isinf

from ...errors import CompileError, InputError
from ...ir import Function, Location, Module, Op, State, Value
from ...ops import math, quant, tensor
from ...ops.enums import Activation
from ...pass_manager import module_pass
from ...rewriter import RuleSet, apply_rules
from ...types import DType, TensorType
from ...weights import Weight
from ..lowering import expand_quantization
from .narrow_constants import clamped, converted, only_limits, unfit_elements
from .wrapping import activated, can_leave_range, wrapped

Types = Mapping[DType, DType]

_STORING = (quant.Scaled, quant.Depalettize, quant.Densify)
"""Ops on integers as they are stored."""


@module_pass(needed=True)
def narrow_types(module: Module, *, types: str = "", keep_quantization: bool = False) -> bool:
    """Represents values of some dtypes by others, in all functions: ``types=i64:i32 u8:i32 f64:f32``.

    Small integers carried in larger ones wrap where an op can leave their range. Of larger ones carried in smaller ones
    it is supposed that they fit: constants that do not are clamped where they only limit something, and refused
    elsewhere (CompileError, with every such node). Floats lose precision; a finite one stays finite, and one that is
    not zero stays so. Quantize and dequantize of integers that go are spelled out; with ``keep_quantization`` they, and
    compressed weights, keep their integers. Raises InputError when ``types`` does not say which dtype becomes which.
    """
    mapping = decode_types(types)
    problems: list[str] = []
    # How many bits are stored is what quantizing is about: it is spelled out before other integers stand for them.
    changed = False
    if not keep_quantization:
        changed = apply_rules(module, RuleSet(expand_quantization.RULES, only=partial(_mentions_in, mapping)))
    for name, function in module.functions.items():
        if _mentions(function, mapping):
            module.functions[name] = _Narrowing(function, mapping, problems, keep_quantization).run()
            changed = True
    module.states = [_narrowed_state(state, mapping) for state in module.states]
    if problems:
        raise CompileError(problems)
    return changed


def encode_types(types: Types) -> str:
    """The option ``types`` for what becomes what."""
    return " ".join(f"{old.value}:{new.value}" for old, new in types.items())


def decode_types(text: str) -> Types:
    """What becomes what; raises InputError."""
    mapping: dict[DType, DType] = {}
    for pair in text.split():
        try:
            old, new = map(DType, pair.split(":"))
        except ValueError:
            raise InputError(f"narrow-types: types are pairs such as i64:i32, not {pair}") from None
        if not (old.is_integer and new.is_integer) and not (old.is_float and new.is_float):
            raise InputError(f"narrow-types: {new.value} cannot stand for {old.value}")
        mapping[old] = new
    if chained := [old for old, new in mapping.items() if new in mapping]:
        raise InputError(f"narrow-types: {mapping[chained[0]].value} is replaced itself, so it cannot stand for others")
    return mapping


def _mentions_in(types: Types, op: Op) -> bool:
    return any(v.type.dtype in types for v in (*op.operands, *op.results))


def _mentions(function: Function, types: Types) -> bool:
    """Whether a value or an attribute of the function is of a dtype that goes."""
    if any(v.type.dtype in types for v in function.values()):
        return True
    return any(a in types for op in function.ops for a in op.definition.attributes_of(op).values() if type(a) is DType)


def _narrowed_state(state: State, types: Types) -> State:
    initial = state.initial
    dtype = types.get(initial.type.dtype)
    if dtype is None or initial.type.quantization is not None:
        return state
    narrowed = clamped if dtype.is_integer else converted
    return replace(state, initial=Weight(narrowed(initial.array, dtype), initial.name))


class _Narrowing:
    """The same function with other dtypes, under construction. What cannot be is added to ``problems``."""

    def __init__(self, function: Function, types: Types, problems: list[str], keeps: bool) -> None:
        self._old = function
        self._keeps = keeps
        self._kept: dict[Value, Value] = {}
        """Integers that stay as they are stored, for the ops that take them so."""
        self._types = types
        self._problems = problems
        self._values = {v: Value(self._type(v.type), v.name) for v in function.inputs}
        self._new = Function(function.name, [self._values[v] for v in function.inputs])
        self._weights: dict[int, Weight] = {}

    def run(self) -> Function:
        for op in self._old.ops:
            if self._keeps and isinstance(op, _STORING):
                self._add_storing(op)
            elif isinstance(op, tensor.Constant):
                self._add_constant(op)
            else:
                self._add(op)
        self._new.set_outputs([self._values[v] for v in self._old.outputs], self._old.output_names)
        return self._new

    def _type(self, type_: TensorType) -> TensorType:
        return type_.with_dtype(self._types.get(type_.dtype, type_.dtype))

    def _add_storing(self, op: Op) -> None:
        """Adds an op whose integers stay what they are. What else takes its result gets them in the wider dtype."""
        operands = {f.name: self._stored(getattr(op, f.name)) for f in op.definition.operand_fields}
        new = op.definition.cls(**(op.definition.attributes_of(op) | operands))
        old, result = op.results[0], new.results[0]
        if not self._narrows(old):
            self._finish(op, (result,))
            return
        result.type = old.type
        self._kept[old] = result
        self._insert(new, op.location)
        if self._is_only_stored(old):
            result.name = old.name
        else:
            self._finish(op, tensor.Cast(result, self._types[old.type.dtype]).results)

    def _stored(self, operand: Value | None) -> Value | None:
        """An operand of such an op: integers as they are stored, floats in the dtype that stands for theirs."""
        if operand is None or not self._narrows(operand):
            return None if operand is None else self._values[operand]
        found = self._kept.get(operand)
        if found is None:
            made: Op
            if isinstance(operand.owner, tensor.Constant):
                made = tensor.Constant(operand.owner.value)
            else:
                made = tensor.Cast(self._values[operand], operand.type.dtype)
            found = self._kept[operand] = made.results[0]
            found.name = "" if operand in self._values else operand.name
            self._insert(made, operand.owner.location if operand.owner else ())
        return found

    def _narrows(self, value: Value) -> bool:
        """Whether the value is of integers, for which others stand."""
        return value.type.dtype.is_integer and value.type.dtype in self._types

    def _is_only_stored(self, value: Value) -> bool:
        return all(isinstance(user, _STORING) for user in value.uses)

    def _add_constant(self, op: tensor.Constant) -> None:
        if self._keeps and self._narrows(op.result) and self._is_only_stored(op.result):
            # It is added as it is, where it is used.
            return
        old, new = op.result.type, self._type(op.result.type)
        # A quantized weight's integers are how it is stored, whatever float they mean.
        keeps = old.dtype is new.dtype or old.quantization is not None
        self._finish(op, tensor.Constant(op.value if keeps else self._narrowed(op, new.dtype)).results)

    def _narrowed(self, op: tensor.Constant, dtype: DType) -> Weight:
        weight = op.value
        found = self._weights.get(id(weight))
        if found is not None:
            return found
        if unfit := unfit_elements(weight.array, dtype):
            if not only_limits(op.result):
                self._problems.append(f"{_place(op)}: {unfit}, and the target has no {weight.type.dtype.value}")
            return Weight(clamped(weight.array, dtype), weight.name)
        narrowed = self._weights[id(weight)] = Weight(converted(weight.array, dtype), weight.name)
        return narrowed

    def _add(self, op: Op) -> None:
        old = op.results[0].type.dtype if op.results else DType.BOOL
        wraps = old.is_integer and old.bits < self._types.get(old, old).bits and can_leave_range(op)
        activation = getattr(op, "activation", Activation.NONE)
        changes = self._changes(op)
        if wraps and activation is not Activation.NONE:
            # An activation looks at what has wrapped already.
            changes["activation"] = Activation.NONE
        new = op.definition.cls(**(op.definition.attributes_of(op) | changes))
        results = new.results
        if isinstance(new, tensor.Cast) and new.x.type.dtype is new.dtype:
            # Both dtypes are carried in the same one.
            results = (new.x,)
        if wraps:
            results = (activated(wrapped(results[0], old), activation), *results[1:])
        self._finish(op, results)
        if not results:
            self._insert(new, op.location)

    def _changes(self, op: Op) -> dict[str, object]:
        """The operands, and the attributes that become others."""
        changes: dict[str, object] = {f.name: self._operand(getattr(op, f.name)) for f in op.definition.operand_fields}
        for name, value in op.definition.attributes_of(op).items():
            if isinstance(value, DType):
                changes[name] = self._types.get(value, value)
            elif name == op.definition.types_field and isinstance(value, tuple):
                changes[name] = tuple(map(self._type, value))
        dtype = self._type(op.results[0].type).dtype if op.results else DType.BOOL
        if isinstance(op, math.Clamp) and dtype.is_integer:
            changes["minimum"] = min(op.minimum, dtype.highest) if op.minimum >= dtype.lowest else -inf
            changes["maximum"] = max(op.maximum, dtype.lowest) if op.maximum <= dtype.highest else inf
        elif isinstance(op, math.Clamp):
            # Finite numbers stay finite.
            limit = dtype.largest
            changes["minimum"], changes["maximum"] = (
                b if isinf(b) else min(max(b, -limit), limit) for b in (op.minimum, op.maximum)
            )
        return changes

    def _operand(self, operand: object) -> object:
        if isinstance(operand, tuple):
            return tuple(map(self._operand, operand))
        return self._values[operand] if isinstance(operand, Value) else operand

    def _finish(self, old: Op, results: Sequence[Value]) -> None:
        """Makes ``results`` stand for those of ``old``, and puts what computes them into the function."""
        for before, after in zip(old.results, results, strict=True):
            self._values[before] = after
            if after.owner is None or after.owner.function is not None:
                continue
            # A declared type may say more than inference does.
            after.name, after.type = before.name, self._type(before.type)
        for after in results:
            if after.owner is not None and after.owner.function is None:
                self._insert(after.owner, old.location)

    def _insert(self, op: Op, location: Location) -> None:
        for operand in op.operands:
            if operand.owner is not None and operand.owner.function is None:
                self._insert(operand.owner, location)
        op.location = location
        self._new.ops.append(op)


def _place(constant: tensor.Constant) -> str:
    """The nodes that a constant is there for."""
    user = next(iter(constant.result.users), constant)
    nodes = ", ".join(user.location) or next((r.name for r in user.results if r.name), "")
    return f"node {nodes} ({user.definition.name})" if nodes else user.definition.name
