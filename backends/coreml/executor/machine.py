"""Executes a function of a package, one operator after another.

A value of fp16 is computed in fp32 from its fp16 operands and rounded to fp16. The executor is as strict as Core ML:
whatever an operator's signature, its opset or a declared type does not allow is an error that names the operator.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ....errors import InputError
from ....types import Array
from ..protobuf import has
from ..schema import Block, Function, Operation
from .calls import Arguments, bind, call
from .kinds import NUMPY, DeclaredType, Operand, ProgramError, State
from .package import Feature, Interface, Package, load
from .signatures import OPSETS
from .values import constant_value, declared_type

Outputs = dict[str, Array]
_MAXIMUM_RANK = 5
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_@]*")
_MAXIMUM_ITERATIONS = 1_000_000


def run(path: Path, inputs: Mapping[str, Array], function: str | None = None) -> Outputs:
    """Runs a function of the package on named arrays, with states of zeros.

    Raises InputError for inputs that do not fit, ProgramError for what Core ML would not run.

    Of a classifier the label is an array without dimensions, and the probabilities stand in the order of the classes.
    """
    package = load(path)
    name = function or package.default_function
    return execute(package, name, inputs, new_states(package, name))


def new_states(package: Package, function: str) -> dict[str, State]:
    """States of zeros for a function."""
    features = package.interfaces[function].states.values()
    return {feature.name: State(feature.kind, np.zeros(feature.shape, NUMPY[feature.kind])) for feature in features}


def execute(package: Package, name: str, inputs: Mapping[str, Array], states: Mapping[str, State]) -> Outputs:
    """Runs a function of a package that is loaded; the states change as it says. Raises ProgramError."""
    function, interface = package.functions[name], package.interfaces[name]
    if function.opset not in OPSETS:
        raise ProgramError(f"function {name} is of the unknown opset {function.opset!r}")
    machine = _Machine(package, OPSETS[function.opset])
    scope = _checked_inputs(function, interface, inputs, states)
    with np.errstate(all="ignore"):
        results = machine.run_block(function.block_specializations[function.opset], scope)
    return {
        feature.name: _output(feature, interface, results[feature.name], machine)
        for feature in interface.outputs.values()
    }


def _checked_inputs(
    function: Function, interface: Interface, inputs: Mapping[str, Array], states: Mapping[str, State]
) -> dict[str, Operand]:
    missing = [f.name for f in interface.inputs.values() if f.name not in inputs and not f.optional]
    unknown = [name for name in inputs if name not in interface.inputs]
    if missing or unknown:
        raise InputError(f"the inputs are {', '.join(interface.inputs)}, not {', '.join(inputs)}")
    scope: dict[str, Operand] = {}
    for value in function.inputs:
        if not _IDENTIFIER.fullmatch(value.name):
            raise ProgramError(f"input {value.name!r} is no identifier")
        declared = declared_type(value.type)
        if value.name in states:
            operand = Operand("state", states[value.name])
        else:
            feature = interface.inputs[value.name]
            operand = Operand(feature.kind, _checked_array(feature, inputs.get(value.name)))
        if not declared.accepts(operand):
            raise ProgramError(f"input {value.name} is not of the type {declared}")
        scope[value.name] = operand
    return scope


def _checked_array(feature: Feature, array: Array | None) -> Array:
    if array is None:
        return np.full(feature.shape, feature.default, NUMPY[feature.kind])
    if array.dtype != NUMPY[feature.kind]:
        raise InputError(f"input {feature.name} is {NUMPY[feature.kind]}, not {array.dtype}")
    if not feature.accepts(array.shape):
        raise InputError(f"input {feature.name} cannot have the shape {list(array.shape)}")
    return array


def _output(feature: Feature, interface: Interface, operand: Operand, machine: _Machine) -> Array:
    if feature.kind in ("str", "i64"):
        return np.array(operand.value)
    if feature.kind == "dictionary":
        if feature.name != interface.predicted_probabilities or not interface.predicted_feature:
            raise ProgramError(f"the description does not say that {feature.name} has the predicted probabilities")
        return operand.array
    array = operand.array
    if operand.kind != feature.kind:
        raise ProgramError(f"output {feature.name} is {operand.kind}, described as {feature.kind}")
    varies = feature.ranges or feature.enumerated
    if feature.shape and not varies and array.shape != feature.shape and array.ndim:
        raise ProgramError(f"output {feature.name} has the shape {list(array.shape)}, not {list(feature.shape)}")
    return np.array(array)


class _Machine:
    """Runs the blocks of one function."""

    def __init__(self, package: Package, opset: int) -> None:
        self._weights = package.weights
        self._opset = opset

    def run_block(self, block: Block, scope: Mapping[str, Operand]) -> dict[str, Operand]:
        """The block's outputs by name. ``scope`` holds all names that are visible where the block stands."""
        values = dict(scope)
        uses = _uses(block)
        for operation in block.operations:
            results = self._run(operation, values)
            for output, result in zip(operation.outputs, results, strict=True):
                if output.name in values:
                    raise ProgramError(f"{_title(operation)} defines {output.name} once more")
                if not _IDENTIFIER.fullmatch(output.name):
                    raise ProgramError(f"{_title(operation)}: {output.name!r} is no identifier")
                values[output.name] = result
            self._release(operation, values, uses)
        missing = [name for name in block.outputs if name not in values]
        if missing:
            raise ProgramError(f"a block returns {', '.join(missing)}, which it does not have")
        return {name: values[name] for name in block.outputs}

    def _release(self, operation: Operation, values: dict[str, Operand], uses: Counter[str]) -> None:
        """Forgets what no later operation of the block reads."""
        for name in _names(operation):
            uses[name] -= 1
            if not uses[name] and name in values:
                values[name] = Operand("forgotten", "")

    def _run(self, operation: Operation, values: Mapping[str, Operand]) -> list[Operand]:
        try:
            results = self._results(operation, values)
            self._check(operation, results)
        except ProgramError as error:
            raise ProgramError(f"{_title(operation)}: {error}") from error
        except (ValueError, IndexError, TypeError, KeyError, ZeroDivisionError) as error:
            raise ProgramError(f"{_title(operation)}: {type(error).__name__}: {error}") from error
        return results

    def _results(self, operation: Operation, values: Mapping[str, Operand]) -> list[Operand]:
        if operation.type == "const":
            if operation.inputs or "val" not in operation.attributes:
                raise ProgramError("it has inputs, or no attribute val")
            return [constant_value(operation.attributes["val"], self._weights)]
        arguments = bind(operation, values, self._weights, self._opset)
        match operation.type:
            case "cond":
                return self._cond(operation, arguments, values)
            case "while_loop":
                return self._while_loop(operation, arguments, values)
            case "read_state":
                state = arguments.state("input")
                return [Operand(state.kind, state.array.copy())]
            case "write_state":
                return _write_state(arguments)
            case "classify":
                return _classify(arguments)
            case _:
                return call(operation.type, arguments, self._opset)

    def _cond(self, operation: Operation, arguments: Arguments, values: Mapping[str, Operand]) -> list[Operand]:
        predicate = arguments.array("pred")
        if predicate.shape or len(operation.blocks) != 2:
            raise ProgramError("it needs a predicate without dimensions and two blocks")
        return list(self.run_block(operation.blocks[0 if predicate else 1], values).values())

    def _while_loop(self, operation: Operation, arguments: Arguments, values: Mapping[str, Operand]) -> list[Operand]:
        if len(operation.blocks) != 2:
            raise ProgramError("it needs two blocks")
        condition, body = operation.blocks
        carried = list(arguments.many["loop_vars"])
        for _ in range(_MAXIMUM_ITERATIONS):
            (proceed,) = self.run_block(condition, {**values, **_block_inputs(condition, carried)}).values()
            if proceed.array.shape or proceed.kind != "bool":
                raise ProgramError("its condition is not one bool")
            if not proceed.array:
                return carried
            results = self.run_block(body, {**values, **_block_inputs(body, carried)})
            carried = [results[name] for name in body.outputs]
        raise ProgramError(f"it does not end in {_MAXIMUM_ITERATIONS} iterations")

    def _check(self, operation: Operation, results: Sequence[Operand]) -> None:
        if len(results) != len(operation.outputs):
            raise ProgramError(f"it has {len(results)} results, {len(operation.outputs)} are declared")
        for output, result in zip(operation.outputs, results, strict=True):
            declared = declared_type(output.type)
            if not declared.accepts(result):
                raise ProgramError(f"its result {output.name} is declared as {declared}, but is {_described(result)}")
            if isinstance(result.value, np.ndarray) and result.value.ndim > _MAXIMUM_RANK:
                raise ProgramError(f"its result {output.name} has rank {result.value.ndim}, more than {_MAXIMUM_RANK}")


