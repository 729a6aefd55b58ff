"""A legal module to an MNN file, and the file of its weights beside it where they do not fit."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ...ir import Array, Module
from ...ir import Op as IrOp
from ..array_bytes import write_array
from ..emission import check_legal
from ..flatbuffer import MAX_BYTES, Table, write
from .emitters import TABLE
from .graph import Graph
from .schema import ExtraInfo, Net, Op
from .schema_enums import NetSource
from .schema_parameters import Blob, Convolution2D, LayerNorm

VERSION = "3.6.1"
"""The runtime's version whose schema and meaning of ops we write; readers find it in the file."""

MARGIN = 2**24
"""What tables, names and padding may add to the weights before a file is taken to exceed one FlatBuffer."""

WEIGHT_SUFFIX = ".weight"
"""The runtime looks for weights that a file lacks in the file of its name and this."""

SMALLEST_EXTERNAL = 1024
"""Weights of fewer bytes stay in the model: constants that shapes are computed from must be."""


def serialize(module: Module, path: Path, largest: int = MAX_BYTES - MARGIN) -> None:
    """Writes the module as an MNN model to ``path``, which must not exist yet.

    Weights of more than ``largest`` bytes in all stand in ``<path>.weight`` beside it, since a FlatBuffer ends at 2 GB.
    Raises CompileError with every op that MNN cannot express.
    """
    check_legal(module, TABLE, "mnn")
    net = build(module)
    size = sum(array.nbytes for op in _all_ops(net) for _, array in _weights(op))
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


def _weights(op: Op) -> list[tuple[str, Array]]:
    """The weights of an op that can stand outside the file, in the order in which they must."""
    match op.main:
        case Convolution2D(weight=weight, bias=bias) if weight is not None and bias is not None:
            return [("weight", weight), ("bias", bias)]
        case LayerNorm(gamma=gamma, beta=beta) if gamma is not None and beta is not None:
            return [("gamma", gamma), ("beta", beta)]
        case Blob(float32s=floats) if floats is not None:
            return [("float32s", floats)]
    return []


def _move_weights(net: Net, stream: BinaryIO) -> None:
    """Writes the weights to the stream, and has the ops say where they are: [offset, the size of each]."""
    position = 0
    for op in _all_ops(net):
        found = _weights(op)
        if sum(array.nbytes for _, array in found) < SMALLEST_EXTERNAL:
            continue
        parameter = op.main
        assert isinstance(parameter, Table) and isinstance(parameter, Convolution2D | LayerNorm | Blob)
        parameter.external = [position, *(array.nbytes for _, array in found)]
        for name, array in found:
            write_array(array, stream)
            position += array.nbytes
            setattr(parameter, name, None)
