"""Sparse weights in an MNN file: which layers have them, and what is written."""

from pathlib import Path

import numpy as np
import pytest

import glmir
from glmir.backends.flatbuffer import read
from glmir.backends.mnn.schema import Net
from glmir.backends.mnn.schema_parameters import Convolution2D
from glmir.backends.mnn.serializer import serialize
from glmir.backends.mnn.sparse import sparse_weight
from glmir.ir import Module
from glmir.ops import nn, quant
from tests.backends.building import random_inputs
from tests.backends.test_pruning import network

from .harness import WORKER, legalise


def sparse_layers(module: Module) -> list[str]:
    lowered = glmir.compile(module, target="mnn").module
    layers = [op for op in lowered.main.ops if isinstance(op, nn.Conv | nn.Linear)]
    return ["x".join(map(str, op.weight.type.shape)) for op in layers if isinstance(op.weight.owner, quant.Densify)]


@pytest.mark.parametrize(
    ("amount", "layers"),
    [
        (0.7, []),
        (0.8, ["64x32x1x1", "40x32x1x1", "10x40x1x1"]),
        (0.9, ["32x3x3x3", "64x32x1x1", "40x32x1x1", "10x40x1x1"]),
    ],
)
def test_layers_are_sparse_where_that_is_faster(amount: float, layers: list[str]) -> None:
    assert sparse_layers(network(f"prune-weights{{amount={amount},scope=layer}},store-sparse")) == layers


def test_weights_are_listed_with_their_places() -> None:
    stored, counts = sparse_weight(np.array([[0, 3, 0], [0, 0, -1]], np.float32))
    assert stored.index is not None and stored.alpha is not None
    assert (stored.index.tolist(), stored.alpha.tolist(), stored.weight_size) == ([1, 5], [3, -1], 6)
    keys = [argument.key or "" for argument in counts.args or ()]
    assert keys == sorted(keys) and keys[:2] == ["NNZElement", "blockNumber"]


def test_a_weight_of_zeros_has_one_element() -> None:
    stored, _ = sparse_weight(np.zeros((2, 3), np.float32))
    assert stored.index is not None and stored.index.tolist() == [0]


def test_beside_the_model(tmp_path: Path) -> None:
    module = network("prune-weights{amount=0.9,scope=layer},store-sparse")
    inputs = random_inputs(module, {})
    legalise(module)
    results = []
    for largest in (10**9, 0):
        path = tmp_path / f"{largest}.mnn"
        serialize(module, path, largest)
        results.append(WORKER.run(path, inputs))
    sizes = [
        op.main.external
        for op in read(Net, path.read_bytes()).oplists or ()
        if isinstance(op.main, Convolution2D) and op.main.sparse_parameter is not None and op.main.external
    ]
    # No integers; the elements, the bias, the places of the elements.
    assert sizes and all(size[1] == 0 and size[2] == size[4] > 0 for size in sizes)
    for name, expected in results[0].items():
        np.testing.assert_array_equal(results[1][name], expected)
