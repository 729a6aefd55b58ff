"""Exported programs to modules: the user's inputs, the nodes one by one, the outputs, and what is remembered.

A buffer that the program writes is a state: main's input ``<buffer>`` holds what its output ``<buffer>_out`` gave at
the call before. An input that the program writes gives one more output, ``<input>_out``. All reasons why a program
cannot be imported are collected and reported together.
"""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ...call_graph import callers_first, reachable
from ...dims import Dim, SymInt, free_symbols, substitute, symbol
from ...errors import CompileError, InputError, ModelWarning
from ...ir import Array, Function, Module, State, Value
from ...ops.tensor import Constant
from ...types import DType, TensorType
from ...weights import Weight
from ..aten.calls import FAILED, Caller
from ..aten.complex_tensors import ComplexTensor
from ..aten.promotion import dtype_of_number
from ..aten.scalars import Number, Scalar
from ..aten.scope import Scope
from ..aten.tensors import Tensor, Unsupported
from ..torch_archives import open_archive
from .archive_layout import StoredProgram, read_program
from .graphs import GraphRunner
from .mutation import may_write_payloads
from .naming import Path, leaf_paths, named_tuple_fields, output_names, output_tree, unique
from .operations import TABLE
from .payloads import Payloads
from .records import Record, malformed
from .schema import Graph, read_graph
from .signature import GraphInput, read_inputs, read_outputs

DeclaredTypes = Mapping[str, TensorType | None]
Specialize = Callable[[DeclaredTypes], Mapping[str, TensorType | None]]
Pin = Callable[[Sequence[Value]], Mapping[str, Array]]

_NUMBER_TYPES = {
    "as_sym_int": TensorType(DType.I64, ()),
    "as_sym_float": TensorType(DType.F32, ()),
    "as_sym_bool": TensorType(DType.BOOL, ()),
}
"""Numbers that forward takes are inputs without axes."""

_PAYLOAD_MUTATIONS = ("buffer_mutation", "parameter_mutation")


def import_exported(
    source: str | os.PathLike[str] | bytes, specialize: Specialize | None = None, pin: Pin | None = None
) -> Module:
    """The module of a .pt2 archive, of either layout; ``specialize`` changes the inputs' types, by name.

    The program finds constants in place of the inputs that ``pin`` gives values for, by name; the inputs themselves
    stay, without a use. Outputs are named by the keys and fields of what forward returned, or output0, output1, ….

    Raises InputError for what is no such archive, CompileError with every reason for a program that cannot be imported.
    """
    try:
        program = _Program(read_program(open_archive(source)))
        return program.module(specialize or dict, pin)
    except RecursionError:
        raise malformed("its graphs", "are nested too deeply") from None


@dataclass
class _Run:
    """One run of the graph: the function that it became."""

    function: Function
    scope: Scope
    caller: Caller
    arguments: list[object] = field(default_factory=list)
    """What the graph's inputs stand for."""
    payloads: dict[str, object] = field(default_factory=dict)
    """The module's tensors, by their targets."""


