"""Functions that ops call: what must be true of them, how they run, and what passes over modules do to them."""

import numpy as np
import pytest

from glmir.call_graph import callers_first, fresh_function_name, reachable
from glmir.interpreter import ExecutionError, run
from glmir.ir import Module
from glmir.parser import parse_module
from glmir.passes import BY_NAME
from glmir.passes.substitution import substitute_symbols
from glmir.printer import print_module
from glmir.types import TensorType
from glmir.verifier import InvalidModuleError, verify

MAIN = """
func @main(%i: i64[], %x: f32[n, 2]) -> (%k: i64[], %y: f32[n, 2]) {
  %k, %y = control.while([%i, %x]) {condition = @is_small, body = @double} : i64[], f32[n, 2]
  return %k, %y
}
"""
IS_SMALL = """
func @is_small(%i: i64[], %x: f32[n, 2]) -> (%small: bool[]) {
  %limit = tensor.constant() {value = dense<3>} : i64[]
  %small = math.less(%i, %limit) : bool[]
  return %small
}
"""
DOUBLE = """
func @double(%i: i64[], %x: f32[n, 2]) -> (%next: i64[], %y: f32[n, 2]) {
  %one = tensor.constant() {value = dense<1>} : i64[]
  %next = math.add(%i, %one) : i64[]
  %flat = tensor.reshape(%x, none) {shape = [2*n]} : f32[2*n]
  %twice = math.add(%flat, %flat) : f32[2*n]
  %y = tensor.reshape(%twice, none) {shape = [n, 2]} : f32[n, 2]
  return %next, %y
}
"""
TEXT = MAIN + IS_SMALL + DOUBLE
INPUTS = {"i": np.array(1), "x": np.ones((3, 2), np.float32)}


def test_a_loop_runs_until_its_condition_no_longer_holds() -> None:
    module = parse_module(TEXT)
    verify(module)
    outputs = run(module, INPUTS)
    assert outputs["k"] == 3
    np.testing.assert_array_equal(outputs["y"], np.full((3, 2), 4))
    np.testing.assert_array_equal(run(module, INPUTS | {"i": np.array(7)})["y"], INPUTS["x"])


def test_modules_of_several_functions_round_trip() -> None:
    module = parse_module(TEXT)
    text = print_module(module)
    assert "control.while([%i, %x]) {condition = @is_small, body = @double}" in text
    assert parse_module(text) == module
    clone = module.clone()
    assert clone == module and all(clone.functions[name] is not f for name, f in module.functions.items())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MAIN + DOUBLE, "@main: M8: control.while %k calls @is_small, but there is no such function"),
        (TEXT.replace("(%small: bool[])", "(%small: f32[n, 2])").replace("return %small", "return %x"),
         r"M8: @is_small gives \(f32\[n, 2\]\), but control.while %k needs \(bool\[\]\)"),
        (MAIN + IS_SMALL.replace("%x: f32[n, 2]", "%x: f32[n, 3]") + DOUBLE,
         r"M8: @is_small takes \(i64\[\], f32\[n, 3\]\), but control.while %k needs \(i64\[\], f32\[n, 2\]\)"),
        (TEXT.replace("(%next: i64[], %y: f32[n, 2])", "(%next: i64[])").replace("return %next, %y", "return %next"),
         r"M8: @double gives \(i64\[\]\), but"),
        (MAIN + IS_SMALL + MAIN.replace("@main", "@double"), "@double: M9: the function comes to call itself"),
    ],
)  # fmt: skip
def test_calls_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(InvalidModuleError, match=message):
        verify(parse_module(text))


def test_a_caller_comes_before_what_it_calls() -> None:
    inner = IS_SMALL + DOUBLE
    module = parse_module(inner + MAIN.replace("@main", "@middle") + MAIN.replace("@double", "@middle"))
    assert [f.name for f in callers_first(module)] == ["main", "middle", "is_small", "double"]
    assert [f.name for f in reachable(module, module.functions["middle"])] == ["middle", "is_small", "double"]
    assert fresh_function_name(module, "main") == "main_2"


