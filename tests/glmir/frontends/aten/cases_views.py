"""Cases of views.py and split.py."""

from typing import Any

from glmir.types import DType

from .cases import A, Case, Operations, T, program

X = T(2, 3, 4)
N = T("n=2", 3, 4)


def _writes(name: str, *args: Any) -> Any:
    """A view is made, twice changed in place, and the tensor it was made of is looked at."""

    def body(ops: Operations, x: Any) -> Any:
        shown = ops[name](x, *args)
        shown = shown[1] if isinstance(shown, list | tuple) else shown
        ops.mul_(shown, 2.0)
        ops.relu_(ops.select(shown, 0, 0))
        return x, shown

    return body


def _view_of_view(ops: Operations, x: Any) -> Any:
    row = ops.select(ops.transpose(x, 0, 1), 0, 1)
    ops.copy_(ops.slice(row, 0, 1, None), 7.0)
    return x, row


def _reshape_of_transposed(ops: Operations, x: Any) -> Any:
    flat = ops.reshape(ops.transpose(x, 0, 1), [-1])
    ops.mul_(flat, 3.0)
    same = ops.reshape(ops.slice(x, 0, 1, 2), [-1])
    ops.mul_(same, 2.0)
    return x, flat, same


def _contiguous(ops: Operations, x: Any) -> Any:
    copied = ops.contiguous(ops.transpose(x, 0, 1))
    ops.mul_(copied, 3.0)
    same = ops.contiguous(ops.slice(x, 0, 1))
    ops.mul_(same, 2.0)
    return x, copied, same


def _in_place_views(ops: Operations, x: Any) -> Any:
    y = ops.add(x, 0.0)
    ops.unsqueeze_(y, 0)
    ops.transpose_(y, 1, 2)
    ops.squeeze_(y, 0)
    ops.t_(y)
    return y


def _run_time_slices(ops: Operations, x: Any, places: Any) -> Any:
    first, second = ops.item(ops.select(places, 0, 0)), ops.item(ops.select(places, 0, 1))
    return ops.slice(x, 1, first, second), ops.slice(x, 0, None, first), ops.narrow(x, 1, first, 2)


def _run_time_select(ops: Operations, x: Any, places: Any) -> Any:
    place = ops.item(ops.select(places, 0, 0))
    row = ops.select(x, 1, place)
    seen = ops.add(row, 0.0)
    ops.relu_(row)
    return x, seen


def _run_time_write(ops: Operations, x: Any, y: Any, places: Any) -> Any:
    first, second = ops.item(ops.select(places, 0, 0)), ops.item(ops.select(places, 0, 1))
    ops.copy_(ops.slice(x, 1, first, second), y)
    return x


def _sizes(ops: Operations, x: Any) -> Any:
    n = ops.size(x, 0)
    return (
        ops.view(x, [n, -1]),
        ops.view(x, [-1, n, 4]),
        ops.reshape(x, [n * 3, 4]),
        ops.expand(ops.unsqueeze(x, 0), [5, n, -1, 4]),
        ops.slice(x, 0, n - 1, n),
        ops.select(x, 0, n - 1),
        ops.narrow(x, 0, n - 1, 1),
    )


def _strided_part(ops: Operations, x: Any) -> Any:
    return ops.as_strided(ops.select(x, 0, 1), [2, 2], [4, 1])


