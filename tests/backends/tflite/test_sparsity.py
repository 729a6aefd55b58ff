"""Sparse tensors: what the parameters say, and that the runtime reads them with and without its delegate."""

from itertools import pairwise

import numpy as np
import pytest

import glmir
from glmir.backends.flatbuffer import Table
from glmir.backends.tflite.schema import Int32Vector, Uint8Vector, Uint16Vector
from glmir.backends.tflite.sparsity import sparse
from glmir.interpreter import run
from glmir.ir import Array
from tests.backends.test_pruning import network
from tests.golden import random_inputs


def numbers(vector: Table | None) -> list[int]:
    assert isinstance(vector, Int32Vector | Uint16Vector | Uint8Vector) and vector.values is not None
    return [int(n) for n in vector.values]


def test_the_last_axis_is_compressed() -> None:
    values, parameters = sparse(np.array([[0, 5, 0, 7], [0, 0, 0, 0], [1, 0, 0, 2]], np.float32))
    assert values.tolist() == [5, 7, 1, 2] and parameters.traversal_order == [0, 1]
    rows, columns = parameters.dim_metadata or ()
    assert rows.dense_size == 3
    assert numbers(columns.array_segments) == [0, 2, 2, 4] and numbers(columns.array_indices) == [1, 3, 0, 3]


@pytest.mark.parametrize("shape", [(7,), (5, 300), (4, 3, 3, 20), (2, 70000), (3, 4)])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_what_is_stored_tells_the_array(shape: tuple[int, ...], share: float) -> None:
    rng = np.random.default_rng(0)
    dense: Array = np.where(rng.random(shape) < share, rng.standard_normal(shape), 0).astype(np.float32)
    values, parameters = sparse(dense)
    last = (parameters.dim_metadata or ())[-1]
    segments, indices = numbers(last.array_segments), numbers(last.array_indices)
    rebuilt = np.zeros((dense.size // shape[-1], shape[-1]), np.float32)
    for row, (start, end) in enumerate(pairwise(segments)):
        rebuilt[row, indices[start:end]] = values[start:end]
    np.testing.assert_array_equal(rebuilt.reshape(shape), dense)


def test_the_runtime_needs_no_delegate_for_them() -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    module = network("prune-weights{amount=0.8,scope=layer},store-sparse")
    inputs = random_inputs(module.main)
    interpreter = litert.Interpreter(
        model_content=bytes(glmir.compile(module)),
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs["x"])
    interpreter.invoke()
    actual = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    expected = run(module, inputs)["y"]
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())
