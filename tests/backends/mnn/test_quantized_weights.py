"""Weights of few bits in MNN: layers compute with the numbers that they stand for, and the file is small."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from glmir import interpreter
from glmir.backends.flatbuffer import read
from glmir.backends.mnn.quantized import pack_weight, row_spread
from glmir.backends.mnn.schema import Net
from glmir.backends.mnn.schema_parameters import Blob, Convolution2D
from glmir.backends.mnn.serializer import build, serialize
from glmir.ir import Op
from glmir.ops import math, nn, quant, tensor
from glmir.ops.enums import Direction, RecurrentActivation
from glmir.types import DType, QuantizedType, TensorType
from tests.backends.building import Sizes, argument, constant, module_of, random_inputs, weight
from tests.tolerances import assert_close

from .harness import WORKER, check_op, legalise
from .quantized import few_bits, integers, pair

I4, U4, I8, U8 = DType.I4, DType.U4, DType.I8, DType.U8

FORMS = [
    (I8, None, False), (I4, None, False), (I8, 16, False), (I4, 16, False), (U4, 16, True), (U8, None, True),
    (U4, None, True), (I8, 16, True), (U8, None, False), (I4, 24, False),
]  # fmt: skip


def size_of(op: Op) -> int:
    """The bytes of the file."""
    module = module_of(op)
    legalise(module)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.mnn")
        serialize(module, path)
        return path.stat().st_size


def layers(op: Op) -> list[Convolution2D]:
    """The parameters of the layers of the file."""
    module = module_of(op)
    legalise(module)
    return [o.main for o in build(module).oplists or () if isinstance(o.main, Convolution2D)]


def check_layer(make: Callable[[], Op], *bindings: Sizes, is_packed: bool = True) -> None:
    """Fails unless the one layer computes what it should with a weight that is packed, or is not."""
    check_op(make(), *bindings)
    assert [layer.quan_parameter is not None for layer in layers(make())] == [is_packed]


@pytest.mark.parametrize(("storage", "block", "zeros"), FORMS)
def test_linear(storage: DType, block: int | None, zeros: bool) -> None:
    axis = 0 if block is None else 1
    w = partial(few_bits, integers((24, 48), storage), storage, axis=axis, block=block, zeros=zeros)
    check_layer(lambda: nn.Linear(argument("n", 48), w(), weight(24)), {"n": 1}, {"n": 5})


@pytest.mark.parametrize(("storage", "block", "zeros"), FORMS)
@pytest.mark.parametrize("transpose_y", [False, True])
def test_product(storage: DType, block: int | None, zeros: bool, transpose_y: bool) -> None:
    axis = int((block is None) != transpose_y)
    shape = (24, 48) if transpose_y else (48, 24)
    w = partial(few_bits, integers(shape, storage), storage, axis=axis, block=block, zeros=zeros)
    check_layer(lambda: math.MatMul(argument("n", 3, 48), w(), transpose_y=transpose_y), {"n": 1}, {"n": 5})


def test_product_with_transposed_data() -> None:
    w = partial(few_bits, integers((48, 24)), axis=1)
    check_layer(lambda: math.MatMul(argument("n", 48, 3), w(), transpose_x=True), {"n": 1}, {"n": 5})


@pytest.mark.parametrize("axis", [0, None])
@pytest.mark.parametrize(("storage", "zeros"), [(I8, False), (I4, False), (U8, True), (U4, True)])
@pytest.mark.parametrize(("groups", "kernel"), [(1, 3), (1, 1), (4, 3), (16, 5)])
def test_convolution(groups: int, kernel: int, storage: DType, zeros: bool, axis: int | None) -> None:
    w = partial(few_bits, integers((16, 16 // groups, kernel, kernel), storage), storage, axis=axis, zeros=zeros)
    pads = (kernel // 2,) * 4
    check_layer(
        lambda: nn.Conv(argument("n", 16, 7, 8), w(), weight(16), (1, 1), pads, (1, 1), groups), {"n": 1}, {"n": 2}
    )


def test_convolution_of_one_axis() -> None:
    w = few_bits(integers((16, 24, 5)))
    check_op(nn.Conv(argument("n", 24, 30), w, weight(16), (2,), (2, 2), (1,)), {"n": 1}, {"n": 2})


@pytest.mark.parametrize("groups", [1, 16])
@pytest.mark.parametrize(("axis", "kernel", "is_packed"), [(None, 2, True), (0, 2, True), (1, 4, True), (1, 2, False)])
def test_transposed_convolution(groups: int, axis: int | None, kernel: int, is_packed: bool) -> None:
    """Scales of outputs are those of the second axis: for short rows they would take as much room as floats."""
    if groups > 1 and axis == 1:
        pytest.skip("a single output of each group")
    w = partial(few_bits, integers((16, 12 if groups == 1 else 1, kernel, kernel)), axis=axis)
    check_layer(
        lambda: nn.ConvTranspose(argument("n", 16, 5, 6), w(), None, (2, 2), (0,) * 4, (1, 1), (0, 0), groups),
        {"n": 1},
        {"n": 2},
        is_packed=is_packed,
    )


@pytest.mark.parametrize(
    "values", [[5], [-1, 0], [-120, 77], [-3, 0, 55], [-100, -3, 0, 55, 77], range(-17, 18)], ids=str
)
@pytest.mark.parametrize("exact_halves", [False, True])
def test_few_values_take_few_bits(values: list[int], exact_halves: bool) -> None:
    stored = np.random.default_rng(0).choice(np.array(values), (25, 27))
    check_op(nn.Linear(argument(3, 27), few_bits(stored, exact_halves=exact_halves), None))


def test_palette_of_integers() -> None:
    """A table of few entries is found again among the integers that it gives."""

    def layer() -> Op:
        indices = constant(integers((24, 48), U8, 0, 7))
        stored = quant.Depalettize(indices, constant(np.array([-90, -50, -20, -5, 5, 21, 52, 99], np.int8)), 3).result
        w = quant.Dequantize(stored, constant(np.linspace(0.01, 0.02, 24, dtype=np.float32)), None, 0).result
        return nn.Linear(argument("n", 48), w, None)

    check_op(layer(), {"n": 3})
    (written,) = layers(layer())
    assert written.quan_parameter is not None and written.quan_parameter.a_max_or_bits == 3


@pytest.mark.parametrize(("bits", "written_bits"), [(3, 3), (6, 6), (8, 8)])
def test_palette_of_floats(bits: int, written_bits: int) -> None:
    """The entries of a small table become integers, of as many bits; of a large one each element does."""

    def layer() -> Op:
        table = constant(np.random.default_rng(0).standard_normal(1 << bits).astype(np.float32))
        w = quant.Depalettize(constant(integers((24, 48), U8, 0, (1 << bits) - 1)), table, bits).result
        return nn.Linear(argument("n", 48), w, None)

    check_op(layer(), {"n": 3}, tolerance="int8-weights")
    (written,) = layers(layer())
    assert written.quan_parameter is not None and written.quan_parameter.a_max_or_bits == written_bits


def test_small_palette_of_floats_becomes_floats() -> None:
    table = constant(np.random.default_rng(0).standard_normal(8).astype(np.float32))

    def layer() -> Op:
        w = quant.Depalettize(constant(integers((24, 40), U8, 0, 7)), table, 3).result
        return nn.Linear(argument("n", 40), w, None)

    check_layer(layer, {"n": 3}, is_packed=False)


@pytest.mark.parametrize("block", [8, 64])
@pytest.mark.parametrize("inputs", [40, 72])
def test_blocks_that_do_not_fit_are_cut(inputs: int, block: int) -> None:
    w = partial(few_bits, integers((24, inputs), I4), I4, axis=1, block=block)
    check_layer(lambda: nn.Linear(argument("n", inputs), w(), None), {"n": 3})


@pytest.mark.parametrize(("outputs", "is_packed"), [(24, True), (12, False)])
def test_blocks_that_cannot_be_cut_are_rounded_once_more(outputs: int, is_packed: bool) -> None:
    """To 8 bits for each output; what is small becomes floats."""

    def layer() -> Op:
        return nn.Linear(argument("n", 50), few_bits(integers((outputs, 50), I4), I4, axis=1, block=8), None)

    check_op(layer(), {"n": 3}, tolerance="int8-weights")
    assert [written.quan_parameter is not None for written in layers(layer())] == [is_packed]


KERNELS = [(1, (24, 32, 3, 3), nn.Conv), (4, (32, 8, 3, 3), nn.Conv), (1, (32, 12, 3, 3), nn.ConvTranspose)]


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize(("groups", "shape", "kind"), KERNELS)
def test_blocks_of_kernels_with_a_scale_for_each_place(
    groups: int, shape: tuple[int, ...], kind: type[nn.Conv] | type[nn.ConvTranspose], zeros: bool
) -> None:
    """They are rounded once more, to 8 bits for each output."""

    def layer() -> Op:
        storage = U4 if zeros else I4
        w = few_bits(integers(shape, storage), storage, axis=1 if kind is nn.Conv else 0, block=8, zeros=zeros)
        x = argument("n", 32, 6, 6)
        if kind is nn.Conv:
            return nn.Conv(x, w, None, (1, 1), (1,) * 4, (1, 1), groups)
        return nn.ConvTranspose(x, w, None, (1, 1), (1,) * 4, (1, 1), (0, 0), groups)

    check_op(layer(), {"n": 1}, {"n": 2}, tolerance="int8-weights")
    (written,) = layers(layer())
    assert written.quan_parameter is not None and written.quan_parameter.a_max_or_bits == 8


def test_blocks_of_depthwise_kernels() -> None:
    """Along the one input of each group, they are single elements."""

    def layer() -> Op:
        w = few_bits(integers((64, 1, 5, 5), I4), I4, axis=1, block=32)
        return nn.Conv(argument(1, 64, 9, 9), w, weight(64), (1, 1), (2,) * 4, (1, 1), 64)

    check_op(layer(), tolerance="int8-weights")
    assert [written.quan_parameter is not None for written in layers(layer())] == [True]


@pytest.mark.parametrize("is_shared", [False, True])
def test_small_blocks_of_kernels(is_shared: bool) -> None:
    """Rows have one scale for all places of the kernel; what is small becomes floats otherwise."""
    scales = np.random.default_rng(0).uniform(0.01, 0.02, (3, 2, 3, 3)).astype(np.float32)
    if is_shared:
        scales = np.ascontiguousarray(np.broadcast_to(scales[..., :1, :1], scales.shape))

    def layer() -> Op:
        w = quant.Dequantize(constant(integers((3, 32, 3, 3), I4)), constant(scales), None, 1, 16).result
        return nn.Conv(argument(1, 32, 6, 6), w, None, (1, 1), (1,) * 4, (1, 1))

    check_layer(layer, is_packed=is_shared)


@pytest.mark.parametrize("time", [1, 3])
def test_few_steps_of_a_recurrent_layer(time: int) -> None:
    """They are linear layers, whose weights are packed."""
    activations = (RecurrentActivation.SIGMOID, RecurrentActivation.TANH, RecurrentActivation.TANH)

    def layer() -> Op:
        w, r = few_bits(integers((1, 32, 12)), axis=1), few_bits(integers((1, 32, 8)), axis=1)
        state = argument(1, 2, 8)
        x = argument(time, 2, 12)
        return nn.Lstm(x, w, r, None, None, state, None, None, Direction.FORWARD, activations)

    check_op(layer())
    assert all(written.quan_parameter is not None for written in layers(layer()))


TABLES = [
    (I8, None, False),
    (U8, None, True),
    (I4, None, False),
    (U4, 8, True),
    (I4, 8, False),
    (I8, 12, True),
    (U8, 3, False),
]


@pytest.mark.parametrize(("storage", "block", "zeros"), TABLES)
@pytest.mark.parametrize("shape", [("n", "m"), (), (3,), (2, "n", 2)], ids=str)
def test_rows_of_a_table(shape: tuple[int | str, ...], storage: DType, block: int | None, zeros: bool) -> None:
    axis = 0 if block is None else 1
    table = few_bits(integers((50, 24), storage), storage, axis=axis, block=block, zeros=zeros)
    rows = tensor.Gather(table, math.Abs(argument(*shape, dtype=DType.I64)).result, 0)
    check_op(rows, {"n": 3, "m": 4}, {"n": 1, "m": 7}, tolerance="f32")


def test_rows_by_indices_from_the_end() -> None:
    check_op(tensor.Gather(few_bits(integers((50, 24))), argument("n", dtype=DType.I64), 0), {"n": 9})


def test_table_with_one_scale() -> None:
    check_op(tensor.Gather(few_bits(integers((50, 24)), axis=None), argument("n", dtype=DType.I64), 0), {"n": 9})


@pytest.mark.parametrize("form", ["blocks", "palette"])
def test_rows_of_a_table_that_is_rounded_once_more(form: str) -> None:
    def rows() -> Op:
        if form == "blocks":
            table = few_bits(integers((200, 28), I4), I4, axis=1, block=8)
        else:
            entries = constant(np.random.default_rng(0).standard_normal(16).astype(np.float32))
            table = quant.Depalettize(constant(integers((200, 28), U8, 0, 15)), entries, 4).result
        return tensor.Gather(table, math.Abs(argument("n", dtype=DType.I64)).result, 0)

    check_op(rows(), {"n": 9}, tolerance="int8-weights")
    assert size_of(rows()) < 200 * 28 * 2


@pytest.mark.parametrize("axis", [1, 0])
def test_other_tables_become_floats(axis: int) -> None:
    table = few_bits(integers((50, 24)), axis=1 - axis)
    check_op(tensor.Gather(table, argument("n", dtype=DType.I64), axis), {"n": 9})


@pytest.mark.parametrize(
    ("storage", "block", "low", "high"), [(I8, None, 0.25, 0.28), (I4, 64, 0.14, 0.16), (I4, None, 0.12, 0.14)]
)
def test_sizes(storage: DType, block: int | None, low: float, high: float) -> None:
    stored = integers((512, 512), storage, -7 if storage is I4 else -127)
    w = few_bits(stored, storage, axis=0 if block is None else 1, block=block)
    whole = size_of(nn.Linear(argument("n", 512), weight(512, 512), None))
    assert low <= size_of(nn.Linear(argument("n", 512), w, None)) / whole <= high
    table = tensor.Gather(w, argument("n", dtype=DType.I64), 0)
    assert low <= size_of(table) / whole <= high + 0.01


def test_wide_rows() -> None:
    """Rows longer than 65535 elements have their length in 32 bits."""
    w = few_bits(integers((2, 70000), I4), I4)
    check_op(nn.Linear(argument(2, 70000), w, None), tolerance="model")


def test_packing_is_deterministic_and_of_rows() -> None:
    type_ = TensorType(DType.F32, (4, 16), QuantizedType(I8, (0.5,) * 4, (), 0))
    stored = integers((4, 16))
    first, second = (pack_weight(type_, stored).buffer for _ in range(2))
    assert first is not None and second is not None and np.array_equal(first, second)
    assert row_spread(TensorType(DType.F32, (4, 16), QuantizedType(DType.I16, (0.5,)))) is None


def beside(op: Op, path: Path) -> list[list[int]]:
    """Writes a legal op's weights beside the model; where they are said to be."""
    module = module_of(op)
    legalise(module)
    inputs = random_inputs(module, {"n": 2})
    expected = interpreter.run(module, inputs)["y0"]
    serialize(module, path, 0)
    assert_close(np.asarray(WORKER.run(path, inputs)["y0"]), expected, "f32-sums", "beside")
    mains = [o.main for o in read(Net, path.read_bytes()).oplists or ()]
    return [list(m.external) for m in mains if isinstance(m, Convolution2D | Blob) and m.external]


