"""Shared lowering rules that no legalisation needs yet, so that no golden file shows them: what they compute."""

from collections.abc import Callable

import numpy as np
import pytest

from glmir.interpreter import run
from glmir.ir import Op, Value
from glmir.ops import math, nn
from glmir.ops.enums import GeluForm
from glmir.passes.lowering import activations, elementwise
from glmir.rewriter import RewriteSession, RuleSet, apply_rules, rewrite_session
from glmir.types import DType, TensorType
from glmir.verifier import verify
from tests.backends.building import module_of
from tests.tolerances import assert_close


@pytest.mark.parametrize(
    ("rule", "make"),
    [
        ("leaky_relu_as_select", lambda x: nn.LeakyRelu(x, 0.25)),
        ("hard_swish_as_product", lambda x: nn.HardSwish(x)),
        ("gelu_as_product", lambda x: nn.Gelu(x, GeluForm.ERF)),
        ("gelu_as_product", lambda x: nn.Gelu(x, GeluForm.TANH)),
        ("neg_as_difference", lambda x: math.Neg(x)),
    ],
)
def test_the_rule_computes_the_same(rule: str, make: Callable[[Value], Op]) -> None:
    module, session = module_of(make(Value(TensorType(DType.F32, (4, 5)), "x"))), RewriteSession()
    inputs = {"x": np.linspace(-4, 4, 20, dtype=np.float32).reshape(4, 5)}
    expected = run(module, inputs)
    only = RuleSet()
    only.rules += [r for r in (*activations.RULES.rules, *elementwise.RULES.rules) if r.name == rule]
    with rewrite_session(session):
        assert apply_rules(module, only)
    verify(module)
    assert session.fired == {rule: 1}
    assert_close(run(module, inputs)["y0"], expected["y0"], "f32")
