"""A legal module to a TFLite file: subgraphs, buffers, signature, metadata."""

from typing import BinaryIO

import numpy as np

from ...ir import Array, Function, Module
from ..array_bytes import write_array
from ..emission import check_legal
from ..flatbuffer import MAX_BYTES, write
from .emitters import TABLE
from .graph import Graph
from .runtime_versions import SEPARATE_WEIGHTS_RELEASE, min_runtime_version, newest_release
from .schema import FILE_IDENTIFIER, SCHEMA_VERSION, Buffer, Metadata, Model, SignatureDef, SubGraph, TensorMap

SIGNATURE_KEY = "serving_default"
ALIGNMENT = 64
"""Weights begin at multiples of this many bytes of the file: runtimes map them and use them in place."""

MARGIN = 2**24
"""What tables, names and padding may add to the weights before a file is taken to exceed one FlatBuffer."""

METADATA_BYTES = 16
"""The least size of a metadata buffer, NULs after its text: readers look for the first of them."""

OVERREAD = bytes(16)
"""What follows the last weights: vectorised kernels of XNNPACK read up to this many bytes beyond an array."""

REDUCED_PRECISION, COMPUTED_IN_HALVES = "reduced_precision_support", b"fp16accfp16"
"""The metadata by which XNNPACK computes, and sums up, in f16 where a processor has that (TensorFlow Lite's
reduced_precision_metadata.h)."""

Weights = list[tuple[Buffer, Array]]


def serialize(module: Module, stream: BinaryIO, allows_halves: bool = False) -> None:
    """Writes the module's ``main``, and what it calls, as a TFLite model to a binary stream at its start.

    With ``allows_halves`` the file says that runtimes may compute all of it in f16.

    Weights stand inside the FlatBuffer while it stays under 2 GB, behind it (``Buffer.offset``) otherwise: old runtimes
    read only the former. Raises CompileError with every op that TFLite cannot express.
    """
    check_legal(module, TABLE, "tflite")
    graph = Graph()
    # It grows while it is read: an operator that calls a function asks for a subgraph.
    subgraphs = [_subgraph(module.functions[name], graph.beside()) for name in graph.called]
    weights = [(b, b.data) for b in graph.buffers if b.data is not None and b.data.nbytes > 0]
    fits = sum(array.nbytes for _, array in weights) + MARGIN < MAX_BYTES
    # The metadata's buffers come last, so that in one FlatBuffer they are what an overread of the weights meets.
    metadata = _metadata(graph, not fits, allows_halves)
    model = _model(graph, subgraphs, module.main, metadata)
    if fits:
        write(model, stream, file_identifier=FILE_IDENTIFIER)
    else:
        _write_with_weights_behind(model, weights, stream)


def _subgraph(function: Function, graph: Graph) -> SubGraph:
    for op in function.ops:
        emitter = TABLE.find(op)
        assert emitter is not None
        emitter.emit(op, graph)
    return graph.finish(function)


def _metadata(graph: Graph, has_separate_weights: bool, allows_halves: bool) -> list[Metadata]:
    """The model's metadata, whose texts become the last buffers."""
    release = min_runtime_version(graph.codes)
    texts = {"min_runtime_version": release}
    if has_separate_weights:
        # The names and the text by which the runtime's tools tell such files.
        texts["min_runtime_version"] = newest_release([release, SEPARATE_WEIGHTS_RELEASE])
        texts["buffer_location"] = "outside flatbuffers"
    buffers = {name: text.encode().ljust(METADATA_BYTES, b"\0") for name, text in texts.items()}
    if allows_halves:
        # The runtime takes no byte more.
        buffers = {REDUCED_PRECISION: COMPUTED_IN_HALVES, **buffers}
    metadata = []
    for name, content in buffers.items():
        metadata.append(Metadata(name=name, buffer=len(graph.buffers)))
        graph.buffers.append(Buffer(data=np.frombuffer(content, np.uint8)))
    return metadata


def _model(graph: Graph, subgraphs: list[SubGraph], function: Function, metadata: list[Metadata]) -> Model:
    inputs = [
        TensorMap(name=value.name, tensor_index=i)
        for value, i in zip(function.inputs, subgraphs[0].inputs or (), strict=True)
    ]
    outputs = [
        TensorMap(name=name, tensor_index=i)
        for name, i in zip(function.output_names, subgraphs[0].outputs or (), strict=True)
    ]
    return Model(
        version=SCHEMA_VERSION,
        operator_codes=graph.operator_codes(),
        subgraphs=subgraphs,
        description="glmc",
        buffers=graph.buffers,
        metadata=metadata,
        signature_defs=[SignatureDef(inputs=inputs, outputs=outputs, signature_key=SIGNATURE_KEY, subgraph_index=0)],
    )


def _write_with_weights_behind(model: Model, weights: Weights, stream: BinaryIO) -> None:
    for buffer, _ in weights:
        # Placeholders that are not the defaults, so that the tables' size is final.
        buffer.data, buffer.offset, buffer.size = None, 2, 2
    position = write(model, stream, file_identifier=FILE_IDENTIFIER)
    for buffer, array in weights:
        position += -position % ALIGNMENT
        buffer.offset, buffer.size = position, array.nbytes
        position += array.nbytes
    stream.seek(0)
    end = write(model, stream, file_identifier=FILE_IDENTIFIER)
    for buffer, array in weights:
        stream.write(bytes(buffer.offset - end))
        write_array(array, stream)
        end = buffer.offset + buffer.size
    stream.write(OVERREAD)