def test_errors_inside_of_a_loop_say_where() -> None:
    module = parse_module(MAIN + IS_SMALL)
    with pytest.raises(ExecutionError, match="there is no function @double"):
        run(module, INPUTS)
    module = parse_module(TEXT)
    module.functions["double"].inputs[1].type = TensorType(module.main.inputs[1].type.dtype, (3, 5))
    with pytest.raises(ExecutionError, match=r"input x of @double: expected f32\[3, 5\]"):
        run(module, INPUTS)


def test_functions_that_nothing_calls_are_dropped() -> None:
    module = parse_module(TEXT + DOUBLE.replace("@double", "@unused") + MAIN.replace("@main", "@old"))
    assert BY_NAME["eliminate-dead-code"](module)
    assert list(module.functions) == ["main", "is_small", "double"]
    assert not BY_NAME["eliminate-dead-code"](module)
    module.main.set_outputs(module.main.inputs, ["k", "y"])
    assert BY_NAME["eliminate-dead-code"](module)
    assert list(module.functions) == ["main"]


def test_numbers_in_the_caller_become_numbers_in_what_it_calls() -> None:
    module = parse_module(TEXT)
    substitute_symbols(module.main, {"n": 3})
    assert BY_NAME["infer-types"](module)
    verify(module)
    assert "n" not in {s for f in module.functions.values() for v in f.values() for s in v.type.symbols}
    assert "shape = [6]" in print_module(module)
    np.testing.assert_array_equal(run(module, INPUTS)["y"], np.full((3, 2), 4))


def test_symbols_that_the_caller_resolves_are_resolved_in_what_it_calls() -> None:
    """u0 and u1 are sizes of a reshape at run time, which turn out to be n and 2."""
    module = parse_module("""
func @main(%i: i64[], %x: f32[n, 2]) -> (%y: f32[u0, u1]) {
  %shape = tensor.shape(%x) : i64[2]
  %z = tensor.reshape(%x, %shape) {shape = [u0, u1]} : f32[u0, u1]
  %k, %y = control.while([%i, %z]) {condition = @is_small, body = @step} : i64[], f32[u0, u1]
  return %y
}
func @is_small(%i: i64[], %x: f32[u0, u1]) -> (%small: bool[]) {
  %limit = tensor.constant() {value = dense<3>} : i64[]
  %small = math.less(%i, %limit) : bool[]
  return %small
}
func @step(%i: i64[], %x: f32[u0, u1]) -> (%next: i64[], %y: f32[u0, u1]) {
  %one = tensor.constant() {value = dense<1>} : i64[]
  %next = math.add(%i, %one) : i64[]
  return %next, %x
}""")
    verify(module)
    assert BY_NAME["fold-shape-arithmetic"](module)
    verify(module)
    assert [str(v.type) for v in module.functions["step"].inputs] == ["i64[]", "f32[n, 2]"]


def test_quantized_values_go_through_loops_as_they_are_stored() -> None:
    quantized = "quant<f32, i8, scales=[0.5]>[n, 2]"
    module = parse_module(f"""
func @main(%i: i64[], %x: {quantized}) -> (%k: i64[], %y: {quantized}) {{
  %k, %y = control.while([%i, %x]) {{condition = @is_small, body = @double}} : i64[], {quantized}
  return %k, %y
}}
{IS_SMALL.replace("f32[n, 2]", quantized)}
func @double(%i: i64[], %x: {quantized}) -> (%next: i64[], %y: {quantized}) {{
  %one = tensor.constant() {{value = dense<1>}} : i64[]
  %next = math.add(%i, %one) : i64[]
  %y = math.add(%x, %x) : {quantized}
  return %next, %y
}}""")
    verify(module)
    outputs = run(module, {"i": np.array(0), "x": np.array([[1, -3]], np.int8)})
    np.testing.assert_array_equal(outputs["y"], np.array([[8, -24]], np.int8))


@pytest.mark.parametrize("name", BY_NAME)
def test_every_pass_copes_with_functions(name: str) -> None:
    module: Module = parse_module(TEXT)
    expected = run(module, INPUTS)
    BY_NAME[name](module)
    verify(module)
    given = {v.name: INPUTS[v.name].astype(v.type.dtype.numpy) for v in module.main.inputs}
    for output, array in run(module, given).items():
        np.testing.assert_array_equal(array, expected[output])
