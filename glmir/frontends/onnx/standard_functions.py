"""The bodies that the ONNX standard gives for operators: operators made of other operators.

https://onnx.ai/onnx/repo-docs/IR.html, "Functions". Some bodies depend on the node: on its attributes, on which of its
operands are present, and on their types.
"""

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from onnx import helper
from onnx_graphsurgeon.importers.onnx_importer import OnnxImporter
from onnx_graphsurgeon.logger import G_LOGGER

from ...dims import Dim
from ...types import TensorType
from .node import Node, Unsupported


def is_standard_operator(domain: str, op_type: str, opset: int) -> bool:
    """Whether the standard has the operator in that version of the domain."""
    return _schema(domain, op_type, opset) is not None


class StandardFunctions:
    """Function bodies, each read once."""

    def __init__(self) -> None:
        self._bodies: dict[tuple[str, str, int], gs.Function] = {}

    def has_body(self, domain: str, op_type: str, opset: int) -> bool:
        schema = _schema(domain, op_type, opset)
        return schema is not None and (schema.has_function or schema.has_context_dependent_function)

    def body_of(self, node: Node) -> gs.Function:
        """The body for this node; raises Unsupported when the standard gives none for operands such as its."""
        schema = _schema(node.domain, node.op_type, node.opset)
        if schema is None:
            raise Unsupported(f"ONNX has no operator {node.op_type} in opset {node.opset}")
        if not schema.has_function:
            return _imported(_body_for(node, schema), schema)
        version = _version_for(node.opset, schema.function_opset_versions)
        key = (node.domain, node.op_type, version)
        if key not in self._bodies:
            self._bodies[key] = _imported(schema.get_function_with_opset_version(version), schema)
        return self._bodies[key]


def _schema(domain: str, op_type: str, opset: int) -> "onnx.defs.OpSchema | None":
    try:
        return onnx.defs.get_schema(op_type, opset, domain)
    except onnx.defs.SchemaError:
        return None


def _version_for(opset: int, versions: list[int]) -> int:
    """The newest of the body's versions that is no newer than the opset, else the oldest: all mean the same."""
    return max((v for v in versions if v <= opset), default=min(versions))


def _body_for(node: Node, schema: "onnx.defs.OpSchema") -> bytes:
    """A body that depends on the node; operand types go along as serialized TypeProtos."""
    version = _version_for(node.opset, schema.context_dependent_function_opset_versions)
    inputs = [f"x{i}" if operand is not None else "" for i, operand in enumerate(node.operands)]
    outputs = [name if name in node.used_outputs else "" for name in node.output_names]
    while outputs and not outputs[-1]:
        outputs.pop()
    proto = helper.make_node(node.op_type, inputs, outputs, domain=node.domain)
    proto.attribute.extend(_attribute(name, value) for name, value in node.attributes.items())
    types = [b"" if v is None else _type_proto(v.type).SerializeToString() for v in node.operands]
    body: bytes = schema.get_context_dependent_function_with_opset_version(version, proto.SerializeToString(), types)
    if not body:
        raise Unsupported(f"the operator {node.op_type} (ONNX opset {node.opset}) is not supported in this form")
    return body


def _attribute(name: str, value: object) -> onnx.AttributeProto:
    if isinstance(value, np.ndarray):
        return helper.make_attribute(name, onnx.numpy_helper.from_array(value))
    return helper.make_attribute(name, value)


def _type_proto(type_: TensorType) -> onnx.TypeProto:
    data_type = helper.np_dtype_to_tensor_dtype(type_.dtype.numpy)
    return helper.make_tensor_type_proto(data_type, [_declared(d) for d in type_.shape])


def _declared(dim: Dim) -> int | str:
    return dim if isinstance(dim, int) else str(dim)


def _imported(body: bytes, schema: "onnx.defs.OpSchema") -> gs.Function:
    with G_LOGGER.suppress(G_LOGGER.CRITICAL + 1):
        function = OnnxImporter.import_function(onnx.FunctionProto.FromString(body))
    # The body names the operator's attributes, but only the schema has their defaults.
    for name, attribute in schema.attributes.items():
        if attribute.default_value.type != onnx.AttributeProto.UNDEFINED:
            function.attrs[name] = helper.get_attribute_value(attribute.default_value)
    return function
