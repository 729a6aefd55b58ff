"""The code of a TorchScript archive: classes and functions by qualified name, parsed when they are first asked for."""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from ...errors import InputError
from ..torch_archives.members import Archive
from .debug_table import SourceLines, read_source_lines

MAX_SOURCE_BYTES = 4 << 20
"""The code of one file; real models stay below a tenth."""

MAX_STATEMENTS = 100_000
"""In one file; real models have some thousands."""

_ROOT = "__torch__."
_MAX_TEXT = 200


@dataclass(frozen=True, eq=False)
class ScriptFunction:
    """A function or method of the archive's code."""

    name: str
    node: ast.FunctionDef
    file: "CodeFile"


@dataclass
class ScriptClass:
    """A class of the archive's code."""

    name: str
    base: str
    """``Module``, ``NamedTuple``, ``Enum``, ``Interface``, or empty for a plain class."""
    methods: dict[str, ScriptFunction] = field(default_factory=dict)
    annotations: dict[str, ast.expr] = field(default_factory=dict)
    """The declared types of attributes, in order."""
    constants: dict[str, ast.expr] = field(default_factory=dict)
    """Attributes whose value the class gives (``Final[int] = 128``; the members of an Enum)."""


class CodeFile:
    """One file of ``code/``."""

    def __init__(self, archive: Archive, member: str) -> None:
        if archive.size(member) > MAX_SOURCE_BYTES:
            raise InputError(f"{member} is larger than {MAX_SOURCE_BYTES >> 20} MB, more than any model's code")
        source = archive.read(member)
        if source.count(b"\n") + source.count(b";") > MAX_STATEMENTS:
            raise InputError(f"{member} has more than {MAX_STATEMENTS} statements, more than any model's code")
        self.member = member
        self._archive = archive
        self._source = source
        try:
            with warnings.catch_warnings(action="ignore"):
                tree = ast.parse(source.decode("utf-8"))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise InputError(f"{member} is no TorchScript code ({error})") from None
        self.definitions = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)}

    @cached_property
    def _lines(self) -> SourceLines:
        return read_source_lines(self._archive, f"{self.member}.debug_pkl", self._source)

    def source_line(self, node: ast.AST) -> str:
        """The user's file and line (``model.py:12``) that a node came from; empty when the archive does not say."""
        line = self._lines.find(getattr(node, "lineno", 1), getattr(node, "col_offset", 0))
        if not line and isinstance(node, ast.Call):
            # The name of a function comes from nowhere; the bracket behind it comes from where it is called.
            line = self._lines.find(node.func.end_lineno or 1, node.func.end_col_offset or 0)
        return line


class Program:
    """The code of an archive; ``version`` is that of its operators."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._files: dict[str, CodeFile | None] = {}
        self._classes: dict[str, ScriptClass] = {}
        self.version = _version(archive)

    def _file_of(self, qualified: str) -> CodeFile | None:
        module = qualified.rpartition(".")[0]
        if module not in self._files:
            member = f"code/{module.replace('.', '/')}.py"
            self._files[module] = CodeFile(self._archive, member) if member in self._archive else None
        return self._files[module]

    def function(self, qualified: str) -> ScriptFunction | None:
        """A function outside classes."""
        file = self._file_of(qualified) if qualified.startswith(_ROOT) else None
        node = None if file is None else file.definitions.get(qualified.rpartition(".")[2])
        return ScriptFunction(qualified, node, file) if file is not None and isinstance(node, ast.FunctionDef) else None

    def class_(self, qualified: str) -> ScriptClass | None:
        """A class; None when the archive has no code for it."""
        if qualified not in self._classes:
            file = self._file_of(qualified) if qualified.startswith(_ROOT) else None
            node = None if file is None else file.definitions.get(qualified.rpartition(".")[2])
            if file is None or not isinstance(node, ast.ClassDef):
                return None
            self._classes[qualified] = _parsed_class(qualified, node, file)
        return self._classes[qualified]

    def method(self, qualified: str, name: str) -> ScriptFunction | None:
        class_ = self.class_(qualified)
        return None if class_ is None else class_.methods.get(name)


def _parsed_class(qualified: str, node: ast.ClassDef, file: CodeFile) -> ScriptClass:
    base = code_text(node.bases[0]) if node.bases else ""
    class_ = ScriptClass(qualified, base)
    for statement in node.body:
        match statement:
            case ast.FunctionDef(name=name):
                class_.methods[name] = ScriptFunction(f"{qualified}.{name}", statement, file)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                class_.annotations[name] = annotation
                if value is not None:
                    class_.constants[name] = value
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                class_.constants[name] = value
            case ast.AnnAssign(target=ast.Subscript(slice=ast.Constant(value=str(name))), annotation=annotation):
                # Attributes whose names are no identifiers: __annotations__["0"] = …
                class_.annotations[name] = annotation
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str(name)))], value=value):
                class_.annotations[name] = value
            case _:
                pass
    return class_


def _version(archive: Archive) -> int:
    """The version of the archive's operators; 3 when it is not told."""
    for member in (".data/version", "version"):
        if member in archive:
            text = archive.read(member).strip()
            if text.isdigit() and len(text) < 4:
                return int(text)
    return 3


def code_text(node: ast.AST) -> str:
    """The beginning of a piece of code, for messages."""
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):
        # Code that is nested very deep, or an integer of thousands of digits.
        return "…"
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


def parameters(function: ScriptFunction) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """The parameters of a function, ``self`` included, each with its default."""
    arguments = function.node.args
    names = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(names) - len(arguments.defaults)) + list(arguments.defaults)
    yield from zip(names, defaults, strict=True)
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
