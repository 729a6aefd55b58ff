"""Exported programs as the JSON spells them (torch/_export/serde/schema.py, version 8): graphs, nodes, arguments.

Fields that glmc does not need are not read, so programs of newer minor versions are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ...dims import Dim
from ...types import DType, TensorType
from ..aten.tensors import Unsupported
from .expressions import parse_expression
from .records import Record, as_flag, as_float, as_integer, as_list, as_text, malformed, records_of

SCHEMA_MAJOR = 8

_DTYPES = {
    1: DType.U8,
    2: DType.I8,
    3: DType.I16,
    4: DType.I32,
    5: DType.I64,
    6: DType.F16,
    7: DType.F32,
    8: DType.F64,
    12: DType.BOOL,
    13: DType.BF16,
    28: DType.U16,
    34: DType.U32,
    35: DType.U64,
}
"""The schema's ScalarType, whose numbers are not c10's."""

_COMPLEX: dict[int, np.dtype[np.generic]] = {10: np.dtype(np.complex64), 11: np.dtype(np.complex128)}
_UNSUPPORTED_DTYPES = {
    9: "complex32",
    10: "complex64",
    11: "complex128",
    29: "float8_e4m3fn",
    30: "float8_e5m2",
    31: "float8_e4m3fnuz",
    32: "float8_e5m2fnuz",
    33: "float8_e8m0fnu",
}


@dataclass(frozen=True)
class Reference:
    """An argument that is a value of the graph, by its name."""

    name: str


@dataclass(frozen=True)
class CustomObject:
    """An argument that is an object of a class of PyTorch's own registry."""

    class_name: str


@dataclass(frozen=True, eq=False)
class Subgraph:
    """An argument that is a graph: a branch, a loop's body."""

    graph: "Graph"


Argument: TypeAlias = object
"""None, bool, int, float, complex, str, DType, Reference, Subgraph, CustomObject; lists and dicts of those."""


@dataclass(frozen=True)
class Input:
    """One argument of a node; ``is_keyword`` is None in programs too old to say it."""

    name: str
    argument: Argument
    is_keyword: bool | None


@dataclass(frozen=True, eq=False)
class Node:
    """One call. ``outputs`` are references, lists of them, or None."""

    target: str
    inputs: Sequence[Input]
    outputs: Sequence[Argument]
    metadata: Mapping[str, object]


@dataclass(frozen=True, eq=False)
class Graph:
    """A list of calls from inputs to outputs."""

    inputs: Sequence[Argument]
    outputs: Sequence[Argument]
    nodes: Sequence[Node]
    tensor_metas: Record
    sym_ints: Record

    def tensor_type(self, name: str) -> TensorType:
        """The type of a tensor; raises InputError when the graph does not say it, Unsupported for other dtypes."""
        return TensorMeta.read(self.tensor_metas.record(name)).type

    def sym_int(self, name: str) -> Dim:
        """What a symbolic integer is; raises InputError when the graph does not say it."""
        return _dim(self.sym_ints.record(name))


@dataclass(frozen=True)
class TensorMeta:
    """Dtype and shape of a tensor, and where in its storage its elements are, in elements."""

    dtype_code: int
    shape: tuple[Dim, ...]
    strides: tuple[Dim, ...]
    offset: Dim
    is_strided: bool

    @classmethod
    def read(cls, record: Record) -> "TensorMeta":
        return cls(
            record.integer("dtype"),
            tuple(map(_dim, record.records("sizes"))),
            tuple(map(_dim, record.records("strides"))),
            _dim(record.record("storage_offset")),
            record.integer("layout") == 7,
        )

    @property
    def dtype(self) -> DType:
        return dtype_of_code(self.dtype_code)

    @property
    def type(self) -> TensorType:
        """Raises Unsupported for what the IR has no type for."""
        self._require_strided()
        return TensorType(self.dtype, self.shape)

    @property
    def numpy_dtype(self) -> "np.dtype[np.generic]":
        """The dtype of the stored elements, which may be complex; raises Unsupported for others that the IR lacks."""
        self._require_strided()
        return _COMPLEX.get(self.dtype_code) or self.dtype.numpy

    def _require_strided(self) -> None:
        if not self.is_strided:
            raise Unsupported("sparse tensors are not supported")


def dtype_of_code(code: int) -> DType:
    """The dtype of the schema's ScalarType; raises Unsupported for those that the IR lacks."""
    if code not in _DTYPES:
        raise Unsupported(f"tensors of dtype {_UNSUPPORTED_DTYPES.get(code, code)} are not supported")
    return _DTYPES[code]


