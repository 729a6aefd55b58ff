"""MatMul, Gemm and Einsum."""

from typing import Any

import numpy as np
import pytest

from glmir.frontends.onnx.importer import import_model
from glmir.ops import nn, tensor
from tests.glmir.frontends.onnx.harness import (
    NEWEST,
    Array,
    OneNode,
    Oracle,
    check,
    floats,
    integers,
    op_names,
    reasons_of,
)

MATMULS = [
    ((3, 4), (4, 5)),
    ((4,), (4, 5)),
    ((3, 4), (4,)),
    ((4,), (4,)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 5)),
    ((2, 1, 3, 4), (6, 4, 5)),
    ((3, 4), (2, 4, 5)),
]


@pytest.mark.parametrize(("x", "y"), MATMULS)
@pytest.mark.parametrize("constants", [(), (1,)])
@pytest.mark.parametrize("opset", [7, 9, NEWEST])
def test_mat_mul(x: tuple[int, ...], y: tuple[int, ...], constants: tuple[int, ...], opset: int) -> None:
    check("MatMul", floats(*x), floats(*y, seed=1), constants=constants, opset=opset, tolerance="f32-sums")


def test_mat_mul_of_symbolic_shapes_and_integers() -> None:
    dims = {0: ("b", "m", "k"), 1: ("b", "k", "n")}
    check("MatMul", floats(2, 3, 4), floats(2, 4, 5, seed=1), dims=dims, tolerance="f32-sums")
    check("MatMul", integers(3, 4, dtype=np.int32), integers(4, 5, dtype=np.int32))


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize("bias", [None, (), (1,), (5,), (1, 5), (3, 1), (3, 5)])
@pytest.mark.parametrize("constants", [(), (1,), (1, 2)])
@pytest.mark.parametrize("factors", [{}, {"alpha": 0.5, "beta": 2.0}])
def test_gemm(trans_a: int, trans_b: int, bias: Any, constants: tuple[int, ...], factors: dict[str, float]) -> None:
    a = floats(4, 3) if trans_a else floats(3, 4)
    b = floats(5, 4, seed=1) if trans_b else floats(4, 5, seed=1)
    inputs: list[Array] = [a, b, *([] if bias is None else [floats(*bias, seed=2)])]
    given = [i for i in constants if i < len(inputs)]
    check("Gemm", *inputs, constants=given, tolerance="f32-sums", transA=trans_a, transB=trans_b, **factors)


@pytest.mark.parametrize("opset", [7, 9, 11, 13])
def test_gemm_with_constant_weight_is_linear(opset: int) -> None:
    inputs = floats(3, 40), floats(40, 50, seed=1), floats(1, 50, seed=2)
    module = check("Gemm", *inputs, opset=opset, dims={0: ("n", 40)}, constants=[1, 2], tolerance="f32-sums")
    assert op_names(module) == ["nn.linear"]


def test_transposed_weights_are_views() -> None:
    node = OneNode("Gemm", [floats(3, 40), floats(40, 50, seed=1)], constants=[1])
    module = import_model(node.model.SerializeToString())
    (linear,) = [op for op in module.main.ops if isinstance(op, nn.Linear)]
    assert isinstance(linear.weight.owner, tensor.Constant)
    array = linear.weight.owner.value.array
    assert not array.flags.owndata and array.strides == (4, 200)


