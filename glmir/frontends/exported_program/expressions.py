"""Symbolic sizes as exported programs write them: expressions of sympy, by ``srepr`` or (in older ones) by ``str``.

``Add(Mul(Integer(2), Symbol('s77', positive=True, integer=True)), Integer(1))`` and ``2*s77 + 1`` are the same. The
functions are those of torch.utils._sympy.functions.
"""

import ast
from collections.abc import Callable, Sequence
from functools import reduce

from ...dim_terms import terms
from ...dims import Dim, ceil_div, dim_max, dim_min, symbol
from ...errors import InputError
from .records import brief, malformed

_MAX_TEXT = 10_000
_MAX_POWER = 8
_MAX_TERMS = 24
"""How many summands a size may have: products multiply them."""


class _Unreadable(Exception):
    """The expression is none of integers."""


def parse_expression(text: str, where: str) -> Dim:
    """The dim that an expression is; raises InputError for what is none."""
    if len(text) > _MAX_TEXT:
        raise malformed(where, f"is an expression of {len(text)} characters")
    try:
        return _dim(ast.parse(text, mode="eval").body)
    except (_Unreadable, SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        raise _refused(text, where) from None


def _refused(text: str, where: str) -> InputError:
    return InputError(
        f"The exported program has the size {brief(text)} ({where}), which is no integer expression that glmc knows. "
        "Export the model with simpler dynamic shapes."
    )


def _dim(node: ast.expr) -> Dim:
    dim = _any_dim(node)
    if not isinstance(dim, int) and sum(1 for _ in terms(dim)) > _MAX_TERMS:
        raise _Unreadable
    return dim


def _any_dim(node: ast.expr) -> Dim:
    match node:
        case ast.Constant(value=int(number)) if not isinstance(number, bool) and abs(number) < 1 << 63:
            return number
        case ast.Name(id=name):
            return symbol(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_dim(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(type(op), _dim(left), _dim(right))
        case ast.Call(func=ast.Name(id="Symbol" | "Dummy"), args=[ast.Constant(value=str(name))]):
            return symbol(name)
        case ast.Call(func=ast.Name(id=name), args=args) if name in _FUNCTIONS:
            return _FUNCTIONS[name]([_dim(a) for a in args])
    raise _Unreadable


_Function = Callable[[Sequence[Dim]], Dim]


def _binary(op: type[ast.operator], a: Dim, b: Dim) -> Dim:
    name = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul", ast.FloorDiv: "FloorDiv", ast.Mod: "Mod", ast.Pow: "Pow"}
    if op not in name:
        raise _Unreadable
    return _FUNCTIONS[name[op]]([a, b])


def _of_two(function: Callable[[Dim, Dim], Dim]) -> _Function:
    def apply(args: Sequence[Dim]) -> Dim:
        if len(args) != 2:
            raise _Unreadable
        return function(*args)

    return apply


def _of_any(function: Callable[[Dim, Dim], Dim]) -> _Function:
    def apply(args: Sequence[Dim]) -> Dim:
        if not args:
            raise _Unreadable
        return reduce(function, args)

    return apply


def _the_one(args: Sequence[Dim]) -> Dim:
    (only,) = args
    return only


def _power(base: Dim, exponent: Dim) -> Dim:
    # Powers of sums would have too many terms.
    if not isinstance(exponent, int) or not 0 <= exponent <= _MAX_POWER or sum(1 for _ in terms(base)) > 2:
        raise _Unreadable
    one: Dim = 1
    return reduce(lambda a, b: a * b, [base] * exponent, one)


def _modular(args: Sequence[Dim]) -> Dim:
    base, divisor, modulus = args
    return (base // divisor) % modulus


_FUNCTIONS: dict[str, _Function] = {
    "Integer": _the_one,
    "Identity": _the_one,
    "Add": _of_any(lambda a, b: a + b),
    "Sub": _of_two(lambda a, b: a - b),
    "Mul": _of_any(lambda a, b: a * b),
    "Pow": _of_two(_power),
    "PowByNatural": _of_two(_power),
    "FloorDiv": _of_two(lambda a, b: a // b),
    "CleanDiv": _of_two(lambda a, b: a // b),
    "CeilDiv": _of_two(ceil_div),
    "Mod": _of_two(lambda a, b: a % b),
    "PythonMod": _of_two(lambda a, b: a % b),
    "ModularIndexing": _modular,
    "Max": _of_any(dim_max),
    "Min": _of_any(dim_min),
}
