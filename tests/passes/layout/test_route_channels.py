"""route-channels: what is computed stays, whichever order channels get, and never more bytes are moved."""

import random

import numpy as np
import pytest

from glmir.cloning import clone_module
from glmir.dims import symbol
from glmir.interpreter import run
from glmir.ir import Function, Module, Op, Value
from glmir.ops import math, nn, tensor
from glmir.ops.enums import Layout
from glmir.passes.layout import route_channels
from glmir.printer import print_module
from glmir.types import DType, TensorType
from glmir.verifier import verify
from glmir.weights import Weight
from tests.golden import random_inputs
from tests.tolerances import assert_close

CHANNELS = (4, 6, 8, 12)


class Builder:
    """A random function of layers and moves of channels; all tensors are [n, C, 2, 3]."""

    def __init__(self, seed: int, spatial: tuple[int, ...] = (2, 3)) -> None:
        self.random = random.Random(seed)
        self.batch = self.random.choice([1, 2, symbol("n")])
        self.spatial = spatial
        inputs = [Value(TensorType(DType.F32, (self.batch, c, *spatial)), f"x{c}") for c in (6, 8)]
        self.function = Function("main", inputs)
        self.values = list(inputs)

    def value(self) -> Value:
        return self.random.choice(self.values[-6:])

    def add(self, op: Op) -> Value:
        self.function.ops.append(op)
        return op.results[0]

    def constant(self, *shape: int, positive: bool = False) -> Value:
        array = np.random.default_rng(self.random.randrange(100)).standard_normal(shape).astype(np.float32)
        return self.add(tensor.Constant(Weight(np.abs(array) + 0.5 if positive else array)))

    def keep(self, op: Op) -> None:
        self.add(op)
        self.values += op.results

    def step(self) -> None:
        steps = (layer, layer, depthwise, elementwise, concat, concat, shuffle, shuffle, split, slices, gather, reverse)
        self.random.choice(steps)(self, self.value())

    def module(self) -> Module:
        outputs = [v for v in self.values if not v.is_used and v.owner is not None]
        outputs += [v for v in self.values[2:] if v not in outputs and self.random.random() < 0.1]
        self.function.set_outputs(outputs, [f"out{i}" for i in range(len(outputs))])
        return Module([self.function])


def channels_of(x: Value) -> int:
    channels = x.type.shape[1]
    assert isinstance(channels, int)
    return channels


