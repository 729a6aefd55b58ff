"""Spectra: the discrete Fourier transform, that of frames of a signal, and the weights of mel bands."""

from collections.abc import Sequence

import numpy as np

from ....dims import Dim
from ....ir import Array, Value
from ....ops import math, nn, tensor
from ....types import DType
from ...fourier import Parts, Size, angles, as_number, real_of_half, scaled_by_size, transformed
from ...values import positions, reshape
from ..node import Imported, ImporterTable, Node, Unsupported, cast, check_axis, constant, scalar
from ..run_time_axes import chosen

TABLE = ImporterTable()


@TABLE.imports("DFT")
def _dft(node: Node) -> Imported:
    """Real and imaginary parts lie along the last axis, which has one element where there are only real ones."""
    axes = _axes(node)
    if len(axes) == 1:
        return _transformed_along(node, axes[0])
    # The axis is known as the model runs: whatever it may be is computed.
    results: dict[tuple[int, ...], Value] = {(axis,): _transformed_along(node, axis) for axis in axes}
    return chosen(node, 2, results, lambda held: results[held].type.shape, lambda held: results[held])


def _axes(node: Node) -> Sequence[int]:
    """The axes that may be meant: an attribute, since opset 20 an operand."""
    rank = node.type(0).rank
    if rank < 2 or node.type(0).shape[-1] not in (1, 2) or not node.type(0).dtype.is_float:
        raise Unsupported(f"its operand {node.type(0)} has no last axis of real and imaginary parts")
    if node.opset < 20:
        return (node.axis("axis", 1, rank),)
    if node.optional(2) is None:
        return (rank - 2,)
    if node.dims(2) in (None, (None,)):
        return range(rank - 1)
    return (check_axis(node.only_int(2), rank),)


def _transformed_along(node: Node, axis: int) -> Value:
    x = node.operand(0)
    if axis == x.type.rank - 1:
        raise Unsupported(f"axis {axis} is that of the real and imaginary parts")
    is_inverse, is_half = bool(node.int("inverse", 0)), bool(node.int("onesided", 0))
    length = x.type.shape[axis]
    size = _size(node, 1)
    if size is None:
        size = 2 * (length - 1) if is_inverse and is_half else length
    columns = _columns(node, size, axis, is_half and not is_inverse)
    scale = 1 / max(size, 1) if is_inverse and isinstance(size, int) else 1.0
    if is_inverse and is_half:
        parts = [real_of_half(_parts_of(x), axis, columns, size, scale)]
    else:
        parts = list(transformed(_parts_of(x), axis, columns, size, is_inverse, scale))
    if is_inverse and not isinstance(size, int):
        parts = [scaled_by_size(part, size) for part in parts]
    return _joined(parts)


def _size(node: Node, index: int) -> Size | None:
    """A number of elements that an operand may give."""
    if node.optional(index) is None:
        return None
    dims = node.dims(index)
    return dims[0] if dims is not None and len(dims) == 1 and dims[0] is not None else node.operand(index)


def _columns(node: Node, size: Size, axis: int, is_half: bool) -> Dim:
    """How many elements the result has; where running the model shows it, what the model declares."""
    if not isinstance(size, Value):
        return size // 2 + 1 if is_half else size
    declared = node.unknown_dim(axis)
    if not isinstance(declared, int):
        raise Unsupported("the length of its transform depends on the data; pin it to a constant with --input")
    return declared


def _parts_of(x: Value) -> Parts:
    shape = x.type.shape
    if shape[-1] == 1:
        return reshape(x, shape[:-1]), None
    real, imag = tensor.Split(x, x.type.rank - 1, (1, 1)).results
    return reshape(real, shape[:-1]), reshape(imag, shape[:-1])


def _joined(parts: Sequence[Value]) -> Value:
    columns = [reshape(part, (*part.type.shape, 1)) for part in parts]
    return columns[0] if len(columns) == 1 else tensor.Concat(tuple(columns), columns[0].type.rank - 1).result


@TABLE.imports("STFT")
def _stft(node: Node) -> Imported:
    """[batch, frames, bins, 2]"""
    x, window = node.operand(0), node.optional(2)
    if x.type.rank == 2:
        x = reshape(x, (*x.type.shape, 1))
    if x.type.rank != 3 or x.type.shape[-1] not in (1, 2) or not x.type.dtype.is_float:
        raise Unsupported(f"its operand {node.type(0)} is no batch of real or complex signals")
    step, size = _size(node, 1), _size(node, 3)
    if window is not None and not isinstance(size, int):
        size = window.type.shape[0]
    size = x.type.shape[1] if size is None else size
    if isinstance(step, int) and isinstance(size, int):
        return _by_convolution(node, x, step, size)
    return _by_frames(node, x, node.operand(1), size)


def _by_convolution(node: Node, x: Value, step: int, size: int) -> Value:
    """The frames' transforms as a convolution with cosines and sines, which the window is multiplied into."""
    bins = size // 2 + 1 if node.int("onesided", 1) else size
    cosine, sine = (f(angles(bins, size, max(size, 1))) for f in (np.cos, np.sin))
    rows = [np.concatenate((cosine, -sine)), np.concatenate((sine, cosine))][: 2 if x.type.shape[-1] == 2 else 1]
    weight: Value = constant(np.stack(rows, 1).astype(x.type.dtype.numpy))
    window = node.optional(2)
    if window is not None:
        weight = math.Mul(weight, window).result
    channels_first = tensor.Transpose(x, (0, 2, 1)).result
    y = nn.Conv(channels_first, weight, None, (step,), (0, 0), (1,)).result
    batch, _, frames = y.type.shape
    apart = tensor.Reshape(y, None, (batch, 2, bins, frames)).result
    return tensor.Transpose(apart, (0, 3, 2, 1)).result


