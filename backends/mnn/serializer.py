"""A legal module to an MNN file, and the file of its weights beside it where they do not fit."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ...ir import Array, Module
from ...ir import Op as IrOp
from ..array_bytes import write_array
from ..emission import check_legal
from ..flatbuffer import MAX_BYTES, Table, write
from .emitters import TABLE
from .graph import Graph
from .schema import ExtraInfo, Net, Op
from .schema_enums import DataType, NetSource
from .schema_parameters import Blob, Convolution2D, IDSTQuan, LayerNorm

VERSION = "3.6.1"
"""The runtime's version whose schema and meaning of ops we write; readers find it in the file."""

MARGIN = 2**24
"""What tables, names and padding may add to the weights before a file is taken to exceed one FlatBuffer."""

WEIGHT_SUFFIX = ".weight"
"""The runtime looks for weights that a file lacks in the file of its name and this."""

SMALLEST_EXTERNAL = 1024
"""Weights of fewer bytes stay in the model: constants that shapes are computed from must be."""

_Part = tuple[Table, str, Array | None]
"""The table that holds an array, its field, and the array."""


def serialize(module: Module, path: Path, largest: int = MAX_BYTES - MARGIN) -> None:
    """Writes the module as an MNN model to ``path``, which must not exist yet.

    Weights of more than ``largest`` bytes in all stand in ``<path>.weight`` beside it, since a FlatBuffer ends at 2 GB.
    Raises CompileError with every op that MNN cannot express.
    """
    check_legal(module, TABLE, "mnn")
    net = build(module)
    size = sum(sum(_sizes(_weights(op))) for op in _all_ops(net))
    with path.open("xb") as stream:
        if size > largest:
            with path.with_name(path.name + WEIGHT_SUFFIX).open("xb") as weights:
                _move_weights(net, weights)
        write(net, stream)


def build(module: Module) -> Net:
    """The tables of a legal module's ``main`` and of the functions that it calls."""
    graph = Graph(_emit, module.functions)
    graph.write(module.main)
    return Net(
        extra_tensor_describe=graph.descriptions or None,
        extra_info=ExtraInfo(version=VERSION),
        oplists=graph.ops,
        output_name=list(module.main.output_names),
        source_type=NetSource.ONNX,
        tensor_name=graph.names,
        subgraphs=list(graph.subgraphs.values()) or None,
    )


def _emit(op: IrOp, graph: Graph) -> None:
    emitter = TABLE.find(op)
    assert emitter is not None
    emitter.emit(op, graph)


def _all_ops(net: Net) -> Iterator[Op]:
    yield from net.oplists or ()
    for subgraph in net.subgraphs or ():
        yield from subgraph.nodes or ()


def _weights(op: Op) -> list[_Part]:
    """The weights of an op that can stand outside the file, in the order in which they must."""
    match op.main:
        case Convolution2D(weight=None, quan_parameter=IDSTQuan() as packed) as layer:
            halves = packed.alpha_fp16
            # The runtime looks for half scales of layers on integers in the file alone.
            is_inside = halves is None or packed.scale_in != 0
            scales: _Part = (packed, "alpha", packed.alpha) if is_inside else (packed, "alpha_fp16", halves)
            rest: list[_Part] = [(layer, "bias", layer.bias), (packed, "index", packed.index)]
            return [(packed, "buffer", packed.buffer), scales, *rest]
        case Convolution2D() as layer:
            return [(layer, "weight", layer.weight), (layer, "bias", layer.bias)]
        case LayerNorm(gamma=gamma, beta=beta) as norm if gamma is not None and beta is not None:
            return [(norm, "gamma", gamma), (norm, "beta", beta)]
        case Blob(uint8s=halves) as blob if halves is not None:
            return [(blob, "uint8s", halves)]
        case Blob(int8s=None, float32s=floats) as blob if floats is not None:
            return [(blob, "float32s", floats)]
        case Blob(int8s=integers) as blob if integers is not None:
            return [(blob, "int8s", integers)]
    return []


def _sizes(parts: list[_Part]) -> list[int]:
    """In bytes; 0 for what the op has not."""
    return [0 if array is None else array.nbytes for _, _, array in parts]


def _move_weights(net: Net, stream: BinaryIO) -> None:
    """Writes the weights to the stream, and has the ops say where they are: [offset, the size of each]."""
    position = 0
    for op in _all_ops(net):
        if isinstance(op.main, Blob):
            _restore_floats(op.main)
        parts = _weights(op)
        sizes = _sizes(parts)
        if sum(sizes) < SMALLEST_EXTERNAL:
            continue
        parameter = op.main
        assert isinstance(parameter, Convolution2D | LayerNorm | Blob)
        parameter.external = [position, *sizes]
        for holder, field, array in parts:
            if array is not None:
                write_array(array, stream)
                setattr(holder, field, None)
        position += sum(sizes)


def _restore_floats(blob: Blob) -> None:
    """Makes f32 of halves: the runtime reads no constant halves from beside a model."""
    if blob.data_type is DataType.HALF and blob.uint8s is not None:
        blob.data_type, blob.float32s = DataType.FLOAT, blob.uint8s.view(np.float16).astype(np.float32)
        blob.uint8s = None
