"""infer-types where types contradict each other: one sentence for each op, with the source node's name."""

import pytest

from glmir.errors import CompileError
from glmir.ir import Function, Module, Value
from glmir.ops import math
from glmir.passes.canonicalization.infer_types import infer_types
from glmir.types import DType, TensorType


def test_every_contradiction_is_reported_with_its_node() -> None:
    x, y = (Value(TensorType(DType.F32, (3,)), name) for name in "xy")
    first, second = math.Add(x, y), math.Exp(x)
    first.location, second.location = ("conv1",), ("exp1",)
    function = Function("main", [x, y])
    for op in (first, second):
        function.ops.append(op)
    function.set_outputs([first.result, second.result], ["a", "b"])
    x.type = TensorType(DType.F32, (4,))
    with pytest.raises(CompileError) as caught:
        infer_types(Module([function]))
    assert len(caught.value.reasons) == 2
    assert "node conv1" in caught.value.reasons[0] and "f32[4]" in caught.value.reasons[0]
    assert "node exp1" in caught.value.reasons[1]
