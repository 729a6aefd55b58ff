"""Checks what an operator is given against its signature, and calls what computes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ....types import Array
from ..protobuf import which
from ..schema import Binding, Operation
from .blobs import WeightFiles
from .kinds import DTYPE_NAMES, NUMPY, Operand, ProgramError, State
from .operators.registry import OPERATORS, Operator
from .signatures import Parameter, signature
from .values import constant_value

_PYTHON_KINDS = frozenset({"i32", "u32", "bool"})
_OWN_OPERATORS = frozenset({"cond", "while_loop", "read_state", "write_state", "classify"})


@dataclass(frozen=True)
class Arguments:
    """What an operator is given, by parameter: one operand, or many for a variadic parameter."""

    parameters: Mapping[str, Parameter]
    one: Mapping[str, Operand]
    many: Mapping[str, Sequence[Operand]]

    def array(self, name: str) -> Array:
        """The tensor given for a parameter."""
        return self.one[name].array

    def state(self, name: str) -> State:
        """The state given for a parameter."""
        value = self.one[name].value
        if not isinstance(value, State):
            raise ProgramError(f"{name} is no state")
        return value

    @property
    def are_constant(self) -> bool:
        """Whether all operands are constants."""
        return all(o.constant for o in self.one.values()) and all(o.constant for m in self.many.values() for o in m)


def bind(operation: Operation, values: Mapping[str, Operand], weights: WeightFiles, opset: int) -> Arguments:
    """The operands of an operation, checked; raises ProgramError for one that its signature does not allow."""
    if operation.type not in OPERATORS and operation.type not in _OWN_OPERATORS:
        raise ProgramError("there is no such operator")
    parameters = signature(operation.type, opset)
    if parameters is None:
        raise ProgramError(f"there is none before a later opset than iOS {opset}")
    given = {
        name: [_operand(binding, values, weights) for binding in argument.arguments]
        for name, argument in operation.inputs.items()
    }
    if operation.type.startswith("constexpr_") and opset < 18:
        if given:
            raise ProgramError("before iOS 18 its parameters are attributes")
        attributes = {name: value for name, value in operation.attributes.items() if name != "name"}
        given = {name: [constant_value(value, weights)] for name, value in attributes.items()}
    elif set(operation.attributes) - {"name"}:
        raise ProgramError(f"it has the attributes {', '.join(sorted(operation.attributes))}")
    _check(parameters, given)
    one = {name: operands[0] for name, operands in given.items() if not parameters[name].variadic}
    many = {name: operands for name, operands in given.items() if parameters[name].variadic}
    return Arguments(parameters, one, many)


def _operand(binding: Binding, values: Mapping[str, Operand], weights: WeightFiles) -> Operand:
    if which(binding, "binding") == "value":
        return constant_value(binding.value, weights)
    if binding.name not in values:
        raise ProgramError(f"it reads {binding.name}, which is not there")
    return values[binding.name]


def _check(parameters: Mapping[str, Parameter], given: Mapping[str, Sequence[Operand]]) -> None:
    unknown = given.keys() - parameters.keys()
    if unknown:
        raise ProgramError(f"it has no parameter {', '.join(sorted(unknown))}")
    missing = [p.name for p in parameters.values() if p.required and p.name not in given]
    if missing:
        raise ProgramError(f"required parameter {', '.join(missing)} is missing")
    ties: dict[str, str] = {}
    for name, parameter in parameters.items():
        operands = given.get(name)
        if operands is None:
            continue
        if not parameter.variadic and len(operands) != 1:
            raise ProgramError(f"{name} is given {len(operands)} values")
        for operand in operands:
            if parameter.types and operand.kind not in parameter.types:
                raise ProgramError(f"{name} is {operand.kind}, not {' or '.join(sorted(parameter.types))}")
            if parameter.constant and not operand.constant:
                raise ProgramError(f"{name} is not a constant")
            if parameter.tie and ties.setdefault(parameter.tie, operand.kind) != operand.kind:
                raise ProgramError(f"{name} is {operand.kind}, other parameters of its type are {ties[parameter.tie]}")


def call(operator_type: str, arguments: Arguments, opset: int) -> list[Operand]:
    """The results of an operator; raises ProgramError, ValueError or IndexError."""
    operator = OPERATORS[operator_type]
    constant = operator_type.startswith("constexpr_") and arguments.are_constant
    given: dict[str, object] = {
        name: _argument(arguments.parameters[name], operand, operator) for name, operand in arguments.one.items()
    }
    for name, operands in arguments.many.items():
        if len({operand.kind for operand in operands}) > 1 and operator.results == ("values",):
            raise ProgramError(f"{name} are of different types")
        given[name] = [_argument(arguments.parameters[name], operand, operator) for operand in operands]
    if operator.by_opset:
        given["opset"] = opset
    computed = _compute(operator, given)
    kinds = _result_kinds(operator, arguments, len(computed))
    return [
        Operand(k, np.asarray(a).astype(NUMPY[k], copy=False), constant) for k, a in zip(kinds, computed, strict=True)
    ]


def _compute(operator: Operator, given: Mapping[str, object]) -> tuple[Array, ...]:
    if isinstance(operator.compute, np.ufunc):
        computed = (
            operator.compute(*given.values()) if set(given) == {"x"} else operator.compute(given["x"], given["y"])
        )
    else:
        computed = operator.compute(**given)
    return computed if isinstance(computed, tuple) else (computed,)


def _argument(parameter: Parameter, operand: Operand, operator: Operator) -> object:
    """What has to be constant as Python's own, any other tensor as an array, of fp32 where it computes in fp16."""
    value = operand.value
    if not isinstance(value, np.ndarray):
        return value
    if parameter.constant and (operand.kind in _PYTHON_KINDS or (not value.ndim and operand.kind in ("fp16", "fp32"))):
        return value.tolist()
    return value.astype(np.float32) if operand.kind == "fp16" and not operator.moves else value


def _result_kinds(operator: Operator, arguments: Arguments, count: int) -> list[str]:
    rules = [operator.results[min(i, len(operator.results) - 1)] for i in range(count)]
    return [_kind(rule, arguments) for rule in rules]


def _kind(rule: str, arguments: Arguments) -> str:
    name, _, otherwise = rule.partition("|")
    if name in arguments.many:
        return arguments.many[name][0].kind
    if name not in arguments.one:
        return otherwise or name
    operand = arguments.one[name]
    return DTYPE_NAMES[operand.value] if isinstance(operand.value, str) else operand.kind
