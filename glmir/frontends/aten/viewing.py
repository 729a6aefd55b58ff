"""Views of tensors, made from sizes and positions that may be symbolic or known only when the model runs."""

from collections.abc import Sequence
from math import prod

import numpy as np

from ...dims import Dim, SymInt, dim_min, is_nonnegative, is_positive, known_equal, product
from ...ir import Value
from ...ops import math, tensor
from ...ops.inference import broadcast, can_broadcast
from ...ops.tensor.slicing import slice_extent
from ...types import DType, Shape
from .memory import contiguous_memory
from .scalars import Int, Scalar
from .scope import Scope, constant
from .tensors import Tensor, Unsupported
from .views import Expanded, Permuted, Picked, Reshaped, RunTimeReshaped, RunTimeSliced, Selected, Sliced, index_of
from .work import require_few, require_small

_LARGEST_GATHER = 1 << 24
"""The most elements of a view that is made by naming the place of each."""


def reshaped(x: Tensor, shape: Sequence[Dim]) -> Tensor:
    """The elements in another shape; the tensor itself if it has it already."""
    return Tensor(x.storage, x.path) if x.shape == tuple(shape) else x.view(Reshaped(tuple(shape)))


def permuted(x: Tensor, order: Sequence[int]) -> Tensor:
    """The axes in another order."""
    is_same = list(order) == list(range(x.rank))
    return Tensor(x.storage, x.path) if is_same else x.view(Permuted(tuple(order)))


