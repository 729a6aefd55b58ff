"""Lists in a program, which are Python's own, and identity; every change of a list goes through the journal."""

from collections.abc import Callable, Iterator

from ....dims import SymInt
from ....ops import math
from ....types import DType
from ..journal import ListPlace
from ..registry import Table
from ..scalars import Int, Number, Scalar, SymFloat
from ..scope import Scope, known_int
from ..tensors import Tensor, Unsupported
from ..work import MAX_LENGTH
from .arithmetic import known
from .numbers import computed, equals, inverted, larger, smaller, to_bool, total

TABLE = Table()


def same(scope: Scope, a: object, b: object) -> Number:
    """Whether two elements are equal."""
    if isinstance(a, Number) and isinstance(b, Number):
        return equals(scope, a, b)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return _all_same(scope, a, b)
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        raise Unsupported("it compares tensors in lists")
    return a is b or a == b


def _all_same(scope: Scope, a: list[object] | tuple[object, ...], b: list[object] | tuple[object, ...]) -> Number:
    if len(a) != len(b):
        return False
    scope.work.spend(len(a))
    result: Number = True
    for x, y in zip(a, b, strict=True):
        result = _and(scope, result, same(scope, x, y))
        if result is False:
            return False
    return result


def _and(scope: Scope, a: Number, b: Number) -> Number:
    if isinstance(a, bool):
        return b if a else False
    if isinstance(b, bool):
        return a if b else False
    return computed(scope, math.LogicalAnd, a, b, DType.BOOL)


def sliced(start: Int | None, end: Int | None, step: Int) -> slice:
    """A slice of a list or text; raises Unsupported when its bounds are not known."""
    bounds = [None if n is None else known_int(n, "the bounds of a list's slice") for n in (start, end, step)]
    return slice(*bounds)


def place_in(index: Int) -> int:
    return known_int(index, "the place in a list")


def _change(scope: Scope, owner: list[object], content: list[object]) -> list[object]:
    _require_modest(len(content))
    scope.journal.set(ListPlace(owner), content)
    return owner


def _require_modest(length: int) -> None:
    """Raises Unsupported when a list would become too long to be made."""
    if length > MAX_LENGTH:
        raise Unsupported(f"it gives a list of more than {MAX_LENGTH} elements")


# Lists.


@TABLE.imports("len")
def length(a: list[object]) -> int:
    return len(a)


@TABLE.imports("len")
def length_of_tuple(a: tuple[object, ...]) -> int:
    return len(a)


@TABLE.imports("len")
def length_of_tensor(t: Tensor) -> Int:
    return t.shape[0]


@TABLE.imports("__getitem__", "select")
def element(list: list[object], idx: Int) -> object:
    return list[place_in(idx)]


@TABLE.imports("__getitem__", "prim::TupleIndex")
def element_of_tuple(tup: tuple[object, ...], i: Int) -> object:
    return tup[place_in(i)]


@TABLE.imports("slice")
def slice_(l: list[object], start: Int | None = None, end: Int | None = None, step: Int = 1) -> list[object]:  # noqa: E741
    return l[sliced(start, end, step)]


@TABLE.imports("add")
def concatenated(a: list[object], b: list[object]) -> list[object]:
    return a + b


@TABLE.imports("add_")
def extended(scope: Scope, self: list[object], b: list[object]) -> list[object]:
    return _change(scope, self, self + b)


@TABLE.imports("mul")
def repeated(l: list[object], n: Int) -> list[object]:  # noqa: E741
    times = known_int(n, "how often a list is repeated")
    _require_modest(len(l) * times)
    return l * times


@TABLE.imports("mul")
def repeated_right(n: Int, l: list[object]) -> list[object]:  # noqa: E741
    return repeated(l, n)


@TABLE.imports("mul_")
def repeated_in_place(scope: Scope, l: list[object], n: Int) -> list[object]:  # noqa: E741
    return _change(scope, l, repeated(l, n))


@TABLE.imports("append")
def append(scope: Scope, self: list[object], el: object) -> list[object]:
    return _change(scope, self, [*self, el])


@TABLE.imports("extend")
def extend(scope: Scope, self: list[object], other: list[object]) -> None:
    _change(scope, self, [*self, *other])


@TABLE.imports("insert")
def insert(scope: Scope, self: list[object], idx: Int, el: object) -> None:
    content = list(self)
    content.insert(place_in(idx), el)
    _change(scope, self, content)


@TABLE.imports("_set_item")
def set_element(scope: Scope, l: list[object], idx: Int, el: object) -> list[object]:  # noqa: E741
    content = list(l)
    content[place_in(idx)] = el
    return _change(scope, l, content)


@TABLE.imports("pop")
def pop(scope: Scope, self: list[object], idx: Int = -1) -> object:
    content = list(self)
    element_ = content.pop(place_in(idx))
    _change(scope, self, content)
    return element_


@TABLE.imports("Delete")
def delete(scope: Scope, self: list[object], idx: Int) -> None:
    pop(scope, self, idx)


@TABLE.imports("clear")
def clear(scope: Scope, self: list[object]) -> None:
    _change(scope, self, [])


@TABLE.imports("reverse")
def reverse(scope: Scope, self: list[object]) -> None:
    _change(scope, self, self[::-1])


