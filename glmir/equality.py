"""Structural equality of functions: same ops, in order, over corresponding values; names and locations included."""

from .attributes import format_attribute
from .ir import Function, Op, Value
from .weights import Weight


def functions_equal(a: Function, b: Function) -> bool:
    """Whether ``a`` and ``b`` print alike and hold equal weights."""
    if (a.name, a.output_names, len(a.inputs), len(a.ops)) != (b.name, b.output_names, len(b.inputs), len(b.ops)):
        return False
    pairs: dict[Value, Value] = {}
    if not all(_values_equal(x, y, pairs) for x, y in zip(a.inputs, b.inputs, strict=True)):
        return False
    if not all(_ops_equal(x, y, pairs) for x, y in zip(a.ops, b.ops, strict=True)):
        return False
    return len(a.outputs) == len(b.outputs) and all(
        pairs.get(x) is y for x, y in zip(a.outputs, b.outputs, strict=True)
    )


def _values_equal(a: Value, b: Value, pairs: dict[Value, Value]) -> bool:
    pairs[a] = b
    return a.name == b.name and a.type == b.type


def _ops_equal(a: Op, b: Op, pairs: dict[Value, Value]) -> bool:
    if type(a) is not type(b) or a.location != b.location or len(a.results) != len(b.results):
        return False
    for field in a.definition.operand_fields:
        x, y = getattr(a, field.name), getattr(b, field.name)
        if isinstance(x, tuple) and isinstance(y, tuple):
            if len(x) != len(y) or any(pairs.get(v) is not w for v, w in zip(x, y, strict=True)):
                return False
        elif (x is None) != (y is None) or (x is not None and pairs.get(x) is not y):
            return False
    if any(not _attributes_equal(getattr(a, f.name), getattr(b, f.name)) for f in a.definition.attribute_fields):
        return False
    return all(_values_equal(x, y, pairs) for x, y in zip(a.results, b.results, strict=True))


def _attributes_equal(x: object, y: object) -> bool:
    if isinstance(x, Weight) or isinstance(y, Weight):
        return x == y
    # By the text, for there NaN (a clip bound) equals itself, and -0.0 does not equal 0.0.
    return format_attribute(x) == format_attribute(y)
