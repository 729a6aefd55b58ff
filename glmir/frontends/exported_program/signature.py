"""What the inputs and outputs of a program's graph are: the user's, or tensors of the module (``GraphSignature``)."""

from dataclasses import dataclass

from .records import Record, malformed
from .schema import Argument, Reference, read_argument


@dataclass(frozen=True)
class GraphInput:
    """One input of the graph. ``kind`` is user_input, payload (a tensor of the module, ``target``), constant, …"""

    kind: str
    name: str
    target: str = ""
    value: object = None
    """What a constant is, or (user_input) an argument that is no tensor."""


@dataclass(frozen=True)
class GraphOutput:
    """One output of the graph: the user's, or what becomes of a payload or an input (``target``)."""

    kind: str
    argument: Argument
    target: str = ""


_PAYLOADS = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}
_MUTATIONS = {
    "buffer_mutation": "buffer_name",
    "parameter_mutation": "parameter_name",
    "user_input_mutation": "user_input_name",
}


def read_inputs(record: Record) -> list[GraphInput]:
    """The inputs of the graph, in its order; raises InputError."""
    return [_input(*r.union(), r.where) for r in record.records("input_specs")]


def _input(kind: str, content: object, where: str) -> GraphInput:
    record = Record(content, where)
    if kind == "user_input":
        argument = read_argument(record.record("arg"))
        name = argument.name if isinstance(argument, Reference) else ""
        tag = record.record("arg").union()[0]
        return GraphInput(kind, name, tag, argument)
    if kind in _PAYLOADS:
        return GraphInput("payload", record.record("arg").text("name"), record.text(_PAYLOADS[kind]))
    if kind == "constant_input":
        return GraphInput("constant", record.text("name"), value=record.record("value").union()[1])
    if kind == "custom_obj":
        argument = record.record("arg")
        return GraphInput(kind, argument.text("name"), argument.text("class_fqn"))
    if kind == "token":
        return GraphInput(kind, record.record("arg").text("name"))
    raise malformed(where, f"is an input of the unknown kind {kind!r}")


def read_outputs(record: Record) -> list[GraphOutput]:
    """The outputs of the graph, in its order; raises InputError."""
    return [_output(*r.union(), r.where) for r in record.records("output_specs")]


def _output(kind: str, content: object, where: str) -> GraphOutput:
    record = Record(content, where)
    argument = record.record("arg")
    if kind in ("user_output",):
        return GraphOutput(kind, read_argument(argument))
    if kind in _MUTATIONS:
        return GraphOutput(kind, Reference(argument.text("name")), record.text(_MUTATIONS[kind]))
    if kind in ("loss_output", "gradient_to_parameter", "gradient_to_user_input", "token"):
        return GraphOutput(kind, Reference(argument.text("name")))
    raise malformed(where, f"is an output of the unknown kind {kind!r}")
