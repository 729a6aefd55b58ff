"""What is recognised before legalisation: attention, elements of an axis, and spellings with faster kernels."""

from collections.abc import Mapping

import numpy as np
import pytest

from glmir import interpreter
from glmir.backends.onnx.combine import combine_onnx
from glmir.dims import evaluate
from glmir.ir import Array, Module
from glmir.parser import parse_module
from glmir.types import Shape
from tests.backends.building import sample
from tests.backends.onnx.harness import check_model

SIZES = {"b": 2, "s": 5, "t": 7, "n": 3}

HEADS = """
func @main(%q: f32[b, s, 8], %k: f32[b, t, 8], %v: f32[b, t, 6]MASK) -> (%y: f32[b, s, 6]) {
  %q1 = tensor.reshape(%q, none) {shape = [b, s, 2, 4]} : f32[b, s, 2, 4]
  %q2 = tensor.transpose(%q1) {permutation = [0, 2, 1, 3]} : f32[b, 2, s, 4]
  %k1 = tensor.reshape(%k, none) {shape = [b, t, 2, 4]} : f32[b, t, 2, 4]
  %k2 = tensor.transpose(%k1) {permutation = [0, 2, 3, 1]} : f32[b, 2, 4, t]
  %v1 = tensor.reshape(%v, none) {shape = [b, t, 2, 3]} : f32[b, t, 2, 3]
  %v2 = tensor.transpose(%v1) {permutation = [0, 2, 1, 3]} : f32[b, 2, t, 3]
  %a = math.mat_mul(%q2, %k2) : f32[b, 2, s, t]
  SCALE
  ADD
  %p = nn.softmax(%m) {axis = 3} : f32[b, 2, s, t]
  %o = math.mat_mul(%p, %v2) : f32[b, 2, s, 3]
  %o1 = tensor.transpose(%o) {permutation = [0, 2, 1, 3]} : f32[b, s, 2, 3]
  %y = tensor.reshape(%o1, none) {shape = [b, s, 6]} : f32[b, s, 6]
  return %y
}
"""
SCALES = {
    "none": "%c = math.mul(%a, %one) : f32[b, 2, s, t]",
    "factor": "%c = math.mul(%a, %half) : f32[b, 2, s, t]",
    "divisor": "%c = math.div(%a, %two) : f32[b, 2, s, t]",
}
NUMBERS = {"one": 1.0, "half": 0.5, "two": 2.0}
FULL_MASKS = ("s, t", "1, s, t", "2, s, t", "b, 1, s, t", "1, 2, s, t", "b, 2, s, t")
PART_MASKS = ("t", "1, t", "b, 1, 1, t", "s, 1")


def module_with(scale: str, mask: str = "") -> Module:
    text = HEADS.replace("MASK", f", %mask: f32[{mask}]" if mask else "")
    used = [name for name in NUMBERS if f"%{name}" in SCALES[scale]]
    constants = "".join(f"%{n} = tensor.constant() {{value = dense<{NUMBERS[n]}>}} : f32[]\n  " for n in used)
    text = text.replace("SCALE", constants + SCALES[scale])
    add = "%m = math.add(%c, %mask) : f32[b, 2, s, t]" if mask else ""
    return parse_module(
        text.replace("ADD", add) if mask else text.replace("ADD", "").replace("softmax(%m)", "softmax(%c)")
    )


def inputs_of(module: Module) -> dict[str, Array]:
    return {v.name: sample(v.type.dtype, bound(v.type.shape), seed=v.name) for v in module.main.inputs}


def bound(shape: Shape) -> list[int]:
    return [d if isinstance(d, int) else evaluate(d, SIZES) for d in shape]


def names(module: Module) -> list[str]:
    return [op.definition.name for op in module.main.ops if op.definition.name != "tensor.constant"]


def check(module: Module, *written: str, inputs: Mapping[str, Array] | None = None) -> None:
    """Fails unless the module computes the same combined, is then these ops, and does so in onnxruntime."""
    given = inputs_of(module) if inputs is None else inputs
    expected = interpreter.run(module, given)
    combine_onnx(module)
    assert names(module) == list(written)
    for name, array in interpreter.run(module, given).items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-5)
    check_model(module, [given], "f32-sums")


@pytest.mark.parametrize("scale", SCALES)
def test_attention(scale: str) -> None:
    check(module_with(scale), "nn.attention")


@pytest.mark.parametrize("mask", FULL_MASKS)
def test_attention_with_mask(mask: str) -> None:
    check(module_with("factor", mask), "math.maximum", "nn.attention")


@pytest.mark.parametrize("mask", PART_MASKS)
def test_masks_that_the_runtime_does_not_broadcast(mask: str) -> None:
    check(module_with("factor", mask), "math.maximum", "tensor.expand", "nn.attention")


