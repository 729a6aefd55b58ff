"""A module with the weights of some channels at zero: what removing these channels must compute too."""

import numpy as np
from numpy.typing import NDArray

from glmir.ir import Module, Value
from glmir.ops import tensor
from glmir.passes.compression.channel_groups import ChannelGroups
from glmir.weights import Weight


def mask_channels(module: Module, groups: ChannelGroups, is_removed: NDArray[np.bool_]) -> None:
    """Sets to zero, in place, all float constants where an index of an axis has a removed label."""
    for function in module.functions.values():
        for op in list(function.ops):
            for value in dict.fromkeys(op.operands):
                if not isinstance(value.owner, tensor.Constant) or not value.type.dtype.is_float:
                    continue
                masked = tensor.Constant(
                    Weight(_masked(value, [groups.of(value, a, op) for a in range(value.type.rank)], is_removed))
                )
                function.ops.insert_before(op, masked)
                op.replace_operand(value, masked.result)


def _masked(value: Value, labels: list[NDArray[np.int64]], is_removed: NDArray[np.bool_]) -> NDArray[np.float64]:
    assert isinstance(value.owner, tensor.Constant)
    array = value.owner.value.array.copy()
    for axis, of_axis in enumerate(labels):
        np.moveaxis(array, axis, 0)[is_removed[of_axis]] = 0
    return array
