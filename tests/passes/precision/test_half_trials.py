"""What f16 loses of single ops, on data: overflow, numbers that vanish, operands on whose last bits a result hangs."""

import numpy as np
import pytest

from glmir.interpreter import bind_inputs, execute, run_op
from glmir.ir import Array, Module
from glmir.parser import parse_module
from glmir.passes.precision.half_constants import LARGEST
from glmir.passes.precision.half_trials import Loss, lost_in_half
from glmir.passes.precision.islands import find_islands

END = f", and f16 ends at {LARGEST:.0f}"


def trial(module: Module, x: Array) -> dict[str, Loss]:
    """What is lost of the ops that are no constants, by the names of their results."""
    environment: dict[str, int] = {}
    arrays = bind_inputs(module.main, {"x": x}, environment)
    every = dict(arrays)
    for op, results in execute(module.main, arrays, environment):
        made = dict(zip(op.results, results, strict=True))
        arrays |= made
        every |= made
    found = {}
    for op in module.main.ops:
        if op.operands and (loss := lost_in_half(op, every, lambda op, made: run_op(op, made, {}))):
            found[op.results[0].name] = loss
    return found


def one_op(text: str, shape: str = "4, 8", result: str = "f32[4, 8]") -> Module:
    return parse_module(f"""
        func @main(%x: f32[{shape}]) -> (%y: {result}) {{
          %tiny = tensor.constant() {{value = dense<1e-07>}} : f32[]
          {text}
          return %y
        }}""")


NORMAL = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)

CASES = {
    "a square that overflows": ("%y = math.square(%x) : f32[4, 8]", NORMAL * 300, "its result reaches"),
    "a square that does not": ("%y = math.square(%x) : f32[4, 8]", NORMAL * 30, None),
    "large exponents": ("%y = math.exp(%x) : f32[4, 8]", NORMAL + 12, "its result reaches"),
    "small exponents": ("%y = math.exp(%x) : f32[4, 8]", NORMAL, None),
    "large angles": ("%y = math.sin(%x) : f32[4, 8]", NORMAL * 300, "f16 loses"),
    "small angles": ("%y = math.sin(%x) : f32[4, 8]", NORMAL, None),
    "scores that differ little": ("%y = nn.softmax(%x) {axis = 1} : f32[4, 8]", NORMAL + 4000, "f16 loses"),
    "scores": ("%y = nn.softmax(%x) {axis = 1} : f32[4, 8]", NORMAL, None),
    "inverses of small numbers": ("%y = math.reciprocal(%x) : f32[4, 8]", abs(NORMAL) * 1e-6 + 1e-7, "its result"),
    "a vanishing addend": ("%y = math.mul(%x, %tiny) : f32[4, 8]", NORMAL * 1e-2, "f16 loses"),
    "a difference of large numbers": ("%y = math.sub(%x, %x) : f32[4, 8]", NORMAL * 1e4, None),
    "a norm of large numbers": (
        "%y = nn.rms_norm(%x, none) {axis = 1, epsilon = 1e-06} : f32[4, 8]", NORMAL * 300, "what it squares",
    ),
    "a norm": ("%y = nn.rms_norm(%x, none) {axis = 1, epsilon = 1e-06} : f32[4, 8]", NORMAL, None),
    "a layer norm of large numbers": (
        "%y = nn.layer_norm(%x, none, none) {axis = 1, epsilon = 1e-05} : f32[4, 8]", NORMAL * 300, "what it squares",
    ),
    "a running sum": ("%y = math.cum_sum(%x) {axis = 1} : f32[4, 8]", NORMAL + 1, None),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_single_ops(name: str) -> None:
    text, x, reason = CASES[name]
    found = trial(one_op(text), x.astype(np.float32))
    if reason is None:
        assert not found
    else:
        assert found["y"].reason.startswith(reason)


def test_the_error_of_a_long_running_sum_grows() -> None:
    module = one_op("%y = math.cum_sum(%x) {axis = 0} : f32[5000]", "5000", "f32[5000]")
    assert "f16 loses" in trial(module, np.ones(5000, np.float32))["y"].reason


def test_positions_become_others() -> None:
    module = one_op("%y = tensor.cast(%x) {dtype = i32} : i32[4]", "4", "i32[4]")
    found = trial(module, np.array([1.0, 2.0, 4097.0, 5.0], np.float32))["y"]
    assert found == Loss("a number that is rounded before becomes another integer", is_of_operands=True)
    module = one_op(
        "%0 = tensor.cast(%x) {dtype = i32} : i32[4]\n%y = tensor.cast(%0) {dtype = f32} : f32[4]", "4", "f32[4]"
    )
    assert not trial(module, np.array([1.0, 2.0, 4.0, 5.0], np.float32))


def test_masks_do_not_count_as_large() -> None:
    module = parse_module("""
        func @main(%x: f32[2, 4]) -> (%y: f32[2, 4]) {
          %lowest = tensor.constant() {value = dense<-3.4028235e+38>} : f32[]
          %0 = math.mul(%x, %lowest) : f32[2, 4]
          %1 = math.add(%0, %x) : f32[2, 4]
          %y = nn.softmax(%1) {axis = 1} : f32[2, 4]
          return %y
        }""")
    assert not trial(module, np.array([[0, 1, 0, 1], [0, 0, 1, 1]], np.float32))


def test_scores_of_attention() -> None:
    module = parse_module("""
        func @main(%x: f32[1, 4, 8]) -> (%y: f32[1, 4, 8]) {
          %y = nn.attention(%x, %x, %x, none) {heads = 2, scale = 1e-05} : f32[1, 4, 8]
          return %y
        }""")
    assert trial(module, NORMAL[None] * 300)["y"].reason.startswith("a score reaches")
    assert not trial(module, NORMAL[None])


def test_data_stands_for_the_table() -> None:
    module = parse_module("""
        func @main(%x: f32[4, 8]) -> (%y: f32[4, 8]) {
          %a = math.square(%x) : f32[4, 8]
          %b = math.exp(%a) : f32[4, 8]
          %0 = math.mul(%b, %b) : f32[4, 8]
          %y = math.sqrt(%0) : f32[4, 8]
          return %y
        }""")
    assert {op.results[0].name for op in find_islands(module.main)} == {"a", "b", "", "y"}
    # What has no name belongs to what follows.
    found = find_islands(module.main, {"y": "lost"})
    assert {op.results[0].name: reason for op, reason in found.items()} == {"": "lost", "y": "lost"}
