"""Declarations of tables and the kinds of field they are made of."""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast, dataclass_transform

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from .reader import Reader
    from .writer import Writer

Array = npt.NDArray[np.generic]

OFFSET = struct.Struct("<I")

T = TypeVar("T")
E = TypeVar("E", bound=IntEnum)
AnyTable = TypeVar("AnyTable", bound="Table")
TableClass = type[AnyTable] | Callable[[], type[AnyTable]]


class MalformedBufferError(ValueError):
    """The bytes read are not a FlatBuffer of the expected schema."""


@dataclass(frozen=True)
class Scalar(Generic[T]):
    """A fixed-size wire type: its code, the same in `struct` and numpy, and its zero."""

    code: str
    zero: T


BOOL = Scalar("?", False)
INT8, UINT8, INT16, UINT16 = Scalar("b", 0), Scalar("B", 0), Scalar("h", 0), Scalar("H", 0)
INT32, UINT32, INT64, UINT64 = Scalar("i", 0), Scalar("I", 0), Scalar("q", 0), Scalar("Q", 0)
FLOAT32, FLOAT64 = Scalar("f", 0.0), Scalar("d", 0.0)


@dataclass_transform(kw_only_default=True, eq_default=False)
class Table:
    """Base of all tables. Fields are given to the constructor by keyword; tables are equal only to themselves."""

    schema: ClassVar["Schema"]

    def __init_subclass__(cls) -> None:
        cls.schema = Schema(cls.__name__, [field for field in vars(cls).values() if isinstance(field, Field)])

    def __init__(self, **values: object) -> None:
        if not self.schema.names.issuperset(values):
            unknown = ", ".join(sorted(values.keys() - self.schema.names))
            raise TypeError(f"{self.schema.name} has no field {unknown}")
        self.__dict__.update(values)

    def __repr__(self) -> str:
        return f"{self.schema.name}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def scalar(slot: int, kind: Scalar[T], default: T | None = None) -> T:
    """A number or a bool; its default is the kind's zero unless given."""
    return cast(T, ScalarField(slot, kind.code, kind.zero if default is None else default))


def enum(slot: int, default: E, kind: Scalar[int] = INT8) -> E:
    """A member of an enumeration."""
    return cast(E, EnumField(slot, kind.code, default))


def string(slot: int) -> str | None:
    """UTF-8 text."""
    return cast(str | None, StringField(slot))


def strings(slot: int) -> Sequence[str] | None:
    """A vector of UTF-8 texts."""
    return cast(Sequence[str] | None, ReferencesField(slot, StringField(slot)))


def vector(slot: int, kind: Scalar[T]) -> Sequence[T] | None:
    """A short vector of scalars, such as a shape. Reads as a list."""
    return cast(Sequence[T] | None, VectorField(slot, kind.code))


def array(slot: int, kind: Scalar[T], *, align: int = 1) -> Array | None:
    """A vector that may be large, such as a weight; its first element is aligned to `align` bytes of the file.

    Takes a numpy array of any shape and strides and writes its elements in C order. A vector of bytes (`INT8`, `UINT8`)
    takes the bytes of an array of any dtype, any other vector only arrays of its own dtype. Reads as a 1-d read-only
    view of the buffer.
    """
    return cast(Array | None, ArrayField(slot, kind.code, align))


def table(slot: int, kind: TableClass[AnyTable]) -> AnyTable | None:
    """A nested table. For a class declared further down give a function that returns it."""
    return cast(AnyTable | None, TableField(slot, kind))


def tables(slot: int, kind: TableClass[AnyTable]) -> Sequence[AnyTable] | None:
    """A vector of tables."""
    return cast(Sequence[AnyTable] | None, ReferencesField(slot, TableField(slot, kind)))


def union(slot: int, variants: Mapping[int, type[Table]]) -> Table | None:
    """A table of one of several classes. `variants` gives each class its tag, which is stored at `slot - 1`."""
    return cast(Table | None, UnionField(slot, variants))


