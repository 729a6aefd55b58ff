"""narrow-types: other dtypes carry the same numbers, and what cannot be carried is refused with its node."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from glmir.errors import CompileError, InputError
from glmir.interpreter import run
from glmir.ir import Array, Function, Module, Op, Value
from glmir.ops import math, nn, quant, tensor
from glmir.ops.enums import Activation, ScatterReduction
from glmir.parser import parse_module
from glmir.passes.patterns import constant
from glmir.passes.precision.narrow_types import decode_types, encode_types, narrow_types
from glmir.types import DType, TensorType
from glmir.verifier import verify
from tests.random_graphs import modules
from tests.tolerances import assert_close

ALL = "i64:i32 u64:i32 u32:i32 i16:i32 u16:i32 i8:i32 u8:i32 f64:f32 f16:f32 bf16:f32"
SMALL = [DType.I8, DType.U8, DType.I16, DType.U16]


def narrowed(module: Module, types: str = ALL) -> Module:
    after = module.clone()
    narrow_types(after, types=types)
    verify(after)
    mapping = decode_types(types)
    for function in after.functions.values():
        assert not [v for v in function.values() if v.type.dtype in mapping]
    return after


def assert_same(before: Module, after: Module, inputs: dict[str, Array]) -> None:
    types = {v.name: v.type for v in after.main.inputs}
    expected = run(before, inputs)
    actual = run(after, {n: x.astype(types[n].dtype.numpy) for n, x in inputs.items()})
    for name, array in expected.items():
        assert_close(actual[name].astype(array.dtype), array, "random", name)


def module_of(dtype: DType, make: Callable[..., Op], *shapes: tuple[int, ...]) -> Module:
    function = Function("main", [Value(TensorType(dtype, shape), f"x{i}") for i, shape in enumerate(shapes)])
    op = make(*function.inputs)
    for added in (*(v.owner for v in op.operands if v.owner is not None), op):
        function.ops.append(added)
    function.set_outputs(op.results, [f"y{i}" for i in range(len(op.results))])
    return Module([function])


def positions() -> Value:
    return constant(np.array([1, 1, 2, 0, 1]))


WRAPPING: dict[str, tuple[Callable[..., Op], list[tuple[int, ...]]]] = {
    "add": (math.Add, [(50,), (50,)]),
    "add relu6": (lambda x, y: math.Add(x, y, Activation.RELU6), [(50,), (50,)]),
    "sub": (math.Sub, [(50,), (50,)]),
    "mul relu": (lambda x, y: math.Mul(x, y, Activation.RELU), [(50,), (50,)]),
    "div": (math.Div, [(50,), (50,)]),
    "neg": (math.Neg, [(50,)]),
    "abs": (math.Abs, [(50,)]),
    "square": (math.Square, [(50,)]),
    "sign": (math.Sign, [(50,)]),
    "not": (math.BitwiseNot, [(50,)]),
    "xor": (math.BitwiseXor, [(50,), (50,)]),
    "maximum": (math.Maximum, [(50,), (50,)]),
    "floor_mod": (math.FloorMod, [(50,), (50,)]),
    "shift": (lambda x: math.ShiftLeft(x, constant(np.full(50, 3, x.type.dtype.numpy))), [(50,)]),
    "sum": (lambda x: math.ReduceSum(x, (1,)), [(4, 9)]),
    "prod": (lambda x: math.ReduceProd(x, (0,)), [(4, 9)]),
    "max": (lambda x: math.ReduceMax(x, (0,)), [(4, 9)]),
    "cum_sum": (lambda x: math.CumSum(x, 1), [(4, 9)]),
    "matmul": (math.MatMul, [(4, 9), (9, 3)]),
    "linear": (lambda x, w: nn.Linear(x, w, None, Activation.RELU), [(4, 9), (3, 9)]),
    "scatter": (lambda x, u: tensor.ScatterElements(x, positions(), u, 0, ScatterReduction.MUL), [(5,), (5,)]),
    "cast i8": (lambda x: tensor.Cast(x, DType.I8), [(50,)]),
    "cast u16": (lambda x: tensor.Cast(x, DType.U16), [(50,)]),
    "cast f32": (lambda x: tensor.Cast(x, DType.F32), [(50,)]),
    "cast i64": (lambda x: tensor.Cast(x, DType.I64), [(50,)]),
}


@pytest.mark.parametrize("dtype", SMALL, ids=lambda d: d.value)
@pytest.mark.parametrize("name", WRAPPING)
def test_small_integers_wrap(name: str, dtype: DType) -> None:
    make, shapes = WRAPPING[name]
    module = module_of(dtype, make, *shapes)
    rng = np.random.default_rng(0)
    extremes = [dtype.lowest, dtype.highest, 0, 1]
    inputs = {}
    for value in module.main.inputs:
        array = rng.integers(dtype.lowest, dtype.highest + 1, value.type.static_shape)
        array.flat[:4] = rng.permutation(extremes)
        if name in ("div", "floor_mod") and value.name == "x1":
            array[array == 0] = -1 if dtype.is_signed_integer else 1
        inputs[value.name] = array.astype(dtype.numpy)
    assert_same(module, narrowed(module), inputs)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(modules())
def test_random_modules_compute_the_same(case: tuple[Module, dict[str, Array]]) -> None:
    module, inputs = case
    assert_same(module, narrowed(module), inputs)


def test_every_constant_that_does_not_fit_is_named() -> None:
    module = parse_module("""
        func @main(%x: i64[n]) -> (%y: i64[n], %z: bool[n], %m: i64[n]) {
          %big = tensor.constant() {value = dense<4294967296>} : i64[]
          %y = math.add(%x, %big) : i64[n] loc("hash")
          %z = math.equal(%x, %big) : bool[n] loc("sentinel")
          %low = tensor.constant() {value = dense<-4294967296>} : i64[]
          %0 = math.reduce_max(%low) {axes = []} : i64[] loc("top")
          %m = math.sub(%x, %0) : i64[n] loc("shifted")
          return %y, %z, %m
        }""")
    with pytest.raises(CompileError) as error:
        narrow_types(module, types="i64:i32")
    assert error.value.reasons == [
        "node hash (math.add): its constant 4294967296 does not fit i32, and the target has no i64",
        "node top (math.reduce_max): its constant -4294967296 does not fit i32, and the target has no i64",
    ]


def test_all_functions_change() -> None:
    module = parse_module("""
        func @main(%x: f32[n]) -> (%y: f32[n]) { %y = math.exp(%x) : f32[n] return %y }
        func @other(%x: i64[n]) -> (%y: i64[n]) { %y = math.neg(%x) : i64[n] return %y }
        """)
    main = module.main
    assert narrow_types(module, types="i64:i32")
    assert module.main is main
    assert str(module.functions["other"].inputs[0].type) == str(module.functions["other"].outputs[0].type) == "i32[n]"
    assert not narrow_types(module, types="i64:i32")


def test_locations_and_declared_types_stay() -> None:
    module = parse_module("""
        func @main(%x: u8[n, 3]) -> (%y: u8[m, 3]) {
          %y = math.add(%x, %x) : u8[m, 3] loc("sum")
          return %y
        }""")
    narrow_types(module, types="u8:i32")
    assert str(module.main.outputs[0].type) == "i32[m, 3]" and module.main.outputs[0].name == "y"
    assert {op.location for op in module.main.ops} == {("sum",)}


def test_types_as_an_option() -> None:
    types = {DType.I64: DType.I32, DType.BF16: DType.F32}
    assert encode_types(types) == "i64:i32 bf16:f32" and decode_types(encode_types(types)) == types
    instance = narrow_types.with_options(types=encode_types(types))
    assert str(instance) == "narrow-types{types=i64:i32 bf16:f32}"


@pytest.mark.parametrize("text", ["i64", "i64:int", "i64:f32", "f64:i32", "bool:i32", "i64:i32 i32:i16"])
def test_types_that_make_no_sense(text: str) -> None:
    with pytest.raises(InputError, match="narrow-types"):
        narrow_types(Module([Function("main")]), types=text)


QUANTIZED = """
func @main(%x: f32[4]) -> (%y: f32[4], %q: i8[4], %z: i8[4]) {
  %s = tensor.constant() {value = dense<0.5>} : f32[]
  %zero = tensor.constant() {value = dense<3>} : i8[]
  %q = quant.quantize(%x, %s, %zero) {storage = i8} : i8[4]
  %d = quant.dequantize(%q, %s, %zero) : f32[4]
  %w = tensor.constant() {value = dense<[1, -128, 127, 5]>} : i8[4]
  %scales = tensor.constant() {value = dense<[0.1, 0.2, 0.3, 0.4]>} : f32[4]
  %v = quant.dequantize(%w, %scales, none) {axis = 0} : f32[4]
  %y = math.add(%d, %v) : f32[4]
  %z = math.add(%w, %zero) : i8[4]
  return %y, %q, %z
}"""


def test_quantization_is_kept_when_asked() -> None:
    """Its integers stay as they are stored; what else uses them gets the wider ones."""
    module = parse_module(QUANTIZED)
    after = module.clone()
    narrow_types(after, types="i8:i32", keep_quantization=True)
    verify(after)
    assert [v.type.dtype for v in after.main.outputs] == [DType.F32, DType.I32, DType.I32]
    assert sum(isinstance(op, quant.Scaled) for op in after.main.ops) == 3
    assert_same(module, after, {"x": np.array([0.25, -1e6, 1e6, 3], np.float32)})
    weights = [op.result for op in after.main.ops if isinstance(op, tensor.Constant) and op.result.type.shape == (4,)]
    assert sorted(v.type.dtype.value for v in weights) == ["f32", "i32", "i8"]


def test_weights_that_are_only_stored_are_not_widened() -> None:
    text = QUANTIZED.replace("%z = math.add(%w, %zero) : i8[4]", "%z = math.neg(%q) : i8[4]")
    after = parse_module(text)
    narrow_types(after, types="i8:i32", keep_quantization=True)
    verify(after)
    constants = [op.result.type for op in after.main.ops if isinstance(op, tensor.Constant)]
    assert not [t for t in constants if t.dtype is DType.I32 and t.shape == (4,)]