@pytest.mark.parametrize("exact_halves", [False, True])
@pytest.mark.parametrize(("storage", "block", "zeros"), [(I8, None, False), (I4, 16, False), (U4, 16, True)])
def test_beside_the_model(storage: DType, block: int | None, zeros: bool, exact_halves: bool, tmp_path: Path) -> None:
    axis = 0 if block is None else 1
    w = few_bits(integers((64, 48), storage), storage, axis=axis, block=block, zeros=zeros, exact_halves=exact_halves)
    ((offset, weights, scales, bias, indices),) = beside(
        nn.Linear(argument("n", 48), w, weight(64)), tmp_path / "model.mnn"
    )
    rows = 64 if block is None else 64 * 3
    assert (offset, bias, indices) == (0, 64 * 4, 0) and weights >= 64 * 48 * storage.bits // 8
    assert scales == rows * (2 if exact_halves and not zeros else 4) * (1 + zeros)


def test_kernels_and_tables_beside_the_model(tmp_path: Path) -> None:
    w = few_bits(integers((32, 16, 3, 3)), exact_halves=True)
    conv = nn.Conv(argument("n", 16, 9, 8), w, weight(32), (1, 1), (1,) * 4, (1, 1)).result
    d = few_bits(integers((32, 1, 5, 5)))
    depthwise = nn.Conv(conv, d, None, (1, 1), (2,) * 4, (1, 1), 32).result
    t = few_bits(integers((32, 8, 3, 3)), axis=None)
    layer = nn.ConvTranspose(depthwise, t, None, (2, 2), (0,) * 4, (1, 1), (0, 0), 1)
    assert len(beside(layer, tmp_path / "convs.mnn")) == 3
    table = few_bits(integers((50, 64)))
    rows = tensor.Gather(table, math.Abs(argument("n", dtype=DType.I32)).result, 0)
    assert beside(rows, tmp_path / "table.mnn") == [[0, 50 * 64]]


@pytest.mark.parametrize("exact_halves", [False, True])
@pytest.mark.parametrize("groups", [1, 64])
def test_layers_on_integers_beside_the_model(groups: int, exact_halves: bool, tmp_path: Path) -> None:
    w = few_bits(integers((64, 64 // groups, 5, 5)), exact_halves=exact_halves)
    conv = nn.Conv(pair(argument("n", 64, 9, 8), 0.03, 4), w, weight(64), (1, 1), (2,) * 4, (1, 1), groups).result
    owner = pair(conv, 0.2, -7).owner
    assert owner is not None
    module = module_of(owner)
    legalise(module)
    inputs = random_inputs(module, {"n": 2})
    results = []
    for largest in (10**9, 0):
        path = tmp_path / f"{largest}.mnn"
        serialize(module, path, largest)
        results.append(WORKER.run(path, inputs)["y0"])
    assert path.with_name("0.mnn.weight").stat().st_size > w.type.static_shape[1] * 64 * 25
    assert np.unique(results[0]).size > 3
    np.testing.assert_array_equal(results[1], results[0])
