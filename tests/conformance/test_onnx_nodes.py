"""The test cases that the onnx package ships for every operator: each is computed right, or refused with a reason.

Each case is run twice: as it stands, and with all inputs but the first as initializers, as models of exporters have
axes, shapes and scales. Each target runs a part of the cases, and with --all-cases all of them.
"""

import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.case.test_case import TestCase

import glmir
from glmir import interpreter
from glmir.backends.target import TARGETS, Target, load_target
from glmir.errors import GlmirError
from glmir.frontends.onnx.importer import import_model
from glmir.ir import Array
from tests.backends.workers import at_border, run_artifact
from tests.tolerances import assert_close

Compute = Callable[[onnx.ModelProto, dict[str, Array]], dict[str, Array]]

COMPUTED_AT_LEAST = 0.55
"""The part of the cases that must be computed. The rest is mostly strings, sequences, training and 8-bit floats."""

DIFFERENT = {
    "test_resize_downsample_scales_linear_align_corners": "onnxruntime, which we follow, takes the result's size",
    "test_resize_downsample_scales_cubic_align_corners": "onnxruntime, which we follow, takes the result's size",
}
"""Cases whose expected outputs we do not mean to compute -> why."""

DIFFERENT_ON_TARGET: Mapping[str, Mapping[str, str]] = {
    "tflite": dict.fromkeys(
        (
            "test_bitshift_left_int32_negative_shift",
            "test_bitshift_left_int32_shift_ge_width",
            "test_bitshift_right_int32_negative_shift",
            "test_bitshift_right_int8_negative_shift",
        ),
        "what a shift by less than nothing or by the whole width gives is defined since opset 28 only",
    ),
}
"""The same for one target alone."""


def _interpreted(model: onnx.ModelProto, inputs: dict[str, Array]) -> dict[str, Array]:
    return interpreter.run(import_model(model), inputs)


PARTS = len(TARGETS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "part" in metafunc.fixturenames:
        has_all = metafunc.config.getoption("--all-cases")
        rows = [(t, part) for own, t in enumerate(TARGETS) for part in (range(PARTS) if has_all else (own,))]
        metafunc.parametrize(("name", "part"), rows)


@pytest.mark.filterwarnings("ignore")
def test_the_interpreter_is_right_or_refuses() -> None:
    _check(_cases(), _interpreted, DIFFERENT)


@pytest.mark.filterwarnings("ignore")
def test_every_target_is_right_or_refuses(name: str, part: int) -> None:
    def compute(model: onnx.ModelProto, inputs: dict[str, Array]) -> dict[str, Array]:
        return run_artifact(glmir.compile(model, target=name, precision="fp32"), inputs)

    different = {**DIFFERENT, **DIFFERENT_ON_TARGET.get(name, {})}
    _check(_cases()[part::PARTS], compute, different, load_target(name))


def _check(
    cases: Sequence[TestCase], compute: Compute, different: Mapping[str, str], target: Target | None = None
) -> None:
    wrong: list[str] = []
    total = refused = 0
    for case in cases:
        for model, inputs, expected in _variants(case):
            total += 1
            try:
                actual = compute(model, inputs)
                if case.name not in different:
                    _compare(actual, expected, target)
            except GlmirError:
                refused += 1
            except Exception as error:
                wrong.append(f"{case.name}: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    assert not wrong, "\n".join(wrong)
    assert total - refused >= COMPUTED_AT_LEAST * total


@functools.cache
def _cases() -> tuple[TestCase, ...]:
    with np.errstate(all="ignore"):
        return tuple(collect_testcases(None))


def _variants(case: TestCase) -> Iterator[tuple[onnx.ModelProto, dict[str, Array], list[Array]]]:
    """The model, its inputs and what it must give; nothing for cases on other things than tensors."""
    model, (inputs, outputs) = case.model, case.data_sets[0]
    if model is None or not all(isinstance(a, np.ndarray | np.generic) for a in (*inputs, *outputs)):
        return
    arrays = {info.name: np.asarray(a) for info, a in zip(model.graph.input, inputs, strict=True)}
    expected = [np.asarray(a) for a in outputs]
    yield model, arrays, expected
    if len(arrays) > 1 and all(a.dtype != np.object_ for a in arrays.values()):
        pinned = copy.deepcopy(model)
        first, *others = pinned.graph.input
        pinned.graph.initializer.extend(numpy_helper.from_array(arrays[info.name], info.name) for info in others)
        del pinned.graph.input[1:]
        yield pinned, {first.name: arrays[first.name]}, expected


def _compare(actual: dict[str, Array], expected: list[Array], target: Target | None) -> None:
    assert len(actual) == len(expected)
    for (name, array), reference in zip(actual.items(), expected, strict=True):
        # The reference was rounded to its own dtype, whatever stands for that in the artifact.
        tolerance = {"float16": "f16", "bfloat16": "bf16"}.get(reference.dtype.name, "onnx-cases")
        assert_close(array, at_border(target, reference) if target else reference, tolerance, f"output {name}")
