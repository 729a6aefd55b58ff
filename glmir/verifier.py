"""The verifier: what must be true of every module between any two passes (spec/ir.md, constraints M1 to M10)."""

from collections.abc import Iterator, Sequence

from .attributes import format_name, format_symbol
from .call_graph import calls_of, recursive_functions
from .dims import known_different
from .errors import GlmirError
from .ir import Function, Module, Op, Value
from .opdef import ConstraintError
from .types import TensorType, compatible


class InvalidModuleError(GlmirError):
    """A module breaks the rules of the IR. ``problems`` has a sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def verify(module: Module) -> None:
    """Raises InvalidModuleError naming every broken rule: function, op, constraint."""
    functions = module.functions.values()
    problems = [f"@{f.name}: {p}" for f in functions for p in (*_function_problems(f), *_call_problems(f, module))]
    problems += [f"@{f.name}: M9: the function comes to call itself" for f in recursive_functions(module)]
    problems += [f"M10: {problem}" for problem in _state_problems(module)]
    if problems:
        raise InvalidModuleError(problems)


def _function_problems(function: Function) -> Iterator[str]:
    defined: dict[Value, None] = dict.fromkeys(function.inputs)
    for op in function.ops:
        yield from _operand_problems(op, function, defined)
        yield from _op_problems(op)
        defined.update(dict.fromkeys(op.results))
    yield from _operand_problems(function.ret, function, defined)
    yield from _name_problems(function, defined)
    yield from _use_problems(function, defined)


def _operand_problems(op: Op, function: Function, defined: dict[Value, None]) -> Iterator[str]:
    for operand in op.operands:
        if operand not in defined:
            yield f"M1: {_describe(op)} uses {operand!r} before it is defined"
    if op.function is not function:
        yield f"M2: {_describe(op)} does not belong to the function that lists it"


def _op_problems(op: Op) -> Iterator[str]:
    for index, result in enumerate(op.results):
        if result.owner is not op or result.index != index:
            yield f"M3: result {index} of {_describe(op)} is not the one that knows itself as such"
    try:
        op.definition.check(op)
        inferred = op.infer()
    except ConstraintError as error:
        yield f"%{name}: {error}" if (name := _name(op)) else str(error)
        return
    types = (inferred,) if isinstance(inferred, TensorType) else inferred
    if len(types) != len(op.results):
        yield f"M4: {_describe(op)} has {len(op.results)} results, but its operands give {len(types)}"
        return
    for result, type_ in zip(op.results, types, strict=True):
        if not compatible(result.type, type_):
            yield f"M4: {_describe(op)} has type {result.type}, but its operands give {type_}"


def _name_problems(function: Function, defined: dict[Value, None]) -> Iterator[str]:
    seen: set[str] = set()
    for value in defined:
        if value.name and value.name in seen:
            yield f"M5: two values are named %{format_name(value.name)}"
        seen.add(value.name)
    if len(set(function.output_names)) != len(function.output_names):
        yield f"M6: two outputs share a name: {', '.join(function.output_names)}"


def _use_problems(function: Function, defined: dict[Value, None]) -> Iterator[str]:
    expected: dict[Value, dict[Op, int]] = {value: {} for value in defined}
    for op in (*function.ops, function.ret):
        for operand in op.operands:
            uses = expected.setdefault(operand, {})
            uses[op] = uses.get(op, 0) + 1
    for value, uses in expected.items():
        if value.uses != uses:
            yield f"M7: the recorded uses of {value!r} are not the ops that use it"


def _call_problems(function: Function, module: Module) -> Iterator[str]:
    for op, call in calls_of(function):
        callee = module.functions.get(call.function)
        name = format_symbol(call.function)
        if callee is None:
            yield f"M8: {_describe(op)} calls {name}, but there is no such function"
            continue
        for what, given, declared in (
            ("takes", call.inputs, callee.inputs),
            ("gives", call.outputs, callee.outputs),
        ):
            types = [v.type for v in declared]
            if len(types) != len(given) or not all(map(compatible, types, given)):
                yield f"M8: {name} {what} {_list(types)}, but {_describe(op)} needs {_list(given)}"


def _state_problems(module: Module) -> Iterator[str]:
    main = module.functions.get("main")
    inputs = {} if main is None else {v.name: v.type for v in main.inputs}
    outputs = {} if main is None else dict(zip(main.output_names, (v.type for v in main.outputs), strict=False))
    for state in module.states:
        given, kept = f"%{format_name(state.input)}", f"%{format_name(state.output)}"
        if state.input not in inputs:
            yield f"there is no input {given} to hold a state"
        if state.output not in outputs:
            yield f"there is no output {kept} to keep for the state {given}"
        if state.input not in inputs or state.output not in outputs:
            continue
        type_ = inputs[state.input]
        if not (compatible(outputs[state.output], type_) and outputs[state.output].quantization == type_.quantization):
            yield f"the state {given} is {type_}, but what is kept for it, {kept}, is {outputs[state.output]}"
        if not _broadcasts(state.initial.type, type_):
            yield f"the initial value of the state {given}, {state.initial.type}, does not broadcast to {type_}"
    for what, names in (("input", [s.input for s in module.states]), ("output", [s.output for s in module.states])):
        for name in dict.fromkeys(n for n in names if names.count(n) > 1):
            yield f"two states use the {what} %{format_name(name)}"


def _broadcasts(initial: TensorType, type_: TensorType) -> bool:
    if initial.stored is not type_.stored or initial.rank > type_.rank:
        return False
    dims = zip(reversed(initial.shape), reversed(type_.shape), strict=False)
    return all(mine == 1 or not known_different(mine, dim) for mine, dim in dims)


def _list(types: Sequence[TensorType]) -> str:
    return f"({', '.join(map(str, types))})"


def _name(op: Op) -> str:
    return next((format_name(r.name) for r in op.results if r.name), "")


def _describe(op: Op) -> str:
    name = _name(op)
    return f"{op.definition.name} %{name}" if name else op.definition.name
