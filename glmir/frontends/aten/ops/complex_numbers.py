"""Arithmetic of complex tensors."""

import numpy as np

from ....ir import Value
from ....ops import math, tensor
from ....types import DType
from ...layers import scalar
from ..building import joined
from ..complex_tensors import ComplexTensor, ComponentOverload, ProductOverload, as_complex, complex_of, zeros_like
from ..dtypes import ComplexDType
from ..promotion import as_float, promoted
from ..registry import Overload, Table
from ..scalars import Number
from ..scope import Scope, cast, constant, reshape
from ..tensors import Storage, Tensor, Unsupported
from ..views import Reshaped, Sliced

TABLE = Table()

COMPLEX64, COMPLEX128 = 9, 10
"""c10::ScalarType"""

_COMPONENTWISE = (
    *("view", "reshape", "_unsafe_view", "view_as", "reshape_as", "unsqueeze", "squeeze", "flatten", "unflatten"),
    *("transpose", "permute", "t", "movedim", "moveaxis", "swapaxes", "swapdims", "expand", "expand_as", "repeat"),
    *("select", "slice", "narrow", "index_select", "index", "gather", "take_along_dim", "split", "split_with_sizes"),
    *("chunk", "unbind", "tensor_split", "cat", "concat", "concatenate", "stack", "hstack", "vstack", "tile"),
    *("clone", "contiguous", "detach", "alias", "lift_fresh", "lift_fresh_copy", "flip", "roll", "diagonal", "unfold"),
    *("neg", "negative", "sum", "mean", "cumsum", "tril", "triu", "zeros_like", "broadcast_to", "pad"),
    *("size", "sym_size", "dim", "numel", "sym_numel", "stride", "len", "is_contiguous", "constant_pad_nd"),
    *("dropout", "repeat_interleave", "where", "masked_fill", "select_scatter", "slice_scatter"),
    *("copy", "fill", "zero", "index_put", "_unsafe_index_put", "index_copy", "index_fill", "scatter"),
    *("masked_scatter", "fft_fftshift", "fft_ifftshift"),
)
"""What does the same to both parts."""

_PRODUCTS = ("mul", "multiply", "matmul", "mm", "bmm", "mv", "dot", "einsum", "outer", "inner", "tensordot")


def lift(table: Table) -> None:
    """Adds to the importers of real tensors what makes them serve complex ones."""
    for names, kind in ((_COMPONENTWISE, ComponentOverload), (_PRODUCTS, ProductOverload)):
        for name in names:
            overloads = table.overloads.get(name, [])
            overloads.extend([kind(o.importer) for o in overloads if not isinstance(o, kind)])
    for name in ("to", "_to_copy"):
        # In front: those for real dtypes refuse complex ones.
        table.overloads[name].insert(0, Overload(to_complex))


def to_complex(
    scope: Scope, self: Tensor | ComplexTensor, dtype: ComplexDType, *_copying: object, **_options: object
) -> ComplexTensor:
    given = as_complex(self)
    return complex_of(scope, cast(given.real.value, dtype.part), cast(given.imag.value, dtype.part))


# Between real and complex tensors


@TABLE.imports("view_as_complex")
def view_as_complex(self: Tensor) -> ComplexTensor:
    *shape, pair = self.shape
    if pair != 2:
        raise Unsupported(f"the last axis of {self.type} does not hold two parts")
    real, imag = (self.view(Sliced(len(shape), i, 1), Reshaped(tuple(shape))) for i in (0, 1))
    return ComplexTensor(real, imag)


@TABLE.imports("view_as_real")
def view_as_real(self: ComplexTensor) -> Tensor:
    scope = self.real.scope
    view = Tensor(Storage(scope.insert(view_as_real_copy(self)), scope))
    # A tensor of its own: who writes to one may not read the other.
    view.storage.may_share(self.real.storage)
    view.storage.may_share(self.imag.storage)
    return view


@TABLE.imports("view_as_real_copy")
def view_as_real_copy(self: ComplexTensor) -> Value:
    parts = [reshape(p, (*p.type.shape, 1)) for p in self.parts]
    return joined(parts, self.rank)


