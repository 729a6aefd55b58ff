"""Cases of indexing.py, scattering.py, sorting.py and embedding.py."""

from typing import Any

from .cases import A, Case, Operations, T, program

X = T(3, 4, 5)
NAN = float("nan")


def I(*elements: Any, constant: bool = False) -> A:  # noqa: E743, N802
    return A(list(elements), "i64", constant)


def B(*elements: Any, constant: bool = False) -> A:  # noqa: N802
    return A(list(elements), "bool", constant)


ROWS, COLUMNS = I([0], [2]), I(3, 1, 0)
MASK = B(True, False, True)


def _sorted_with_ties(ops: Operations, x: Any) -> Any:
    return ops.sort(x, stable=True, dim=0), ops.sort(x, stable=True, descending=True)


def _first_of_bag(ops: Operations, *args: Any, **kwargs: Any) -> Any:
    return ops.embedding_bag(*args, **kwargs)[0]


def _masked_sum(ops: Operations, x: Any, mask: Any) -> Any:
    return ops.sum(ops.index(x, [mask])), ops.index(x, [mask])


_BAGS = T(6, 3), I(1, 4, 0, 5, 2, 1)

CASES = [
    Case("index", X, [I(2, 0)]),
    Case("index", X, [I(2, -1)]),
    Case("index", X, [None, I([0, 1], [3, -1])]),
    Case("index", X, [None, None, A(2, "i64")]),
    Case("index", X, [I(0, 2), I(1, 3)]),
    Case("index", X, [ROWS, COLUMNS]),
    Case("index", X, [None, ROWS, COLUMNS]),
    Case("index", X, [None, I(0, 2), I(1, 3)]),
    Case("index", X, [I(0, 2), None, I(1, 3)]),
    Case("index", X, [ROWS, None, COLUMNS]),
    Case("index", X, [I(2, 1, 0), ROWS]),
    Case("index", X, [I(0), I(1, 3), I([1], [2], [0])]),
    Case("index", X, [MASK]),
    Case("index", X, [B(True, False, True, constant=True)]),
    Case("index", X, [None, B(True, False, True, True)]),
    Case("index", X, [T(3, 4, dtype="bool")]),
    Case("index", X, [None, T(4, 5, dtype="bool")]),
    Case("index", X, [MASK, I(1, 3)]),
    Case("index", X, [MASK, None, A(2, "i64")]),
    Case("index", X, [A([1, 0, 1], "u8")]),
    Case("index", X, [A([1, 0], "i32")]),
    Case("index", T("n=3", 4), [I(2, 0), I(1, -1)]),
    Case("index", T("n=3", 4), [None, I(1, -1)]),
    Case("index", X, [I(0), I(0), I(0), I(0)]).refused("fewer axes"),
    Case("_unsafe_index", T(1, 2, 3, 4), [None, None, I([2], [0], constant=True), I(3, 1, constant=True)]),
    program("what a mask picks", _masked_sum, T(3, 4), T(3, 4, dtype="bool")),
    Case("index_put", X, [I(2, 0)], T(4, 5)),
    Case("index_put_", X, [I(2, 0)], T(2, 4, 5)),
    Case("index_put_", X, [I(2, 0)], A(7.0)),
    Case("index_put", X, [I(2, 2, 0)], T(3, 4, 5), True),
    Case("index_put", X, [None, I(1, 3)], T(3, 2, 5)),
    Case("index_put", X, [ROWS, COLUMNS], T(2, 3, 5)),
    Case("index_put", X, [I(0, 2), None, I(1, 3)], T(2, 4)),
    Case("index_put", X, [None, I(0, 2), I(1, 3)], T(3, 2)),
    Case("index_put", X, [MASK], A(7.0)),
    Case("index_put", X, [MASK], T(1, 4, 5)),
    Case("index_put", X, [MASK], T(2, 4, 5)),
    Case("index_put", X, [None, B(True, False, True, True)], T(3, 1, 5)),
    Case("index_put", X, [T(3, 4, dtype="bool")], T(5)),
    Case("index_put", X, [MASK, I(1, 3)], T(2, 5)),
    Case("index_put", T(3, dtype="i64"), [I(0)], I(5)),
    Case("_index_put_impl_", X, [I(1)], T(5), False, True),
    Case("_unsafe_index_put", X, [I(1)], T(5)),
    Case("_unsafe_masked_index", T(4), B(True, False), [I(1, 9)], 0.5),
    Case("_unsafe_masked_index_put_accumulate", T(4), B(True, False), [I(1, 9)], T(2)),
    Case("masked_fill", X, T(4, 5, dtype="bool"), 7),
    Case("masked_fill", X, T(4, 5, dtype="bool"), float("-inf")),
    Case("masked_fill_", X, T(3, 1, 1, dtype="bool"), A(2.0)),
    Case("masked_fill", T(3, dtype="i64"), T(3, dtype="bool"), 2),
    Case("masked_select", X, T(4, 5, dtype="bool")),
    Case("masked_scatter", T(3, 4), T(3, 4, dtype="bool"), T(12)),
    Case("masked_scatter_", T(3, 4), T(4, dtype="bool"), T(4, 3)),
    Case("where", T(3, 1, dtype="bool"), T(3, 4), T(4)),
    Case("where", T(3, dtype="bool"), T(3), 2),
    Case("where", T(3, dtype="bool"), 2.5, T(3, dtype="i64")),
    Case("where", T(3, dtype="bool"), 1, 0),
    Case("where", T(3, dtype="bool"), 1.0, 0.0),
    Case("where", T(3, dtype="bool"), T(3, dtype="f16"), A(1.0, "f32")),
    Case("where", T(3, 2, dtype="bool")),
    Case("where", T("n=3", dtype="bool"), T("n=3"), T(1)),
    Case("nonzero", A([[1, 0, 2], [0, 0, 3]], "i32")),
    Case("nonzero", A([0.0, 1.0, 0.0], constant=True)),
    Case("nonzero", A(1.0)),
    Case("argwhere", T(2, 3, dtype="bool")),
    Case("nonzero_numpy", T(2, 3, dtype="bool")),
    Case("nonzero_static", A([0, 1, 1], "i32"), size=4),
    Case("nonzero_static", A([[0, 1], [1, 1]], "i32"), size=2, fill_value=9),
    Case("take", X, I([0, 5], [-1, 7])),
    Case("put", X, I(0, 5), T(2)),
    Case("put_", X, I(0, 0), T(2), True),
    # Along one axis.
    Case("index_select", X, 1, I(0, 3, 2)),
    Case("index_select", X, -1, A(2, "i32")),
    Case("index_select", T(), 0, I(0)),
    Case("gather", T(3, 4), 1, I([0, 3], [1, 1], [2, 0])),
    Case("gather", T(3, 4), 0, I([0, 2])),
    Case("gather", T("n=3", 4), -1, A([[1], [0], [3]], "i64"), sparse_grad=False),
    Case("gather", T(), 0, A(0, "i64")),
    Case("gather", T(3), 0, A(2, "i64")),
    Case("take_along_dim", T(3, 4), I([0, 2, 1, 1]), 0),
    Case("take_along_dim", T(3, 1), I([0, 0], [0, 0], [0, 0]), 1),
    Case("take_along_dim", T(3, 4), I(0, 7)),
    Case("scatter", T(3, 4), 1, I([0, 3], [1, 2], [2, 0]), T(3, 4)),
    Case("scatter", T(3, 4), 0, I([0, 2, 1, 1]), T(1, 4)),
    Case("scatter_", T(3, 4), 0, I([0, 2]), 5.0),
    Case("scatter", T(3, 4), 1, I([0, 0]), T(3, 4), reduce="add"),
    Case("scatter", T(3, 4), 1, I([0, 1]), 3, reduce="multiply"),
    Case("scatter", T(3, 4), 1, I([0, 0], [1, 3], [2, 2]), 5),
    Case("scatter", T(), 0, A(0, "i64"), 2.0),
    Case("index_put", X, [I(2, 2)], A(7.0)),
    Case("index_put", X, [None, I(2, 2), I(1, 1)], A([7.0])),
    Case("index_fill", X, -1, I(2, 2), 7),
    Case("scatter", T(), 0, A(0, "i64"), T()),
    Case("scatter_add", T(3, 4), 1, I([0, 0], [3, 3]), T(2, 2)),
    *(
        Case("scatter_reduce", T(3, 4), 0, I([0, 2, 0, 1], [0, 1, 0, 1]), T(2, 4), how, include_self=own)
        for how in ("sum", "prod", "mean", "amax", "amin")
        for own in (True, False)
    ),
    Case("scatter_reduce", T(3, dtype="i64", low=-9, high=9), 0, I(0, 0, 1), T(3, dtype="i64", low=-9, high=9), "mean"),
    Case("scatter_reduce", T(3, dtype="i64"), 0, I(0, 0, 1), T(3, dtype="i64"), "amax", include_self=False),
    Case("index_add", X, 0, I(2, 0), T(2, 4, 5)),
    Case("index_add", X, 1, I(2, 2), T(3, 2, 5), alpha=2),
    Case("index_copy", X, 0, I(2), T(1, 4, 5)),
    Case("index_copy_", X, -1, I(2, 0), T(3, 4, 2)),
    Case("index_copy_", T(2, "n=4", 3), 1, I(2, 0), T(2, 2, 3)),
    Case("index_fill", X, 1, I(2, 0), 7),
    Case("index_fill_", X, 0, I(2), A(1.0)),
    Case("index_reduce", T(3, 4), 0, I(2, 0, 2), T(3, 4), "amax"),
    Case("select_scatter", X, T(3, 5), 1, 2),
    Case("slice_scatter", X, T(3, 2, 5), 1, 1, 3),
    Case("slice_scatter", X, T(3, 2, 5), 1, 0, None, 2),
    Case("diagonal_scatter", T(3, 4), T(3)),
    Case("diagonal_scatter", T(3, 4), T(2), -1),
    Case("as_strided_scatter", T(3, 4), T(2, 2), [2, 2], [4, 1], 1),
    # Order.
    Case("sort", T(3, 4)),
    Case("sort", T(3, 4), 0, True),
    Case("sort", A([2.0, NAN, 1.0, 3.0])),
    Case("sort", A([2.0, NAN, 1.0, 3.0]), -1, True),
    Case("sort", A(2.0)),
    Case("sort", T(5, dtype="i64"), stable=True),
    program("sort with ties", _sorted_with_ties, A([2, 1, 2, 1, 3], "i32")),
    Case("sort", A([True, False, True], "bool"), stable=True),
    Case("sort", T("n=3", 4), 0),
    Case("argsort", T(3, 4), 1),
    Case("argsort", T(3, 4), stable=True, dim=0, descending=True),
    Case("msort", T(3, 2)),
    Case("topk", T(2, 5), 2),
    Case("topk", T(2, 5), 3, 1, False),
    Case("topk", T(5, 2), 3, 0, True, True),
    Case("kthvalue", T(2, 5), 2),
    Case("kthvalue", T(5, 2), 4, 0, True),
    Case("_unique2", A([3, 1, 3, 2, 1], "i64"), True, True, True),
    Case("_unique2", A([[3.0, 1.0], [3.0, 2.0]])),
    Case("_unique", A([3, 1, 3], "i64"), True, True),
    Case("unique_consecutive", A([1, 1, 2, 1, 1, 1], "i64"), True, True),
    Case("unique_consecutive", A([1, 1, 2], "i64")),
    Case("unique_dim", A([3, 1, 3], "i64"), 0, True, True, True),
    Case("unique_dim", T(3, 2), 0).refused("slices"),
    *(
        Case("searchsorted", A([1.0, 2.0, 2.0, 5.0]), A([[0.0, 2.0], [5.0, NAN]]), right=right)
        for right in (False, True)
    ),
    Case("searchsorted", A([[1.0, 3.0], [2.0, 4.0]]), A([[3.0], [3.0]]), out_int32=True),
    Case("searchsorted", A([1.0, 3.0]), 2.0, side="right"),
    Case("searchsorted", A([3.0, 1.0]), A([2.0]), sorter=I(1, 0)),
    Case("bucketize", A([0.5, 3.0, 2.0]), A([1.0, 2.0, 3.0])),
    Case("bucketize", A([0.5, 3.0, 2.0]), A([1.0, 2.0, 3.0]), right=True, out_int32=True),
    Case("bucketize", 2.5, A([1.0, 2.0, 3.0])),
    Case("isin", I([1, 2], [3, 4]), I(2, 3)),
    Case("isin", I(1, 2), I([2], [3]), invert=True),
    Case("isin", I(1, 2), 2),
    Case("isin", 2, I(1, 2)),
    # Tables.
    Case("embedding", T(6, 3, constant=True), I([1, 5], [0, 2])),
    Case("embedding", T(6, 3), A([1, 5], "i32"), 0, False, False),
    Case("one_hot", I([1, 0], [2, 2]), 4),
    Case("one_hot", I(1, 0, 3, constant=True)),
    Case("one_hot", I(1, 0)).refused("num_classes"),
    *(program("bags", _first_of_bag, *_BAGS, I(0, 2, 2, 5), False, mode) for mode in (0, 1, 2)),
    *(program("equal bags", _first_of_bag, *_BAGS, I(0, 3, constant=True), False, mode) for mode in (0, 1, 2)),
    *(program("padding", _first_of_bag, *_BAGS, I(0, 3), False, m, False, None, False, 1) for m in (0, 1, 2)),
    *(
        program("padding", _first_of_bag, *_BAGS, I(0, 3, constant=True), False, m, False, None, False, -2)
        for m in (0, 1, 2)
    ),
    program("weighted bags", _first_of_bag, *_BAGS, I(0, 3), False, 0, False, T(6)),
    program("a last offset", _first_of_bag, *_BAGS, I(0, 2, 6), False, 1, False, None, True),
]
