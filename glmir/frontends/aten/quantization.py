"""Quantized tensors of programs: the numbers that they stand for, and by which scales these were rounded.

A ``QuantizedTensor`` holds the result of a quantize and a dequantize op. What moves elements, or picks some of them,
works on the numbers and keeps the scales; what computes new ones rounds them again. So a quantized program becomes
float operations between pairs of quantize and dequantize.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...ir import Array, Op, Value
from ...ops import math, quant
from ...types import DType
from ...weights import Weight
from ..torch_archives.storages import StoredTensor
from .registry import Mismatch, Overload, Result
from .scope import Scope, cast, constant, reshape
from .tensors import Tensor, Unsupported

QINT8, QUINT8, QINT32 = 12, 13, 14
"""c10::ScalarType of quantized tensors."""

_STORAGES = {QINT8: DType.I8, QUINT8: DType.U8, QINT32: DType.I32}
_CODES = {dtype: code for code, dtype in _STORAGES.items()}

SCHEMES = {"per_tensor_affine": 0, "per_channel_affine": 1, "per_channel_affine_float_qparams": 4}
"""c10::QScheme"""


@dataclass(frozen=True)
class Scales:
    """``real = (stored - zero_point) * scale``, one of each, or one for each index of ``axis``."""

    scale: Value
    """f32"""
    zero_point: Value | None
    """In the stored dtype; f32 for float zero points. None is 0."""
    storage: DType
    axis: int | None = None
    number: float | None = None
    """The scale, if it is one that is known: in double precision."""

    @property
    def code(self) -> int:
        return _CODES[self.storage]

    def quantized(self, real: Value) -> Value:
        """The integers nearest to numbers."""
        if self.storage is not DType.I32:
            x = cast(real, DType.F32)
            return quant.Quantize(x, self.scale, self.zero_point, self.axis, None, self.storage).result
        if self.axis is not None:
            raise Unsupported("qint32 with scales for each channel is not supported")
        rounded = math.Round(math.Div(real, self.scale).result).result
        if self.zero_point is not None:
            rounded = math.Add(rounded, cast(self.zero_point, real.type.dtype)).result
        return cast(rounded, DType.I32)

    def dequantized(self, stored: Value) -> Value:
        """The numbers that integers stand for."""
        if self.zero_point is None or not self.zero_point.type.dtype.is_float:
            return quant.Dequantize(stored, self.scale, self.zero_point, self.axis).result
        shape = tuple(d if i == self.axis else 1 for i, d in enumerate(stored.type.shape))
        shifted = math.Sub(cast(stored, DType.F32), reshape(self.zero_point, shape)).result
        return math.Mul(shifted, reshape(self.scale, shape)).result


@dataclass(eq=False)
class QuantizedTensor:
    """Numbers rounded by ``scales``."""

    real: Tensor
    scales: Scales

    def written(self, result: object) -> "QuantizedTensor":
        """Writes a quantized result, which may have other scales."""
        if not isinstance(result, QuantizedTensor) or result.real.shape != self.real.shape:
            raise Unsupported("its result cannot be written to a quantized tensor")
        self.real.write(result.real.value)
        self.real.scope.journal.change(self, "scales", result.scales)
        return self


def quantized(scope: Scope, real: Value, scales: Scales) -> QuantizedTensor:
    """Numbers rounded: a quantize op and a dequantize op."""
    return QuantizedTensor(scope.tensor(scales.dequantized(scales.quantized(real))), scales)


def of_stored(scope: Scope, stored: Value, scales: Scales) -> QuantizedTensor:
    """The tensor of integers that are stored."""
    return QuantizedTensor(scope.tensor(scales.dequantized(stored)), scales)


def known_scales(scale: float, zero_point: int, code: int) -> Scales:
    """One scale and zero point for the whole tensor."""
    storage = storage_of(code)
    zero = constant(np.array(zero_point).astype(storage.numpy)) if zero_point else None
    return Scales(constant(np.array(scale, np.float32)), zero, storage, None, scale)


def storage_of(code: int) -> DType:
    """The dtype of the integers of a quantized dtype; raises Unsupported for those of less than 8 bits."""
    if code not in _STORAGES:
        raise Unsupported("only the quantized dtypes qint8, quint8 and qint32 are supported")
    return _STORAGES[code]


def stored_quantized(scope: Scope, stored: StoredTensor, name: str) -> QuantizedTensor:
    """A quantized tensor that an archive holds."""
    assert stored.quantized is not None
    of = stored.quantized
    storage = DType.of(stored.array.dtype)
    integers = scope.weight(Weight(stored.array, name))
    if of.axis is None:
        return of_stored(scope, integers, known_scales(float(of.scales[0]), int(of.zero_points[0]), _CODES[storage]))
    scale = constant(of.scales.astype(np.float32))
    return of_stored(scope, integers, Scales(scale, _zero_points(of.zero_points, storage), storage, of.axis))


def _zero_points(zero_points: Array, storage: DType) -> Value | None:
    if not zero_points.any():
        return None
    return constant(zero_points.astype(np.float32 if zero_points.dtype.kind == "f" else storage.numpy))


# Importers of float tensors on quantized ones


class QuantizedOverload(Overload):
    """An importer of float tensors that does for quantized ones what it does for the numbers that they stand for.

    Where ``rounds`` is set, the result is rounded again, by the scales of the first quantized argument.
    """

    rounds = False

    def bind(self, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
        found = [q for a in (*args, *kwargs.values()) for q in _quantized_in(a)]
        if not found:
            raise Mismatch
        bound = super().bind([_real_of(a) for a in args], {k: _real_of(v) for k, v in kwargs.items()})
        return {"scales": found[0].scales, "bound": bound}

    def __call__(self, scope: Scope, bound: Mapping[str, object]) -> Result:
        scales, given = bound["scales"], bound["bound"]
        assert isinstance(scales, Scales) and isinstance(given, dict)
        result = super().__call__(scope, given)
        return self._with_scales(scope, result, scales)

    def _with_scales(self, scope: Scope, result: Result, scales: Scales) -> Result:
        if isinstance(result, Op):
            result = result.result
        if isinstance(result, Value):
            result = scope.tensor(result)
        if isinstance(result, list):
            return [self._with_scales(scope, r, scales) for r in result]
        if isinstance(result, tuple):
            return tuple(self._with_scales(scope, r, scales) for r in result)
        if not isinstance(result, Tensor) or not result.dtype.is_float:
            return result
        return quantized(scope, result.value, scales) if self.rounds else QuantizedTensor(result, scales)


class RoundedOverload(QuantizedOverload):
    """One whose results are rounded again: averages, interpolation."""

    rounds = True


def _quantized_in(argument: object) -> list[QuantizedTensor]:
    if isinstance(argument, list | tuple):
        return [q for a in argument for q in _quantized_in(a)]
    return [argument] if isinstance(argument, QuantizedTensor) else []


def _real_of(argument: object) -> object:
    if isinstance(argument, list | tuple) and _quantized_in(argument):
        return [_real_of(a) for a in argument]
    return argument.real if isinstance(argument, QuantizedTensor) else argument
