"""Models whose channels onnxruntime has put in blocks, as its highest level does on this machine, and by hand."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from glmir.frontends.onnx.block_evidence import likely_block
from glmir.frontends.onnx.blocked_channels import unblocked
from glmir.interpreter import run
from tests.glmir.frontends.onnx.harness import Array, floats, imported, input_info, model_of, op_names, reasons_of
from tests.tolerances import assert_close


class Net:
    """Nodes on an image ``x``, the weights of their convolutions, and what the last node computes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, op_type: str, *inputs: str, **attributes: object) -> str:
        name = f"y{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name

    def weight(self, array: Array) -> str:
        self.weights.append(numpy_helper.from_array(array, f"w{len(self.weights)}"))
        return f"w{len(self.weights) - 1}"

    def conv(self, x: str, *shape: int, **attributes: object) -> str:
        parameters = [self.weight(floats(*shape, seed=len(self.nodes))), self.weight(floats(shape[0]))]
        return self.add("Conv", x, *parameters, pads=[shape[2] // 2] * 4, **attributes)


def optimized(net: Net, x: Array, outputs: Sequence[str], folder: Path) -> onnx.ModelProto:
    """The model as onnxruntime saves it at its highest level."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "model.onnx")
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    model = model_of(net.nodes, [input_info("x", x)], outputs, net.weights)
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "model.onnx")


def test_what_onnxruntime_makes_of_convolutions(tmp_path: Path) -> None:
    net = Net()
    first = net.add("Relu", net.conv("x", 20, 3, 3, 3, strides=[2, 2]))
    deep = net.add(
        "Clip",
        net.conv(first, 20, 1, 3, 3, group=20),
        net.weight(np.array(0, np.float32)),
        net.weight(np.array(6, np.float32)),
    )
    summed = net.add("Add", net.conv(deep, 20, 20, 1, 1), first)
    scales = net.weight(np.array([1, 1, 2, 2], np.float32))
    pooled = net.add("MaxPool", summed, kernel_shape=[2, 2], strides=[2, 2])
    grown = net.add("Resize", pooled, "", scales, mode="nearest", nearest_mode="floor")
    gate = net.add("Sigmoid", net.conv(net.add("GlobalAveragePool", grown), 20, 20, 1, 1))
    y = net.conv(net.add("Mul", grown, gate), 12, 20, 3, 3)
    joined = net.add("Concat", net.conv(y, 16, 12, 1, 1), net.conv(y, 32, 12, 1, 1), axis=1)
    outputs = [net.add("Transpose", summed, perm=[0, 2, 3, 1]), net.conv(joined, 8, 48, 1, 1)]
    x = floats(1, 3, 16, 16)
    plain = imported(model_of(net.nodes, [input_info("x", x)], outputs, net.weights))
    blocked = imported(optimized(net, x, outputs, tmp_path))
    for name, expected in run(plain, {"x": x}).items():
        assert_close(run(blocked, {"x": x})[name], expected, "f32-sums", name)
    assert op_names(blocked).count("nn.conv") == op_names(plain).count("nn.conv")
    shapes = [
        {op.result.type.shape for op in module.main.ops if op.result.type.rank == 4} for module in (plain, blocked)
    ]
    assert shapes[0] == shapes[1]


def packed(weight: Array, block: int) -> Array:
    """A weight [O, I, H, W] as it lies in blocks."""
    out, inner, *kernel = weight.shape
    split = weight.reshape(out // block, block, inner // block, block, *kernel)
    return np.ascontiguousarray(split.transpose(0, 2, 4, 5, 3, 1)).reshape(weight.shape)


@pytest.mark.parametrize("block", [8, 16])
def test_weights_in_blocks(block: int) -> None:
    weight = floats(32, 16, 3, 3)
    assert np.array_equal(unblocked(packed(weight, block), block, is_inner=True), weight)


@pytest.mark.parametrize("block", [8, 16])
@pytest.mark.parametrize("is_padded", [True, False])
def test_the_block_shows_in_what_training_has_made_of_channels(block: int, is_padded: bool) -> None:
    weights = []
    for seed in range(8):
        sizes = np.exp(floats(64, 1, 1, 1, seed=seed))
        weight = floats(64, 32, 1, 1, seed=seed + 8) * (1 if is_padded else sizes)
        if is_padded:
            weight[60:] = 0
        weights.append(packed(weight, block))
    readings = [lambda b, w=w: unblocked(w, b, is_inner=True) for w in weights]
    assert likely_block(readings, (8, 16)) == block


def test_a_block_that_does_not_show_is_refused() -> None:
    weight = numpy_helper.from_array(floats(16, 16, 1, 1), "w")
    attributes = {"domain": "com.microsoft.nchwc", "name": "node"}
    nodes = [
        helper.make_node("ReorderInput", ["x"], ["a"], **attributes),
        helper.make_node("Conv", ["a", "w"], ["b"], kernel_shape=[1, 1], **attributes),
        helper.make_node("ReorderOutput", ["b"], ["y"], channels=16, **attributes),
    ]
    model = model_of(nodes, [input_info("x", floats(1, 16, 4, 4))], ["y"], [weight], domain="com.microsoft.nchwc")
    (reason,) = reasons_of(model)
    assert "whether 8 or 16 at a time does not show" in reason and "ORT_ENABLE_EXTENDED" in reason
