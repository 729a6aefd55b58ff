"""What is wrong with a text, and where: each mistake gives its sentence with line and column."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glmir.errors import GlmirError
from glmir.parser import ParseError, parse_module, parse_type


def body(*lines: str, parameters: str = "%x: f32[2, 3]", outputs: str = "", returned: str = "") -> str:
    """A function whose first op stands on line 2, from column 3."""
    ops = "\n".join(f"  {line}" for line in lines)
    return f"func @main({parameters}) -> ({outputs}) {{\n{ops}\n  return {returned}\n}}\n"


MISTAKES: list[tuple[str, int, int, str]] = [
    # syntax
    ("func", 1, 5, "the text ends; expected a @function"),
    ("func @main(%x f32[2]) -> () { return }", 1, 15, "unexpected f32; expected :"),
    ("func @main() -> () {\n  return\n", 3, 1, "the text ends; expected a %value or }"),
    ("func @main() -> () {\n  return }\n  !", 3, 3, "unexpected character '!'"),
    ("funk @main() -> () { return }", 1, 1, "unexpected funk; expected func or state or the end"),
    (body("%y = nn.relu(%x : f32[2, 3]"), 2, 19, "unexpected :; expected ) or ,"),
    (body("%y = nn.relu(x) : f32[2, 3]"), 2, 16, "an operand is a %value, a list or none, not x"),
    (body('%y = nn.relu(%x) : f32[2, 3] loc("\\q")'), 2, 36, "is not a string: escapes are those of JSON"),
    ('func @"\\q"() -> () { return }', 1, 6, "is not a string"),
    # types
    ("func @main(%x: f33[2]) -> () { return }", 1, 16, "f33 is not an element type"),
    ("func @main(%x: f32[-2]) -> () { return }", 1, 16, "a dimension is not negative, unlike -2"),
    ("func @main(%x: f32[-n]) -> () { return }", 1, 16, "a dimension is not negative, unlike -n"),
    ("func @main(%x: f32[n // 0]) -> () { return }", 1, 22, "division by zero"),
    ("func @main(%x: f32[n % (n - n)]) -> () { return }", 1, 22, "division by zero"),
    ("func @main(%x: f32[2 + -inf]) -> () { return }", 1, 22, "a dimension is an integer, not a float"),
    ("func @main(%x: f32[-inf]) -> () { return }", 1, 16, "a dimension is an integer, not a float"),
    ('func @main(%x: f32[""]) -> () { return }', 1, 20, "a symbolic dimension needs a name"),
    (f"func @main(%x: f32[{'9' * 5000}]) -> () {{ return }}", 1, 20, "the integer is too long"),
    ("func @main(%x: quant<f32, i8>[2]) -> () { return }", 1, 22, "a quantized type needs scales"),
    ("func @main(%x: quant<f32, f16, scales=[1.0]>[2]) -> () { return }", 1, 22, "is an integer dtype, not f16"),
    ("func @main(%x: quant<i32, i8, scales=[1.0]>[2]) -> () { return }", 1, 22, "what is quantized is a float"),
    ("func @main(%x: quant<f32, i8, scales=[0.0]>[2]) -> () { return }", 1, 22, "scales are positive numbers"),
    ("func @main(%x: quant<f32, i8, scales=[1.0], z=1>[2]) -> () { return }", 1, 22, "a quantized type has no field z"),
    ("func @main(%x: quant<f32, i8, scales=[1.0, 2.0], axis=0>[3]) -> () { return }", 1, 22, "there are 3 scales"),
    ("func @main(%x: quant<f32, i8, scales=[1.0], axis=1>[3]) -> () { return }", 1, 22, "there is no axis 1"),
    # names
    (body("%y = nn.relu(%z) : f32[2, 3]"), 2, 16, "%z is not defined"),
    (body("%y = nn.relu(%y) : f32[2, 3]"), 2, 16, "%y is not defined"),
    (body("%x = nn.relu(%x) : f32[2, 3]"), 2, 3, "%x is defined twice"),
    (body('%"x" = nn.relu(%x) : f32[2, 3]'), 2, 3, '%"x" is defined twice'),
    ("func @main(%a: f32[2], %a: f32[2]) -> () { return }", 1, 24, "%a is defined twice"),
    ("func @f() -> () { return }\nfunc @f() -> () { return }", 2, 6, "function @f is defined twice"),
    (body(returned="%z", outputs="%y: f32[2]"), 3, 10, "%z is not defined"),
    (body(returned="%x"), 3, 3, "@main has no outputs, but returns 1"),
    ("func @main(%x: f32[2]) -> (%y: f32[2], %z: f32[2]) { return %x }", 1, 54, "@main has 2 outputs, but returns 1"),
    ("func @main(%x: f32[2]) -> (%y: f32[3]) { return %x }", 1, 28, "is declared f32[3], but returns f32[2]"),
    # ops
    (body("%y = nn.rule(%x) : f32[2, 3]"), 2, 8, "there is no op nn.rule"),
    (body("%y = nn.relu(%x) : f32[3, 2]"), 2, 3, "nn.relu gives f32[2, 3], not f32[3, 2]"),
    (body("%y = nn.relu(%x) : f16[2, 3]"), 2, 3, "nn.relu gives f32[2, 3], not f16[2, 3]"),
    (body("nn.relu(%x)"), 2, 3, "nn.relu has 1 result, each with a name and a type"),
    (body("%y, %z = nn.relu(%x) : f32[2, 3]"), 2, 12, "nn.relu has 1 result, each with a name and a type"),
    (body("%y = nn.relu(%x, %x) : f32[2, 3]"), 2, 8, "nn.relu takes 1 operand, not 2"),
    (body("%y = nn.relu() : f32[2, 3]"), 2, 8, "nn.relu takes 1 operand, not 0"),
    (body("%y = nn.relu([%x]) : f32[2, 3]"), 2, 16, "operand x of nn.relu is a value"),
    (body("%y = nn.relu(none) : f32[2, 3]"), 2, 16, "operand x of nn.relu is a value"),
    (body("%y = tensor.concat(%x) {axis = 0} : f32[2, 3]"), 2, 22, "operand xs of tensor.concat is a list of values"),
    (body("%y = math.add(%x, %b) : f32[2, 3]", parameters="%x: f32[2, 3], %b: f32[2]"), 2, 8,
     "math.add requires that the shapes broadcast together, but got (f32[2, 3], f32[2]) {activation = none} (C2)"),
    # attributes
    (body("%y = nn.relu(%x) {alpha = 1.0} : f32[2, 3]"), 2, 21, "nn.relu has no attribute alpha"),
    (body("%y = math.clamp(%x) {minimum = 0.0, minimum = 1.0} : f32[2, 3]"), 2, 39, "attribute minimum is given twice"),
    (body("%y = math.clamp(%x) {minimum = a} : f32[2, 3]"), 2, 24, "attribute minimum: expected a float, found a"),
    (body(f"%y = math.clamp(%x) {{minimum = {'9' * 400}}} : f32[2, 3]"), 2, 34, "the integer is too long"),
    (body("%y = math.clamp(%x) {minimum = 1e999} : f32[2, 3]"), 2, 34, "1e999 is too large for a float"),
    (body("%y = tensor.concat([%x]) : f32[2, 3]"), 2, 8, "tensor.concat needs the attribute axis"),
    (body("%y = tensor.concat([%x]) {axis = 1.0} : f32[2, 3]"), 2, 29, "axis: expected an integer, found 1.0"),
    (body("%y = tensor.concat([%x]) {axis = 9} : f32[2, 3]"), 2, 8, "tensor.concat requires that"),
    (body("%y = tensor.concat([%x]) {axis = 9223372036854775808} : f32[2, 3]"), 2, 29, "does not fit 64 bits"),
    (body("%y = tensor.transpose(%x) {permutation = 1} : f32[2, 3]"), 2, 30, "permutation: expected a list, found 1"),
    (body("%y = math.add(%x, %x) {activation = gelu} : f32[2, 3]"), 2, 26,
     "attribute activation: expected one of none, relu, relu6, found gelu"),
    (body("%y = tensor.trilu(%x) {upper = 1} : f32[2, 3]"), 2, 26, "attribute upper: expected true or false, found 1"),
    # constants
    (body("%c = tensor.constant() {value = 1} : f32[1]"), 2, 27, "a constant (dense<…> or weight<…>), found 1"),
    (body("%c = tensor.constant() {value = dense<[1.0, 2.0]>} : f32[n]"), 2, 27, "constant needs a static result type"),
    (body("%c = tensor.constant() {value = dense<[1.0, 2.0]>} : f32[3]"), 2, 27, "elements do not have the shape [3]"),
    (body("%c = tensor.constant() {value = dense<[1, 2, 3, 4]>} : i8[2, 2]"), 2, 27, "do not have the shape [2, 2]"),
    (body("%c = tensor.constant() {value = dense<[[1], [2, 3]]>} : i8[2, 2]"), 2, 27, "do not have the shape [2, 2]"),
    (body("%c = tensor.constant() {value = dense<[300]>} : i8[1]"), 2, 27, "300 does not fit i8"),
    (body("%c = tensor.constant() {value = dense<[-1]>} : u64[1]"), 2, 27, "-1 does not fit u64"),
    (body("%c = tensor.constant() {value = dense<[8]>} : i4[1]"), 2, 27, "8 does not fit i4"),
    (body("%c = tensor.constant() {value = dense<[1.5]>} : i8[1]"), 2, 27, "expected an integer, found 1.5"),
    (body("%c = tensor.constant() {value = dense<[70000.0]>} : f16[1]"), 2, 27, "an element is too large for f16"),
    (body("%c = tensor.constant() {value = dense<[1]>} : bool[1]"), 2, 27, "expected true or false, found 1"),
    (body("%c = tensor.constant() {value = dense<[300]>} : quant<f32, i8, scales=[1.0]>[1]"), 2, 27, "300 does not"),
    (body("%c = tensor.constant() {value = weight<v>} : f32[2]"), 2, 27, "v is not in the .safetensors file"),
    (body("%c = tensor.constant() {value = weight<w>} : f32[3]"), 2, 27, "w has the shape [2], not [3]"),
    (body("%c = tensor.constant() {value = weight<w>} : f64[2]"), 2, 27, "w holds float32, not f64"),
    (body("%c = tensor.constant() {value = weight<i>} : i4[2]"), 2, 27, "i holds int8, not i4"),
]  # fmt: skip
WEIGHTS = {"w": np.zeros(2, np.float32), "i": np.array([1, 100], np.int8)}


@pytest.mark.parametrize(("text", "line", "column", "message"), MISTAKES, ids=[f"{m[-1][:40]}" for m in MISTAKES])
def test_mistakes(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ParseError) as error:
        parse_module(text, WEIGHTS)
    assert message in str(error.value)
    assert (error.value.line, error.value.column) == (line, column), str(error.value)


NO_TYPES = ["f32", "f32[2] f32[2]", "f32[2]) -> () { return } func @u(%y: f32[1]", "f32[2], %z: i8[]", ""]


@pytest.mark.parametrize("text", NO_TYPES)
def test_text_that_is_no_type(text: str) -> None:
    with pytest.raises(ParseError):
        parse_type(text)


def test_columns_of_a_type_count_from_its_start() -> None:
    with pytest.raises(ParseError, match=r"^line 1, column 8: unexpected"):
        parse_type("f32[2, !, 3]"[:7] + ", 3]")


VALID = """func @main(%x: f32[n, 3], %i: i64[2]) -> (%y: f32[n, 3], %"a b": f32[3]) {
  %c = tensor.constant() {value = dense<[1.0, -inf, 2.5e-05]>} : f32[3]
  %0 = math.add(%x, %c) {activation = relu} : f32[n, 3] loc("node \\"a\\"")
  %p = tensor.pad(%0, none) {low = [0, 1], high = [n // 2, 0]} : f32[n + n // 2, 4]
  %q = nn.relu(%0) : quant<f32, i8, scales=[0.5], zero_points=[1]>[n, 3]
  return %0, %c
}
"""


@settings(deadline=None, max_examples=400)
@given(st.integers(0, len(VALID)), st.integers(0, 12), st.text('%@"[](){}<>=,:#.-+*/\\0129enf ', max_size=4))
def test_damaged_text_never_crashes(position: int, length: int, inserted: str) -> None:
    text = VALID[:position] + inserted + VALID[position + length :]
    try:
        parse_module(text)
    except GlmirError as error:
        assert str(error)
