"""The text's syntax: grammar.lark to plain parsed values that carry their positions. parser.py makes IR of them."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lark

from .attributes import FunctionRef, Identifier, decode
from .dims import Dim, SymInt, dim_max, dim_min, symbol
from .errors import InputError
from .types import DType, QuantizedType, TensorType


class ParseError(InputError):
    """The text is not a module. ``line`` and ``column`` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.line, self.column = line, column


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
class ParsedOp:
    token: lark.Token
    results: list[lark.Token]
    operands: list[object]
    attributes: list[tuple[lark.Token, object]]
    types: list[TensorType]
    location: tuple[str, ...]


@dataclass
class ParsedFunction:
    token: lark.Token
    name: str
    inputs: list[tuple[lark.Token, TensorType]]
    outputs: list[tuple[lark.Token, TensorType]]
    operations: list[ParsedOp]
    returned: list[lark.Token]


@dataclass
class Part:
    """An optional piece of an op, told apart from the others by ``kind``."""

    kind: str
    content: list[object]


def unquote(text: str) -> str:
    return str(json.loads(text, strict=False)) if text.startswith('"') else text


def _dim(node: object) -> Dim:
    if isinstance(node, Identifier):
        return symbol(node.text)
    assert isinstance(node, int | SymInt)
    return node


class Transformer(lark.Transformer[lark.Token, object]):
    """Grammar rules to plain Python values; positions travel in the tokens."""

    def module(self, functions: list[object]) -> object:
        return functions

    def symbol(self, items: list[lark.Token]) -> FunctionRef:
        reference = FunctionRef(unquote(items[0]))
        object.__setattr__(reference, "token", items[0])
        return reference

    def function(self, items: list[object]) -> ParsedFunction:
        head = items[0]
        assert isinstance(head, FunctionRef)
        parameters = [i for i in items[1:] if isinstance(i, Part) and i.kind == "parameter"]
        split = next(i for i, item in enumerate(items) if isinstance(item, Part) and item.kind == "return")
        operations = [i for i in items if isinstance(i, ParsedOp)]
        returned = [t for t in _content(items[split]) if isinstance(t, lark.Token)]
        outputs = parameters[len(parameters) - len(returned) :] if returned else []
        inputs = parameters[: len(parameters) - len(outputs)]
        return ParsedFunction(
            object.__getattribute__(head, "token"), head.name, _pairs(inputs), _pairs(outputs), operations, returned
        )

    def parameter(self, items: list[object]) -> Part:
        return Part("parameter", items)

    def return_(self, items: list[object]) -> Part:
        return Part("return", items)

    def op(self, items: list[object]) -> ParsedOp:
        present = [i for i in items if i is not None]
        parts = {i.kind: i.content for i in present if isinstance(i, Part)}
        token = next(i for i in present if isinstance(i, lark.Token))
        operands = [i.content[0] for i in present if isinstance(i, Part) and i.kind == "operand"]
        types = [t for t in parts.get("types", []) if isinstance(t, TensorType)]
        results = [t for t in parts.get("results", []) if isinstance(t, lark.Token)]
        attributes = [a for a in parts.get("attributes", []) if isinstance(a, tuple)]
        location = tuple(unquote(str(t)) for t in parts.get("location", []))
        return ParsedOp(token, results, operands, attributes, types, location)

    def results(self, items: list[object]) -> Part:
        return Part("results", items)

    def value(self, items: list[object]) -> Part:
        return Part("operand", items)

    def absent(self, items: list[lark.Token]) -> Part:
        if items[0] != "none":
            raise error_at(items[0], f"an operand is a %value, a list or none, not {items[0]}")
        return Part("operand", [None])

    def variadic(self, items: list[object]) -> Part:
        return Part("operand", [[i for i in items if i is not None]])

    def attributes(self, items: list[object]) -> Part:
        return Part("attributes", items)

    def attribute(self, items: list[object]) -> tuple[object, object]:
        return items[0], items[1]

    def types(self, items: list[object]) -> Part:
        return Part("types", items)

    def location(self, items: list[object]) -> Part:
        return Part("location", items)

    def list_literal(self, items: list[object]) -> list[object]:
        return [i for i in items if i is not None]

    def weight(self, items: list[lark.Token]) -> WeightRef:
        return WeightRef(unquote(items[0][len("weight<") : -1]))

    def dense(self, items: Sequence[object]) -> DenseLiteral:
        return DenseLiteral(items[0])

    def float_literal(self, items: Sequence[lark.Token]) -> object:
        return float(items[0])

    def negative_float(self, items: Sequence[lark.Token]) -> object:
        return -float(items[0])

    def integer(self, items: Sequence[lark.Token]) -> object:
        return int(items[0])

    def name(self, items: Sequence[lark.Token]) -> object:
        return Identifier(str(items[0]))

    def quoted(self, items: Sequence[lark.Token]) -> object:
        return Identifier(unquote(items[0]), quoted=True)

    def neg(self, items: Sequence[object]) -> object:
        if isinstance(items[0], Identifier) and items[0].text == "inf":
            return float("-inf")
        return -_dim(items[0])

    def add(self, items: Sequence[object]) -> object:
        return _dim(items[0]) + _dim(items[1])

    def sub(self, items: Sequence[object]) -> object:
        return _dim(items[0]) - _dim(items[1])

    def mul(self, items: Sequence[object]) -> object:
        return _dim(items[0]) * _dim(items[1])

    def floordiv(self, items: Sequence[object]) -> object:
        return _dim(items[0]) // _dim(items[1])

    def mod(self, items: Sequence[object]) -> object:
        return _dim(items[0]) % _dim(items[1])

    def max(self, items: Sequence[object]) -> object:
        return dim_max(_dim(items[1]), _dim(items[2]))

    def min(self, items: Sequence[object]) -> object:
        return dim_min(_dim(items[1]), _dim(items[2]))

    def plain_type(self, items: Sequence[object]) -> TensorType:
        token = items[0]
        assert isinstance(token, lark.Token)
        return TensorType(_dtype(token), tuple(_dim(i) for i in items[1:] if i is not None))

    def quantized_type(self, items: Sequence[object]) -> TensorType:
        expressed, storage = items[0], items[1]
        assert isinstance(expressed, lark.Token) and isinstance(storage, lark.Token)
        fields = {str(i[0]): i[1] for i in items[2:] if isinstance(i, tuple)}
        dims = tuple(_dim(i) for i in items[2:] if i is not None and not isinstance(i, tuple))
        annotations: dict[str, object] = {
            "scales": tuple[float, ...], "zero_points": tuple[int, ...], "axis": int, "block": int
        }  # fmt: skip
        try:
            decoded = {name: decode(node, annotations[name]) for name, node in fields.items()}
            quantization = QuantizedType(_dtype(storage), **decoded)  # type: ignore[arg-type]
        except KeyError as error:
            raise error_at(expressed, f"a quantized type has no field {error}") from None
        except (TypeError, ValueError) as error:
            raise error_at(expressed, str(error)) from None
        return TensorType(_dtype(expressed), dims, quantization)


