"""The interpreter: symbols, type checks, data-dependent shapes, dead values, quantized values."""

import numpy as np
import pytest

from glmir.errors import InputError
from glmir.interpreter import ExecutionError, bind_inputs, execute, run
from glmir.ir import Array, Op
from glmir.ops import nn
from glmir.parser import parse_module
from glmir.quantized import dequantize, quantize
from glmir.types import DType, QuantizedType, TensorType

ADD = parse_module("""func @main(%x: f32[n, 3], %y: f32[3]) -> (%z: f32[n, 3]) {
  %z = math.add(%x, %y) : f32[n, 3]
  return %z
}""")


def test_run_gives_outputs_by_name() -> None:
    outputs = run(ADD, {"x": np.ones((2, 3), np.float32), "y": np.arange(3, dtype=np.float32)})
    np.testing.assert_array_equal(outputs["z"], [[1, 2, 3], [1, 2, 3]])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "no array given for input x, y"),
        ({"x": np.zeros((2, 3), np.float32), "y": np.zeros(3, np.float32), "w": np.zeros(1)}, "there is no input w"),
        ({"x": np.zeros((2, 3)), "y": np.zeros(3, np.float32)}, r"input x: expected f32\[n, 3\], not an array of f64"),
        ({"x": np.zeros((2, 3, 1), np.float32), "y": np.zeros(3, np.float32)}, r"f32\[n, 3\], not \[2, 3, 1\]"),
        ({"x": np.zeros((2, 4), np.float32), "y": np.zeros(3, np.float32)}, r"f32\[n, 3\] with n=2, not \[2, 4\]"),
        ({"x": np.array([["a"]]), "y": np.zeros(3, np.float32)}, "not an array of <U1"),
    ],
)
def test_inputs_that_do_not_fit(inputs: dict[str, Array], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(ADD, inputs)


def test_unknown_function() -> None:
    with pytest.raises(InputError, match="there is no function @other; there are @main"):
        run(ADD, {}, "other")


@pytest.mark.parametrize("symbol", ["n", '"batch size"', '"?"', '"max"'])
def test_symbols_are_bound_by_name_and_checked_everywhere(symbol: str) -> None:
    text = f"func @main(%x: f32[2*{symbol}], %y: f32[{symbol}]) -> (%y: f32[{symbol}]) {{ return %y }}"
    x, y = np.zeros(6, np.float32), np.zeros(3, np.float32)
    assert run(parse_module(text), {"x": x, "y": y})["y"].shape == (3,)
    # The symbol is bound by y, although x comes first.
    with pytest.raises(InputError, match="input x: expected"):
        run(parse_module(text), {"x": x[:5], "y": y})


def test_results_are_held_against_their_declared_types() -> None:
    text = "func @main(%x: f32[n]) -> (%y: f32[4]) { %y = nn.relu(%x) : f32[4] return %y }"
    assert run(parse_module(text), {"x": np.zeros(4, np.float32)})["y"].shape == (4,)
    with pytest.raises(ExecutionError, match=r"result <Value %y: f32\[4\]>: expected f32\[4\], not \[3\]"):
        run(parse_module(text), {"x": np.zeros(3, np.float32)})


def test_data_dependent_symbols_are_bound_by_the_first_result() -> None:
    text = """func @main(%x: bool[n]) -> (%i: i64[1, k], %j: i64[k]) {
      %i = tensor.non_zero(%x) {count = k} : i64[1, k]
      %j = tensor.reshape(%i, none) {shape = [k]} : i64[k]
      return %i, %j
    }"""
    outputs = run(parse_module(text), {"x": np.array([True, False, True])})
    np.testing.assert_array_equal(outputs["j"], [0, 2])


def test_failures_name_the_op(monkeypatch: pytest.MonkeyPatch) -> None:
    module = parse_module("func @main(%x: f32[n]) -> (%y: f32[n]) { %y = nn.relu(%x) : f32[n] return %y }")
    inputs = {"x": np.zeros(2, np.float32)}
    with monkeypatch.context() as patch:
        patch.setattr(nn.Relu, "evaluate", lambda self, x: x[0, 0, 0])
        with pytest.raises(ExecutionError, match=r"<%y = nn.relu> failed: IndexError: "):
            run(module, inputs)
    with monkeypatch.context() as patch:
        patch.setattr(nn.Relu, "evaluate", lambda self, x: (x, x))
        with pytest.raises(ExecutionError, match=r"<%y = nn.relu> gave 2 results, not 1"):
            run(module, inputs)
    with monkeypatch.context() as patch:
        patch.setattr(nn.Relu, "evaluate", lambda self, x: x.astype(np.float64))
        with pytest.raises(ExecutionError, match="not an array of f64"):
            run(module, inputs)


def test_dead_values_are_dropped() -> None:
    text = """func @main(%x: f32[2]) -> (%b: f32[2]) {
      %a = nn.relu(%x) : f32[2]
      %unused = nn.relu(%x) : f32[2]
      %b = nn.relu(%a) : f32[2]
      %c = nn.relu(%b) : f32[2]
      return %b
    }"""
    main = parse_module(text).main
    environment: dict[str, int] = {}
    arrays = bind_inputs(main, {"x": np.zeros(2, np.float32)}, environment)
    alive: dict[str, set[str]] = {}
    last: Op | None = None
    for op, results in execute(main, arrays, environment):
        if last is not None:
            alive[last.results[0].name] = {v.name for v in arrays}
        arrays.update(zip(op.results, results, strict=True))
        last = op
    assert alive == {"a": {"x", "a"}, "unused": {"a"}, "b": {"b"}}
    assert {v.name for v in arrays} == {"b"}


PER_TENSOR = TensorType(DType.F32, (2, 4), QuantizedType(DType.I8, (0.5,), (3,)))
PER_AXIS = TensorType(DType.F32, (2, 4), QuantizedType(DType.U8, (0.5, 2.0), (128, 0), 0))
BLOCKED = TensorType(DType.F32, (2, 5), QuantizedType(DType.I4, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), (), 1, 2))
COLUMN_BLOCKS = TensorType(DType.F32, (4, 2), QuantizedType(DType.I8, (1.0, 2.0, 3.0, 4.0), (), 0, 2))


