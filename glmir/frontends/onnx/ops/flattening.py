"""The flattening to a matrix that old Softmax, Hardmax and Gemm-like operators begin with."""

from ....dims import product
from ....ir import Value
from ....ops import tensor


def flattened(x: Value, axis: int) -> Value:
    """``x`` as a matrix: the axes before ``axis`` by those from it on."""
    shape = x.type.shape
    return tensor.Reshape(x, None, (product(shape[:axis]), product(shape[axis:]))).result
