"""The cases of the newest onnx package, which makes them in Python: newer operators, and what has been corrected since.

Each is there twice: as it stands, and with all inputs but the first as initializers, as models of exporters have axes,
shapes and scales.
"""

import copy
import functools
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.case.test_case import TestCase

from glmir.ir import Array
from tests.conformance.standard import Case, counts


@functools.cache
def cases() -> tuple[Case, ...]:
    """All cases on plain tensors. To make them takes ten seconds."""
    with np.errstate(all="ignore"):
        collected = collect_testcases(None)
    return tuple(variant for case in collected for variant in _variants(case))


def _variants(case: TestCase) -> Iterator[Case]:
    model = case.model
    if model is None or not counts(model):
        return
    inputs, outputs = case.data_sets[0]
    arrays = {info.name: _array(a) for info, a in zip(model.graph.input, inputs, strict=True)}
    expected = tuple(map(_array, outputs))
    yield Case(case.name, model.SerializeToString(), arrays, expected)
    if len(arrays) > 1:
        pinned = copy.deepcopy(model)
        first, *others = pinned.graph.input
        pinned.graph.initializer.extend(numpy_helper.from_array(arrays[info.name], info.name) for info in others)
        del pinned.graph.input[1:]
        yield Case(f"{case.name}, pinned", pinned.SerializeToString(), {first.name: arrays[first.name]}, expected)


def _array(given: object) -> Array:
    """Some cases give arrays, some the standard's own tensors."""
    return np.asarray(numpy_helper.to_array(given) if isinstance(given, onnx.TensorProto) else given)
