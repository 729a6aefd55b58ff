"""A legal module to a TFLite file: subgraph, buffers, signature, metadata."""

from typing import BinaryIO

import numpy as np

from ...ir import Function, Module
from ..emission import check_legal
from ..flatbuffer import MAX_BYTES, write, write_array
from .emitters import TABLE
from .graph import Graph
from .schema import FILE_IDENTIFIER, SCHEMA_VERSION, Buffer, Metadata, Model, SignatureDef, TensorMap

SIGNATURE_KEY = "serving_default"
ALIGNMENT = 64
"""Weights begin at multiples of this many bytes of the file: runtimes map them and use them in place."""

MARGIN = 2**24
"""What tables, names and padding may add to the weights before a file is taken to exceed one FlatBuffer."""


def serialize(module: Module, stream: BinaryIO) -> None:
    """Writes the module's ``main`` as a TFLite model to a binary stream at its start.

    Weights stand inside the FlatBuffer while it stays under 2 GB, behind it (``Buffer.offset``) otherwise: old runtimes
    read only the former. Raises CompileError with every op that TFLite cannot express.
    """
    check_legal(module, TABLE, "tflite")
    graph = Graph()
    for op in module.main.ops:
        emitter = TABLE.find(op)
        assert emitter is not None
        emitter.emit(op, graph)
    model = _model(graph, module.main)
    weights = [b for b in graph.buffers if b.data is not None]
    if sum(b.data.nbytes for b in weights if b.data is not None) + MARGIN < MAX_BYTES:
        write(model, stream, file_identifier=FILE_IDENTIFIER)
    else:
        _write_with_weights_behind(model, weights, stream)


def _model(graph: Graph, function: Function) -> Model:
    subgraph = graph.finish(function)
    inputs = [
        TensorMap(name=v.name, tensor_index=i) for v, i in zip(function.inputs, subgraph.inputs or (), strict=True)
    ]
    outputs = [
        TensorMap(name=name, tensor_index=i)
        for name, i in zip(function.output_names, subgraph.outputs or (), strict=True)
    ]
    graph.buffers.append(Buffer(data=np.frombuffer(b"1.5.0".ljust(16, b"\0"), np.uint8)))
    return Model(
        version=SCHEMA_VERSION,
        operator_codes=graph.operator_codes(),
        subgraphs=[subgraph],
        description="glmc",
        buffers=graph.buffers,
        metadata=[Metadata(name="min_runtime_version", buffer=len(graph.buffers) - 1)],
        signature_defs=[SignatureDef(inputs=inputs, outputs=outputs, signature_key=SIGNATURE_KEY, subgraph_index=0)],
    )


def _write_with_weights_behind(model: Model, weights: list[Buffer], stream: BinaryIO) -> None:
    arrays = [b.data for b in weights if b.data is not None]
    for buffer in weights:
        # Placeholders that are not the defaults, so that the tables' size is final.
        buffer.data, buffer.offset, buffer.size = None, 2, 2
    position = write(model, stream, file_identifier=FILE_IDENTIFIER)
    for buffer, array in zip(weights, arrays, strict=True):
        position += -position % ALIGNMENT
        buffer.offset, buffer.size = position, array.nbytes
        position += array.nbytes
    stream.seek(0)
    end = write(model, stream, file_identifier=FILE_IDENTIFIER)
    for buffer, array in zip(weights, arrays, strict=True):
        stream.write(bytes(buffer.offset - end))
        write_array(array, stream)
        end = buffer.offset + buffer.size
