"""The operations of a function: names, order, parameters, types, constants; operators.py has what each demands."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..executor.blobs import WeightFiles
from ..executor.kinds import KINDS, DeclaredType, Operand, ProgramError
from ..executor.signatures import Parameter, signature
from ..executor.values import constant_value, declared_type
from ..protobuf import has
from ..schema import Argument, Block, Function, NamedValueType, Operation, Value
from .given import DECOMPRESSING, Given
from .operators import check_operator

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_@]*")
_MAX_RANK = 5
_ALL = 10**6
"""Later than any release."""

_RUN_TIME_KINDS = frozenset({"fp16", "fp32", "i32", "bool", "str", "list", "dictionary", "state"})
_NEWER_KINDS = frozenset({"i8", "u8", "i16", "u16"})
_NEWER_SINCE = 17
_CONSTEXPR_AS_INPUTS = 18
_IMMEDIATE = {
    ("classify", "classes"),
    ("reshape_like", "begins"),
    ("reshape_like", "ends"),
    ("reshape_like", "end_masks"),
}
"""Parameters that have to be written into the operation; all others are written as constants of their own."""

_BLOCKS = {"cond": 2, "while_loop": 2}


@dataclass(frozen=True)
class Known:
    """What can be told of a value before the program runs."""

    type: DeclaredType
    constant: Operand | None = None
    maker: str = ""


@dataclass
class _Checker:
    """Walks the blocks of one function."""

    opset: int
    weights: WeightFiles

    def block(self, block: Block, outer: Mapping[str, Known]) -> Iterator[str]:
        scope = dict(outer)
        for value in block.inputs:
            yield from self.define(value, "the input of a block", scope)
        for operation in block.operations:
            yield from self.operation(operation, scope)
        for name in block.outputs:
            if name not in scope:
                yield f"a block returns {name}, which it does not have"

    def define(
        self,
        value: NamedValueType,
        what: str,
        scope: dict[str, Known],
        constant: Operand | None = None,
        maker: str = "",
    ) -> Iterator[str]:
        if not _IDENTIFIER.fullmatch(value.name):
            yield f"{what} is called {value.name!r}, which is no identifier"
        # Blocks beside each other may use the same names, as the two of a loop do.
        if value.name in scope:
            yield f"{what} is called {value.name}, as another value is"
        try:
            type_ = declared_type(value.type)
        except ProgramError as error:
            yield f"{what} {value.name}: {error}"
            return
        scope[value.name] = Known(type_, constant, maker)
        if len(type_.dims) > _MAX_RANK:
            yield f"{what} {value.name} has rank {len(type_.dims)}, more than {_MAX_RANK}"

    def operation(self, operation: Operation, scope: dict[str, Known]) -> Iterator[str]:
        title = _title(operation)
        constant: Operand | None = None
        if operation.type == "const":
            constant, found = self.constant(operation)
        else:
            found = list(self.computed(operation, scope))
        yield from (f"{title}: {problem}" for problem in found)
        for value in operation.outputs:
            yield from self.define(value, f"the result of {operation.type}", scope, constant, operation.type)
            kind = scope[value.name].type.kind if value.name in scope else "fp32"
            is_run_time = operation.type != "const" and not operation.type.startswith(DECOMPRESSING)
            if is_run_time and kind not in _RUN_TIME_KINDS | (_NEWER_KINDS if self.opset >= _NEWER_SINCE else set()):
                yield f"{title}: its result {value.name} is {kind}, which no operation of this opset computes"

    def constant(self, operation: Operation) -> tuple[Operand | None, list[str]]:
        """The constant, if it can be read, and what is wrong with it."""
        found = []
        if operation.inputs or operation.blocks or set(operation.attributes) != {"name", "val"}:
            found.append("a const has the attributes name and val, and nothing else")
        if len(operation.outputs) != 1:
            found.append(f"it has {len(operation.outputs)} results")
        if "val" not in operation.attributes or len(operation.outputs) != 1:
            return None, found
        value = operation.attributes["val"]
        if value.type != operation.outputs[0].type:
            found.append("its result's type is not its value's")
        try:
            return constant_value(value, self.weights), found
        except ProgramError as error:
            return None, [*found, str(error)]

    def computed(self, operation: Operation, scope: Mapping[str, Known]) -> Iterator[str]:
        parameters = signature(operation.type, self.opset)
        if parameters is None:
            is_newer = signature(operation.type, _ALL) is not None
            yield "there is none before a later opset" if is_newer else "there is no such operator"
            return
        yield from self.attributes(operation)
        if len(operation.blocks) != _BLOCKS.get(operation.type, 0):
            yield f"it has {len(operation.blocks)} blocks"
        given: dict[str, list[Known]] = {}
        for name, argument in operation.inputs.items():
            given[name] = []
            yield from self.argument(operation.type, name, argument, scope, given[name])
        if self.is_old_constexpr(operation):
            for name, value in operation.attributes.items():
                if name != "name":
                    given[name] = []
                    yield from self.value(name, value, given[name])
        if found := list(check_parameters(parameters, given)):
            yield from found
        else:
            one = {name: known[0] for name, known in given.items() if not parameters[name].variadic and known}
            many = {name: known for name, known in given.items() if parameters[name].variadic}
            results = [declared_type(value.type) for value in operation.outputs if _is_readable(value)]
            yield from check_operator(Given(operation.type, self.opset, one, many, tuple(results)))
        yield from self.blocks(operation, given.get("loop_vars", []), scope)

    def is_old_constexpr(self, operation: Operation) -> bool:
        """Whether the operation's parameters are attributes."""
        return operation.type.startswith(DECOMPRESSING) and self.opset < _CONSTEXPR_AS_INPUTS

    def attributes(self, operation: Operation) -> Iterator[str]:
        others = set(operation.attributes) - {"name"}
        is_old_constexpr = self.is_old_constexpr(operation)
        if "name" not in operation.attributes:
            yield "it has no name"
        if is_old_constexpr and operation.inputs:
            yield "before iOS 18 its parameters are attributes"
        if others and not is_old_constexpr:
            yield f"it has the attributes {', '.join(sorted(others))}; an operation has none but its name"

    def argument(
        self, operator: str, name: str, argument: Argument, scope: Mapping[str, Known], found: list[Known]
    ) -> Iterator[str]:
        for binding in argument.arguments:
            if has(binding, "value"):
                yield from self.value(name, binding.value, found)
            elif (operator, name) in _IMMEDIATE:
                yield f"{name} has to be written into the operation"
            elif binding.name in scope:
                found.append(scope[binding.name])
            else:
                yield f"{name} is {binding.name}, which is not there"

    def value(self, name: str, value: Value, found: list[Known]) -> Iterator[str]:
        try:
            found.append(Known(declared_type(value.type), constant_value(value, self.weights)))
        except ProgramError as error:
            yield f"{name}: {error}"

    def blocks(self, operation: Operation, carried: Sequence[Known], scope: Mapping[str, Known]) -> Iterator[str]:
        for block in operation.blocks:
            if operation.type == "cond" and block.inputs:
                yield "its blocks have inputs"
            if operation.type == "while_loop":
                types = [declared_type(v.type) for v in block.inputs if _is_readable(v)]
                if [(t.kind, len(t.dims)) for t in types] != [(k.type.kind, len(k.type.dims)) for k in carried]:
                    yield "the inputs of its blocks are not of its loop_vars' types"
            yield from self.block(block, scope)


