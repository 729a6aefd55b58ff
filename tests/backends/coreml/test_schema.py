"""The messages: what is on the wire, held against bytes written by hand and, where there is one, Apple's converter."""

import sys
from importlib import import_module
from types import ModuleType

import pytest

from glmir.backends.coreml import protobuf, schema
from glmir.backends.coreml.protobuf import Kind, MalformedMessageError, Message, assign, clear, has, serialize, which
from tests.backends.coreml import mil_loader


def test_wire_bytes() -> None:
    """A key is the field number times eight plus the wire type: 0 varint, 2 length-delimited."""
    assert serialize(schema.BlobFileValue(file_name="w", offset=300)) == b"\x0a\x01w\x10\xac\x02"
    assert serialize(schema.RepeatedFloats(values=[1.0])) == b"\x0a\x04\x00\x00\x80\x3f"
    assert serialize(schema.RepeatedInts(values=[-1, 2])) == b"\x0a\x0b" + b"\xff" * 9 + b"\x01\x02"
    assert serialize(schema.Model(ml_program=schema.Program(version=1))) == b"\xb2\x1f\x02\x08\x01"
    assert (
        serialize(schema.Program(functions={"f": schema.Function(opset="o")})) == b"\x12\x08\x0a\x01f\x12\x03\x12\x01o"
    )
    assert serialize(schema.Metadata(user_defined={"k": "v"})) == b"\xa2\x06\x06\x0a\x01k\x12\x01v"


def test_parsing_gives_what_was_written() -> None:
    tensor = schema.TensorType(data_type=schema.DataType.FLOAT16, rank=1)
    value = schema.Value(type=schema.ValueType(tensor_type=tensor))
    assert schema.Value.parse(serialize(value)) == value
    with pytest.raises(MalformedMessageError, match="not a Model message"):
        schema.Model.parse(b"\x0a\xff")


def test_fields_of_other_messages_are_passed_over() -> None:
    model = schema.Model.parse(b"\xa2\x1f\x00\x08\x07")
    assert model.specification_version == 7
    assert which(model, "type") is None


def test_one_of_several() -> None:
    value = schema.Value(blob_file_value=schema.BlobFileValue(offset=64))
    assert which(value, "value") == "blob_file_value"
    assign(value.immediate_value, schema.ImmediateValue(list=schema.ListValue()))
    assert which(value, "value") == "immediate_value"
    assert not has(value, "blob_file_value")
    clear(value, "immediate_value")
    assert which(value, "value") is None


def test_maps_are_written_in_the_order_of_their_keys() -> None:
    names = [f"n{i}" for i in range(20)]
    forward = schema.Operation(inputs={name: schema.Argument() for name in names})
    backward = schema.Operation(inputs={name: schema.Argument() for name in reversed(names)})
    assert serialize(forward) == serialize(backward)


def declared() -> list[type[Message]]:
    return [message for message in Message.__subclasses__() if message.__module__ == schema.__name__]


def apples_messages() -> dict[str, object]:
    """The descriptors of Apple's own messages by name; skips the test when its converter is not installed."""
    folder = mil_loader.installed_folder()
    if folder is None:
        pytest.skip(mil_loader.REASON)
    # The converter itself takes a second to import and wants an older numpy: only its generated messages are.
    package = ModuleType("coremltools")
    package.__path__ = [str(folder)]
    sys.modules["coremltools"] = package
    try:
        modules = [import_module(f"coremltools.proto.{name}_pb2") for name in ("Model", "MIL", "FeatureTypes")]
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "coremltools"]:
            del sys.modules[name]
    found: dict[str, object] = {}
    pending = [d for module in modules for d in module.DESCRIPTOR.message_types_by_name.values()]
    while pending:
        descriptor = pending.pop()
        pending += descriptor.nested_types
        found.setdefault(descriptor.name, descriptor)
    return found


def test_fields_are_apples() -> None:
    theirs = apples_messages()
    enumeration = 14
    for message in declared():
        descriptor = theirs[{"ArrayShape": "Shape"}.get(message.__name__, message.__name__)]
        fields = {field.number: field for field in descriptor.fields}  # type: ignore[attr-defined]
        for name, field in vars(message).items():
            if not isinstance(field, protobuf.Field):
                continue
            their = fields[field.number]
            kind = Kind.INT32 if their.type == enumeration else Kind(their.type)
            assert kind is (Kind.MESSAGE if field.is_map else field.kind), (message.__name__, name)
            assert their.name.replace("DefaultValue", "_default").lower().replace("_", "") == name.replace("_", "")
            assert (their.containing_oneof is None) == (field.oneof is None), (message.__name__, name)
