"""Recurrent layers taken apart compute the same: one direction at a time, unrolled, and as loops."""

import pytest

from glmir.interpreter import run
from glmir.ir import Module, Op
from glmir.ops import DEFINITIONS, nn
from glmir.parser import parse_module
from glmir.passes.lowering import recurrent
from glmir.passes.lowering.recurrent_loops import loops_of_recurrent_layers
from glmir.printer import print_module
from glmir.rewriter import RuleSet, apply_rules
from glmir.verifier import verify
from tests.recurrent_layers import GATES, inputs_of, layer
from tests.tolerances import assert_close


def is_never_legal(op: Op) -> bool:
    return False


def check(text: str, *, unrolled: bool, time: int = 5) -> Module:
    """Lowers the layer, as loops unless its steps are to be unrolled, and compares."""
    module = parse_module(text)
    inputs = inputs_of(module, time)
    expected = run(module, inputs)
    rules = RuleSet(recurrent.RULES)
    if not unrolled:
        rules.rules = [r for r in rules.rules if r.name != "few_steps_unrolled"]
    apply_rules(module, rules)
    assert loops_of_recurrent_layers(module, is_never_legal) is not unrolled
    verify(module)
    assert not any(isinstance(op, nn.Recurrent) for f in module.functions.values() for op in f.ops)
    reparsed = parse_module(print_module(module), {})
    assert reparsed == module
    actual = run(reparsed, inputs)
    for name, array in expected.items():
        assert_close(actual[name], array, "f32-sums", name)
    return module


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(
    ("kind", "present"),
    [
        ("rnn", ""), ("rnn", "bias"), ("rnn", "bias lengths initial_h"),
        ("gru", ""), ("gru", "bias recurrent_bias"), ("gru", "recurrent_bias lengths"), ("gru", "initial_h"),
        ("lstm", ""), ("lstm", "bias initial_h"), ("lstm", "initial_c"), ("lstm", "peephole"),
        ("lstm", "bias lengths initial_h initial_c peephole"),
    ],
)  # fmt: skip
def test_operands(kind: str, present: str, direction: str) -> None:
    check(layer(kind, present, direction), unrolled=False)
    check(layer(kind, present, direction, time=5), unrolled=False)
    check(layer(kind, present, direction, time=5), unrolled=True)


@pytest.mark.parametrize("unrolled", [True, False])
@pytest.mark.parametrize("present", ["", "recurrent_bias", "recurrent_bias initial_h"])
def test_linear_before_reset(present: str, unrolled: bool) -> None:
    check(layer("gru", present, time=3, extra=", linear_before_reset = true"), unrolled=unrolled, time=3)


@pytest.mark.parametrize("time", [1, 2, 8])
@pytest.mark.parametrize("kind", GATES)
def test_few_steps(kind: str, time: int) -> None:
    check(layer(kind, "bias", time=time), unrolled=True, time=time)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("extra", [", clip = 0.3", ", input_forget = true"])
def test_options(kind: str, extra: str) -> None:
    if "input_forget" in extra and kind != "lstm":
        return
    check(layer(kind, "bias", time=4, extra=extra), unrolled=True, time=4)
    check(layer(kind, "bias", extra=extra), unrolled=False)


@pytest.mark.parametrize(
    "activation",
    ["sigmoid", "tanh", "relu", "affine", "leaky_relu", "thresholded_relu", "scaled_tanh", "hard_sigmoid", "elu",
     "softsign", "softplus"],
)  # fmt: skip
def test_activations(activation: str) -> None:
    extra = f", activations = [{activation}, tanh, {activation}], alphas = [0.3, 1.0, 0.4], betas = [0.2, 0.0, 0.1]"
    check(layer("lstm", "bias", time=3, extra=extra), unrolled=True, time=3)


def test_sizes_inside_a_loop_are_symbols() -> None:
    """A body is compiled alone: it must find its sizes in the shapes of its inputs."""
    twice = "%twice = tensor.concat([%x, %x]) {axis = 0} : f32[2*t, b, 4]"
    text = layer("gru", time="2*t").replace("%x: f32[2*t, b, 4]", "%x: f32[t, b, 4]")
    module = check(text.replace("{\n", f"{{\n  {twice}\n", 1).replace("gru(%x", "gru(%twice"), unrolled=False)
    shapes = [str(v.type) for name, f in module.functions.items() if name != "main" for v in f.inputs]
    assert "f32[d0, b, 9]" in shapes and not any("2*t" in shape for shape in shapes)


def test_outputs_that_nothing_reads_are_not_carried() -> None:
    module = parse_module(layer("lstm"))
    module.main.set_outputs([module.main.outputs[1]], ["h"])
    loops_of_recurrent_layers(module, is_never_legal)
    assert "y" not in [v.name for v in module.functions["lstm_step"].inputs]


def test_layers_that_a_target_has_are_kept() -> None:
    module = parse_module(layer("lstm"))
    assert not loops_of_recurrent_layers(module, lambda op: True)
    assert [op.definition.name for op in module.main.ops] == ["nn.lstm"]


def test_lengths_that_say_nothing_are_dropped() -> None:
    text = layer("rnn", "lengths", time=5, batch=2).replace(", %lengths: i32[2]", "").replace(
        "{\n", "{\n  %lengths = tensor.constant() {value = dense<[5, 7]>} : i32[2]\n", 1
    )  # fmt: skip
    module = parse_module(text)
    only = RuleSet()
    only.rules += [r for r in recurrent.RULES.rules if r.name == "full_lengths"]
    assert apply_rules(module, only)
    assert "nn.rnn(%x, %weight, %recurrence, none, none, none)" in print_module(module)


def test_every_layer_has_a_cell() -> None:
    layers = {d.name for d in DEFINITIONS.values() if issubclass(d.cls, nn.Recurrent)}
    assert layers == {f"nn.{kind}" for kind in GATES}
