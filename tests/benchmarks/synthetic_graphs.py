"""Graphs that no framework exports, for the compiler to work on: long ones, tangled ones, channels-last ones.

Values stay within a few times the input's, whatever the length, so that outputs can be compared.
"""

import numpy as np
import onnx

from tests.benchmarks.network_writer import NetworkWriter

CHANNELS = 8
IMAGE = [1, CHANNELS, 8, 8]
MOST_PARTS = 6
"""How many values a Concat of the tangle joins."""


def rotation(writer: NetworkWriter, outputs: int, inputs: int, name: str) -> str:
    """The weight of a 1 by 1 convolution that lets no value grow, f32[outputs, inputs, 1, 1]."""
    square = np.linalg.qr(writer.normal((max(outputs, inputs),) * 2, 1.0))[0]
    return writer.weight(name, square[:outputs, :inputs].astype(np.float32).reshape(outputs, inputs, 1, 1))


def finished(writer: NetworkWriter, x: str, name: str) -> onnx.ModelProto:
    writer.node("Tanh", [x])
    writer.nodes[-1].output[0] = "output"
    return writer.model(name, [*IMAGE], [*IMAGE])


def tangle(length: int) -> onnx.ModelProto:
    """About `length` nodes, f32[1, 8, 8, 8] -> the same, in which channels-first and channels-last compete.

    Blocks of a dense network (Concat of all before, Conv 1x1, Relu, Add) take turns with work on transposed and on
    flattened images: every elementwise op between has a choice, and few choices are free.
    """
    writer = NetworkWriter(seed=7)
    x, features, block = "input", ["input"], 0
    while len(writer.nodes) < length - 1:
        joined = writer.node("Concat", features, axis=1) if len(features) > 1 else features[0]
        weight = rotation(writer, CHANNELS, CHANNELS * len(features), f"{block}.weight")
        y = writer.node("Relu", [writer.node("Conv", [joined, weight], kernel_shape=[1, 1])])
        y = writer.node("Sigmoid", [writer.node("Add", [y, x])])
        if block % 3 == 1:
            y = writer.node("Transpose", [y], perm=[0, 2, 3, 1])
            y = writer.node("Softmax", [writer.node("Mul", [y, y])], axis=-1 if block % 2 else 1)
            y = writer.node("Transpose", [y], perm=[0, 3, 1, 2])
        elif block % 3 == 2:
            y = writer.node("Reshape", [y, writer.integers(1, CHANNELS, 64)])
            y = writer.node("Transpose", [writer.node("Tanh", [y])], perm=[0, 2, 1])
            y = writer.node("Reshape", [writer.node("Neg", [y]), writer.integers(*IMAGE)])
        x = y
        features = [*features, y][-MOST_PARTS:]
        block += 1
    return finished(writer, x, f"tangle_{length}")


def diamonds(length: int) -> onnx.ModelProto:
    """About `length` nodes, f32[1, 8, 8, 8] -> the same: each value goes two ways, one through a convolution, one
    through work on transposed images, which join again."""
    writer = NetworkWriter(seed=8)
    x, step = "input", 0
    while len(writer.nodes) < length - 1:
        left = writer.node("Conv", [x, rotation(writer, CHANNELS, CHANNELS, f"{step}.weight")], kernel_shape=[1, 1])
        right = writer.node("Transpose", [x], perm=[[0, 2, 3, 1], [0, 1, 3, 2]][step % 2])
        right = writer.node("Transpose", [writer.node("Abs", [right])], perm=[[0, 3, 1, 2], [0, 1, 3, 2]][step % 2])
        x = writer.node("Tanh", [writer.node("Add", [left, right])])
        step += 1
    return finished(writer, x, f"diamonds_{length}")


def encoder(length: int) -> onnx.ModelProto:
    """About `length` nodes, f32[1, 8, 8, 8] -> the same: layers of a transformer over 64 tokens of 8 features."""
    writer = NetworkWriter(seed=9)
    x = writer.node("Reshape", ["input", writer.integers(1, CHANNELS, 64)])
    x = writer.node("Transpose", [x], perm=[0, 2, 1])
    layer = 0
    while len(writer.nodes) < length - 3:
        x = writer.node("Add", [x, _attention(writer, _norm(writer, x, f"{layer}.a"), str(layer))])
        y = _dense(writer, _norm(writer, x, f"{layer}.b"), CHANNELS, 2 * CHANNELS, f"{layer}.up")
        x = writer.node("Add", [x, _dense(writer, writer.node("Relu", [y]), 2 * CHANNELS, CHANNELS, f"{layer}.down")])
        layer += 1
    x = writer.node("Reshape", [writer.node("Transpose", [x], perm=[0, 2, 1]), writer.integers(*IMAGE)])
    return finished(writer, x, f"encoder_{length}")


def _norm(writer: NetworkWriter, x: str, name: str) -> str:
    """A layer norm in primitives, as exporters below opset 17 write it."""
    centred = writer.node("Sub", [x, writer.node("ReduceMean", [x], axes=[-1])])
    variance = writer.node("ReduceMean", [writer.node("Mul", [centred, centred])], axes=[-1])
    deviation = writer.node("Sqrt", [writer.node("Add", [variance, writer.scalar(1e-5)])])
    scale = writer.weight(f"{name}.scale", writer.uniform(0.7, 1.3, CHANNELS))
    return writer.node("Mul", [writer.node("Div", [centred, deviation]), scale])


