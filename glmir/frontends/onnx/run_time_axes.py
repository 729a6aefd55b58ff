"""Axes that only running the model shows: the shape that the model declares of the result tells which they can be.

Every set of axes that gives a result of the declared shape is computed, and the operand picks one of them when the
model runs. Most often one set is left, and nothing is to be picked.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import reduce
from itertools import combinations

import numpy as np

from ...ir import Value
from ...ops import math, tensor
from ...types import DType, Shape
from ..values import cast, constant, reshape
from .node import Node, Unsupported, check_axis

Axes = tuple[int, ...]

MAX_SETS = 1024
"""How many sets of axes are looked at."""

MAX_COMPUTED = 16
"""How many results are computed to pick one of."""


def chosen(
    node: Node,
    index: int,
    possible: Iterable[Axes],
    shape: Callable[[Axes], Shape],
    compute: Callable[[Axes], Value],
    numbers: Callable[[Axes], Hashable] = lambda axes: axes,
) -> Value:
    """``compute(axes)`` for those of the ``possible`` sets of axes that operand ``index`` holds when the model runs.

    ``shape`` is that of the first output; sets for which it and ``numbers`` agree give the same elements. Raises
    Unsupported where the declared shape leaves results of several shapes open.
    """
    fitting = [axes for axes in possible if node.may_be_declared(shape(axes))]
    if not fitting:
        raise Unsupported(f"no axes give an output of the shape that the model declares; {_way_out(node, index)}")
    if len({shape(axes) for axes in fitting}) > 1:
        raise Unsupported(
            f"which axes input {index} holds depends on the data, and no declared shape of the output tells; "
            f"{_way_out(node, index)}"
        )
    groups: dict[Hashable, list[Axes]] = {}
    for axes in fitting:
        groups.setdefault(numbers(axes), []).append(axes)
    if len(groups) > MAX_COMPUTED:
        raise Unsupported(f"input {index} can hold any of {len(fitting)} sets of axes; {_way_out(node, index)}")
    largest, *others = sorted(groups.values(), key=len, reverse=True)
    result = compute(largest[0])
    if others:
        code = _code(node.operand(index), max(a for axes in fitting for a in axes) + 1, _rank(node))
        for group in others:
            is_held = (math.Equal(code, constant(np.array(_bits(axes)))).result for axes in group)
            condition = reduce(lambda a, b: math.LogicalOr(a, b).result, is_held)
            result = math.Select(condition, compute(group[0]), result).result
    return result


def _rank(node: Node) -> int:
    return node.type(0).rank


def _way_out(node: Node, index: int) -> str:
    return node.pinning(index) or "declare the output's shape in the model"


def _bits(axes: Axes) -> int:
    return sum(1 << axis for axis in axes)


def _code(axes: Value, count: int, rank: int) -> Value:
    """The sum of 2^axis over the axes, of which negative ones count from the end of ``rank`` axes: i64[]."""
    places = math.FloorMod(cast(axes, DType.I64), constant(np.array(rank))).result
    if places.type.rank == 0:
        places = reshape(places, (1,))
    powers = constant(np.array([1 << axis for axis in range(max(count, rank))]))
    return math.ReduceSum(tensor.Gather(powers, places, 0).result, (0,), False).result


def possible_axes(node: Node, index: int, rank: int) -> Iterator[Axes]:
    """The sets of axes of a tensor of that rank that operand ``index`` can hold, none of them twice."""
    type_ = node.type(index)
    length = type_.elements
    known = [check_axis(d, rank) for d in node.dims(index) or () if isinstance(d, int)]
    sizes = [length] if isinstance(length, int) else range(rank + 1)
    if 1 << rank > MAX_SETS:
        raise Unsupported(f"input {index} can hold any of {rank} axes; {_way_out(node, index)}")
    for size in sizes:
        yield from (axes for axes in combinations(range(rank), size) if set(known) <= set(axes))