class _Program:
    """A program that was read, and how it becomes a module."""

    def __init__(self, stored: StoredProgram) -> None:
        record = stored.record.record("graph_module")
        self._record = record
        self._payloads = stored.payloads
        self._graph = read_graph(record.record("graph"))
        signature = record.record("signature")
        self._inputs = read_inputs(signature)
        self._outputs = read_outputs(signature)
        if len(self._inputs) != len(self._graph.inputs) or len(self._outputs) != len(self._graph.outputs):
            raise malformed("its signature", "is not that of its graph")
        self._ranges = _ranges(stored.record)
        names = [i.name for i in self._inputs if i.kind != "user_input" or i.name]
        if len(set(names)) < len(names):
            raise malformed("its signature", "has two inputs of one name")
        same = _names_of_one_memory(self._inputs, self._payloads)
        self._inputs = [
            replace(i, target=same.get(i.target, i.target)) if i.kind == "payload" else i for i in self._inputs
        ]
        self._outputs = [
            replace(o, target=same.get(o.target, o.target)) if o.kind in _PAYLOAD_MUTATIONS else o
            for o in self._outputs
        ]

    def module(self, specialize: Specialize, pin: Pin | None) -> Module:
        targets = {i.target for i in self._inputs if i.kind == "payload"}
        written = {o.target for o in self._outputs if o.kind in _PAYLOAD_MUTATIONS} & targets
        if may_write_payloads(self._graph, [i.name for i in self._inputs if i.kind == "payload"]):
            # What is written shows only when the program is run; that it is an input must be known before.
            run, _ = self._run(written, dict, None)
            written |= self._written(run)
        while True:
            run, results = self._run(written, specialize, pin)
            more = self._written(run) - written
            if not more:
                return self._finished(run, results, written)
            written |= more

    def _written(self, run: _Run) -> set[str]:
        """The payloads that a run wrote to."""
        return {
            i.target
            for i, argument in zip(self._inputs, run.arguments, strict=True)
            if i.kind == "payload" and any(t.storage.writes for t in _tensors_of(argument))
        }

    def _run(self, written: set[str], specialize: Specialize, pin: Pin | None) -> tuple[_Run, list[object]]:
        function = Function("main")
        scope = Scope(function)
        run = _Run(function, scope, Caller(scope, TABLE))
        declared = self._declared(run.caller, written)
        types = specialize(declared)
        fixed = self._fixed(declared, types)
        function.inputs.extend(Value(t, name) for name, t in types.items() if t is not None)
        values = {v.name: v for v in function.inputs}
        for name, array in (pin(function.inputs) if pin else {}).items():
            constant = Constant(Weight(array, name))
            function.ops.append(constant)
            values[name] = constant.result
        shown = {s for v in function.inputs for s in v.type.shape}
        run.arguments = [self._argument(run, i, written, values, fixed, shown) for i in self._inputs]
        runner = GraphRunner(run.caller)
        runner.take_names(list(values))
        return run, runner.run(self._graph, run.arguments)

    def _declared(self, caller: Caller, written: set[str]) -> dict[str, TensorType | None]:
        """The types of main's inputs: those of the user, then the states."""
        declared: dict[str, TensorType | None] = {}
        for given in self._inputs:
            try:
                if given.kind == "user_input" and given.name:
                    declared[given.name] = _input_type(self._graph, given)
            except Unsupported as error:
                caller.fail(f"input {given.name}: {error}")
        for given in self._inputs:
            # What cannot be held is told when the graph is given it.
            if given.kind == "payload" and given.target in written:
                with suppress(Unsupported):
                    declared[self._state_name(given)] = self._payloads.weight(given.target).type
        return declared

    def _state_name(self, given: GraphInput) -> str:
        """The buffer's own name, unless an input of the user has it."""
        taken = {i.name for i in self._inputs if i.kind == "user_input"}
        return unique(given.target, taken)

    def _fixed(self, declared: DeclaredTypes, types: DeclaredTypes) -> dict[str, Dim]:
        """What was made of the symbols that stand alone; raises InputError for a size out of the program's range."""
        fixed: dict[str, Dim] = {}
        for name, type_ in declared.items():
            new = types.get(name)
            if type_ is None or new is None:
                continue
            for axis, (old, dim) in enumerate(zip(type_.shape, new.shape, strict=False)):
                if isinstance(old, int) and isinstance(dim, SymInt):
                    # The program may have taken the size for a number wherever it likes.
                    raise InputError(
                        f"axis {axis} of input {name} is {old} in the exported program and cannot become {dim}: "
                        f"export it with a dynamic size there (dynamic_shapes)"
                    )
                if isinstance(old, SymInt) and old == symbol(free_symbols(old)[0]):
                    fixed[str(old)] = dim
        for name, size in fixed.items():
            low, high = self._ranges.get(name, (None, None))
            if isinstance(size, int) and ((low is not None and size < low) or (high is not None and size > high)):
                sizes = f"{'' if low is None else low}..{'' if high is None else high}"
                raise InputError(
                    f"dim {name} is {sizes} in the exported program and cannot become {size}: export it for other sizes"
                )
        return fixed

    def _argument(
        self,
        run: _Run,
        given: GraphInput,
        written: set[str],
        values: Mapping[str, Value],
        fixed: Mapping[str, Dim],
        shown: set[Dim],
    ) -> object:
        """What an input of the graph stands for."""
        if given.kind == "constant":
            return given.value
        if given.kind == "custom_obj":
            run.caller.fail(
                f"the constant {given.name} is an object of the class {given.target}, which only PyTorch has"
            )
            return FAILED
        if given.kind == "token":
            return None
        if given.kind == "payload":
            if given.target not in run.payloads:
                run.payloads[given.target] = self._payload(run, given, written, values)
            return run.payloads[given.target]
        if not given.name:
            return given.value
        value = values.get(given.name)
        if value is None:
            return FAILED
        if given.target != "as_sym_int":
            return run.scope.tensor(value) if given.target == "as_tensor" else run.scope.number(value)
        dim = substitute(self._graph.sym_int(given.name), fixed)
        return dim if isinstance(dim, int) or dim in shown else run.scope.number(value)

    def _payload(self, run: _Run, given: GraphInput, written: set[str], values: Mapping[str, Value]) -> object:
        try:
            if given.target in self._payloads.complexes and given.target not in written:
                return ComplexTensor(*(_constant(run, part) for part in self._payloads.complexes[given.target]))
            weight = self._payloads.weight(given.target)
            return (
                run.scope.tensor(values[self._state_name(given)]) if given.target in written else _constant(run, weight)
            )
        except Unsupported as error:
            run.caller.fail(f"{given.target}: {error}")
            return FAILED

    def _finished(self, run: _Run, results: Sequence[object], written: set[str]) -> Module:
        self._refuse_shared_memory(run.caller, written)
        outputs = self._user_outputs(run, results)
        states: list[State] = []
        taken = {name for name, _ in outputs}
        mutated = {o.target: r for o, r in zip(self._outputs, results, strict=True) if o.kind.endswith("_mutation")}
        for given, argument in zip(self._inputs, run.arguments, strict=True):
            key = given.target if given.kind == "payload" else given.name
            result = mutated.get(key, argument)
            if not isinstance(result, Tensor) or not isinstance(argument, Tensor):
                continue
            if given.kind == "payload" and given.target in written:
                name = self._state_name(given)
                if any(state.input == name for state in states):
                    continue
                states.append(State(name, unique(f"{name}_out", taken), self._payloads.weight(given.target)))
                outputs.append((states[-1].output, result.value))
            elif given.kind == "user_input" and (key in mutated or argument.storage.writes):
                outputs.append((unique(f"{key}_out", taken), result.value))
        if not outputs and not run.caller.reasons:
            run.caller.fail("forward returns no tensor")
        if run.caller.reasons:
            raise CompileError(run.caller.reasons)
        run.function.set_outputs([value for _, value in outputs], [name for name, _ in outputs])
        return _module(run, states)

    def _refuse_shared_memory(self, caller: Caller, written: set[str]) -> None:
        used = {i.target for i in self._inputs if i.kind == "payload"}
        for name in sorted(written):
            if others := sorted(used.intersection(self._payloads.sharing(name))):
                caller.fail(
                    f"the buffer {name} is written and shares its memory with {', '.join(others)}: copy it first"
                )

    def _user_outputs(self, run: _Run, results: Sequence[object]) -> list[tuple[str, Value]]:
        """The user's outputs by name; what is no tensor and no number is left out."""
        user = [r for o, r in zip(self._outputs, results, strict=True) if o.kind == "user_output"]
        named = zip(self._output_paths(len(user)), user, strict=True)
        present = [(path, value) for path, result in named if (value := _value(run, result)) is not None]
        return list(zip(output_names([p for p, _ in present]), [v for _, v in present], strict=True))

    def _output_paths(self, count: int) -> list[Path]:
        tree = output_tree(self._record)
        paths = [] if tree is None else leaf_paths(tree, "out_spec", named_tuple_fields(self._record))
        return paths if len(paths) == count else [(i,) for i in range(count)]


