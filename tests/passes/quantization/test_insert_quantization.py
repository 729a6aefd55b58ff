"""Pairs: where they stand, which scales they have, and what the network then computes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glmir import interpreter
from glmir.errors import InputError
from glmir.ir import Module
from glmir.ops import nn, quant, tensor
from glmir.passes.lowering.fold_quantization import fold_quantization, quantization_of
from glmir.passes.patterns import elements_of
from glmir.passes.quantization.calibration_file import Calibration, write_calibration
from glmir.passes.quantization.insert_quantization import insert_pairs, insert_quantization
from glmir.passes.quantization.parameters import Range
from glmir.passes.quantization.plan import StaticOptions
from glmir.passes.quantization.quantize_border import quantize_border
from glmir.passes.quantization.statistics import TensorStatistics
from glmir.types import DType
from glmir.verifier import verify

from .networks import Arrays, network, ranges_of, sqnr

INPUTS: Arrays = {"x": np.random.default_rng(1).standard_normal((6, 4, 8, 8)).astype(np.float32)}


def quantized(module: Module, **options: object) -> Module:
    copy = module.clone()
    insert_pairs(copy, replace(StaticOptions(ranges_of(module, INPUTS)), **options))  # type: ignore[arg-type]
    verify(copy)
    return copy


@pytest.mark.parametrize(("storage", "least"), [(DType.I8, 25), (DType.U8, 25), (DType.I16, 35)])
@pytest.mark.parametrize("is_symmetric", [False, True])
def test_computes_nearly_the_same(storage: DType, least: float, is_symmetric: bool) -> None:
    module = network()
    assert sqnr(module, quantized(module, storage=storage, is_symmetric=is_symmetric), INPUTS) > least


def test_all_ops_are_integer_when_their_operands_are() -> None:
    module = network()
    decisions = insert_pairs(module, StaticOptions(ranges_of(module, INPUTS)))
    assert [d.op for d in decisions if d.is_integer] == [
        "stem", "depthwise", "sum", "pool", "joined", "mean", "logits", "y",
    ]  # fmt: skip


def test_what_is_kept_stays_float_and_says_so() -> None:
    module = network()
    options = StaticOptions(ranges_of(module, INPUTS), keep=frozenset({"depthwise"}))
    decisions = {d.op: d for d in insert_pairs(module, options)}
    assert decisions["depthwise"].reason == "it is kept in float" and not decisions["depthwise"].is_integer
    assert decisions["sum"].reason == "what it takes is float"
    assert decisions["logits"].is_integer


def test_a_value_that_calibration_did_not_see_keeps_its_op_float() -> None:
    module = network()
    ranges = ranges_of(module, INPUTS)
    del ranges["logits"]
    decisions = {d.op: d for d in insert_pairs(module, StaticOptions(ranges))}
    assert decisions["logits"].reason == "calibration did not see logits"


def test_pools_and_joins_share_a_scale_and_softmax_has_its_own() -> None:
    folded = quantized(network())
    assert fold_quantization(folded, lambda op: True)
    verify(folded)
    types = {v.name: v.type.quantization for v in folded.main.values()}
    assert types["sum"] == types["pool"] == types["joined"] is not None
    softmax = next(op for op in folded.main.ops if isinstance(op, nn.Softmax)).result.type.quantization
    assert softmax is not None and (softmax.scales, softmax.zero_points) == ((1 / 256,), (-128,))


def test_biases_have_the_unit_of_the_products() -> None:
    module = quantized(network())
    for op in module.main.ops:
        if not isinstance(op, (nn.Conv, nn.Linear)):
            continue
        x, weight, bias = (getattr(op, name).owner for name in ("x", "weight", "bias"))
        assert all(isinstance(v, quant.Dequantize) for v in (x, weight, bias))
        assert bias.x.type.dtype is DType.I32 and weight.x.type.dtype is DType.I8
        np.testing.assert_allclose(elements_of(bias.scale), elements_of(x.scale) * elements_of(weight.scale), rtol=1e-6)


def test_a_channel_without_weights_keeps_its_bias() -> None:
    module = network()
    weight = next(op for op in module.main.ops if isinstance(op, tensor.Constant) and op.result.name == "w0")
    array = weight.value.array.copy()
    array[2] = 0
    weight.value.array[...] = array
    rounded = quantized(module)
    stem = next(op for op in rounded.main.ops if isinstance(op, nn.Conv))
    assert stem.bias is not None
    exact = elements_of(next(op for op in module.main.ops if isinstance(op, nn.Conv)).bias)  # type: ignore[arg-type]
    assert abs(elements_of(stem.bias)[2] - exact[2]) < 0.01 * abs(exact[2])


def test_a_bias_too_large_for_its_products_widens_the_scale() -> None:
    module = network()
    bias = next(op for op in module.main.ops if isinstance(op, tensor.Constant) and op.result.name == "b0")
    bias.value.array[3] = 1e6
    rounded = quantized(module)
    stem = next(op for op in rounded.main.ops if isinstance(op, nn.Conv))
    assert stem.bias is not None and np.isclose(elements_of(stem.bias)[3], 1e6, rtol=1e-3)


def test_scales_leave_room_for_biases_beside_wide_activations() -> None:
    module = network()
    bias = next(op for op in module.main.ops if isinstance(op, tensor.Constant) and op.result.name == "b0")
    bias.value.array[3] = 1e6
    stem = next(op for op in quantized(module, storage=DType.I16).main.ops if isinstance(op, nn.Conv))
    pairs = [v.owner for v in (stem.x, stem.weight)]
    x, weight = (elements_of(op.scale) for op in pairs if isinstance(op, quant.Dequantize))
    assert (x * weight)[3] * 2.0**31 > 1e6


@pytest.mark.parametrize("dtype", [DType.I8, DType.U8])
def test_integer_inputs_and_outputs(dtype: DType) -> None:
    module = quantized(network())
    expected = interpreter.run(module, INPUTS)["y"]
    border = module.clone()
    assert quantize_border(border, dtype=dtype)
    verify(border)
    assert border.main.inputs[0].type.dtype is dtype and border.main.outputs[0].type.dtype is dtype
    first = next(op for op in module.main.ops if isinstance(op, quant.Quantize))
    parameters = quantization_of(first)
    assert parameters is not None
    zero = (parameters.zero_points or (0,))[0] + (128 if dtype is DType.U8 else 0)
    stored = np.clip(np.rint(INPUTS["x"] / parameters.scales[0]) + zero, dtype.lowest, dtype.highest)
    actual = interpreter.run(border, {"x": stored.astype(dtype.numpy)})["y"]
    means = (actual.astype(np.float32) + (128 if dtype is DType.I8 else 0)) / 256
    np.testing.assert_array_equal(means, expected)
    folded = border.clone()
    fold_quantization(folded, lambda op: True)
    verify(folded)
    np.testing.assert_allclose(
        interpreter.run(folded, {"x": stored.astype(dtype.numpy)})["y"].astype(int), actual, atol=1
    )


def test_a_border_of_another_width_is_refused() -> None:
    with pytest.raises(InputError, match="what is stored as i8 is not passed as i16"):
        quantize_border(quantized(network()), dtype=DType.I16)


def test_the_pass_reads_a_calibration_file(tmp_path: Path) -> None:
    module = network()
    assert not insert_quantization(module)
    with pytest.raises(InputError, match="cannot read"):
        insert_quantization(module, calibration=str(tmp_path / "missing.json"))
    calibration = Calibration("", {name: TensorStatistics() for name in ranges_of(module, INPUTS)})
    with (tmp_path / "ranges.json").open("wb") as stream:
        write_calibration(calibration, stream)
    rounded = module.clone()
    assert insert_quantization(rounded, calibration=str(tmp_path / "ranges.json"))
    verify(rounded)


def test_ranges_of_zero_and_denormals() -> None:
    module = network()
    ranges = dict.fromkeys(ranges_of(module, INPUTS), Range(0.0, 0.0)) | {"stem": Range(0.0, 1e-45)}
    insert_pairs(module, StaticOptions(ranges))
    verify(module)
    assert np.isfinite(interpreter.run(module, INPUTS)["y"]).all()