def check_function(function: Function, opset: int, weights: WeightFiles) -> Iterator[str]:
    """What is wrong with the operations of a function of that opset (an iOS release), one sentence each."""
    checker = _Checker(opset, weights)
    scope: dict[str, Known] = {}
    for value in function.inputs:
        yield from checker.define(value, "the input", scope)
    yield from checker.block(function.block_specializations[function.opset], scope)


def check_parameters(parameters: Mapping[str, Parameter], given: Mapping[str, Sequence[Known]]) -> Iterator[str]:
    """What does not fit the signature. A parameter with a default has to be given too: the compiler asks for some."""
    for name in given:
        if name not in parameters:
            yield f"it has no parameter {name}"
    ties: dict[str, str] = {}
    for name, parameter in parameters.items():
        if name not in given:
            if parameter.required:
                yield f"its parameter {name} is missing"
            continue
        known = given[name]
        if not known or (not parameter.variadic and len(known) != 1):
            yield f"{name} is given {len(known)} values"
        for value in known:
            kind = value.type.kind
            if parameter.types and kind not in parameter.types:
                yield f"{name} is {kind}, not {' or '.join(sorted(parameter.types))}"
            if parameter.constant and value.constant is None and not value.maker.startswith(DECOMPRESSING):
                yield f"{name} is not a constant"
            if parameter.tie and ties.setdefault(parameter.tie, kind) != kind:
                yield f"{name} is {kind}, parameters of its type are {ties[parameter.tie]}"


def _is_readable(value: NamedValueType) -> bool:
    if not has(value.type, "tensor_type"):
        return True
    tensor = value.type.tensor_type
    return tensor.data_type in KINDS and tensor.rank == len(tensor.dimensions)


def _title(operation: Operation) -> str:
    names = ", ".join(value.name for value in operation.outputs)
    return f"{operation.type} ({names})" if names else operation.type
