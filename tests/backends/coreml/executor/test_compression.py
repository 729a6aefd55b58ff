"""Quantization and compressed weights of the executor, with values computed by hand."""

from typing import Any

import numpy as np
import pytest

from glmir.backends.coreml import schema
from glmir.backends.coreml.executor import ProgramError
from glmir.backends.coreml.schema import DataType, Value
from tests.backends.coreml.executor.programs import (
    Array,
    Input,
    check,
    compute,
    constant,
    immediate,
    model_of,
    operation,
    run_model,
    tensor_type,
    type_of,
)


def packed(dtype: DataType, shape: list[int], data: bytes) -> Value:
    """A constant of less than a byte an element."""
    tensor = schema.TensorValue(bytes=schema.RepeatedBytes(values=data))
    return Value(type=tensor_type(dtype, shape), immediate_value=schema.ImmediateValue(tensor=tensor))


def attributes(**arrays: Any) -> dict[str, Value]:
    return {name: immediate(np.asarray(array)) for name, array in arrays.items()}


def decompress(kind: str, expected: Array, **values: Value) -> Array:
    """The dense result of an operator whose parameters are constants, as iOS 18 has them."""
    operations = [constant(name, value) for name, value in values.items()]
    operations.append(operation(kind, {name: name for name in values}, {"result": type_of(expected)}))
    return run_model(model_of(operations, {}, {"result": expected}, "CoreML8"), {})["result"]


def test_quantize_and_dequantize() -> None:
    x = np.array([[-1.0, 0.25, 0.75], [2.0, 60.0, -0.3]], np.float32)
    scale, zero = np.array([0.5, 0.1, 0.2], np.float32), np.array([1, -2, 3], np.int8)
    expected = np.clip(np.rint(x / scale) + zero, -128, 127).astype(np.int8)
    check(
        "quantize", expected, opset="CoreML7", input=Input(x), scale=scale, zero_point=zero, axis=1,
        output_dtype="int8",
    )  # fmt: skip
    restored = (expected - zero.astype(np.float32)) * scale
    check("dequantize", restored, opset="CoreML7", input=expected, scale=scale, zero_point=zero, axis=1)
    check("dequantize", expected * np.float32(0.5), opset="CoreML7", input=expected, scale=np.float32(0.5))


def test_affine_weights_are_attributes_before_ios18() -> None:
    data = np.array([[0, 200], [3, 255]], np.uint8)
    scale, zero = np.array([0.5, 2], np.float32), np.array([1, 128], np.uint8)
    expected = (data - zero[:, None].astype(np.float32)) * scale[:, None]
    given = attributes(quantized_data=data, zero_point=zero, scale=scale, axis=np.int32(0))
    (got,) = compute("constexpr_affine_dequantize", expected, attributes=given)
    np.testing.assert_array_equal(got, expected)
    with pytest.raises(ProgramError, match="are attributes"):
        compute("constexpr_affine_dequantize", expected, quantized_data=data, zero_point=zero, scale=scale, axis=0)


def test_table_of_packed_indices() -> None:
    table = np.array([1, 5, 9, 13], np.float16)
    expected = table[[0, 3, 2, 1, 3]]
    indices = np.array([0b01_10_11_00, 0b11], np.uint8)
    given = attributes(indices=indices, lut=table, shape=np.array([5], np.uint32))
    (got,) = compute("constexpr_lut_to_dense", expected, attributes=given)
    np.testing.assert_array_equal(got, expected)


def test_table_by_groups() -> None:
    """The example of the reference: two tables over the first axis."""
    indices = [2, 3, 3, 0, 1, 0, 3, 0, 2, 1, 0, 3]
    data = bytes(sum(indices[4 * i + j] << 2 * j for j in range(4)) for i in range(3))
    table = np.array([1, 5, 9, 13, 2, 10, 18, 26], np.float16).reshape(2, 1, 4, 1)
    expected = np.array([[9, 13], [13, 1], [5, 1], [26, 2], [18, 10], [2, 26]], np.float16)
    got = decompress(
        "constexpr_lut_to_dense", expected, indices=packed(DataType.UINT2, [6, 2], data), lut=immediate(table)
    )
    np.testing.assert_array_equal(got, expected)