def layer(b: Builder, x: Value) -> None:
    c, o, ones = channels_of(x), b.random.choice(CHANNELS), (1,) * len(b.spatial)
    if b.random.random() < 0.2:
        weight = b.constant(c, o, *ones)
        op: Op = nn.ConvTranspose(x, weight, b.constant(o), ones, (0,) * 4, ones, (0, 0))
    else:
        groups = 2 if c % 2 == 0 and b.random.random() < 0.2 else 1
        bias = b.constant(o) if b.random.random() < 0.5 else None
        op = nn.Conv(x, b.constant(o, c // groups, *ones), bias, ones, (0,) * 4, ones, groups)
    b.keep(op)


def depthwise(b: Builder, x: Value) -> None:
    c = channels_of(x)
    weight = b.constant(c, 1, 3, 3)
    b.keep(nn.Conv(x, weight, b.constant(c), (1, 1), (1,) * 4, (1, 1), c))


def elementwise(b: Builder, x: Value) -> None:
    c = channels_of(x)
    shape = b.random.choice([(c, 1, 1), (1, 1, 1), (1, c, 1, 1), (c, *b.spatial)])
    alike = [v for v in b.values if v.type.shape == x.type.shape]
    choices = (
        lambda: nn.Relu(x),
        lambda: nn.Softmax(x, b.random.choice([1, 2])),
        lambda: math.Mul(x, b.constant(*shape)),
        lambda: math.Add(x, b.random.choice(alike)),
        lambda: math.Mul(x, b.add(math.ReduceMean(x, (2, 3), keep_dims=True))),
        lambda: nn.PRelu(x, b.constant(c, 1, 1)),
        lambda: nn.MaxPool(x, (3, 3), (1, 1), (1,) * 4, (1, 1)),
        lambda: nn.BatchNorm(x, *(b.constant(c) for _ in range(3)), b.constant(c, positive=True), epsilon=1e-3),
        lambda: nn.InstanceNorm(x, b.constant(c), b.constant(c), epsilon=1e-3, layout=Layout.NCHW),
        lambda: tensor.Reverse(x, (2,)),
    )
    b.keep(b.random.choice(choices)())


def concat(b: Builder, x: Value) -> None:
    xs = [x, *(b.value() for _ in range(b.random.choice([0, 1, 1, 2])))]
    b.random.shuffle(xs)
    if sum(map(channels_of, xs)) <= 32:
        b.keep(tensor.Concat(tuple(xs), 1))


def shuffle(b: Builder, x: Value) -> None:
    c, groups = channels_of(x), b.random.choice([2, 3, 4])
    if c % groups or c == groups:
        return
    parts = tensor.Reshape(x, None, (b.batch, groups, c // groups, *b.spatial))
    swapped = tensor.Transpose(b.add(parts), (0, 2, 1, 3, 4))
    b.add(swapped)
    if b.random.random() < 0.2 and groups == 2:
        for half in (0, 1):
            sizes = (b.batch, c // groups, 1, *b.spatial)
            part = b.add(tensor.Slice(swapped.result, (0, 0, half, 0, 0), sizes, (1,) * 5))
            b.keep(tensor.Reshape(part, None, (b.batch, c // groups, *b.spatial)))
        return
    if b.random.random() < 0.1:
        b.keep(tensor.Reshape(b.add(nn.Relu(swapped.result)), None, x.type.shape))
        return
    b.keep(tensor.Reshape(swapped.result, None, x.type.shape))


def split(b: Builder, x: Value) -> None:
    c = channels_of(x)
    if c > 1:
        first = b.random.randrange(1, c)
        b.keep(tensor.Split(x, 1, (first, c - first)))


def slices(b: Builder, x: Value) -> None:
    c = channels_of(x)
    stride = b.random.choice([1, 1, 2, -1])
    size = b.random.randrange(1, 1 + (c + 1) // 2)
    start = b.random.randrange(0, c - (size - 1) * abs(stride)) + (size - 1 if stride < 0 else 0)
    sizes = (b.batch, size, *b.spatial)
    b.keep(tensor.Slice(x, (0, start, 0, 0), sizes, (1, stride, 1, 1)))


def gather(b: Builder, x: Value) -> None:
    indices = np.array([b.random.randrange(channels_of(x)) for _ in range(b.random.randrange(1, 9))])
    if b.random.random() < 0.5:
        indices = np.random.default_rng(len(b.values)).permutation(channels_of(x))
    b.keep(tensor.Gather(x, b.add(tensor.Constant(Weight(indices))), 1))


def reverse(b: Builder, x: Value) -> None:
    b.keep(tensor.Reverse(x, (1,)))


def module_of(seed: int) -> Module:
    builder = Builder(seed)
    for _ in range(builder.random.randrange(4, 16)):
        builder.step()
    layer(builder, builder.value())
    return builder.module()


def check(module: Module) -> bool:
    """Whether the pass did something; fails if it did anything wrong."""
    before = clone_module(module)
    changed = route_channels.route_channels(module)
    verify(module)
    assert changed or print_module(before) == print_module(module)
    inputs = random_inputs(before.main)
    expected, actual = run(before, inputs), run(module, inputs)
    for name, array in expected.items():
        assert_close(actual[name], array, "model", name)
    return changed


@pytest.mark.parametrize("seed", range(30))
def test_outputs_stay(seed: int) -> None:
    module = module_of(seed)
    check(module)
    text = print_module(module)
    assert not route_channels.route_channels(module) and print_module(module) == text


def test_outputs_stay_also_where_it_does_not_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route_channels, "_cost_before", lambda component, costs: 10**12)
    assert sum(check(module_of(seed)) for seed in range(60)) > 30


def test_a_slice_of_which_no_channel_is_taken_stays() -> None:
    x = Value(TensorType(DType.F32, (3, 4)), "x")
    function = Function("main", [x])
    row = tensor.Slice(x, (0, 0), (1, 4), (1, 1))
    nothing = tensor.Slice(row.result, (0, 0), (0, 4), (1, 1))
    for op in (row, nothing):
        function.ops.append(op)
    function.set_outputs([nothing.result], ["y"])
    assert not check(Module([function]))
