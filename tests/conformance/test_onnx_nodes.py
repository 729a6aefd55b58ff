"""The test cases that the onnx package ships for every operator: each is computed right, or refused with a reason.

Each case is run twice: as it stands, and with all inputs but the first as initializers, as models of exporters have
axes, shapes and scales.
"""

import copy
import functools
from collections.abc import Callable, Iterator

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.case.test_case import TestCase

import glmir
from glmir import interpreter
from glmir.errors import GlmirError
from glmir.frontends.onnx.importer import import_model
from glmir.ir import Array
from tests.tolerances import assert_close

Compute = Callable[[onnx.ModelProto, dict[str, Array]], dict[str, Array]]

COMPUTED_AT_LEAST = 0.55
"""The part of the cases that must be computed. The rest is mostly strings, sequences, training and 8-bit floats."""

DIFFERENT = {
    "test_resize_downsample_scales_linear_align_corners": "onnxruntime, which we follow, takes the result's size",
    "test_resize_downsample_scales_cubic_align_corners": "onnxruntime, which we follow, takes the result's size",
}
"""Cases whose expected outputs we do not mean to compute -> why."""

DIFFERENT_IN_LITERT = dict.fromkeys(
    (
        "test_bitshift_left_int32_negative_shift",
        "test_bitshift_left_int32_shift_ge_width",
        "test_bitshift_right_int32_negative_shift",
        "test_bitshift_right_int8_negative_shift",
    ),
    "what a shift by less than nothing or by the whole width gives is defined since opset 28 only",
)


def _interpreted(model: onnx.ModelProto, inputs: dict[str, Array]) -> dict[str, Array]:
    return interpreter.run(import_model(model), inputs)


def _compiled(model: onnx.ModelProto, inputs: dict[str, Array]) -> dict[str, Array]:
    return glmir.compile(model, target="tflite").run(inputs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("compute", "different"), [(_interpreted, DIFFERENT), (_compiled, DIFFERENT | DIFFERENT_IN_LITERT)]
)
def test_every_case_is_right_or_refused(compute: Compute, different: dict[str, str]) -> None:
    wrong: list[str] = []
    total = refused = 0
    for case in _cases():
        for model, inputs, expected in _variants(case):
            total += 1
            try:
                actual = compute(model, inputs)
                if case.name not in different:
                    _compare(actual, expected)
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


def _compare(actual: dict[str, Array], expected: list[Array]) -> None:
    assert len(actual) == len(expected)
    for (name, array), reference in zip(actual.items(), expected, strict=True):
        tolerance = {"float16": "f16", "bfloat16": "bf16"}.get(reference.dtype.name, "onnx-cases")
        assert_close(array, reference, tolerance, f"output {name}")
