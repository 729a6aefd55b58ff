"""Symbolic dims against plain integers: what simplifies must keep its value, its text and its canonical form."""

import copy
import operator
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from glmir.dims import (
    LARGEST_SIZE,
    Dim,
    SymInt,
    UnboundSymbolError,
    ceil_div,
    dim_max,
    dim_min,
    divides,
    evaluate,
    free_symbols,
    is_nonnegative,
    is_positive,
    known_different,
    known_equal,
    lower_bound,
    parse_dim,
    product,
    substitute,
    symbol,
    upper_bound,
)

n, m, h, w = (symbol(name) for name in "nmhw")
NAMES = ("n", "m", "h", "batch size")
OPERATIONS: tuple[Callable[[Dim, Dim], Dim], ...] = (
    operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, ceil_div, dim_max, dim_min,
)  # fmt: skip


@dataclass(frozen=True)
class Tree:
    """An expression as it was written, before anything simplifies."""

    operation: Callable[[Dim, Dim], Dim]
    left: "Tree | int | str"
    right: "Tree | int | str"


def build(tree: "Tree | int | str", values: Mapping[str, Dim]) -> Dim:
    if isinstance(tree, Tree):
        return tree.operation(build(tree.left, values), build(tree.right, values))
    return values[tree] if isinstance(tree, str) else tree


SYMBOLS: dict[str, Dim] = {name: symbol(name) for name in NAMES}
leaves = st.sampled_from(NAMES) | st.integers(-9, 9)
trees = st.recursive(leaves, lambda inner: st.builds(Tree, st.sampled_from(OPERATIONS), inner, inner), max_leaves=9)
assignments = st.lists(st.fixed_dictionaries({name: st.integers(1, 40) for name in NAMES}), min_size=1, max_size=4)
monomials = st.tuples(st.integers(-5, 5), st.lists(st.sampled_from(NAMES), max_size=3))


def value_or_none(tree: "Tree | int | str", values: Mapping[str, Dim]) -> Dim | None:
    try:
        return build(tree, values)
    except ZeroDivisionError:
        return None


@settings(deadline=None, max_examples=400)
@given(trees, assignments)
def test_simplification_keeps_the_value_and_bounds_hold(tree: Tree | int | str, samples: list[dict[str, int]]) -> None:
    symbolic = value_or_none(tree, SYMBOLS)
    assume(symbolic is not None)
    assert symbolic is not None
    lower, upper = lower_bound(symbolic), upper_bound(symbolic)
    for values in samples:
        expected = value_or_none(tree, values)
        if expected is None:
            continue
        assert isinstance(expected, int)
        assert evaluate(symbolic, values) == expected == substitute(symbolic, values)
        assert lower is None or lower <= expected
        assert upper is None or expected <= upper


@settings(deadline=None, max_examples=300)
@given(trees)
def test_text_parses_back(tree: Tree | int | str) -> None:
    symbolic = value_or_none(tree, SYMBOLS)
    assume(symbolic is not None)
    assert symbolic is not None
    parsed = parse_dim(str(symbolic))
    assert parsed == symbolic
    assert hash(parsed) == hash(symbolic)
    assert str(parsed) == str(symbolic)
    assert substitute(symbolic, {}) == symbolic


@settings(deadline=None, max_examples=300)
@given(trees, trees, assignments)
def test_known_relations_hold(a: Tree | int | str, b: Tree | int | str, samples: list[dict[str, int]]) -> None:
    left, right = value_or_none(a, SYMBOLS), value_or_none(b, SYMBOLS)
    assume(left is not None and right is not None)
    assert left is not None and right is not None
    for values in samples:
        x, y = value_or_none(a, values), value_or_none(b, values)
        if x is None or y is None:
            continue
        assert not known_equal(left, right) or x == y
        assert not known_different(left, right) or x != y
        quotient = divides(right, left)
        assert quotient is None or evaluate(quotient, values) * y == x


@given(st.lists(monomials, max_size=6), st.randoms(use_true_random=False))
def test_polynomials_are_canonical_in_any_order(terms: list[tuple[int, list[str]]], random: Random) -> None:
    def total() -> Dim:
        result: Dim = 0
        for c, names in terms:
            random.shuffle(names)
            result = result + product([symbol(name) for name in names]) * c
        return result

    first = total()
    random.shuffle(terms)
    second = total()
    assert first == second
    assert (hash(first), str(first)) == (hash(second), str(second))
    assert isinstance(first - second, int)
    assert (first + n) * (first - n) == first * first - n * n


