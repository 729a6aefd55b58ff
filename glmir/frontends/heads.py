"""Heads of attention: on an axis of their own or side by side, shared by several queries; what hides scores."""

from ..ir import Value
from ..ops import tensor
from ..types import DType
from .values import expand, reshape


def heads_apart(x: Value, heads: int) -> Value:
    """[B, S, H * D] as [B, H, S, D]."""
    batch, rows, columns = x.type.shape
    return tensor.Transpose(reshape(x, (batch, rows, heads, columns // heads)), (0, 2, 1, 3)).result


def heads_side_by_side(x: Value) -> Value:
    """[B, H, S, D] as [B, S, H * D]."""
    batch, heads, rows, columns = x.type.shape
    return reshape(tensor.Transpose(x, (0, 2, 1, 3)).result, (batch, rows, heads * columns))


def repeated_heads(x: Value, times: int) -> Value:
    """[..., H, T, D] with each head so many times in a row."""
    *batch, own, rows, columns = x.type.shape
    if times == 1:
        return x
    spread = expand(reshape(x, (*batch, own, 1, rows, columns)), (*batch, own, times, rows, columns))
    return reshape(spread, (*batch, own * times, rows, columns))


def lowest(dtype: DType) -> float:
    """What hides a score. A row that is hidden whole must not become NaN, as it would with -inf."""
    return -65504.0 if dtype is DType.F16 else -1.7976931348623157e308 if dtype is DType.F64 else -3.3895313892515355e38
