"""A legal module to an ONNX file, beyond 2 GB with its weights in a second file beside it.

onnx-graphsurgeon makes the model without the data of large initializers. Those are then written from where they lie:
a message of protobuf is the concatenation of its fields, so that the graph's initializers may follow its other fields.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import onnx
import onnx_graphsurgeon as gs

from ...ir import Array, Module
from ...types import DType
from ..array_bytes import write_array
from ..emission import check_legal
from .graph import Graph, OnnxTable
from .initializers import stored
from .opsets import ir_version

MAX_BYTES = 2**31 - 1
"""What protobuf takes as one message."""

MARGIN = 2**24
"""What names and lengths may add to the weights and the graph."""

ALIGNMENT = 4096
"""Weights of their own file begin at multiples of this many bytes, so that they can be mapped."""

_LENGTH_DELIMITED = 2
_GRAPH = onnx.ModelProto.DESCRIPTOR.fields_by_name["graph"].number
_INITIALIZER = onnx.GraphProto.DESCRIPTOR.fields_by_name["initializer"].number
_RAW_DATA = onnx.TensorProto.DESCRIPTOR.fields_by_name["raw_data"].number


def serializer(table: OnnxTable, opset: int, short_float: DType | None = None) -> Callable[[Module, Path], None]:
    """What writes a module's ``main`` as an ONNX file of that opset, weights that ``short_float`` holds exactly in it.

    It raises CompileError with every op that ONNX, or onnxruntime, cannot express.
    """

    def serialize(module: Module, path: Path) -> None:
        check_legal(module, table, "onnx")
        model, weights = build(module, table, opset, short_float)
        is_large = sum(array.nbytes for array in weights.values()) + model.ByteSize() + MARGIN > MAX_BYTES
        if is_large:
            write_beside(model, weights, path)
        else:
            with path.open("xb") as stream:
                write_whole(model, weights, stream)

    return serialize


def build(
    module: Module, table: OnnxTable, opset: int, short_float: DType | None = None
) -> tuple[onnx.ModelProto, Mapping[str, Array]]:
    """The model, and the elements of the initializers that have none in it, by name."""
    graph = Graph(module, table, opset, short_float=short_float)
    model = gs.export_onnx(graph.whole(module.main), do_type_check=False, ir_version=ir_version(opset))
    model.producer_name, model.producer_version = "glmc", ""
    return model, graph.weights


def write_whole(model: onnx.ModelProto, weights: Mapping[str, Array], stream: BinaryIO) -> None:
    """Writes the model with the weights inside."""
    tensors = list(_take_initializers(model))
    heads = [(_payload_head(tensor, weights), tensor) for tensor in tensors]
    graph = model.graph.SerializeToString(deterministic=True)
    model.ClearField("graph")
    size = len(graph) + sum(len(head) + _data_bytes(tensor, weights) for head, tensor in heads)
    stream.write(model.SerializeToString(deterministic=True))
    stream.write(_head(_GRAPH, size) + graph)
    for head, tensor in heads:
        stream.write(head)
        if tensor.name in weights:
            write_array(stored(weights[tensor.name]), stream)


def _take_initializers(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    tensors = list(model.graph.initializer)
    model.graph.ClearField("initializer")
    return iter(tensors)


def _payload_head(tensor: onnx.TensorProto, weights: Mapping[str, Array]) -> bytes:
    """The initializer as a field of the graph, up to its data."""
    content: bytes = tensor.SerializeToString(deterministic=True)
    if tensor.name not in weights:
        return _head(_INITIALIZER, len(content)) + content
    size = _data_bytes(tensor, weights)
    data = _head(_RAW_DATA, size)
    return _head(_INITIALIZER, len(content) + len(data) + size) + content + data


def _data_bytes(tensor: onnx.TensorProto, weights: Mapping[str, Array]) -> int:
    return stored(weights[tensor.name]).nbytes if tensor.name in weights else 0


def _head(field: int, size: int) -> bytes:
    """The tag and the length that stand before a field of ``size`` bytes."""
    return _varint(field << 3 | _LENGTH_DELIMITED) + _varint(size)


def _varint(number: int) -> bytes:
    content = bytearray()
    while number > 0x7F:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    content.append(number)
    return bytes(content)


def write_beside(model: onnx.ModelProto, weights: Mapping[str, Array], path: Path) -> None:
    """Writes the model, and its weights to a file beside it, called like it with ``.data`` behind."""
    location = f"{path.name}.data"
    with path.with_name(location).open("xb") as stream:
        for tensor in model.graph.initializer:
            if tensor.name not in weights:
                continue
            array = stored(weights[tensor.name])
            stream.write(bytes(-stream.tell() % ALIGNMENT))
            tensor.data_location = onnx.TensorProto.EXTERNAL
            entries = {"location": location, "offset": stream.tell(), "length": array.nbytes}
            tensor.external_data.extend(
                onnx.StringStringEntryProto(key=key, value=str(value)) for key, value in entries.items()
            )
            write_array(array, stream)
    with path.open("xb") as stream:
        stream.write(model.SerializeToString(deterministic=True))
