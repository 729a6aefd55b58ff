"""Runs a TorchScript program on what is known at compile time: numbers, strings and objects are the program's own,
tensors are values of the function that is being built.

The code is straight: methods are run where they are called, loops and branches as often and as far as their conditions
are known. What depends on the data goes to control_flow.py.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ...dims import SymInt
from ...errors import CompileError
from ..aten import registry
from ..aten.calls import FAILED, Caller
from ..aten.scalars import Scalar
from ..aten.tensors import Tensor, Unsupported
from ..torch_archives.objects import ScriptObject
from . import upgrades
from .control_flow import ControlFlow
from .frames import Frames
from .objects import attribute_place, objects_within, owners
from .program import Program, ScriptFunction, code_text, parameters
from .values import (
    UNINITIALIZED,
    BoundMethod,
    ClassReference,
    Closure,
    Condition,
    Conflict,
    EnumMember,
    Environment,
    Failure,
    NamedTuple,
    Raised,
    Returned,
    is_instance,
)

MAX_DEPTH = 100
"""How deep calls may nest: modules nest a dozen deep."""


class Interpreter:
    """Runs functions of a program, its tensor operations through ``caller``."""

    def __init__(
        self,
        program: Program,
        caller: Caller,
        constants: Sequence[object],
        root: ScriptObject,
        module_paths: Mapping[int, str],
    ) -> None:
        """``root`` is the module that the archive holds; ``module_paths`` names it and those within by their id."""
        self.program = program
        self.caller = caller
        self.scope = caller.scope
        self._constants = constants
        self._root = root
        self._module_paths = module_paths
        self.frames = Frames()
        self._control_flow = ControlFlow(self)

    # Functions

    def call_function(self, function: ScriptFunction, args: Sequence[object], environment: Environment) -> object:
        """Runs a function; ``environment`` is what its body sees beside its arguments."""
        if len(self.frames) >= MAX_DEPTH:
            raise Unsupported(f"functions call each other over {MAX_DEPTH} deep")
        self.scope.work.spend(1 + len(environment) // 16)
        owner = self._module_paths.get(id(args[0])) if args else None
        bound = dict(environment)
        for place, (parameter, default) in enumerate(parameters(function)):
            if place < len(args):
                bound[parameter.arg] = args[place]
            elif default is not None:
                bound[parameter.arg] = self.evaluate(default, bound)
            else:
                raise Unsupported(f"{function.name} is called without its argument {parameter.arg}")
        with self.frames.entered(function, owner):
            try:
                self.run(function.node.body, bound)
            except Returned as returned:
                return returned.value
        return None

    def call_method(self, owner: object, name: str, args: Sequence[object]) -> object:
        if owner is FAILED:
            return FAILED
        if not isinstance(owner, ScriptObject):
            return self._call_operation(name, [owner, *args], {})
        method = self.program.method(owner.class_name, name)
        if method is None:
            return self._call_operation(f"{owner.class_name.removeprefix('__torch__.')}.{name}", [owner, *args], {})
        return self.call_function(method, [owner, *args], {})

    # Statements

    def run(self, statements: Sequence[ast.stmt], environment: Environment) -> None:
        for statement in statements:
            self.scope.work.spend(1)
            self.frames.at(statement)
            self._statement(statement, environment)

    def _statement(self, statement: ast.stmt, environment: Environment) -> None:
        match statement:
            case ast.Assign(targets=[target], value=value):
                self._assign(target, self.evaluate(value, environment), environment)
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    self._assign(target, self.evaluate(value, environment), environment)
            case ast.Expr(value=value):
                self.evaluate(value, environment)
            case ast.If(test=test, body=body, orelse=orelse):
                condition = self.condition(self.evaluate(test, environment))
                if isinstance(condition, bool):
                    self.run(body if condition else orelse, environment)
                else:
                    self._control_flow.branch(condition, body, orelse, environment)
            case ast.While(test=test, body=body, orelse=[]):
                self._while(test, body, environment)
            case ast.For(target=ast.Name(id=name), iter=iterable, body=body, orelse=[]):
                self._for(name, iterable, body, environment)
            case ast.Return(value=value):
                raise Returned(None if value is None else self.evaluate(value, environment))
            case ast.With(body=body):
                # What TorchScript allows here (no_grad, autocast) changes nothing about inference in f32.
                self.run(body, environment)
            case ast.FunctionDef(name=name):
                function = ScriptFunction(name, statement, self.frames.current.function.file)
                environment[name] = Closure(function, environment)
            case ast.Pass():
                pass
            case _:
                raise Unsupported(f"{type(statement).__name__} is no statement of TorchScript")

    def _assign(self, target: ast.expr, value: object, environment: Environment) -> None:
        match target:
            case ast.Name(id=name):
                environment[name] = value
            case ast.Tuple(elts=targets):
                if value is FAILED:
                    value = [FAILED] * len(targets)
                if not isinstance(value, list | tuple) or len(value) != len(targets):
                    raise Unsupported(f"{len(targets)} values are unpacked from {describe(value)}")
                for part, element in zip(targets, list(value), strict=True):
                    self._assign(part, element, environment)
            case ast.Attribute(value=owner, attr=name):
                self._set_attribute(self.evaluate(owner, environment), name, value)
            case _:
                raise Unsupported(f"{code_text(target)} cannot be assigned to")

    def _while(self, test: ast.expr, body: Sequence[ast.stmt], environment: Environment) -> None:
        while True:
            condition = self.condition(self.evaluate(test, environment))
            if condition is False:
                return
            if condition is not True:
                self._control_flow.loop(lambda env: self.evaluate(test, env), body, environment)
                return
            self.run(body, environment)

    def _for(self, name: str, iterable: ast.expr, body: Sequence[ast.stmt], environment: Environment) -> None:
        match iterable:
            case ast.Call(func=ast.Name(id="range"), args=[limit]):
                count = self.evaluate(limit, environment)
            case _:
                raise Unsupported(f"{code_text(iterable)} cannot be iterated over")
        if count is FAILED:
            raise Failure
        if isinstance(count, int):
            for index in range(count):
                environment[name] = index
                self.run(body, environment)
        elif isinstance(count, Scalar | SymInt):
            self._control_flow.counted_loop(name, count, body, environment)
        else:
            raise Unsupported(f"a loop counts to {describe(count)}")

    def condition(self, value: object) -> Condition:
        """What a branch depends on."""
        if value is FAILED:
            raise Failure
        if isinstance(value, Tensor | Scalar):
            value = self._call_operation("Bool", [value], {})
            if value is FAILED:
                raise Failure
        if isinstance(value, Scalar):
            return value
        if isinstance(value, bool | int | float | str | list | tuple | dict) or value is None:
            return bool(value)
        raise Unsupported(f"a branch depends on {describe(value)}")

    # Expressions

    def evaluate(self, node: ast.expr, environment: Environment) -> object:
        self.scope.work.spend(1)
        match node:
            case ast.Constant(value=bool() | float() | complex() | str() | None as value):
                return value
            case ast.Constant(value=int(value)) if value.bit_length() <= _INT_BITS:
                return value
            case ast.Name(id=name):
                return self._name(name, environment)
            case ast.Call():
                return self._call(node, environment)
            case ast.Attribute():
                return self._attribute(node, environment)
            case ast.Subscript(value=value, slice=index):
                return self._element(self.evaluate(value, environment), self.evaluate(index, environment))
            case ast.List(elts=elements):
                return [self.evaluate(e, environment) for e in elements]
            case ast.Tuple(elts=elements):
                return tuple([self.evaluate(e, environment) for e in elements])
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                return {self._key(k, environment): self.evaluate(v, environment) for k, v in pairs}
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._call_operation("neg", [self.evaluate(operand, environment)], {})
            case ast.BinOp(op=ast.Add() | ast.Sub() as sign, left=real, right=ast.Constant(value=complex(imag=imag))):
                # A complex number is written as the sum of its parts.
                part = self.evaluate(real, environment)
                if isinstance(part, int | float):
                    return complex(part, imag if isinstance(sign, ast.Add) else -imag)
                raise Unsupported(f"{code_text(node)} is no expression of TorchScript")
            case _:
                raise Unsupported(f"{code_text(node)} is no expression of TorchScript")

    def _key(self, node: ast.expr | None, environment: Environment) -> object:
        key = None if node is None else self.evaluate(node, environment)
        if not isinstance(key, str | int | float):
            raise Unsupported(f"a dict has the key {describe(key)}")
        return key

    def _name(self, name: str, environment: Environment) -> object:
        if name in environment:
            value = environment[name]
            if isinstance(value, Conflict):
                raise Unsupported(value.reason)
            return value
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        raise Unsupported(f"the name {name} is not defined")

    def _attribute(self, node: ast.Attribute, environment: Environment) -> object:
        dotted = _dotted(node)
        if dotted.startswith("CONSTANTS.c"):
            return self._constant(dotted.removeprefix("CONSTANTS.c"))
        if dotted.startswith("__torch__."):
            return self._reference(dotted)
        return self.get_attribute(self.evaluate(node.value, environment), node.attr)

    def _constant(self, number: str) -> object:
        if not number.isdigit() or int(number) >= len(self._constants):
            raise Unsupported(f"there is no constant {number}")
        return self._constants[int(number)]

    def _reference(self, qualified: str) -> object:
        """A function, a class or a member of an Enum, by its qualified name."""
        function = self.program.function(qualified)
        if function is not None:
            return Closure(function, {})
        if self.program.class_(qualified) is not None:
            return ClassReference(qualified)
        owner, _, name = qualified.rpartition(".")
        class_ = self.program.class_(owner)
        if class_ is not None and name in class_.constants:
            value = self.evaluate(class_.constants[name], {})
            return EnumMember(owner, name, value) if class_.base == "Enum" else value
        raise Unsupported(f"the archive has no code for {qualified}")

    def get_attribute(self, owner: object, name: str) -> object:
        if owner is FAILED:
            return FAILED
        if isinstance(owner, NamedTuple) and name in owner.names:
            return owner[owner.names.index(name)]
        if isinstance(owner, EnumMember) and name in ("name", "value"):
            return getattr(owner, name)
        if not isinstance(owner, ScriptObject):
            return self._call_operation(f"prim::{name}", [owner], {})
        if name in owner.attributes:
            return owner.attributes[name]
        class_ = self.program.class_(owner.class_name)
        if class_ is not None and name in class_.constants:
            return self.evaluate(class_.constants[name], {})
        if class_ is not None and name in class_.methods:
            return BoundMethod(owner, name)
        raise Unsupported(f"{owner.class_name} has no attribute {name}")

    def complete(self) -> None:
        """Runs the ``__setstate__`` of every object within the module that has one, on what the archive holds."""
        for owner in objects_within(self._root):
            setstate = self.program.method(owner.class_name, "__setstate__")
            if owner.state is not None and setstate is not None:
                state, owner.state = owner.state, None
                self.call_function(setstate, [owner, state], {})

    def _set_attribute(self, owner: object, name: str, value: object) -> None:
        if owner is FAILED:
            return
        if not isinstance(owner, ScriptObject):
            raise Unsupported(f"the attribute {name} of {describe(owner)} cannot be set")
        self.scope.journal.set(attribute_place(owner, name), value)

    def _element(self, owner: object, index: object) -> object:
        if owner is FAILED or index is FAILED:
            return FAILED
        if isinstance(owner, dict):
            if not isinstance(index, str | int | float) or index not in owner:
                raise self._raised(f"a dict has no key {describe(index)}")
            return owner[index]
        if isinstance(owner, list | tuple | str) and isinstance(index, int):
            if not -len(owner) <= index < len(owner):
                raise self._raised(f"index {index} is outside a list of {len(owner)}")
            return owner[index]
        if isinstance(owner, list | tuple):
            raise Unsupported("which element of a list is used depends on the data")
        raise Unsupported(f"{describe(owner)} has no elements")

    # Calls

    def _call(self, node: ast.Call, environment: Environment) -> object:
        match node.func:
            case ast.Name(id=name) if name in _TYPED and name not in environment:
                return self._typed(name, node.args, environment)
            case ast.Name(id=name) if name in _CONVERSIONS and name not in environment:
                args = [self.evaluate(a, environment) for a in node.args]
                return self._call_operation(_CONVERSIONS[name], args, {})
            case ast.Name(id=name) if name not in environment:
                raise Unsupported(f"{name} is no function of TorchScript")
            case _:
                pass
        operation = _operation_name(node.func)
        args = [self.evaluate(a, environment) for a in node.args]
        kwargs = {k.arg: self.evaluate(k.value, environment) for k in node.keywords if k.arg is not None}
        self.frames.at(node)
        if operation is not None:
            return self._call_operation(operation, args, kwargs)
        if isinstance(node.func, ast.Attribute):
            dotted = _dotted(node.func)
            if dotted.endswith(".__new__") and len(args) == 1 and isinstance(args[0], ClassReference):
                return ScriptObject(args[0].name)
            if not dotted.startswith("__torch__."):
                return self.call_method(self.evaluate(node.func.value, environment), node.func.attr, args)
        return self.call_value(self.evaluate(node.func, environment), args)

    def call_value(self, function: object, args: Sequence[object]) -> object:
        """Calls what a variable holds."""
        match function:
            case Closure(function=code, environment=environment):
                return self.call_function(code, args, environment)
            case BoundMethod(owner=owner, name=name):
                return self.call_method(owner, name, args)
            case ClassReference(name=name):
                class_ = self.program.class_(name)
                if class_ is not None and class_.base == "NamedTuple" and len(args) == len(class_.annotations):
                    return NamedTuple.of(tuple(class_.annotations), tuple(args))
            case _ if function is FAILED:
                return FAILED
            case _:
                pass
        raise Unsupported(f"{describe(function)} cannot be called")

    def _typed(self, name: str, args: Sequence[ast.expr], environment: Environment) -> object:
        """The calls of which one argument is a type."""
        match name, args:
            case "annotate" | "unchecked_cast", [_, value]:
                return self.evaluate(value, environment)
            case "uninitialized", [_]:
                return UNINITIALIZED
            case "isinstance", [node, annotation]:
                element = self.evaluate(node, environment)
                self.scope.work.survey(element)
                return is_instance(element, annotation)
            case "getattr", [owner, ast.Constant(value=str(attribute))]:
                return self.get_attribute(self.evaluate(owner, environment), attribute)
            case "fork", [function, *rest]:
                # A future is what it will be: nothing is run at another time.
                return self.call_value(
                    self.evaluate(function, environment), [self.evaluate(a, environment) for a in rest]
                )
            case _:
                raise Unsupported(f"{name} is called with {len(args)} arguments")

    def _call_operation(self, name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
        if name == "prim::RaiseException":
            raise self._raised(next((a for a in args if isinstance(a, str)), "") or "an error without a message")
        if name in _IDENTITIES and args:
            return args[0]
        if name in _NOTHING:
            return None
        if any(a is UNINITIALIZED for a in args):
            return FAILED
        name, args, kwargs = upgrades.upgraded(name, args, kwargs, self.program.version)
        self.scope.location = self.frames.location()
        return self.caller.call(name, args, kwargs, self.frames.where)

    def _raised(self, message: str) -> Raised:
        """What the program raises here, on the inputs that it is given."""
        return Raised(f"{self.frames.where()}: {message}")

    def mutable_ids(self, environment: Environment) -> set[int]:
        """The ids of all that can change and that the module or the variables lead to."""
        found = owners([self._root, *environment.values()])
        self.scope.work.spend(len(found))
        return found

    @contextmanager
    def failing_whole(self, source: str) -> Iterator[None]:
        """Turns what stops the program into a CompileError with all reasons found until then."""
        try:
            yield
        except Failure:
            if not self.caller.reasons:
                self.caller.fail("what the program computes depends on a variable that is never set")
        except Raised as error:
            self.caller.fail(f"the program raises an error on these inputs, {error}")
        except Unsupported as error:
            self.caller.fail(str(error))
        if self.caller.reasons:
            raise CompileError(self.caller.reasons, source)


def describe(value: object) -> str:
    """How messages call a value of the program."""
    if value is None or isinstance(value, bool | int | float | str):
        return registry.describe(value)
    kinds: dict[type, str] = {Tensor: "a tensor", list: "a list", tuple: "a tuple", dict: "a dict", Scalar: "a number"}
    if isinstance(value, ScriptObject):
        return f"an object of {value.class_name}"
    return kinds.get(type(value), f"a {type(value).__name__}")


_INT_BITS = 64

_TYPED = frozenset(("annotate", "unchecked_cast", "uninitialized", "isinstance", "getattr", "fork"))

_CONVERSIONS = {"int": "Int", "float": "Float", "bool": "Bool", "str": "str", "sorted": "sorted"}

_CONSTANTS: dict[str, object] = {"inf": float("inf"), "nan": float("nan"), "infj": complex(0, float("inf"))}

_IDENTITIES = frozenset(("wait", "prim::data", "prim::unchecked_unwrap_optional", "_unwrap_optional", "awaitable_wait"))
"""Operations that give their first argument itself."""

_NOTHING = frozenset(("warn", "set_grad_enabled", "prim::Print", "manual_seed", "_record_function_exit", "__exit__"))
"""Operations that change nothing about what is computed."""


def _dotted(node: ast.expr) -> str:
    """``a.b.c``; empty for what is not made of names alone."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _operation_name(function: ast.expr) -> str | None:
    """The operation that ``torch.add`` or ``ops.prim.dtype`` calls: ``add``, ``prim::dtype``."""
    dotted = _dotted(function)
    parts = dotted.split(".")
    if parts[0] == "torch" and len(parts) == 2:
        return parts[1]
    if parts[0] == "ops" and len(parts) == 3:
        return parts[2] if parts[1] == "aten" else f"{parts[1]}::{parts[2]}"
    return None