def _title(operation: Operation) -> str:
    names = ", ".join(output.name for output in operation.outputs)
    return f"operator {operation.type} ({names})" if names else f"operator {operation.type}"


def _described(operand: Operand) -> str:
    if isinstance(operand.value, np.ndarray):
        return str(DeclaredType(operand.kind, operand.value.shape))
    return operand.kind


def _uses(block: Block) -> Counter[str]:
    """How many operations of a block read a name; what the block returns is read once more."""
    uses: Counter[str] = Counter(block.outputs)
    for operation in block.operations:
        uses.update(_names(operation))
    return uses


def _names(operation: Operation) -> set[str]:
    """The names that an operation reads, those of its nested blocks included."""
    names = {
        binding.name for argument in operation.inputs.values() for binding in argument.arguments if has(binding, "name")
    }
    for block in operation.blocks:
        names.update(block.outputs, *(_names(inner) for inner in block.operations))
    return names


def _block_inputs(block: Block, carried: Sequence[Operand]) -> dict[str, Operand]:
    if len(block.inputs) != len(carried):
        raise ProgramError(f"a block has {len(block.inputs)} inputs for {len(carried)} values")
    for value, operand in zip(block.inputs, carried, strict=True):
        if not declared_type(value.type).accepts(operand):
            raise ProgramError(
                f"the block's input {value.name} is {declared_type(value.type)}, not {_described(operand)}"
            )
    return {
        value.name: Operand(operand.kind, operand.value) for value, operand in zip(block.inputs, carried, strict=True)
    }


def _write_state(arguments: Arguments) -> list[Operand]:
    state, data = arguments.state("input"), arguments.array("data")
    if state.array.dtype != data.dtype or state.array.shape != data.shape:
        raise ProgramError(f"{data.dtype}{list(data.shape)} is written to {state.array.dtype}{list(state.array.shape)}")
    state.array = data.copy()
    return []


def _classify(arguments: Arguments) -> list[Operand]:
    """The label of the greatest probability, and all probabilities in the order of the classes."""
    probabilities, classes = arguments.array("probabilities"), arguments.one["classes"].value
    if not isinstance(classes, list) or len(classes) != probabilities.size:
        raise ProgramError(f"the classes are not as many as the {probabilities.size} probabilities")
    label = classes[int(np.argmax(probabilities))]
    name = Operand("str", label) if isinstance(label, str) else Operand("i64", np.array(label, np.int64))
    return [name, Operand("dictionary", probabilities.reshape(-1))]
