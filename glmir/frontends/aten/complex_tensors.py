"""Complex tensors. The IR has none: the real and the imaginary part are tensors of their own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...ir import Op, Value
from ...ops import math, tensor
from .registry import Mismatch, Overload, Result
from .scope import Scope, constant
from .tensors import Storage, Tensor, Unsupported


@dataclass(eq=False)
class ComplexTensor:
    """``real + imag * i``; both parts have the same shape, and the same dtype, f32 or f64.

    The parts may be views: what is written to a complex tensor is written to what it is a view of.
    """

    real: Tensor
    imag: Tensor

    @property
    def rank(self) -> int:
        return self.real.rank

    @property
    def parts(self) -> tuple[Value, Value]:
        """The values of both parts now."""
        return self.real.value, self.imag.value

    def written(self, result: object) -> "ComplexTensor":
        """Writes a complex result to both parts."""
        if not isinstance(result, ComplexTensor) or result.real.shape != self.real.shape:
            raise Unsupported("its result cannot be written to a complex tensor")
        real, imag = result.parts
        self.real.write(real)
        self.imag.write(imag)
        return self


Part = Callable[[ComplexTensor], Tensor]

_VALUES = ("value", "values", "src", "source")
_CHOICES = ("self", "other")
"""Parameters of importers whose elements go into the result, of most and of ``where``."""


class ComponentOverload(Overload):
    """An importer of real tensors that does for complex ones what it does for each part: views, copies, sums."""

    def bind(self, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
        if not any(map(has_complex, (*args, *kwargs.values()))):
            raise Mismatch
        bound = {}
        for name, part in (("real", _real), ("imag", _imag)):
            parts = [_part_of(a, part) for a in args]
            bound[name] = super().bind(parts, {k: _part_of(v, part) for k, v in kwargs.items()})
        for name in _VALUES if "condition" not in bound["imag"] else _CHOICES:
            # What is no complex number is written to the real part, and zero to the other.
            given = bound["imag"].get(name)
            if given is not None and given is bound["real"][name]:
                bound["imag"][name] = zeros_like(given) if isinstance(given, Tensor) else 0
        return dict(bound)

    def __call__(self, scope: Scope, bound: Mapping[str, object]) -> Result:
        real, imag = bound["real"], bound["imag"]
        assert isinstance(real, dict) and isinstance(imag, dict)
        return _joined(scope, super().__call__(scope, real), super().__call__(scope, imag))


class ProductOverload(Overload):
    """An importer of a product of two real tensors (matmul, einsum), which is linear in both, for complex ones."""

    def bind(self, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
        factors = _factors(args)
        if len(factors) != 2 or not any(isinstance(f, ComplexTensor) for f in factors):
            raise Mismatch
        bound: dict[str, object] = {}
        for first in (_real, _imag):
            for second in (_real, _imag):
                chosen = (_chosen(factors[0], first), _chosen(factors[1], second))
                key = f"{first is _imag:d}{second is _imag:d}"
                given = None if None in chosen else super().bind(_with_factors(args, chosen), kwargs)
                bound[key] = given
        return bound

    def __call__(self, scope: Scope, bound: Mapping[str, object]) -> Result:
        terms = {key: self._term(scope, given) for key, given in bound.items()}
        real, imag = terms["00"], terms["01"]
        assert real is not None
        if terms["11"] is not None:
            real = math.Sub(real, terms["11"]).result
        if terms["10"] is not None:
            imag = terms["10"] if imag is None else math.Add(imag, terms["10"]).result
        assert imag is not None
        return complex_of(scope, real, imag)

    def _term(self, scope: Scope, given: object) -> Value | None:
        if given is None:
            return None
        assert isinstance(given, dict)
        result = super().__call__(scope, given)
        return _tensor_of(scope, result).value


def _factors(args: Sequence[object]) -> list[object]:
    """The two tensors that are multiplied: the first arguments, or the elements of a list (einsum)."""
    for argument in args:
        if isinstance(argument, list | tuple):
            return list(argument)
    return list(args)


def _with_factors(args: Sequence[object], factors: Sequence[object]) -> list[object]:
    if any(isinstance(a, list | tuple) for a in args):
        return [list(factors) if isinstance(a, list | tuple) else a for a in args]
    return list(factors)


def _chosen(factor: object, part: Part) -> object:
    """A part of a factor; None for the imaginary part of a real one."""
    if isinstance(factor, ComplexTensor):
        return part(factor)
    return factor if part is _real else None


def _real(x: ComplexTensor) -> Tensor:
    return x.real


def _imag(x: ComplexTensor) -> Tensor:
    return x.imag


def has_complex(argument: object) -> bool:
    """Whether it is a complex tensor, or a list with one."""
    if isinstance(argument, list | tuple):
        return any(map(has_complex, argument))
    return isinstance(argument, ComplexTensor)


def _part_of(argument: object, part: Part) -> object:
    if isinstance(argument, ComplexTensor):
        return part(argument)
    if isinstance(argument, list | tuple) and has_complex(argument):
        # Beside complex tensors real ones count as complex, with zeros for their imaginary part.
        return [_part_of(as_complex(a) if isinstance(a, Tensor) else a, part) for a in argument]
    return argument


def as_complex(x: Tensor | ComplexTensor) -> ComplexTensor:
    """A real tensor with an imaginary part of zeros."""
    return x if isinstance(x, ComplexTensor) else ComplexTensor(x, zeros_like(x))


def zeros_like(x: Tensor) -> Tensor:
    """Zeros of the tensor's type."""
    zero = constant(np.zeros((), x.dtype.numpy))
    value = tensor.Expand(zero, None, x.shape).result if x.rank else zero
    return Tensor(Storage(x.scope.insert(value), x.scope))


def complex_of(scope: Scope, real: Value, imag: Value) -> ComplexTensor:
    """A new complex tensor."""
    scope.insert_all((real, imag))
    return ComplexTensor(scope.tensor(real), scope.tensor(imag))


def _tensor_of(scope: Scope, result: Result) -> Tensor:
    if isinstance(result, Tensor):
        return result
    if isinstance(result, Op):
        result = result.result
    if not isinstance(result, Value):
        raise Unsupported("complex tensors are not supported")
    return scope.tensor(result)


def _joined(scope: Scope, real: Result, imag: Result) -> Result:
    """The results for both parts as one; what is no tensor (sizes) is the same for both."""
    if isinstance(real, Tensor | Value | Op):
        return ComplexTensor(_tensor_of(scope, real), _tensor_of(scope, imag))
    if isinstance(real, tuple) and isinstance(imag, tuple):
        return tuple(_joined(scope, r, i) for r, i in zip(real, imag, strict=True))
    if isinstance(real, list) and isinstance(imag, list):
        return [_joined(scope, r, i) for r, i in zip(real, imag, strict=True)]
    return real
