"""Cuts the weights out of a serialised ONNX model, so that parsing the rest costs no memory for them.

A protobuf parser copies every byte of a message, and Python copies a `bytes` field once more at each access. So the
encoded model is walked first (https://protobuf.dev/programming-guides/encoding/), only as deep as a tensor can lie, and
each large payload is replaced by its byte range in the buffer. The range travels in TensorProto's `segment` field
(begin, end), which the standard has deprecated and no runtime reads; a segment that the file itself holds is told apart
because its range is not among `StrippedModel.ranges`.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Buffer: TypeAlias = bytes | mmap.mmap

# Field numbers are those of onnx.proto; a message kind maps the fields worth entering to the kind they hold.
_TENSOR = "TensorProto"
_FIELDS: Mapping[str, Mapping[int, str]] = {
    "ModelProto": {7: "GraphProto", 25: "FunctionProto"},
    "GraphProto": {1: "NodeProto", 5: _TENSOR},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {5: _TENSOR, 6: "GraphProto", 11: "GraphProto"},
}
# The fields of ModelProto that nothing here reads and that can be as large as the model: training_info.
_DROPPED_MODEL_FIELDS = frozenset({20})

_DATA_TYPE, _SEGMENT, _FLOAT_DATA, _RAW_DATA, _DOUBLE_DATA = 2, 3, 4, 9, 10
# Typed fields whose encoding is the tensor's raw bytes, with the data types they hold raw (complex: interleaved). The
# other typed fields are varints, which have to be decoded one by one.
_FIXED_WIDTH_FIELDS: Mapping[int, frozenset[int]] = {
    _FLOAT_DATA: frozenset({1, 14}),
    _DOUBLE_DATA: frozenset({11, 15}),
}
_DATA_FIELDS = frozenset({_FLOAT_DATA, 5, 6, 7, _RAW_DATA, _DOUBLE_DATA, 11})

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5

MAX_DEPTH = 96
"""How deep messages may nest (three levels a subgraph); protobuf's own parsers stop at 100."""


class WireError(ValueError):
    """The bytes are not a protobuf message; the text completes "the file …"."""


class TruncatedError(WireError):
    """A length field points beyond the end of the buffer."""


@dataclass(frozen=True)
class StrippedModel:
    """A serialised ModelProto without its large payloads, and the byte ranges of the source that were cut out."""

    model: bytes
    ranges: frozenset[tuple[int, int]]


def strip_payloads(buffer: Buffer, threshold: int = 1024) -> StrippedModel:
    """Returns the serialised ModelProto in `buffer` with each tensor payload of `threshold` bytes or more cut out.

    Raises WireError (TruncatedError where a length leaves the buffer). Time is linear in the number of nodes, memory
    in the size of what is left.
    """
    walk = _Walk(buffer, threshold)
    try:
        pieces, _ = walk.message(0, len(buffer), "ModelProto", 0)
        return StrippedModel(b"".join(pieces), frozenset(walk.ranges))
    finally:
        walk.data.release()


