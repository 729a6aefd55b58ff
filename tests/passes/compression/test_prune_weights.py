"""prune-weights and store-sparse: which weights become zero, and in which form they are kept."""

import numpy as np
import pytest

from glmir.errors import InputError
from glmir.interpreter import run
from glmir.ir import Array, Module
from glmir.ops import quant, tensor
from glmir.parser import parse_module
from glmir.passes.compression.prune_channels import Scope
from glmir.passes.compression.prune_weights import prune_weights
from glmir.passes.compression.store_sparse import store_sparse
from glmir.verifier import verify
from tests.golden import clone, random_inputs, random_weight
from tests.tolerances import assert_close

TEXT = """
func @main(%x: f32[n, 16]) -> (%y: f32[n, 6]) {
  %w1 = tensor.constant() {value = weight<w1>} : f32[32, 16]
  %b1 = tensor.constant() {value = weight<b1>} : f32[32]
  %w2 = tensor.constant() {value = weight<w2>} : f32[6, 32]
  %a = nn.linear(%x, %w1, %b1) {activation = relu} : f32[n, 32]
  %y = nn.linear(%a, %w2, none) : f32[n, 6]
  return %y
}
"""


@pytest.fixture
def module() -> Module:
    return parse_module(TEXT, random_weight)


def constants(module: Module) -> dict[str, Array]:
    return {op.result.name: op.value.array for op in module.main.ops if isinstance(op, tensor.Constant)}


def share_of_zeros(array: Array) -> float:
    return 1 - np.count_nonzero(array) / array.size


def test_the_lowest_magnitudes_of_the_module_become_zero(module: Module) -> None:
    before = constants(module)
    assert prune_weights(module, amount=0.5)
    after = constants(module)
    threshold = np.median(np.abs(np.concatenate([before["w1"].ravel(), before["w2"].ravel()])))
    for name in ("w1", "w2"):
        np.testing.assert_array_equal(after[name], np.where(np.abs(before[name]) < threshold, 0, before[name]))
    np.testing.assert_array_equal(after["b1"], before["b1"])


def test_each_layer_loses_the_same_share(module: Module) -> None:
    prune_weights(module, amount=0.75, scope=Scope.LAYER)
    assert [share_of_zeros(constants(module)[name]) for name in ("w1", "w2")] == [0.75, 0.75]


@pytest.mark.parametrize(("pattern", "kept", "group"), [("2:4", 2, 4), ("1:4", 1, 4), ("4:8", 4, 8), ("2:5", 2, 5)])
def test_the_largest_of_every_group_of_inputs_stay(module: Module, pattern: str, kept: int, group: int) -> None:
    before = constants(module)["w1"]
    prune_weights(module, pattern=pattern)
    after = constants(module)["w1"]
    for row, whole in zip(after, before, strict=True):
        for start in range(0, len(row), group):
            part, given = row[start : start + group], whole[start : start + group]
            assert np.count_nonzero(part) == min(kept, len(part))
            assert np.abs(part[part != 0]).min() >= np.sort(np.abs(given))[::-1][:kept].min()


def test_groups_of_a_convolution_lie_along_its_input_channels() -> None:
    module = parse_module(
        """
func @main(%x: f32[n, 8, 5, 5]) -> (%y: f32[n, 4, 3, 3]) {
  %w = tensor.constant() {value = weight<w>} : f32[4, 8, 3, 3]
  %y = nn.conv(%x, %w, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[n, 4, 3, 3]
  return %y
}
""",
        random_weight,
    )
    prune_weights(module, pattern="2:4")
    zeros = constants(module)["w"] == 0
    np.testing.assert_array_equal(zeros.reshape(4, 2, 4, 3, 3).sum(axis=2), 2)


def test_layers_that_are_named_keep_their_weights(module: Module) -> None:
    before = constants(module)
    prune_weights(module, amount=0.5, keep="w1")
    np.testing.assert_array_equal(constants(module)["w1"], before["w1"])
    assert share_of_zeros(constants(module)["w2"]) == 0.5


def test_a_second_run_changes_nothing(module: Module) -> None:
    assert not prune_weights(module)
    assert prune_weights(module, amount=0.5) and not prune_weights(module, amount=0.5)


@pytest.mark.parametrize("pattern", ["4:2", "4:4", "0:4", "two of four", "2:4:8"])
def test_a_pattern_that_is_none_is_refused(module: Module, pattern: str) -> None:
    with pytest.raises(InputError, match="is like 2:4"):
        prune_weights(module, pattern=pattern)


@pytest.mark.parametrize("amount", [-0.1, 1.5, float("nan")])
def test_an_amount_that_is_no_share_is_refused(module: Module, amount: float) -> None:
    with pytest.raises(InputError, match="a share between 0 and 1"):
        prune_weights(module, amount=amount)


def test_equal_magnitudes_go_in_order_and_nan_stays() -> None:
    module = parse_module(
        """
func @main(%x: f32[n, 4]) -> (%y: f32[n, 2]) {
  %w = tensor.constant() {value = dense<[[1.0, -1.0, 1.0, 2.0], [nan, 1.0, -2.0, 0.0]]>} : f32[2, 4]
  %y = nn.linear(%x, %w, none) : f32[n, 2]
  return %y
}
"""
    )
    prune_weights(module, amount=0.5)
    np.testing.assert_array_equal(constants(module)["w"], [[0, 0, 0, 2], [np.nan, 1, -2, 0]])


def test_sparse_weights_are_stored_as_values_and_a_mask(module: Module) -> None:
    prune_weights(module, amount=0.75, scope=Scope.LAYER, keep="w2")
    inputs = random_inputs(module.main)
    expected = run(module, inputs)
    assert store_sparse(module)
    verify(module)
    (densify,) = (op for op in module.main.ops if isinstance(op, quant.Densify))
    assert densify.values.type.shape == (128,) and densify.result.type.shape == (32, 16)
    assert_close(run(module, inputs)["y"], expected["y"], "exact")
    assert clone(module) == module
    assert not store_sparse(module)


def test_what_is_not_sparse_enough_stays_dense(module: Module) -> None:
    prune_weights(module, amount=0.25, scope=Scope.LAYER)
    assert not store_sparse(module)
    assert store_sparse(module, min_sparsity=0.2)


def test_integers_of_a_quantized_weight_are_stored_sparse() -> None:
    module = parse_module(
        """
func @main(%x: f32[n, 16]) -> (%y: f32[n, 32]) {
  %q = tensor.constant() {value = weight<q>} : i8[32, 16]
  %s = tensor.constant() {value = weight<s>} : f32[32]
  %w = quant.dequantize(%q, %s, none) {axis = 0} : f32[32, 16]
  %y = nn.linear(%x, %w, none) : f32[n, 32]
  return %y
}
""",
        lambda name, type_: (
            (np.arange(512).reshape(32, 16) % 4 == 0).astype(np.int8) if name == "q" else random_weight(name, type_)
        ),
    )
    inputs = random_inputs(module.main)
    expected = run(module, inputs)
    assert store_sparse(module)
    verify(module)
    (densify,) = (op for op in module.main.ops if isinstance(op, quant.Densify))
    assert densify.values.type.shape == (128,)
    assert_close(run(module, inputs)["y"], expected["y"], "exact")
