"""prune-channels: what is left computes what the whole network does with the removed channels at zero."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from glmir.errors import InputError
from glmir.interpreter import run
from glmir.ir import Array, Module
from glmir.ops import nn, tensor
from glmir.parser import parse_module
from glmir.pass_manager import PassManager, parse_pipeline
from glmir.passes import BY_NAME
from glmir.passes.compression.prune_channels import Budget, Scope, prune_channels, removed_channels
from glmir.printer import print_module
from glmir.verifier import verify
from tests.golden import random_inputs, random_weight
from tests.passes.compression.masking import mask_channels
from tests.passes.compression.random_networks import networks
from tests.random_graphs import modules
from tests.tolerances import assert_close

ON_MODULES = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


def check_against_zeros(module: Module, inputs: dict[str, Array], budget: Budget) -> bool:
    """Fails unless removing channels computes what zeros in their place do; returns whether any were removed."""
    pruned = module.clone()
    changed = prune_channels(
        pruned, amount=budget.amount, scope=budget.scope, multiple=budget.multiple, limit=budget.limit
    )
    verify(pruned)
    assert [v.type for v in pruned.main.outputs] == [v.type for v in module.main.outputs]
    mask_channels(module, *removed_channels(module, budget))
    expected, actual = run(module, inputs), run(pruned, inputs)
    for name, array in expected.items():
        assert_close(actual[name], array, "model", name)
    return changed


@ON_MODULES
@given(networks())
def test_removed_channels_are_zeros(case: tuple[Module, dict[str, Array]]) -> None:
    module, inputs = case
    text = print_module(module)
    try:
        check_against_zeros(module, inputs, Budget(0.5))
    except Exception as error:
        error.add_note(text)
        raise


@ON_MODULES
@given(networks(4))
def test_removed_channels_are_zeros_wherever_they_weigh_least(case: tuple[Module, dict[str, Array]]) -> None:
    module, inputs = case
    check_against_zeros(module, inputs, Budget(0.4, Scope.GLOBAL, limit=0.7))


@ON_MODULES
@given(modules())
def test_what_a_module_takes_and_gives_stays(case: tuple[Module, dict[str, Array]]) -> None:
    module, inputs = case
    shapes = {name: array.shape for name, array in run(module, inputs).items()}
    prune_channels(module, amount=0.5)
    verify(module)
    with np.errstate(all="ignore"):
        assert {name: array.shape for name, array in run(module, inputs).items()} == shapes


def parsed(*lines: str, x: str, y: str) -> Module:
    body = "\n".join(f"  {line}" for line in lines)
    return parse_module(f"func @main(%x: {x}) -> (%y: {y}) {{\n{body}\n  return %y\n}}\n", random_weight)


def weight(name: str, shape: str) -> str:
    return f"%{name} = tensor.constant() {{value = weight<{name}>}} : {shape}"


def shapes_of(module: Module, op: type[nn.Conv] | type[nn.Linear]) -> list[tuple[int, ...]]:
    return [o.weight.type.static_shape for o in module.main.ops if isinstance(o, op)]


CONV = "strides = [1, 1], padding = [1, 1, 1, 1], dilations = [1, 1]"

INVERTED_RESIDUAL = parsed(
    weight("w1", "f32[8, 3, 3, 3]"),
    weight("b1", "f32[8]"),
    weight("w2", "f32[24, 8, 1, 1]"),
    weight("w3", "f32[24, 1, 3, 3]"),
    weight("w4", "f32[8, 24, 1, 1]"),
    weight("w5", "f32[5, 8]"),
    f"%a = nn.conv(%x, %w1, %b1) {{{CONV}, activation = relu6}} : f32[n, 8, 6, 6]",
    "%b = nn.conv(%a, %w2, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1], activation = relu6} "
    ": f32[n, 24, 6, 6]",
    f"%c = nn.conv(%b, %w3, none) {{{CONV}, groups = 24, activation = relu6}} : f32[n, 24, 6, 6]",
    "%d = nn.conv(%c, %w4, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[n, 8, 6, 6]",
    "%e = math.add(%a, %d) : f32[n, 8, 6, 6]",
    "%f = math.reduce_mean(%e) {axes = [2, 3]} : f32[n, 8]",
    "%y = nn.linear(%f, %w5, none) : f32[n, 5]",
    x="f32[n, 3, 6, 6]",
    y="f32[n, 5]",
)


def test_channels_go_through_sums_and_depthwise_convolutions() -> None:
    module = INVERTED_RESIDUAL.clone()
    assert prune_channels(module, amount=0.5)
    verify(module)
    assert shapes_of(module, nn.Conv) == [(4, 3, 3, 3), (12, 4, 1, 1), (12, 1, 3, 3), (4, 12, 1, 1)]
    assert shapes_of(module, nn.Linear) == [(5, 4)]
    assert [op.groups for op in module.main.ops if isinstance(op, nn.Conv)] == [1, 1, 12, 1]
    assert check_against_zeros(INVERTED_RESIDUAL.clone(), random_inputs(INVERTED_RESIDUAL.main), Budget(0.5))


def test_what_is_left_is_a_multiple() -> None:
    module = INVERTED_RESIDUAL.clone()
    prune_channels(module, amount=0.6, multiple=4)
    assert shapes_of(module, nn.Conv) == [(4, 3, 3, 3), (12, 4, 1, 1), (12, 1, 3, 3), (4, 12, 1, 1)]


def test_layers_that_are_named_lose_nothing() -> None:
    module = INVERTED_RESIDUAL.clone()
    prune_channels(module, amount=0.5, keep="w2; nothing*")
    assert shapes_of(module, nn.Conv) == [(4, 3, 3, 3), (24, 4, 1, 1), (24, 1, 3, 3), (4, 24, 1, 1)]


def test_no_layer_loses_more_than_the_limit() -> None:
    module = INVERTED_RESIDUAL.clone()
    prune_channels(module, amount=0.9, scope=Scope.GLOBAL, limit=0.5)
    assert shapes_of(module, nn.Conv) == [(4, 3, 3, 3), (12, 4, 1, 1), (12, 1, 3, 3), (4, 12, 1, 1)]


def test_nothing_goes_unless_told() -> None:
    module = INVERTED_RESIDUAL.clone()
    assert not prune_channels(module) and module == INVERTED_RESIDUAL


@pytest.mark.parametrize(
    ("options", "message"),
    [({"amount": 2.0}, "amount is a share"), ({"limit": -1.0}, "limit is a share"), ({"multiple": 0}, "1 or more")],
)
def test_options_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        prune_channels(INVERTED_RESIDUAL.clone(), **options)


def test_the_channels_that_weigh_least_go() -> None:
    module = INVERTED_RESIDUAL.clone()
    prune_channels(module, amount=0.5)
    kept = next(op for op in module.main.ops if isinstance(op, nn.Conv)).weight.owner
    whole = next(op for op in INVERTED_RESIDUAL.main.ops if isinstance(op, nn.Conv)).weight.owner
    assert isinstance(kept, tensor.Constant) and isinstance(whole, tensor.Constant)
    names = {op.result.name: op.value.array for op in INVERTED_RESIDUAL.main.ops if isinstance(op, tensor.Constant)}
    norms = (
        np.square(names["w1"]).sum((1, 2, 3)) + np.square(names["b1"]) + np.square(names["w2"]).sum((0, 2, 3))
        + np.square(names["w4"]).sum((1, 2, 3)) + np.square(names["w5"]).sum(0)
    )  # fmt: skip
    np.testing.assert_array_equal(kept.value.array, whole.value.array[np.sort(np.argsort(norms)[4:])])


LAYER_NORM = parsed(
    weight("w1", "f32[8, 3]"),
    weight("s", "f32[8]"),
    weight("b", "f32[8]"),
    weight("w2", "f32[4, 8]"),
    "%a = nn.linear(%x, %w1, none) : f32[n, 8]",
    "%c = nn.layer_norm(%a, %s, %b) {axis = 1, epsilon = 1e-05} : f32[n, 8]",
    "%y = nn.linear(%c, %w2, none) : f32[n, 4]",
    x="f32[n, 3]",
    y="f32[n, 4]",
)


def test_layer_norms_lose_channels_unless_their_statistics_are_kept() -> None:
    module = LAYER_NORM.clone()
    assert prune_channels(module, amount=0.5) and shapes_of(module, nn.Linear) == [(4, 3), (4, 4)]
    verify(module)
    assert not prune_channels(LAYER_NORM.clone(), amount=0.5, keep_statistics=True)


def test_an_equal_bias_couples_no_layers() -> None:
    module = parsed(
        weight("w1", "f32[4, 3]"),
        weight("b", "f32[4]"),
        weight("w2", "f32[4, 4]"),
        "%a = nn.linear(%x, %w1, %b) {activation = relu} : f32[n, 4]",
        "%y = nn.linear(%a, %w2, %b) : f32[n, 4]",
        x="f32[n, 3]",
        y="f32[n, 4]",
    )
    assert prune_channels(module, amount=0.5)
    assert shapes_of(module, nn.Linear) == [(2, 3), (4, 2)]


def test_options_are_read() -> None:
    module = INVERTED_RESIDUAL.clone()
    pipeline = parse_pipeline('prune-channels{amount=0.5,scope=global,multiple=2,keep="w1;w2"}', BY_NAME)
    PassManager(pipeline).run(module)
    assert shapes_of(module, nn.Conv)[:2] == [(8, 3, 3, 3), (24, 8, 1, 1)]


@pytest.mark.parametrize("amount", [0.3, 0.9])
def test_bytes_do_not_depend_on_the_run(amount: float) -> None:
    texts = set()
    for _ in range(2):
        module = INVERTED_RESIDUAL.clone()
        prune_channels(module, amount=amount)
        texts.add(print_module(module))
    assert len(texts) == 1