@TABLE.imports("complex")
def complex_tensor(scope: Scope, real: Tensor, imag: Tensor) -> ComplexTensor:
    x, y = promoted(scope, (real, imag))
    return complex_of(scope, *_broadcast(x, y))


def _broadcast(x: Value, y: Value) -> tuple[Value, Value]:
    """Both with the shape that they have together."""
    shape = math.Add(x, y).result.type.shape
    both = (v if v.type.shape == shape else tensor.Expand(v, None, shape).result for v in (x, y))
    first, second = both
    return first, second


@TABLE.imports("polar")
def polar(scope: Scope, abs: Tensor, angle: Tensor) -> ComplexTensor:
    size, phase = promoted(scope, (abs, angle))
    real, imag = (math.Mul(size, part).result for part in (math.Cos(phase).result, math.Sin(phase).result))
    return complex_of(scope, real, imag)


@TABLE.imports("real")
def real_part(self: Tensor | ComplexTensor) -> Tensor:
    return self.real if isinstance(self, ComplexTensor) else self


@TABLE.imports("imag")
def imaginary_part(self: ComplexTensor) -> Tensor:
    return self.imag


@TABLE.imports("is_complex", "prim::is_complex")
def is_complex(self: object) -> bool:
    return isinstance(self, ComplexTensor)


@TABLE.imports("prim::dtype")
def dtype_of(self: ComplexTensor) -> int:
    return COMPLEX128 if self.real.dtype is DType.F64 else COMPLEX64


@TABLE.imports("is_floating_point")
def is_floating_point(self: ComplexTensor) -> bool:
    return False


@TABLE.imports("is_conj", "is_neg")
def is_lazily_changed(self: object) -> bool:
    return False


@TABLE.imports("conj", "_conj", "conj_physical", "_conj_physical", "adjoint_conj")
def conj(scope: Scope, self: Tensor | ComplexTensor) -> Tensor | ComplexTensor:
    if isinstance(self, Tensor):
        return self
    return ComplexTensor(self.real, scope.tensor(math.Neg(self.imag.value).result))


@TABLE.imports("resolve_conj", "resolve_neg")
def resolved(self: Tensor | ComplexTensor) -> Tensor | ComplexTensor:
    return self


@TABLE.imports("abs", "absolute")
def absolute(self: ComplexTensor) -> Value:
    return math.Sqrt(squared_size(self)).result


def squared_size(x: ComplexTensor) -> Value:
    real, imag = x.parts
    return math.Add(math.Square(real).result, math.Square(imag).result).result


@TABLE.imports("angle")
def angle(self: Tensor | ComplexTensor) -> Value:
    if isinstance(self, ComplexTensor):
        return _angle_of(self)
    x = as_float(self.value)
    turned = math.Select(math.Less(x, scalar(0, x)).result, scalar(np.pi, x), scalar(0, x)).result
    return math.Select(math.IsNan(x).result, x, turned).result


def _angle_of(self: ComplexTensor) -> Value:
    """atan2(imag, real), of zero zero."""
    x, y = self.parts
    zero, half_turn = scalar(0, x), scalar(np.pi, x)
    is_zero = math.Equal(x, zero).result
    slope = math.Div(y, math.Select(is_zero, scalar(1, x), x).result).result
    below = math.Select(math.Less(y, zero).result, math.Neg(half_turn).result, half_turn).result
    turned = math.Select(math.Less(x, zero).result, below, zero).result
    upright = math.Mul(math.Sign(y).result, scalar(np.pi / 2, x)).result
    return math.Select(is_zero, upright, math.Add(math.Atan(slope).result, turned).result).result


# Arithmetic


def _operand(scope: Scope, x: Tensor | ComplexTensor | Number, beside: ComplexTensor) -> ComplexTensor:
    if isinstance(x, Tensor | ComplexTensor):
        return as_complex(x)
    number = scope.tensor(scope.scalar(x, beside.real.dtype))
    return ComplexTensor(number, zeros_like(number))


