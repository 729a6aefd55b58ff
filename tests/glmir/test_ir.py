"""Values, ops, op lists and functions: uses, replacement, iteration under edits, immutability."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glmir.ir import Function, Module, Op, Value
from glmir.opdef import replace
from glmir.ops import math, nn, tensor
from glmir.ops.enums import Activation
from glmir.types import DType, TensorType
from glmir.verifier import verify
from glmir.weights import Weight

F32 = TensorType(DType.F32, (2, 3))


def chain(length: int) -> tuple[Function, list[Op]]:
    """A function of so many relus, each on the input."""
    function = Function("main", [Value(F32, "x")])
    ops: list[Op] = [nn.Relu(function.inputs[0]) for _ in range(length)]
    for op in ops:
        function.ops.append(op)
    return function, ops


def test_uses_are_recorded_while_an_op_stands_in_a_function() -> None:
    x = Value(F32, "x")
    function = Function("main", [x])
    add = math.Add(x, x)
    assert not x.is_used
    function.ops.append(add)
    assert x.uses == {add: 2} and not x.has_one_use and x.users == (add,)
    add.erase()
    assert not x.is_used and add.function is None


def test_has_one_use_counts_operands_not_ops() -> None:
    x = Value(F32, "x")
    function = Function("main", [x])
    function.ops.append(nn.Relu(x))
    assert x.has_one_use
    function.set_outputs([x], ["y"])
    assert not x.has_one_use


def test_replace_all_uses_of_repeated_variadic_and_returned_operands() -> None:
    x, y = Value(F32, "x"), Value(F32, "y")
    function = Function("main", [x, y])
    concat = tensor.Concat((x, y, x), 0)
    add = math.Add(x, y)
    function.ops.append(concat)
    function.ops.append(add)
    function.set_outputs([x, y, x], ["a", "b", "c"])
    x.replace_all_uses_with(y)
    assert concat.xs == (y, y, y) and add.operands == (y, y) and function.outputs == (y, y, y)
    assert not x.is_used
    assert y.uses == {concat: 3, add: 2, function.ret: 3}
    verify(Module([function]))
    y.replace_all_uses_with(y)
    assert y.uses == {concat: 3, add: 2, function.ret: 3}


def test_replace_all_uses_of_an_optional_operand() -> None:
    x, value = Value(F32, "x"), Value(TensorType(DType.F32, ()), "value")
    other = Value(TensorType(DType.F32, ()), "other")
    function = Function("main", [x, value, other])
    pad = tensor.Pad(x, value, (0, 0), (0, 0))
    function.ops.append(pad)
    value.replace_all_uses_with(other)
    assert pad.value is other and not value.is_used
    verify(Module([function]))


def test_set_outputs_moves_the_uses() -> None:
    function, ops = chain(2)
    function.set_outputs([ops[0].result], ["a"])
    first = function.ret
    function.set_outputs([ops[1].result], ["b"])
    assert not ops[0].has_uses and ops[1].has_uses
    assert first.function is None
    with pytest.raises(ValueError, match="1 outputs need as many names, not 2"):
        function.set_outputs([ops[1].result], ["a", "b"])


def test_fields_are_immutable() -> None:
    relu = nn.Relu(Value(F32, "x"))
    add = math.Add(Value(F32, "x"), Value(F32, "y"))
    with pytest.raises(AttributeError, match=r"nn.relu is immutable: use replace\(op, x=…\)"):
        relu.x = Value(F32, "y")  # type: ignore[misc]
    with pytest.raises(AttributeError, match="immutable"):
        add.activation = Activation.RELU  # type: ignore[misc]
    relu.location = ("node",)
    assert relu.location == ("node",)


def test_replace_makes_another_op() -> None:
    add = math.Add(Value(F32, "x"), Value(F32, "y"))
    add.location = ("node",)
    changed = replace(add, activation=Activation.RELU)
    assert (add.activation, changed.activation) == (Activation.NONE, Activation.RELU)
    assert changed.operands == add.operands and changed.location == ("node",) and changed.function is None
    with pytest.raises(TypeError):
        replace(add, alpha=1)


def test_what_cannot_be_linked() -> None:
    function, (op,) = chain(1)
    other, (foreign,) = chain(1)
    with pytest.raises(ValueError, match="stands in a function already"):
        function.ops.append(op)
    for edit in (function.ops.insert_before, function.ops.insert_after):
        with pytest.raises(ValueError, match="does not stand in @main"):
            edit(foreign, nn.Relu(function.inputs[0]))
        with pytest.raises(ValueError, match="does not stand in @main"):
            edit(function.ret, nn.Relu(function.inputs[0]))
    with pytest.raises(ValueError, match="does not stand in"):
        function.ops.unlink(foreign)
    function.set_outputs([op.result], ["y"])
    with pytest.raises(ValueError, match="a result is still used"):
        op.erase()
    other.ops.unlink(foreign)
    with pytest.raises(ValueError, match="it stands in no function"):
        foreign.erase()


def test_links_in_both_directions() -> None:
    function, (a, b) = chain(2)
    c, d, e = (nn.Relu(function.inputs[0]) for _ in range(3))
    function.ops.insert_before(a, c)
    function.ops.insert_after(b, d)
    function.ops.prepend(e)
    assert list(function.ops) == [e, c, a, b, d] == list(reversed(function.ops))[::-1]
    assert len(function.ops) == 5


def test_erasing_the_given_op_and_those_around_it_while_iterating() -> None:
    function, ops = chain(6)
    seen = []
    for op in function.ops:
        seen.append(op)
        if op is ops[2]:
            for erased in (ops[2], ops[1], ops[3]):
                erased.erase()
    assert seen == [ops[0], ops[1], ops[2], ops[4], ops[5]]
    assert list(function.ops) == [ops[0], ops[4], ops[5]]


def test_what_is_inserted_where_an_erased_op_stood_is_visited() -> None:
    function, ops = chain(3)
    new = nn.Relu(function.inputs[0])
    seen = []
    for op in function.ops:
        seen.append(op)
        if op is ops[0]:
            ops[0].erase()
            ops[1].erase()
            function.ops.insert_before(ops[2], new)
    assert seen == [ops[0], new, ops[2]]


def test_an_abandoned_iteration_leaves_nothing_behind() -> None:
    function, _ = chain(3)
    for _ in function.ops:
        break
    next(iter(function.ops))
    assert function.ops._cursors == []


@given(st.data())
def test_iteration_sees_what_stands_behind_it(data: st.DataObject) -> None:
    """Against a model: a Python list and the position of the op that was given last."""
    function, ops = chain(data.draw(st.integers(1, 5)))
    model: list[Op] = list(ops)
    forward = data.draw(st.booleans())
    position = -1 if forward else len(model)
    iteration = iter(function.ops) if forward else reversed(function.ops)
    budget = 10
    for op in iteration:
        position += 1 if forward else -1
        assert op is model[position]
        while model and budget and data.draw(st.booleans()):
            budget -= 1
            at = data.draw(st.integers(0, len(model) - 1))
            if data.draw(st.booleans()):
                model[at].erase()
                del model[at]
                # Behind the place stays behind it: the place moves up with what stands before it.
                position -= at <= position if forward else at < position
            else:
                new = nn.Relu(function.inputs[0])
                function.ops.insert_before(model[at], new)
                model.insert(at, new)
                position += at <= position
        if not model:
            break
    assert list(function.ops) == model == list(reversed(function.ops))[::-1]
    assert function.inputs[0].uses == dict.fromkeys(model, 1)


def test_moving_an_op_while_iterating() -> None:
    function, ops = chain(3)
    seen = []
    for op in function.ops:
        seen.append(op)
        if op is ops[0] and len(seen) == 1:
            function.ops.unlink(op)
            function.ops.append(op)
    assert seen == [ops[0], ops[1], ops[2], ops[0]]


def test_modules() -> None:
    function, ops = chain(1)
    function.set_outputs([ops[0].result], ["y"])
    module = Module([function])
    assert module.main is function and list(function.values()) == [function.inputs[0], ops[0].result]
    assert str(module).startswith("func @main(%x: f32[2, 3]) -> (%y: f32[2, 3]) {")
    with pytest.raises(ValueError, match="two functions have the same name"):
        Module([function, Function("main")])


def module_of(array_value: float, low: float = 0.0, name: str = "c", location: tuple[str, ...] = ()) -> Module:
    function = Function("main", [Value(F32, "x")])
    constant = tensor.Constant(Weight(np.full((2, 3), array_value, np.float32)))
    constant.result.name = name
    clamp = math.Clamp(function.inputs[0], low, 1.0)
    clamp.location = location
    add = math.Add(clamp.result, constant.result)
    for op in (constant, clamp, add):
        function.ops.append(op)
    function.set_outputs([add.result], ["y"])
    return Module([function])


def test_equality_is_that_of_the_text_and_the_weights() -> None:
    nan = float("nan")
    assert module_of(1.0) == module_of(1.0) and module_of(nan, nan) == module_of(nan, nan)
    for other in (module_of(2.0), module_of(1.0, -0.0), module_of(1.0, name="d"), module_of(1.0, location=("n",))):
        assert module_of(1.0) != other
    assert module_of(1.0) != Module() and module_of(1.0) != 1


def test_invalid_functions_can_be_compared_and_printed() -> None:
    first, second = module_of(1.0), module_of(1.0)
    stray = Value(F32, "stray")
    for module in (first, second):
        module.main.set_outputs([stray], ["y"])
    assert first != second
    assert "return %stray" in str(first)
