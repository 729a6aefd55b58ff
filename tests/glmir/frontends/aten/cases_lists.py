"""Cases of lists.py, dicts.py and strings.py."""

from typing import Any

from glmir.types import DType

from .cases import Case, Operations, T, program


def _changes(ops: Operations) -> Any:
    a = [3, 1, 2]
    ops.append(a, 5)
    ops.insert(a, 0, 7)
    ops.extend(a, [4])
    ops._set_item(a, 1, 9)
    last = ops.pop(a)
    first = ops.pop(a, 0)
    ops.add_(a, [8])
    ops.Delete(a, 1)
    b = ops.copy(a)
    ops.sort(a)
    ops.reverse(b)
    ops.remove(b, 2)
    c = [1]
    ops.mul_(c, 2)
    d = [1]
    ops.clear(d)
    e = [2, 1]
    ops.sort(e, True)
    return a, b, c, d, e, first, last


def _dict(ops: Operations) -> Any:
    a: dict[object, object] = ops.dict()
    ops._set_item(a, "x", 1)
    ops._set_item(a, "y", 2)
    ops.update(a, {"z": 3, "x": 4})
    popped = ops.pop(a, "y"), ops.pop(a, "y", 7)
    ops.setdefault(a, "w", 6)
    b = ops.copy(a)
    ops.Delete(b, "x")
    has = ops.__contains__(a, "x"), ops.__contains__(b, "x"), ops.len(b)
    got = ops.get(a, "q"), ops.get(a, "q", 3), ops.get(a, "x"), ops["__getitem__"](a, "w")
    ops.clear(a)
    return a, b, popped, has, got, ops.keys(b), ops.values(b), ops.items(b), ops.popitem(b)


def _of_sizes(ops: Operations, x: Any) -> Any:
    n = ops.size(x, 0)
    a = [n, 2, ops["__derive_index"](n, 0, 2)]
    sizes = ops.size(x)
    return (
        [ops.sum(a), ops["prim::max"]([n, 3]), ops.eq(sizes, [n, 3]), ops.__contains__(a, n), ops.index(a, n)],
        ops.tensor(a, dtype=DType.F32),
        ops.tensor([[n, 1], [2, 3]]),
    )


CASES = [
    program("changes", _changes).gives(([2, 5, 8, 9], [8, 5, 9], [1, 1], [], [2, 1], 7, 4)),
    program("dicts", _dict).gives(
        (
            {},
            {"z": 3},
            (2, 7),
            (True, False, 2),
            (None, 3, 4, 6),
            ["z", "w"],
            [3, 6],
            [("z", 3), ("w", 6)],
            ("w", 6),
        )
    ),
    program("sizes", _of_sizes, T("n=4", 3)),
    program("sizes", _of_sizes, T(4, 3)),
    Case("len", [1, 2]).gives(2),
    Case("len", "abc").gives(3),
    Case("len", {"a": 1}).gives(1),
    Case("__getitem__", [1, 2, 3], -1).gives(3),
    Case("__getitem__", "abc", 1).gives("b"),
    Case("__getitem__", {"a": 1}, "a").gives(1),
    Case("__getitem__", (1, "b"), 1).gives("b"),
    Case("slice", [1, 2, 3, 4], 1, None, 2).gives([2, 4]),
    Case("slice", "abcd", 1, 3, 1).gives("bc"),
    Case("add", [1], [2]).gives([1, 2]),
    Case("add", "a", "b").gives("ab"),
    Case("mul", [1], 3).gives([1, 1, 1]),
    Case("mul", 2, [1]).gives([1, 1]),
    Case("sorted", ["b", "a"]).gives(["a", "b"]),
    Case("list", "ab").gives(["a", "b"]),
    Case("list", [1]).gives([1]),
    Case("index", [1, 2, 2], 2).gives(1),
    Case("count", [1, 2, 2], 2).gives(2),
    Case("__contains__", [1, 2], 3).gives(False),
    Case("__contains__", ["a"], "a").gives(True),
    Case("__contains__", {"a": 1}, "b").gives(False),
    Case("sum", [1, 2.5]).gives(3.5),
    Case("max", [1, 3, 2]).gives(3),
    Case("prim::min", [1.5, 0.5]).gives(0.5),
    Case("any", [False, True]).gives(True),
    Case("all", [1, 0]).gives(False),
    Case("eq", [1, 2], [1, 2]).gives(True),
    Case("ne", ["a"], ["b"]).gives(True),
    Case("eq", "a", "a").gives(True),
    Case("lt", "a", "b").gives(True),
    Case("eq", [1], [1, 2]).gives(False),
    Case("__is__", None, None).gives(True),
    Case("__isnot__", T(2), None).gives(True),
    Case("__is__", T(2), None).gives(False),
    Case("prim::rangelist", 3).gives([0, 1, 2]),
    Case("broadcast_shapes", [2, 1, 3], [4, 1]).gives([2, 4, 3]),
    Case("_unwrap_optional", 3).gives(3),
    Case("_unwrap_optional", None).refused("None"),
    Case("format", "{}-{}", 1, "a").gives("1-a"),
    Case("percentFormat", "%d %s", (2, 4.5)).gives("2 4.5"),
    Case("str", 2.5).gives("2.5"),
    Case("split", "a,b,c", ",").gives(["a", "b", "c"]),
    Case("split", "a b").gives(["a", "b"]),
    Case("join", "-", ["a", "b"]).gives("a-b"),
    Case("startswith", "abc", "ab").gives(True),
    Case("endswith", "abc", "b").gives(False),
    Case("find", "abcb", "b", 2).gives(3),
    Case("count", "abcb", "b").gives(2),
    Case("replace", "aa", "a", "b", 1).gives("ba"),
    Case("strip", " a\n").gives("a"),
    Case("lower", "AB").gives("ab"),
    Case("upper", "ab").gives("AB"),
    Case("isdigit", "12").gives(True),
    Case("center", "a", 3, "*").gives("*a*"),
    Case("zfill", "7", 3).gives("007"),
    Case("ord", "a").gives(97),
    Case("chr", 97).gives("a"),
    Case("hex", 255).gives("0xff"),
    Case("__contains__", "abc", "b").gives(True),
]
