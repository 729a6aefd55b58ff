"""Elementwise comparison, selection, logic, bits, and the functions of two tensors that are made of them."""

import math as numbers
from collections.abc import Callable

from ....dims import known_different
from ....ir import Op, Value
from ....ops import math, nn
from ....types import DType
from .. import formulas as f
from ..promotion import as_float, as_value, promote, promoted, result_type
from ..registry import Importer, Table, write_result
from ..scalars import Number
from ..scope import Scope, cast
from ..tensors import Tensor, Unsupported
from .arithmetic import known
from .unary import log_of_one_plus

TABLE = Table()

_COMPARISONS: dict[tuple[str, ...], type[math.Binary]] = {
    ("eq",): math.Equal,
    ("ne", "not_equal"): math.NotEqual,
    ("lt", "less"): math.Less,
    ("le", "less_equal"): math.LessEqual,
    ("gt", "greater"): math.Greater,
    ("ge", "greater_equal"): math.GreaterEqual,
}

_LOGIC: dict[str, type[math.Binary]] = {
    "logical_and": math.LogicalAnd,
    "logical_or": math.LogicalOr,
    "logical_xor": math.LogicalXor,
}

_BITS: dict[str, tuple[type[math.Binary], type[math.Binary]]] = {
    "and": (math.BitwiseAnd, math.LogicalAnd),
    "or": (math.BitwiseOr, math.LogicalOr),
    "xor": (math.BitwiseXor, math.LogicalXor),
}
"""Each for integers, and for bools."""

_SHIFTS: dict[tuple[str, str], type[math.Binary]] = {
    ("lshift", "bitwise_left_shift"): math.ShiftLeft,
    ("rshift", "bitwise_right_shift"): math.ShiftRight,
}


def _compared(scope: Scope, op: Callable[[Value, Value], Op], a: Tensor | Number, b: Tensor | Number) -> Value:
    dtype = result_type((a, b))
    if dtype is DType.BOOL and op not in (math.Equal, math.NotEqual):
        dtype = DType.I32
    return op(*promoted(scope, (a, b), dtype)).result


def _comparison(op: Callable[[Value, Value], Op]) -> Importer:
    def importer(scope: Scope, self: Tensor, other: Tensor | Number) -> Value:
        return _compared(scope, op, self, other)

    return importer


def _logic(op: Callable[[Value, Value], Op]) -> Importer:
    def importer(self: Tensor, other: Tensor) -> Value:
        return op(cast(self.value, DType.BOOL), cast(other.value, DType.BOOL)).result

    return importer


def _bitwise(op: Callable[[Value, Value], Op], on_bools: Callable[[Value, Value], Op]) -> Callable[..., Value]:
    def compute(scope: Scope, a: Tensor | Number, b: Tensor | Number) -> Value:
        x, y = promoted(scope, (a, b))
        return (on_bools if x.type.dtype is DType.BOOL else op)(x, y).result

    return compute


def _shifted(op: Callable[[Value, Value], Op]) -> Callable[..., Value]:
    def compute(scope: Scope, a: Tensor | Number, b: Tensor | Number) -> Value:
        x, y = promoted(scope, (a, b))
        return op(x, y).result

    return compute


def _register_bits(compute: Callable[..., Value], name: str, operator: str) -> None:
    """Registers ``name`` and the methods behind the operators ``&`` and ``&=``."""

    def of_tensor(scope: Scope, self: Tensor, other: Tensor | Number) -> Value:
        return compute(scope, self, other)

    def of_number(scope: Scope, self: Number, other: Tensor) -> Value:
        return compute(scope, self, other)

    def in_place(scope: Scope, self: Tensor, other: Tensor | Number) -> Tensor:
        return write_result(scope, self, compute(scope, self, other))

    TABLE.imports(name, f"__{operator}__")(of_tensor)
    TABLE.imports(name)(of_number)
    TABLE.imports(f"__i{operator}__")(in_place)


for _names, _op in _COMPARISONS.items():
    TABLE.imports(*_names)(_comparison(_op))
for _name, _op in _LOGIC.items():
    TABLE.imports(_name)(_logic(_op))
for _name, (_op, _on_bools) in _BITS.items():
    _register_bits(_bitwise(_op, _on_bools), f"bitwise_{_name}", _name)
for (_operator, _name), _op in _SHIFTS.items():
    _register_bits(_shifted(_op), _name, _operator)


@TABLE.imports("clamp", "clip")
def clamp(scope: Scope, self: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None) -> Value:
    bounds = [b for b in (min, max) if b is not None]
    if not bounds:
        raise Unsupported("it has neither a minimum nor a maximum")
    dtype = result_type((self, *bounds))
    x = cast(self.value, dtype)
    low, high = _known_bound(min, -numbers.inf), _known_bound(max, numbers.inf)
    if low is not None and high is not None and _fit((low, high), dtype):
        # Where the bounds cross, PyTorch gives the maximum.
        return math.Clamp(x, low if low <= high else high, high).result
    for bound, op in ((min, math.Maximum), (max, math.Minimum)):
        if bound is not None:
            x = op(x, as_value(scope, bound, dtype)).result
    return x


def _known_bound(bound: Tensor | Number | None, absent: float) -> float | None:
    if bound is None:
        return absent
    number = known(bound)
    return None if number is None else float(number)


def _fit(bounds: tuple[float, float], dtype: DType) -> bool:
    """Whether math.clamp takes the bounds."""
    if dtype.is_float:
        return not any(map(numbers.isnan, bounds))
    return dtype.is_integer and all(numbers.isinf(b) or dtype.lowest <= b <= dtype.highest for b in bounds)


