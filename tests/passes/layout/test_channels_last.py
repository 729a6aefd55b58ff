"""channels_last.py: each op that has a channels-last form computes the same in it, and the others are known."""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from glmir.interpreter import run
from glmir.ir import Module, Op, Value
from glmir.opdef import ConstraintError
from glmir.ops import DEFINITIONS, control, math, nn, quant, tensor
from glmir.passes.layout import assign_layouts as the_pass
from glmir.passes.layout.channels_last import _FORMS, Form, channels_last_form
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
    nn.LayerNorm,
    nn.Linear,
    nn.Lstm,
    nn.RmsNorm,
    nn.Rnn,
    quant.Convert,
    quant.Densify,
    quant.Depalettize,
    tensor.Constant,
    tensor.Dims,
    tensor.DynamicSlice,
    tensor.DynamicUpdateSlice,
    tensor.GatherElements,
    tensor.GatherNd,
    tensor.NonZero,
    tensor.OneHot,
    tensor.Range,
    tensor.ScatterElements,
    tensor.ScatterNd,
    tensor.Shape,
    tensor.Transpose,
    tensor.Trilu,
}
"""Ops that stay as they are, with transposes around them where convolutions surround them."""

WITH_FORM = [d.cls for d in DEFINITIONS.values() if issubclass(d.cls, tuple(_FORMS))]
SHAPES = ((2, 4, 2, 6), (2, 4, 1, 3), (2, 3, 3))
SEEDS, CASES = 400, 5
"""How many ops of an entry are drawn at most, and how many that have a form are enough."""


def drawn(entry: type[Op]) -> Iterator[tuple[Builder, Op, Form]]:
    """Functions of one random op (and its constants) that has a channels-last form, of the class or family."""
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
        form = channels_last_form(op)
        if form is not None and builder.insert(op):
            yield builder, op, form


@pytest.mark.parametrize("entry", _FORMS, ids=lambda cls: cls.__name__)
def test_the_form_computes_the_same(entry: type[Op]) -> None:
    cases = 0
    for builder, op, form in drawn(entry):
        function = builder.function
        function.set_outputs(op.results, [f"y{i}" for i in range(len(op.results))])
        module = Module([function])
        inputs = {v.name: builder.arrays[v] for v in function.inputs}
        expected = run(module, inputs)
        the_pass._Rewrite(function, {op: form}).run()
        verify(module)
        assert any(isinstance(o, tensor.Transpose) for o in function.ops) or isinstance(op, math.MatMul)
        for name, array in run(module, inputs).items():
            assert_close(np.asarray(array), expected[name], "f32-sums" if array.dtype.kind == "f" else "exact", name)
        cases += 1
        if cases == CASES:
            return
    assert cases, f"no random {entry.__name__} has a channels-last form: give it a strategy in tests/random_ops.py"


def test_every_other_op_is_known_to_have_none() -> None:
    others = {d.cls for d in DEFINITIONS.values()} - set(WITH_FORM)
    assert others == WITHOUT_FORM, "give the op an entry in passes/layout/channels_last.py, or name it above"