@TABLE.imports("add")
def add(
    scope: Scope, self: ComplexTensor, other: ComplexTensor | Tensor | Number, *, alpha: Number = 1
) -> ComplexTensor:
    return _added(scope, self, other, alpha, math.Add)


@TABLE.imports("add")
def add_to_real(scope: Scope, self: Tensor, other: ComplexTensor, *, alpha: Number = 1) -> ComplexTensor:
    return _added(scope, as_complex(self), other, alpha, math.Add)


@TABLE.imports("sub", "subtract")
def sub(
    scope: Scope, self: ComplexTensor, other: ComplexTensor | Tensor | Number, *, alpha: Number = 1
) -> ComplexTensor:
    return _added(scope, self, other, alpha, math.Sub)


@TABLE.imports("sub", "subtract")
def sub_from_real(scope: Scope, self: Tensor, other: ComplexTensor, *, alpha: Number = 1) -> ComplexTensor:
    return _added(scope, as_complex(self), other, alpha, math.Sub)


def _added(
    scope: Scope,
    self: ComplexTensor,
    other: ComplexTensor | Tensor | Number,
    alpha: Number,
    op: type[math.Add] | type[math.Sub],
) -> ComplexTensor:
    terms = _operand(scope, other, self).parts
    if alpha != 1:
        terms = tuple(math.Mul(t, scope.scalar(alpha, t.type.dtype)).result for t in terms)  # type: ignore[assignment]
    real, imag = (op(x, y).result for x, y in zip(self.parts, terms, strict=True))
    return complex_of(scope, *_broadcast(real, imag))


@TABLE.imports("mul", "multiply")
def scaled(scope: Scope, self: ComplexTensor, other: Number) -> ComplexTensor:
    real, imag = (math.Mul(p, scope.scalar(other, p.type.dtype)).result for p in self.parts)
    return complex_of(scope, real, imag)


@TABLE.imports("div", "divide", "true_divide")
def div(scope: Scope, self: ComplexTensor, other: Tensor | Number) -> ComplexTensor:
    dtype = self.real.dtype
    divisor = cast(other.value, dtype) if isinstance(other, Tensor) else scope.scalar(other, dtype)
    real, imag = (math.Div(p, divisor).result for p in self.parts)
    return complex_of(scope, real, imag)


@TABLE.imports("div", "divide", "true_divide")
def div_complex(scope: Scope, self: ComplexTensor | Tensor, other: ComplexTensor) -> ComplexTensor:
    """x / y = x conj(y) / |y|^2"""
    (a, b), (c, d) = as_complex(self).parts, other.parts
    size = squared_size(other)
    real = math.Add(math.Mul(a, c).result, math.Mul(b, d).result).result
    imag = math.Sub(math.Mul(b, c).result, math.Mul(a, d).result).result
    return complex_of(scope, math.Div(real, size).result, math.Div(imag, size).result)


@TABLE.imports("reciprocal")
def reciprocal(scope: Scope, self: ComplexTensor) -> ComplexTensor:
    one = scope.tensor(constant(np.ones((), self.real.dtype.numpy)))
    return div_complex(scope, one, self)


@TABLE.imports("exp")
def exp(scope: Scope, self: ComplexTensor) -> ComplexTensor:
    real, imag = self.parts
    size = math.Exp(real).result
    parts = (math.Mul(size, part).result for part in (math.Cos(imag).result, math.Sin(imag).result))
    return complex_of(scope, *parts)


@TABLE.imports("square")
def square(scope: Scope, self: ComplexTensor) -> ComplexTensor:
    a, b = self.parts
    product = math.Mul(a, b).result
    real = math.Sub(math.Square(a).result, math.Square(b).result).result
    return complex_of(scope, real, math.Add(product, product).result)


@TABLE.imports("pow")
def pow_complex(scope: Scope, self: ComplexTensor, exponent: Number) -> ComplexTensor:
    if exponent == 2:
        return square(scope, self)
    raise Unsupported("of complex tensors only the square is supported")
