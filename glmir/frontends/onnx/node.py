"""What an importer sees of one ONNX node: operands as values, attributes by type, contents of constant operands.

An importer is a function from a ``Node`` to the op (or value, or several values) that computes the node's outputs; it
builds ops freely and the frontend inserts, names and locates them. It raises ``Unsupported`` to refuse the node.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np
import onnx

from ...dims import Dim, SymInt, known_different, symbol
from ...ir import Array, Op, Value
from ...ops import tensor
from ...symbolic import SymbolicContents
from ...types import DType, Shape, TensorType
from ..layers import scalar as scalar
from ..values import cast as cast
from ..values import constant as constant

Imported = Op | Value | Sequence[Value]
Importer = Callable[["Node"], Imported]
AttributeValue = int | float | str | bytes | Sequence[int] | Sequence[float] | Sequence[str] | Array

# Inside Node the bare names are its methods.
_Int = int
_Float = float


class Unsupported(Exception):
    """The node cannot be imported; the message says why, as the end of a sentence that names the node."""


@dataclass
class Scope:
    """What the nodes of one model share while it is imported."""

    contents: SymbolicContents = field(default_factory=SymbolicContents)
    taken_symbols: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    """What users should be warned of, in sentences."""
    random_nodes: list[str] = field(default_factory=list)
    """The names of the nodes whose results are random."""
    widened: set[Value] = field(default_factory=set)
    """Constants whose elements are of more bits than in the model (narrow_elements.py)."""
    importers: "Mapping[tuple[str, str], Importer]" = field(default_factory=dict)
    """All importers by domain and operator, for those that are another one in disguise."""

    def __post_init__(self) -> None:
        self._names = map("u{}".format, count())

    def fresh_symbol(self) -> Dim:
        """A symbol for a size that only running the model shows: u0, u1, …"""
        name = next(n for n in self._names if n not in self.taken_symbols)
        return symbol(name)


class ImporterTable:
    """The importers of one family: ``@TABLE.imports("Conv")`` over a function of one node."""

    def __init__(self, domain: str = "") -> None:
        self.domain = domain
        self.entries: dict[tuple[str, str], Importer] = {}

    def imports(self, *op_types: str) -> Callable[[Importer], Importer]:
        def register(importer: Importer) -> Importer:
            for op_type in op_types:
                if (self.domain, op_type) in self.entries:
                    raise ValueError(f"{op_type} has two importers")
                self.entries[self.domain, op_type] = importer
            return importer

        return register


@dataclass
class Node:
    """One node: ``operands`` has None for inputs that are left out, ``opset`` is the version of its domain."""

    op_type: str
    domain: str
    name: str
    opset: int
    operands: tuple[Value | None, ...]
    attributes: dict[str, AttributeValue]
    output_names: tuple[str, ...]
    scope: Scope
    used_outputs: frozenset[str]
    """The names of those outputs that another node or the model's outputs read."""
    declared_shapes: tuple[Sequence[object] | None, ...] = ()
    """For each output, the shape that follows from what the model declares of its own outputs, if any does."""

    def operand(self, index: int) -> Value:
        """A required operand."""
        value = self.optional(index)
        if value is None:
            raise Unsupported(f"input {index} is missing")
        return value

    def optional(self, index: int) -> Value | None:
        """An operand that may be left out."""
        return self.operands[index] if index < len(self.operands) else None

    def of(self, *operands: Value | None) -> "Node":
        """The same node on other operands: an importer can hand it to another one."""
        return replace(self, operands=operands)

    @property
    def present(self) -> tuple[Value, ...]:
        """All operands of an op that takes any number of them."""
        return tuple(v for v in self.operands if v is not None)

    def type(self, index: int) -> TensorType:
        return self.operand(index).type

    def wants_output(self, index: int) -> bool:
        """Whether anything reads the node's output of that index."""
        return index < len(self.output_names) and self.output_names[index] in self.used_outputs

    def has(self, name: str) -> bool:
        return name in self.attributes

    def int(self, name: str, default: int | None = None) -> int:
        value = self._attribute(name, default)
        if not isinstance(value, int):
            raise Unsupported(f"attribute {name} is not an integer")
        return value

    def float(self, name: str, default: _Float | None = None) -> _Float:
        value = self._attribute(name, default)
        if not isinstance(value, int | float):
            raise Unsupported(f"attribute {name} is not a number")
        return _shortest(value)

    def string(self, name: str, default: str | None = None) -> str:
        value = self._attribute(name, default)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if not isinstance(value, str):
            raise Unsupported(f"attribute {name} is not a string")
        return value

    def ints(self, name: str, default: Sequence[_Int] | None = None) -> tuple[_Int, ...]:
        value = self._attribute(name, default)
        if isinstance(value, int | float | str | bytes | np.ndarray) or not all(isinstance(v, int) for v in value):
            raise Unsupported(f"attribute {name} is not a list of integers")
        return tuple(int(v) for v in value)

    def floats(self, name: str, default: Sequence[_Float] | None = None) -> tuple[_Float, ...]:
        value = self._attribute(name, default)
        if isinstance(value, int | float | str | bytes | np.ndarray) or any(isinstance(v, str) for v in value):
            raise Unsupported(f"attribute {name} is not a list of numbers")
        return tuple(_shortest(float(v)) for v in value)

    def strings(self, name: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        value = self._attribute(name, default)
        if isinstance(value, int | float | str | bytes | np.ndarray):
            raise Unsupported(f"attribute {name} is not a list of strings")
        texts = tuple(v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in value)
        if not all(isinstance(text, str) for text in texts):
            raise Unsupported(f"attribute {name} is not a list of strings")
        return tuple(map(str, texts))

    def dtype(self, name: str) -> DType:
        """An attribute that holds one of the standard's element types (TensorProto.DataType), until opset 5 by name."""
        number = self.int(name) if self.opset >= 6 else _number_of_type(self.attributes.get(name))
        try:
            return DType.of(onnx.helper.tensor_dtype_to_np_dtype(number))
        except (KeyError, ValueError):
            known = number in onnx.TensorProto.DataType.values()
            text = onnx.TensorProto.DataType.Name(number) if known else str(number)
            raise Unsupported(f"the element type {text} is not supported") from None

    def array(self, name: str) -> Array:
        """A tensor attribute."""
        value = self._attribute(name, None)
        if not isinstance(value, np.ndarray):
            raise Unsupported(f"attribute {name} is not a tensor")
        return value

    def _attribute(self, name: str, default: AttributeValue | None) -> AttributeValue:
        value = self.attributes.get(name, default)
        if value is None:
            raise Unsupported(f"attribute {name} is missing")
        return value

    def constant(self, index: _Int) -> Array | None:
        """The elements of an operand that is constant, else None."""
        owner = self.operand(index).owner
        return owner.value.array if isinstance(owner, tensor.Constant) else None

    def dims(self, index: _Int) -> tuple[Dim | None, ...] | None:
        """The contents of an integer operand of rank 0 or 1, symbolic where they follow from shapes; None for unknown
        elements, or for all of it when even their number is unknown."""
        value = self.operand(index)
        if value.type.elements == 0:
            return ()
        contents = self.scope.contents.of(value)
        return None if contents is None else tuple(_as_dim(d) for d in contents.ravel())

    def known_dims(self, index: _Int) -> tuple[Dim, ...]:
        """As ``dims``; refuses the node when any element is unknown."""
        dims = self.dims(index)
        if dims is None or any(d is None for d in dims):
            problem = f"input {index} must be constant or follow from the shapes, but it depends on the data"
            advice = self.pinning(index)
            raise Unsupported(f"{problem}; {advice}" if advice else problem)
        return tuple(d for d in dims if d is not None)

    def pinning(self, index: _Int) -> str:
        """How a user makes the operand a constant, if it is an input of the model, else nothing."""
        value = self.operand(index)
        return f"give its value with --input {value.name}=…" if value.owner is None and value.name else ""

    def known_ints(self, index: _Int) -> tuple[_Int, ...]:
        """As ``known_dims``; refuses symbolic elements too."""
        dims = self.known_dims(index)
        if not all(isinstance(d, int) for d in dims):
            raise Unsupported(f"input {index} must be constant, but it depends on a symbolic dimension")
        return tuple(d for d in dims if isinstance(d, int))

    def entries(self, index: _Int) -> tuple[Dim | None, ...]:
        """The contents of a list of integers, None for unknown elements; refuses one whose length is not known."""
        type_ = self.type(index)
        if type_.rank != 1 or not type_.dtype.is_integer:
            raise Unsupported(f"input {index} is {type_}, not a list of integers")
        if not isinstance(type_.shape[0], int):
            raise Unsupported(f"the length of input {index} must be known, but it is {type_}")
        dims = self.dims(index)
        return (None,) * type_.shape[0] if dims is None else dims

    def only_dim(self, index: _Int) -> Dim:
        """The element of an operand that holds one, in a scalar or in a list; refuses the node when it is unknown."""
        dims = self.known_dims(index)
        if len(dims) != 1:
            raise Unsupported(f"input {index} must hold one element, but it is {self.type(index)}")
        return dims[0]

    def only_int(self, index: _Int) -> _Int:
        """As ``only_dim``; refuses a symbolic element too."""
        dim = self.only_dim(index)
        if not isinstance(dim, int):
            raise Unsupported(f"input {index} must be constant, but it is the symbolic dimension {dim}")
        return dim

    def unknown_dim(self, axis: _Int) -> Dim:
        """A size of the first output that running the model shows: as the model declares it, else a fresh symbol."""
        declared = self.declared_size(axis)
        return self.scope.fresh_symbol() if declared is None else declared

    def declared_size(self, axis: _Int, output: _Int = 0) -> _Int | None:
        """The number that the model declares to be an output's size along an axis, if it does."""
        shape = self.declared_shapes[output] if output < len(self.declared_shapes) else None
        declared = shape[axis] if shape is not None and -len(shape) <= axis < len(shape) else None
        return declared if isinstance(declared, int) and declared >= 0 else None

    def declared_shape(self) -> tuple[_Int, ...] | None:
        """The shape that the model declares of the first output, if all its sizes are numbers."""
        shape = self.declared_shapes[0] if self.declared_shapes else None
        sizes = [self.declared_size(axis) for axis in range(len(shape or ()))]
        known = tuple(size for size in sizes if size is not None)
        return known if shape is not None and len(known) == len(sizes) else None

    def may_be_declared(self, shape: Shape) -> bool:
        """Whether the first output can have that shape by what the model declares of it."""
        declared = self.declared_shapes[0] if self.declared_shapes else None
        if declared is None:
            return True
        sizes = (self.declared_size(axis) for axis in range(len(declared)))
        return len(declared) == len(shape) and not any(
            size is not None and known_different(size, dim) for size, dim in zip(sizes, shape, strict=True)
        )

    def dims_or_fresh(
        self, index: _Int, count: _Int, axes: Sequence[_Int] = ()
    ) -> tuple[tuple[Dim, ...], Value | None]:
        """The contents of a shape operand with symbols for unknown elements, and the operand itself if any is unknown.

        ``axes``: the axes of the first output whose sizes the elements are, if they are that.
        """
        dims = self.dims(index) or (None,) * count
        if all(d is not None for d in dims):
            return tuple(d for d in dims if d is not None), None
        if axes and len(axes) != len(dims):
            raise Unsupported(f"input {index} has {len(dims)} elements for {len(axes)} axes")
        fresh = [self.unknown_dim(axis) for axis in axes] or [self.scope.fresh_symbol() for _ in dims]
        filled = tuple(new if d is None else d for d, new in zip(dims, fresh, strict=True))
        return filled, self.operand(index)

    def numbers(self, index: _Int) -> tuple[_Float, ...] | None:
        """The elements of a float operand, if they are known at compile time, else None."""
        if not self.type(index).dtype.is_float:
            raise Unsupported(f"input {index} is {self.type(index)}, not a float tensor")
        array = self.constant(index)
        if array is not None:
            return tuple(map(shortest_float, array.ravel()))
        contents = self.scope.contents.of(self.operand(index))
        if contents is None or not all(isinstance(number, int | float) for number in contents.flat):
            return None
        return tuple(map(float, contents.flat))

    def axis(self, name: str, default: _Int | None, rank: _Int) -> _Int:
        """An axis attribute, counted from the front."""
        return check_axis(self.int(name, default), rank)


def _number_of_type(value: object) -> int:
    """The number of an element type given as such or by its name."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    named: int | None = dict(onnx.TensorProto.DataType.items()).get(text.upper())
    if named is None and not text.isdecimal():
        raise Unsupported(f"there is no element type {text}")
    return int(text) if named is None else named


def check_axis(axis: int, rank: int) -> int:
    """The axis counted from the front; refuses one outside the rank."""
    if not -rank <= axis < rank:
        raise Unsupported(f"axis {axis} is outside rank {rank}")
    return axis % rank


def _as_dim(element: object) -> Dim | None:
    if element is None or isinstance(element, SymInt):
        return element
    if isinstance(element, bool | int | np.integer | np.bool_):
        return int(element)
    return None


def shortest_float(number: np.generic) -> float:
    """The shortest decimal that gives the number in its own precision: of the float32 0.10000000149011612 it is 0.1."""
    return float(str(number))


def _shortest(value: float) -> float:
    # ONNX stores attributes as float32; the shortest decimal is what the author wrote.
    with np.errstate(over="ignore"):
        return shortest_float(np.float32(value))