@pytest.mark.parametrize("type_", [PER_TENSOR, PER_AXIS, BLOCKED, COLUMN_BLOCKS], ids=str)
def test_dequantize_and_back(type_: TensorType) -> None:
    quantization = type_.quantization
    assert quantization is not None
    rng = np.random.default_rng(0)
    stored = rng.integers(type_.stored.lowest, type_.stored.highest + 1, type_.static_shape).astype(type_.stored.numpy)
    real = dequantize(stored, type_)
    assert real.dtype == np.float32
    scales = np.empty(type_.static_shape)
    zeros = np.empty(type_.static_shape)
    for index in np.ndindex(*type_.static_shape):
        # By the definition in QuantizedType: entries per index or block of the axis, row-major.
        if quantization.axis is None:
            entry = 0
        elif quantization.block is None:
            entry = index[quantization.axis]
        else:
            blocks = list(type_.static_shape)
            blocks[quantization.axis] = -(-blocks[quantization.axis] // quantization.block)
            place = tuple(i // quantization.block if a == quantization.axis else i for a, i in enumerate(index))
            entry = int(np.ravel_multi_index(place, blocks))
        scales[index] = quantization.scales[entry]
        zeros[index] = (quantization.zero_points or (0,) * len(quantization.scales))[entry]
    np.testing.assert_array_equal(real, ((stored.astype(np.float64) - zeros) * scales).astype(np.float32))
    np.testing.assert_array_equal(quantize(real, type_), stored)


def test_quantize_rounds_halves_to_even_and_saturates() -> None:
    type_ = TensorType(DType.F32, (8,), QuantizedType(DType.I8, (2.0,), (1,)))
    real = np.array([1, 3, 5, -1, 1000, -1000, np.inf, np.nan], np.float32)
    np.testing.assert_array_equal(quantize(real, type_), np.array([1, 3, 3, 1, 127, -128, 127, 1], np.int8))


@pytest.mark.parametrize("storage", [DType.I64, DType.U64, DType.I32, DType.U32, DType.U4])
def test_saturation_reaches_the_limits_of_every_storage(storage: DType) -> None:
    type_ = TensorType(DType.F32, (2,), QuantizedType(storage, (1.0,)))
    stored = quantize(np.array([-3e38, 3e38], np.float32), type_)
    assert [int(v) for v in stored] == [storage.lowest, storage.highest]


def test_ops_on_quantized_values() -> None:
    q8 = "quant<f32, i8, scales=[0.5], zero_points=[1]>[2]"
    text = f"""func @main(%x: {q8}, %f: f32[2]) -> (%y: {q8}, %z: f32[2], %q: {q8}, %r: {q8}) {{
      %c = tensor.constant() {{value = dense<[3, -128]>}} : {q8}
      %y = math.add(%x, %c) : {q8}
      %z = math.add(%x, %c) : f32[2]
      %q = math.add(%f, %f) : {q8}
      %r = tensor.reverse(%x) {{axes = [0]}} : {q8}
      return %y, %z, %q, %r
    }}"""
    inputs = {"x": np.array([5, 0], np.int8), "f": np.array([0.3, -100], np.float32)}
    outputs = run(parse_module(text), inputs)
    np.testing.assert_array_equal(outputs["z"], np.array([3.0, -65.0], np.float32))
    np.testing.assert_array_equal(outputs["y"], np.array([7, -128], np.int8))
    np.testing.assert_array_equal(outputs["q"], np.array([2, -128], np.int8))
    np.testing.assert_array_equal(outputs["r"], np.array([0, 5], np.int8))
    with pytest.raises(InputError, match="not an array of f32"):
        run(parse_module(text), inputs | {"x": np.zeros(2, np.float32)})


def test_quantized_values_of_symbolic_shape() -> None:
    text = """func @main(%x: quant<f32, i8, scales=[0.5, 1.0], axis=1>[n, 2]) -> (%y: f32[n, 2]) {
      %y = nn.relu(%x) : f32[n, 2]
      return %y
    }"""
    outputs = run(parse_module(text), {"x": np.array([[2, 3], [-4, 5], [6, -7]], np.int8)})
    np.testing.assert_array_equal(outputs["y"], np.array([[1, 3], [0, 5], [3, 0]], np.float32))
