"""What is taken for an affine function of others."""

import numpy as np

from glmir.ir import Value
from glmir.ops import math, nn, tensor
from glmir.passes.fusion.affine_gates import affine
from glmir.types import DType, TensorType
from glmir.weights import Weight


def constant(*shape: int) -> Value:
    return tensor.Constant(Weight(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))).result


def test_only_rows_are_biases() -> None:
    """A column that happens to have as many elements as a row adds another number to each row."""
    x = Value(TensorType(DType.F32, (2, 3)), "x")
    product = nn.Linear(x, constant(2, 3), None).result
    for shape in ((2,), (1, 2), (1,)):
        found = affine(math.Add(product, constant(*shape)).result)
        assert found is not None and found.bias.shape == (2,)
    assert affine(math.Add(product, constant(2, 1)).result) is None
