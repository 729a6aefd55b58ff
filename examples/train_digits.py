"""Train the example network and write `digits.onnx`, `digits_test.npz` and `digits_calibration.npz` beside this file.

    python -m pip install torch==2.13.0 onnx onnxruntime scikit-learn
    python examples/train_digits.py

The data are scikit-learn's 1,797 handwritten digits of 8 by 8 pixels, one fifth of them held out. The network is small,
but has what phone networks are made of: convolutions with batch normalization, a depthwise-separable block, pooling, a
residual addition. The graph is written node by node, so that the batch normalizations stay nodes of their own with
their running statistics (an exporter would fold them into the convolutions) for the compiler to fold.

    digits.onnx             image f32[n, 1, 8, 8] in 0..1  ->  probabilities f32[n, 10]
    digits_test.npz         image f32[360, 1, 8, 8], label i64[360]: never seen in training
    digits_calibration.npz  image f32[200, 1, 8, 8]: training images, to measure the ranges of activations on
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F  # noqa: N812 (its customary name)

FOLDER = Path(__file__).parent
SEED = 0
EPOCHS = 60
BATCH_SIZE = 64


class ConvBatchNorm(nn.Module):
    """A convolution that keeps height and width, and the normalization of its output."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.norm(self.conv(x))
        return y


class Digits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBatchNorm(1, 16, kernel=3)
        self.depthwise = ConvBatchNorm(16, 16, kernel=3, groups=16)
        self.pointwise = ConvBatchNorm(16, 32, kernel=1)
        self.residual1 = ConvBatchNorm(32, 32, kernel=3)
        self.residual2 = ConvBatchNorm(32, 32, kernel=3)
        self.classifier = nn.Linear(32, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.stem(image))
        x = F.relu(self.pointwise(F.relu(self.depthwise(x))))
        x = F.max_pool2d(x, 2)
        x = F.relu(x + self.residual2(F.relu(self.residual1(x))))
        logits: torch.Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits


class GraphWriter:
    """Collects the nodes and initializers of an ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def node(self, op: str, inputs: list[str], name: str, **attributes: int | float | list[int]) -> str:
        """Add a node with one output, called as the node; returns the name."""
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def weight(self, name: str, value: torch.Tensor) -> str:
        self.initializers.append(numpy_helper.from_array(value.detach().numpy(), name))
        return name

    def conv_batch_norm(self, x: str, block: ConvBatchNorm, name: str) -> str:
        conv, norm = block.conv, block.norm
        kernel, padding = list(conv.weight.shape[2:]), [int(conv.padding[0])] * 4
        weight = self.weight(f"{name}.conv.weight", conv.weight)
        y = self.node("Conv", [x, weight], f"{name}.conv", kernel_shape=kernel, pads=padding, group=conv.groups)
        statistics = {"scale": norm.weight, "bias": norm.bias, "mean": norm.running_mean, "var": norm.running_var}
        inputs = [self.weight(f"{name}.norm.{key}", value) for key, value in statistics.items()]
        return self.node("BatchNormalization", [y, *inputs], f"{name}.norm", epsilon=norm.eps)


def to_onnx(network: Digits) -> onnx.ModelProto:
    graph = GraphWriter()
    x = graph.node("Relu", [graph.conv_batch_norm("image", network.stem, "stem")], "stem.relu")
    x = graph.node("Relu", [graph.conv_batch_norm(x, network.depthwise, "depthwise")], "depthwise.relu")
    x = graph.node("Relu", [graph.conv_batch_norm(x, network.pointwise, "pointwise")], "pointwise.relu")
    x = graph.node("MaxPool", [x], "pool", kernel_shape=[2, 2], strides=[2, 2])
    y = graph.node("Relu", [graph.conv_batch_norm(x, network.residual1, "residual1")], "residual1.relu")
    y = graph.conv_batch_norm(y, network.residual2, "residual2")
    x = graph.node("Relu", [graph.node("Add", [x, y], "residual.add")], "residual.relu")
    x = graph.node("Flatten", [graph.node("GlobalAveragePool", [x], "mean")], "flatten")
    weight = graph.weight("classifier.weight", network.classifier.weight)
    bias = graph.weight("classifier.bias", network.classifier.bias)
    x = graph.node("Gemm", [x, weight, bias], "classifier", transB=1)
    graph.node("Softmax", [x], "probabilities", axis=1)

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 8, 8])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 10])
    onnx_graph = helper.make_graph(graph.nodes, "digits", [image], [probabilities], graph.initializers)
    model = helper.make_model(onnx_graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def shifted(images: torch.Tensor) -> torch.Tensor:
    """The images moved by up to one pixel each way, all of a batch alike."""
    down, right = (int(offset) for offset in torch.randint(-1, 2, (2,)))
    padded = F.pad(images, (1, 1, 1, 1))
    return padded[:, :, 1 + down : 9 + down, 1 + right : 9 + right]


def train(images: torch.Tensor, labels: torch.Tensor) -> Digits:
    network = Digits()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.005)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH_SIZE):
            optimizer.zero_grad()
            F.cross_entropy(network(shifted(images[batch])), labels[batch]).backward()
            optimizer.step()
        schedule.step()
    return network.eval()


def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    labels = digits.target.astype(np.int64)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, labels, test_size=0.2, random_state=SEED, stratify=labels
    )
    network = train(torch.from_numpy(train_images), torch.from_numpy(train_labels))

    onnx.save(to_onnx(network), FOLDER / "digits.onnx")
    np.savez_compressed(FOLDER / "digits_test.npz", image=test_images, label=test_labels)
    np.savez_compressed(FOLDER / "digits_calibration.npz", image=train_images[:200])

    session = onnxruntime.InferenceSession(FOLDER / "digits.onnx")
    (probabilities,) = session.run(None, {"image": test_images})
    correct = int((probabilities.argmax(axis=1) == test_labels).sum())
    print(f"{correct} of {len(test_labels)} held-out digits recognised: accuracy {correct / len(test_labels):.4f}")


if __name__ == "__main__":
    main()
