"""The verifier: each rule, broken on purpose, is reported in its words."""

from collections.abc import Callable

import pytest

from glmir.ir import Function, Module, Value
from glmir.ops import math, nn
from glmir.types import DType, TensorType
from glmir.verifier import InvalidModuleError, verify

F32 = TensorType(DType.F32, (2, 3))


def build() -> Module:
    """%b = relu(x); %c = b + b."""
    function = Function("main", [Value(F32, "x")])
    relu = nn.Relu(function.inputs[0])
    add = math.Add(relu.result, relu.result)
    relu.result.name, add.result.name = "b", "c"
    function.ops.append(relu)
    function.ops.append(add)
    function.set_outputs([add.result], ["y"])
    return Module([function])


def use_before_definition(function: Function) -> None:
    relu, _ = function.ops
    function.ops.unlink(relu)
    function.ops.append(relu)


def return_of_a_stranger(function: Function) -> None:
    function.set_outputs([Value(F32, "stranger")], ["y"])


def op_of_another_function(function: Function) -> None:
    relu, _ = function.ops
    relu.function = Function("other")


def result_of_another_op(function: Function) -> None:
    relu, add = function.ops
    relu.results[0].owner = add


def result_of_another_index(function: Function) -> None:
    relu, _ = function.ops
    relu.results[0].index = 1


def declared_type_of_another_shape(function: Function) -> None:
    relu, _ = function.ops
    relu.results[0].type = TensorType(DType.F32, (3, 2))


def result_too_many(function: Function) -> None:
    relu, _ = function.ops
    relu.results = (*relu.results, Value(F32, "", relu, 1))


def shared_value_name(function: Function) -> None:
    relu, _ = function.ops
    relu.results[0].name = "x"


def shared_output_name(function: Function) -> None:
    function.set_outputs([function.inputs[0]] * 2, ["y", "y"])


def forgotten_use(function: Function) -> None:
    function.inputs[0].uses.clear()


def use_counted_wrongly(function: Function) -> None:
    relu, add = function.ops
    relu.results[0].uses[add] = 1


def broken_constraint(function: Function) -> None:
    function.inputs[0].type = TensorType(DType.BOOL, (2, 3))


CASES: dict[Callable[[Function], None], str] = {
    use_before_definition: r"@main: M1: math.add %c uses <Value %b: f32\[2, 3\]> before it is defined",
    return_of_a_stranger: r"@main: M1: return uses <Value %stranger: f32\[2, 3\]> before it is defined",
    op_of_another_function: "@main: M2: nn.relu %b does not belong to the function that lists it",
    result_of_another_op: "@main: M3: result 0 of nn.relu %b is not the one that knows itself as such",
    result_of_another_index: "@main: M3: result 0 of nn.relu %b",
    declared_type_of_another_shape: r"@main: M4: nn.relu %b has type f32\[3, 2\], but its operands give f32\[2, 3\]",
    result_too_many: "@main: M4: nn.relu %b has 2 results, but its operands give 1",
    shared_value_name: "@main: M5: two values are named %x",
    shared_output_name: "@main: M6: two outputs share a name: y, y",
    forgotten_use: r"@main: M7: the recorded uses of <Value %x: f32\[2, 3\]> are not the ops that use it",
    use_counted_wrongly: "@main: M7: the recorded uses of <Value %b",
    broken_constraint: r"@main: %b: nn.relu requires that .* \(C1\)",
}


def test_a_valid_module() -> None:
    verify(build())
    verify(Module())


@pytest.mark.parametrize("damage", CASES, ids=lambda d: d.__name__)
def test_broken_rules(damage: Callable[[Function], None]) -> None:
    module = build()
    damage(module.main)
    with pytest.raises(InvalidModuleError, match=CASES[damage]):
        verify(module)


def test_all_problems_are_named_at_once() -> None:
    module = build()
    for damage in (shared_value_name, shared_output_name, result_of_another_index):
        damage(module.main)
    with pytest.raises(InvalidModuleError) as error:
        verify(module)
    rules = {p.split(": ")[1] for p in error.value.problems}
    assert rules == {"M3", "M5", "M6"}
