"""Padding, in all of PyTorch's modes."""

from collections.abc import Sequence

from ....dims import Dim, dim_max
from ....ir import Value
from ....ops import tensor
from ....ops.enums import PadMode
from ..registry import Table
from ..scalars import Int, Number
from ..scope import Scope, known_dims
from ..tensors import Tensor, Unsupported

TABLE = Table()

_MODES = {"reflect": PadMode.REFLECT, "replicate": PadMode.EDGE, "circular": PadMode.WRAP}

_NUMBERED_MODES = ("reflect", "replicate", "circular", "constant")
"""at::padding_mode, in the order of its numbers."""


@TABLE.imports("pad")
def pad_in_mode(
    scope: Scope, self: Tensor, pad: Sequence[Int], mode: str = "constant", value: Number | None = None
) -> Value:
    if mode == "constant":
        return constant_pad_nd(scope, self, pad, 0 if value is None else value)
    if mode not in _MODES:
        raise Unsupported(f"its mode {mode} is not known")
    return _padded(self.value, pad, None, _MODES[mode])


@TABLE.imports("_pad_enum")
def pad_enum(scope: Scope, self: Tensor, pad: Sequence[Int], mode: int, value: Number | None = None) -> Value:
    if not 0 <= mode < len(_NUMBERED_MODES):
        raise Unsupported(f"its mode {mode} is not known")
    return pad_in_mode(scope, self, pad, _NUMBERED_MODES[mode], value)


@TABLE.imports("constant_pad_nd")
def constant_pad_nd(scope: Scope, self: Tensor, pad: Sequence[Int], value: Number = 0) -> Value:
    is_zero = isinstance(value, int | float) and value == 0
    return _padded(self.value, pad, None if is_zero else scope.scalar(value, self.dtype), PadMode.CONSTANT)


@TABLE.imports("_pad_circular")
def pad_circular(self: Tensor, pad: Sequence[Int]) -> Value:
    return _padded(self.value, pad, None, PadMode.WRAP)


@TABLE.imports("reflection_pad1d", "reflection_pad2d", "reflection_pad3d")
def reflection_pad(self: Tensor, padding: Sequence[Int]) -> Value:
    return _padded(self.value, padding, None, PadMode.REFLECT)


@TABLE.imports("replication_pad1d", "replication_pad2d", "replication_pad3d")
def replication_pad(self: Tensor, padding: Sequence[Int]) -> Value:
    return _padded(self.value, padding, None, PadMode.EDGE)


def _padded(x: Value, pads: Sequence[Int], value: Value | None, mode: PadMode) -> Value:
    """The tensor with ``pads`` added, low and high in turn, the last axis first; negative ones take away."""
    amounts = known_dims(pads, "an amount of padding")
    rank = x.type.rank
    if len(amounts) % 2 or len(amounts) > 2 * rank:
        raise Unsupported(f"{list(amounts)} is no low and high padding for the last axes of {x.type}")
    unpadded = (0,) * (rank - len(amounts) // 2)
    lows, highs = ((*unpadded, *amounts[side::2][::-1]) for side in (0, 1))
    if all(a == 0 for a in amounts):
        return x
    x = _cropped(x, lows, highs)
    low, high = (tuple(dim_max(a, 0) for a in side) for side in (lows, highs))
    return tensor.Pad(x, value, low, high, mode).result if any(a != 0 for a in (*low, *high)) else x


def _cropped(x: Value, lows: Sequence[Dim], highs: Sequence[Dim]) -> Value:
    low, high = (tuple(dim_max(-a, 0) for a in side) for side in (lows, highs))
    if all(a == 0 for a in (*low, *high)):
        return x
    sizes = tuple(d - a - b for d, a, b in zip(x.type.shape, low, high, strict=True))
    return tensor.Slice(x, low, sizes, (1,) * x.type.rank).result
