"""Protocol Buffers messages declared as Python classes from their field numbers.

A declaration is for the reader and the type checker: constructing one gives a message of the protobuf runtime, which
is made from the declarations on first use, in a descriptor pool of its own. Field names are not on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Self, TypeVar, cast, dataclass_transform

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_PACKAGE = "glmc"


class Kind(Enum):
    """Types of a field, by their number in FieldDescriptorProto.Type."""

    DOUBLE = 1
    FLOAT = 2
    INT64 = 3
    UINT64 = 4
    INT32 = 5
    BOOL = 8
    STRING = 9
    MESSAGE = 11
    BYTES = 12
    UINT32 = 13


T = TypeVar("T")
M = TypeVar("M", bound="Message")
MessageClass = type[M] | Callable[[], type[M]]


class MalformedMessageError(ValueError):
    """The bytes read are not a message of the expected schema."""


@dataclass(frozen=True)
class Field:
    """What the wire needs to know of a field; ``message`` is the class of a MESSAGE or of a map's values."""

    number: int
    kind: Kind
    message: MessageClass[Message] | None = None
    repeated: bool = False
    is_map: bool = False
    oneof: str | None = None


def scalar(number: int, kind: Kind, zero: T, oneof: str | None = None) -> T:
    """A number, bool, text or bytes; ``zero`` is what an absent one reads as, and gives its Python type."""
    return cast(T, Field(number, kind, oneof=oneof))


def scalars(number: int, kind: Kind, zero: T) -> Sequence[T]:
    """Any number of them; numbers are packed."""
    return cast(Sequence[T], Field(number, kind, repeated=True))


def message(number: int, of: MessageClass[M], oneof: str | None = None) -> M:
    """A message; an absent one reads as an empty one."""
    return cast(M, Field(number, Kind.MESSAGE, of, oneof=oneof))


def messages(number: int, of: MessageClass[M]) -> Sequence[M]:
    """Any number of messages."""
    return cast(Sequence[M], Field(number, Kind.MESSAGE, of, repeated=True))


def map_of(number: int, of: MessageClass[M]) -> Mapping[str, M]:
    """Messages by a text."""
    return cast(Mapping[str, M], Field(number, Kind.MESSAGE, of, is_map=True))


def map_of_strings(number: int) -> Mapping[str, str]:
    """Texts by a text."""
    return cast(Mapping[str, str], Field(number, Kind.STRING, is_map=True))


@dataclass_transform(kw_only_default=True, eq_default=False)
class Message:
    """Base of all declarations. Fields are given to the constructor by keyword; messages given are copied.

    Messages compare by content. What is constructed is no instance of the declaration: `isinstance` says nothing.
    """

    def __new__(cls, **values: object) -> Self:
        return cast(Self, _runtime_class(cls.__module__, cls.__name__)(**values))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The message that the bytes encode; raises MalformedMessageError."""
        value = cls()
        try:
            value.MergeFromString(data)  # type: ignore[attr-defined]
        except DecodeError as error:
            raise MalformedMessageError(f"not a {cls.__name__} message: {error}") from error
        return value


def serialize(value: Message) -> bytes:
    """The message's bytes, the same for equal messages: maps are written in the order of their keys."""
    return cast(bytes, value.SerializeToString(deterministic=True))  # type: ignore[attr-defined]


def has(value: Message, field: str) -> bool:
    """Whether a field that is a message or a member of a oneof is set."""
    return bool(value.HasField(field))  # type: ignore[attr-defined]


def which(value: Message, oneof: str) -> str | None:
    """The name of the member of a oneof that is set."""
    return cast("str | None", value.WhichOneof(oneof))  # type: ignore[attr-defined]


def assign(target: M, source: M) -> None:
    """Makes ``target``, a field of some message, a copy of ``source``. Fields that are messages have no assignment."""
    target.CopyFrom(source)  # type: ignore[attr-defined]


def clear(value: Message, field: str) -> None:
    """Makes a field absent."""
    value.ClearField(field)  # type: ignore[attr-defined]


@cache
def _runtime_class(module: str, name: str) -> Callable[..., Message]:
    pool = _pool(module)
    descriptor = pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")  # type: ignore[attr-defined]
    if hasattr(message_factory, "GetMessageClass"):
        return cast("Callable[..., Message]", message_factory.GetMessageClass(descriptor))
    # protobuf < 4.22
    return cast("Callable[..., Message]", message_factory.MessageFactory(pool).GetPrototype(descriptor))


@cache
def _pool(module: str) -> object:
    """A pool with all messages that the module declares."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{module}.proto", package=_PACKAGE, syntax="proto3")
    for declaration in Message.__subclasses__():
        if declaration.__module__ == module:
            _describe(declaration, file.message_type.add(name=declaration.__name__))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _describe(declaration: type[Message], descriptor: descriptor_pb2.DescriptorProto) -> None:
    oneofs: list[str] = []
    for name, field in vars(declaration).items():
        if not isinstance(field, Field):
            continue
        described = descriptor.field.add(name=name, number=field.number, label=3 if field.repeated else 1)
        if field.is_map:
            _describe_map(described, field, descriptor)
        else:
            _describe_type(described, field)
        if field.oneof is not None:
            if field.oneof not in oneofs:
                oneofs.append(field.oneof)
                descriptor.oneof_decl.add(name=field.oneof)
            described.oneof_index = oneofs.index(field.oneof)


def _describe_type(described: descriptor_pb2.FieldDescriptorProto, field: Field) -> None:
    described.type = field.kind.value
    if field.message is not None:
        of = field.message if isinstance(field.message, type) else field.message()
        described.type_name = f".{_PACKAGE}.{of.__name__}"


def _describe_map(
    described: descriptor_pb2.FieldDescriptorProto, field: Field, descriptor: descriptor_pb2.DescriptorProto
) -> None:
    """A map is on the wire a repeated message of a key and a value; the runtime demands this name for it."""
    entry = descriptor.nested_type.add(name="".join(map(str.capitalize, described.name.split("_"))) + "Entry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=Kind.STRING.value, label=1)
    _describe_type(entry.field.add(name="value", number=2, label=1), field)
    described.label, described.type = 3, Kind.MESSAGE.value
    described.type_name = f".{_PACKAGE}.{descriptor.name}.{entry.name}"
