"""The text form: parse(print(m)) == m for every kind of module, and the same module always gives the same text."""

import time
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glmir.dims import Dim, dim_max, dim_min, symbol
from glmir.ir import Array, Function, Module, Value
from glmir.ops import math, nn, tensor
from glmir.ops.enums import ScatterReduction
from glmir.parser import load_module, parse_module, parse_type
from glmir.printer import print_module, save_module
from glmir.types import DType, QuantizedType, TensorType
from glmir.weights import Weight
from tests.random_graphs import modules

NAMES = [
    "497", "0", "", "a:0", "layer1/conv.weight", "two words", 'say "x"', "back\\slash", "new\nline", "tab\t",
    "ä", "日本", "%x", "@x", "a#b", "none", "return", "func", "weight<x>", "a-b$c", "\x00",
    "\u2028", "\x7f", "1e5", "-", "٣",
]  # fmt: skip


def round_trip(module: Module, arrays: dict[str, Array] | None = None) -> None:
    text = print_module(module)
    parsed = parse_module(text, arrays or {})
    assert print_module(parsed) == text
    assert parsed == module


def relu_chain(input_name: str, names: list[str], output_name: str = "y") -> Module:
    function = Function("main", [Value(TensorType(DType.F32, (2,)), input_name)])
    value = function.inputs[0]
    for name in names:
        op = nn.Relu(value)
        op.result.name = name
        function.ops.append(op)
        value = op.result
    function.set_outputs([value], [output_name])
    return Module([function])


def constant_module(array: Array, name: str = "", quantized: TensorType | None = None) -> Module:
    function = Function("main")
    op = tensor.Constant(Weight(array, name, quantized))
    op.result.name = "c"
    function.ops.append(op)
    function.set_outputs([op.result], ["y"])
    return Module([function])


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    module = relu_chain(name, ["first", ""], name)
    module.main.inputs[0].name = name
    for op in module.main.ops:
        op.location = (name, "model.py:12")
    round_trip(module)
    round_trip(relu_chain("x", ["", name, ""]))
    function = Function(name)
    function.set_outputs([], [])
    round_trip(Module([function]))


def test_numbers_are_names_only_in_quotes() -> None:
    module = relu_chain("x", ["", "0", "", "1"])
    text = print_module(module)
    assert "%0 = nn.relu(%x)" in text
    assert '%"0" = nn.relu(%0)' in text
    round_trip(module)


def test_quoted_and_bare_names_are_one() -> None:
    module = parse_module('func @main(%a: f32[2]) -> (%y: f32[2]) { %b = nn.relu(%"a") : f32[2] return %"b" }')
    assert module.main.outputs[0].name == "b"


@given(st.lists(st.text(max_size=5), min_size=3, max_size=3, unique=True))
def test_any_names(names: list[str]) -> None:
    module = relu_chain(names[0], names[1:], names[0])
    module.main.name = names[2]
    module = Module([module.main])
    for op in module.functions[names[2]].ops:
        op.location = (names[1],)
    round_trip(module)


SYMBOLS = ["batch size", "?", "max", "inf", "none", "dense", "true", 'a"b', "ä", "weight", "loc"]


