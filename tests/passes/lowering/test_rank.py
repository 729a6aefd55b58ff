"""Tensors of many axes: no rule leaves more than the limit, and nothing else changes; symbolic dims included."""

from collections.abc import Callable

import numpy as np
import pytest

from glmir.backends.coreml.opsets import MAX_RANK
from glmir.dims import Dim, evaluate, parse_dim, product, symbol
from glmir.interpreter import run
from glmir.ir import Array, Module, Op, Value
from glmir.ops import math, nn, tensor
from glmir.ops.enums import PadMode
from glmir.passes.canonicalization.eliminate_dead_code import eliminate_dead_code
from glmir.passes.lowering import indexing
from glmir.passes.lowering.rank import rank_rules
from glmir.rewriter import RuleSet, apply_rules
from glmir.types import DType, TensorType
from glmir.verifier import verify
from glmir.weights import Weight
from tests.backends.building import module_of, sample
from tests.tolerances import assert_close

F32 = DType.F32
N: Dim = parse_dim("n")
SHAPE: tuple[Dim, ...] = (N, 3, 2, 2, 2, 3)
SIZES = ({"n": 2}, {"n": 3})


def constant(elements: object) -> Value:
    return tensor.Constant(Weight(np.asarray(elements))).result


def weight(*shape: int) -> Value:
    return constant(sample(F32, shape))


def long(*shape: Dim, dtype: DType = F32) -> Value:
    """A value of many axes, computed from an input of four."""
    flat: tuple[Dim, ...] = (shape[0], product(shape[1:]))
    return tensor.Reshape(Value(TensorType(dtype, flat)), None, shape).result


OPS: dict[str, Callable[[Value], Op]] = {
    "unary": lambda x: nn.Sigmoid(x),
    "clamp": lambda x: math.Clamp(x, -1.0, 1.0),
    "cast": lambda x: tensor.Cast(x, DType.I32),
    "broadcast": lambda x: math.Add(x, weight(3, 1, 2, 1, 3)),
    "broadcast every other axis": lambda x: math.Mul(x, weight(1, 3, 1, 2, 1, 3)),
    "broadcast both": lambda x: math.Sub(long(N, 1, 2, 1, 4, 1), long(1, 3, 1, 2, 1, 4)),
    "scalar": lambda x: math.Add(x, constant(np.float32(2))),
    "select": lambda x: math.Select(math.Greater(x, constant(np.float32(0))).result, x, weight(2, 1, 1)),
    "p_relu": lambda x: nn.PRelu(x, weight(3)),
    "expand": lambda x: tensor.Expand(long(1, 3, 1, 1, 2, 1), None, (4, 3, 4, 2, 2, 3)),
    "reshape": lambda x: tensor.Reshape(x, None, (3, N, 2, 2, 2, 3)),
    "transpose of windows": lambda x: tensor.Transpose(x, (0, 1, 3, 2, 4, 5)),
    "transpose backwards": lambda x: tensor.Transpose(x, (5, 4, 3, 2, 1, 0)),
    "transpose": lambda x: tensor.Transpose(x, (0, 3, 5, 1, 4, 2)),
    "split": lambda x: tensor.Split(x, 1, (1, 2)),
    "slice": lambda x: tensor.Slice(x, (0, 1, 0, 1, 0, 1), (N, 2, 2, 1, 2, 2), (1,) * 6),
    "slice all axes": lambda x: tensor.Slice(x, (1, 1, 1, 1, 1, 2), (N - 1, 2, 1, 1, 1, 2), (1, 1, 1, 1, 1, -1)),
    "dynamic slice": lambda x: tensor.DynamicSlice(
        x, constant([1, 0]), constant([9, 9]), (1, 3), (1, 1), (N, 2, 2, 2, 2, 3)
    ),
    "dynamic slice of all axes": lambda x: tensor.DynamicSlice(
        x, constant([0] * 6), constant([9, -1] * 3), tuple(range(6)), (1,) * 6, (N, 2, 2, 1, 2, 2)
    ),
    "pad": lambda x: tensor.Pad(x, None, (1, 0, 1, 0, 1, 0), (0, 0, 0, 0, 0, 2)),
    "mirror all axes": lambda x: tensor.Pad(x, None, (1, 1, 1, 1, 1, 1), (0, 0, 0, 0, 0, 2), PadMode.REFLECT),
    "reverse": lambda x: tensor.Reverse(x, (0, 2, 4)),
    "reverse neighbours": lambda x: tensor.Reverse(x, (2, 3, 5)),
    "tile": lambda x: tensor.Tile(x, (1, 2, 1, 3, 1, 1)),
    "tile all axes": lambda x: tensor.Tile(x, (2, 2, 2, 3, 2, 2)),
    "softmax": lambda x: nn.Softmax(x, 3),
    "log_softmax": lambda x: nn.LogSoftmax(x, 5),
    "cum_sum": lambda x: math.CumSum(x, 3),
    "layer_norm": lambda x: nn.LayerNorm(x, weight(2, 3), weight(3), 3, 1e-5),
    "rms_norm": lambda x: nn.RmsNorm(x, weight(2, 3), 4, 1e-5),
    "batch_norm": lambda x: nn.BatchNorm(x, weight(3), weight(3), weight(3), constant(np.ones(3, np.float32)), 1e-5),
    "instance_norm": lambda x: nn.InstanceNorm(x, weight(3), weight(3), 1e-5),
    "group_norm": lambda x: nn.GroupNorm(x, weight(3), weight(3), 3, 1e-5),
    "local_response_norm": lambda x: nn.LocalResponseNorm(x, 3, 1e-2, 0.75, 1.0),
    "linear": lambda x: nn.Linear(x, weight(5, 3), weight(5)),
    "mat_mul": lambda x: math.MatMul(x, weight(2, 1, 3, 4)),
    "mat_mul of batches": lambda x: math.MatMul(x, long(1, 3, 1, 2, 3, 5)),
    "gather": lambda x: tensor.Gather(x, constant([[1, 0, -1], [1, 1, 0]]), 3),
    "gather that adds axes": lambda x: tensor.Gather(
        Value(TensorType(F32, (N, 3, 4))), constant(np.zeros((1, 2, 1, 2), np.int64)), 1
    ),
    "gather_elements": lambda x: tensor.GatherElements(
        long(2, 3, 2, 2, 2, 3), constant(np.zeros((2, 3, 2, 5, 2, 3), np.int64)), 3
    ),
    "gather_nd": lambda x: tensor.GatherNd(x, constant([[[1, 0, -1], [1, 1, 0]]])),
    "gather_nd of all axes": lambda x: tensor.GatherNd(x, constant([[1, 0, 1, 0, 1, 1], [1, 1, 0, 1, 1, 0]])),
    "gather_nd in batches": lambda x: tensor.GatherNd(
        long(2, 3, 2, 2, 2, 3), constant([[[1, 0], [1, 1]], [[0, 0], [-1, 1]]]), 1
    ),
    "scatter_nd": lambda x: tensor.ScatterNd(x, constant([[1, 0], [1, 1]]), weight(2, 2, 2, 2, 3)),
    "scatter_nd of all axes": lambda x: tensor.ScatterNd(
        x, constant([[1, 0, 1, 0, 1, 2], [1, 1, 0, 1, 1, 0]]), weight(2)
    ),
    "scatter_elements": lambda x: tensor.ScatterElements(
        long(2, 3, 2, 2, 2, 3), constant(np.zeros((2, 3, 1, 2, 2, 3), np.int64)), weight(2, 3, 1, 2, 2, 3), 2
    ),
    "trilu": lambda x: tensor.Trilu(x, 1),
    "arg_max": lambda x: math.ArgMax(x, 3, True),
    "top_k": lambda x: math.TopK(x, None, 2, 1),
    "one_hot": lambda x: tensor.OneHot(constant(np.ones((2, 2, 1, 1, 2), np.int64)), weight(2), 4, 3),
    "non_zero": lambda x: tensor.NonZero(x, symbol("u0")),
    "shape": lambda x: tensor.Shape(x),
}