@TABLE.imports("sort")
def sort(scope: Scope, self: list[object], reverse: bool = False) -> None:
    content = sorted_(scope, self)
    _change(scope, self, content[::-1] if reverse else content)


@TABLE.imports("sorted")
def sorted_(scope: Scope, input: list[object]) -> list[object]:
    scope.work.spend(len(input))
    if not all(isinstance(e, int | float | str) for e in input):
        raise Unsupported("it sorts what is not known when the model is compiled")
    return sorted(input)  # type: ignore[type-var]


@TABLE.imports("copy", "list", "Size")
def copy(l: list[object]) -> list[object]:  # noqa: E741
    return list(l)


@TABLE.imports("list")
def list_of_tuple(l: tuple[object, ...]) -> list[object]:  # noqa: E741
    return list(l)


def _places(scope: Scope, list_: list[object], el: object) -> Iterator[int]:
    scope.work.spend(len(list_))
    return (i for i, e in enumerate(list_) if _decided(same(scope, e, el)))


def _decided(truth: Number) -> bool:
    if isinstance(truth, Scalar):
        raise Unsupported("it looks in a list for what is not known when the model is compiled")
    return bool(truth)


@TABLE.imports("index")
def index(scope: Scope, self: list[object], el: object) -> int:
    return next(_places(scope, self, el))


@TABLE.imports("count")
def count(scope: Scope, self: list[object], el: object) -> int:
    return len(list(_places(scope, self, el)))


@TABLE.imports("remove")
def remove(scope: Scope, self: list[object], el: object) -> None:
    place = index(scope, self, el)
    _change(scope, self, self[:place] + self[place + 1 :])


@TABLE.imports("__contains__")
def contains(scope: Scope, l: list[object], item: object) -> Number:  # noqa: E741
    scope.work.spend(len(l))
    result: Number = False
    for element_ in l:
        result = inverted(scope, _and(scope, inverted(scope, result), inverted(scope, same(scope, element_, item))))
        if result is True:
            break
    return result


@TABLE.imports("sum")
def sum_(scope: Scope, self: list[object]) -> Number:
    return _folded(scope, self, total, 0)


@TABLE.imports("max", "prim::max")
def largest(scope: Scope, self: list[object]) -> Number:
    return _folded(scope, self[1:], larger, _as_number(self[0]))


@TABLE.imports("min", "prim::min")
def smallest(scope: Scope, self: list[object]) -> Number:
    return _folded(scope, self[1:], smaller, _as_number(self[0]))


def _folded(
    scope: Scope, elements: list[object], combine: Callable[[Scope, Number, Number], Number], start: Number
) -> Number:
    scope.work.spend(len(elements))
    result = start
    for element_ in elements:
        result = combine(scope, result, _as_number(element_))
    return result


def _as_number(element_: object) -> Number:
    if not isinstance(element_, int | float | SymInt | SymFloat | Scalar):
        raise Unsupported("its list holds what is no number")
    return element_


@TABLE.imports("any")
def any_(scope: Scope, self: list[object]) -> Number:
    scope.work.spend(len(self))
    truths = [bool(e) if isinstance(e, str) else _as_number(e) for e in self]
    return inverted(scope, _all(scope, [inverted(scope, t) for t in truths]))


@TABLE.imports("all")
def all_(scope: Scope, self: list[object]) -> Number:
    return _all(scope, [to_bool(scope, _as_number(e)) for e in self])


def _all(scope: Scope, truths: list[Number]) -> Number:
    scope.work.spend(len(truths))
    result: Number = True
    for truth in truths:
        result = _and(scope, result, truth)
    return result


@TABLE.imports("prim::rangelist")
def range_list(n: Int) -> list[object]:
    count = known_int(n, "the length of a list")
    _require_modest(count)
    return list(range(count))


@TABLE.imports("broadcast_shapes", "_infer_size")
def broadcast_shapes(scope: Scope, a: list[object], b: list[object]) -> list[object]:
    short, long = sorted((a, b), key=len)
    short = [1] * (len(long) - len(short)) + short
    return [y if known(_as_number(x)) == 1 else x for x, y in zip(short, long, strict=True)]


# Anything.


@TABLE.imports("__is__")
def is_(self: object, obj: object) -> bool:
    return _identical(self, obj)


@TABLE.imports("__isnot__")
def is_not(self: object, obj: object) -> bool:
    return not _identical(self, obj)


def _identical(a: object, b: object) -> bool:
    if isinstance(a, int | float | str) and isinstance(b, int | float | str):
        return type(a) is type(b) and a == b
    return a is b


@TABLE.imports("eq")
def equal(scope: Scope, a: object, b: object) -> Number:
    return same(scope, a, b)


@TABLE.imports("ne")
def different(scope: Scope, a: object, b: object) -> Number:
    return inverted(scope, same(scope, a, b))


@TABLE.imports("_size_if_not_equal")
def size_if_not_equal(scope: Scope, self_size: list[object], other_size: list[object]) -> object:
    return None if _decided(same(scope, self_size, other_size)) else self_size


@TABLE.imports("prim::unchecked_cast", "wait", "prim::awaitable_wait", "prim::awaitable_nowait")
def itself(x: object) -> object:
    return x


@TABLE.imports("_unwrap_optional", "prim::unchecked_unwrap_optional")
def unwrapped(optional: object) -> object:
    if optional is None:
        raise Unsupported("an optional value is used, but it is None")
    return optional
