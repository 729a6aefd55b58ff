"""What runtimes' kernels take a unit of work, in floats and in integers: the table of `glmir/driver/report/speed.py`.

    python -m tests.benchmarks.integer_kernels [--target tflite ...] [--op conv ...] [--runs 40]

Chains of one op each, of two lengths, whose difference tells the op alone: in floats, and between pairs of quantize and
dequantize in 8 and 16 bits. A unit is a multiplication of a layer, or an element of another op's result. One thread;
the shortest of many runs.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import glmir
from glmir.errors import GlmirError

from .quantized_latency import TARGETS, candidate_of

LENGTHS = (2, 6)
CHANNELS, SIZE, TOKENS, HEADS = 64, 28, 128, 4
IMAGE = [1, CHANNELS, SIZE, SIZE]
MATRIX = [1, HEADS, TOKENS, TOKENS]
DTYPES = {8: (TensorProto.INT8, np.int8), 16: (TensorProto.INT16, np.int16)}


@dataclass
class Chain:
    """An ONNX model under construction: ``bits`` 0 is float, else every value is stored in so many."""

    bits: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, array: np.ndarray) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], f"n{len(self.nodes)}", **attributes))
        return name

    def stored(self, x: str, scale: float = 0.05, zero: int = 0) -> str:
        """``x`` behind a pair."""
        if not self.bits:
            return x
        dtype = DTYPES[self.bits][1]
        if self.bits == 16:
            scale, zero = (1 / 32768 if zero else scale / 256), 0
        operands = (self.constant(np.array(scale, np.float32)), self.constant(np.array(zero, dtype)))
        return self.node("DequantizeLinear", self.node("QuantizeLinear", x, *operands), *operands)

    def weight(self, shape: Sequence[int]) -> str:
        """A weight with a scale for each index of its first axis."""
        generator = np.random.default_rng(0)
        if not self.bits:
            return self.constant((generator.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32))
        integers = self.constant(generator.integers(-127, 128, shape).astype(np.int8))
        scales = self.constant(np.full(shape[0], 0.01 / np.sqrt(np.prod(shape[1:])), np.float32))
        zeros = self.constant(np.zeros(shape[0], np.int8))
        return self.node("DequantizeLinear", integers, scales, zeros, axis=0)


Link = Callable[[Chain, str], str]


@dataclass(frozen=True)
class Kernel:
    """One op of the table: what a link of its chain is, on which shape, and its units of work."""

    shape: Sequence[int]
    units: int
    link: Link


def _conv(kernel: int, groups: int = 1) -> Link:
    pads = [kernel // 2] * 4

    def link(chain: Chain, x: str) -> str:
        weight = chain.weight([CHANNELS, CHANNELS // groups, kernel, kernel])
        return chain.stored(chain.node("Conv", x, weight, pads=pads, group=groups))

    return link


def _linear(chain: Chain, x: str) -> str:
    return chain.stored(chain.node("Gemm", x, chain.weight([512, 512]), transB=1))


def _unary(operator: str, scale: float = 0.05, zero: int = 0, **attributes: object) -> Link:
    def link(chain: Chain, x: str) -> str:
        return chain.stored(chain.node(operator, x, **attributes), scale, zero)

    return link


def _binary(operator: str) -> Link:
    def link(chain: Chain, x: str) -> str:
        return chain.stored(chain.node(operator, x, "y"))

    return link


def _pad_and_slice(chain: Chain, x: str) -> str:
    pads = chain.constant(np.array([0, 0, 1, 1, 0, 0, 0, 0], np.int64))
    padded = chain.stored(chain.node("Pad", x, pads))
    ends = [chain.constant(np.array(v, np.int64)) for v in ([0, 0], [SIZE, SIZE], [2, 3])]
    return chain.stored(chain.node("Slice", padded, *ends))


def _concat(chain: Chain, x: str) -> str:
    half = chain.constant(np.array([CHANNELS // 2] * 2, np.int64))
    name = f"v{len(chain.nodes)}"
    parts = [f"{name}a", f"{name}b"]
    chain.nodes.append(helper.make_node("Split", [x, half], parts, axis=1))
    a, b = (chain.stored(part) for part in parts)
    return chain.stored(chain.node("Concat", b, a, axis=1))


def _convert(chain: Chain, x: str) -> str:
    """Floats between integers: 1 - x has no kernel of integers in a row of others."""
    return chain.stored(chain.node("Sin", x))


def _transposed_product(chain: Chain, x: str) -> str:
    flipped = chain.node("Transpose", "y", perm=[0, 1, 3, 2])
    return chain.stored(chain.node("MatMul", x, flipped))


def _rank_5(chain: Chain, x: str) -> str:
    split = chain.constant(np.array([1, TOKENS, 2, HEADS // 2, TOKENS], np.int64))
    back = chain.constant(np.array(MATRIX, np.int64))
    parts = chain.stored(chain.node("Transpose", chain.node("Reshape", x, split), perm=[2, 0, 3, 1, 4]))
    return chain.stored(chain.node("Reshape", parts, back))


def _mean(chain: Chain, x: str) -> str:
    axes = chain.constant(np.array([2, 3], np.int64))
    mean = chain.stored(chain.node("ReduceMean", x, axes))
    return chain.stored(chain.node("Add", x, mean))


def _relu6(chain: Chain, x: str) -> str:
    bounds = [chain.constant(np.array(v, np.float32)) for v in (0.0, 6.0)]
    return chain.stored(chain.node("Clip", x, *bounds))


ELEMENTS = CHANNELS * SIZE * SIZE
KERNELS = {
    "conv": Kernel(IMAGE, ELEMENTS * CHANNELS * 9, _conv(3)),
    "conv 1x1": Kernel(IMAGE, ELEMENTS * CHANNELS, _conv(1)),
    "depthwise": Kernel(IMAGE, ELEMENTS * 9, _conv(3, CHANNELS)),
    "linear": Kernel([TOKENS, 512], TOKENS * 512 * 512, _linear),
    "matmul": Kernel(MATRIX, HEADS * TOKENS**3, _binary("MatMul")),
    "matmul transposed": Kernel(MATRIX, HEADS * TOKENS**3, _transposed_product),
    "sin, converted": Kernel(IMAGE, ELEMENTS, _convert),
    "transpose rank 5": Kernel(MATRIX, HEADS * TOKENS**2, _rank_5),
    "mean": Kernel(IMAGE, ELEMENTS, _mean),
    "add": Kernel(IMAGE, ELEMENTS, _binary("Add")),
    "sub": Kernel(IMAGE, ELEMENTS, _binary("Sub")),
    "mul": Kernel(IMAGE, ELEMENTS, _binary("Mul")),
    "maximum": Kernel(IMAGE, ELEMENTS, _binary("Max")),
    "relu6": Kernel(IMAGE, ELEMENTS, _relu6),
    "leaky_relu": Kernel(IMAGE, ELEMENTS, _unary("LeakyRelu", alpha=0.1)),
    "hard_swish": Kernel(IMAGE, ELEMENTS, _unary("HardSwish")),
    "sigmoid": Kernel(IMAGE, ELEMENTS, _unary("Sigmoid", 1 / 256, -128)),
    "tanh": Kernel(IMAGE, ELEMENTS, _unary("Tanh", 1 / 128)),
    "gelu": Kernel(IMAGE, ELEMENTS, _unary("Gelu")),
    "elu": Kernel(IMAGE, ELEMENTS, _unary("Elu")),
    "softmax": Kernel(MATRIX, HEADS * TOKENS**2, _unary("Softmax", 1 / 256, -128, axis=-1)),
    "max_pool": Kernel(IMAGE, ELEMENTS, _unary("MaxPool", kernel_shape=[3, 3], pads=[1] * 4)),
    "average_pool": Kernel(IMAGE, ELEMENTS, _unary("AveragePool", kernel_shape=[3, 3], pads=[1] * 4)),
    "transpose": Kernel(MATRIX, HEADS * TOKENS**2, _unary("Transpose", perm=[0, 2, 3, 1])),
    "pad and slice": Kernel(IMAGE, 2 * ELEMENTS, _pad_and_slice),
    "split and concat": Kernel(IMAGE, 2 * ELEMENTS, _concat),
}


def main() -> None:
    """Measures and prints nanoseconds a unit."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.integer_kernels")
    parser.add_argument("--target", action="append", choices=TARGETS, help="default: all")
    parser.add_argument("--op", action="append", choices=KERNELS, help="default: all")
    parser.add_argument("--runs", type=int, default=40, help="measured runs of each (default: 40)")
    arguments = parser.parse_args()
    for target in arguments.target or TARGETS:
        for name in arguments.op or KERNELS:
            times = [_nanoseconds(KERNELS[name], bits, target, arguments.runs) for bits in (0, 8, 16)]
            texts = [f"{t:9.4f}" if isinstance(t, float) else f"{t:>9}" for t in times]
            print(f"{target:8} {name:18} float {texts[0]}  i8 {texts[1]}  i16 {texts[2]}", flush=True)


