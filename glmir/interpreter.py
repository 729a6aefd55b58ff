"""The reference interpreter: runs a module with the ops' own ``evaluate`` (spec/ir.md).

Every result is held against its declared type, so running a module also checks type inference. Symbols are bound by the
inputs' shapes and, for data-dependent shapes, by the results that first show them. Quantized values are arrays of their
stored integers everywhere; what an op on them means, quantized.py says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from types import MappingProxyType

import numpy as np

from .dims import Dim, SymInt, evaluate, free_symbols
from .errors import GlmirError, InputError
from .ir import Array, Function, Module, Op, Value
from .quantized import dequantize, quantize
from .states import initial_values
from .types import DType, TensorType, bind_lone_symbols


class ExecutionError(GlmirError):
    """An op failed, or computed something else than its type promises."""


Environment = dict[str, int]
"""Symbol -> its value in this run."""


def run(module: Module, inputs: Mapping[str, Array], function: str = "main") -> dict[str, Array]:
    """Runs a function on named arrays and returns its outputs by name.

    States that are not among the inputs have their initial values, and what they become is among the outputs.
    Raises InputError when inputs are missing, unknown, or of another type, ExecutionError when an op fails.
    """
    if function not in module.functions:
        raise InputError(f"there is no function @{function}; there are {', '.join(f'@{n}' for n in module.functions)}")
    target = module.functions[function]
    if target is module.functions.get("main") and module.states:
        inputs = {**inputs, **initial_values(module, inputs)}
    environment: Environment = {}
    arrays = bind_inputs(target, inputs, environment)
    outputs = _outputs(target, arrays, environment, module.functions)
    return dict(zip(target.output_names, outputs, strict=True))


def bind_inputs(function: Function, inputs: Mapping[str, Array], environment: Environment) -> dict[Value, Array]:
    """Matches named arrays to the function's inputs and binds the symbols of their shapes; raises InputError."""
    expected = [v.name for v in function.inputs]
    if unknown := sorted(set(inputs) - set(expected)):
        raise InputError(f"there is no input {', '.join(unknown)}; the inputs are {', '.join(expected)}")
    if missing := [name for name in expected if name not in inputs]:
        raise InputError(f"no array given for input {', '.join(missing)}")
    arrays = {value: np.asarray(inputs[value.name]) for value in function.inputs}
    # All symbols first: an earlier input's shape may be computed from a later one's.
    for value, array in arrays.items():
        bind_lone_symbols(value.type, array.shape, environment)
    for value, array in arrays.items():
        if problem := _mismatch(array, value.type, environment):
            raise InputError(f"input {value.name}: {problem}")
    return arrays


def _outputs(
    function: Function, arrays: dict[Value, Array], environment: Environment, functions: Mapping[str, Function]
) -> tuple[Array, ...]:
    for op, results in execute(function, arrays, environment, functions):
        arrays.update(zip(op.results, results, strict=True))
    return tuple(arrays[value] for value in function.outputs)


def execute(
    function: Function,
    arrays: dict[Value, Array],
    environment: Environment,
    functions: Mapping[str, Function] = MappingProxyType({}),
) -> Iterator[tuple[Op, tuple[Array, ...]]]:
    """Runs the ops in order, yielding each with its results.

    ``arrays`` must hold the inputs; the consumer adds the results to it (or something in their place), and what no
    later op needs is taken out. ``functions`` are those that the ops may call.
    """
    last_use = {operand: op for op in function.ops for operand in op.operands}
    kept = set(function.outputs)
    for op in function.ops:
        yield op, run_op(op, arrays, environment, functions)
        for value in (*op.operands, *op.results):
            if last_use.get(value, op) is op and value not in kept:
                arrays.pop(value, None)


def run_op(
    op: Op,
    arrays: Mapping[Value, Array],
    environment: Environment,
    functions: Mapping[str, Function] = MappingProxyType({}),
) -> tuple[Array, ...]:
    """The results of one op on the arrays of its operands; raises ExecutionError when it fails."""
    is_caller = bool(op.calls)
    # A function takes and gives quantized values as they are stored.
    operands = [_gather(getattr(op, f.name), arrays, is_stored=is_caller) for f in op.definition.operand_fields]
    if is_caller:
        operands.append(lambda name, inputs: _call(functions, name, inputs, environment))
    try:
        with np.errstate(all="ignore"):
            evaluated = bind_symbols(op, environment).evaluate(*operands)
    except GlmirError:
        raise
    except Exception as error:
        raise ExecutionError(f"{op!r} failed: {type(error).__name__}: {error}") from error
    results = evaluated if isinstance(evaluated, tuple) else (evaluated,)
    if len(results) != len(op.results):
        raise ExecutionError(f"{op!r} gave {len(results)} results, not {len(op.results)}")
    checked = []
    for value, result in zip(op.results, results, strict=True):
        array = np.asarray(result)
        # A constant holds its stored integers already.
        if value.type.quantization is not None and op.operands and not is_caller:
            array = quantize(array, value.type)
        bind_lone_symbols(value.type, array.shape, environment)
        if problem := _mismatch(array, value.type, environment):
            raise ExecutionError(f"{op!r}: result {value!r}: {problem}")
        checked.append(array)
    return tuple(checked)


def _call(
    functions: Mapping[str, Function], name: str, inputs: tuple[Array, ...], environment: Environment
) -> tuple[Array, ...]:
    """Runs a function on arrays in the order of its inputs; the symbols of their types are the caller's."""
    if name not in functions:
        raise ExecutionError(f"there is no function @{name}")
    callee = functions[name]
    if len(inputs) != len(callee.inputs):
        raise ExecutionError(f"@{name} takes {len(callee.inputs)} inputs, not {len(inputs)}")
    arrays = dict(zip(callee.inputs, inputs, strict=True))
    own: Environment = {}
    for value, array in arrays.items():
        bind_lone_symbols(value.type, array.shape, own)
    own |= {s: environment[s] for s in callee.symbols if s in environment and s not in own}
    for value, array in arrays.items():
        if problem := _mismatch(array, value.type, own):
            raise ExecutionError(f"input {value.name} of @{name}: {problem}")
    return _outputs(callee, arrays, own, functions)


def _gather(operand: object, arrays: Mapping[Value, Array], is_stored: bool) -> object:
    if isinstance(operand, tuple):
        return tuple(_gather(v, arrays, is_stored) for v in operand)
    if not isinstance(operand, Value):
        return None
    return arrays[operand] if is_stored else _meaning(operand, arrays)


def _meaning(value: Value, arrays: Mapping[Value, Array]) -> Array:
    return arrays[value] if value.type.quantization is None else dequantize(arrays[value], value.type)


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
    """What keeps ``array`` from being a ``type_``."""
    if array.dtype != type_.stored.numpy:
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
    # A symbol that nothing has bound can only stand in a result of data-dependent shape: nothing to hold it against.
    return any(s not in environment for s in free_symbols(dim)) or evaluate(dim, environment) == size


def _dtype_name(array: Array) -> str:
    try:
        return DType.of(array.dtype).value
    except ValueError:
        return str(array.dtype)


__all__ = ["Environment", "ExecutionError", "bind_inputs", "bind_symbols", "execute", "run", "run_op"]