def _dense(writer: NetworkWriter, x: str, inputs: int, outputs: int, name: str) -> str:
    weight = writer.weight(f"{name}.weight", writer.normal((inputs, outputs), 0.1))
    bias = writer.weight(f"{name}.bias", writer.normal((outputs,), 0.1))
    return writer.node("Add", [writer.node("MatMul", [x, weight]), bias])


def _attention(writer: NetworkWriter, x: str, name: str) -> str:
    heads = []
    for part in "qkv":
        y = _dense(writer, x, CHANNELS, CHANNELS, f"{name}.{part}")
        y = writer.node("Reshape", [y, writer.integers(1, 64, 2, CHANNELS // 2)])
        heads.append(writer.node("Transpose", [y], perm=[0, 2, 3, 1] if part == "k" else [0, 2, 1, 3]))
    query, key, value = heads
    scores = writer.node("Mul", [writer.node("MatMul", [query, key]), writer.scalar(0.5)])
    y = writer.node("MatMul", [writer.node("Softmax", [scores], axis=-1), value])
    y = writer.node("Reshape", [writer.node("Transpose", [y], perm=[0, 2, 1, 3]), writer.integers(1, 64, CHANNELS)])
    return _dense(writer, y, CHANNELS, CHANNELS, f"{name}.out")


class ChannelsLastWriter:
    """Writes spatial ops as converters from channels-last frameworks do: a transpose before and behind each."""

    def __init__(self, seed: int) -> None:
        self.writer = NetworkWriter(seed)

    def spatial(self, op: str, x: str, *others: str, **attributes: int | float | str | list[int]) -> str:
        """The op, which ONNX has channels-first only, on a channels-last value."""
        inner = self.writer.node("Transpose", [x], perm=[0, 3, 1, 2])
        y = self.writer.node(op, [inner, *others], **attributes)  # type: ignore[arg-type]
        return self.writer.node("Transpose", [y], perm=[0, 2, 3, 1])

    def conv(self, x: str, inputs: int, outputs: int, kernel: int, name: str, stride: int = 1, groups: int = 1) -> str:
        """A convolution that keeps the size at stride 1, and its bias, which is added channels-last."""
        shape = (outputs, inputs // groups, kernel, kernel)
        weight = self.writer.weight(f"{name}/kernel", self.writer.normal(shape, float(np.prod(shape[1:])) ** -0.5))
        pads = [kernel // 2] * 4
        sizes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": pads}
        y = self.spatial("Conv", x, weight, group=groups, **sizes)
        return self.writer.node("Add", [y, self.writer.weight(f"{name}/bias", self.writer.normal((outputs,), 0.1))])


def channels_last_classifier() -> onnx.ModelProto:
    """Inverted residuals with squeeze and excitation, f32[1, 64, 64, 3] -> f32[1, 10]."""
    net = ChannelsLastWriter(seed=10)
    writer = net.writer
    x = writer.node("Relu", [net.conv("input", 3, 16, 3, "stem", stride=2)])
    for block in range(3):
        y = writer.node("Relu", [net.conv(x, 16, 32, 1, f"{block}/expand")])
        y = writer.node("Relu", [net.conv(y, 32, 32, 3, f"{block}/depthwise", groups=32)])
        squeezed = writer.node("ReduceMean", [y], axes=[1, 2], keepdims=1)
        gate = writer.node("Relu", [net.conv(squeezed, 32, 8, 1, f"{block}/squeeze")])
        gate = writer.node("Sigmoid", [net.conv(gate, 8, 32, 1, f"{block}/excite")])
        y = net.conv(writer.node("Mul", [y, gate]), 32, 16, 1, f"{block}/project")
        x = writer.node("Add", [x, y])
    pooled = writer.node("ReduceMean", [x], axes=[1, 2], keepdims=0)
    y = writer.node("MatMul", [pooled, writer.weight("dense/kernel", writer.normal((16, 10), 0.25))])
    writer.node("Softmax", [y], axis=-1)
    writer.nodes[-1].output[0] = "output"
    return writer.model("channels_last_classifier", [1, 64, 64, 3], [1, 10])


def channels_last_segmenter() -> onnx.ModelProto:
    """A small U-Net with a Pad, PRelus and a softmax over channels, f32[1, 64, 64, 3] -> f32[1, 64, 64, 4]."""
    net = ChannelsLastWriter(seed=11)
    writer = net.writer
    x = writer.node("Pad", ["input", writer.integers(0, 1, 1, 0, 0, 1, 1, 0)])
    x = writer.node("Slice", [x, writer.integers(1, 1), writer.integers(65, 65), writer.integers(1, 2)])
    skips, channels = [], 3
    for level, width in enumerate((8, 16)):
        slope = writer.weight(f"down{level}/alpha", writer.uniform(0.1, 0.3, width).reshape(1, 1, width))
        x = writer.node("PRelu", [net.conv(x, channels, width, 3, f"down{level}"), slope])
        skips.append((x, width))
        x = net.spatial("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        channels = width
    for level, (skip, width) in enumerate(reversed(skips)):
        scales = writer.constant(np.array([1, 1, 2, 2], np.float32))
        x = net.spatial("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")
        x = writer.node("Concat", [skip, x], axis=3)
        x = writer.node("Relu", [net.conv(x, width + channels, width, 3, f"up{level}")])
        channels = width
    writer.node("Softmax", [net.conv(x, channels, 4, 1, "head")], axis=-1)
    writer.nodes[-1].output[0] = "output"
    return writer.model("channels_last_segmenter", [1, 64, 64, 3], [1, 64, 64, 4])