def _content(item: object) -> list[object]:
    assert isinstance(item, Part)
    return item.content


def _pairs(parts: list[Part]) -> list[tuple[lark.Token, TensorType]]:
    pairs = []
    for part in parts:
        token, type_ = part.content
        assert isinstance(token, lark.Token) and isinstance(type_, TensorType)
        pairs.append((token, type_))
    return pairs


def _dtype(token: lark.Token) -> DType:
    try:
        return DType(str(token))
    except ValueError:
        raise error_at(token, f"{token} is not an element type") from None


@functools.cache
def _parser() -> "lark.Lark":
    grammar = (Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8")
    return lark.Lark(grammar, start="module", parser="lalr", transformer=Transformer(), maybe_placeholders=False)


def parse_syntax(text: str) -> list[ParsedFunction]:
    """The parsed functions of ``text``; raises ParseError."""
    try:
        # lark calls the transformer's methods while it parses, so there is never a tree.
        functions = _parser().parse(text)
    except lark.exceptions.VisitError as error:
        raise error.orig_exc from None
    except lark.exceptions.UnexpectedInput as error:
        raise ParseError(_syntax_message(error, text), max(error.line, 1), max(error.column, 1)) from None
    assert isinstance(functions, list)
    return functions


def _syntax_message(error: lark.exceptions.UnexpectedInput, text: str) -> str:
    if isinstance(error, lark.exceptions.UnexpectedToken):
        found = "the end of the text" if error.token.type == "$END" else repr(str(error.token))
        expected = ", ".join(sorted(error.accepts or error.expected)[:8])
        return f"unexpected {found}; expected one of {expected}"
    return f"unexpected character {text[error.pos_in_stream or 0]!r}" if error.pos_in_stream is not None else str(error)
