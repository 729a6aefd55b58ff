"""What stands in an MNN file: names, formats, weights inside and beside it."""

from pathlib import Path

import numpy as np
import pytest

from glmir import interpreter
from glmir.backends.flatbuffer import read
from glmir.backends.mnn.schema import Net
from glmir.backends.mnn.schema_enums import DataFormat, NetSource, OpType
from glmir.backends.mnn.schema_parameters import Convolution2D, Input
from glmir.backends.mnn.serializer import build, serialize
from glmir.errors import CompileError
from glmir.ir import Array, Module
from glmir.ops import math, nn
from glmir.parser import parse_module
from glmir.passes.canonicalization.eliminate_common_subexpressions import eliminate_common_subexpressions
from glmir.types import DType
from tests.backends.building import argument, constant, module_of, sample, weight

from .harness import WORKER, check, legalise, written_ops


def written(module: Module, path: Path) -> Net:
    legalise(module)
    serialize(module, path)
    return read(Net, path.read_bytes())


def test_names_and_header(tmp_path: Path) -> None:
    module = parse_module(
        """
        func @main(%image: f32[n, 2, h, 4], %other: f32[2]) -> (%scores: f32[n, 2, h, 4], %sum: f32[2]) {
          %inner = math.exp(%image) : f32[n, 2, h, 4]
          %scores = math.abs(%inner) : f32[n, 2, h, 4]
          %sum = math.add(%other, %other) : f32[2]
          return %scores, %sum
        }
        """
    )
    net = written(module, tmp_path / "m.mnn")
    assert net.source_type is NetSource.ONNX
    assert net.extra_info is not None and net.extra_info.version == "3.6.1"
    assert net.output_name == ["scores", "sum"]
    inputs = [op for op in net.oplists or () if op.type is OpType.INPUT]
    assert [op.name for op in inputs] == ["image", "other"]
    parameter = inputs[0].main
    assert isinstance(parameter, Input)
    assert (parameter.dims, parameter.dformat) == ([-1, 2, -1, 4], DataFormat.NCHW)
    assert {"inner", "scores", "sum"} <= set(net.tensor_name or ())


def test_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        module = module_of(nn.Conv(argument(1, 4, 8, 8), weight(6, 4, 3, 3), None, (1, 1), (1,) * 4, (1, 1)))
        written(module, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("largest", [10**9, 0])
def test_weights_beside_the_model(tmp_path: Path, largest: int) -> None:
    image = argument(1, 4, 8, 8)
    conv = nn.Conv(image, weight(30, 4, 3, 3), weight(30), (1, 1), (1,) * 4, (1, 1)).result
    norm = nn.LayerNorm(conv, weight(8, 8), weight(8, 8, seed=5), 2, 1e-5).result
    module = module_of(math.MatMul(norm, weight(1, 1, 8, 40)))
    inputs = {"x0": sample(DType.F32, (1, 4, 8, 8))}
    expected = interpreter.run(module, inputs)["y0"]
    legalise(module)
    path = tmp_path / "model.mnn"
    serialize(module, path, largest)
    beside = tmp_path / "model.mnn.weight"
    assert beside.exists() == (largest == 0)
    if largest == 0:
        sizes = [
            op.main.external for op in read(Net, path.read_bytes()).oplists or () if isinstance(op.main, Convolution2D)
        ]
        assert sizes == [[0, 30 * 4 * 9 * 4, 30 * 4]]
        assert path.stat().st_size < 3000
    actual = WORKER.run(path, inputs)["y0"]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4)


def test_illegal_ops_are_named(tmp_path: Path) -> None:
    module = module_of(nn.Softplus(argument(3)))
    with pytest.raises(CompileError, match=r"nn\.softplus"):
        serialize(module, tmp_path / "m.mnn")
    assert not list(tmp_path.iterdir())


def _inputs(**shapes: tuple[int, ...]) -> dict[str, Array]:
    return {name: sample(DType.F32, shape, seed=name) for name, shape in shapes.items()}


def test_outputs_that_are_inputs_or_constants_or_twice_the_same() -> None:
    check(
        """
        func @main(%x: f32[2, 3]) -> (%same: f32[2, 3], %one: f32[2, 3], %two: f32[2, 3], %fixed: f32[2]) {
          %fixed = tensor.constant() {value = dense<[1.5, 2.5]>} : f32[2]
          %y = math.exp(%x) : f32[2, 3]
          return %x, %y, %y, %fixed
        }
        """,
        _inputs(x=(2, 3)),
    )


def test_packed_output_that_is_used_on() -> None:
    """The output of a convolution that plain ops also use has the output's name in the plain format."""
    check(
        """
        func @main(%x: f32[1, 2, 3, 3], %w: f32[1]) -> (%z: f32[1, 18], %y: f32[1, 2, 3, 3], %e: f32[1, 2, 3, 3]) {
          %k = tensor.constant() {value = dense<[[[[2.0]], [[1.0]]], [[[3.0]], [[-1.0]]]]>} : f32[2, 2, 1, 1]
          %y = nn.conv(%x, %k, none) {strides = [1, 1], padding = [0, 0, 0, 0], dilations = [1, 1]} : f32[1, 2, 3, 3]
          %z = tensor.reshape(%y, none) {shape = [1, 18]} : f32[1, 18]
          %e = math.exp(%y) : f32[1, 2, 3, 3]
          return %z, %y, %e
        }
        """,
        _inputs(x=(1, 2, 3, 3), w=(1,)),
        tolerance="elementwise",
    )


def test_conversions_stand_at_the_ends_of_a_chain() -> None:
    x = argument(1, 4, 8, 8)
    value = x
    for _ in range(3):
        value = nn.Conv(value, weight(4, 4, 1, 1), None, (1, 1), (0,) * 4, (1, 1)).result
        value = nn.HardSwish(value).result
    module = module_of(nn.MaxPool(value, (2, 2), (2, 2), (0,) * 4, (1, 1)))
    legalise(module)
    chain = ["CONVOLUTION", "UNARY_OP"] * 3
    assert written_ops(module) == ["CONVERT_TENSOR", *chain, "POOLING", "CONVERT_TENSOR"]


def test_matrices_stay_matrices_between_linear_layers() -> None:
    x = argument("n", 5, 8)
    first = nn.Linear(x, weight(16, 8), weight(16)).result
    second = nn.Linear(nn.Silu(first).result, weight(8, 16), None).result
    module = module_of(nn.LayerNorm(math.Add(second, x).result, weight(8), weight(8, seed=2), 2, 1e-5))
    legalise(module)
    eliminate_common_subexpressions(module)
    between = ["CONVERT_TENSOR", "CONVOLUTION", "UNARY_OP", "CONVOLUTION", "CONVERT_TENSOR"]
    assert written_ops(module) == ["RESHAPE", *between, "BINARY_OP", "LAYER_NORM", "RESHAPE"]


def test_constants_are_shared() -> None:
    row = np.arange(4, dtype=np.float32)
    x = argument(3, 4)
    first = math.Add(x, constant(row)).result
    module = module_of(math.Mul(first, constant(row.copy())))
    legalise(module)
    assert sum(op.type is OpType.CONST for op in build(module).oplists or ()) == 1
