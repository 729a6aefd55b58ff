"""Symbolic integer arithmetic for tensor dimensions: integer polynomials with floor division, in canonical form.

A `Dim` is an `int` or a `SymInt`. A `SymInt` is a sum of integer coefficients times products of atoms; an atom is a
symbol, or a floor division, maximum or minimum that does not simplify. Every operation gives the canonical form and
collapses to `int` when nothing symbolic is left, so for polynomials `==` is mathematical equality. Floor divisions are
reduced far but not uniquely (`n - n//2` and `(n + 1)//2` are equal and differ in form): ask `known_equal` for a proof.
Every symbol is an integer of at least 1, and the simplification of `a // b` supposes that `b` is not zero.

`a // b` is reduced by polynomial division (Cox, Little, O'Shea, "Ideals, Varieties, and Algorithms", section 2.3).
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from math import gcd, inf, prod
from typing import TYPE_CHECKING, NoReturn, TypeAlias, final

LARGEST_SIZE = 10**9 - 1  # no axis is longer: exporters write 10**9 and more for "to the end"
_CACHE_SIZE = 1 << 14
_RELAXATION_DEPTH = 4  # how many floor divisions, maxima and minima of one sum a bound sees through
_EXPANSION_DEGREE = 8  # a product of k atoms expands into 2**k terms when its bound is sought
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_RESERVED = frozenset(("max", "min", "dense", "none", "true", "false", "inf", "nan"))  # words of the text form
_TOKEN = re.compile(r'[0-9]+|[A-Za-z_][A-Za-z0-9_.]*|"(?:[^"\\]|\\.)*"|//|\S', re.DOTALL)


class UnboundSymbolError(KeyError):
    """A symbol (`name`) has no value in the mapping given to `evaluate`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"The symbolic dimension {_quoted(self.name)} has no value."


class _Atom(str):
    """An indivisible factor: its canonical text (for equality, hash and order) with its structure attached."""

    __slots__ = ("args", "high", "kind", "low", "symbols")
    kind: str  # "symbol" or a key of _FUNCTIONS
    args: tuple[Dim, ...]  # the two arguments, none for a symbol
    symbols: frozenset[str]  # the names of all symbols inside
    low: int | None
    high: int | None


_Monomial: TypeAlias = tuple[_Atom, ...]  # sorted; () belongs to the constant
_Terms: TypeAlias = dict[_Monomial, int]  # no zero coefficients, and never changed once a SymInt holds it


@final
class SymInt:
    """An integer that depends on symbols: immutable, hashable, canonical, never constant. Made by `symbol` and by
    arithmetic, not by its constructor. It has no order and no truth value, and it is no index: TypeError."""

    __slots__ = ("_hash", "_terms", "_text")

    def __init__(self, terms: _Terms) -> None:
        self._terms = terms
        self._hash: int | None = None
        self._text: str | None = None

    def __add__(self, other: Dim) -> Dim:
        return _sum(self._terms, _terms_of(other)) if isinstance(other, int | SymInt) else NotImplemented

    def __mul__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            return SymInt({monomial: c * other for monomial, c in self._terms.items()}) if other else 0
        if not isinstance(other, SymInt):
            return NotImplemented
        rows = other._terms.items()
        return _sum(*({tuple(sorted(m + row)): k * c for m, k in self._terms.items()} for row, c in rows))

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> SymInt:
        return SymInt({monomial: -c for monomial, c in self._terms.items()})

    def __sub__(self, other: Dim) -> Dim:
        return self + -other if isinstance(other, int | SymInt) else NotImplemented

    def __rsub__(self, other: Dim) -> Dim:
        return -self + other if isinstance(other, int | SymInt) else NotImplemented

    def __floordiv__(self, other: Dim) -> Dim:
        return _floor_div(self, other) if isinstance(other, int | SymInt) else NotImplemented

    def __rfloordiv__(self, other: Dim) -> Dim:
        return _floor_div(other, self) if isinstance(other, int | SymInt) else NotImplemented

    def __mod__(self, other: Dim) -> Dim:
        return self - other * _floor_div(self, other) if isinstance(other, int | SymInt) else NotImplemented

    def __rmod__(self, other: Dim) -> Dim:
        return other - self * _floor_div(other, self) if isinstance(other, int | SymInt) else NotImplemented

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SymInt):
            return self._terms == other._terms
        return False if isinstance(other, int) else NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._terms.items()))
        return self._hash

    def __str__(self) -> str:
        if self._text is None:
            self._text = _sum_text(self._terms)
        return self._text

    __repr__ = __str__

    def __reduce__(self) -> tuple[Callable[[str], Dim], tuple[str]]:
        return parse_dim, (str(self),)

    def __bool__(self) -> NoReturn:
        raise TypeError(f"The symbolic dimension {self} has no value, and no truth value.")

    if not TYPE_CHECKING:  # hidden, or a type checker would take a SymInt wherever an index is wanted
        __index__ = __int__ = __bool__