def test_queries_that_see_no_key() -> None:
    masked = """
  %zero = tensor.constant() {value = dense<0.0>} : f32[]
  %low = tensor.constant() {value = dense<-3.4028235e+38>} : f32[]
  %z = math.select(%hidden, %low, %zero) : f32[s, t]
  %m = math.add(%a, %z) : f32[b, 2, s, t]"""
    text = HEADS.replace("MASK", ", %hidden: bool[s, t]").replace("SCALE", masked).replace("ADD", "")
    module = parse_module(text)
    inputs = {**inputs_of(module), "hidden": np.arange(35).reshape(5, 7) < 16}
    check(module, "math.select", "nn.attention", inputs=inputs)


def test_attention_before_its_opset() -> None:
    module = module_with("factor")
    assert not combine_onnx(module, opset=22)
    check_model(module, [inputs_of(module)], "f32-sums", 22)


STACKED = """
func @main(%x: f32[b, s, 24]) -> (%y: f32[b, s, 8]) {
  %half = tensor.constant() {value = dense<0.5>} : f32[]
  %h = tensor.reshape(%x, none) {shape = [b, s, 3, 2, 4]} : f32[b, s, 3, 2, 4]
  %r = tensor.transpose(%h) {permutation = [2, 0, 3, 1, 4]} : f32[3, b, 2, s, 4]
  PARTS
  %q = tensor.reshape(%q1, none) {shape = [b, 2, s, 4]} : f32[b, 2, s, 4]
  %k = tensor.reshape(%k1, none) {shape = [b, 2, s, 4]} : f32[b, 2, s, 4]
  %v = tensor.reshape(%v1, none) {shape = [b, 2, s, 4]} : f32[b, 2, s, 4]
  %c = math.mul(%q, %half) : f32[b, 2, s, 4]
  %a = math.mat_mul(%c, %k) {transpose_y = true} : f32[b, 2, s, s]
  %p = nn.softmax(%a) {axis = 3} : f32[b, 2, s, s]
  %o = math.mat_mul(%p, %v) : f32[b, 2, s, 4]
  %o1 = tensor.transpose(%o) {permutation = [0, 2, 1, 3]} : f32[b, s, 2, 4]
  %y = tensor.reshape(%o1, none) {shape = [b, s, 8]} : f32[b, s, 8]
  return %y
}
"""
SPLIT = "%q1, %k1, %v1 = tensor.split(%r) {axis = 0, sizes = [1, 1, 1]} : " + ", ".join(["f32[1, b, 2, s, 4]"] * 3)
SLICES = "\n  ".join(
    f"%{name}1 = tensor.slice(%r) {{starts = [{i}, 0, 0, 0, 0], sizes = [1, b, 2, s, 4], strides = [1, 1, 1, 1, 1]}} : "
    "f32[1, b, 2, s, 4]"
    for i, name in enumerate("qkv")
)


@pytest.mark.parametrize("parts", [SPLIT, SLICES])
def test_attention_of_one_projection(parts: str) -> None:
    check(parse_module(STACKED.replace("PARTS", parts)), "tensor.split", "nn.attention")


SELECTED = """
func @main(%q: f32[b, s, 8], %k: f32[b, t, 8], %v: f32[b, t, 6], %seen: bool[b, 1, s, 1]) -> (%y: f32[b, s, 6]) {
  %zero = tensor.constant() {value = dense<0.0>} : f32[]
  %q1 = tensor.reshape(%q, none) {shape = [b, s, 2, 4]} : f32[b, s, 2, 4]
  %q2 = tensor.transpose(%q1) {permutation = [0, 2, 1, 3]} : f32[b, 2, s, 4]
  %k1 = tensor.reshape(%k, none) {shape = [b, t, 2, 4]} : f32[b, t, 2, 4]
  %k2 = tensor.transpose(%k1) {permutation = [0, 2, 1, 3]} : f32[b, 2, t, 4]
  %v1 = tensor.reshape(%v, none) {shape = [b, t, 2, 3]} : f32[b, t, 2, 3]
  %v2 = tensor.transpose(%v1) {permutation = [0, 2, 1, 3]} : f32[b, 2, t, 3]
  %a = nn.attention(%q2, %k2, %v2, none) {heads = 2, scale = 0.5} : f32[b, 2, s, 3]
  %o = math.select(%seen, %a, %zero) : f32[b, 2, s, 3]
  %o1 = tensor.transpose(%o) {permutation = [0, 2, 1, 3]} : f32[b, s, 2, 3]
  %y = tensor.reshape(%o1, none) {shape = [b, s, 6]} : f32[b, s, 6]
  return %y
}
"""


def test_attention_some_rows_of_which_are_zero() -> None:
    check(parse_module(SELECTED), "tensor.reshape", "nn.attention", "math.select")


def test_element_of_axis() -> None:
    check(
        parse_module(
            "func @main(%x: f32[n, 4, s]) -> (%y: f32[n, s]) {\n"
            "  %a = tensor.slice(%x) {starts = [0, 2, 0], sizes = [n, 1, s], strides = [1, 1, 1]} : f32[n, 1, s]\n"
            "  %y = tensor.reshape(%a, none) {shape = [n, s]} : f32[n, s]\n"
            "  return %y\n}"
        ),
        "tensor.gather",
    )


