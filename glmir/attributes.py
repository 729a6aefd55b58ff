"""Typed attributes and their text form: one place that says how each attribute type is printed and read back."""

import enum
import json
import math
import re
import types
import typing
from dataclasses import dataclass

import numpy as np

from .dims import Dim, SymInt, symbol
from .types import DType
from .weights import Array, Weight


@dataclass(frozen=True)
class FunctionRef:
    """A reference to a function of the same module, ``@name`` in the text."""

    name: str


@dataclass(frozen=True)
class Identifier:
    """A bare or quoted word in the text, not yet known to be an enum member, a symbol or a string."""

    text: str
    quoted: bool = False


class AttributeValueError(ValueError):
    """A parsed attribute does not fit the attribute's declared type."""


_PLAIN_NAME = re.compile(r"(?!\d+\Z)[A-Za-z0-9_.$/\-]+\Z", re.ASCII)
_PLAIN_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")


def quote(text: str) -> str:
    """A string literal of the text (JSON)."""
    # A lone surrogate, which only a damaged name holds, is no text that a file could store.
    return json.dumps(text, ensure_ascii=not text.isprintable() or any("\ud800" <= c <= "\udfff" for c in text))


def format_name(name: str) -> str:
    """The name of a value or weight, quoted unless it is plain. Bare numbers are the numbering of unnamed values."""
    return name if _PLAIN_NAME.match(name) else quote(name)


def format_symbol(name: str) -> str:
    """``@name``: a function."""
    return f"@{name if _PLAIN_SYMBOL.match(name) else quote(name)}"


def format_float(value: float) -> str:
    """The shortest text that reads back as the same float, always recognisable as one (``1.0``, ``1e-05``, ``inf``)."""
    text = repr(float(value))
    return text if any(c in text for c in ".en") else text + ".0"