@pytest.mark.parametrize("name", SYMBOLS)
def test_symbols_with_odd_names(name: str) -> None:
    n, m = symbol(name), symbol("m")
    dims: tuple[Dim, ...] = (n, 2 * n + 1, n // 2, (n + 1) // 2 % 3, dim_max(n, 3), dim_min(n * n, m), 4 - n % 3)
    x = Value(TensorType(DType.F32, dims), "x")
    function = Function("main", [x])
    op = tensor.Slice(x, (0, *(-n + n for _ in dims[1:])), dims, (1,) * len(dims))
    function.ops.append(op)
    function.set_outputs([op.result], ["y"])
    round_trip(Module([function]))
    shifted = Function("main", [Value(TensorType(DType.F32, (n,)), "x")])
    pad = tensor.Pad(shifted.inputs[0], None, (n,), (dim_max(3 - n, 0),))
    shifted.ops.append(pad)
    shifted.set_outputs([pad.result], ["y"])
    round_trip(Module([shifted]))


def test_enumeration_values_that_are_words_of_the_grammar() -> None:
    x, i = Value(TensorType(DType.F32, (4,)), "x"), Value(TensorType(DType.I64, (2,)), "i")
    u = Value(TensorType(DType.F32, (2,)), "u")
    for reduction in ScatterReduction:
        function = Function("main", [x, i, u])
        op = tensor.ScatterElements(x, i, u, axis=0, reduction=reduction)
        function.ops.append(op)
        function.set_outputs([op.result], ["y"])
        round_trip(Module([function]))


SPECIAL_FLOATS = [0.0, -0.0, 1.0, -1.5, 0.1, 1e-5, 3e38, float("inf"), float("-inf"), float("nan"), 1.17549435e-38]
CONSTANTS: dict[str, Array] = {
    "bool": np.array([[True, False], [False, True]]),
    "bool splat": np.array([True, True]),
    "scalar": np.array(2.5, np.float32),
    "zero size": np.zeros((0, 3), np.float32),
    "zero size inside": np.zeros((2, 0, 3), np.int8),
    "empty": np.zeros((0,), np.bool_),
    "i64 extremes": np.array([-(2**63), 2**63 - 1, 0], np.int64),
    "u64 large": np.array([2**64 - 1, 2**63 + 1], np.uint64),
    "i8": np.array([-128, 127], np.int8),
    "u32": np.array([2**32 - 1, 5], np.uint32),
    "int4": np.array([-8, 7], ml_dtypes.int4),
    "uint4": np.array([0, 15], ml_dtypes.uint4),
    "f32": np.array(SPECIAL_FLOATS, np.float32),
    "f64": np.array([*SPECIAL_FLOATS, 1e308, 5e-324, 1 / 3], np.float64),
    "f16": np.array([0.1, -0.0, 65504, 6e-8, float("nan"), float("inf")], np.float16),
    "bf16": np.array([0.1, -0.0, 3e38, 1e-40, float("nan"), float("-inf")], ml_dtypes.bfloat16),
    "f32 splat": np.full((4, 4), 0.1, np.float32),
    "both zeros": np.array([0.0, -0.0], np.float32),
    "negative nan": -np.array([np.nan, 1.0], np.float32),
}


@pytest.mark.parametrize("array", CONSTANTS.values(), ids=CONSTANTS)
def test_inline_constants(array: Array) -> None:
    module = constant_module(array)
    assert "dense<" in print_module(module)
    round_trip(module)


@pytest.mark.parametrize("array", CONSTANTS.values(), ids=CONSTANTS)
def test_sidecar_constants(array: Array, tmp_path: Path) -> None:
    shape = (17, *array.shape)
    module = constant_module(np.broadcast_to(array, shape), "a:0/weight name")
    save_module(module, tmp_path / "m.glir")
    loaded = load_module(tmp_path / "m.glir")
    assert loaded == module
    save_module(loaded, tmp_path / "again.glir")
    for suffix in (".glir", ".safetensors"):
        first, second = (tmp_path / f"{stem}{suffix}" for stem in ("m", "again"))
        assert not first.exists() or first.read_bytes() == second.read_bytes()


def test_a_module_may_be_saved_over_the_file_it_is_mapped_from(tmp_path: Path) -> None:
    path = tmp_path / "m.glir"
    save_module(constant_module(np.arange(100.0)), path)
    loaded = load_module(path)
    save_module(loaded, path)
    assert load_module(path) == constant_module(np.arange(100.0))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.glir", "m.safetensors"]


@given(st.sampled_from([d for d in DType if d.is_float]), st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=8))
def test_every_float_survives(dtype: DType, words: list[int]) -> None:
    raw = np.array([w * 0x9E3779B97F4A7C15 % 2**64 for w in words], np.uint64)
    wide = np.array(words, np.uint16).view(dtype.numpy) if dtype.bits == 16 else raw.view(dtype.numpy)
    round_trip(constant_module(np.asarray(wide)[:16]))


QUANTIZED = [
    TensorType(DType.F32, (2, 4), QuantizedType(DType.I8, (0.5,))),
    TensorType(DType.F32, (2, 4), QuantizedType(DType.U8, (0.1,), (128,))),
    TensorType(DType.F16, (2, 4), QuantizedType(DType.I8, (0.5, 1e-05, 3.0, 1.0), (), 1)),
    TensorType(DType.F32, (2, 4), QuantizedType(DType.I4, (0.5, 0.25, 1.0, 2.0), (1, -1, 0, 3), 1, 2)),
    TensorType(DType.BF16, (2, 5), QuantizedType(DType.U4, (0.5, 0.25, 1.0, 2.0, 1.0, 1.0), (), 1, 2)),
]