def test_elements_of_split_axis() -> None:
    module = parse_module(
        "func @main(%x: f32[3, n, s]) -> (%y: f32[n, s]) {\n"
        "  %a, %b, %c = tensor.split(%x) {axis = 0, sizes = [1, 1, 1]} : f32[1, n, s], f32[1, n, s], f32[1, n, s]\n"
        "  %d = tensor.reshape(%a, none) {shape = [n, s]} : f32[n, s]\n"
        "  %e = tensor.reshape(%c, none) {shape = [n, s]} : f32[n, s]\n"
        "  %y = math.sub(%d, %e) : f32[n, s]\n"
        "  return %y\n}"
    )
    check(module, "tensor.gather", "tensor.gather", "math.sub")


def test_parts_with_their_axis_stay_split() -> None:
    module = parse_module(
        "func @main(%x: f32[2, n]) -> (%y: f32[1, n]) {\n"
        "  %a, %b = tensor.split(%x) {axis = 0, sizes = [1, 1]} : f32[1, n], f32[1, n]\n"
        "  %c = tensor.reshape(%b, none) {shape = [n]} : f32[n]\n"
        "  %y = math.sub(%a, %c) : f32[1, n]\n"
        "  return %y\n}"
    )
    check(module, "tensor.split", "tensor.reshape", "math.sub")


def test_nearest_by_whole_factor() -> None:
    module = parse_module(
        "func @main(%x: f32[1, 2, 3, 4]) -> (%y: f32[1, 2, 6, 12]) {\n"
        "  %y = nn.resize(%x, none) {shape = [1, 2, 6, 12], scales = [], mode = nearest, transform = half_pixel} :"
        " f32[1, 2, 6, 12]\n  return %y\n}"
    )
    check(module, "nn.resize")
    assert "transform = asymmetric, rounding = floor" in str(module)


@pytest.mark.parametrize(("size", "is_plain"), [(8, True), (9, False)])
def test_pool_of_whole_windows(size: int, is_plain: bool) -> None:
    result = (size + 1) // 2
    module = parse_module(
        f"func @main(%x: f32[1, 2, {size}, 8]) -> (%y: f32[1, 2, {result}, 4]) {{\n"
        "  %y = nn.average_pool(%x) {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0], dilations = [1, 1], "
        f"ceil_mode = true}} : f32[1, 2, {result}, 4]\n  return %y\n}}"
    )
    assert combine_onnx(module, opset=18) == is_plain
    assert names(module) == ["nn.average_pool"]
    assert ("ceil_mode = true" not in str(module)) == is_plain


POOL = """
func @main(%x: f32[b, 5, 8, 8]) -> (%y: f32[b, 5, 4, 4]) {
  %y = nn.average_pool(%x) {kernel = [3, 3], strides = [2, 2], padding = [1, 1, 1, 1], dilations = [1, 1]OPTIONS} : \
f32[b, 5, 4, 4]
  return %y
}
"""


@pytest.mark.parametrize(
    ("options", "written"), [("", ("nn.conv", "math.mul")), (", count_include_pad = true", ("nn.conv",))]
)
def test_average_pool_as_convolution(options: str, written: tuple[str, ...]) -> None:
    check(parse_module(POOL.replace("OPTIONS", options)), *written)


def test_average_pool_before_its_slow_kernel() -> None:
    assert not combine_onnx(parse_module(POOL.replace("OPTIONS", "")), opset=18)


ZEROS_AROUND = """
func @main(%x: f32[1, 16, 8, 8]) -> (%y: f32[1, 16, SIZE, SIZE]) {
  %p = tensor.pad(%x, none) {low = [0, 0, 0, 0], high = [0, 0, 1, 1], mode = constant} : f32[1, 16, 9, 9]
  %y = nn.KIND_pool(%p)
    {kernel = [K, K], strides = [2, 2], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[1, 16, SIZE, SIZE]
  return %y
}
"""


@pytest.mark.parametrize(
    ("kind", "kernel", "is_kept"), [("max", 3, False), ("max", 1, False), ("average", 1, False), ("average", 3, True)]
)
def test_zeros_around_pools_are_not_taken_for_their_padding(kind: str, kernel: int, is_kept: bool) -> None:
    text = ZEROS_AROUND.replace("KIND", kind).replace("K,", f"{kernel},").replace("K]", f"{kernel}]")
    module = parse_module(text.replace("SIZE", str((9 - kernel) // 2 + 1)))
    image = -np.abs(sample(module.main.inputs[0].type.dtype, [1, 16, 8, 8], seed="x"))
    check(module, "tensor.pad", f"nn.{kind}_pool", inputs={"x": image})
    (pad,) = (op for op in module.main.ops if op.definition.name == "tensor.pad")
    assert (len(pad.operands) == 1) == is_kept