CASES = [
    *(Case("select", X, *a) for a in ((0, 1), (1, -1), (-1, 2), (2, -4))),
    Case("select", X, 1, 3).refused("outside"),
    Case("select", N, 0, -1),
    Case("select", T(3), 0, 2),
    *(
        Case("slice", X, *a)
        for a in ((), (0,), (1, 1), (1, 0, -1), (2, -3, 9223372036854775807, 2), (2, 3, 1), (1, 7, 9), (1, -9, 2))
    ),
    *(Case("slice", N, *a) for a in ((0, 0, -1), (0, -1), (0, 1, None), (1, 1, 3), (0, 0, None, 2), (0, 0, 1))),
    Case("slice", X, 1, None, 2),
    Case("slice", X, dim=2, start=1, end=4, step=2),
    *(Case("narrow", X, *a) for a in ((1, 1, 2), (2, -2, 2), (0, 0, 0))),
    Case("narrow", X, 2, A(1, "i64", constant=True), 3),
    Case("narrow", X, 2, A(1, "i64"), 3),
    Case("narrow", X, 1, 2, 2).refused("within"),
    *(Case("view", X, s) for s in ([6, 4], [-1], [2, -1, 2], [24, 1, 1])),
    Case("view", N, [-1, 12]),
    Case("view", X, DType.F32),
    Case("view", X, DType.I32).refused("bits"),
    Case("view", X, [-1, -1]).refused("more than once"),
    Case("view", X, [5, 5]).refused("do not fit"),
    Case("view_copy", X, [4, 6]),
    Case("_unsafe_view", X, [4, 6]),
    Case("_reshape_alias", X, [6, 4], [4, 1]),
    Case("reshape", T(1), [1, 1]),
    *(Case("reshape", X, s) for s in ([4, 6], [-1, 3])),
    Case("reshape", T(), [1]),
    Case("reshape", T(1), []),
    Case("reshape", T(0, 3), [3, 0]),
    *(Case("flatten", X, *a) for a in ((), (1,), (0, 1), (1, 1), (-2, -1))),
    Case("flatten", N, 1),
    Case("flatten", N),
    Case("flatten", T()),
    Case("ravel", X),
    *(Case("unflatten", X, *a) for a in ((2, [2, 2]), (2, [-1, 2]), (-1, [4, 1]))),
    Case("unflatten", T("n=6", 2), 0, [-1, 3]),
    Case("view_as", X, T(4, 6)),
    Case("reshape_as", X, T(4, 6)),
    *(Case("expand", T(3, 1), s) for s in ([3, 4], [-1, 4], [2, 3, 4], [2, -1, -1])),
    Case("expand", T("n=2", 1), [5, -1, 3]),
    Case("expand", T(), [2]),
    Case("expand", T(3, 1), [4, 1]).refused("cannot be expanded"),
    Case("expand", T(3, 1), [3, 4], implicit=True),
    Case("expand_as", T(1, 3), T(2, 3)),
    Case("broadcast_to", T(3), [2, 3]),
    Case("broadcast_tensors", [T(3, 1), T(4), T("n=2", 1, 1)]),
    Case("squeeze", T(1, 3, 1)),
    Case("squeeze", T(1, 3, 1), 0),
    Case("squeeze", T(1, 3, 1), 1),
    Case("squeeze", T(1, 3, 1), [0, -1]),
    Case("squeeze", T("n=2", 1), 1),
    Case("squeeze", T("n=2", 1)),
    Case("squeeze", T(), 0),
    Case("squeeze_copy", T(1, 3, 1), 2),
    *(Case("unsqueeze", X, d) for d in (0, 1, -1, 3)),
    Case("unsqueeze", T(), 0),
    *(Case("transpose", X, *a) for a in ((0, 1), (-1, 0), (1, 1))),
    Case("transpose", T(), 0, -1),
    Case("swapaxes", X, 0, 2),
    Case("swapdims", X, 0, 2),
    Case("permute", X, [2, 0, 1]),
    Case("permute", X, [-1, 0, -2]),
    Case("permute", X, [0, 0, 1]).refused("once"),
    Case("movedim", X, 0, -1),
    Case("movedim", X, [0, 1], [2, 0]),
    Case("moveaxis", X, 2, 0),
    Case("moveaxis", X, [2], [0]),
    Case("t", T(2, 3)),
    Case("t", T(3)),
    Case("t", X).refused("rank 2"),
    Case("numpy_T", X),
    Case("mT", X),
    Case("mH", X),
    Case("adjoint", X),
    Case("matrix_H", T(2, 3)),
    *(Case("diagonal", T(3, 4), *a) for a in ((), (1,), (-1,), (3,), (0, 1, 0), (-2, 0, 1))),
    *(Case("diagonal", T(2, 3, 4), *a) for a in ((0, 1, 2), (1, -1, 0), (-1, 0, -1))),
    Case("diagonal", T("n=2", 3, 4), 1, 1, 2),
    Case("diagonal", T(3, 4), 9),
    Case("linalg_diagonal", X, offset=1),
    *(Case("unfold", X, *a) for a in ((2, 2, 1), (2, 2, 2), (1, 3, 1), (-1, 3, 2), (0, 1, 1))),
    Case("unfold", T("n=7"), 0, 3, 2),
    Case("unfold", T(2, "n=7"), 1, 3, 3),
    Case("unfold", T(3, "n=7", 2), 1, 3, 1),
    Case("as_strided", X, [2, 3], [3, 1]),
    Case("as_strided", X, [3, 2], [2, 5], 4),
    Case("as_strided", X, [6, 4], [4, 1]),
    Case("as_strided", X, [6, 9], [4, 1]).refused("outside"),
    program("a strided part", _strided_part, X),
    *(Case(name, X) for name in ("real", "conj", "resolve_conj", "resolve_neg", "detach", "alias", "lift_fresh_copy")),
    *(Case(name, X) for name in ("contiguous", "detach_copy", "alias_copy", "lift", "lift_fresh")),
    Case("imag", X).refused("imaginary"),
    *(Case(name, T(*shape)) for name in ("atleast_1d", "atleast_2d", "atleast_3d") for shape in ((), (2,), (2, 3))),
    *(Case(name, [T(), T(2)]) for name in ("atleast_1d", "atleast_2d", "atleast_3d")),
    Case("meshgrid", [T(2), T(3)]),
    Case("meshgrid", [T(2), T(3), T("n=4")], indexing="xy"),
    Case("meshgrid", [T(2), T()], indexing="ij"),
    # Cut into several.
    *(Case("split", X, *a) for a in ((1,), (2, 1), (3, -1), (9, 2))),
    *(Case("split", X, *a) for a in (([1, 1],), ([1, 2], 1))),
    Case("split", T("n=4", 3), 2, 1),
    Case("split", T("n=4", 3), 2).refused("depends on its size"),
    Case("split_with_sizes", X, [1, 0, 3], -1),
    Case("split_with_sizes", X, [1, 3], 1).refused("do not make up"),
    *(Case("chunk", T(5, 2), *a) for a in ((2,), (3,), (4,), (7,), (2, 1))),
    Case("chunk", T(2, "n=4"), 2, 1),
    Case("tensor_split", T(7, 2), 3),
    Case("tensor_split", T(7, 2), [1, 4, 9]),
    Case("tensor_split", T(7, 2), A(3, "i64", constant=True)),
    Case("tensor_split", T(7, 2), A([2, 3], "i64", constant=True)),
    Case("tensor_split", T(7, 2), A([2, 3], "i64")).refused("depends on the data"),
    Case("unbind", X),
    Case("unbind", X, -1),
    Case("unbind", N).refused("symbol"),
    Case("hsplit", T(4, 4), 2),
    Case("hsplit", T(4), [1, 3]),
    Case("vsplit", T(4, 4), 2),
    Case("vsplit", T(4, 4), [1, 3]),
    Case("dsplit", T(2, 2, 4), 2),
    Case("dsplit", T(2, 2, 4), [1, 3]),
    Case("unsafe_split", X, 2, 1),
    Case("unsafe_split_with_sizes", X, [1, 2], 1),
    Case("unsafe_chunk", X, 2, 2),
    Case("select_copy", X, 1, 1),
    Case("slice_copy", X, 1, 1, 2),
    Case("expand_copy", T(2, 1), [2, 3]),
    Case("permute_copy", X, [1, 0, 2]),
    Case("transpose_copy", X, 0, 1),
    Case("unsqueeze_copy", X, 0),
    Case("t_copy", T(2, 3)),
    Case("split_copy", X, 2, 1),
    Case("split_with_sizes_copy", X, [1, 2], 1),
    Case("unbind_copy", X, 1),
    Case("diagonal_copy", T(3, 3)),
    Case("unfold_copy", T(5), 0, 2, 1),
    Case("as_strided_copy", X, [2, 2], [4, 1]),
    Case("narrow_copy", X, 1, 1, 2),
    Case("resize_", X, [2, 3, 4]),
    Case("resize_", X, [2, 3]).refused("another size"),
    Case("unsqueeze_", X, 1),
    Case("squeeze_", T(1, 3, 1)),
    Case("transpose_", X, 0, 2),
    Case("t_", T(2, 3)),
    # What is written to views.
    program("write select", _writes("select", 1, 1), X),
    program("write select", _writes("select", 1, -1), N),
    program("write slice", _writes("slice", 1, 1, 3), X),
    program("write every second", _writes("slice", 2, 0, 4, 2), X),
    program("write narrow", _writes("narrow", 0, 1, 1), X),
    program("write view", _writes("view", [6, 4]), X),
    program("write transpose", _writes("transpose", 0, 2), X),
    program("write permute", _writes("permute", [2, 0, 1]), X),
    program("write chunk", _writes("chunk", 2, 2), X),
    program("write unbind", _writes("unbind", 1), X),
    program("write split", _writes("split", [1, 3], 2), X),
    program("write diagonal", _writes("diagonal", 1), T(3, 4)),
    program("write unfold without overlap", _writes("unfold", 2, 2, 2), X),
    program("write detach", _writes("detach"), X),
    program("write squeeze", _writes("squeeze", 1), T(2, 1, 3)),
    program("write to a strided view", _writes("as_strided", [2, 3], [4, 1], 2), X),
    program("write a view of a view", _view_of_view, X),
    program("reshape copies what it must", _reshape_of_transposed, X),
    program("contiguous copies what it must", _contiguous, X),
    program("views in place", _in_place_views, T(2, 3)),
    program("bounds of run time", _run_time_slices, X, A([1, 3], "i64")),
    program("negative bounds of run time", _run_time_slices, T(2, 4, 2), A([-3, -1], "i64")),
    program("an index of run time", _run_time_select, X, A([2], "i64")),
    program("a negative index of run time", _run_time_select, X, A([-1], "i64")),
    program("a slice of run time written", _run_time_write, T(2, 5, 3), T(2, 2, 3), A([1, 3], "i64")),
    program("symbolic sizes", _sizes, N),
]