def test_table_of_vectors() -> None:
    """The example of the reference: centroids of three elements, spread along an axis."""
    indices = packed(DataType.UINT1, [2, 2, 2], bytes([0b00110100]))
    table = np.array([1, 2, 3, 4, 5, 6], np.float32).reshape(1, 1, 1, 2, 3)
    expected = np.array(
        [[[1, 1], [2, 2], [3, 3], [4, 1], [5, 2], [6, 3]], [[4, 4], [5, 5], [6, 6], [1, 1], [2, 2], [3, 3]]],
        np.float32,
    )
    axis = immediate(np.asarray(np.int32(1)))
    got = decompress("constexpr_lut_to_dense", expected, indices=indices, lut=immediate(table), vector_axis=axis)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("dtype", "data", "values"),
    [
        (DataType.INT4, bytes([0x81, 0x7F]), [1, -8, -1, 7]),
        (DataType.UINT4, bytes([0x81, 0x7F]), [1, 8, 15, 7]),
    ],
)
def test_blocks_of_four_bits(dtype: DataType, data: bytes, values: list[int]) -> None:
    scale, offset = np.array([[0.5], [2]], np.float16), packed(dtype, [2, 1], bytes([0x21]))
    expected = ((np.array(values).reshape(2, 2) - [[1], [2]]) * scale).astype(np.float16)
    got = decompress(
        "constexpr_blockwise_shift_scale", expected, data=packed(dtype, [2, 2], data), scale=immediate(scale),
        offset=offset,
    )  # fmt: skip
    np.testing.assert_array_equal(got, expected)


def test_sparse_weights() -> None:
    expected = np.array([[0, 0, 7], [5, 0, 0]], np.float32)
    nonzero = np.array([7, 5], np.float32)
    mask = np.array([0b1100], np.uint8)
    given = attributes(nonzero_data=nonzero, mask=mask, shape=np.array([2, 3], np.uint32))
    (got,) = compute("constexpr_sparse_to_dense", expected, attributes=given)
    np.testing.assert_array_equal(got, expected)
    bits = packed(DataType.UINT1, [2, 3], bytes([0b1100]))
    np.testing.assert_array_equal(
        decompress("constexpr_sparse_to_dense", expected, nonzero_data=immediate(nonzero), mask=bits), expected
    )


def test_sparse_and_palettized_weights() -> None:
    """A table looked up at the set bits only; the two results go on to the operator that makes them dense."""
    table = np.array([2, 3], np.float32).reshape(1, 1, 2, 1)
    mask = packed(DataType.UINT1, [2, 2], bytes([0b1011]))
    indices = packed(DataType.UINT1, [3], bytes([0b110]))
    expected = np.array([[2, 3], [0, 3]], np.float32)
    names = {"indices_mask": "mask", "indices_nonzero_data": "indices", "lut": "lut"}
    outputs = {"sparse_mask": tensor_type(DataType.UINT1, [2, 2]), "sparse": tensor_type(DataType.FLOAT32, [3])}
    operations = [
        constant("mask", mask),
        constant("indices", indices),
        constant("lut", immediate(table)),
        operation("constexpr_lut_to_sparse", names, outputs),
        operation(
            "constexpr_sparse_to_dense", {"nonzero_data": "sparse", "mask": "sparse_mask"}, {"y": type_of(expected)}
        ),
    ]
    got = run_model(model_of(operations, {}, {"y": expected}, "CoreML8"), {})["y"]
    np.testing.assert_array_equal(got, expected)


def test_sparse_and_quantized_weights() -> None:
    mask, data = packed(DataType.UINT1, [2, 2], bytes([0b1001])), np.array([4, -6], np.int8)
    expected = np.array([[2, 0], [0, -12]], np.float32)
    outputs = {"m": tensor_type(DataType.UINT1, [2, 2]), "d": tensor_type(DataType.FLOAT32, [2])}
    operations = [
        constant("mask", mask),
        constant("data", immediate(data)),
        constant("scale", immediate(np.array([[0.5], [2]], np.float32))),
        operation(
            "constexpr_sparse_blockwise_shift_scale",
            {"data_mask": "mask", "nonzero_data": "data", "scale": "scale"},
            outputs,
        ),
        operation("constexpr_sparse_to_dense", {"nonzero_data": "d", "mask": "m"}, {"y": type_of(expected)}),
    ]
    got = run_model(model_of(operations, {}, {"y": expected}, "CoreML8"), {})["y"]
    np.testing.assert_array_equal(got, expected)
