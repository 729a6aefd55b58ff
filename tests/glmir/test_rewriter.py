"""The rewriter: worklist, fixpoint, fuel, names and locations, dead code, what rules may return, effects."""

import numpy as np
import pytest

from glmir.interpreter import run
from glmir.ir import Function, Module, Op, Value
from glmir.opdef import op, replace
from glmir.ops import math, nn, tensor
from glmir.ops.enums import Activation
from glmir.parser import parse_module
from glmir.printer import print_module
from glmir.rewriter import FixpointError, RewriteError, RewriteSession, RuleSet, apply_rules, rewrite_session
from glmir.types import DType, TensorType
from glmir.verifier import verify
from glmir.weights import Weight

F32 = TensorType(DType.F32, (4,))
RULES = RuleSet()


@RULES.on(math.Neg)
def double_negation(neg: math.Neg) -> Value | None:
    """-(-x) -> x"""
    inner = neg.x.owner
    return inner.x if isinstance(inner, math.Neg) else None


@RULES.on(math.Sub)
def subtraction(sub: math.Sub) -> Op:
    """x - y -> x + (-y)"""
    return math.Add(sub.x, math.Neg(sub.y).result)


@RULES.on(nn.Relu)
def relu_into_add(relu: nn.Relu) -> Op | None:
    """relu(x + y) -> add(x, y, activation=relu)"""
    match relu:
        case nn.Relu(x=Value(owner=math.Add(activation=Activation.NONE) as add, has_one_use=True)):
            return replace(add, activation=Activation.RELU)
    return None


TEXT = """func @main(%x: f32[4], %y: f32[4]) -> (%out: f32[4], %d: f32[4]) {
  %a = math.neg(%y) : f32[4] loc("a")
  %b = math.sub(%x, %a) : f32[4] loc("b")
  %c = nn.relu(%b) : f32[4] loc("c")
  %d = math.neg(%a) : f32[4] loc("d")
  return %c, %d
}
"""


def module() -> Module:
    return parse_module(TEXT)


def build(*ops: Op, inputs: list[Value], outputs: list[Value]) -> Module:
    function = Function("main", inputs)
    for each in ops:
        function.ops.append(each)
    function.set_outputs(outputs, [f"y{i}" for i in range(len(outputs))])
    return Module([function])


def test_rules_run_to_a_fixpoint_and_hand_names_and_locations_on() -> None:
    changed = module()
    assert apply_rules(changed, RULES)
    verify(changed)
    expected = """func @main(%x: f32[4], %y: f32[4]) -> (%out: f32[4], %d: f32[4]) {
  %c = math.add(%x, %y) {activation = relu} : f32[4] loc("b", "c")
  return %c, %y
}
"""
    assert print_module(changed) == expected
    assert not apply_rules(changed, RULES)


def test_the_last_user_of_a_value_is_visited_again() -> None:
    x, y = Value(F32, "x"), Value(F32, "y")
    total = math.Add(x, y)
    relu, absolute = nn.Relu(total.result), math.Abs(total.result)
    changed = build(total, relu, absolute, inputs=[x, y], outputs=[relu.result, absolute.result])
    rules = RuleSet(RULES)

    @rules.on(math.Abs)
    def something_else(op: math.Abs) -> Value:
        """|z| -> x"""
        return x

    assert apply_rules(changed, rules)
    assert [type(op) for op in changed.main.ops] == [math.Add]


def test_fuel_stops_after_exactly_so_many_rewrites_each_of_them_valid() -> None:
    inputs = {"x": np.array([1, -2, 3, 4], np.float32), "y": np.array([-5, 1, 2, 3], np.float32)}
    expected = run(module(), inputs)
    session = RewriteSession()
    with rewrite_session(session):
        apply_rules(module(), RULES)
    total = session.fired.total()
    assert total >= 4
    texts = []
    for fuel in range(total + 2):
        limited = module()
        session = RewriteSession(fuel)
        with rewrite_session(session):
            changed = apply_rules(limited, RULES)
        assert session.fired.total() == min(fuel, total) and session.fuel == max(fuel - total, 0)
        assert changed == (fuel > 0)
        verify(limited)
        for name, array in run(limited, inputs).items():
            np.testing.assert_array_equal(array, expected[name])
        texts.append(print_module(limited))
    assert len(set(texts)) == total + 1


