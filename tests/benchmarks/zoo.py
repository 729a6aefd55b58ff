"""Networks of the usual architectures and sizes as ONNX models, with seeded random weights.

    python -m tests.benchmarks.zoo mobilenet_v2 out.onnx

The graphs are what PyTorch's exporter writes for the published networks (opset 17, its way of naming, constants as
nodes, GELU and attention spelled as primitives); no framework is needed to build them. Batch normalizations hold the
statistics of the activations before them, measured on a few small random images, so values keep their order of
magnitude through any depth and comparing outputs means something. With `batch_norm=False` each normalization behind a
convolution is folded into it, as exporters do: the same function, up to rounding.

Sources of the architectures: MobileNetV2 (arXiv:1801.04381), DenseNet (arXiv:1608.06993), ViT and DeiT-Ti
(arXiv:2010.11929, arXiv:2012.12877), ResNet (arXiv:1512.03385, stride on the 3 by 3 convolution as in torchvision),
RepVGG (arXiv:2101.03697), MobileOne (arXiv:2206.04040).
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx

from tests.benchmarks.network_writer import CLASSES, Feature, NetworkWriter
from tests.benchmarks.synthetic_graphs import (
    channels_last_classifier,
    channels_last_segmenter,
    diamonds,
    encoder,
    tangle,
)

IMAGE_SIZE = 224


def image_classifier(writer: NetworkWriter, name: str) -> onnx.ModelProto:
    return writer.model(name, [1, 3, IMAGE_SIZE, IMAGE_SIZE], [1, CLASSES])


def mobilenet_v2(batch_norm: bool = False) -> onnx.ModelProto:
    """MobileNetV2 at width 1: f32[1, 3, 224, 224] -> f32[1, 1000], 3.5 M weights."""
    writer = NetworkWriter(seed=1, batch_norm=batch_norm)
    x = writer.conv(writer.image(), 32, 3, "features.0.0", stride=2, norm="features.0.1")
    x = writer.activation(x, "Clip")
    index = 1
    for expansion, channels, repeats, stride in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:
        for repeat in range(repeats):
            x = inverted_residual(writer, x, expansion, channels, stride if repeat == 0 else 1, f"features.{index}")
            index += 1
    x = writer.conv(x, 1280, 1, "features.18.0", norm="features.18.1")
    x = writer.activation(x, "Clip")
    writer.classifier(x, "classifier.1")
    return image_classifier(writer, "mobilenet_v2")


def inverted_residual(
    writer: NetworkWriter, x: Feature, expansion: int, channels: int, stride: int, name: str
) -> Feature:
    hidden = x.channels * expansion
    y = x
    layer = 0
    if expansion > 1:
        y = writer.conv(y, hidden, 1, f"{name}.conv.0.0", norm=f"{name}.conv.0.1")
        y = writer.activation(y, "Clip")
        layer = 1
    depthwise = f"{name}.conv.{layer}"
    y = writer.conv(y, hidden, 3, f"{depthwise}.0", stride=stride, groups=hidden, norm=f"{depthwise}.1")
    y = writer.activation(y, "Clip")
    y = writer.conv(y, channels, 1, f"{name}.conv.{layer + 1}", norm=f"{name}.conv.{layer + 2}")
    return writer.add(x, y) if stride == 1 and x.channels == channels else y


def resnet50(batch_norm: bool = False) -> onnx.ModelProto:
    """ResNet-50: f32[1, 3, 224, 224] -> f32[1, 1000], 25.6 M weights."""
    writer = NetworkWriter(seed=2, batch_norm=batch_norm)
    x = stem(writer, norm="bn1", conv="conv1")
    for stage, (width, repeats) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], start=1):
        for repeat in range(repeats):
            stride = 2 if stage > 1 and repeat == 0 else 1
            x = bottleneck(writer, x, width, stride, f"layer{stage}.{repeat}")
    writer.classifier(x, "fc")
    return image_classifier(writer, "resnet50")


def resnet18(batch_norm: bool = False) -> onnx.ModelProto:
    """ResNet-18: f32[1, 3, 224, 224] -> f32[1, 1000], 11.7 M weights."""
    writer = NetworkWriter(seed=5, batch_norm=batch_norm)
    x = stem(writer, norm="bn1", conv="conv1")
    for stage, width in enumerate([64, 128, 256, 512], start=1):
        for repeat in range(2):
            x = basic_block(writer, x, width, 2 if stage > 1 and repeat == 0 else 1, f"layer{stage}.{repeat}")
    writer.classifier(x, "fc")
    return image_classifier(writer, "resnet18")


def stem(writer: NetworkWriter, conv: str, norm: str) -> Feature:
    """The 7 by 7 convolution and the max pooling with which ResNet and DenseNet begin: f32[1, 64, 56, 56]."""
    x = writer.conv(writer.image(), 64, 7, conv, stride=2, norm=norm)
    return writer.max_pool(writer.activation(x, "Relu"))


def basic_block(writer: NetworkWriter, x: Feature, width: int, stride: int, name: str) -> Feature:
    y = writer.activation(writer.conv(x, width, 3, f"{name}.conv1", stride=stride, norm=f"{name}.bn1"), "Relu")
    y = writer.conv(y, width, 3, f"{name}.conv2", norm=f"{name}.bn2")
    if x.channels != width:
        x = writer.conv(x, width, 1, f"{name}.downsample.0", stride=stride, norm=f"{name}.downsample.1")
    return writer.activation(writer.add(y, x), "Relu")


def bottleneck(writer: NetworkWriter, x: Feature, width: int, stride: int, name: str) -> Feature:
    y = writer.activation(writer.conv(x, width, 1, f"{name}.conv1", norm=f"{name}.bn1"), "Relu")
    y = writer.conv(y, width, 3, f"{name}.conv2", stride=stride, norm=f"{name}.bn2")
    y = writer.activation(y, "Relu")
    y = writer.conv(y, 4 * width, 1, f"{name}.conv3", norm=f"{name}.bn3")
    if x.channels != 4 * width:
        x = writer.conv(x, 4 * width, 1, f"{name}.downsample.0", stride=stride, norm=f"{name}.downsample.1")
    return writer.activation(writer.add(y, x), "Relu")


def densenet121(batch_norm: bool = True) -> onnx.ModelProto:
    """DenseNet-121: f32[1, 3, 224, 224] -> f32[1, 1000], 8 M weights.

    Half of its normalizations stand behind a Concat and stay nodes even with `batch_norm=False`. The first Concat of
    each block has one input, as in the exporter's files.
    """
    growth = 32
    writer = NetworkWriter(seed=3, batch_norm=batch_norm)
    x = stem(writer, norm="features.norm0", conv="features.conv0")
    for block, layers in enumerate([6, 12, 24, 16], start=1):
        features = [x]
        for layer in range(1, layers + 1):
            name = f"features.denseblock{block}.denselayer{layer}"
            y = writer.activation(writer.norm(writer.concat(features), f"{name}.norm1"), "Relu")
            y = writer.activation(writer.conv(y, 4 * growth, 1, f"{name}.conv1", norm=f"{name}.norm2"), "Relu")
            features.append(writer.conv(y, growth, 3, f"{name}.conv2"))
        x = writer.concat(features)
        if block < 4:
            name = f"features.transition{block}"
            x = writer.activation(writer.norm(x, f"{name}.norm"), "Relu")
            x = writer.average_pool(writer.conv(x, x.channels // 2, 1, f"{name}.conv"))
    x = writer.activation(writer.norm(x, "features.norm5"), "Relu")
    writer.classifier(x, "classifier")
    return image_classifier(writer, "densenet121")


def repvgg_a0(deploy: bool = True) -> onnx.ModelProto:
    """RepVGG-A0: f32[1, 3, 224, 224] -> f32[1, 1000], 8.3 M weights.

    `deploy` gives the plain stack of 3 by 3 convolutions; otherwise each layer has the branches it is trained with.
    """
    writer = NetworkWriter(seed=4, batch_norm=not deploy)
    x = writer.image()
    for stage, (channels, repeats) in enumerate([(48, 1), (48, 2), (96, 4), (192, 14), (1280, 1)]):
        for repeat in range(repeats):
            name, stride = f"stage{stage}.{repeat}", 2 if repeat == 0 else 1
            if deploy:
                y = writer.conv(x, channels, 3, f"{name}.rbr_reparam", stride=stride, norm=f"{name}.bn")
            else:
                y = repvgg_branches(writer, x, channels, stride, name)
            x = writer.activation(y, "Relu")
    writer.classifier(x, "linear")
    return image_classifier(writer, "repvgg_a0")


def repvgg_branches(writer: NetworkWriter, x: Feature, channels: int, stride: int, name: str) -> Feature:
    dense, point = f"{name}.rbr_dense", f"{name}.rbr_1x1"
    y = writer.conv(x, channels, 3, f"{dense}.conv", stride=stride, norm=f"{dense}.bn")
    z = writer.conv(x, channels, 1, f"{point}.conv", stride=stride, norm=f"{point}.bn")
    y = writer.add(y, z)
    if stride == 1 and x.channels == channels:
        y = writer.add(y, writer.norm(x, f"{name}.rbr_identity"))
    return y


def mobileone_s0() -> onnx.ModelProto:
    """MobileOne-S0 as it is trained, f32[1, 3, 224, 224] -> f32[1, 1000]: four convolutions in each layer, a scale and
    an identity."""
    writer = NetworkWriter(seed=6)
    x = writer.activation(mobileone_branches(writer, writer.image(), 48, 3, 2, "stage0"), "Relu")
    for stage, (channels, repeats) in enumerate([(48, 2), (128, 8), (256, 10), (1024, 1)], start=1):
        for repeat in range(repeats):
            name, stride = f"stage{stage}.{repeat}", 2 if repeat == 0 else 1
            x = mobileone_branches(writer, x, x.channels, 3, stride, f"{name}.depthwise", groups=x.channels)
            x = writer.activation(x, "Relu")
            x = mobileone_branches(writer, x, channels, 1, 1, f"{name}.pointwise")
            x = writer.activation(x, "Relu")
    writer.classifier(x, "linear")
    return image_classifier(writer, "mobileone_s0")


def mobileone_branches(
    writer: NetworkWriter, x: Feature, channels: int, kernel: int, stride: int, name: str, groups: int = 1
) -> Feature:
    """What an over-parameterized layer sums up; the stem has one convolution, all others four."""
    has_identity = stride == 1 and x.channels == channels
    branches = [writer.norm(x, f"{name}.rbr_skip")] if has_identity else []
    if kernel > 1:
        scale = f"{name}.rbr_scale"
        branches.append(writer.conv(x, channels, 1, f"{scale}.conv", stride=stride, groups=groups, norm=f"{scale}.bn"))
    for index in range(1 if name == "stage0" else 4):
        conv = f"{name}.rbr_conv.{index}"
        y = writer.conv(x, channels, kernel, f"{conv}.conv", stride=stride, groups=groups, norm=f"{conv}.bn")
        branches.append(y)
    y = branches[0]
    for branch in branches[1:]:
        y = writer.add(y, branch)
    return y


def chain(length: int) -> onnx.ModelProto:
    """Exactly `length` cheap nodes one after the other, f32[1, 8, 8, 8] -> the same: Conv 1x1, Relu, Add of the input.

    Every convolution has its own weights, a rotation halved, so values stay within twice the input's.
    """
    writer = NetworkWriter(seed=5)
    x = "input"
    for index in range(length):
        kind = ("Conv", "Relu", "Add")[index % 3]
        if kind == "Conv":
            rotation = np.linalg.qr(writer.normal((8, 8), 1.0))[0] * np.float32(0.5)
            weight = writer.weight(f"{index}.weight", rotation.astype(np.float32).reshape(8, 8, 1, 1))
            x = writer.node("Conv", [x, weight], kernel_shape=[1, 1])
        elif kind == "Relu":
            x = writer.node("Relu", [x])
        else:
            x = writer.node("Add", [x, "input"])
    writer.nodes[-1].output[0] = "output"
    return writer.model(f"chain_{length}", [1, 8, 8, 8], [1, 8, 8, 8])


@dataclass(frozen=True)
class Transformer:
    """The sizes of a vision transformer; `batch` is a number, or a name for a batch known only at run time."""

    writer: NetworkWriter
    batch: int | str
    dim: int = 192
    heads: int = 3
    layers: int = 12
    patch: int = 16

    @property
    def tokens(self) -> int:
        return (IMAGE_SIZE // self.patch) ** 2 + 1


def vit_tiny(batch: int | str = 1) -> onnx.ModelProto:
    """ViT-Ti/16: f32[batch, 3, 224, 224] -> f32[batch, 1000], 5.7 M weights.

    With a named batch, target shapes are computed at run time by Shape, Gather, Unsqueeze and Concat, as exporters do.
    """
    network = Transformer(NetworkWriter(seed=6), batch)
    writer = network.writer
    x = embed_patches(network)
    for layer in range(network.layers):
        name = f"blocks.{layer}"
        x = writer.node("Add", [x, attention(network, layer_norm(network, x, f"{name}.norm1"), f"{name}.attn")])
        x = writer.node("Add", [x, perceptron(network, layer_norm(network, x, f"{name}.norm2"), f"{name}.mlp")])
    x = layer_norm(network, x, "norm")
    first_token = writer.node("Gather", [x, writer.constant(np.array(0, np.int64))], axis=1)
    writer.gemm(first_token, network.dim, "head")
    return writer.model("vit_tiny", [batch, 3, IMAGE_SIZE, IMAGE_SIZE], [batch, CLASSES])


def shape_operand(network: Transformer, *sizes: int) -> str:
    """The shape [batch, *sizes] as an operand: a constant, or computed from the input's shape."""
    writer = network.writer
    if isinstance(network.batch, int):
        return writer.integers(network.batch, *sizes)
    batch = writer.node("Gather", [writer.node("Shape", ["input"]), writer.constant(np.array(0, np.int64))], axis=0)
    dims = [writer.node("Unsqueeze", [batch, writer.integers(0)])]
    dims += [writer.integers(size) for size in sizes]
    return writer.node("Concat", dims, axis=0)


