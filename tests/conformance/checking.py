"""One case of the standard against one target: compiled, run in the target's own runtime, compared."""

import warnings

import onnx

import glmir
from glmir import interpreter
from glmir.backends.target import load_target
from glmir.errors import GlmirError
from glmir.frontends.onnx.importer import import_model
from glmir.ir import Array
from tests.backends.workers import RuntimeFailure, at_border, run_artifact
from tests.conformance import standard
from tests.conformance.standard import Case
from tests.tolerances import assert_close

INTERPRETER = "interpreter"
"""Stands for a target where the imported module itself is executed."""

TOLERANCES = {"float16": "f16", "float64": "onnx-cases", "float32": "onnx-cases"}


def failure(case_name: str, target_name: str) -> str | None:
    """Why the target does not compute the standard's case of that name; None when it does."""
    return failure_of(standard.case(case_name), target_name)


def failure_of(case: Case, target_name: str) -> str | None:
    """The target's refusal of the case, or what went wrong; None when it is right."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            actual = _computed(case, target_name)
    except GlmirError as error:
        return f"refused: {_line(error)}"
    except RuntimeFailure as error:
        return f"runtime: {_line(error)}"
    except Exception as error:
        return f"defect: {type(error).__name__}: {_line(error)}"
    try:
        _compare(actual, case, target_name)
    except AssertionError as error:
        return f"different: {_line(error)}"
    return None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _computed(case: Case, target_name: str) -> dict[str, Array]:
    model = onnx.ModelProto.FromString(case.model)
    if target_name == INTERPRETER:
        return interpreter.run(import_model(model), case.inputs)
    return run_artifact(glmir.compile(model, target=target_name, precision="fp32"), case.inputs)


def _compare(actual: dict[str, Array], case: Case, target_name: str) -> None:
    assert len(actual) == len(case.expected), f"{len(actual)} outputs, expected {len(case.expected)}"
    for (name, array), expected in zip(actual.items(), case.expected, strict=True):
        # The reference was rounded to its own dtype, whatever stands for that in the artifact.
        tolerance = TOLERANCES.get(expected.dtype.name, "exact")
        reference = expected if target_name == INTERPRETER else at_border(load_target(target_name), expected)
        assert_close(array, reference, tolerance, f"output {name}")
