"""Every operator of the standard, at every opset, is imported, has a body there, or is refused for a reason."""

import onnx
import pytest

from glmir.frontends.onnx.body import is_imported
from glmir.frontends.onnx.refused import refusal
from glmir.frontends.onnx.standard_functions import StandardFunctions
from tests.glmir.frontends.onnx.harness import model_of, reasons_of

STANDARD = sorted({s.name for s in onnx.defs.get_all_schemas_with_history() if s.domain == ""})


def test_all_opsets() -> None:
    """Importers are for all versions of an operator; bodies are for some."""
    bodies = StandardFunctions()
    without = [
        (schema.name, schema.since_version)
        for schema in onnx.defs.get_all_schemas_with_history()
        if schema.domain == "" and not is_imported("", schema.name) and refusal("", schema.name) is None
        if not bodies.has_body("", schema.name, schema.since_version)
    ]
    assert without == []


def test_nothing_is_both_imported_and_refused() -> None:
    assert [name for name in STANDARD if is_imported("", name) and refusal("", name) is not None] == []


@pytest.mark.parametrize(
    ("domain", "op_type"), [("", "StringConcat"), ("", "ATen"), ("ai.onnx.ml", "TreeEnsembleRegressor")]
)
def test_reasons(domain: str, op_type: str) -> None:
    node = onnx.helper.make_node(op_type, ["x"], ["y"], name="node", domain=domain)
    info = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    (reason,) = reasons_of(model_of([node], [info], ["y"], domain=domain))
    assert reason.endswith(str(refusal(domain, op_type)))