class Field:
    """A field lies in its table as one cell: an offset here, the value itself in scalar fields.

    On the instance it is an ordinary attribute; where that was never set, the default shows through.
    """

    default: object = None
    is_offset = True

    def __init__(self, slot: int, code: str = "I") -> None:
        self.slot = slot
        self.code = code
        self.size = struct.calcsize("<" + code)
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> object:
        return self if instance is None else self.default

    def cell(self, value: object) -> object:
        """What stands in the table: here room for an offset."""
        return 0

    def write(self, writer: "Writer", at: int, value: object) -> None:
        """Appends what the offset at position `at` is to point to."""

    def read(self, reader: "Reader", at: int) -> object:
        """The value whose cell is at position `at`."""
        raise NotImplementedError

    def read_member(self, reader: "Reader", cells: Mapping[int, int]) -> object:
        """The value in a table with these positions of cells by slot."""
        return self.read(reader, cells[self.slot])


class ScalarField(Field):
    is_offset = False

    def __init__(self, slot: int, code: str, default: object) -> None:
        super().__init__(slot, code)
        self.default = default
        self.struct = struct.Struct("<" + code)

    def cell(self, value: object) -> object:
        return value

    def read(self, reader: "Reader", at: int) -> object:
        return reader.unpack(self.struct, at)


class EnumField(ScalarField):
    def __init__(self, slot: int, code: str, default: IntEnum) -> None:
        super().__init__(slot, code, default)
        self.members: Mapping[object, IntEnum] = {int(member): member for member in type(default)}

    def read(self, reader: "Reader", at: int) -> object:
        value = super().read(reader, at)
        if value not in self.members:
            raise MalformedBufferError(f"{value} at byte {at} is no {type(self.default).__name__}.")
        return self.members[value]


class StringField(Field):
    def write(self, writer: "Writer", at: int, value: object) -> None:
        text = _expect(str, value).encode()
        writer.append(at, 1, OFFSET.pack(len(text)) + text + b"\0")

    def read(self, reader: "Reader", at: int) -> object:
        content = reader.vector(at, 1)
        reader.charge(len(content))
        try:
            return str(content, "utf-8")
        except UnicodeDecodeError:
            raise MalformedBufferError(f"The text that byte {at} points to is not UTF-8.") from None


class VectorField(Field):
    def __init__(self, slot: int, element: str) -> None:
        super().__init__(slot)
        self.element = element
        self.dtype = np.dtype("<" + element)

    def write(self, writer: "Writer", at: int, value: object) -> None:
        elements: Sequence[object] = value.tolist() if isinstance(value, np.ndarray) else _sequence(value)
        try:
            content = struct.pack(f"<{len(elements)}{self.element}", *elements)
        except struct.error as error:
            raise ValueError(f"{self.name} cannot hold these elements: {error}") from None
        writer.append(at, self.dtype.itemsize, OFFSET.pack(len(elements)) + content)

    def read(self, reader: "Reader", at: int) -> object:
        content = reader.vector(at, self.dtype.itemsize)
        reader.charge(len(content))
        return np.frombuffer(content, self.dtype).tolist()


class ArrayField(Field):
    def __init__(self, slot: int, element: str, align: int) -> None:
        super().__init__(slot)
        self.dtype = np.dtype("<" + element)
        self.align = max(align, self.dtype.itemsize)

    def write(self, writer: "Writer", at: int, value: object) -> None:
        elements: Array = _expect(np.ndarray, value)
        takes_any = self.dtype.itemsize == 1 and not elements.dtype.hasobject
        if not takes_any and elements.dtype.newbyteorder("<") != self.dtype:
            raise TypeError(f"{self.name} is a vector of {self.dtype} and cannot take an array of {elements.dtype}")
        writer.arrays.append((at, self, elements))

    def read(self, reader: "Reader", at: int) -> object:
        return np.frombuffer(reader.vector(at, self.dtype.itemsize), self.dtype)


