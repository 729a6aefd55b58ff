"""store-sparse: constant weights that are mostly zeros are kept as what is not zero, and a mask of where it is."""

import numpy as np

from ...ir import Array, Module, Op, Value
from ...ops import quant, tensor
from ...pass_manager import module_pass
from ...weights import Weight
from ..patterns import constant_array
from ..quantization.weights import weights_in

SMALLEST = 256
"""Of fewer elements nothing is saved: the two constants of the sparse form have overheads of their own."""


@module_pass()
def store_sparse(module: Module, *, min_sparsity: float = 0.3) -> bool:
    """Stores as values and a mask (quant.densify) the weights of which at least ``min_sparsity`` is zero.

    Only where that is smaller with a bit an element for the mask. Of a quantized weight the integers are stored so.
    """
    changed = False
    for function in module.functions.values():
        for use in list(weights_in(function)):
            source = _stored(use.value)
            array = constant_array(source)
            if array is not None and not isinstance(use.op, tensor.Gather) and _is_worth_it(array, min_sparsity):
                changed |= _store(source)
    return changed


def _stored(weight: Value) -> Value:
    """The constant that a weight is computed from, when zero is zero in it too."""
    owner = weight.owner
    if isinstance(owner, quant.Dequantize) and (owner.zero_point is None or not _any(owner.zero_point)):
        return owner.x
    return weight


def _any(value: Value) -> bool:
    array = constant_array(value)
    return array is None or bool(np.any(array != 0))


def _is_worth_it(array: Array, min_sparsity: float) -> bool:
    if array.size < SMALLEST:
        return False
    count, bits = int(np.count_nonzero(array)), array.itemsize * 8
    return 1 - count / array.size >= min_sparsity and count * bits + array.size < array.size * bits


def _store(value: Value) -> bool:
    """Puts the sparse form in the place of a constant; all its users take it."""
    constant = value.owner
    if not isinstance(constant, tensor.Constant) or constant.function is None:
        return False
    array, name = constant.value.array, constant.value.name
    mask = np.asarray(array != 0)
    values = tensor.Constant(Weight(array[mask], f"{name}.values" if name else ""))
    places = tensor.Constant(Weight(mask, f"{name}.mask" if name else ""))
    densify = quant.Densify(values.result, places.result)
    added: tuple[Op, ...] = (values, places, densify)
    for op in added:
        op.location = constant.location
        constant.function.ops.insert_before(constant, op)
    densify.result.name, value.name = value.name, ""
    value.replace_all_uses_with(densify.result)
    constant.erase()
    return True