EINSUMS: list[tuple[str, list[tuple[int, ...]]]] = [
    ("ij,jk->ik", [(3, 4), (4, 5)]),
    ("ij,jk", [(3, 4), (4, 5)]),
    ("ij,kj->ik", [(3, 4), (5, 4)]),
    ("bhid,bhjd->bhij", [(2, 3, 4, 5), (2, 3, 6, 5)]),
    ("bhij,bhjd->bhid", [(2, 3, 4, 6), (2, 3, 6, 5)]),
    ("bihd,bjhd->bhij", [(2, 4, 3, 5), (2, 6, 3, 5)]),
    ("bnd,dhk->bnhk", [(2, 3, 8), (8, 2, 4)]),
    ("bnhk,hkd->bnd", [(2, 3, 2, 4), (2, 4, 8)]),
    ("ij->ji", [(3, 4)]),
    ("ij->i", [(3, 4)]),
    ("ij->", [(3, 4)]),
    ("ji", [(3, 4)]),
    ("ii->i", [(4, 4)]),
    ("ii", [(4, 4)]),
    ("bii->bi", [(2, 4, 4)]),
    ("iij,j->i", [(4, 4, 3), (3,)]),
    ("i,j->ij", [(3,), (4,)]),
    ("i,i->", [(3,), (3,)]),
    ("i,i->i", [(3,), (3,)]),
    ("ij,ij->ij", [(3, 4), (3, 4)]),
    ("ijk,k->ij", [(2, 3, 4), (4,)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
    ("a,b,c->abc", [(2,), (3,), (4,)]),
    ("ab,bc,ca->", [(2, 3), (3, 4), (4, 2)]),
    ("...ij,...jk->...ik", [(2, 3, 4), (2, 4, 5)]),
    ("...ij,...jk->...ik", [(6, 1, 3, 4), (2, 4, 5)]),
    ("...ij,jk->...ik", [(6, 2, 3, 4), (4, 5)]),
    ("...i->...", [(2, 3, 4)]),
    ("i...->...i", [(2, 3, 4)]),
    ("...ij,...j", [(2, 3, 4), (2, 4)]),
    ("...,...->...", [(2, 1), (3,)]),
    (" b i j , b j k -> b i k ", [(2, 3, 4), (2, 4, 5)]),
    ("Ab,bc->Ac", [(2, 3), (3, 4)]),
]


@pytest.mark.parametrize(("equation", "shapes"), EINSUMS)
def test_einsum(equation: str, shapes: list[tuple[int, ...]]) -> None:
    inputs = [floats(*shape, seed=i) for i, shape in enumerate(shapes)]
    # onnxruntime refuses ellipses that stand for different shapes.
    oracle: Oracle = "onnx" if (6, 1, 3, 4) in shapes or (2, 1) in shapes else "onnxruntime"
    check("Einsum", *inputs, equation=equation, tolerance="f32-sums", oracle=oracle)


def test_einsum_of_symbolic_shapes_needs_no_transposition() -> None:
    inputs = floats(2, 3, 4, 5), floats(2, 3, 6, 5)
    dims = {0: ("b", 3, "i", 5), 1: ("b", 3, "j", 5)}
    module = check("Einsum", *inputs, dims=dims, equation="bhid,bhjd->bhij", tolerance="f32-sums")
    assert op_names(module) == ["math.mat_mul"]


@pytest.mark.parametrize("dims", [("n", "n", 2), ("n", "m", 2), (3, "m", 2), ("n", 3, 2)])
def test_einsum_takes_diagonals_of_symbolic_sizes(dims: tuple[str | int, ...]) -> None:
    check("Einsum", floats(3, 3, 2), dims={0: dims}, equation="iib->bi", tolerance="exact")


@pytest.mark.parametrize(
    ("equation", "shapes", "reason"),
    [
        ("ii->i", [(3, 4)], "the diagonal of f32[3, 4] is not defined: its sizes differ"),
        ("ij,jk->ik", [(3, 4)], "the equation 'ij,jk->ik' is for 2 operands, not 1"),
        ("ij->i", [(3,)], "the equation 'ij->i' does not fit an operand of rank 1"),
        ("i->i", [(3, 4)], "the equation 'i->i' does not fit an operand of rank 2"),
        ("i!->i", [(3, 4)], "the equation 'i!->i' is malformed"),
        ("i->k", [(3,)], "the output of the equation 'i->k' does not follow from its operands"),
        ("i->ii", [(3,)], "the output of the equation 'i->ii' does not follow from its operands"),
        ("...i->i", [(3, 4)], "the output of the equation '...i->i' does not follow from its operands"),
    ],
)
def test_einsum_refusals(equation: str, shapes: list[tuple[int, ...]], reason: str) -> None:
    node = OneNode("Einsum", [floats(*shape) for shape in shapes], {"equation": equation})
    assert reasons_of(node) == [f"node node (Einsum): {reason}"]


def test_shapes_that_contradict_each_other() -> None:
    (reason,) = reasons_of(OneNode("MatMul", [floats(3, 4), floats(5, 6)]))
    assert reason.startswith("node node (MatMul): math.mat_mul requires that the columns of x are as many")
    (reason,) = reasons_of(OneNode("Gemm", [floats(3, 4, 1), floats(5, 6)]))
    assert reason == "node node (Gemm): the operands are no matrices: f32[3, 4, 1], f32[5, 6]"