class _Walk:
    """One pass over an encoded model."""

    def __init__(self, buffer: Buffer, threshold: int) -> None:
        self.data = memoryview(buffer)
        self.threshold = threshold
        self.ranges: set[tuple[int, int]] = set()

    def message(self, start: int, end: int, kind: str, depth: int) -> tuple[list[memoryview | bytes], int]:
        """The rewritten encoding of the message at [start, end) as pieces to join, and their total size in bytes."""
        if depth > MAX_DEPTH:
            raise WireError(f"nests messages deeper than {MAX_DEPTH} levels")
        children = _FIELDS[kind]
        dropped = _DROPPED_MODEL_FIELDS if kind == "ModelProto" else frozenset[int]()
        pieces: list[memoryview | bytes] = []
        size = 0
        kept_from = position = start
        while position < end:
            field_start = position
            field, wire_type, value, position = self._field(position, end)
            if wire_type != _LENGTH_DELIMITED:
                continue
            child = children.get(field)
            # A message smaller than the threshold cannot hold a payload that is not.
            if field not in dropped and (child is None or position - value < self.threshold):
                continue
            replacement: list[memoryview | bytes] = []
            replacement_size = 0
            if child is not None:
                replacement, replacement_size = self._child(field, value, position, child, depth + 1)
                if not replacement:
                    continue
            pieces.append(self.data[kept_from:field_start])
            pieces.extend(replacement)
            size += field_start - kept_from + replacement_size
            kept_from = position
        pieces.append(self.data[kept_from:end])
        return pieces, size + end - kept_from

    def _child(self, field: int, start: int, end: int, kind: str, depth: int) -> tuple[list[memoryview | bytes], int]:
        """The rewritten field (tag, length, message) and its size; no pieces where nothing was cut out of it."""
        if kind == _TENSOR:
            pieces, size = self._tensor(start, end)
        else:
            pieces, size = self.message(start, end, kind, depth)
        if len(pieces) == 1:
            return [], 0
        header = _encode_varint(field << 3 | _LENGTH_DELIMITED) + _encode_varint(size)
        return [header, *pieces], len(header) + size

    def _tensor(self, start: int, end: int) -> tuple[list[memoryview | bytes], int]:
        """The encoding of the TensorProto at [start, end), its payload replaced by a segment where that is possible."""
        whole: tuple[list[memoryview | bytes], int] = [self.data[start:end]], end - start
        payloads: list[tuple[int, int, int, int]] = []
        data_type = 0
        position = start
        while position < end:
            field_start = position
            field, wire_type, value, position = self._field(position, end)
            if field == _DATA_TYPE and wire_type == _VARINT:
                data_type = value
            elif field == _SEGMENT:
                return whole
            elif field in _DATA_FIELDS:
                payloads.append((field if wire_type == _LENGTH_DELIMITED else 0, field_start, value, position))
        if len(payloads) != 1:
            return whole
        field, field_start, begin, after = payloads[0]
        is_raw = field == _RAW_DATA or data_type in _FIXED_WIDTH_FIELDS.get(field, ())
        if not is_raw or after - begin < self.threshold:
            return whole
        self.ranges.add((begin, after))
        segment = b"\x08" + _encode_varint(begin) + b"\x10" + _encode_varint(after)
        reference = bytes((_SEGMENT << 3 | _LENGTH_DELIMITED, len(segment))) + segment
        pieces: list[memoryview | bytes] = [self.data[start:field_start], reference, self.data[after:end]]
        return pieces, field_start - start + len(reference) + end - after

    def _field(self, position: int, end: int) -> tuple[int, int, int, int]:
        """Reads one field: its number, wire type, value (of a length-delimited one: where it begins) and what follows.

        The value of a fixed-width field is not read.
        """
        tag, position = self._varint(position, end)
        field, wire_type = tag >> 3, tag & 7
        if field == 0:
            raise WireError(f"holds no valid protobuf field at byte {position - 1}")
        if wire_type == _LENGTH_DELIMITED:
            length, position = self._varint(position, end)
            if length > end - position:
                raise TruncatedError(f"ends before the {length} bytes announced at byte {position} do")
            return field, wire_type, position, position + length
        if wire_type == _VARINT:
            value, position = self._varint(position, end)
            return field, wire_type, value, position
        if wire_type not in (_FIXED32, _FIXED64):
            raise WireError(f"holds an unknown protobuf wire type at byte {position - 1}")
        position += 4 if wire_type == _FIXED32 else 8
        if position > end:
            raise TruncatedError("ends in the middle of a number")
        return field, wire_type, 0, position

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        data = self.data
        if position < end and data[position] < 0x80:
            return data[position], position + 1
        value = 0
        for shift in range(0, 70, 7):
            if position >= end:
                raise TruncatedError("ends in the middle of a number")
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFFFFFFFFFFFFFF, position
        raise WireError(f"holds a number of more than ten bytes at byte {position - 10}")


def _encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
