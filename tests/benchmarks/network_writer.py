"""Writes ONNX graphs node by node, with seeded weights whose activations are known while they are drawn."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[np.generic]
FloatArray = NDArray[np.float32]
Activation = Literal["Relu", "Clip"]

OPSET = 17
IR_VERSION = 8
EPSILON = 1e-5
CLASSES = 1000


@dataclass(frozen=True)
class Feature:
    """A value of the network: its name, and what it is for a few small random images, f32[batch, channels, h, w]."""

    name: str
    sample: FloatArray

    @property
    def channels(self) -> int:
        return int(self.sample.shape[1])


def windows(x: FloatArray, kernel: int, stride: int, padding: int, fill: float = 0.0) -> FloatArray:
    """All windows of the padded images, f32[batch, channels, h, w, kernel, kernel]."""
    border = [(0, 0), (0, 0), (padding, padding), (padding, padding)]
    padded = np.pad(x, border, constant_values=fill)
    return sliding_window_view(padded, (kernel, kernel), axis=(2, 3))[:, :, ::stride, ::stride]


def convolved(x: FloatArray, weight: FloatArray, stride: int, groups: int) -> FloatArray:
    """Convolution of f32[n, c, h, w] with f32[m, c / groups, k, k], padded to keep the size at stride 1."""
    patches = windows(x, weight.shape[2], stride, weight.shape[2] // 2)
    batch, channels, height, width, kernel, _ = patches.shape
    patches = patches.transpose(1, 4, 5, 0, 2, 3).reshape(groups, channels // groups * kernel * kernel, -1)
    y = weight.reshape(groups, weight.shape[0] // groups, -1) @ patches
    return y.reshape(-1, batch, height, width).transpose(1, 0, 2, 3)


def per_channel(values: FloatArray) -> FloatArray:
    return values[:, None, None]


class NetworkWriter:
    """Collects the nodes and weights of one model; each method adds nodes and returns the value they compute."""

    def __init__(self, seed: int, batch_norm: bool = True) -> None:
        self.rng = np.random.default_rng(seed)
        self.batch_norm = batch_norm
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def node(self, op: str, inputs: list[str], **attributes: int | float | list[int]) -> str:
        """Add a node with one output; the name of that output."""
        return self.node_with_outputs(op, inputs, 1, **attributes)[0]

    def node_with_outputs(
        self, op: str, inputs: list[str], count: int, **attributes: int | float | list[int]
    ) -> list[str]:
        name = f"/{op}_{len(self.nodes)}"
        outputs = [f"{name}_output_{index}" for index in range(count)]
        self.nodes.append(helper.make_node(op, inputs, outputs, name, **attributes))
        return outputs

    def constant(self, value: Array) -> str:
        name = f"/Constant_{len(self.nodes)}"
        tensor = numpy_helper.from_array(value)
        self.nodes.append(helper.make_node("Constant", [], [f"{name}_output_0"], name, value=tensor))
        return f"{name}_output_0"

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def weight(self, name: str, value: Array) -> str:
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def normal(self, shape: tuple[int, ...], deviation: float) -> FloatArray:
        return self.rng.standard_normal(shape, np.float32) * np.float32(deviation)

    def uniform(self, low: float, high: float, size: int) -> FloatArray:
        return self.rng.uniform(low, high, size).astype(np.float32)

    def image(self) -> Feature:
        """The model's input, an image of three channels."""
        return Feature("input", self.normal((2, 3, 112, 112), 1.0))

    def conv(
        self, x: Feature, channels: int, kernel: int, name: str, *, norm: str = "", stride: int = 1, groups: int = 1
    ) -> Feature:
        """A convolution padded to keep the size at stride 1, then the batch normalization called `norm`, if any.

        Without `batch_norm` the normalization's scale and shift go into the convolution's weight and bias.
        """
        shape = (channels, x.channels // groups, kernel, kernel)
        weight = self.normal(shape, float(np.prod(shape[1:])) ** -0.5)
        sample = convolved(x.sample, weight, stride, groups)
        bias = None
        if norm and not self.batch_norm:
            scale, shift, mean, variance = self._norm_parameters(sample)
            factor = scale / np.sqrt(variance + np.float32(EPSILON))
            weight, bias = weight * factor[:, None, None, None], shift - mean * factor
            sample = sample * per_channel(factor) + per_channel(bias)
        inputs = [x.name, self.weight(f"{name}.weight", weight)]
        if bias is not None:
            inputs.append(self.weight(f"{name}.bias", bias))
        size = {"kernel_shape": [kernel, kernel], "pads": [kernel // 2] * 4, "strides": [stride, stride]}
        y = Feature(self.node("Conv", inputs, dilations=[1, 1], group=groups, **size), sample)
        return self.norm(y, norm) if norm and self.batch_norm else y

    def norm(self, x: Feature, name: str) -> Feature:
        """A batch normalization that holds the sample's own statistics."""
        scale, shift, mean, variance = self._norm_parameters(x.sample)
        parameters = {"weight": scale, "bias": shift, "running_mean": mean, "running_var": variance}
        inputs = [self.weight(f"{name}.{key}", value) for key, value in parameters.items()]
        y = self.node("BatchNormalization", [x.name, *inputs], epsilon=EPSILON, momentum=0.9, training_mode=0)
        factor = scale / np.sqrt(variance + np.float32(EPSILON))
        return Feature(y, (x.sample - per_channel(mean)) * per_channel(factor) + per_channel(shift))

    def _norm_parameters(self, sample: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Scale and shift as training leaves them, and the sample's mean and variance per channel."""
        channels = sample.shape[1]
        scale, shift = self.uniform(0.5, 1.2, channels), self.normal((channels,), 0.2)
        return scale, shift, sample.mean(axis=(0, 2, 3)), sample.var(axis=(0, 2, 3)) + np.float32(0.01)

    def activation(self, x: Feature, kind: Activation) -> Feature:
        """ReLU, or ReLU6 as the Clip that exporters write for it."""
        if kind == "Relu":
            return Feature(self.node("Relu", [x.name]), np.maximum(x.sample, 0))
        return Feature(self.node("Clip", [x.name, self.scalar(0), self.scalar(6)]), np.clip(x.sample, 0, 6))

    def add(self, x: Feature, y: Feature) -> Feature:
        return Feature(self.node("Add", [x.name, y.name]), x.sample + y.sample)

    def concat(self, features: list[Feature]) -> Feature:
        samples = np.concatenate([feature.sample for feature in features], axis=1)
        return Feature(self.node("Concat", [feature.name for feature in features], axis=1), samples)

    def max_pool(self, x: Feature) -> Feature:
        """The largest of 3 by 3 pixels, at stride 2."""
        size = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}
        y = self.node("MaxPool", [x.name], ceil_mode=0, dilations=[1, 1], **size)
        return Feature(y, windows(x.sample, 3, 2, 1, fill=-np.inf).max(axis=(4, 5)))

    def average_pool(self, x: Feature) -> Feature:
        """The mean of 2 by 2 pixels, at stride 2."""
        size = {"kernel_shape": [2, 2], "pads": [0, 0, 0, 0], "strides": [2, 2]}
        y = self.node("AveragePool", [x.name], ceil_mode=0, count_include_pad=1, **size)
        return Feature(y, windows(x.sample, 2, 2, 0).mean(axis=(4, 5)))

    def classifier(self, x: Feature, name: str) -> None:
        """Pool over all pixels and write the model's output: class scores."""
        pooled = self.node("Flatten", [self.node("GlobalAveragePool", [x.name])], axis=1)
        self.gemm(pooled, x.channels, name)

    def gemm(self, x: str, features: int, name: str) -> None:
        """A dense layer from f32[n, features] to the model's output."""
        weight = self.weight(f"{name}.weight", self.normal((CLASSES, features), features**-0.5))
        bias = self.weight(f"{name}.bias", self.normal((CLASSES,), 0.1))
        attributes = {"alpha": 1.0, "beta": 1.0, "transB": 1}
        self.nodes.append(helper.make_node("Gemm", [x, weight, bias], ["output"], f"/{name}/Gemm", **attributes))

    def model(self, name: str, input_shape: list[int | str], output_shape: list[int | str]) -> onnx.ModelProto:
        """The model from `input` to `output`, checked. Raises onnx.checker.ValidationError."""
        x = helper.make_tensor_value_info("input", TensorProto.FLOAT, input_shape)
        y = helper.make_tensor_value_info("output", TensorProto.FLOAT, output_shape)
        graph = helper.make_graph(self.nodes, name, [x], [y], self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model