def test_fuel_is_shared_by_all_rule_sets_of_a_session() -> None:
    with rewrite_session(RewriteSession(1)) as session:
        assert apply_rules(module(), RULES)
        assert not apply_rules(module(), RULES)
    assert session.fuel == 0


def test_disabled_rules_do_not_fire() -> None:
    changed = module()
    with rewrite_session(RewriteSession(disabled=frozenset(["relu_into_add"]))) as session:
        apply_rules(changed, RULES)
    assert "relu_into_add" not in session.fired and session.fired["subtraction"] == 1
    assert any(isinstance(o, nn.Relu) for o in changed.main.ops)
    assert session.known == {"double_negation", "subtraction", "relu_into_add"}


def test_rules_without_end_are_named() -> None:
    rules = RuleSet()

    @rules.on(nn.Sigmoid)
    def there(sigmoid: nn.Sigmoid) -> Op:
        """sigmoid -> tanh"""
        return math.Tanh(sigmoid.x)

    @rules.on(math.Tanh)
    def back(tanh: math.Tanh) -> Op:
        """tanh -> sigmoid"""
        return nn.Sigmoid(tanh.x)

    x = Value(F32, "x")
    sigmoid = nn.Sigmoid(x)
    with pytest.raises(FixpointError, match=r"no end after \d+ rewrites of @main, the last by \w+, \w+$"):
        apply_rules(build(sigmoid, inputs=[x], outputs=[sigmoid.result]), rules)


def test_several_results_and_partly_kept_ones() -> None:
    rules = RuleSet()

    @rules.on(tensor.Split)
    def first_part(split: tensor.Split) -> tuple[Value, ...] | None:
        """the first of several parts -> a slice"""
        if not split.results[0].is_used:
            return None
        size = split.sizes[0]
        return tensor.Slice(split.x, (0,), (size,), (1,)).result, *split.results[1:]

    x = Value(F32, "x")
    split = tensor.Split(x, 0, (1, 3))
    split.results[0].name = "part"
    changed = build(split, inputs=[x], outputs=list(split.results))
    assert apply_rules(changed, rules)
    verify(changed)
    kinds = [type(o) for o in changed.main.ops]
    assert sorted(kind.__name__ for kind in kinds) == ["Slice", "Split"]
    assert changed.main.outputs[0].name == "part" and changed.main.outputs[1] is split.results[1]


def test_a_tree_of_new_ops_goes_in_operands_first() -> None:
    rules = RuleSet()

    @rules.on(nn.Silu)
    def spell_out(silu: nn.Silu) -> Value:
        """silu(x) -> x * sigmoid(x), all of it twice"""
        gate = nn.Sigmoid(silu.x)
        product = math.Mul(silu.x, gate.result)
        return math.Add(product.result, math.Mul(product.result, gate.result).result).result

    x = Value(F32, "x")
    silu = nn.Silu(x)
    silu.location = ("node",)
    silu.result.name = "s"
    changed = build(silu, inputs=[x], outputs=[silu.result])
    assert apply_rules(changed, rules)
    verify(changed)
    assert [type(o).__name__ for o in changed.main.ops] == ["Sigmoid", "Mul", "Mul", "Add"]
    assert all(o.location == ("node",) for o in changed.main.ops)
    assert changed.main.outputs[0].name == "s"


