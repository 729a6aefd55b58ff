"""--verify with --quantize: what rounding explains passes, and nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glmir.backends.target import Target
from glmir.driver.compilation import Artifact, Options, compile
from glmir.driver.quantization.record import Record
from glmir.driver.quantized_verification import OutputNoise, verify_quantized
from glmir.errors import VerificationError
from glmir.ops import quant, tensor
from glmir.types import Array
from glmir.weights import Weight

from .commands import DIGITS, glmc

CALIBRATION = DIGITS.with_name("digits_calibration.npz")
TARGETS = ("tflite", "mnn", "coreml", "onnx")


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("recipe", ["int8", "int16", "int8-weights", "int4-weights", "int8-dynamic", "palette"])
@pytest.mark.parametrize("target", TARGETS)
def test_all_recipes_on_all_targets(target: str, recipe: str) -> None:
    outcome = glmc(DIGITS, "--quantize", recipe, "--calibrate", CALIBRATION, "--target", target, "--verify")
    assert outcome.code == 0, outcome.err
    assert "  probabilities: SQNR " in outcome.out and "the recipe explains " in outcome.out


@pytest.mark.parametrize(
    "more",
    [
        ("--io-dtype", "int8"),
        ("--io-dtype", "uint8"),
        ("--io-layout", "nhwc"),
        ("--prune", "0.3"),
        ("-O0",),
        ("--dim", "n=2"),
    ],
)
@pytest.mark.parametrize("target", TARGETS)
def test_with_other_options(target: str, more: tuple[str, ...]) -> None:
    outcome = glmc(DIGITS, "--quantize", "int8", "--calibrate", CALIBRATION, "--target", target, "--verify", *more)
    assert outcome.code == 0, outcome.err


def test_without_data_seeded_inputs_are_used() -> None:
    outcome = glmc(DIGITS, "--quantize", "int8-weights", "--verify")
    assert outcome.code == 0, outcome.err
    assert "the recipe explains" in outcome.out


def test_pruning_alone_is_held_to_the_tolerance_of_floats() -> None:
    outcome = glmc(DIGITS, "--prune", "0.5", "--verify")
    assert outcome.code == 0, outcome.err


def _compiled(recipe: str = "int8") -> tuple[Artifact, Record]:
    artifact = compile(DIGITS, target="onnx", quantize=recipe, calibrate=str(CALIBRATION))
    assert artifact.record is not None
    return artifact, artifact.record


def _verify(artifact: Artifact, record: Record, target: Target | None = None) -> list[OutputNoise]:
    path = artifact.save("m.onnx")
    return verify_quantized(path, target or artifact.target, DIGITS, Options(), record)


def test_a_wrong_scale_is_found() -> None:
    artifact, record = _compiled()
    scales = [op.scale.owner for op in artifact.module.main.ops if isinstance(op, quant.Dequantize) and op.axis == 0]
    scale = next(s for s in scales if isinstance(s, tensor.Constant) and s.value.array.size == 32)
    scale.__dict__["value"] = Weight(scale.value.array * np.float32(1.3))
    with pytest.raises(VerificationError, match=r"farther from .* than its quantization explains"):
        _verify(artifact, record)


def test_noise_beyond_the_margin_is_found() -> None:
    artifact, record = _compiled()
    run = artifact.target.run

    def noisy(deviation: float) -> Target:
        def run_noisily(path: Path, inputs: dict[str, Array]) -> dict[str, Array]:
            outputs = run(path, inputs)
            generator = np.random.default_rng(0)
            return {n: (a + generator.normal(0, deviation, a.shape)).astype(a.dtype) for n, a in outputs.items()}

        return replace(artifact.target, run=run_noisily)  # type: ignore[arg-type]

    (clean,) = _verify(artifact, record)
    # The margin allows as much again of what the recipe explains.
    elements = 4 * 10
    _verify(artifact, record, noisy((clean.pairs / elements) ** 0.5))
    with pytest.raises(VerificationError):
        _verify(artifact, record, noisy((10 * clean.allowed / elements) ** 0.5))


def test_another_model_before_quantization_is_found() -> None:
    artifact, record = _compiled()
    for op in record.reference.main.ops:
        if isinstance(op, tensor.Constant) and op.value.array.ndim == 4:
            op.__dict__["value"] = Weight(op.value.array * np.float32(1.01))
            break
    with pytest.raises(VerificationError, match="what is quantized does not compute what the source does"):
        _verify(artifact, record)