def embed_patches(network: Transformer) -> str:
    writer, dim, patch = network.writer, network.dim, network.patch
    weight = writer.weight("patch_embed.proj.weight", writer.normal((dim, 3, patch, patch), (3 * patch**2) ** -0.5))
    bias = writer.weight("patch_embed.proj.bias", writer.normal((dim,), 0.1))
    x = writer.node("Conv", ["input", weight, bias], kernel_shape=[patch, patch], strides=[patch, patch])
    x = writer.node("Reshape", [x, shape_operand(network, dim, network.tokens - 1)])
    x = writer.node("Transpose", [x], perm=[0, 2, 1])
    class_token = writer.weight("cls_token", writer.normal((1, 1, dim), 1.0))
    class_tokens = writer.node("Expand", [class_token, shape_operand(network, 1, dim)])
    x = writer.node("Concat", [class_tokens, x], axis=1)
    return writer.node("Add", [x, writer.weight("pos_embed", writer.normal((1, network.tokens, dim), 0.5))])


def layer_norm(network: Transformer, x: str, name: str) -> str:
    writer = network.writer
    scale = writer.weight(f"{name}.weight", writer.uniform(0.7, 1.3, network.dim))
    bias = writer.weight(f"{name}.bias", writer.normal((network.dim,), 0.1))
    return writer.node("LayerNormalization", [x, scale, bias], axis=-1, epsilon=1e-6)


