"""Operators of ai.onnx.ml that compute tensors of tensors, against onnxruntime."""

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.glmir.frontends.onnx.harness import check_model, floats, input_info, reasons_of
from tests.glmir.frontends.onnx.harness import model_of as model_of_opset

DOMAIN = "ai.onnx.ml"
COEFFICIENTS = [1.0, 2.0, -3.0, -1.0, 0.5, 1.0]


def model(op_type: str, *inputs: np.ndarray, outputs: int = 1, **attributes: object) -> onnx.ModelProto:
    names = [f"x{i}" for i in range(len(inputs))]
    results = [f"y{i}" for i in range(outputs)]
    made = helper.make_node(op_type, names, results, name="node", domain=DOMAIN, **attributes)
    infos = [input_info(name, array) for name, array in zip(names, inputs, strict=True)]
    return model_of_opset([made], infos, results, domain=DOMAIN)


def check(op_type: str, *inputs: np.ndarray, outputs: int = 1, **attributes: object) -> None:
    made = model(op_type, *inputs, outputs=outputs, **attributes)
    check_model(made, {f"x{i}": array for i, array in enumerate(inputs)})


def test_scaler() -> None:
    check("Scaler", floats(4, 3), offset=[1.0, 2.0, 3.0], scale=[0.5, 2.0, 1.0])
    check("Scaler", np.arange(12).reshape(4, 3), offset=[1.0], scale=[0.5])


def test_binarizer() -> None:
    check("Binarizer", floats(4, 3), threshold=0.25)
    check("Binarizer", floats(4, 3))


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_normalizer(norm: str) -> None:
    x = floats(4, 3)
    x[1] = 0
    check("Normalizer", x, norm=norm)


def test_imputer() -> None:
    x = floats(4, 3)
    x[1, 2] = np.nan
    check("Imputer", x, imputed_value_floats=[9.0], replaced_value_float=float("nan"))
    x[1, 2] = 0
    check("Imputer", x, imputed_value_floats=[7.0, 8.0, 9.0])
    integers = np.arange(12).reshape(4, 3)
    check("Imputer", integers, imputed_value_int64s=[5], replaced_value_int64=3)


def test_array_feature_extractor() -> None:
    check("ArrayFeatureExtractor", floats(4, 3), np.array([2, 0, 2]))


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC"])
def test_linear_models(transform: str) -> None:
    given = {"coefficients": COEFFICIENTS, "intercepts": [0.5, -0.25], "post_transform": transform}
    check("LinearClassifier", floats(4, 3), outputs=2, classlabels_ints=[4, 7], **given)
    check("LinearRegressor", floats(4, 3), targets=2, coefficients=COEFFICIENTS)


def test_refusals() -> None:
    x = floats(4, 3)
    assert "zipmap=False" in reasons_of(model("ZipMap", x, classlabels_int64s=[1, 2, 3]))[0]
    labels = {"classlabels_strings": ["a", "b"], "coefficients": COEFFICIENTS}
    assert "labels are strings" in reasons_of(model("LinearClassifier", x, outputs=2, **labels))[0]
    assert (
        "5 coefficients do not give 2" in reasons_of(model("LinearRegressor", x, targets=2, coefficients=[1.0] * 5))[0]
    )