def module_with(op: Op) -> Module:
    """The op's first result as a matrix, so that the module's border has few axes."""
    result = op.results[0]
    if result.type.rank <= 2:
        return module_of(op)
    return module_of(tensor.Reshape(result, None, (product(result.type.shape),)))


def arrays_for(module: Module, sizes: dict[str, int]) -> dict[str, Array]:
    return {
        v.name: sample(v.type.dtype, [d if isinstance(d, int) else evaluate(d, sizes) for d in v.type.shape], seed=i)
        for i, v in enumerate(module.main.inputs)
    }


@pytest.mark.parametrize("name", OPS)
def test_few_axes_are_left(name: str) -> None:
    module = module_with(OPS[name](long(*SHAPE)))
    cases = [arrays_for(module, sizes) for sizes in SIZES]
    expected = [run(module, arrays) for arrays in cases]
    limited = RuleSet(rank_rules(MAX_RANK), indexing.RULES, only=has_many_axes)
    apply_rules(module, limited)
    eliminate_dead_code(module)
    verify(module)
    constants = {op for op in module.main.ops if isinstance(op, tensor.Constant)}
    assert not [op for op in module.main.ops if op not in constants and has_many_axes(op)]
    for arrays, wanted in zip(cases, expected, strict=True):
        for output, array in run(module, arrays).items():
            assert_close(array, wanted[output], "f32-sums", output)


def has_many_axes(op: Op) -> bool:
    return any(v.type.rank > MAX_RANK for v in (*op.operands, *op.results))


def test_another_limit() -> None:
    module = module_with(math.Add(long(2, 1, 2, 1, 2, 1, 2, 1, 2, 3), weight(2, 1, 2, 1, 2, 1, 2, 1, 1)))
    (arrays,) = [arrays_for(module, {})]
    expected = run(module, arrays)
    before = len(list(module.main.ops))
    apply_rules(module, rank_rules(10))
    assert len(list(module.main.ops)) == before
    apply_rules(module, rank_rules(8))
    assert not [v for v in module.main.values() if v.type.rank > 8 and v.owner and v.owner.operands and v.is_used]
    assert_close(run(module, arrays)["y0"], expected["y0"], "f32", "y0")