@TABLE.imports("clamp_min")
def clamp_min(scope: Scope, self: Tensor, min: Tensor | Number) -> Value:
    return clamp(scope, self, min)


@TABLE.imports("clamp_max")
def clamp_max(scope: Scope, self: Tensor, max: Tensor | Number) -> Value:
    return clamp(scope, self, None, max)


@TABLE.imports("isclose")
def isclose(self: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Value:
    dtype = promote(self.dtype, other.dtype)
    x, y = as_float(cast(self.value, dtype)), as_float(cast(other.value, dtype))
    distance = f.absolute(f.sub(x, y))
    near = f.less_equal(distance, f.add(f.mul(f.absolute(y), rtol), atol))
    # An infinite tolerance takes in everything: only equal infinities are close.
    near = f.both(near, f.less(distance, numbers.inf))
    result = f.either(f.equal(x, y), near)
    if equal_nan:
        result = f.either(result, f.both(math.IsNan(x).result, math.IsNan(y).result))
    return result


@TABLE.imports("allclose")
def allclose(
    scope: Scope, self: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Number:
    return _all(scope, isclose(self, other, rtol, atol, equal_nan))


@TABLE.imports("equal")
def equal(scope: Scope, self: Tensor, other: Tensor) -> Number:
    if self.rank != other.rank or any(map(known_different, self.shape, other.shape)):
        return False
    return _all(scope, _compared(scope, math.Equal, self, other))


def _all(scope: Scope, x: Value) -> Number:
    return scope.number(math.ReduceAll(x, tuple(range(x.type.rank)), False).result if x.type.rank else x)


@TABLE.imports("is_nonzero")
def is_nonzero(scope: Scope, self: Tensor) -> Number:
    return scope.number(cast(self.value, DType.BOOL))


@TABLE.imports("heaviside")
def heaviside(self: Tensor, values: Tensor) -> Value:
    x = self.value
    return f.select(f.equal(x, 0), values.value, cast(f.less(0, x), x.type.dtype))


@TABLE.imports("copysign")
def copysign(scope: Scope, self: Tensor, other: Tensor | Number) -> Value:
    x, y = map(as_float, promoted(scope, (self, other)))
    size = f.absolute(x)
    return f.select(f.is_below_zero(y), f.neg(size), size)


@TABLE.imports("atan2", "arctan2")
def atan2(scope: Scope, self: Tensor, other: Tensor) -> Value:
    y, x = map(as_float, promoted(scope, (self, other)))
    is_upright = f.equal(x, 0)
    angle = math.Atan(f.div(y, f.select(is_upright, 1, x))).result
    turn = f.select(f.is_below_zero(y), f.filled(y, -numbers.pi), numbers.pi)
    turned = f.select(f.less(x, 0), f.add(angle, turn), angle)
    upright = f.mul(math.Sign(y).result, numbers.pi / 2)
    return f.select(is_upright, upright, turned)


@TABLE.imports("hypot")
def hypot(scope: Scope, self: Tensor, other: Tensor) -> Value:
    x, y = promoted(scope, (self, other))
    return math.Sqrt(f.add(math.Square(x).result, math.Square(y).result)).result


@TABLE.imports("logaddexp")
def logaddexp(scope: Scope, self: Tensor, other: Tensor) -> Value:
    x, y = map(as_float, promoted(scope, (self, other)))
    return _log_of_sum(x, y, 1)


@TABLE.imports("logaddexp2")
def logaddexp2(scope: Scope, self: Tensor, other: Tensor) -> Value:
    x, y = map(as_float, promoted(scope, (self, other)))
    return _log_of_sum(x, y, numbers.log(2))


def _log_of_sum(x: Value, y: Value, scale: float) -> Value:
    """log(b**x + b**y) to the base b, ``scale`` being the logarithm of b."""
    # Equal infinities have no difference.
    distance = f.select(f.equal(x, y), 0, f.absolute(f.sub(x, y)))
    rest = nn.Softplus(f.mul(distance, -scale)).result
    return f.add(f.maximum(x, y), rest if scale == 1 else f.div(rest, scale))


@TABLE.imports("xlogy", "special_xlogy")
def xlogy(scope: Scope, self: Tensor, other: Tensor | Number) -> Value:
    return _times_log(scope, self, other, 0)


@TABLE.imports("xlogy", "special_xlogy")
def xlogy_of_number(scope: Scope, self: Number, other: Tensor) -> Value:
    return _times_log(scope, self, other, 0)


@TABLE.imports("special_xlog1py")
def xlog1py(scope: Scope, self: Tensor, other: Tensor | Number) -> Value:
    return _times_log(scope, self, other, 1)


@TABLE.imports("special_xlog1py")
def xlog1py_of_number(scope: Scope, self: Number, other: Tensor) -> Value:
    return _times_log(scope, self, other, 1)


def _times_log(scope: Scope, a: Tensor | Number, b: Tensor | Number, offset: int) -> Value:
    """x * log(offset + y); 0 where x is 0, unless y is NaN."""
    x, y = map(as_float, promoted(scope, (a, b)))
    logarithm = log_of_one_plus(y) if offset else f.log(y)
    is_zero = f.both(f.equal(x, 0), f.equal(y, y))
    return f.select(is_zero, 0, f.mul(x, logarithm))


@TABLE.imports("ldexp")
def ldexp(scope: Scope, self: Tensor, other: Tensor) -> Value:
    x, y = map(as_float, promoted(scope, (self, other)))
    return f.mul(x, f.power(2, y))