def format_attribute(value: object) -> str:
    """The text of an attribute value other than a Weight."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_float(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(format_attribute, value))}]"
    if isinstance(value, FunctionRef):
        return format_symbol(value.name)
    return "none" if value is None else str(value)


def format_dense(array: Array) -> str:
    """``dense<[[1, 2], [3, 4]]>``: the elements of a small constant; one element alone when all are equal."""
    if array.dtype == np.bool_:
        texts = [("true" if v else "false") for v in array.ravel().tolist()]
    elif DType.of(array.dtype).is_float:
        # str() of a numpy scalar is the shortest text for its own precision; ml_dtypes prints through float32.
        texts = [format_float(float(str(v))) if np.isfinite(float(v)) else repr(float(v)) for v in array.ravel()]
    else:
        texts = [str(int(v)) for v in array.ravel()]
    if len(texts) > 1 and len(set(texts)) == 1:
        return f"dense<{texts[0]}>"
    return f"dense<{_nest(texts, array.shape)}>"


def _nest(texts: list[str], shape: tuple[int, ...]) -> str:
    if not shape:
        return texts[0]
    step = len(texts) // shape[0] if shape[0] else 0
    parts = [_nest(texts[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]
    return f"[{', '.join(parts)}]"


def decode(node: object, annotation: object) -> object:
    """The attribute value that a parsed ``node`` stands for under the declared type; raises AttributeValueError."""
    origin = typing.get_origin(annotation)
    if isinstance(annotation, types.UnionType):
        members = annotation.__args__
        if SymInt in members:
            if node == Identifier("none") and type(None) in members:
                return None
            return _decode_dim(node)
        if node == Identifier("none"):
            return None
        (annotation,) = (m for m in members if m is not type(None))
        return decode(node, annotation)
    if origin is tuple:
        if not isinstance(node, list):
            raise AttributeValueError(f"expected a list, found {_describe(node)}")
        element = typing.get_args(annotation)[0]
        return tuple(decode(n, element) for n in node)
    if isinstance(annotation, type):
        return _decode_scalar(node, annotation)
    raise AttributeValueError(f"the attribute type {annotation!r} has no text form")


def _decode_dim(node: object) -> Dim:
    if isinstance(node, Identifier):
        return symbol(node.text)
    if isinstance(node, int | SymInt) and not isinstance(node, bool):
        return node
    raise AttributeValueError(f"expected a dimension, found {_describe(node)}")


def _decode_scalar(node: object, annotation: type) -> object:
    if annotation is bool and isinstance(node, Identifier) and node.text in ("true", "false"):
        return node.text == "true"
    if annotation is float:
        return _decode_float(node)
    if annotation is int and isinstance(node, int):
        if not DType.I64.lowest <= node <= DType.I64.highest:
            raise AttributeValueError(f"{node} does not fit 64 bits")
        return node
    if annotation is str and isinstance(node, Identifier) and node.quoted:
        return node.text
    if annotation is FunctionRef and isinstance(node, FunctionRef):
        return node
    if annotation is Weight and isinstance(node, Weight):
        return node
    if issubclass(annotation, enum.Enum) and isinstance(node, Identifier):
        try:
            return annotation(node.text)
        except ValueError:
            choices = ", ".join(str(m.value) for m in annotation)
            raise AttributeValueError(f"expected one of {choices}, found {node.text}") from None
    raise AttributeValueError(f"expected {_TYPE_NAMES.get(annotation, annotation.__name__)}, found {_describe(node)}")


_TYPE_NAMES: dict[type, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a float",
    str: "a string",
    Weight: "a constant (dense<…> or weight<…>)",
    FunctionRef: "a function (@name)",
}


def _decode_float(node: object) -> float:
    if isinstance(node, float | int):
        try:
            return float(node)
        except OverflowError:
            raise AttributeValueError(f"{node} is too large for a float") from None
    if isinstance(node, Identifier) and node.text in ("inf", "nan"):
        return math.inf if node.text == "inf" else math.nan
    raise AttributeValueError(f"expected a float, found {_describe(node)}")


def _describe(node: object) -> str:
    if isinstance(node, Identifier):
        return quote(node.text) if node.quoted else node.text
    if isinstance(node, Weight):
        return "a constant"
    return "a list" if isinstance(node, list) else format_attribute(node)


def decode_dense(node: object, dtype: DType, shape: tuple[int, ...]) -> Array:
    """The array that ``dense<…>`` stands for; raises AttributeValueError when the elements do not fit the type."""
    leaves = [node]
    for size in shape if isinstance(node, list) else ():
        if not all(isinstance(leaf, list) and len(leaf) == size for leaf in leaves):
            raise AttributeValueError(f"the elements do not have the shape {list(shape)}")
        leaves = [leaf for part in leaves if isinstance(part, list) for leaf in part]
    array = _elements(leaves, dtype)
    return array.reshape(shape) if isinstance(node, list) else np.full(shape, array[0])


def _elements(leaves: list[object], dtype: DType) -> Array:
    if dtype is DType.BOOL:
        return np.array([decode(leaf, bool) for leaf in leaves], np.bool_)
    if dtype.is_float:
        floats = np.array([_decode_float(leaf) for leaf in leaves], np.float64)
        with np.errstate(over="ignore"):
            narrow = floats.astype(dtype.numpy)
        if (np.isinf(narrow.astype(np.float64)) & np.isfinite(floats)).any():
            raise AttributeValueError(f"an element is too large for {dtype.value}")
        return narrow
    integers = [_integer(leaf) for leaf in leaves]
    for element in integers:
        if not dtype.lowest <= element <= dtype.highest:
            raise AttributeValueError(f"{element} does not fit {dtype.value}")
    return np.array(integers, np.uint64 if dtype is DType.U64 else np.int64).astype(dtype.numpy)


def _integer(node: object) -> int:
    if isinstance(node, int):
        return node
    raise AttributeValueError(f"expected an integer, found {_describe(node)}")
