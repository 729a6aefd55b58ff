"""Cutting the payloads out of an encoded model, and what damaged or hostile files do to loading."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import cast

import onnx
import onnx_graphsurgeon as gs
import pytest
from onnx import TensorProto, helper

from glmir.errors import GlmirError
from glmir.frontends.onnx.loading import load_graph
from glmir.frontends.onnx.wire import MAX_DEPTH, WireError, strip_payloads
from tests.glmir.frontends.onnx.building import (
    floats,
    if_node,
    model_of,
    model_with,
    node,
    reasons_of,
    refusal_of,
    value,
)


def test_stripping_keeps_everything_else() -> None:
    model = model_with(floats("w", 1000))
    model.training_info.add().initialization.doc_string = "x" * 5000
    model.graph.doc_string = "kept"
    stripped = strip_payloads(model.SerializeToString())
    parsed = onnx.ModelProto.FromString(stripped.model)
    assert len(stripped.model) < 300
    assert [end - begin for begin, end in stripped.ranges] == [4000]
    model.ClearField("training_info")
    model.graph.initializer[0].ClearField("raw_data")
    parsed.graph.initializer[0].ClearField("segment")
    assert parsed == model


def test_nesting_is_bounded() -> None:
    graph = helper.make_graph([node("Relu", "x", "y")], "g", [], [])
    encoded = graph.SerializeToString() + b"\x52\xd0\x0f" + b"d" * 2000
    for _ in range(MAX_DEPTH):
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            encoded = tag + _varint(len(encoded)) + encoded
    with pytest.raises(WireError, match="nests messages deeper"):
        strip_payloads(b"\x3a" + _varint(len(encoded)) + encoded)


def _varint(number: int) -> bytes:
    encoded = b""
    while number >= 0x80:
        encoded += bytes((number & 0x7F | 0x80,))
        number >>= 7
    return encoded + bytes((number,))


def test_deep_subgraphs_of_a_model_in_memory() -> None:
    inner = node("Relu", "x", "y")
    for _ in range(27):
        inner = node("If", "flag", "y", then_branch=helper.make_graph([inner], "g", [], [value("y")]))
    assert any("nests graphs deeper" in reason for reason in reasons_of(model_of([inner], inputs=("x", "flag"))))


def test_names_that_are_no_text() -> None:
    data = model_of([node("Relu", "x", "y", "NAME")]).SerializeToString()
    assert "not UTF-8 text" in refusal_of(data.replace(b"NAME", b"\xff\xfe\xfd\xfc"))


def test_control_characters_are_shown_escaped() -> None:
    (reason,) = reasons_of(model_of([node("Neg", "\x1b[2J", "y", "neg")]))
    assert "reads '\\x1b[2J'" in reason


def _small_model() -> bytes:
    branch = if_node([node("Add", "a w", "t")], "t", [floats("v", 300)])
    constant = node("Constant", "", "c", value=helper.make_tensor("", TensorProto.INT64, [2], [1, 2]))
    add = node("Add", "x w", "a", "add", alpha=1.0, mode="m")
    model = model_of([add, constant, branch], [floats("w", 300)], ("x", "flag"))
    model.graph.value_info.append(value("a"))
    return cast(bytes, model.SerializeToString())


def _flip(data: bytearray, generator: random.Random) -> None:
    for _ in range(generator.randint(1, 4)):
        data[generator.randrange(len(data))] = generator.randrange(256)


def _flip_structure(data: bytearray, generator: random.Random) -> None:
    places = [place for place, byte in enumerate(data) if 0 < byte < 0x80 and data[place - 1] != 0]
    for _ in range(generator.randint(1, 3)):
        data[generator.choice(places)] ^= 1 << generator.randrange(8)


def _truncate(data: bytearray, generator: random.Random) -> None:
    del data[generator.randrange(len(data)) :]


@pytest.mark.parametrize("damage", [_flip, _flip_structure, _truncate])
def test_damaged_models_never_escape(damage: Callable[[bytearray, random.Random], None]) -> None:
    original = _small_model()
    load_graph(original)
    generator = random.Random(7)
    for _ in range(500):
        data = bytearray(original)
        damage(data, generator)
        try:
            loaded = load_graph(bytes(data))
        except GlmirError as error:
            assert str(error)
            continue
        for constant in loaded.graph.tensors().values():
            if isinstance(constant, gs.Constant):
                loaded.tensor_array(constant)