class TableField(Field):
    def __init__(self, slot: int, kind: TableClass[AnyTable]) -> None:
        super().__init__(slot)
        self.kind = kind

    def write(self, writer: "Writer", at: int, value: object) -> None:
        writer.append_table(at, _expect(Table, value))

    def read(self, reader: "Reader", at: int) -> object:
        return reader.table(self.kind if isinstance(self.kind, type) else self.kind(), at)


class ReferencesField(Field):
    """A vector of texts or of tables: offsets, each written and read by the element's own kind of field."""

    def __init__(self, slot: int, element: Field) -> None:
        super().__init__(slot)
        self.element = element

    def write(self, writer: "Writer", at: int, value: object) -> None:
        elements = _sequence(value)
        start = writer.append(at, 4, OFFSET.pack(len(elements)) + bytes(4 * len(elements)))
        for index, element in enumerate(elements, start=1):
            self.element.write(writer, start + 4 * index, element)

    def read(self, reader: "Reader", at: int) -> object:
        content = reader.vector(at, 4)
        reader.charge(len(content))
        start = reader.follow(at) + 4
        return [self.element.read(reader, start + offset) for offset in range(0, len(content), 4)]


class TagField(ScalarField):
    """The tag of a union: the cell next to it, made from the same value."""

    def __init__(self, slot: int, variants: Mapping[int, type[Table]]) -> None:
        super().__init__(slot, "B", None)
        self.tags: Mapping[type, int] = {variant: tag for tag, variant in variants.items()}

    def cell(self, value: object) -> object:
        if type(value) not in self.tags:
            raise TypeError(f"{self.name} cannot be a {type(value).__name__}")
        return self.tags[type(value)]


class UnionField(Field):
    def __init__(self, slot: int, variants: Mapping[int, type[Table]]) -> None:
        super().__init__(slot)
        self.variants = variants
        self.tag = TagField(slot - 1, variants)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.tag.name = name

    def write(self, writer: "Writer", at: int, value: object) -> None:
        writer.append_table(at, _expect(Table, value))

    def read_member(self, reader: "Reader", cells: Mapping[int, int]) -> object:
        tag = self.tag.read(reader, cells[self.tag.slot]) if self.tag.slot in cells else 0
        if not isinstance(tag, int) or tag not in self.variants:
            raise MalformedBufferError(f"The union {self.name} at byte {cells[self.slot]} has the unknown tag {tag}.")
        return reader.table(self.variants[tag], cells[self.slot])


def _expect(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"expected a {kind.__name__}, got a {type(value).__name__}")
    return value


def _sequence(value: object) -> Sequence[object]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise TypeError(f"expected a sequence, got a {type(value).__name__}")
    return value


class Layout:
    """Where the cells lie in every table of a class that has the same fields present: larger cells first."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = sorted(fields, key=lambda field: -field.size)
        self.struct = struct.Struct("<i" + "".join(field.code for field in self.fields))
        self.align = max((field.size for field in fields), default=4)
        entries = [0] * (1 + max((field.slot for field in fields), default=-1))
        end = 4
        for field in self.fields:
            entries[field.slot] = end
            end += field.size
        self.vtable = struct.pack(f"<{2 + len(entries)}H", 4 + 2 * len(entries), end, *entries)
        self.offsets = [(entries[field.slot], field) for field in fields if field.is_offset]


class Schema:
    """The fields of a table class, by slot, and the layouts met so far."""

    def __init__(self, name: str, fields: Sequence[Field]) -> None:
        self.name = name
        self.names = {field.name for field in fields}
        self.fields = sorted(fields, key=lambda field: field.slot)
        tags = [field.tag for field in fields if isinstance(field, UnionField)]
        self.cells = sorted([*fields, *tags], key=lambda field: field.slot)
        self.slots = 1 + max((field.slot for field in fields), default=-1)
        self.layouts: dict[tuple[Field, ...], Layout] = {}
        if len({field.slot for field in self.cells}) != len(self.cells):
            raise TypeError(f"two fields of {name} have the same slot")

    def layout(self, fields: tuple[Field, ...]) -> Layout:
        if fields not in self.layouts:
            self.layouts[fields] = Layout(fields)
        return self.layouts[fields]
