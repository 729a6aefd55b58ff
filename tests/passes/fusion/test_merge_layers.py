"""Random branches and chains of convolutions compute the same when they are merged; families of blocks become one."""

import random
from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest

import glmir
from glmir.interpreter import run
from glmir.ir import Array, Function, Module, Op, Value
from glmir.opdef import ConstraintError
from glmir.ops import math, nn, tensor
from glmir.ops.enums import Activation, Layout
from glmir.pass_manager import PassManager
from glmir.passes.fusion.layer_maps import Frame, layer_of, map_of
from glmir.passes.patterns import constant_array
from glmir.passes.pipelines import OptLevel, optimize
from glmir.types import DType, TensorType
from glmir.verifier import verify
from glmir.weights import Weight
from tests.benchmarks.zoo import BUILDERS
from tests.tolerances import assert_close

CHANNELS, SIZES = 4, (6, 7)
IMAGE = np.random.default_rng(9).standard_normal((1, CHANNELS, *SIZES)).astype(np.float32)


class Sketch:
    """A function of one image, f32[1, 4, 6, 7], that grows; its weights are seeded."""

    def __init__(self, seed: int) -> None:
        self.numbers = np.random.default_rng(seed)
        self.random = random.Random(seed)
        self.function = Function("main")
        self.image = Value(TensorType(DType.F32, (1, CHANNELS, *SIZES)), "x")
        self.function.inputs.append(self.image)

    def add(self, op: Op) -> Value:
        self.function.ops.append(op)
        return op.results[0]

    def weight(self, *shape: int) -> Value:
        return self.add(tensor.Constant(Weight(self.numbers.standard_normal(shape).astype(np.float32))))

    def conv(self, x: Value, kernel: tuple[int, int], padding: tuple[int, ...], **attributes: object) -> Value:
        """A convolution, by default of stride and dilation 1, dense and without bias."""
        groups = attributes.get("groups", 1)
        assert isinstance(groups, int)
        weight = self.weight(CHANNELS, CHANNELS // groups, *kernel)
        options = {"bias": None, "strides": (1, 1), "dilations": (1, 1), **attributes}
        return self.add(nn.Conv(x=x, weight=weight, padding=padding, **options))  # type: ignore[arg-type]

    def same(self, x: Value, kernel: int, groups: int = 1) -> Value:
        return self.conv(x, (kernel, kernel), (kernel // 2,) * 4, groups=groups)

    def norm(self, x: Value) -> Value:
        variance = self.add(tensor.Constant(Weight(self.numbers.uniform(0.5, 2, CHANNELS).astype(np.float32))))
        scale, bias, mean = (self.weight(CHANNELS) for _ in range(3))
        return self.add(nn.BatchNorm(x, scale, bias, mean, variance, 1e-5))

    def sum(self, *values: Value) -> Value:
        total = values[0]
        for value in values[1:]:
            total = self.add(math.Add(total, value))
        return total

    def pool(self, x: Value) -> Value:
        return self.add(nn.AveragePool(x, (3, 3), (1, 1), (1,) * 4, (1, 1), count_include_pad=True))

    def module(self, result: Value) -> Module:
        self.function.set_outputs([result], ["y"])
        module = Module([self.function])
        verify(module)
        return module


def outputs(module: Module) -> Array:
    return run(module, {"x": IMAGE})["y"]


def count(module: Module) -> int:
    return sum(not isinstance(op, tensor.Constant) for op in module.main.ops)


def optimized(module: Module) -> Module:
    merged = module.clone()
    PassManager(optimize(OptLevel.O2)).run(merged)
    verify(merged)
    return merged


def repvgg(s: Sketch, x: Value) -> Value:
    return s.sum(s.norm(s.same(x, 3)), s.norm(s.same(x, 1)), s.norm(x))


def mobileone_depthwise(s: Sketch, x: Value) -> Value:
    branches = [s.norm(s.same(x, 3, CHANNELS)) for _ in range(4)]
    return s.sum(s.norm(s.same(x, 1, CHANNELS)), s.norm(x), *branches)


def rep_conv_in_groups(s: Sketch, x: Value) -> Value:
    return s.sum(s.norm(s.same(x, 3, 2)), s.norm(s.same(x, 1, 2)))


def asymmetric(s: Sketch, x: Value) -> Value:
    tall, wide = s.conv(x, (3, 1), (1, 0, 1, 0)), s.conv(x, (1, 3), (0, 1, 0, 1))
    return s.sum(s.norm(s.same(x, 3)), s.norm(tall), s.norm(wide))


def diverse_branches(s: Sketch, x: Value) -> Value:
    padded = s.conv(s.conv(x, (1, 1), (1, 1, 1, 1)), (3, 3), (0,) * 4)
    pooled = s.norm(s.pool(s.same(x, 1)))
    return s.sum(s.norm(s.same(x, 3)), s.norm(s.same(x, 1)), s.norm(padded), pooled)


def large_kernel(s: Sketch, x: Value) -> Value:
    dilated = s.conv(x, (3, 3), (2,) * 4, dilations=(2, 2), groups=CHANNELS)
    return s.sum(s.norm(s.same(x, 5, CHANNELS)), s.norm(dilated), s.norm(s.same(x, 3, CHANNELS)), x)


def scaled_residual(s: Sketch, x: Value) -> Value:
    scaled = s.add(math.Mul(s.norm(s.same(x, 3)), s.weight(CHANNELS, 1, 1)))
    return s.norm(s.add(math.Sub(x, scaled)))


FAMILIES = [
    repvgg,
    mobileone_depthwise,
    rep_conv_in_groups,
    asymmetric,
    diverse_branches,
    large_kernel,
    scaled_residual,
]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_block_becomes_one_convolution(family: Callable[[Sketch, Value], Value]) -> None:
    sketch = Sketch(1)
    module = sketch.module(sketch.add(nn.Relu(family(sketch, sketch.image))))
    merged = optimized(module)
    (conv,) = [op for op in merged.main.ops if not isinstance(op, tensor.Constant)]
    assert isinstance(conv, nn.Conv)
    assert_close(outputs(merged), outputs(module), "f32-sums", family.__name__)


@pytest.mark.parametrize(("name", "layers"), [("repvgg_a0_branches", 22), ("mobileone_s0_branches", 43)])
def test_network_in_training_form(name: str, layers: int, request: pytest.FixtureRequest) -> None:
    """One convolution a layer, and nothing but activations, the pool and the classifier beside them."""
    if not request.config.getoption("--all-cases"):
        pytest.skip("takes seconds: with --all-cases")
    model = BUILDERS[name]()
    artifact = glmir.compile(model, target="onnx")
    ops = [op for op in artifact.module.main.ops if not isinstance(op, tensor.Constant)]
    assert sum(isinstance(op, nn.Conv) for op in ops) == layers and len(ops) == 2 * layers + 2
    image = np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (expected,) = session.run(None, {"input": image})
    actual = artifact.run({"input": image})["output"]
    assert np.abs(actual - expected).max() <= 1e-4 * np.abs(expected).max()


def windows(s: Sketch, strides: tuple[int, int], counts: tuple[int, int]) -> dict[str, object]:
    """Some kernel, padding and dilation of as many windows as ``counts`` on each axis of the image."""
    kernel, dilations, low, high = [], [], [], []
    for size, stride, windows_there in zip(SIZES, strides, counts, strict=True):
        k, d, first = s.random.choice([1, 1, 2, 3]), s.random.choice([1, 1, 2, 3]), s.random.randrange(4)
        last = (windows_there - 1) * stride + (k - 1) * d + 1 - first - size
        kernel.append(k)
        dilations.append(d)
        low.append(first)
        high.append(max(last + s.random.randrange(stride), 0))
    return {"kernel": tuple(kernel), "padding": (*low, *high), "dilations": tuple(dilations), "strides": strides}


@pytest.mark.parametrize("seed", range(40))
def test_random_branches(seed: int) -> None:
    s = Sketch(seed)
    strides = (s.random.choice([1, 1, 2]), s.random.choice([1, 1, 2, 3]))
    counts = tuple((size - 1) // stride + 1 for size, stride in zip(SIZES, strides, strict=True))
    branches = [s.image] if strides == (1, 1) and s.random.random() < 0.5 else []
    while len(branches) < 4:
        groups = s.random.choice([1, 2, CHANNELS])
        options = windows(s, strides, (counts[0], counts[1]))
        branch = s.conv(s.image, groups=groups, **options)  # type: ignore[arg-type]
        if branch.type.shape[2:] == counts:
            branches.append(s.norm(branch) if s.random.random() < 0.5 else branch)
    s.random.shuffle(branches)
    module = s.module(s.sum(*branches))
    merged = optimized(module)
    assert_close(outputs(merged), outputs(module), "f32-sums", f"seed {seed}")


def some_conv(s: Sketch, x: Value) -> Value:
    kernel = (s.random.choice([1, 1, 2, 3]), s.random.choice([1, 2]))
    padding = tuple(s.random.choice([0, 0, 0, 1]) for _ in range(4))
    strides, dilations = s.random.choice([(1, 1), (1, 2), (2, 1)]), s.random.choice([(1, 1), (2, 1)])
    options = {"strides": strides, "dilations": dilations, "groups": s.random.choice([1, 2, CHANNELS])}
    return s.conv(x, kernel, padding, bias=s.weight(CHANNELS) if s.random.random() < 0.4 else None, **options)


def test_random_compositions() -> None:
    """Whatever they cost: one map behind another is what the two convolutions compute."""
    composed = 0
    for seed in range(150):
        s = Sketch(seed)
        middle = some_conv(s, s.image)
        try:
            module = s.module(some_conv(s, middle))
        except ConstraintError:
            # Too little is left of the image.
            continue
        outer, inner, frame = module.main.outputs[0].owner, middle.owner, Frame(4, Layout.NCHW)
        assert isinstance(outer, nn.Conv) and isinstance(inner, nn.Conv)
        maps = map_of(outer, frame), map_of(inner, frame)
        assert maps[0] is not None and maps[1] is not None
        if maps[0].reach.crosses_borders(maps[1].reach, inner.bias is not None):
            continue
        layer = layer_of(maps[0].behind(maps[1]), s.image, frame, Activation.NONE)
        assert isinstance(layer, nn.Conv) and layer.result.type == outer.result.type, f"seed {seed}"
        weight, bias = constant_array(layer.weight), constant_array(layer.bias)
        assert weight is not None
        actual = layer.evaluate(IMAGE, weight, bias)
        assert_close(actual, outputs(module), "f32-sums", f"seed {seed}")
        composed += 1
    assert composed > 40


def test_most_random_layers_merge() -> None:
    def is_merged(seed: int) -> bool:
        s = Sketch(seed)
        first = s.conv(s.image, (1, 1), (0,) * 4, groups=s.random.choice([1, 2, 4]))
        module = s.module(s.conv(first, (3, 3), (1,) * 4, groups=s.random.choice([1, 2])))
        return count(optimized(module)) == 1

    assert sum(is_merged(seed) for seed in range(10)) >= 5