def test_an_existing_value_keeps_its_name_and_locations_of_constants_stay_out() -> None:
    rules = RuleSet()

    @rules.on(math.Add)
    def add_zero(add: math.Add) -> Value | None:
        """x + 0 -> x"""
        return add.x if isinstance(add.y.owner, tensor.Constant) and not add.y.owner.value.array.any() else None

    x = Value(F32, "x")
    zero = tensor.Constant(Weight(np.zeros(4, np.float32)))
    zero.location = ("weights",)
    relu = nn.Relu(x)
    relu.result.name = "kept"
    add = math.Add(relu.result, zero.result)
    add.result.name = "gone"
    changed = build(zero, relu, add, inputs=[x], outputs=[add.result])
    assert apply_rules(changed, rules)
    assert list(changed.main.ops) == [relu] and changed.main.outputs == (relu.result,)
    assert relu.result.name == "kept" and relu.location == ()


def test_the_rules_of_a_set_can_be_limited_to_some_ops() -> None:
    limited = RuleSet(RULES, only=lambda o: any(r.name == "b" for r in o.results))
    changed = module()
    assert apply_rules(changed, limited)
    assert sorted(type(o).__name__ for o in changed.main.ops) == ["Add", "Neg", "Neg", "Neg", "Relu"]


def test_rules_on_all_ops_do_not_see_the_return() -> None:
    rules = RuleSet()
    seen = []

    @rules.on(Op)
    def look(op: Op) -> None:
        """nothing"""
        seen.append(op.definition.name)

    @rules.on(math.Sub)
    def turn(sub: math.Sub) -> Op:
        """x - y -> x + y"""
        return math.Add(sub.x, sub.y)

    apply_rules(module(), rules)
    assert "return" not in seen and "math.add" in seen


@op
class Remember(Op):
    """Keeps x"""

    has_effect = True
    x: Value

    def infer(self) -> tuple[TensorType, ...]:
        return ()


def test_ops_with_effects() -> None:
    rules = RuleSet()

    @rules.on(Remember)
    def remember_less(remember: Remember) -> Op | None:
        """remember(neg(x)) -> remember(x)"""
        return Remember(remember.x.owner.x) if isinstance(remember.x.owner, math.Neg) else None

    x = Value(F32, "x")
    neg = math.Neg(x)
    remember = Remember(neg.result)
    changed = build(neg, remember, inputs=[x], outputs=[x])
    assert apply_rules(changed, rules)
    verify(changed)
    (only,) = changed.main.ops
    assert isinstance(only, Remember) and only.x is x and only is not remember


def bad_rule(kind: str, relu: nn.Relu) -> Op | Value | tuple[Value, ...]:
    match kind:
        case "count":
            return relu.x, relu.x
        case "type":
            return tensor.Cast(relu.x, DType.F16)
        case "itself":
            return relu.result
        case _:
            return math.Neg(relu.result)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("count", r"bad replaced <%r = nn.relu> by 2 values"),
        ("type", r"bad replaced <Value %r: f32\[4\]> by a value of type f16\[4\]"),
        ("itself", r"bad replaced <%r = nn.relu> by itself"),
        ("loop", r"bad replaced <%r = nn.relu> by <%\? = math.neg>, which uses its result"),
    ],
)
def test_what_a_rule_may_not_return(kind: str, message: str) -> None:
    rules = RuleSet()

    @rules.on(nn.Relu)
    def bad(relu: nn.Relu) -> Op | Value | tuple[Value, ...]:
        """a mistake"""
        return bad_rule(kind, relu)

    x = Value(F32, "x")
    relu = nn.Relu(x)
    relu.result.name = "r"
    with pytest.raises(RewriteError, match=message):
        apply_rules(build(relu, inputs=[x], outputs=[relu.result]), rules)


def test_rules_need_a_docstring() -> None:
    with pytest.raises(TypeError, match="rule silent needs a docstring"):

        @RuleSet().on(nn.Relu)
        def silent(relu: nn.Relu) -> None:
            return None
