"""The text's syntax: grammar.lark to plain parsed values that carry their positions. parser.py makes IR of them."""

import functools
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lark

from .attributes import FunctionRef, Identifier, decode
from .dims import Dim, SymInt, dim_max, dim_min, is_positive, symbol
from .errors import InputError
from .types import DType, QuantizedType, Shape, TensorType

LONGEST_INTEGER = 100
"""Digits; far beyond what any dtype holds, and short of what Python refuses to read."""


class ParseError(InputError):
    """The text is not a module. ``line`` and ``column`` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.message, self.line, self.column = message, line, column


def error_at(token: lark.Token, message: str) -> ParseError:
    """A ParseError at the token's position."""
    return ParseError(message, token.line or 1, token.column or 1)


@dataclass
class DenseLiteral:
    node: object


@dataclass
class WeightRef:
    name: str


@dataclass
class ParsedOperand:
    """``%x``, ``none`` or ``[%x, %y]``: a value, nothing, or a list of values."""

    token: lark.Token
    values: lark.Token | list[lark.Token] | None


@dataclass
class ParsedOp:
    token: lark.Token
    results: list[lark.Token]
    operands: list[ParsedOperand]
    attributes: list[tuple[lark.Token, object]]
    types: list[TensorType]
    location: tuple[str, ...]


Parameter = tuple[lark.Token, TensorType]


@dataclass
class ParsedReturn:
    token: lark.Token
    values: list[lark.Token]


@dataclass
class ParsedFunction:
    token: lark.Token
    name: str
    inputs: list[Parameter]
    outputs: list[Parameter]
    operations: list[ParsedOp]
    returned: ParsedReturn


@dataclass
class ParsedState:
    """``state %h -> %h_out = dense<0.0> : f32[]``."""

    input: lark.Token
    output: lark.Token
    initial: object
    type: TensorType


@dataclass
class ParsedModule:
    states: list[ParsedState]
    functions: list[ParsedFunction]


@dataclass
class Part:
    """An optional piece of an op, or a list of a function, told apart from the others by ``kind``."""

    kind: str
    content: list[object]


def unquote(token: lark.Token, prefix: int = 0, suffix: int = 0) -> str:
    """The token's text less so many characters in front and behind; if what is left is quoted, what it stands for."""
    text = str(token)[prefix : len(token) - suffix]
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        raise error_at(token, f"{text} is not a string: escapes are those of JSON") from None


def _dim(node: object, near: object) -> Dim:
    """The dim that a node stands for; ``near`` is a token to report when it is a float (``-inf``)."""
    if isinstance(node, Identifier):
        return symbol(node.text)
    if isinstance(node, int | SymInt):
        return node
    assert isinstance(near, lark.Token)
    raise error_at(near, "a dimension is an integer, not a float")


def _divisor(node: object, operator: object) -> Dim:
    assert isinstance(operator, lark.Token)
    divisor = _dim(node, operator)
    if divisor == 0:
        raise error_at(operator, "division by zero")
    return divisor


