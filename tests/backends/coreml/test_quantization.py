"""Quantized activations and compressed weights: from the IR to packages, and back to numbers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import glmir
from glmir import interpreter
from glmir.ir import Module, Op, Value
from glmir.ops import math, nn, quant, tensor
from glmir.ops.enums import Activation
from glmir.types import DType
from tests.backends.building import argument, constant, module_of
from tests.backends.coreml.mil_loader import assert_loads
from tests.backends.coreml.packages import read_model, written_operations
from tests.backends.quantized import (
    COLUMNS,
    ROWS,
    blocks,
    conv_weight,
    integer_network,
    integers,
    normal_inputs,
    paired,
    palette,
    per_channel,
    per_tensor,
    scales,
    sparse,
    sparse_integers,
    sparse_palette,
)
from tests.tolerances import assert_close

Weight = Callable[[], Value]


def layer(weight: Value) -> Module:
    return module_of(nn.Linear(argument(5, COLUMNS), weight, None))


def check(module: Module, folder: Path, tolerance: str, precision: str, version: str | None = None) -> Path:
    """Fails unless the package, which it returns, is sound and computes what the interpreter does."""
    inputs = normal_inputs(module)
    expected = interpreter.run(module, inputs)
    artifact = glmir.compile(module, target="coreml", precision=precision, coreml_target=version)
    folder.mkdir(exist_ok=True)
    package = artifact.save(folder / "model.mlpackage")
    assert not artifact.target.problems(package)
    assert_loads(package)
    assert_close(artifact.run(inputs)["y0"], expected["y0"], tolerance)
    return package


FORMS: list[tuple[str, Weight, str | None, str]] = [
    ("i8", lambda: per_channel(DType.I8), None, "constexpr_affine_dequantize"),
    ("i8", lambda: per_channel(DType.I8), "ios17", "constexpr_affine_dequantize"),
    ("i8", lambda: per_channel(DType.I8), "ios18", "constexpr_blockwise_shift_scale"),
    ("u8 with zero points", lambda: per_channel(DType.U8, zeros=True), None, "constexpr_affine_dequantize"),
    ("u8 with zero points", lambda: per_channel(DType.U8, zeros=True), "ios18", "constexpr_blockwise_shift_scale"),
    ("one scale", per_tensor, None, "constexpr_affine_dequantize"),
    ("one scale", per_tensor, "ios18", "constexpr_blockwise_shift_scale"),
    ("i4", lambda: per_channel(DType.I4), None, "constexpr_blockwise_shift_scale"),
    ("i4", lambda: per_channel(DType.I4), "ios16", "constexpr_affine_dequantize"),
    ("i4 blocks", lambda: blocks(DType.I4, 32), None, "constexpr_blockwise_shift_scale"),
    ("u4 blocks", lambda: blocks(DType.U4, 16, zeros=True), None, "constexpr_blockwise_shift_scale"),
    ("i8 blocks", lambda: blocks(DType.I8, 32), None, "constexpr_blockwise_shift_scale"),
    ("i4 uneven blocks", lambda: blocks(DType.I4, 24, zeros=True), None, "constexpr_blockwise_shift_scale"),
    ("i4 blocks", lambda: blocks(DType.I4, 32), "ios17", ""),
    *((f"{b} bits", lambda b=b: palette(b), None, "constexpr_lut_to_dense") for b in range(1, 9)),
    *((f"{b} bits", lambda b=b: palette(b), "ios18", "constexpr_lut_to_dense") for b in range(1, 9)),
    ("sparse", sparse, None, "constexpr_sparse_to_dense"),
    ("sparse", sparse, "ios18", "constexpr_sparse_to_dense"),
    ("sparse i8", sparse_integers, None, "constexpr_sparse_blockwise_shift_scale constexpr_sparse_to_dense"),
    ("sparse i8", sparse_integers, "ios16", "constexpr_affine_dequantize"),
    ("sparse palette", sparse_palette, None, "constexpr_lut_to_sparse constexpr_sparse_to_dense"),
    ("sparse palette", sparse_palette, "ios17", "constexpr_sparse_to_dense"),
    ("i8", lambda: per_channel(DType.I8), "ios15", ""),
]


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", "f32-sums"), ("fp16", "f16")])
@pytest.mark.parametrize(("name", "weight", "version", "written"), FORMS)
def test_weights(
    tmp_path: Path, name: str, weight: Weight, version: str | None, written: str, precision: str, tolerance: str
) -> None:
    package = check(layer(weight()), tmp_path, tolerance, precision, version)
    assert [o for o in written_operations(package) if o.startswith("constexpr_")] == written.split()


def tied() -> Value:
    """An embedding whose table is the last layer's weight too."""
    table = per_channel(DType.I8)
    rows = tensor.Gather(table, constant(np.array([3, 0, 23], np.int64)), 0).result
    return math.MatMul(math.Mul(rows, argument(3, 1)).result, table, transpose_y=True).result


def _op(value: Value) -> Op:
    assert value.owner is not None
    return value.owner


