"""The reference interpreter: runs a module with the ops' own ``evaluate`` (DESIGN §3).

Every result is held against its declared type, so running a module also checks type inference. Symbols are bound by the
inputs' shapes and, for data-dependent shapes, by the results that first show them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields

import numpy as np

from .dims import Dim, SymInt, evaluate, free_symbols, symbol
from .errors import GlmirError, InputError
from .ir import Array, Function, Module, Op, Value
from .types import DType, TensorType


class ExecutionError(GlmirError):
    """An op failed, or computed something else than its type promises."""


Environment = dict[str, int]
"""Symbol -> its value in this run."""


def run(module: Module, inputs: Mapping[str, Array], function: str = "main") -> dict[str, Array]:
    """Runs a function on named arrays and returns its outputs by name.

    Raises InputError when inputs are missing, unknown, or of another type, ExecutionError when an op fails.
    """
    target = module.functions[function]
    environment: Environment = {}
    arrays = bind_inputs(target, inputs, environment)
    for op, op_arrays in execute(target, arrays, environment):
        arrays.update(zip(op.results, op_arrays, strict=True))
    return {name: arrays[value] for name, value in zip(target.output_names, target.outputs, strict=True)}


def bind_inputs(function: Function, inputs: Mapping[str, Array], environment: Environment) -> dict[Value, Array]:
    """Matches named arrays to the function's inputs and binds the symbols of their shapes; raises InputError."""
    expected = [v.name for v in function.inputs]
    if unknown := sorted(set(inputs) - set(expected)):
        raise InputError(f"there is no input {', '.join(unknown)}; the inputs are {', '.join(expected)}")
    if missing := [name for name in expected if name not in inputs]:
        raise InputError(f"no array given for input {', '.join(missing)}")
    arrays = {}
    for value in function.inputs:
        array = np.asarray(inputs[value.name])
        if problem := _mismatch(array, value.type, environment):
            raise InputError(f"input {value.name}: {problem}")
        arrays[value] = array
    return arrays


def execute(
    function: Function, arrays: dict[Value, Array], environment: Environment
) -> Iterator[tuple[Op, tuple[Array, ...]]]:
    """Runs the ops in order, yielding each with its results; ``arrays`` must hold the inputs, and is pruned of dead values.

    The consumer adds the results to ``arrays`` (or something in their place).
    """
    last_use = {operand: op for op in function.ops for operand in op.operands}
    kept = set(function.outputs)
    for op in function.ops:
        yield op, _run_op(op, arrays, environment)
        for value in (*op.operands, *op.results):
            if last_use.get(value, op) is op and value not in kept:
                arrays.pop(value, None)


def _run_op(op: Op, arrays: Mapping[Value, Array], environment: Environment) -> tuple[Array, ...]:
    operands = [_gather(getattr(op, f.name), arrays) for f in op.definition.operand_fields]
    try:
        with np.errstate(all="ignore"):
            evaluated = bind_symbols(op, environment).evaluate(*operands)
    except GlmirError:
        raise
    except (ValueError, IndexError, TypeError, ZeroDivisionError, ArithmeticError) as error:
        raise ExecutionError(f"{op!r} failed: {type(error).__name__}: {error}") from error
    results = evaluated if isinstance(evaluated, tuple) else (evaluated,)
    checked = []
    for value, array in zip(op.results, results, strict=True):
        array = np.asarray(array)
        if problem := _mismatch(array, value.type, environment):
            raise ExecutionError(f"{op!r}: result {value!r}: {problem}")
        checked.append(array)
    return tuple(checked)


def _gather(operand: object, arrays: Mapping[Value, Array]) -> object:
    if isinstance(operand, tuple):
        return tuple(arrays[v] for v in operand)
    return arrays[operand] if isinstance(operand, Value) else None


def bind_symbols(op: Op, environment: Mapping[str, int]) -> Op:
    """The op with symbolic attributes replaced by numbers; symbols not in ``environment`` stay."""
    changes = {}
    for field in op.definition.attribute_fields:
        value = getattr(op, field.name)
        if isinstance(value, SymInt):
            changes[field.name] = _bind(value, environment)
        elif isinstance(value, tuple) and any(isinstance(d, SymInt) for d in value):
            changes[field.name] = tuple(_bind(d, environment) for d in value)
    if not changes:
        return op
    # Not replace(): that would check constraints against the operands' symbolic types.
    bound = object.__new__(type(op))
    bound.__dict__.update({f.name: getattr(op, f.name) for f in fields(op)}, **changes)  # type: ignore[arg-type]
    bound.__dict__["results"] = op.results
    return bound


def _bind(dim: object, environment: Mapping[str, int]) -> object:
    if isinstance(dim, SymInt) and all(s in environment for s in free_symbols(dim)):
        return evaluate(dim, environment)
    return dim


def _mismatch(array: Array, type_: TensorType, environment: Environment) -> str | None:
    """What keeps ``array`` from being a ``type_``; binds symbols that stand alone and are not bound yet."""
    expected_dtype = type_.dtype.numpy
    if array.dtype != expected_dtype:
        return f"expected {type_}, not an array of {_dtype_name(array)}"
    if array.ndim != type_.rank:
        return f"expected {type_}, not {list(array.shape)}"
    for dim, size in zip(type_.shape, array.shape, strict=True):
        if not _matches(dim, size, environment):
            bound = ", ".join(f"{s}={environment[s]}" for s in type_.symbols if s in environment)
            return f"expected {type_}{f' with {bound}' if bound else ''}, not {list(array.shape)}"
    return None


def _matches(dim: Dim, size: int, environment: Environment) -> bool:
    if isinstance(dim, int):
        return dim == size
    symbols = free_symbols(dim)
    if dim == symbol(symbols[0]) and symbols[0] not in environment:
        environment[symbols[0]] = size
    # A symbol that nothing has bound can only stand in a result of data-dependent shape: nothing to hold it against.
    return any(s not in environment for s in symbols) or evaluate(dim, environment) == size


def _dtype_name(array: Array) -> str:
    try:
        return DType.of(array.dtype).value
    except ValueError:
        return str(array.dtype)


__all__ = ["Environment", "ExecutionError", "bind_inputs", "bind_symbols", "execute", "run"]
