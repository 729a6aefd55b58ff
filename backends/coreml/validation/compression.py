"""What the operators demand that quantize, dequantize, and decompress weights: sizes of their parameters.

Source: the type inference of the operator classes (`constexpr_ops`, `quantization_ops`, `compression`) of Apple's
converter, release 9.0.
"""

from collections.abc import Callable, Iterator, Mapping
from math import prod

import numpy as np

from ..executor.kinds import SUB_BYTE_BITS
from .given import Given

_BITS = 8
_TABLES = (2, 4, 16, 64, 256)
_NEW_FORMS = 18


def _axis_parameters(given: Given) -> Iterator[str]:
    """Scales and zero points: one, without an axis, or a vector along one."""
    is_old_weight = given.operator == "constexpr_affine_dequantize"
    data = given.dims("quantized_data" if is_old_weight else "input")
    axis = next(iter(given.integers("axis") or ()), None)
    if axis is not None and not -len(data) <= axis < len(data):
        yield f"axis is {axis}, for a tensor of rank {len(data)}"
        return
    for name in ("scale", "zero_point"):
        if name not in given.one:
            continue
        dims = given.dims(name)
        if not dims and axis is not None and not is_old_weight:
            yield f"{name} has no axis, but the operator has axis {axis}"
        if len(dims) > 1 or (dims and (axis is None or data[axis] not in (None, dims[0]))):
            yield f"{name} is {given.one[name].type} for axis {axis} of {list(data)}"
    if not is_old_weight and "zero_point" in given.one and given.rank("zero_point") != given.rank("scale"):
        yield "scale and zero_point are of different ranks"


def _stored_kind(given: Given) -> Iterator[str]:
    """Zero points are of the dtype that is stored."""
    names = {"int8": "i8", "uint8": "u8"}
    word = given.word("output_dtype")
    stored = given.one.get("quantized_data") or given.one.get("input")
    kind = names.get(word, word) if word is not None else stored.type.kind if stored is not None else ""
    zero_point = given.one.get("zero_point")
    if zero_point is not None and zero_point.type.kind not in (kind, "fp32"):
        yield f"zero_point is {zero_point.type.kind}, what is stored {kind}"
    if word is not None and given.results and given.results[0].kind != kind:
        yield f"its result is declared {given.results[0].kind}, output_dtype is {word}"


def _positive_scales(given: Given) -> Iterator[str]:
    scale = given.array("scale")
    if scale is not None and not np.all(np.isfinite(scale) & (scale != 0)) and given.operator == "quantize":
        yield "a scale is 0, or not finite"


def _blocks(given: Given) -> Iterator[str]:
    sparse = given.operator == "constexpr_sparse_blockwise_shift_scale"
    data, scale = given.dims("data_mask" if sparse else "data"), given.dims("scale")
    sizes = zip(data, scale, strict=False)
    if len(data) != len(scale) or any(d is not None and (not s or d % s) for d, s in sizes):
        yield f"the scale has the shape {list(scale)}, which does not divide {list(data)}"
    offset = given.one.get("offset")
    if offset is None:
        return
    if offset.type.dims != scale:
        yield f"the offset has the shape {list(offset.type.dims)}, the scale {list(scale)}"
    stored = given.one["nonzero_data" if sparse else "data"].type.kind
    if offset.type.kind not in ("fp16", "fp32", stored):
        yield f"the offset is {offset.type.kind}, the data {stored}"


def _table(given: Given) -> Iterator[str]:
    if given.opset < _NEW_FORMS:
        yield from _flat_table(given)
        return
    sparse = given.operator == "constexpr_lut_to_sparse"
    indices, table = given.dims("indices_mask" if sparse else "indices"), given.dims("lut")
    groups = zip(indices, table, strict=False)
    if len(table) != len(indices) + 2 or any(d is not None and (not t or d % t) for d, t in groups):
        yield f"the table has the shape {list(table)}, for indices of the shape {list(indices)}"
        return
    kind = given.one["indices_nonzero_data" if sparse else "indices"].type.kind
    entries, vector = table[-2:]
    if entries != 1 << SUB_BYTE_BITS.get(kind, _BITS):
        yield f"the table has {entries} entries for indices of {kind}"
    if vector != 1 and "vector_axis" not in given.one:
        yield "a table of vectors needs vector_axis"


def _flat_table(given: Given) -> Iterator[str]:
    """Until iOS 17: a vector of entries, and indices packed into bytes."""
    table, shape = given.dims("lut"), given.integers("shape")
    if len(table) != 1 or table[0] not in _TABLES:
        yield f"the table has the shape {list(table)}, not 2, 4, 16, 64 or 256 entries"
    elif shape is not None:
        bits = prod(shape) * ((table[0] or 1).bit_length() - 1)
        yield from _bytes(given, "indices", bits)


def _bytes(given: Given, name: str, bits: int) -> Iterator[str]:
    if given.dims(name) != (-(-bits // _BITS),):
        yield f"{name} has the shape {list(given.dims(name))}, for {bits} bits"


def _sparse(given: Given) -> Iterator[str]:
    """As many elements as the mask has bits that are set."""
    shape = given.integers("shape")
    if shape is not None:
        yield from _bytes(given, "mask", prod(shape))
    mask = given.array("mask" if "mask" in given.one else _MASKS.get(given.operator, "mask"))
    data = given.dims("indices_nonzero_data" if "indices_nonzero_data" in given.one else "nonzero_data")
    if mask is None:
        return
    # Packed into bytes, or one bit a byte.
    count = int(np.count_nonzero(np.unpackbits(mask)))
    if data != (count,):
        yield f"there are {list(data)} elements for {count} bits of the mask"


_MASKS = {"constexpr_lut_to_sparse": "indices_mask", "constexpr_sparse_blockwise_shift_scale": "data_mask"}

_Rule = Callable[[Given], Iterator[str]]
RULES: Mapping[str, tuple[_Rule, ...]] = {
    "quantize": (_axis_parameters, _stored_kind, _positive_scales),
    "dequantize": (_axis_parameters, _stored_kind),
    "constexpr_affine_dequantize": (_axis_parameters, _stored_kind),
    "constexpr_blockwise_shift_scale": (_blocks,),
    "constexpr_sparse_blockwise_shift_scale": (_blocks, _sparse),
    "constexpr_lut_to_dense": (_table,),
    "constexpr_lut_to_sparse": (_table, _sparse),
    "constexpr_sparse_to_dense": (_sparse,),
}
"""Operator -> what else is demanded of it."""