PLACES: list[tuple[str, Weight, bool]] = [
    (
        "convolution with an activation",
        lambda: (
            nn.Conv(
                argument(1, 3, 9, 9),
                conv_weight(8, 3, 3, 3),
                None,
                (2, 2),
                (1, 1, 1, 1),
                (1, 1),
                activation=Activation.RELU,
            ).result
        ),
        True,
    ),
    ("dilated", lambda: nn.Conv(argument(1, 3, 9), conv_weight(8, 3, 3), None, (1,), (2, 2), (2,)).result, True),
    (
        "transposed",
        lambda: (
            nn.ConvTranspose(
                argument(1, 4, 5, 5), conv_weight(4, 6, 3, 3, axis=1), None, (2, 2), (1, 1, 1, 1), (1, 1), (0, 0)
            ).result
        ),
        True,
    ),
    (
        "transposed and dilated",
        lambda: (
            nn.ConvTranspose(
                argument(1, 4, 5, 5), conv_weight(4, 6, 3, 3), None, (1, 1), (0, 0, 0, 0), (2, 2), (0, 0)
            ).result
        ),
        True,
    ),
    ("layer of many axes", lambda: nn.Linear(argument(2, 3, 5, COLUMNS), per_channel(DType.I8), None).result, True),
    ("product", lambda: math.MatMul(argument(4, ROWS), per_channel(DType.I8)).result, True),
    ("embedding", tied, True),
    ("summand", lambda: math.Add(argument(ROWS, COLUMNS), per_channel(DType.I8)).result, False),
    (
        "transposed weight",
        lambda: nn.Linear(argument(4, ROWS), tensor.Transpose(per_channel(DType.I8), (1, 0)).result, None).result,
        True,
    ),
]


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", "f32-sums"), ("fp16", "f16")])
@pytest.mark.parametrize(("name", "make", "is_kept"), PLACES, ids=[name for name, _, _ in PLACES])
def test_places_of_weights(
    tmp_path: Path, name: str, make: Weight, is_kept: bool, precision: str, tolerance: str
) -> None:
    written = written_operations(check(module_of(_op(make())), tmp_path, tolerance, precision))
    assert written.count("constexpr_affine_dequantize") == is_kept
    assert "transpose" not in written


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", "exact"), ("fp16", "int8-weights")])
def test_integer_network(tmp_path: Path, precision: str, tolerance: str) -> None:
    package = check(integer_network(), tmp_path, tolerance, precision)
    written = written_operations(package)
    assert written.count("quantize") == written.count("dequantize") == 4
    assert written.count("constexpr_affine_dequantize") == 2
    assert "cast" not in written or precision == "fp16"
    assert read_model(package).specification_version == 8
    spelled_out = written_operations(check(integer_network(), tmp_path / "16", tolerance, precision, "ios16"))
    assert "quantize" not in spelled_out and "round" in spelled_out


@pytest.mark.parametrize(
    ("weight", "specification"),
    [
        (lambda: per_channel(DType.I8), 7),
        (lambda: palette(3), 7),
        (sparse, 7),
        (lambda: blocks(DType.I4, 32), 9),
        (sparse_integers, 9),
    ],
)
def test_the_release_is_the_first_that_has_the_form(weight: Weight, specification: int, tmp_path: Path) -> None:
    package = glmir.compile(layer(weight()), target="coreml").save(tmp_path / "model.mlpackage")
    assert read_model(package).specification_version == specification


def large(weight: Value) -> Module:
    return module_of(nn.Linear(argument(1, weight.type.static_shape[1]), weight, None))


def test_sizes(tmp_path: Path) -> None:
    def size(name: str, weight: Value, precision: str = "fp16") -> int:
        package = glmir.compile(large(weight), target="coreml", precision=precision).save(tmp_path / name)
        return sum(p.stat().st_size for p in package.rglob("*") if p.is_file())

    shape = (512, 1024)
    full = size("f32", constant(np.random.default_rng(0).standard_normal(shape).astype(np.float32)), "fp32")
    channels = quant.Dequantize(integers(DType.I8, *shape), scales(512), None, 0).result
    of_64 = quant.Dequantize(integers(DType.I4, *shape), scales(512, 16), None, 1, 64).result
    assert 0.25 <= size("i8", channels) / full <= 0.26
    assert 0.13 <= size("i4", of_64) / full <= 0.14
    assert size("palette", palette(2, *shape)) / full <= 0.07


@pytest.mark.parametrize("scale", [1e-9, 3e-7, 1e-5, 600.0])
def test_scales_that_halves_lose(scale: float, tmp_path: Path) -> None:
    """Pairs whose scales are no halves stay in single precision; such weights are stored as numbers."""
    module = module_of(math.Mul(paired(argument(4, 50), scale), constant(np.asarray(1 / scale, np.float32))))
    written = written_operations(check(module, tmp_path, "f16", "fp16"))
    assert written.count("quantize") == written.count("dequantize") == 1


def test_weights_whose_scales_halves_lose(tmp_path: Path) -> None:
    stored, factors = integers(DType.I8, ROWS, COLUMNS), constant(np.full(ROWS, 1e-6, np.float32))
    weight = quant.Dequantize(stored, factors, None, 0).result
    module = module_of(
        nn.Linear(math.Mul(argument(5, COLUMNS), constant(np.array(1e3, np.float32))).result, weight, None)
    )
    written = written_operations(check(module, tmp_path, "f16", "fp16"))
    assert "constexpr_affine_dequantize" not in written