def linear(network: Transformer, x: str, features: int, outputs: int, name: str, gain: float = 1.0) -> str:
    """A dense layer on the last axis of a rank-3 value: MatMul, then Add with the bias first, as exporters write it."""
    writer = network.writer
    weight = writer.weight(f"{name}.weight", writer.normal((features, outputs), gain * features**-0.5))
    bias = writer.weight(f"{name}.bias", writer.normal((outputs,), 0.1 * gain))
    return writer.node("Add", [bias, writer.node("MatMul", [x, weight])])


def attention(network: Transformer, x: str, name: str) -> str:
    writer, dim, heads = network.writer, network.dim, network.heads
    head_dim = dim // heads
    packed = linear(network, x, dim, 3 * dim, f"{name}.qkv")
    packed = writer.node("Reshape", [packed, shape_operand(network, network.tokens, 3, heads, head_dim)])
    packed = writer.node("Transpose", [packed], perm=[2, 0, 3, 1, 4])
    parts = writer.node_with_outputs("Split", [packed, writer.integers(1, 1, 1)], 3, axis=0)
    query, key, value = (writer.node("Squeeze", [part, writer.integers(0)]) for part in parts)
    query = writer.node("Mul", [query, writer.scalar(head_dim**-0.5)])
    key = writer.node("Transpose", [key], perm=[0, 1, 3, 2])
    scores = writer.node("Softmax", [writer.node("MatMul", [query, key])], axis=-1)
    x = writer.node("Transpose", [writer.node("MatMul", [scores, value])], perm=[0, 2, 1, 3])
    x = writer.node("Reshape", [x, shape_operand(network, network.tokens, dim)])
    return linear(network, x, dim, dim, f"{name}.proj", gain=0.5)