def _nanoseconds(kernel: Kernel, bits: int, target: str, runs: int) -> float | str:
    with tempfile.TemporaryDirectory() as folder:
        candidates = []
        for length in LENGTHS:
            chain = Chain(bits)
            x = chain.stored("x")
            for _ in range(length):
                x = kernel.link(chain, x)
            try:
                model = _model(chain, x, kernel)
                artifact = glmir.compile(model, target=target)
                path = artifact.save(Path(folder, f"{length}{artifact.target.suffix}"))
            except GlmirError as error:
                return str(error)[:60]
            generator = np.random.default_rng(1)
            inputs = {
                v.name: generator.standard_normal(kernel.shape).astype(np.float32) for v in artifact.module.main.inputs
            }
            candidates.append(candidate_of("", path, target, artifact, inputs))
        for _ in range(runs):
            for candidate in candidates:
                candidate.measure()
        shorter, longer = (min(candidate.seconds) for candidate in candidates)
        return (longer - shorter) / (LENGTHS[1] - LENGTHS[0]) / kernel.units * 1e9


def _model(chain: Chain, x: str, kernel: Kernel) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, kernel.shape) for n in ("x", "y")]
    needs_y = any("y" in node.input for node in chain.nodes)
    if needs_y and chain.bits:
        front = Chain(chain.bits)
        front.initializers = chain.initializers
        pair = front.stored("y")
        renamed = {node.output[0]: f"y{i}" for i, node in enumerate(front.nodes)}
        for node in front.nodes:
            node.input[:] = [renamed.get(name, name) for name in node.input]
            node.output[0] = renamed[node.output[0]]
        for node in chain.nodes:
            node.input[:] = [renamed[pair] if name == "y" else name for name in node.input]
        chain.nodes[:0] = front.nodes
    output = helper.make_tensor_value_info(x, TensorProto.FLOAT, None)
    graph = helper.make_graph(chain.nodes, "chain", inputs if needs_y else inputs[:1], [output], chain.initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


if __name__ == "__main__":
    main()
