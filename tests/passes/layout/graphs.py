"""Random small graphs of ops that can run in either layout, and some that cannot."""

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st

from glmir.ir import Function, Module, Op, Value
from glmir.opdef import ConstraintError
from glmir.ops import math, nn, tensor
from glmir.types import DType, TensorType
from glmir.weights import Weight

Draw = Callable[[st.SearchStrategy[int]], int]
LARGEST = 4000
"""Elements of a value at most."""


class GraphBuilder:
    """Ops on float tensors of rank 1 to 6; ``draw`` decides all."""

    def __init__(self, draw: Draw, rank: int) -> None:
        self._draw = draw
        spatial = (4, 6, 3)[: rank - 2]
        x = Value(TensorType(DType.F32, (2, 3, *spatial)), "x")
        y = Value(TensorType(DType.F32, (2, 3, *spatial)), "y")
        self.function = Function("main", [x, y])
        self.values = [x, y]

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def value(self, least_rank: int = 1, most_rank: int = 6) -> Value:
        fitting = [v for v in self.values if least_rank <= v.type.rank <= most_rank]
        return fitting[self.integer(0, len(fitting) - 1)]

    def constant(self, shape: Sequence[int]) -> Value:
        rng = np.random.default_rng(len(self.function.ops))
        op = tensor.Constant(Weight(rng.standard_normal(shape).astype(np.float32)))
        self.function.ops.append(op)
        return op.result

    def add(self, op: Op) -> None:
        if all(np.prod(r.type.static_shape) <= LARGEST for r in op.results):
            self.function.ops.append(op)
            self.values += op.results

    def step(self) -> None:
        steps = (
            conv, conv, pool, unary, binary, binary_with_constant, binary_of_other_rank, concat, reduce, pad, slices,
            reshape, transpose, softmax, split, flatten, shuffle, mat_mul,
        )  # fmt: skip
        try:
            steps[self.integer(0, len(steps) - 1)](self)
        except ConstraintError:
            return

    def module(self) -> Module:
        outputs = [v for v in self.values if not v.is_used and v.owner is not None]
        extra = self.values[self.integer(0, len(self.values) - 1)]
        outputs += [extra] if extra not in outputs else []
        self.function.set_outputs(outputs, [f"out{i}" for i in range(len(outputs))])
        return Module([self.function])


def conv(b: GraphBuilder) -> None:
    x = b.value(3, 5)
    channels, spatial = x.type.static_shape[1], x.type.rank - 2
    weight = b.constant((b.integer(2, 4), channels, *(1,) * spatial))
    b.add(nn.Conv(x, weight, None, (1,) * spatial, (0,) * (2 * spatial), (1,) * spatial))


def pool(b: GraphBuilder) -> None:
    x = b.value(3, 5)
    spatial = x.type.rank - 2
    b.add(nn.MaxPool(x, (1,) * spatial, (1,) * spatial, (0,) * (2 * spatial), (1,) * spatial))


def unary(b: GraphBuilder) -> None:
    b.add(nn.Relu(b.value()))


def binary(b: GraphBuilder) -> None:
    b.add(math.Add(b.value(), b.value()))


def binary_with_constant(b: GraphBuilder) -> None:
    x = b.value()
    shape = [d if b.integer(0, 1) else 1 for d in x.type.static_shape]
    b.add(math.Mul(x, b.constant(shape[b.integer(0, x.type.rank) :])))


def binary_of_other_rank(b: GraphBuilder) -> None:
    x, rank = b.value(3), b.integer(1, 3)
    small = tensor.Slice(x, (0,) * x.type.rank, (1,) * (x.type.rank - rank) + x.type.shape[-rank:], (1,) * x.type.rank)
    b.add(small)
    cut = tensor.Reshape(small.result, None, x.type.shape[-rank:])
    b.add(cut)
    if cut.function is not None:
        b.add(math.Add(cut.result, x) if b.integer(0, 1) else math.Add(x, cut.result))


def concat(b: GraphBuilder) -> None:
    x = b.value()
    b.add(tensor.Concat((x, b.value(), x)[: b.integer(1, 3)], b.integer(0, x.type.rank - 1)))


def reduce(b: GraphBuilder) -> None:
    x = b.value()
    axes = tuple(a for a in range(x.type.rank) if b.integer(0, 1)) or (0,)
    if len(axes) < x.type.rank:
        b.add(math.ReduceMean(x, axes, keep_dims=b.integer(0, 1) == 1))


def pad(b: GraphBuilder) -> None:
    x = b.value()
    b.add(tensor.Pad(x, None, *(tuple(b.integer(0, 1) for _ in range(x.type.rank)) for _ in range(2))))


def slices(b: GraphBuilder) -> None:
    x = b.value()
    sizes = tuple(b.integer(1, d) for d in x.type.static_shape)
    b.add(tensor.Slice(x, (0,) * x.type.rank, sizes, (1,) * x.type.rank))


def reshape(b: GraphBuilder) -> None:
    x = b.value(3)
    n, c, *spatial = x.type.static_shape
    b.add(tensor.Reshape(x, None, (n, c, int(np.prod(spatial)))))


def flatten(b: GraphBuilder) -> None:
    x = b.value(3)
    n, *rest = x.type.static_shape
    b.add(tensor.Reshape(x, None, (n, int(np.prod(rest)))))


def transpose(b: GraphBuilder) -> None:
    x = b.value()
    axes = list(range(x.type.rank))
    order = [axes.pop(b.integer(0, len(axes) - 1)) for _ in range(x.type.rank)]
    b.add(tensor.Transpose(x, tuple(order)))


def shuffle(b: GraphBuilder) -> None:
    x = b.value(3)
    n, c, *rest = x.type.static_shape
    if c % 2 == 0 and c > 2:
        parts = tensor.Reshape(x, None, (n, 2, c // 2, *rest))
        swapped = tensor.Transpose(parts.result, (0, 2, 1, *range(3, parts.result.type.rank)))
        for op in (parts, swapped, tensor.Reshape(swapped.result, None, (n, c, *rest))):
            b.add(op)


def mat_mul(b: GraphBuilder) -> None:
    x = b.value(3)
    b.add(math.MatMul(x, x, b.integer(0, 1) == 1, b.integer(0, 1) == 1))


def softmax(b: GraphBuilder) -> None:
    x = b.value()
    b.add(nn.Softmax(x, b.integer(0, x.type.rank - 1)))


def split(b: GraphBuilder) -> None:
    x = b.value()
    axis = b.integer(0, x.type.rank - 1)
    size = x.type.static_shape[axis]
    first = b.integer(1, size)
    b.add(tensor.Split(x, axis, (first, size - first) if first < size else (size,)))


@st.composite
def layout_graphs(draw: Draw, largest: int = 8) -> Module:
    """A module of up to ``largest`` steps, with at least one convolution."""
    builder = GraphBuilder(draw, draw(st.integers(3, 5)))
    for _ in range(draw(st.integers(1, largest))):
        builder.step()
    conv(builder)
    return builder.module()