class Transformer(lark.Transformer[lark.Token, object]):
    """Grammar rules to plain Python values; positions travel in the tokens."""

    def module(self, items: list[object]) -> ParsedModule:
        states = [i for i in items if isinstance(i, ParsedState)]
        return ParsedModule(states, [i for i in items if isinstance(i, ParsedFunction)])

    def state(self, items: list[object]) -> ParsedState:
        given, kept, initial, type_ = items
        assert isinstance(given, lark.Token) and isinstance(kept, lark.Token) and isinstance(type_, TensorType)
        return ParsedState(given, kept, initial, type_)

    def function(self, items: list[object]) -> ParsedFunction:
        token, inputs, outputs, *operations, returned = items
        assert isinstance(token, lark.Token) and isinstance(returned, ParsedReturn)
        ops = [i for i in operations if isinstance(i, ParsedOp)]
        return ParsedFunction(token, unquote(token, 1), _parameters(inputs), _parameters(outputs), ops, returned)

    def inputs(self, items: list[object]) -> Part:
        return Part("inputs", items)

    def outputs(self, items: list[object]) -> Part:
        return Part("outputs", items)

    def parameter(self, items: list[object]) -> object:
        return items[0], items[1]

    def return_(self, items: list[lark.Token]) -> ParsedReturn:
        return ParsedReturn(items[0], items[1:])

    def op(self, items: list[object]) -> ParsedOp:
        parts = {i.kind: i.content for i in items if isinstance(i, Part)}
        token = next(i for i in items if isinstance(i, lark.Token))
        operands = [i for i in items if isinstance(i, ParsedOperand)]
        types = [t for t in parts.get("types", []) if isinstance(t, TensorType)]
        results = [t for t in parts.get("results", []) if isinstance(t, lark.Token)]
        attributes = [a for a in parts.get("attributes", []) if isinstance(a, tuple)]
        location = tuple(unquote(t) for t in parts.get("location", []) if isinstance(t, lark.Token))
        return ParsedOp(token, results, operands, attributes, types, location)

    def results(self, items: list[object]) -> Part:
        return Part("results", items)

    def value(self, items: list[lark.Token]) -> ParsedOperand:
        return ParsedOperand(items[0], items[0])

    def absent(self, items: list[lark.Token]) -> ParsedOperand:
        if items[0] != "none":
            raise error_at(items[0], f"an operand is a %value, a list or none, not {items[0]}")
        return ParsedOperand(items[0], None)

    def variadic(self, items: list[lark.Token]) -> ParsedOperand:
        return ParsedOperand(items[0], items[1:])

    def attributes(self, items: list[object]) -> Part:
        return Part("attributes", items)

    def attribute(self, items: list[object]) -> tuple[object, object]:
        return items[0], items[1]

    def types(self, items: list[object]) -> Part:
        return Part("types", items)

    def location(self, items: list[object]) -> Part:
        return Part("location", items)

    def list_literal(self, items: list[object]) -> list[object]:
        return items

    def symbol(self, items: list[lark.Token]) -> FunctionRef:
        return FunctionRef(unquote(items[0], 1))

    def weight(self, items: list[lark.Token]) -> WeightRef:
        return WeightRef(unquote(items[0], len("weight<"), 1))

    def dense(self, items: Sequence[object]) -> DenseLiteral:
        return DenseLiteral(items[0])

    def float_literal(self, items: Sequence[lark.Token]) -> object:
        value = float(items[0])
        if value == math.inf:
            raise error_at(items[0], f"{items[0]} is too large for a float")
        return value

    def negative_float(self, items: Sequence[lark.Token]) -> object:
        value = self.float_literal(items)
        assert isinstance(value, float)
        return -value

    def integer(self, items: Sequence[lark.Token]) -> object:
        if len(items[0]) > LONGEST_INTEGER:
            raise error_at(items[0], "the integer is too long")
        return int(items[0])

    def name(self, items: Sequence[lark.Token]) -> object:
        return Identifier(str(items[0]))

    def quoted(self, items: Sequence[lark.Token]) -> object:
        if items[0] == '""':
            raise error_at(items[0], "a symbolic dimension needs a name")
        return Identifier(unquote(items[0]), quoted=True)

    def neg(self, items: Sequence[object]) -> object:
        return -math.inf if items[1] == Identifier("inf") else -_dim(items[1], items[0])

    def add(self, items: Sequence[object]) -> object:
        return _dim(items[0], items[1]) + _dim(items[2], items[1])

    def sub(self, items: Sequence[object]) -> object:
        return _dim(items[0], items[1]) - _dim(items[2], items[1])

    def mul(self, items: Sequence[object]) -> object:
        return _dim(items[0], items[1]) * _dim(items[2], items[1])

    def floordiv(self, items: Sequence[object]) -> object:
        return _dim(items[0], items[1]) // _divisor(items[2], items[1])

    def mod(self, items: Sequence[object]) -> object:
        return _dim(items[0], items[1]) % _divisor(items[2], items[1])

    def max(self, items: Sequence[object]) -> object:
        return dim_max(_dim(items[1], items[0]), _dim(items[2], items[0]))

    def min(self, items: Sequence[object]) -> object:
        return dim_min(_dim(items[1], items[0]), _dim(items[2], items[0]))

    def plain_type(self, items: Sequence[object]) -> TensorType:
        token, *dims = items
        assert isinstance(token, lark.Token)
        return TensorType(_dtype(token), _shape(token, dims))

    def quantized_type(self, items: Sequence[object]) -> TensorType:
        expressed, storage = items[0], items[1]
        assert isinstance(expressed, lark.Token) and isinstance(storage, lark.Token)
        fields = {str(i[0]): i[1] for i in items[2:] if isinstance(i, tuple)}
        shape = _shape(expressed, [i for i in items[2:] if not isinstance(i, tuple)])
        annotations: dict[str, object] = {
            "scales": tuple[float, ...], "zero_points": tuple[int, ...], "axis": int, "block": int
        }  # fmt: skip
        try:
            decoded = {name: decode(node, annotations[name]) for name, node in fields.items()}
            quantization = QuantizedType(_dtype(storage), **decoded)  # type: ignore[arg-type]
            return TensorType(_dtype(expressed), shape, quantization)
        except KeyError as error:
            raise error_at(expressed, f"a quantized type has no field {error.args[0]}") from None
        except TypeError:
            raise error_at(expressed, "a quantized type needs scales") from None
        except ValueError as error:
            raise error_at(expressed, str(error)) from None