Dim: TypeAlias = int | SymInt


def symbol(name: str) -> SymInt:
    """The symbol `name`, an integer from 1 to `LARGEST_SIZE`. Any text is a name except the empty one (ValueError)."""
    if not name:
        raise ValueError("a symbolic dimension needs a name")
    return _single("symbol", _quoted(name), (), frozenset([name]), 1, LARGEST_SIZE)


def ceil_div(a: Dim, b: Dim) -> Dim:
    """`a / b` rounded up. ZeroDivisionError if `b` is the integer 0."""
    return -(-a // b)


def dim_max(a: Dim, b: Dim) -> Dim:
    """The larger of the two; symbolic only where neither is provably the larger."""
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else _extremum("max", a, b)


def dim_min(a: Dim, b: Dim) -> Dim:
    """The smaller of the two; symbolic only where neither is provably the smaller."""
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else _extremum("min", a, b)


_FUNCTIONS: dict[str, Callable[[Dim, Dim], Dim]] = {"//": operator.floordiv, "max": dim_max, "min": dim_min}


def product(dims: Iterable[Dim]) -> Dim:
    """The product of all dims; 1 for none."""
    result: Dim = 1
    for dim in dims:
        result = result * dim
    return result


def lower_bound(d: Dim) -> int | None:
    """An integer that `d` never falls below, or None when none was found. Conservative: it need not be reached."""
    return d if isinstance(d, int) else _lower(d, _RELAXATION_DEPTH)


def upper_bound(d: Dim) -> int | None:
    """An integer that `d` never exceeds, or None when none was found. Conservative: it need not be reached."""
    negated = lower_bound(-d)
    return None if negated is None else -negated


def is_positive(d: Dim) -> bool:
    """Whether `d >= 1` is provable."""
    return (lower_bound(d) or 0) >= 1


def is_nonnegative(d: Dim) -> bool:
    """Whether `d >= 0` is provable."""
    return (lower_bound(d + 1) or 0) >= 1


def known_equal(a: Dim, b: Dim) -> bool:
    """Whether `a` and `b` are provably equal for all values of their symbols."""
    return is_nonnegative(a - b) and is_nonnegative(b - a)


def known_different(a: Dim, b: Dim) -> bool:
    """Whether `a` and `b` provably differ for all values of their symbols: by bounds, or as `2*n` and `2*m + 1` do."""
    difference = a - b
    if isinstance(difference, int):
        return difference != 0
    constant, step = _constant_and_step(_terms_of(difference))
    return is_positive(difference) or is_positive(-difference) or (step > 0 and constant % step != 0)


def divides(b: Dim, a: Dim) -> Dim | None:
    """`a / b` if `b` provably divides `a`, else None (also for the integer `b` 0)."""
    if isinstance(b, int) and b == 0:
        return None
    quotient = a // b
    return quotient if quotient * b == a else None


def free_symbols(d: Dim) -> tuple[str, ...]:
    """The names of the symbols in `d`, sorted."""
    return tuple(sorted({name for monomial in _terms_of(d) for atom in monomial for name in atom.symbols}))


def substitute(d: Dim, mapping: Mapping[str, Dim]) -> Dim:
    """`d` with the symbols of `mapping` replaced, all at once; other symbols stay."""

    def value(atom: _Atom) -> Dim:
        if atom.kind == "symbol":
            (name,) = atom.symbols
            return mapping.get(name, SymInt({(atom,): 1}))
        return _FUNCTIONS[atom.kind](*(substitute(arg, mapping) for arg in atom.args))

    result: Dim = 0
    for monomial, c in _terms_of(d).items():
        result = result + c * product(map(value, monomial))
    return result


def evaluate(d: Dim, mapping: Mapping[str, int]) -> int:
    """The value of `d`; the caller answers for values of at least 1. UnboundSymbolError names the first symbol that
    `mapping` lacks; ZeroDivisionError if a divisor comes out as 0."""
    for name in free_symbols(d):
        if name not in mapping:
            raise UnboundSymbolError(name)
    value = substitute(d, mapping)
    assert isinstance(value, int)
    return value


def _single(
    kind: str, text: str, args: tuple[Dim, ...], symbols: frozenset[str], low: int | None, high: int | None
) -> SymInt:
    atom = _Atom(text)
    atom.kind, atom.args, atom.symbols, atom.low, atom.high = kind, args, symbols, low, high
    return SymInt({(atom,): 1})


def _sum(*summands: _Terms) -> Dim:
    terms: _Terms = {}
    for summand in summands:
        for monomial, c in summand.items():
            terms[monomial] = terms.get(monomial, 0) + c
    terms = {monomial: c for monomial, c in terms.items() if c}
    return SymInt(terms) if any(terms) else terms.get((), 0)


def _terms_of(d: Dim) -> _Terms:
    return d._terms if isinstance(d, SymInt) else {(): d} if d else {}


def _lead(terms: _Terms) -> _Monomial:
    return min(terms, key=_printed_order)


def _printed_order(monomial: _Monomial) -> tuple[int, _Monomial]:
    """Sorts the leading monomial first. Multiplication keeps this order, as polynomial division needs."""
    return -len(monomial), monomial


def _constant_and_step(terms: _Terms) -> tuple[int, int]:
    """`(c, g)` such that the sum is always `c` plus a multiple of `g`."""
    return terms.get((), 0), gcd(*(c for monomial, c in terms.items() if monomial))


@lru_cache(_CACHE_SIZE)
def _floor_div(a: Dim, b: Dim) -> Dim:
    """One reduction, then the same again on the smaller fraction, until none applies."""
    if isinstance(b, int) and b == 0:
        raise ZeroDivisionError(f"the dimension {a} is divided by zero")
    if isinstance(a, int) and (isinstance(b, int) or a == 0):
        return a // b if isinstance(b, int) else 0
    dividend, divisor = _terms_of(a), _terms_of(b)
    lead = _lead(divisor)
    if divisor[lead] < 0:
        return _floor_div(-a, -b)
    smaller = _without_common_factors(dividend, divisor)
    if smaller != (a, b):
        return _floor_div(*smaller)
    quotient: _Terms = {}
    for monomial, c in dividend.items():
        factor = _without(monomial, lead)
        if factor is not None:  # coefficients are cut towards zero: (h - n) // 4 stays as it is
            quotient[factor] = -(-c // divisor[lead]) if c < 0 and monomial else c // divisor[lead]
    if any(quotient.values()):
        return _sum(quotient) + _floor_div(a - _sum(quotient) * b, b)
    if is_positive(b):
        if dividend[_lead(dividend)] < 0:
            return -_floor_div(b - a - 1, b)  # one form for floor(-x / b) and -ceil(x / b)
        if is_nonnegative(a) and is_positive(b - a):
            return 0
        units = [(m, c) for m, c in dividend.items() if len(m) == 1 and m[0].kind == "//" and abs(c) == 1]
        if len(units) == 1:  # (y + x//k) // b  ->  (k*y + x) // (k*b), and -(x//k) is (k - 1 - x)//k
            monomial, sign = units[0]
            x, k = monomial[0].args
            if sign > 0 or is_positive(k):
                return _floor_div((a - _sum({monomial: sign})) * k + (x if sign > 0 else k - 1 - x), k * b)
    return _floor_atom(a, b)


def _without_common_factors(dividend: _Terms, divisor: _Terms) -> tuple[Dim, Dim]:
    """The same fraction in smaller terms. Over an integer the constant need not share the factor, it is rounded down:
    `(2*n + 3) // 4` is `(n + 1) // 2`."""
    is_integer = not any(divisor)
    factor = gcd(*divisor.values(), *(c for monomial, c in dividend.items() if monomial or not is_integer))
    shared: _Monomial = ()
    for atom in _lead(divisor):
        if all(_without(monomial, (*shared, atom)) is not None for monomial in (*divisor, *dividend)):
            shared = (*shared, atom)
    a, b = (_sum({_without(m, shared) or (): c // factor for m, c in terms.items()}) for terms in (dividend, divisor))
    return a, b


def _without(monomial: _Monomial, divisor: _Monomial) -> _Monomial | None:
    """`monomial / divisor`, or None if it does not divide."""
    rest = list(monomial)
    for atom in divisor:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)


def _floor_atom(a: Dim, b: Dim) -> Dim:
    lower, upper = lower_bound(a), upper_bound(a)
    if isinstance(b, int):
        lower, upper = None if lower is None else lower // b, None if upper is None else upper // b
    else:
        lower, upper = (0, upper) if is_nonnegative(a) and is_positive(b) else (None, None)
    if lower is not None and lower == upper:
        return lower
    text = " // ".join(str(d) if _OPERAND.fullmatch(str(d)) else f"({d})" for d in (a, b))
    return _single("//", text, (a, b), frozenset([*free_symbols(a), *free_symbols(b)]), lower, upper)


@lru_cache(_CACHE_SIZE)
def _extremum(kind: str, a: Dim, b: Dim) -> Dim:
    first, second = sorted((a, b), key=str)
    symbols, gain = {*free_symbols(a), *free_symbols(b)}, first - second if kind == "max" else second - first
    if is_nonnegative(gain):
        return first
    if is_nonnegative(-gain):
        return second
    pick = max if kind == "max" else min
    lowers, uppers = zip(*((lower_bound(d), upper_bound(d)) for d in (first, second)), strict=True)
    lower = pick(-inf if bound is None else bound for bound in lowers)
    upper = pick(inf if bound is None else bound for bound in uppers)
    bounds = None if lower == -inf else int(lower), None if upper == inf else int(upper)
    return _single(kind, f"{kind}({first}, {second})", (first, second), frozenset(symbols), *bounds)


@lru_cache(_CACHE_SIZE)
def _lower(d: SymInt, depth: int) -> int | None:
    """The best of several estimates; without constant and common factor, as rounding up then tells more."""
    constant, step = _constant_and_step(d._terms)
    reduced = SymInt({monomial: c // step for monomial, c in d._terms.items() if monomial})
    bounds = [_interval_lower(reduced)]
    for scale, smaller in _relaxations(reduced) if depth else ():
        bound = smaller if isinstance(smaller, int) else _lower(smaller, depth - 1)
        bounds.append(None if bound is None else -(-bound // scale))
    best = max((bound for bound in bounds if bound is not None), default=None)
    return None if best is None else constant + step * best


def _interval_lower(d: SymInt) -> int | None:
    """Every atom becomes its bound plus or minus something not negative, so that only negative coefficients pull below
    the constant: with `n = 1 + m`, `n*n - n` is `m*m + m`."""
    shifted: Dim = 0
    for monomial, c in d._terms.items():
        if len(monomial) > _EXPANSION_DEGREE or any(a.low is None and a.high is None for a in monomial):
            return None
        atoms = [(SymInt({(a,): 1}), a.low, a.high) for a in monomial]
        shifted = shifted + c * product(a + low if low is not None else (high or 0) - a for a, low, high in atoms)
    lower = 0
    for monomial, c in _terms_of(shifted).items():
        widths = [a.high - a.low for a in monomial if a.high is not None and a.low is not None]
        if c < 0 and len(widths) < len(monomial):
            return None
        lower += c * prod(widths) if c < 0 or not monomial else 0
    return lower


def _relaxations(d: SymInt) -> Iterator[tuple[int, Dim]]:
    """Pairs `(scale, smaller)` with `scale * d >= smaller`: the estimates of the first atom that has any."""
    for monomial in sorted(d._terms, key=_printed_order):
        c = d._terms[monomial]
        for index, atom in enumerate(monomial):
            others = monomial[:index] + monomial[index + 1 :]
            if atom.kind == "symbol" or any(other.low is None or other.low < 0 for other in others):
                continue
            rest, cofactor = d - _sum({monomial: c}), _sum({others: c})
            if atom.kind == ("max" if c > 0 else "min"):
                yield from ((1, rest + arg * cofactor) for arg in atom.args)
                return
            if atom.kind == "//" and isinstance(k := atom.args[1], int):  # x - k + 1 <= k*(x//k) <= x
                yield k, rest * k + (atom.args[0] - (k - 1 if c > 0 else 0)) * cofactor
                return


_OPERAND = re.compile(rf"[0-9]+|{_IDENTIFIER.pattern}")


def _quoted(name: str) -> str:
    if _IDENTIFIER.fullmatch(name) and name not in _RESERVED:
        return name
    return json.dumps(name, ensure_ascii=not name.isprintable())


def _sum_text(terms: _Terms) -> str:
    text = ""
    for monomial in sorted(terms, key=_printed_order):
        c = terms[monomial]
        sign = (" - " if c < 0 else " + ") if text else ("-" if c < 0 else "")
        factors = [f"({atom})" if atom.kind == "//" else str(atom) for atom in monomial]
        if abs(c) != 1 or not monomial:
            factors.insert(0, str(abs(c)))
        elif len(monomial) == 1 and sign != "-":
            factors = [str(monomial[0])]  # a floor division that stands alone needs no parentheses
        text += sign + "*".join(factors)
    return text


def parse_dim(text: str) -> Dim:
    """The dim that `text` spells with `+ - * // %`, parentheses, `max(a, b)`, `min(a, b)`, integers, identifiers and
    names in double quotes (JSON escapes); `parse_dim(str(d)) == d`. ValueError gives the column, from 1."""
    parser = _Parser(text)
    try:
        result = parser.operation(0)
        parser.expect("")
    except (ValueError, ZeroDivisionError, RecursionError) as error:
        raise ValueError(f"column {parser.column} of dimension {text!r}: {error}") from error
    return result


_OPERATORS: tuple[dict[str, Callable[[Dim, Dim], Dim]], ...]
_OPERATORS = {"+": operator.add, "-": operator.sub}, {"*": operator.mul, "//": operator.floordiv, "%": operator.mod}


class _Parser:
    """Recursive descent over tokens; `column` is that of the token last looked at."""

    def __init__(self, text: str) -> None:
        matches = [(match[0], match.start() + 1) for match in _TOKEN.finditer(text)]
        self._tokens = iter([*matches, ("", len(text) + 1)])
        self._token, self.column = next(self._tokens)

    def _take(self) -> str:
        taken = self._token
        self._token, self.column = next(self._tokens, ("", self.column))
        return taken

    def expect(self, token: str) -> None:
        if self._token != token:
            raise ValueError(f"expected {token or 'an operator'}, found {self._token or 'the end'}")
        self._take()

    def operation(self, level: int) -> Dim:
        if level == len(_OPERATORS):
            return self._factor()
        left = self.operation(level + 1)
        while self._token in _OPERATORS[level]:
            left = _OPERATORS[level][self._take()](left, self.operation(level + 1))
        return left

    def _factor(self) -> Dim:
        token = self._token
        if token == "-":
            self._take()
            return -self._factor()
        if token in ("max", "min", "("):
            return self._group(self._take())
        if token.isdecimal():
            return int(self._take())
        if _IDENTIFIER.fullmatch(token):
            return symbol(self._take())
        if token.startswith('"') and len(token) > 1:
            name = str(json.loads(token))
            self._take()
            return symbol(name)
        raise ValueError(f"expected an integer, a name or a parenthesis, found {token or 'the end'}")

    def _group(self, opening: str) -> Dim:
        if opening != "(":
            self.expect("(")
        result = self.operation(0)
        while opening != "(" and self._token == ",":
            self._take()
            result = _FUNCTIONS[opening](result, self.operation(0))
        self.expect(")")
        return result