@given(st.text(min_size=1))
@example("max")
@example('a "quoted\\" name\n')
@example("高さ")
@example("\ud800")
def test_any_name_prints_and_parses(name: str) -> None:
    assert parse_dim(str(symbol(name) + 1)) == symbol(name) + 1
    assert free_symbols(parse_dim(str(symbol(name)))) == (name,)
    assert str(symbol(name)).isprintable()


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (2 * n + 1, "2*n + 1"),
        (1 + n, "n + 1"),
        (4 - n, "-n + 4"),
        (w * h, "h*w"),
        (n * n, "n*n"),
        ((n + 1) // 2, "(n + 1) // 2"),
        ((6 * n * h) // (2 * h), "3*n"),
        ((n * h) // (2 * n), "h // 2"),
        ((4 * n + 3) // 4, "n"),
        ((2 * n + 4) // 2, "n + 2"),
        ((2 * n + 3) // 4, "(n + 1) // 2"),
        (n // 2 // 3, "n // 6"),
        ((4 * n + m) // 4, "m // 4 + n"),
        ((n * h) // n, "h"),
        ((n * n + n) // (n + 1), "n"),
        (((n + 1) // 2 + 1) // 2, "(n + 3) // 4"),
        ((n - 1) // 2 + 1, "(n + 1) // 2"),
        (-(-n // 8), "(n + 7) // 8"),
        (ceil_div(n, 8), "(n + 7) // 8"),
        (n // -2, "-((n + 1) // 2)"),
        (3 * n // 2, "n + n // 2"),
        (3 * n // 4, "(3*n) // 4"),
        ((h - n) // 4, "(h - n) // 4"),
        ((n - 1) // n, "0"),
        (dim_min(n, 3) // 4, "0"),
        (h * (n // 2) * 2, "2*h*(n // 2)"),
        (n // m // h, "n // (h*m)"),
        (n % 2, "n - 2*(n // 2)"),
        ((6 * n) % 3, "0"),
        ((n * h + h) % (n + 1), "0"),
        (7 % n, "-(7 // n)*n + 7"),
        (n + -n % 8, "8*((n + 7) // 8)"),
        (dim_max(n, 1), "n"),
        (dim_max(n, n), "n"),
        (dim_min(n, 1), "1"),
        (dim_max(n * h, n), "h*n"),
        (dim_min(n // 2, n), "n // 2"),
        (dim_max(m, n), "max(m, n)"),
        (dim_max(n, m) * 2, "2*max(m, n)"),
        (dim_max(dim_max(n, m), n), "max(m, n)"),
        (dim_max(n - dim_min(n, 5), 0), "-min(5, n) + n"),
        (symbol("batch size") * 2, '2*"batch size"'),
    ],
)
def test_simplifies(result: Dim, text: str) -> None:
    assert str(result) == text
    assert parse_dim(text) == result


def test_symbolic_is_never_a_number_by_accident() -> None:
    numbers: list[Callable[[], object]] = [
        lambda: bool(n),
        lambda: int(n),  # type: ignore[call-overload]
        lambda: operator.index(n),  # type: ignore[arg-type]
        lambda: [0] * n,  # type: ignore[operator]
        lambda: n < m,  # type: ignore[operator]
        lambda: n >= 1,  # type: ignore[operator]
        lambda: n + "a",  # type: ignore[operator]
        lambda: n / 2,  # type: ignore[operator]
    ]
    for number in numbers:
        with pytest.raises(TypeError):
            number()
    assert n != 1
    assert type(n - n + 3) is int
    assert {n: 1}[symbol("n")] == 1


def test_facts() -> None:
    assert known_equal(n - n // 2, (n + 1) // 2)
    assert not known_equal(n, m)
    assert known_different(n, n + 1)
    assert known_different(2 * n, 2 * m + 1)
    assert known_different(3, 4)
    assert not known_different(n, m)
    assert is_positive(n)
    assert not is_positive(n - 1)
    assert is_nonnegative(n - 1)
    assert is_nonnegative(n * n - n)
    assert is_nonnegative(n % 8)
    assert not is_nonnegative(n - m)
    assert (lower_bound(n % 8), upper_bound(n % 8)) == (0, 7)
    assert lower_bound(-n) == -LARGEST_SIZE
    assert divides(2 * n, 6 * n * h) == 3 * h
    assert divides(4, 4 * (n // 4)) == n // 4
    assert divides(2, n) is None
    assert divides(0, n) is None
    assert product([]) == 1


def test_substitution_and_evaluation() -> None:
    d = (n * h + m) // 2
    assert substitute(d, {"n": m, "m": n, "h": 2}) == m + n // 2
    assert free_symbols(d) == ("h", "m", "n")
    assert evaluate(d, {"n": 3, "h": 5, "m": 2}) == 8
    with pytest.raises(UnboundSymbolError, match="dimension m ") as caught:
        evaluate(d, {"n": 3, "h": 5})
    assert caught.value.name == "m"
    with pytest.raises(ZeroDivisionError):
        evaluate(m // (n - h), {"n": 2, "h": 2, "m": 1})


def test_works_in_numpy_object_arrays() -> None:
    dims = np.array([n, 2, h], dtype=object)
    assert list(dims * 2) == list(2 * dims) == [2 * n, 4, 2 * h]
    assert list(dims + n) == list(n + dims) == [2 * n, n + 2, h + n]
    assert list(n - dims) == [0, n - 2, n - h]
    assert list(dims // 2) == [n // 2, 1, h // 2]
    assert list(n // dims) == [1, n // 2, n // h]
    assert list(dims % n) == [0, 2 % n, h % n]
    assert (dims == n).tolist() == [True, False, False]
    assert isinstance(n == dims, np.ndarray)
    assert np.prod(dims) == 2 * h * n
    assert operator.mul(np.int64(2), n) == operator.mul(n, np.int64(2)) == 2 * n


def test_copies_and_pickles() -> None:
    d = (n * h + 1) // 3
    assert copy.deepcopy(d) == pickle.loads(pickle.dumps(d)) == d
    assert isinstance(d, SymInt)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1), ("n +", 4), ("n + )", 5), ("2n", 2), ("max(n", 6), ("max", 4), ("n // 0", 7), ('"a', 1), ('"\\q"', 1),
        ("n ? 2", 3), ("(n", 3), ("n)", 2), ('""', 3), ("²", 1),
    ],
)  # fmt: skip
def test_bad_text_is_refused_with_its_column(text: str, column: int) -> None:
    with pytest.raises(ValueError, match=f"^column {column} of dimension"):
        parse_dim(text)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ValueError, match="recursion"):
        parse_dim("(" * 100_000)
