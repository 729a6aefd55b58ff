"""TorchScript archives to modules: one run of ``forward`` on symbolic tensors.

What forward changes in the module (attributes it sets, buffers it writes, lists it keeps) are states: another run, on
symbolic values of them, shows what a later call computes (states.py).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from ...errors import CompileError, InputError
from ...ir import Function, Module, Value
from ...ops.tensor import Constant
from ..aten.calls import Caller
from ..aten.ops import TABLE
from ..aten.scope import Scope
from ..aten.work import Work
from ..torch_archives.members import Archive, open_archive
from ..torch_archives.objects import ScriptObject
from ..torch_archives.unpickling import unpickle
from .interface import ArgumentBuilder, Arguments, outputs_of
from .interpreter import Interpreter
from .objects import Instances, module_paths, tensor_names
from .program import Program, ScriptFunction
from .states import Memory, Places, Remembered, remembered


def import_torchscript(source: str | os.PathLike[str] | bytes, arguments: Arguments | None = None) -> Module:
    """The module of a TorchScript archive.

    Raises InputError for what is no such archive and for arguments that are missing or do not fit, CompileError with
    every reason for a program that cannot be imported.
    """
    archive = open_archive(source)
    try:
        return _Importer(archive, arguments or Arguments()).module()
    except RecursionError:
        raise CompileError(["the program nests its code or its calls deeper than any model"]) from None


@dataclass
class Run:
    """One run of forward: the function that it became, its outputs, and what it changed in the module."""

    scope: Scope
    function: Function
    outputs: list[tuple[str, Value]]
    memory: Memory


@dataclass
class _Importer:
    archive: Archive
    arguments: Arguments
    _names: dict[int, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _work: Work = field(default_factory=Work)

    def __post_init__(self) -> None:
        self._program = Program(self.archive)
        has_setstate = lambda name: self._program.method(name, "__setstate__") is not None  # noqa: E731
        root = unpickle(self.archive, "data.pkl", storages="data", has_setstate=has_setstate)
        if not isinstance(root, ScriptObject):
            raise InputError("data.pkl holds no module")
        self._root = root
        constants = unpickle(self.archive, "constants.pkl", storages="constants") if self._has_constants() else ()
        self._constants = list(constants) if isinstance(constants, list | tuple) else []
        self._names = tensor_names(root)

    def _has_constants(self) -> bool:
        return "constants.pkl" in self.archive

    def _forward(self) -> ScriptFunction:
        forward = self._program.method(self._root.class_name, "forward")
        if forward is None:
            class_ = self._program.class_(self._root.class_name)
            methods = ", ".join(class_.methods) if class_ else ""
            raise InputError(f"the module has no method forward; it has {methods or 'none'}")
        return forward

    def _traced(self) -> tuple[object, ...]:
        """The arguments that forward was traced with: their types only."""
        if "traced_inputs.pkl" not in self.archive:
            return ()
        traced = unpickle(self.archive, "traced_inputs.pkl", storages=None)
        inputs = traced.get("forward") if isinstance(traced, dict) else None
        return tuple(inputs) if isinstance(inputs, list | tuple) else ()

    def module(self) -> Module:
        first = self._run(None)
        if not first.memory.left:
            first.function.set_outputs([v for _, v in first.outputs], [n for n, _ in first.outputs])
            _erase_unused_constants(first.function)
            return Module([first.function, *first.scope.callees.values()])
        return remembered(self._run, first)

    def _run(self, memory: Remembered | None) -> Run:
        """Runs forward, on what the archive holds or on what an earlier call left."""
        function = Function("main")
        scope = Scope(function, self._numbers, self._work)
        instances = Instances(scope, self._program, self._names)
        root = instances.of(self._root)
        assert isinstance(root, ScriptObject)
        caller = Caller(scope, TABLE)
        constants = [instances.of(c) for c in self._constants]
        interpreter = Interpreter(self._program, caller, constants, root, module_paths(root))
        forward = self._forward()
        with interpreter.failing_whole(""):
            interpreter.complete()
        builder = ArgumentBuilder(forward, self.arguments, self._traced())
        with interpreter.failing_whole(""):
            arguments = builder.build(scope, function.inputs, lambda default: interpreter.evaluate(default, {}))
        places = Places(root)
        if memory is not None:
            function.inputs += memory.restore(places, scope)
        with scope.journal.undone() as changes, interpreter.failing_whole(""):
            result = interpreter.call_function(forward, [root, *arguments], {})
            self._work.survey([place.get() for place in changes.places()])
            run = Run(scope, function, outputs_of(result, scope), Memory.of(places, changes))
        if caller.reasons:
            raise CompileError(caller.reasons)
        return run


def _erase_unused_constants(function: Function) -> None:
    """Removes the parameters that forward does not use."""
    for op in function.ops:
        if isinstance(op, Constant) and not op.has_uses:
            op.erase()
