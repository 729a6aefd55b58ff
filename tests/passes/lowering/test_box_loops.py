"""Non-maximum suppression as a loop chooses the boxes that the op chooses."""

import numpy as np
import pytest

from glmir.interpreter import run
from glmir.ir import Op
from glmir.ops import nn
from glmir.parser import parse_module
from glmir.passes.lowering.box_loops import loops_of_box_choices
from glmir.verifier import verify

TEXT = """
func @main(%boxes: {boxes}, %scores: {scores}, %limit: i64[], %overlap: {dtype}[], %least: {dtype}[])
    -> (%y: i64[u0, 3]) {{
  %y = nn.non_max_suppression(%boxes, %scores, {limit}, %overlap, {least})
      {{count = u0, is_centered = {centered}}} : i64[u0, 3]
  return %y
}}
"""


def is_never_legal(op: Op) -> bool:
    return False


@pytest.mark.parametrize("dtype", ["f16", "f32", "f64"])
@pytest.mark.parametrize("sizes", [("1", "9", "2"), ("b", "2*n + 1", "2")])
@pytest.mark.parametrize(("limit", "least"), [("%limit", "none"), ("none", "%least"), ("%limit", "%least")])
@pytest.mark.parametrize("centered", ["true", "false"])
def test_choice(dtype: str, sizes: tuple[str, str, str], limit: str, least: str, centered: str) -> None:
    batch, count, classes = sizes
    types = {"boxes": f"{dtype}[{batch}, {count}, 4]", "scores": f"{dtype}[{batch}, {classes}, {count}]"}
    module = parse_module(TEXT.format(**types, dtype=dtype, limit=limit, least=least, centered=centered), {})
    random = np.random.default_rng(0)
    numpy = module.main.inputs[0].type.dtype.numpy
    batches = 1 if batch == "1" else 3
    inputs = {
        "boxes": random.uniform(0.2, 1, (batches, 9, 4)).astype(numpy),
        "scores": random.integers(0, 6, (batches, 2, 9)).astype(numpy),
        "limit": np.array(3),
        "overlap": np.array(0.25, numpy),
        "least": np.array(1, numpy),
    }
    expected = run(module, inputs)
    assert loops_of_box_choices(module, is_never_legal)
    verify(module)
    assert not any(isinstance(op, nn.NonMaxSuppression) for f in module.functions.values() for op in f.ops)
    np.testing.assert_array_equal(run(module, inputs)["y"], expected["y"])
    assert len(expected["y"]) >= 2