def _parameters(part: object) -> list[Parameter]:
    assert isinstance(part, Part)
    return [p for p in part.content if isinstance(p, tuple)]


def _shape(token: lark.Token, nodes: Sequence[object]) -> Shape:
    shape = tuple(_dim(node, token) for node in nodes)
    for dim in shape:
        if is_positive(-dim):
            raise error_at(token, f"a dimension is not negative, unlike {dim}")
    return shape


def _dtype(token: lark.Token) -> DType:
    try:
        return DType(str(token))
    except ValueError:
        raise error_at(token, f"{token} is not an element type") from None


@functools.cache
def _parser() -> "lark.Lark":
    grammar = (Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8")
    return lark.Lark(grammar, start="module", parser="lalr", transformer=Transformer(), maybe_placeholders=False)


def parse_syntax(text: str) -> ParsedModule:
    """The parsed states and functions of ``text``; raises ParseError."""
    try:
        # lark calls the transformer's methods while it parses, so there is never a tree.
        module = _parser().parse(text)
    except lark.exceptions.UnexpectedToken as error:
        expected = _spelled(error.accepts or error.expected)
        if error.token.type == "$END":
            end = text.rsplit("\n", 1)[-1]
            raise ParseError(f"the text ends; expected {expected}", text.count("\n") + 1, len(end) + 1) from None
        raise error_at(error.token, f"unexpected {error.token}; expected {expected}") from None
    except lark.exceptions.UnexpectedCharacters as error:
        raise ParseError(f"unexpected character {error.char!r}", error.line, error.column) from None
    assert isinstance(module, ParsedModule)
    return module


_TERMINALS = {
    "VALUE": "a %value",
    "NAME": "a name",
    "SYMBOL": "a @function",
    "STRING": "a string",
    "INT": "an integer",
    "FLOAT": "a float",
    "WEIGHT": "weight<…>",
    "$END": "the end",
}


def _spelled(terminals: Iterable[str]) -> str:
    """The terminals as they are written, or what they are called, sorted."""
    literals = {t.name: t.pattern.value for t in _parser().terminals if t.pattern.type == "str"}
    return " or ".join(sorted(_TERMINALS.get(name) or literals.get(name, name) for name in terminals))
