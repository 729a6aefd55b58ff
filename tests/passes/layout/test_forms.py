"""forms.py: each op that has a form in another order computes the same in it, and the others are known."""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from glmir.interpreter import run
from glmir.ir import Module, Op, Value
from glmir.opdef import ConstraintError
from glmir.ops import DEFINITIONS, control, math, nn, quant, tensor
from glmir.parser import parse_module
from glmir.passes.layout.borders import Borders
from glmir.passes.layout.channels_last import CHANNELS_LAST, Order
from glmir.passes.layout.forms import _FORMS, Form, form_in
from glmir.passes.layout.reordering import reorder
from glmir.types import DType, TensorType
from glmir.verifier import verify
from tests.random_graphs import Builder
from tests.random_ops import UnfitError, operation
from tests.tolerances import assert_close

WITHOUT_FORM = {
    control.If,
    control.While,
    nn.Attention,
    nn.Gru,
    nn.Lstm,
    nn.NonMaxSuppression,
    nn.Rnn,
    nn.RotaryEmbedding,
    quant.Convert,
    quant.Densify,
    quant.Depalettize,
    quant.DynamicQuantize,
    quant.IntegerConv,
    quant.IntegerMatMul,
    tensor.Constant,
    tensor.Dims,
    tensor.DynamicUpdateSlice,
    tensor.GatherNd,
    tensor.NonZero,
    tensor.OneHot,
    tensor.Range,
    tensor.ScatterNd,
    tensor.Transpose,
    tensor.Trilu,
}
"""Ops that stay as they are, with transposes around them where convolutions surround them."""

WITH_FORM = [d.cls for d in DEFINITIONS.values() if issubclass(d.cls, tuple(_FORMS))]
SHAPES = ((2, 4, 2, 6), (2, 4, 1, 3), (2, 3, 3))
SEEDS, CASES = 400, 5
"""How many ops of an entry are drawn at most, and how many that have a form are enough."""


def some_order(rng: random.Random, op: Op) -> Order:
    """Channels last, or any order of the rank that the op has."""
    rank = max(v.type.rank for v in (*op.operands, *op.results))
    return Order(tuple(rng.sample(range(rank), rank))) if rng.random() < 0.7 else CHANNELS_LAST


def drawn(entry: type[Op]) -> Iterator[tuple[Builder, Op, Order, Form]]:
    """Functions of one random op (and its constants) that has a form in some order, of the class or family."""
    members = [cls for cls in WITH_FORM if next(e for e in _FORMS if issubclass(cls, e)) is entry]
    for seed in range(SEEDS):
        builder = Builder(random.Random(seed))
        for dtype in (DType.F32, DType.I32, DType.BOOL):
            for shape in SHAPES:
                value = Value(TensorType(dtype, shape), f"x{len(builder.function.inputs)}")
                builder.function.inputs.append(value)
                builder.arrays[value] = builder.array(dtype, shape)
        try:
            op = operation(builder, builder.choose(members))
        except (UnfitError, ConstraintError):
            continue
        order = some_order(random.Random(seed), op)
        form = form_in(op, order)
        if form is not None and builder.insert(op):
            yield builder, op, order, form


@pytest.mark.parametrize("entry", [e for e in _FORMS if e is not tensor.DynamicSlice], ids=lambda cls: cls.__name__)
def test_the_form_computes_the_same(entry: type[Op]) -> None:
    cases = 0
    for builder, op, order, form in drawn(entry):
        function = builder.function
        function.set_outputs(op.results, [f"y{i}" for i in range(len(op.results))])
        module = Module([function])
        inputs = {v.name: builder.arrays[v] for v in function.inputs}
        expected = run(module, inputs)
        reorder(module, order, {op: form}, Borders(module, order), lambda place: False)
        verify(module)
        assert any(isinstance(o, tensor.Transpose) for o in function.ops) or isinstance(op, math.MatMul)
        for name, array in run(module, inputs).items():
            assert_close(np.asarray(array), expected[name], "f32-sums" if array.dtype.kind == "f" else "exact", name)
        cases += 1
        if cases == CASES:
            return
    assert cases, f"no random {entry.__name__} has a channels-last form: give it a strategy in tests/random_ops.py"


def test_a_slice_with_bounds_known_at_run_time() -> None:
    module = parse_module("""func @main(%x: f32[2, 3, 4, 5], %s: i64[2], %e: i64[2]) -> (%y: f32[2, u, 4, v]) {
  %y = tensor.dynamic_slice(%x, %s, %e) {axes = [1, 3], strides = [1, 2], shape = [2, u, 4, v]} : f32[2, u, 4, v]
  return %y
}
""")
    bounds = {"s": np.array([1, 0]), "e": np.array([3, -1])}
    inputs = {"x": np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32), **bounds}
    expected = run(module, inputs)["y"]
    op = next(iter(module.main.ops))
    form = form_in(op, CHANNELS_LAST)
    assert form is not None
    reorder(module, CHANNELS_LAST, {op: form}, Borders(module, CHANNELS_LAST), lambda place: False)
    verify(module)
    np.testing.assert_array_equal(run(module, inputs)["y"], expected)


def test_every_other_op_is_known_to_have_none() -> None:
    others = {d.cls for d in DEFINITIONS.values()} - set(WITH_FORM)
    assert others == WITHOUT_FORM, "give the op an entry in passes/layout/forms.py, or name it above"
