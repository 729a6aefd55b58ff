"""Reshapes around linear layers in MNN: what may move past them, and what may not."""

import pytest

from glmir.ops import nn, tensor
from glmir.ops.enums import Activation
from tests.backends.building import argument, weight

from .harness import check_op


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("op", [nn.Softmax, nn.LogSoftmax], ids=lambda c: c.__name__)
def test_softmax_between_linear_layers(op: type[nn.Softmax], axis: int) -> None:
    hidden = nn.Linear(argument("n", 5, 8), weight(6, 8), None).result
    check_op(nn.Linear(op(hidden, axis).result, weight(4, 6), None), {"n": 3}, {"n": 1})


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_softmax_between_convolutions(axis: int) -> None:
    hidden = nn.Conv(argument("n", 3, 6, 6), weight(8, 3, 3, 3), None, (1, 1), (1, 1, 1, 1), (1, 1)).result
    soft = nn.Softmax(hidden, axis).result
    check_op(nn.Conv(soft, weight(4, 8, 3, 3), None, (1, 1), (1, 1, 1, 1), (1, 1)), {"n": 2})


@pytest.mark.parametrize("batch", [1, "n"])
def test_classifier_behind_a_global_pool(batch: int | str) -> None:
    features = nn.Conv(argument(batch, 3, 6, 6), weight(8, 3, 3, 3), None, (1, 1), (1, 1, 1, 1), (1, 1)).result
    pooled = nn.AveragePool(features, (6, 6), (1, 1), (0,) * 4, (1, 1)).result
    rows = tensor.Reshape(pooled, None, (pooled.type.shape[0], 8)).result
    classifier = nn.Linear(rows, weight(5, 8), weight(5), activation=Activation.RELU)
    written = "CONVERT_TENSOR CONVOLUTION POOLING CONVOLUTION CONVERT_TENSOR RESHAPE"
    check_op(classifier, *([{"n": 1}, {"n": 3}] if batch == "n" else []), writes=written if batch == 1 else None)
