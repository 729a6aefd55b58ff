"""A plan of static quantization: which ops compute on integers, and with which parameters each value is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...ir import Function, Module, Op, Return, Value
from ...ops import math, tensor
from ...types import DType
from ..patterns import is_known
from .moves import moved_operands
from .parameters import Parameters, Range, activation_parameters
from .roles import LAYERS, can_be_between, fixed_parameters, same_scale_operand
from .weights import weights_of


@dataclass(frozen=True)
class StaticOptions:
    """``ranges`` are what values were seen to hold, by name. Activations are stored as ``storage`` (i8, u8, i16), with
    zero points unless ``is_symmetric``; weights in 8 bits, a scale per output channel or one for all.
    ``keep`` names ops (by what they compute, or by source node) that stay float."""

    ranges: Mapping[str, Range]
    storage: DType = DType.I8
    is_symmetric: bool = False
    is_per_channel: bool = True
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Decision:
    """Whether an op computes on integers, and if not, why."""

    op: str
    nodes: tuple[str, ...]
    kind: str
    is_integer: bool
    reason: str = ""


@dataclass
class Plan:
    """``integer`` are the ops on integers; ``parameters`` how values are stored that they take or give."""

    integer: dict[Op, None] = field(default_factory=dict)
    parameters: dict[Value, Parameters] = field(default_factory=dict)
    reasons: dict[Op, str] = field(default_factory=dict)

    def decisions(self, function: Function) -> list[Decision]:
        """What became of each op that computes floats, in order."""
        made = []
        for op in function.ops:
            if op in self.integer or op in self.reasons:
                name = next((r.name for r in op.results if r.name), "")
                reason = self.reasons.get(op, "")
                made.append(Decision(name, op.location, op.definition.name, op in self.integer, reason))
        return made


def name_values(module: Module) -> None:
    """Gives every value of ``main`` a name, the same for the same module: calibration files go by names."""
    taken = {v.name for v in module.main.values()}
    number = 0
    for value in module.main.values():
        while not value.name:
            name, number = f"value{number}", number + 1
            value.name = name if name not in taken else ""


def activations(module: Module) -> list[Value]:
    """The values of ``main`` whose ranges a plan may ask for: floats in single precision that are no weights."""
    return [v for v in module.main.values() if v.type.dtype is DType.F32 and not is_known(v)]


def make_plan(function: Function, options: StaticOptions) -> Plan:
    """Decides which ops compute on integers, and how what they take and give is stored."""
    plan = Plan()
    for op in function.ops:
        if not any(r.type.dtype.is_float for r in op.results) or is_known(op.results[0]):
            continue
        if reason := _stays_float(op, plan, options):
            plan.reasons[op] = reason
        else:
            plan.integer[op] = None
    _leave_islands(function, plan)
    merged = _ranges_of_joined(function, plan, options)
    _choose_parameters(function, plan, options, merged)
    return plan


def _leave_islands(function: Function, plan: Plan) -> None:
    """Takes out what is no layer and only floats use: it would round once more, and save no work that is worth it.

    So the sums that residual connections add up before norms stay float. Outputs are no such use.
    """
    before = -1
    while before != len(plan.integer):
        before = len(plan.integer)
        for op in reversed(function.ops):
            if op in plan.integer and not isinstance(op, LAYERS) and not _has_integer_use(op, plan):
                _take_out(op, plan, "only floats are computed from it")
        for op in list(plan.integer):
            if not isinstance(op, LAYERS) and not all(_is_integer(v, plan) for v in _taken(op)):
                _take_out(op, plan, "what it takes is float")


def _take_out(op: Op, plan: Plan, reason: str) -> None:
    del plan.integer[op]
    plan.reasons[op] = reason


def _has_integer_use(op: Op, plan: Plan) -> bool:
    return any(user in plan.integer or isinstance(user, Return) for result in op.results for user in result.users)


def _stays_float(op: Op, plan: Plan, options: StaticOptions) -> str:
    """Why an op stays float; empty when it does not."""
    if options.keep & {*op.location, *(r.name for r in op.results)}:
        return "it is kept in float"
    if any(v.type.dtype.is_float and v.type.dtype is not DType.F32 for v in (*op.operands, *op.results)):
        return "only single precision is quantized"
    if moved_operands(op):
        return "" if all(_is_integer(v, plan) for v in moved_operands(op)) else "what it moves is float"
    if isinstance(op, LAYERS):
        reason = _why_no_layer(op)
    elif can_be_between(op):
        is_between = all(_is_integer(v, plan) for v in _taken(op))
        reason = "" if is_between else "what it takes is float"
    else:
        reason = "such ops lose too much in integers"
    if reason:
        return reason
    values = [v for v in (*op.operands, *op.results) if v.type.dtype.is_float and not is_known(v)]
    unknown = [v.name for v in values if v.name not in options.ranges and not _is_fixed(v, options)]
    return f"calibration did not see {', '.join(unknown)}" if unknown else ""


def _taken(op: Op) -> list[Value]:
    """What an op between layers must get as integers: what it moves, or all but numbers."""
    return [*(moved_operands(op) or (v for v in op.operands if v.type.dtype.is_float and v.type.rank))]


def _why_no_layer(op: Op) -> str:
    weights = weights_of(op)
    if any(use.array is None for use in weights):
        return "its weight is compressed already"
    if not weights and not isinstance(op, math.MatMul):
        return "its weight is computed"
    return ""


def _is_integer(value: Value, plan: Plan) -> bool:
    """Whether a value comes as integers, or can as well: an input, a constant."""
    return value.owner is None or is_known(value) or value.owner in plan.integer


def _is_fixed(value: Value, options: StaticOptions) -> bool:
    return value.owner is not None and fixed_parameters(value.owner, options.storage) is not None


def _ranges_of_joined(function: Function, plan: Plan, options: StaticOptions) -> dict[Value, Range]:
    """What is joined to one tensor has its range from the start, where nothing else uses it: then it is not rounded
    twice."""
    merged: dict[Value, Range] = {}
    for op in reversed(function.ops):
        if op not in plan.integer:
            continue
        if isinstance(op, tensor.Concat):
            whole = merged.get(op.result) or options.ranges.get(op.result.name)
            merged.update({x: whole for x in op.xs if whole is not None and x.has_one_use})
        else:
            source = same_scale_operand(op)
            if source is not None and source.has_one_use and op.results[0] in merged and len(op.results) == 1:
                merged[source] = merged[op.results[0]]
    return merged


def _right_operands(plan: Plan) -> set[Value]:
    """What becomes the right operand of a product of computed matrices, however it is moved before: kernels want
    weights there, without zero points (LiteRT's takes ten times as long with one)."""
    found: set[Value] = set()
    for op in plan.integer:
        value = op.y if isinstance(op, math.MatMul) and not is_known(op.y) else None
        while value is not None and value not in found:
            found.add(value)
            value = same_scale_operand(value.owner) if value.owner in plan.integer else None
    return found


def _choose_parameters(function: Function, plan: Plan, options: StaticOptions, merged: Mapping[Value, Range]) -> None:
    matrices = _right_operands(plan)

    def choose(value: Value) -> None:
        found = merged.get(value) or options.ranges.get(value.name)
        if found is not None:
            is_symmetric = options.is_symmetric or value in matrices
            plan.parameters[value] = activation_parameters(found, options.storage, is_symmetric)

    for value in function.inputs:
        if value.type.dtype is DType.F32:
            choose(value)
    for op in function.ops:
        source = same_scale_operand(op) if op in plan.integer else None
        fixed = fixed_parameters(op, options.storage)
        for result in op.results:
            if result.type.dtype is not DType.F32 or is_known(result):
                continue
            if source is not None and source in plan.parameters:
                plan.parameters[result] = plan.parameters[source]
            elif fixed is not None:
                plan.parameters[result] = Parameters(*fixed)
            else:
                choose(result)


__all__ = ["Decision", "Plan", "StaticOptions", "activations", "make_plan", "name_values"]