@pytest.mark.parametrize("type_", QUANTIZED, ids=str)
def test_quantized_types_and_constants(type_: TensorType) -> None:
    assert parse_type(str(type_)) == type_
    function = Function("main", [Value(type_, "x")])
    relu = nn.Relu(function.inputs[0])
    relu.result.type = type_
    function.ops.append(relu)
    function.set_outputs([relu.result], ["y"])
    round_trip(Module([function]))
    array = np.arange(np.prod(type_.static_shape)).reshape(type_.static_shape) % 8
    round_trip(constant_module(array.astype(type_.stored.numpy), "", type_))


@pytest.mark.parametrize("type_", QUANTIZED, ids=str)
def test_quantized_sidecar(type_: TensorType, tmp_path: Path) -> None:
    large = TensorType(type_.dtype, (4, 8), QuantizedType(type_.stored, (0.5,), (3,)))
    module = constant_module((np.arange(32).reshape(4, 8) % 8).astype(type_.stored.numpy), "w", large)
    save_module(module, tmp_path / "q.glir")
    assert load_module(tmp_path / "q.glir") == module


def test_optional_and_variadic_operands_and_several_results() -> None:
    text = """\
func @main(%x: f32[1, 4, 8, 8], %w: f32[4, 4, 1, 1], %b: f32[4]) -> (%y: f32[1, 4, 8, 8], %z: f32[1, 8, 8, 8]) {
  %0 = nn.conv(%x, %w, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[1, 4, 8, 8]
  %1 = nn.conv(%x, %w, %b) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[1, 4, 8, 8]
  %2 = tensor.concat([%0, %1]) {axis = 1} : f32[1, 8, 8, 8]
  %3, %part = tensor.split(%2) {axis = 1, sizes = [4, 4]} : f32[1, 4, 8, 8], f32[1, 4, 8, 8] loc("a\\"b", "c")
  %4 = tensor.concat([%3]) {axis = 1} : f32[1, 4, 8, 8]
  %5 = math.clamp(%4) {minimum = -1.0, maximum = nan} : f32[1, 4, 8, 8]
  return %5, %2
}
"""
    module = parse_module(text)
    assert print_module(module) == text
    round_trip(module)


def test_negative_zero_is_not_the_default_zero() -> None:
    x = Value(TensorType(DType.F32, (2,)), "x")
    for low in (0.0, -0.0, float("nan")):
        function = Function("main", [x])
        op = math.Clamp(x, low, 1.0)
        function.ops.append(op)
        function.set_outputs([op.result], ["y"])
        round_trip(Module([function]))


def test_comments_and_spaces_do_not_count() -> None:
    op = '%a=nn.relu( %x ):f32[ 2 ]loc("#1")'
    module = parse_module(f'# head\nfunc @main(%x: f32[2]) -> (%y: f32[2]) {{ # "a\n  {op}\n#\n return %a}}# end')
    assert next(iter(module.main.ops)).location == ("#1",)
    round_trip(module)
    assert parse_module("") == Module()


def test_several_functions_keep_their_order() -> None:
    functions = [Function(name) for name in ("main", "b", "a b")]
    for function in functions:
        function.set_outputs([], [])
    module = Module(functions)
    round_trip(module)
    assert list(parse_module(print_module(module)).functions) == ["main", "b", "a b"]


def test_declared_types_that_say_more_than_inference_stay() -> None:
    text = """func @main(%x: f32[n]) -> (%y: f32[4]) {
  %0 = nn.relu(%x) : f32[4]
  return %0
}
"""
    assert print_module(parse_module(text)) == text


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(modules())
def test_random_modules(case: tuple[Module, dict[str, Array]]) -> None:
    module, _ = case
    large = {}
    for op in module.main.ops:
        if isinstance(op, tensor.Constant) and not op.value.is_inline:
            op.value.name = f"w{len(large)}"
            large[op.value.name] = op.value.array
    round_trip(module, large)


def test_parsing_a_thousand_ops_takes_no_second() -> None:
    text = print_module(relu_chain("x", [f"v{i}" for i in range(1000)]))
    parse_module(text)
    started = time.perf_counter()
    parse_module(text)
    # About 0.15 s where it was written; a machine that is busy gets the rest.
    assert time.perf_counter() - started < 2
