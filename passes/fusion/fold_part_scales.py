"""fold-part-scales: a number that multiplies some features of a layer goes into their rows of its weights.

Queries are scaled so, behind one layer that makes queries, keys and values. Before quantization it would be a loss: the
parts of one tensor share a scale, and should be of one magnitude.
"""

from collections.abc import Sequence
from math import isfinite, prod

import numpy as np

from ...ir import Array, Function, Module, Op, Value
from ...ops import math, nn, tensor
from ...ops.enums import Activation
from ...pass_manager import module_pass
from ...rewriter import erase_if_dead, insert_new_ops, is_allowed, record_rewrite
from ..axis_atoms import common_atoms
from ..patterns import constant_array, number
from .layer_algebra import Affine, output_axis, output_channels, with_affine_behind

NAME = "factor_of_part_into_weights"

Layer = nn.Linear | nn.Conv
Movement = tensor.Reshape | tensor.Transpose | tensor.Slice | tensor.Split


@module_pass()
def fold_part_scales(module: Module) -> bool:
    """Folds numbers that multiply a part of a layer's features into the weights of those."""
    changed = False
    for function in module.functions.values():
        for op in tuple(function.ops):
            if isinstance(op, math.Mul) and op.function is function and is_allowed(NAME):
                changed |= _fold(function, op)
    return changed


def _fold(function: Function, scaling: math.Mul) -> bool:
    factor = number(scaling.y)
    is_plain = scaling.activation is Activation.NONE and scaling.x.type.shape == scaling.result.type.shape
    if factor is None or not factor or not isfinite(factor) or not is_plain or not scaling.x.has_one_use:
        return False
    path = _path(scaling.x)
    layer = path[0].owner
    if not isinstance(layer, Layer) or not _has_weights_of_its_own(layer):
        return False
    rows = _rows_only_used_there(layer, path)
    if rows is None:
        return False
    scaled = _with_rows_scaled(layer, rows, float(factor))
    if scaled is None:
        return False
    insert_new_ops(scaled.results, lambda new: function.ops.insert_before(layer, new))
    scaled.location, scaled.results[0].name = layer.location, layer.result.name
    layer.result.replace_all_uses_with(scaled.results[0])
    scaling.result.replace_all_uses_with(scaling.x)
    erase_if_dead(layer)
    erase_if_dead(scaling)
    record_rewrite(NAME)
    return True


def _path(value: Value) -> list[Value]:
    """What became ``value`` by being moved, from the first on."""
    path = [value]
    while isinstance(path[-1].owner, Movement):
        path.append(path[-1].owner.x)
    return path[::-1]


def _has_weights_of_its_own(layer: Layer) -> bool:
    weights = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
    is_known = all(constant_array(w) is not None and w.has_one_use for w in weights)
    return is_known and layer.activation is Activation.NONE and layer.result.type.dtype.is_float


def _rows_only_used_there(layer: Layer, path: Sequence[Value]) -> Array | None:
    """Which features arrive at the end of the path; None when that is not known, or they are used elsewhere too."""
    indices: list[Array] = [_feature_indices(layer)]
    for moved in path[1:]:
        arrived = _moved(indices[-1], moved)
        if arrived is None:
            return None
        indices.append(arrived)
    rows = np.unique(indices[-1])
    for value, features, moved in zip(path, indices, path[1:], strict=False):
        others = [user for user in value.users if user is not moved.owner]
        if not all(isinstance(other, tensor.Slice) for other in others):
            return None
        beside = [other.result for other in others]
        if isinstance(moved.owner, tensor.Split):
            beside += [part for part in moved.owner.results if part is not moved]
        if any(_has_any(part, features, rows) for part in beside):
            return None
    return rows


def _has_any(part: Value, features: Array, rows: Array) -> bool:
    """Whether what is cut out of a value with these features has some of the rows."""
    taken = _moved(features, part)
    return taken is None or bool(np.isin(taken, rows).any())


def _feature_indices(layer: Layer) -> Array:
    """The index of the feature along each axis of the layer's result; axes that are none have size 1."""
    rank = layer.result.type.rank
    count, axis = output_channels(layer), output_axis(layer)
    return np.arange(count).reshape([count if a == axis else 1 for a in range(rank)])


def _moved(features: Array, moved: Value) -> Array | None:
    """The features of ``moved``, those of its owner's operand being ``features``."""
    match moved.owner:
        case tensor.Transpose(permutation=permutation):
            return features.transpose(permutation)
        case tensor.Split(axis=axis, sizes=sizes):
            if features.shape[axis] == 1:
                return features
            known = [size for size in sizes if isinstance(size, int)]
            if len(known) < len(sizes):
                return None
            first = sum(known[: moved.index])
            return features.take(range(first, first + known[moved.index]), axis)
        case tensor.Slice(starts=starts, sizes=sizes, strides=strides):
            for axis, (start, size, stride) in enumerate(zip(starts, sizes, strides, strict=True)):
                if features.shape[axis] == 1:
                    continue
                if not isinstance(start, int) or not isinstance(size, int) or stride < 1:
                    return None
                features = features.take(range(start, start + size * stride, stride), axis)
            return features
        case tensor.Reshape() as view:
            return _reshaped(features, view)
    return None


def _reshaped(features: Array, view: tensor.Reshape) -> Array | None:
    """The features behind a reshape that nowhere merges them with other axes."""
    atoms = common_atoms(view.x.type.shape, view.result.type.shape)
    if atoms is None:
        return None
    of_features = {atom for axis, group in enumerate(atoms.before) if features.shape[axis] > 1 for atom in group}
    sizes = []
    for group in atoms.after:
        count = len(of_features.intersection(group))
        if count not in (0, len(group)):
            return None
        parts = [atoms.sizes[atom] for atom in group] if count else []
        known = [part for part in parts if isinstance(part, int)]
        if len(known) < len(parts):
            return None
        sizes.append(prod(known))
    return features.reshape(sizes) if prod(sizes) == features.size else None


def _with_rows_scaled(layer: Layer, rows: Array, factor: float) -> Op | None:
    """The layer whose features of these indices are multiplied; None when weights would overflow."""
    scale = np.ones(output_channels(layer))
    scale[rows] = factor
    return with_affine_behind(layer, Affine(output_axis(layer), scale, np.zeros_like(scale)))
