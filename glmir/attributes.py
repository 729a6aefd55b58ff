"""Typed attributes and their text form: one place that says how each attribute type is printed and read back."""

import enum
import json
import math
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
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(format_attribute, value))}]"
    if isinstance(value, FunctionRef):
        return f"@{value.name}"
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
    raise AttributeValueError(f"expected {annotation.__name__}, found {_describe(node)}")


def _decode_float(node: object) -> float:
    if isinstance(node, float | int):
        return float(node)
    if isinstance(node, Identifier) and node.text in ("inf", "nan"):
        return math.inf if node.text == "inf" else math.nan
    raise AttributeValueError(f"expected a float, found {_describe(node)}")


def _describe(node: object) -> str:
    if isinstance(node, Identifier):
        return node.text
    return "a list" if isinstance(node, list) else str(node)


def decode_dense(node: object, dtype: DType, shape: tuple[int, ...]) -> Array:
    """The array that ``dense<…>`` stands for; raises AttributeValueError when the elements do not fit the type."""

    def element(leaf: object) -> object:
        if dtype is DType.BOOL:
            return decode(leaf, bool)
        return decode(leaf, float if dtype.is_float else int)

    def convert(part: object) -> object:
        return [convert(p) for p in part] if isinstance(part, list) else element(part)

    converted = convert(node)
    try:
        array = np.array(converted, dtype=None if converted == [] else _parse_dtype(dtype)).astype(dtype.numpy)
        if not isinstance(converted, list):
            return np.broadcast_to(array, shape).copy()
        return array.reshape(shape)
    except (ValueError, OverflowError) as error:
        raise AttributeValueError(f"the elements do not fit {dtype.value}{list(shape)}: {error}") from None


def _parse_dtype(dtype: DType) -> "np.dtype[np.generic]":
    if dtype.is_float:
        return np.dtype(np.float64)
    if dtype is DType.U64:
        return np.dtype(np.uint64)
    return np.dtype(np.bool_ if dtype is DType.BOOL else np.int64)