def _dim(record: Record) -> Dim:
    tag, content = record.union()
    if tag == "as_int":
        return as_integer(content, record.where)
    if tag == "as_expr":
        return parse_expression(Record(content, record.where).text("expr_str"), record.where)
    raise malformed(record.where, f"is no size but {tag!r}")


def read_graph(record: Record) -> Graph:
    """A graph; raises InputError for what is none."""
    return Graph(
        [read_argument(r) for r in record.records("inputs")],
        [read_argument(r) for r in record.records("outputs")],
        [_read_node(r) for r in record.records("nodes")],
        record.record("tensor_values"),
        record.record("sym_int_values"),
    )


def _read_node(record: Record) -> Node:
    return Node(
        record.text("target"),
        [_read_input(r) for r in record.records("inputs")],
        [read_argument(r) for r in record.records("outputs")],
        dict(record.record("metadata").items()) if "metadata" in record else {},
    )


def _read_input(record: Record) -> Input:
    kind = record.integer("kind") if "kind" in record else 0
    return Input(record.text("name"), read_argument(record.record("arg")), kind == 2 if kind else None)


def read_argument(record: Record) -> Argument:
    """An argument, which the JSON writes as a union of its kinds; raises InputError."""
    tag, content = record.union()
    if tag not in _READERS:
        raise malformed(record.where, f"is an argument of the unknown kind {tag!r}")
    return _READERS[tag](content, record.where)


def _reference(content: object, where: str) -> Argument:
    return Reference(Record(content, where).text("name"))


def _none(content: object, where: str) -> Argument:
    return None


def _dtype(content: object, where: str) -> Argument:
    code = as_integer(content, where)
    # What the IR lacks is no error yet: the operation that it is given to tells its name.
    return _DTYPES.get(code, _UNSUPPORTED_DTYPES.get(code, f"dtype {code}"))


def _device(content: object, where: str) -> Argument:
    return Record(content, where).text("type")


def _graph(content: object, where: str) -> Argument:
    return Subgraph(read_graph(Record(content, where).record("graph")))


def _custom_object(content: object, where: str) -> Argument:
    return CustomObject(Record(content, where).text("class_fqn"))


def _complex(content: object, where: str) -> Argument:
    record = Record(content, where)
    parts = dict(record.items())
    return complex(as_float(parts.get("real"), where), as_float(parts.get("imag"), where))


def _union(content: object, where: str) -> Argument:
    return read_argument(Record(content, where))


def _dictionary(content: object, where: str) -> Argument:
    return {key: _union(value, f"{where}.{key}") for key, value in Record(content, where).items()}


def _symbolic(content: object, where: str) -> Argument:
    """A symbolic number: the name of a value, or a plain number."""
    tag, number = Record(content, where).union()
    if tag == "as_name":
        return Reference(as_text(number, where))
    return _READERS[tag](number, where) if tag in ("as_int", "as_float", "as_bool") else _union(content, where)


_Reader: TypeAlias = Callable[[object, str], Argument]


def _list_of(read: _Reader) -> _Reader:
    return lambda content, where: [read(e, where) for e in as_list(content, where)]


def _references(content: object, where: str) -> Argument:
    return [Reference(r.text("name")) for r in records_of(content, where)]


_READERS: dict[str, _Reader] = {
    "as_none": _none,
    "as_tensor": _reference,
    "as_tensors": _references,
    "as_int": as_integer,
    "as_ints": _list_of(as_integer),
    "as_float": as_float,
    "as_floats": _list_of(as_float),
    "as_string": as_text,
    "as_strings": _list_of(as_text),
    "as_sym_int": _symbolic,
    "as_sym_ints": _list_of(_symbolic),
    "as_scalar_type": _dtype,
    # How elements lie in memory, and where: nothing that a value shows.
    "as_memory_format": _none,
    "as_layout": _none,
    "as_device": _device,
    "as_bool": as_flag,
    "as_bools": _list_of(as_flag),
    "as_sym_bool": _symbolic,
    "as_sym_bools": _list_of(_symbolic),
    "as_graph": _graph,
    "as_optional_tensors": _list_of(_union),
    "as_custom_obj": _custom_object,
    "as_operator": as_text,
    "as_sym_float": _symbolic,
    "as_sym_floats": _list_of(_symbolic),
    "as_optional_tensor": _union,
    "as_complex": _complex,
    "as_nested_tensors": _list_of(_references),
    "as_int_lists": _list_of(_list_of(as_integer)),
    "as_string_to_argument": _dictionary,
    "as_float_lists": _list_of(_list_of(as_float)),
}