def _names_of_one_memory(inputs: Sequence[GraphInput], payloads: Payloads) -> dict[str, str]:
    """For each of the module's tensors the first name of what is the same elements of the same memory."""
    names: dict[str, str] = {}
    first: dict[int, str] = {}
    for given in inputs:
        weight = payloads.tensors.get(given.target) if given.kind == "payload" else None
        if weight is not None:
            names[given.target] = first.setdefault(id(weight), given.target)
    return names


def _tensors_of(argument: object) -> tuple[Tensor, ...]:
    """A tensor, or the parts of a complex one."""
    if isinstance(argument, ComplexTensor):
        return argument.real, argument.imag
    return (argument,) if isinstance(argument, Tensor) else ()


def _constant(run: _Run, weight: Weight) -> Tensor:
    return run.scope.tensor(run.scope.weight(weight))


def _input_type(graph: Graph, given: GraphInput) -> TensorType:
    if given.target == "as_tensor":
        return graph.tensor_type(given.name)
    if given.target not in _NUMBER_TYPES:
        raise Unsupported("it is neither a tensor nor a number")
    return _NUMBER_TYPES[given.target]


def _value(run: _Run, result: object) -> Value | None:
    """What the program returned as a value; None for what is none."""
    if isinstance(result, Tensor):
        return result.value
    if isinstance(result, Scalar):
        return result.value
    if isinstance(result, Number):
        return run.scope.insert(run.scope.scalar(result, dtype_of_number(result)))
    if isinstance(result, str):
        warnings.warn(ModelWarning(f"forward returns the text {result!r}, which is left out"), stacklevel=2)
    return None


def _ranges(record: Record) -> dict[str, tuple[int | None, int | None]]:
    """The least and the greatest size of each symbol, where the program says it."""
    if "range_constraints" not in record:
        return {}
    constraints = record.record("range_constraints")
    found = {name: Record(c, f"{constraints.where}.{name}") for name, c in constraints.items()}
    return {name: (_bound(c, "min_val"), _bound(c, "max_val")) for name, c in found.items()}


def _bound(constraint: Record, name: str) -> int | None:
    return constraint.integer(name) if name in constraint else None


def _module(run: _Run, states: Sequence[State]) -> Module:
    module = Module([run.function, *run.scope.callees.values()], states)
    for function in callers_first(module):
        _erase_unused(function)
    return Module(reachable(module, run.function), states)


def _erase_unused(function: Function) -> None:
    """Removes what only assertions needed, and constants that were read into attributes.

    What first shows a symbol stays, for the symbol may be in use.
    """
    bound = set(function.symbols)
    for op in reversed(function.ops):
        if not op.has_uses and not op.has_effect and bound.issuperset(s for r in op.results for s in r.type.symbols):
            op.erase()
