"""Random networks whose channels are coupled in all ways that pruning follows: sums, parts, groups, norms, heads."""

import random
from collections.abc import Callable
from math import prod

import numpy as np
from hypothesis import strategies as st

from glmir.ir import Array, Function, Module, Op, Value
from glmir.ops import math, nn, quant, tensor
from glmir.ops.enums import Activation, ChannelOrder, Direction, Layout, RecurrentActivation
from glmir.types import DType, TensorType
from glmir.weights import Weight

SIZE = 4
"""Height and width of all images."""


class Network:
    """A network that grows: images [2, C, 4, 4], or the same with their channels last."""

    def __init__(self, seed: int, layout: Layout | None = None) -> None:
        self.random = random.Random(seed)
        self.rng = np.random.default_rng(seed)
        self.layout = layout or self.random.choice([Layout.NCHW, Layout.NHWC])
        self.function = Function("main")
        x = Value(TensorType(DType.F32, self.shape(3)), "x")
        self.function.inputs.append(x)
        self.images = [self.conv(x, self.channels())]

    def channels(self) -> int:
        return self.random.choice([4, 6, 8, 12])

    def shape(self, channels: int) -> tuple[int, ...]:
        return (2, channels, SIZE, SIZE) if self.layout is Layout.NCHW else (2, SIZE, SIZE, channels)

    @property
    def axis(self) -> int:
        return self.layout.channel_axis(4)

    def add(self, op: Op) -> Value:
        self.function.ops.append(op)
        return op.results[0]

    def weight(self, *shape: int) -> Value:
        array = self.rng.standard_normal(shape) / prod(shape[1:]) ** 0.5
        return self.add(tensor.Constant(Weight(array.astype(np.float32))))

    def image(self) -> Value:
        return self.random.choice(self.images[-3:])

    def count(self, x: Value) -> int:
        return x.type.static_shape[self.axis]

    def conv(self, x: Value, outputs: int, groups: int = 1, kernel: int = 3) -> Value:
        weight = self.weight(outputs, self.count(x) // groups, kernel, kernel)
        bias = self.random.choice([None, self.weight(outputs)])
        pads = (kernel // 2,) * 4
        activation = self.random.choice([Activation.NONE, Activation.RELU])
        return self.add(nn.Conv(x, weight, bias, (1, 1), pads, (1, 1), groups, activation, self.layout))

    def grow(self) -> None:
        self.images.append(self.random.choice(_BLOCKS)(self, self.image()))

    def finish(self) -> Module:
        x = self.random.choice(_HEADS)(self, self.image())
        weight, bias = self.weight(5, x.type.static_shape[-1]), self.weight(5)
        outputs = [self.add(nn.Linear(x, weight, bias))]
        if self.random.random() < 0.2:
            outputs.append(self.image())
        self.function.set_outputs(outputs, [f"y{i}" for i in range(len(outputs))])
        return Module([self.function])


Block = Callable[[Network, Value], Value]


def plain(net: Network, x: Value) -> Value:
    return net.conv(x, net.channels(), kernel=net.random.choice([1, 3]))


def grouped(net: Network, x: Value) -> Value:
    groups = net.random.choice([g for g in (1, 2, 3, 4) if net.count(x) % g == 0])
    return net.conv(x, groups * net.random.choice([2, 4]), groups)


def depthwise(net: Network, x: Value) -> Value:
    return net.conv(x, net.count(x) * net.random.choice([1, 1, 2]), net.count(x))


def transposed(net: Network, x: Value) -> Value:
    channels, is_depthwise = net.count(x), net.random.random() < 0.3
    outputs = 1 if is_depthwise else net.channels()
    groups = channels if is_depthwise else 1
    weight, bias = net.weight(channels, outputs, 3, 3), net.weight(outputs * groups)
    ones = (1, 1)
    return net.add(
        nn.ConvTranspose(x, weight, bias, ones, (1, 1, 1, 1), ones, (0, 0), groups, Activation.NONE, net.layout)
    )


def residual(net: Network, x: Value) -> Value:
    inner = net.conv(net.conv(x, net.channels()), net.count(x), kernel=1)
    return net.add(net.random.choice([math.Add, math.Mul, math.Maximum])(inner, x))


def squeeze(net: Network, x: Value) -> Value:
    mean = net.add(math.ReduceMean(x, net.layout.spatial_axes(4), True))
    gate = net.add(nn.Sigmoid(net.conv(net.conv(mean, 4, kernel=1), net.count(x), kernel=1)))
    return net.add(math.Mul(x, gate))


def concatenated(net: Network, x: Value) -> Value:
    return net.add(tensor.Concat((x, net.conv(x, net.channels()), net.image()), net.axis))


def split(net: Network, x: Value) -> Value:
    half = net.count(x) // 2
    op = tensor.Split(x, net.axis, (half, net.count(x) - half))
    net.add(op)
    left, right = op.results
    return net.add(tensor.Concat((net.conv(right, net.channels()), left), net.axis))


def sliced(net: Network, x: Value) -> Value:
    if net.count(x) < 4:
        return x
    starts, sizes = [0] * 4, list(x.type.static_shape)
    starts[net.axis], sizes[net.axis] = 1, net.count(x) - 2
    return net.add(tensor.Slice(x, tuple(starts), tuple(sizes), (1,) * 4))


def padded(net: Network, x: Value) -> Value:
    low, high = [0] * 4, [0] * 4
    low[net.axis], high[net.axis] = net.random.choice([0, 1]), 2
    return net.add(tensor.Pad(x, None, tuple(low), tuple(high)))


def normalized(net: Network, x: Value) -> Value:
    channels = net.count(x)
    scale, bias = net.weight(channels), net.weight(channels)
    match net.random.choice(["batch", "instance", "group"]):
        case "batch":
            variance = net.add(tensor.Constant(Weight(np.full(channels, 0.5, np.float32))))
            return net.add(nn.BatchNorm(x, scale, bias, net.weight(channels), variance, 1e-5, net.axis))
        case "instance":
            return net.add(nn.InstanceNorm(x, scale, bias, 1e-5, net.layout))
    groups = net.random.choice([g for g in (2, 3, 4, channels) if channels % g == 0])
    return net.add(nn.GroupNorm(x, scale, bias, groups, 1e-5, net.layout))


def shuffled(net: Network, x: Value) -> Value:
    """[N, g, c, H, W] -> [N, c, g, H, W]"""
    channels = net.count(x)
    if net.layout is Layout.NHWC or channels % 2:
        return net.add(tensor.Reverse(x, (net.axis,)))
    apart = net.add(tensor.Reshape(x, None, (2, 2, channels // 2, SIZE, SIZE)))
    turned = net.add(tensor.Transpose(apart, (0, 2, 1, 3, 4)))
    return net.add(tensor.Reshape(turned, None, (2, channels, SIZE, SIZE)))


def pixels(net: Network, x: Value) -> Value:
    """Space to depth and back to the size that images have."""
    deep = net.conv(net.add(tensor.SpaceToDepth(x, 2, net.layout)), 4 * net.random.choice([2, 4]), kernel=1)
    order = net.random.choice(list(ChannelOrder))
    return net.add(tensor.DepthToSpace(deep, 2, order, net.layout))


def activated(net: Network, x: Value) -> Value:
    return net.add(net.random.choice([nn.Relu, nn.Silu, nn.Sigmoid, math.Neg])(x))


def scaled(net: Network, x: Value) -> Value:
    """By a constant for each channel, given with or without the axes behind it."""
    shape = [1] * 4
    shape[net.axis] = net.count(x)
    return net.add(nn.PRelu(x, net.weight(*shape[net.random.choice([0, net.axis]) :])))


def pooled(net: Network, x: Value) -> Value:
    return net.add(nn.MaxPool(x, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), layout=net.layout))


def fake_quantized(net: Network, x: Value) -> Value:
    scales = net.add(tensor.Constant(Weight(np.full(net.count(x), 0.125, np.float32))))
    integers = net.add(quant.Quantize(x, scales, None, net.axis))
    return net.add(quant.Dequantize(integers, scales, None, net.axis))


def flattened(net: Network, x: Value) -> Value:
    return net.add(tensor.Reshape(x, None, (2, net.count(x) * SIZE * SIZE)))


def averaged(net: Network, x: Value) -> Value:
    return net.add(math.ReduceMean(x, net.layout.spatial_axes(4)))


def tokens(net: Network, x: Value) -> Value:
    """[N, H * W, C]"""
    last = x if net.layout is Layout.NHWC else net.add(tensor.Transpose(x, (0, 2, 3, 1)))
    return net.add(tensor.Reshape(last, None, (2, SIZE * SIZE, net.count(x))))


def attended(net: Network, x: Value) -> Value:
    """Two heads of four features, with one linear layer for queries, keys and values."""
    sequence = tokens(net, x)
    features, heads = sequence.type.static_shape[-1], 2
    joint = net.add(nn.Linear(sequence, net.weight(24, features), net.weight(24)))
    op = tensor.Split(joint, 2, (8, 8, 8))
    net.add(op)
    q, k, v = op.results
    if net.random.random() < 0.5:
        mixed = net.add(nn.Attention(q, k, v, None, heads, 0.5))
    else:
        q, k, v = (
            net.add(tensor.Transpose(net.add(tensor.Reshape(y, None, (2, 16, heads, 4))), (0, 2, 1, 3)))
            for y in (q, k, v)
        )
        weights = net.add(nn.Softmax(net.add(math.MatMul(q, k, transpose_y=True)), 3))
        back = net.add(tensor.Transpose(net.add(math.MatMul(weights, v)), (0, 2, 1, 3)))
        mixed = net.add(tensor.Reshape(back, None, (2, 16, 8)))
    out = net.add(nn.Linear(mixed, net.weight(features, 8), net.weight(features)))
    return net.add(math.ReduceMean(net.add(math.Add(out, sequence)), (1,)))


def recurrent(net: Network, x: Value) -> Value:
    """The last state of a recurrent layer, read in both directions."""
    sequence = net.add(tensor.Transpose(tokens(net, x), (1, 0, 2)))
    features, hidden = sequence.type.static_shape[-1], 4
    tanh, sigmoid = RecurrentActivation.TANH, RecurrentActivation.SIGMOID
    op: nn.Lstm | nn.Gru
    if net.random.random() < 0.5:
        w, r, b = net.weight(2, 16, features), net.weight(2, 16, hidden), net.weight(2, 16)
        activations = (sigmoid, tanh, tanh) * 2
        op = nn.Lstm(sequence, w, r, b, None, None, None, None, Direction.BIDIRECTIONAL, activations)
    else:
        w, r = net.weight(2, 12, features), net.weight(2, 12, hidden)
        b, rb = net.weight(2, 12), net.weight(2, 12)
        op = nn.Gru(sequence, w, r, b, rb, None, None, Direction.BIDIRECTIONAL, (sigmoid, tanh) * 2)
    net.add(op)
    state = net.add(tensor.Transpose(op.results[1], (1, 0, 2)))
    return net.add(tensor.Reshape(state, None, (2, 2 * hidden)))


_BLOCKS: list[Block] = [
    plain, grouped, depthwise, transposed, residual, squeeze, concatenated, split, sliced, padded, normalized, shuffled,
    pixels, activated, scaled, pooled, fake_quantized,
]  # fmt: skip
_HEADS: list[Block] = [flattened, averaged, attended, recurrent]


def random_network(seed: int, blocks: int, layout: Layout | None = None) -> tuple[Module, dict[str, Array]]:
    """A network of that many blocks, and an input for it; its images lie in either layout, unless one is given."""
    network = Network(seed, layout)
    for _ in range(blocks):
        network.grow()
    module = network.finish()
    x = np.random.default_rng(seed + 1).standard_normal(network.shape(3)).astype(np.float32)
    return module, {"x": x}


def networks(largest: int = 8) -> st.SearchStrategy[tuple[Module, dict[str, Array]]]:
    return st.builds(random_network, st.integers(0, 2**32 - 1), st.integers(0, largest))