def inferred(sizes: Sequence[Dim], elements: Dim) -> Shape:
    """The sizes with the one that is -1 made what the others leave of ``elements``; raises Unsupported."""
    missing = [i for i, s in enumerate(sizes) if s == -1]
    if len(missing) > 1:
        raise Unsupported(f"its sizes {list(sizes)} hold -1 more than once")
    known = product(s for s in sizes if s != -1)
    if missing and known == 0:
        raise Unsupported(f"what -1 stands for in {list(sizes)} does not follow, as another size is 0")
    if not missing and not isinstance(known, SymInt) and not isinstance(elements, SymInt) and known != elements:
        raise Unsupported(f"{elements} elements do not fit the sizes {list(sizes)}")
    return tuple(elements // known if s == -1 else s for s in sizes)


def with_sizes(scope: Scope, x: Tensor, sizes: Sequence[Int]) -> Tensor:
    """``view``: sizes may hold one -1, and numbers that only running the model shows."""
    unknown = [i for i, s in enumerate(sizes) if isinstance(s, Scalar)]
    if len(unknown) == 1 and -1 not in sizes:
        # One size is what the others leave, whether the program says so with -1 or computes it as it runs.
        sizes, unknown = [-1 if i in unknown else s for i, s in enumerate(sizes)], []
    if not unknown:
        return reshaped(x, inferred([s for s in sizes if not isinstance(s, Scalar)], x.elements))
    shape, dims = scope.dims(sizes)
    shape = tuple(scope.fresh_symbol() if d == -1 else d for d in shape)
    assert dims is not None
    viewed = x.view(RunTimeReshaped(scope.insert(dims), shape))
    # The value tells where the symbols' numbers come from: it must stand before what uses them.
    scope.insert(viewed.value)
    return viewed


def expanded(x: Tensor, sizes: Sequence[Dim]) -> Tensor:
    """The tensor broadcast to sizes, where -1 keeps what there is; raises Unsupported."""
    added = len(sizes) - x.rank
    if added < 0 or -1 in sizes[:added]:
        raise Unsupported(f"{x.type} cannot be expanded to {list(sizes)}")
    own = x.shape
    if not can_broadcast(own, tuple(d if s == -1 else s for d, s in zip(((1,) * added + own), sizes, strict=True))):
        raise Unsupported(f"{x.type} cannot be expanded to {list(sizes)}")
    shape = (*sizes[:added], *(_expanded_size(d, s) for d, s in zip(own, sizes[added:], strict=True)))
    return Tensor(x.storage, x.path) if shape == own else x.view(Expanded(shape))


def _expanded_size(own: Dim, wanted: Dim) -> Dim:
    if own == 1 and wanted != -1:
        return wanted
    return own if wanted == -1 or isinstance(own, int) else wanted


def common_shape(tensors: Sequence[Tensor]) -> Shape:
    """The shape that tensors broadcast to; raises Unsupported."""
    shapes = [x.shape for x in tensors]
    if not can_broadcast(*shapes):
        raise Unsupported(f"{', '.join(str(x.type) for x in tensors)} do not broadcast together")
    return broadcast(*shapes)


def without_axis(x: Tensor, axis: int) -> Tensor:
    """The tensor without an axis, which has one element."""
    return reshaped(x, (*x.shape[:axis], *x.shape[axis + 1 :]))


def selected(x: Tensor, axis: int, index: Int) -> Tensor:
    """One element of an axis; the axis is gone."""
    if x.rank == 0:
        raise Unsupported("a tensor without axes has no elements to select")
    if isinstance(index, Scalar):
        return without_axis(x.view(Selected(axis, index)), axis)
    place = index_of(index, x.shape[axis])
    assert place is not None
    if is_positive(-place) or is_nonnegative(place - x.shape[axis]):
        raise Unsupported(f"index {index} is outside axis {axis} of {x.type}")
    return without_axis(part(x, axis, place, 1), axis)


def part(x: Tensor, axis: int, start: Dim, size: Dim, step: int = 1) -> Tensor:
    """``size`` elements of an axis, ``step`` apart."""
    if start == 0 and step == 1 and known_equal(size, x.shape[axis]):
        return Tensor(x.storage, x.path)
    return x.view(Sliced(axis, start, size, step))


def sliced(scope: Scope, x: Tensor, axis: int, start: Int | None, end: Int | None, step: int) -> Tensor:
    """``x[start:end:step]`` along an axis; bounds outside the axis are clamped to it."""
    if x.rank == 0 or step < 1:
        raise Unsupported("a tensor without axes cannot be sliced" if step > 0 else f"its step is {step}")
    whole = x.shape[axis]
    first, last = 0 if start is None else start, whole if end is None else end
    if isinstance(first, Scalar) or isinstance(last, Scalar):
        return _sliced_at_run_time(scope, x, axis, first, last, step)
    if isinstance(first, int) and isinstance(last, int) and isinstance(whole, int):
        first, last, _ = slice(first, last).indices(whole)
        return part(x, axis, first, max(0, -(-(last - first) // step)), step)
    place, size = slice_extent(first, last, step, whole)
    return part(x, axis, 0 if size == 0 else place, size, step)


def _sliced_at_run_time(scope: Scope, x: Tensor, axis: int, first: Int, last: Int, step: int) -> Tensor:
    whole = scope.scalar(x.shape[axis], DType.I64)
    start = _within(_from_front(scope, first, whole), _zero(), whole)
    end = _within(_from_front(scope, last, whole), start, whole)
    bounds = [scope.insert(tensor.Reshape(v, None, (1,)).result) for v in (start, end)]
    size = scope.fresh_symbol()
    run = x.view(RunTimeSliced(axis, bounds[0], bounds[1], size))
    # The value tells where the symbol's number comes from: it must stand before what uses it.
    scope.insert(run.value)
    return run if step == 1 else run.view(Sliced(axis, 0, -(-size // step), step))


def narrowed(scope: Scope, x: Tensor, axis: int, start: Int, length: Int) -> Tensor:
    """``length`` elements of an axis from ``start`` on, all within it."""
    if x.rank == 0:
        raise Unsupported("a tensor without axes cannot be narrowed")
    whole = x.shape[axis]
    if not isinstance(start, Scalar) and not isinstance(length, Scalar):
        place = index_of(start, whole)
        assert place is not None
        if is_positive(-place) or is_positive(place + length - whole) or is_positive(-length):
            raise Unsupported(f"elements {start} to {place + length} are not all within axis {axis} of {x.type}")
        return part(x, axis, place, length)
    first = _from_front(scope, start, scope.scalar(whole, DType.I64))
    last = math.Add(first, scope.scalar(length, DType.I64)).result
    bounds = [scope.insert(tensor.Reshape(v, None, (1,)).result) for v in (first, last)]
    size = scope.fresh_symbol() if isinstance(length, Scalar) else length
    run = x.view(RunTimeSliced(axis, bounds[0], bounds[1], size))
    scope.insert(run.value)
    return run


def _zero() -> Value:
    return constant(np.array(0, np.int64))


def _from_front(scope: Scope, place: Int, whole: Value) -> Value:
    """A position as i64[], counted from the front."""
    value = scope.scalar(place, DType.I64)
    if not isinstance(place, Scalar):
        is_negative = isinstance(place, int) and place < 0
        return math.Add(value, whole).result if is_negative else value
    return math.Select(math.Less(value, _zero()).result, math.Add(value, whole).result, value).result


def _within(place: Value, low: Value, high: Value) -> Value:
    return math.Minimum(math.Maximum(place, low).result, high).result


def diagonal(x: Tensor, offset: int, axis1: int, axis2: int) -> Tensor:
    """The diagonal of two axes as the last axis; positive offsets lie above it."""
    if axis1 == axis2:
        raise Unsupported(f"the axes of the diagonal are both {axis1}")
    rest = [a for a in range(x.rank) if a not in (axis1, axis2)]
    rows, columns = x.shape[axis1], x.shape[axis2]
    size = dim_min(rows, columns - offset) if offset >= 0 else dim_min(rows + offset, columns)
    if not isinstance(columns, int):
        raise Unsupported(f"the diagonal of {x.type} has axes of symbolic size")
    size = 0 if is_positive(-size) else size
    kept = tuple(x.shape[a] for a in rest)
    flat = reshaped(permuted(x, [*rest, axis1, axis2]), (*kept, rows * columns))
    start: Dim = 0 if size == 0 else offset if offset >= 0 else -offset * columns
    return flat.view(Sliced(len(rest), start, size, columns + 1))


def unfolded(x: Tensor, axis: int, size: int, step: int) -> Tensor | Value:
    """Windows of ``size`` elements along an axis, ``step`` apart: the axis counts them, a new last one is in them."""
    whole = x.shape[axis]
    if step < 1 or size < 0 or is_positive(size - whole):
        raise Unsupported(f"windows of {size} elements, {step} apart, do not fit axis {axis} of {x.type}")
    count = (whole - size) // step + 1
    shape = (*x.shape[:axis], count, size, *x.shape[axis + 1 :])
    to_end = [*range(axis + 1), *range(axis + 2, x.rank + 1), axis + 1]
    if size == step:
        return permuted(reshaped(part(x, axis, 0, count * size), shape), to_end)
    if isinstance(count, int):
        require_small(count * size, "the elements of all windows")
        places = np.arange(count)[:, None] * step + np.arange(size)
        return permuted(reshaped(x.view(Picked(axis, places.reshape(-1))), shape), to_end)
    if size == 0:
        raise Unsupported("its windows are empty")
    require_few(size, "the elements of a window")
    # Element k of all windows is a slice; written to, windows that overlap would be no view anyway.
    one = (*shape[: axis + 1], 1, *shape[axis + 2 :])
    slices = [reshaped(part(x, axis, k, count, step), one) for k in range(size)]
    joined = tensor.Concat(tuple(s.value for s in slices), axis + 1).result if size > 1 else slices[0].value
    return tensor.Transpose(joined, tuple(to_end)).result


def strided(x: Tensor, sizes: Shape, strides: Shape, offset: Dim | None) -> Tensor:
    """``as_strided``: the elements of x's storage that stand at ``offset + sum(i * strides)``."""
    memory = x.memory
    if offset is None and memory is not None:
        offset = memory.offset
    if offset is None:
        raise Unsupported("where its first element stands is not known")
    root = Tensor(x.storage)
    contiguous = contiguous_memory(sizes)
    if offset == 0 and contiguous.strides == strides and known_equal(product(sizes), root.elements):
        return reshaped(root, sizes)
    known = [n for n in (offset, *sizes, *strides) if isinstance(n, int)]
    if len(known) <= 2 * len(sizes) or isinstance(root.elements, SymInt):
        raise Unsupported(f"its sizes {list(sizes)} or strides {list(strides)} are symbolic")
    if prod(known[1 : len(sizes) + 1]) > _LARGEST_GATHER:
        raise Unsupported(f"a view of {prod(known[1 : len(sizes) + 1])} elements is too large")
    places = np.array(known[0], np.int64)
    for size, stride in zip(known[1 : len(sizes) + 1], known[len(sizes) + 1 :], strict=True):
        places = places[..., None] + np.arange(size) * stride
    if places.size and (places.min() < 0 or places.max() >= root.elements):
        raise Unsupported(f"it reaches outside a storage of {root.elements} elements")
    flat = reshaped(root, (root.elements,))
    return reshaped(flat.view(Picked(0, places.reshape(-1))), sizes)
