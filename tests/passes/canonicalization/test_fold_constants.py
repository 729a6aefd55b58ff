"""fold-constants where a golden file cannot show it: views, limits, and ops that fail."""

import numpy as np

from glmir.ir import Function, Module, Op
from glmir.ops import tensor
from glmir.ops.math import Add
from glmir.passes.canonicalization.fold_constants import fold_constants
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
