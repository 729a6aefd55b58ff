"""Cases of pooling.py and adaptive_pooling.py."""

from typing import Any

from .cases import A, Case, Operations, T, program


def _unpool(ops: Operations, x: Any) -> Any:
    largest, places = ops.max_pool2d_with_indices(x, [2, 2])
    return ops.max_unpool2d(largest, places, [4, 6])


def _adaptive_largest(ops: Operations, x: Any) -> Any:
    return ops.adaptive_max_pool2d(x, [3, 2])[0]


def _whole(ops: Operations, x: Any) -> Any:
    sizes = [ops.size(x, 2), ops.size(x, 3)]
    return ops.avg_pool2d(x, sizes), ops.max_pool2d(x, sizes, [2, 2])


CASES = [
    Case("max_pool1d", T(2, 3, 8), 3),
    Case("max_pool1d", T(3, 8), [3], [2], [1], [2], True),
    Case("max_pool2d", T(2, 3, 8, 7), [3, 2]),
    Case("max_pool2d", T(2, 3, 8, 7), 3, 2, 1, 1, True),
    Case("max_pool2d", T("n=2", 3, "h=8", "w=7"), 3, 2, 1),
    Case("max_pool2d", T(3, 8, 7), [3, 3], [2, 2], [1, 1], [1, 2]),
    Case("max_pool2d", T(2, 3, 6, 6, dtype="i64"), 2),
    Case("max_pool3d", T(1, 2, 4, 5, 6), 2, [1, 2, 2]),
    Case("max_pool1d_with_indices", T(2, 3, 9), [3], [2], [1]),
    Case("max_pool2d_with_indices", T(2, 3, 8, 7), [3, 3], [2, 2], [1, 1]),
    Case("max_pool2d_with_indices", T(2, 3, 8, 7), 3, 2, 1, 2, True),
    Case("max_pool2d_with_indices", T(3, 8, 7), [2, 3]),
    Case("max_pool2d_with_indices", T("n=2", 3, "h=8", "w=7"), [3, 3], [2, 2], [1, 1]),
    Case("max_pool3d_with_indices", T(1, 2, 4, 5, 6), 2, [1, 2, 2], [1, 1, 1]),
    program("unpool", _unpool, T(2, 3, 4, 6)),
    Case("max_unpool3d", T(1, 2, 1, 2, 2), A([[[[[5, 3], [12, 31]]]] * 2], "i64"), [2, 4, 4], [2] * 3, [0] * 3),
    Case("avg_pool1d", T(2, 3, 8), 3),
    Case("avg_pool1d", T(3, 8), [3], [2], [1], True, False),
    Case("avg_pool2d", T(2, 3, 8, 7), [3, 2]),
    Case("avg_pool2d", T(2, 3, 8, 7), 3, 2, 1),
    Case("avg_pool2d", T(2, 3, 8, 7), 3, 2, 1, True, False),
    Case("avg_pool2d", T(2, 3, 8, 7), 3, 2, 1, True, True),
    Case("avg_pool2d", T(2, 3, 8, 7), 3, 2, 1, True, True, 5),
    Case("avg_pool2d", T("n=2", 3, "h=8", "w=7"), 3, 2, 1, False, False, 2),
    Case("avg_pool2d", T(3, 8, 7), 2, divisor_override=3),
    Case("avg_pool3d", T(1, 2, 4, 5, 6), 2, [1, 2, 2], [1, 1, 1]),
    program("pools over the whole", _whole, T("n=2", 3, "h=8", "w=7")),
    program("pools over the whole of one map", _whole, T(2, 3, "h=8", "w=7")),
    Case("adaptive_avg_pool1d", T(2, 3, 7), [3]),
    Case("adaptive_avg_pool1d", T(3, 7), [5]),
    Case("adaptive_avg_pool2d", T(2, 3, 8, 7), [1, 1]),
    Case("adaptive_avg_pool2d", T("n=2", 3, "h=8", "w=7"), [1, 1]),
    Case("adaptive_avg_pool2d", T("n=2", 3, "h=8", "w=7"), [3, 4]),
    Case("adaptive_avg_pool2d", T(2, 3, 8, 6), [4, 2]),
    Case("adaptive_avg_pool2d", T(2, 3, 8, 7), [8, 7]),
    Case("adaptive_avg_pool2d", T(2, 3, 8, 7), [8, 1]),
    Case("adaptive_avg_pool2d", T(2, 3, 8, 7), [5, 7]),
    Case("adaptive_avg_pool2d", T(2, 3, 3, 2), [7, 7]),
    Case("adaptive_avg_pool2d", T(3, 5, 4), [2, 3]),
    Case("_adaptive_avg_pool2d", T(2, 3, 8, 7), [3, 3]),
    Case("adaptive_avg_pool3d", T(1, 2, 4, 5, 6), [2, 3, 4]),
    Case("_adaptive_avg_pool3d", T(1, 2, 4, 5, 6), [2, 1, 6]),
    Case("adaptive_max_pool1d", T(2, 3, 7), [3]),
    Case("adaptive_max_pool2d", T(2, 3, 8, 7), [1, 1]),
    Case("adaptive_max_pool2d", T(2, 3, 8, 6), [4, 2]),
    Case("adaptive_max_pool2d", T(2, 3, 8, 7), [5, 3]),
    Case("adaptive_max_pool2d", T(3, 8, 7), [5, 3]),
    program("symbolic sizes", _adaptive_largest, T("n=2", 3, "h=8", "w=7")),
    Case("adaptive_max_pool3d", T(1, 2, 4, 5, 6), [2, 3, 4]),
]
