"""Ops with symbolic shapes get run-time operands that hold the right numbers."""

import numpy as np
import pytest

from glmir.interpreter import run
from glmir.ops import math, tensor
from glmir.parser import parse_module
from glmir.passes.lowering.materialize_shapes import materialize_shapes
from glmir.verifier import verify

DIMS = [
    "n", "2*n + 3", "n*m", "n//2 + m//3", "n % 3 + 1", "max(n, m)", "min(n, 4)", "max(n - m, 1)", "n*(m//2) + 1",
    "(n - 7)//2 + 5", "n*m//2 + 1",
]  # fmt: skip


@pytest.mark.parametrize("dim", DIMS)
def test_dim(dim: str) -> None:
    module = parse_module(f"""
        func @main(%x: f32[n, 4*m + 1], %z: f32[m], %row: f32[1, 3]) -> (%y: f32[{dim}, 3]) {{
          %y = tensor.expand(%row, none) {{shape = [{dim}, 3]}} : f32[{dim}, 3]
          return %y
        }}""")
    assert materialize_shapes(module)
    verify(module)
    expand = module.main.outputs[0].owner
    assert isinstance(expand, tensor.Expand) and expand.dims is not None
    module.main.set_outputs([expand.dims, *module.main.outputs], ["dims", "y"])
    for n, m in ((1, 1), (5, 2), (3, 8), (6, 6)):
        sizes = {"x": np.zeros((n, 4 * m + 1), np.float32), "z": np.zeros(m, np.float32)}
        found = run(module, {**sizes, "row": np.zeros((1, 3), np.float32)})
        assert found["dims"].tolist() == list(found["y"].shape)


def test_only_what_is_needed() -> None:
    module = parse_module("""
        func @main(%x: f32[n, 4]) -> (%a: f32[n, 2, 2], %b: f32[n, 3]) {
          %a = tensor.reshape(%x, none) {shape = [n, 2, 2]} : f32[n, 2, 2]
          %b = tensor.slice(%x) {starts = [0, 1], sizes = [n, 3], strides = [1, 1]} : f32[n, 3]
          return %a, %b
        }""")
    assert not materialize_shapes(module)


def test_top_k() -> None:
    module = parse_module("""
        func @main(%x: f32[3, n]) -> (%v: f32[3, n//2], %i: i64[3, n//2]) {
          %v, %i = math.top_k(%x, none) {k = n//2, axis = 1} : f32[3, n//2], i64[3, n//2]
          return %v, %i
        }""")
    assert materialize_shapes(module)
    top = module.main.outputs[0].owner
    assert isinstance(top, math.TopK) and top.count is not None
