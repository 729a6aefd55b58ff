"""States: their text, what the verifier says of them, and how they are carried from call to call by every target."""

import re
from pathlib import Path

import numpy as np
import pytest

import glmir
from glmir.backends.target import TARGETS
from glmir.errors import InputError
from glmir.interpreter import run
from glmir.ir import State
from glmir.parser import ParseError, load_module, parse_module
from glmir.printer import print_module, save_module
from glmir.verifier import InvalidModuleError, verify
from glmir.weights import Weight

from .driver.commands import glmc
from .driver.commands import glmir as glmir_command

STATES = """\
state %h -> %h_out = dense<0.5> : f32[]
state %count -> %"0" = dense<[3]> : i64[1]
state %"is set" -> %set_out = dense<false> : bool[2]
state %s -> %s_out = dense<1.0> : f32[]
state %image -> %image_out = dense<0.0> : f32[1, 3, 1, 1]
"""
MAIN = """
func @main(%x: f32[n, 4], %h: f32[n, 4], %count: i64[1], %"is set": bool[2], %s: f32[], %image: f32[1, 3, 2, 2]) -> \
(%y: f32[n, 4], %h_out: f32[n, 4], %"0": i64[1], %set_out: bool[2], %s_out: f32[], %image_out: f32[1, 3, 2, 2]) {
  %y = math.add(%x, %h) : f32[n, 4]
  %one = tensor.constant() {value = dense<[1]>} : i64[1]
  %more = math.add(%count, %one) : i64[1]
  %other = math.logical_not(%"is set") : bool[2]
  %twice = math.add(%s, %s) : f32[]
  %changed = math.add(%image, %twice) : f32[1, 3, 2, 2]
  return %y, %y, %more, %other, %twice, %changed
}
"""
TEXT = STATES + MAIN
X = {"x": np.ones((2, 4), np.float32)}


def test_text_clone_and_equality() -> None:
    module = parse_module(TEXT)
    verify(module)
    assert print_module(module) == TEXT
    assert parse_module(print_module(module)) == module == module.clone()
    other = module.clone()
    other.states.pop()
    assert other != module and len(module.states) == 5


def test_large_initial_values_stand_beside_the_text(tmp_path: Path) -> None:
    module = parse_module(MAIN)
    module.states.append(State("h", "h_out", Weight(np.arange(4 * 5, dtype=np.float32).reshape(5, 4), "first")))
    save_module(module, tmp_path / "m.glir")
    assert "state %h -> %h_out = weight<first> : f32[5, 4]" in (tmp_path / "m.glir").read_text()
    assert load_module(tmp_path / "m.glir") == module


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("state %g -> %h_out = dense<0.0> : f32[]", "M10: there is no input %g to hold a state"),
        ("state %h -> %g = dense<0.0> : f32[]", "M10: there is no output %g to keep for the state %h"),
        ("state %h -> %s_out = dense<0.0> : f32[]",
         r"M10: the state %h is f32\[n, 4\], but what is kept for it, %s_out, is f32\[\]"),
        ("state %h -> %h_out = dense<0> : i32[]",
         r"M10: the initial value of the state %h, i32\[\], does not broadcast to f32\[n, 4\]"),
        ("state %h -> %h_out = dense<0.0> : f32[3]",
         r"M10: the initial value of the state %h, f32\[3\], does not broadcast to f32\[n, 4\]"),
        ("state %h -> %h_out = dense<0.0> : f32[]\n" * 2, "M10: two states use the input %h"),
        ("state %h -> %h_out = dense<0.0> : f32[]\n" * 2, "M10: two states use the output %h_out"),
    ],
)  # fmt: skip
def test_verifier(state: str, message: str) -> None:
    with pytest.raises(InvalidModuleError, match=message):
        verify(parse_module(state + MAIN))


def test_parser_tells_where() -> None:
    with pytest.raises(ParseError, match=re.escape("line 1, column 7: the initial value of %h: gone is not in the")):
        parse_module("state %h -> %h_out = weight<gone> : f32[40]" + MAIN)


def test_interpreter_begins_with_the_initial_values() -> None:
    outputs = run(parse_module(TEXT), X)
    assert outputs["y"].tolist() == [[1.5] * 4] * 2
    assert outputs["0"].tolist() == [4]


def test_a_size_that_no_input_tells_is_asked_for() -> None:
    module = parse_module(TEXT.replace("%x: f32[n, 4]", "%x: f32[]"))
    with pytest.raises(InputError, match="no other input tells the size n of the state h: give it too"):
        run(module, {"x": np.float32(1)})


@pytest.mark.parametrize("target", TARGETS)
def test_artifacts_remember(target: str) -> None:
    artifact = glmir.compile(parse_module(TEXT), target=target)
    outputs = [artifact.run(X) for _ in range(3)]
    assert [o["y"].flat[0] for o in outputs] == [1.5, 2.5, 3.5]
    assert list(outputs[0]) == ["y"]
    given = artifact.run(X | {"h": X["x"], "image": np.zeros((1, 3, 2, 2), np.float32)})
    assert {name: array.flat[0] for name, array in given.items()} == {"y": 2, "h_out": 2, "image_out": 16}
    assert artifact.run(X)["y"].flat[0] == 3
    artifact.reset()
    assert artifact.run(X)["y"].flat[0] == 1.5


@pytest.mark.parametrize("target", TARGETS)
def test_states_are_told_and_verified(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.glir").write_text(TEXT)
    outcome = glmc("m.glir", "--target", target, "--verify", "--verify-each", "--io-layout", "nhwc")
    assert outcome.code == 0, outcome.err
    assert "has the state h, f32[n, 4], at first 0.5, then what the call before gave as h_out\n" in outcome.err
    assert "  image_out (call 3): largest error 0, 0 of the magnitude 14\n" in outcome.out


def test_a_pinned_state_is_an_ordinary_constant() -> None:
    artifact = glmir.compile(parse_module(TEXT), target="onnx", inputs={"count": [7]})
    assert [artifact.run(X)["0"].tolist() for _ in range(2)] == [[8], [8]]


def test_images_may_be_channels_last_but_states_may_not() -> None:
    with pytest.raises(InputError, match="image_out cannot be channels-last: a state stays as the model has it"):
        glmir.compile(parse_module(TEXT), target="onnx", io_layout=["image_out=nhwc"])


def test_run_takes_states_or_begins_with_their_initial_values(tmp_path: Path) -> None:
    (tmp_path / "m.glir").write_text(TEXT)
    outcome = glmir_command("run", tmp_path / "m.glir")
    assert outcome.out.startswith("y: float32[2, 4]\n") and "h_out" not in outcome.out
