"""merge-slices: slices that cut a tensor into consecutive parts are one split."""

from collections.abc import Sequence

from ...dims import Dim
from ...ir import Function, Module, Op, Value
from ...ops import tensor
from ...pass_manager import module_pass
from ...rewriter import is_allowed, record_rewrite


@module_pass()
def merge_slices(module: Module) -> bool:
    """Replaces all slices of a tensor along one axis by a split, if they read every element once.

    Parts whose sizes are known only at run time stay slices, for which more targets have kernels.
    """
    changed = [_merge(function) for function in module.functions.values()]
    return any(changed)


def _merge(function: Function) -> bool:
    changed = False
    for value in list(function.values()):
        for axis in sorted({axis for user in value.uses for axis in _cut_axes(user, value)}):
            parts = _parts(value, axis)
            if parts is None or not is_allowed("slices_to_split"):
                continue
            _split(function, value, axis, parts)
            record_rewrite("slices_to_split")
            changed = True
    return changed


def _cut_axes(op: Op, x: Value) -> list[int]:
    """The axis along which a slice without gaps takes less than all, if there is but one."""
    if not isinstance(op, tensor.Slice) or any(stride != 1 for stride in op.strides):
        return []
    axes = [axis for axis, (size, dim) in enumerate(zip(op.sizes, x.type.shape, strict=True)) if size != dim]
    return axes if len(axes) == 1 and all(s == 0 for a, s in enumerate(op.starts) if a != axes[0]) else []


def _parts(x: Value, axis: int) -> list[tensor.Slice] | None:
    """The slices of ``x`` along an axis, in order, when they follow each other from its beginning to its end."""
    slices = [op for op in x.uses if isinstance(op, tensor.Slice) and _cut_axes(op, x) == [axis]]
    starts = {op.starts[axis]: op for op in slices}
    if len(slices) < 2 or len(starts) < len(slices):
        return None
    ordered: list[tensor.Slice] = []
    end: Dim = 0
    while end in starts:
        ordered.append(starts.pop(end))
        size = ordered[-1].sizes[axis]
        if not isinstance(size, int) or size == 0:
            return None
        end = end + size
    return ordered if not starts and end == x.type.shape[axis] else None


def _split(function: Function, x: Value, axis: int, parts: Sequence[tensor.Slice]) -> None:
    split = tensor.Split(x, axis, tuple(part.sizes[axis] for part in parts))
    split.location = tuple(dict.fromkeys(place for part in parts for place in part.location))
    first = x.owner
    if first is None:
        function.ops.prepend(split)
    else:
        function.ops.insert_after(first, split)
    for part, result in zip(parts, split.results, strict=True):
        result.name, part.result.name = part.result.name, ""
        part.result.replace_all_uses_with(result)
        part.erase()
