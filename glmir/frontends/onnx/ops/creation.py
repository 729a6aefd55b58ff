"""Operators of ONNX that create tensors."""

from math import prod

import numpy as np

from ....dims import Dim, SymInt, ceil_div, dim_max
from ....ir import Array
from ....ops import tensor
from ....types import DType
from ...values import reshape
from ..node import Imported, ImporterTable, Node, Unsupported, constant

TABLE = ImporterTable()

_FILL_LIMIT = 1024
"""Tensors of one value, static and of at most this many elements, are made at once: shape arithmetic can see them."""


@TABLE.imports("Constant")
def _constant(node: Node) -> Imported:
    return constant(_constant_array(node))


def _constant_array(node: Node) -> Array:
    if node.has("value"):
        return _storable(node.array("value"))
    if node.has("value_float"):
        return np.array(node.float("value_float"), np.float32)
    if node.has("value_floats"):
        return np.array(node.floats("value_floats"), np.float32)
    if node.has("value_int"):
        return np.array(node.int("value_int"), np.int64)
    if node.has("value_ints"):
        return np.array(node.ints("value_ints"), np.int64)
    raise Unsupported(f"a constant given by {', '.join(sorted(node.attributes)) or 'nothing'} is not supported")


def _storable(array: Array) -> Array:
    """The array; refuses element types that the IR has not."""
    try:
        DType.of(array.dtype)
    except ValueError:
        kind = "strings" if array.dtype == np.object_ else f"elements of type {array.dtype}"
        raise Unsupported(f"it holds {kind}, which are not supported") from None
    return array


@TABLE.imports("ConstantOfShape")
def _constant_of_shape(node: Node) -> Imported:
    value = _storable(node.array("value")) if node.has("value") else np.zeros((), np.float32)
    if value.size != 1:
        raise Unsupported(f"its value has {value.size} elements, not one")
    value = value.reshape(())
    entries = node.entries(0)
    static = tuple(d for d in entries if isinstance(d, int) and d >= 0)
    if len(static) == len(entries) and prod(static) <= _FILL_LIMIT:
        return constant(np.full(static, value))
    shape, dims = node.dims_or_fresh(0, len(entries), range(len(entries)))
    return tensor.Expand(constant(value), dims, shape)


@TABLE.imports("EyeLike")
def _eye_like(node: Node) -> Imported:
    """Ones, cut to the diagonal ``k`` from below and from above."""
    x = node.operand(0)
    dtype = node.dtype("dtype") if node.has("dtype") else x.type.dtype
    one = constant(np.ones((), dtype.numpy))
    diagonal = node.int("k", 0)
    ones = tensor.Expand(one, None, x.type.shape).result
    return tensor.Trilu(tensor.Trilu(ones, diagonal, True).result, diagonal, False)


@TABLE.imports("Range")
def _range(node: Node) -> Imported:
    start, limit, delta = (reshape(node.operand(i), ()) for i in range(3))
    length = _range_length(node)
    return tensor.Range(start, limit, delta, node.unknown_dim(0) if length is None else length)


def _range_length(node: Node) -> Dim | None:
    """How many numbers there are, None where only running the model shows it."""
    start, limit, delta = (node.constant(i) for i in range(3))
    if delta is not None and not delta.all():
        raise Unsupported("its delta is 0")
    if node.type(0).dtype.is_float:
        if start is None or limit is None or delta is None:
            return None
        return max(0, int(np.ceil((limit - start).item() / delta.item())))
    first, end, step = (_only(node.dims(i)) for i in range(3))
    if first is None or end is None or step is None or isinstance(step, SymInt) or step == 0:
        return None
    return dim_max(ceil_div(end - first, step), 0)


def _only(dims: tuple[Dim | None, ...] | None) -> Dim | None:
    return dims[0] if dims is not None and len(dims) == 1 else None