def _by_frames(node: Node, x: Value, step: Value, size: Size) -> Value:
    """The frames gathered, then transformed: the step or the frames' length is known as the model runs."""
    is_half = bool(node.int("onesided", 1))
    bins = _columns(node, size, 2, is_half)
    extent: Dim = size if not isinstance(size, Value) else 2 * bins - 1 if is_half else bins
    frames = _frames(node, x, size)
    starts = math.Mul(positions(frames, DType.I32), as_number(step, DType.I32)).result
    places = math.Add(reshape(starts, (frames, 1)), positions(extent, DType.I32)).result
    # A frame that is shorter than the longest possible one may end where the signal does.
    last = math.Sub(as_number(x.type.shape[1], DType.I32), scalar(1, places)).result
    y = tensor.Gather(x, math.Minimum(places, last).result, 1).result
    window = node.optional(2)
    if window is not None:
        y = math.Mul(y, reshape(window, (*window.type.shape, 1))).result
    return _joined(transformed(_parts_of(y), 2, bins, size))


def _frames(node: Node, x: Value, size: Size) -> Dim:
    step = _size(node, 1)
    if isinstance(step, int) and not isinstance(size, Value):
        return (x.type.shape[1] - size) // step + 1
    declared = node.unknown_dim(1)
    if not isinstance(declared, int):
        raise Unsupported("the number of its frames depends on the data; pin its step and length with --input")
    return declared


@TABLE.imports("MelWeightMatrix")
def _mel_weight_matrix(node: Node) -> Imported:
    """[bins, bands]: triangles whose corners are evenly spaced in mel(f) = 2595 log10(1 + f / 700)."""
    dtype = node.dtype("output_datatype") if node.has("output_datatype") else DType.F32
    arrays = [node.constant(i) for i in range(5)]
    given = [a for a in arrays if a is not None]
    if len(given) == 5:
        return constant(_mel_weights(*(a.item() for a in given)).astype(dtype.numpy))
    bins, bands = (node.unknown_dim(axis) for axis in (0, 1))
    if not isinstance(bins, int) or not isinstance(bands, int):
        raise Unsupported("its shape depends on the data; pin the numbers of bands and bins with --input")
    length, rate, low, high = (cast(reshape(node.operand(i), ()), DType.F32) for i in range(1, 5))
    return cast(_mel_weights_at_run_time(bins, bands, length, rate, low, high), dtype)


def _mel_weights(bands: int, length: int, rate: int, low: float, high: float) -> Array:
    mel_low, mel_high = (2595 * np.log10(1 + f / 700) for f in (low, high))
    steps = np.arange(bands + 2) * ((mel_high - mel_low) / (bands + 2)) + mel_low
    corners = np.floor((length + 1) * 700 * (10 ** (steps / 2595) - 1) / rate)
    place = np.arange(length // 2 + 1)[:, None]
    start, peak, end = corners[:-2], corners[1:-1], corners[2:]
    rising = 1 - (peak - place) / np.maximum(peak - start, 1)
    falling = (end - place) / np.maximum(end - peak, 1)
    return np.where(place <= peak, np.where(place >= start, rising, 0), np.maximum(falling, 0))


def _mel_weights_at_run_time(bins: int, bands: int, length: Value, rate: Value, low: Value, high: Value) -> Value:
    """As ``_mel_weights``, of scalars f32."""

    def number(x: float) -> Value:
        return scalar(x, low)

    def mel(frequency: Value) -> Value:
        logarithm = math.Log(math.Add(math.Mul(frequency, number(1 / 700)).result, number(1)).result).result
        return math.Mul(logarithm, number(2595 / np.log(10))).result

    mel_low = mel(low)
    step = math.Div(math.Sub(mel(high), mel_low).result, number(bands + 2)).result
    count = constant(np.arange(bands + 2, dtype=np.float32))
    mels = math.Add(math.Mul(count, step).result, mel_low).result
    powers = math.Exp(math.Mul(mels, number(np.log(10) / 2595)).result).result
    hertz = math.Mul(math.Sub(powers, number(1)).result, number(700)).result
    scaled = math.Div(math.Mul(hertz, math.Add(length, number(1)).result).result, rate).result
    corners = math.Floor(scaled).result
    start, peak, end = (tensor.Slice(corners, (i,), (bands,), (1,)).result for i in range(3))
    place = constant(np.arange(bins, dtype=np.float32)[:, None])
    widths = (math.Maximum(math.Sub(*pair).result, number(1)).result for pair in ((peak, start), (end, peak)))
    before, behind = (math.Sub(*pair).result for pair in ((peak, place), (end, place)))
    down, up = (math.Div(x, width).result for x, width in zip((before, behind), widths, strict=True))
    rising = math.Select(math.GreaterEqual(place, start).result, math.Sub(number(1), down).result, number(0)).result
    return math.Select(math.LessEqual(place, peak).result, rising, math.Maximum(up, number(0)).result).result
