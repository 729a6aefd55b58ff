"""fold-constants where a golden file cannot show it: views, limits, and ops that fail."""

import numpy as np

from glmir.interpreter import run
from glmir.ir import Function, Module, Op, Value
from glmir.ops import tensor
from glmir.ops.math import Add, ReduceSum
from glmir.passes.canonicalization.fold_constants import fold_constants
from glmir.rewriter import insert_new_ops
from glmir.types import DType, TensorType
from glmir.weights import Weight


def _module_returning(*ops: Op) -> Module:
    function = Function("main")
    for op in ops:
        function.ops.append(op)
    function.set_outputs([ops[-1].result], ["y"])
    return Module([function])


def test_a_transposed_constant_shares_the_memory_of_the_original() -> None:
    constant = tensor.Constant(Weight(np.arange(12.0).reshape(3, 4)))
    module = _module_returning(constant, tensor.Transpose(constant.result, (1, 0)))
    assert fold_constants(module)
    (folded,) = module.main.ops
    assert isinstance(folded, tensor.Constant)
    assert np.shares_memory(folded.value.array, constant.value.array)


def test_results_above_the_limit_stay() -> None:
    constant = tensor.Constant(Weight(np.ones(100)))
    module = _module_returning(constant, Add(constant.result, constant.result))
    assert not fold_constants(module, max_elements=99)
    assert fold_constants(module, max_elements=100)


def test_an_op_that_fails_stays() -> None:
    constant, indices = tensor.Constant(Weight(np.ones(3))), tensor.Constant(Weight(np.array([7])))
    module = _module_returning(constant, indices, tensor.Gather(constant.result, indices.result, 0))
    assert not fold_constants(module)


def test_a_tensor_without_elements_is_known() -> None:
    """It is, whatever computes it, and so is what is computed from it."""
    x, empty = Value(TensorType(DType.F32, (2, 3)), "x"), Value(TensorType(DType.F32, (0, 3)), "empty")
    function = Function("main", [x, empty])
    results = [
        Add(tensor.Slice(x, (1, 0), (0, 3), (1, 1)).result, empty).result,
        ReduceSum(empty, (0,), False).result,
        tensor.Concat((x, empty), 0).result,
    ]
    insert_new_ops(results, function.ops.append)
    function.set_outputs(results, ["nothing", "sum", "all"])
    module = Module([function])
    assert fold_constants(module)
    kinds = [type(v.owner) for v in function.outputs]
    assert kinds == [tensor.Constant, tensor.Constant, tensor.Concat]
    computed = run(module, {"x": np.ones((2, 3), np.float32), "empty": np.ones((0, 3), np.float32)})
    assert computed["nothing"].shape == (0, 3)
    assert computed["sum"].tolist() == [0, 0, 0]