def perceptron(network: Transformer, x: str, name: str) -> str:
    """Two dense layers with GELU between: x * (erf(x / sqrt 2) + 1) * 0.5."""
    writer, dim = network.writer, network.dim
    x = linear(network, x, dim, 4 * dim, f"{name}.fc1")
    erf = writer.node("Erf", [writer.node("Div", [x, writer.scalar(2**0.5)])])
    erf = writer.node("Add", [erf, writer.scalar(1)])
    x = writer.node("Mul", [writer.node("Mul", [x, erf]), writer.scalar(0.5)])
    return linear(network, x, 4 * dim, dim, f"{name}.fc2", gain=0.5)


BUILDERS: dict[str, Callable[[], onnx.ModelProto]] = {
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v2_batch_norm": lambda: mobilenet_v2(batch_norm=True),
    "resnet18": resnet18,
    "resnet50": resnet50,
    "resnet50_batch_norm": lambda: resnet50(batch_norm=True),
    "densenet121": densenet121,
    "repvgg_a0": repvgg_a0,
    "repvgg_a0_branches": lambda: repvgg_a0(deploy=False),
    "mobileone_s0_branches": mobileone_s0,
    "vit_tiny": vit_tiny,
    "vit_tiny_dynamic": lambda: vit_tiny(batch="batch"),
    "chain_10": lambda: chain(10),
    "chain_100": lambda: chain(100),
    "chain_1000": lambda: chain(1000),
    "chain_10000": lambda: chain(10000),
    **{f"{make.__name__}_{n}": partial(make, n) for make in (tangle, diamonds, encoder) for n in (1000, 10000)},
    "channels_last_classifier": channels_last_classifier,
    "channels_last_segmenter": channels_last_segmenter,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.zoo", description="Write a benchmark model.")
    parser.add_argument("name", choices=BUILDERS)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    model = BUILDERS[arguments.name]()
    onnx.save(model, arguments.output)
    print(f"{arguments.output}: {len(model.graph.node)} nodes, {arguments.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
