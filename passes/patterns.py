"""What the patterns of many rules share: constants, numbers, operands in either order, shapes."""

import math
from collections.abc import Iterator

import numpy as np

from ..dims import Dim
from ..ir import Array, Op, Value
from ..ops import tensor
from ..ops.math import Binary, Unary
from ..ops.nn.activation import SoftmaxFamily
from ..quantized import dequantize
from ..types import DType
from ..weights import Weight

Number = bool | int | float


def constant_array(value: Value | None) -> Array | None:
    """The elements of a constant; None for anything else, and for a compressed or quantized one."""
    if value is not None and isinstance(value.owner, tensor.Constant) and value.type.quantization is None:
        return value.owner.value.array
    return None


def is_compressed(value: Value) -> bool:
    """Whether the value is known, and kept in a form that takes less room: quantized, as a palette, sparse."""
    owner = value.owner
    return owner is not None and owner.is_compressed and all(is_known(operand) for operand in owner.operands)


def is_known(value: Value) -> bool:
    """Whether the elements are known, in whatever form the module keeps them."""
    return is_constant(value) or is_compressed(value)


def elements_of(value: Value) -> Array:
    """The elements of what a condition has made sure is known, as the numbers that they mean."""
    owner = value.owner
    assert owner is not None
    if isinstance(owner, tensor.Constant):
        stored = owner.value.array
        return stored if value.type.quantization is None else dequantize(stored, value.type)
    fields = (getattr(owner, f.name) for f in owner.definition.operand_fields)
    return np.asarray(owner.evaluate(*(None if v is None else elements_of(v) for v in fields)))


def is_constant(value: Value) -> bool:
    return isinstance(value.owner, tensor.Constant)


def number(value: Value) -> Number | None:
    """The element of a constant that has one only, of whatever rank; None for anything else."""
    array = constant_array(value)
    if array is None or array.size != 1:
        return None
    element = array.reshape(())
    if array.dtype == np.bool_:
        return bool(element)
    if array.dtype == np.float32:
        # The shortest text that gives the same float32 is what the author wrote: 1e-05, not 9.999999747378752e-06.
        return float(str(element))
    return float(element) if DType.of(array.dtype).is_float else int(element)


def is_number(value: Value, expected: float, relative: float = 0.0) -> bool:
    """Whether ``value`` is a constant of one element that equals ``expected``, or nearly, as exporters round."""
    found = number(value)
    return found is not None and (found == expected or math.isclose(found, expected, rel_tol=relative))


def constant(array: Array, like: Value | None = None) -> Value:
    """The value of a new constant, whose weight is called like the one that ``like`` holds, if any."""
    name = like.owner.value.name if like is not None and isinstance(like.owner, tensor.Constant) else ""
    return tensor.Constant(Weight(array, name)).result


def either_order(op: Op | None) -> Iterator[tuple[Value, Value]]:
    """The operands of a binary op, then the same swapped; nothing when ``op`` is no binary op."""
    if isinstance(op, Binary):
        yield op.x, op.y
        yield op.y, op.x


def is_elementwise(op: Op | None) -> bool:
    """Whether the op computes each element of its result from the one element of x at its place."""
    # Softmax has one operand as well, but looks along an axis.
    return isinstance(op, Unary | tensor.Cast) and not isinstance(op, SoftmaxFamily)


def same_shape(a: Value, b: Value) -> bool:
    """Whether the shapes are provably equal."""
    return a.type.shape == b.type.shape


def without_ones(shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    return tuple(d for d in shape if d != 1)


def reshape(x: Value, shape: tuple[Dim, ...]) -> Value:
    """``x`` in another shape, itself if it has it already."""
    return x if x.type.shape == shape else tensor.Reshape(x, None, shape).result
