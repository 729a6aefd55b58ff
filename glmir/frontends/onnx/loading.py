"""From an ONNX file to a checked, sorted onnx-graphsurgeon graph whose weights stay in the mapped file.

Nothing in the model is run, and neither onnx's checker nor its shape inference is called.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from onnx_graphsurgeon.logger import G_LOGGER

from ...errors import CompileError, InputError
from ..file_mapping import map_file
from .blocked_channels import annotate_blocks
from .structure import NotTextError, examine, model_opsets, normal_domain
from .tensor_data import Array, MappedValues, TensorReader
from .wire import Buffer, TruncatedError, WireError, strip_payloads

_SILENT = G_LOGGER.CRITICAL + 1
_SNIFFED_BYTES = 512


@dataclass(frozen=True)
class LoadedModel:
    """A model whose names are all defined, whose nodes are in an order they can run in, whose constants are readable.

    A node's domain is '' where it is the standard's. Constants hold `MappedValues`, so `constant.values` is a view of
    the mapped file too, and their dtypes are those of ml_dtypes where numpy has none.
    """

    source: str
    """How messages name the model: its path, or that it came as bytes or ModelProto."""
    graph: gs.Graph
    opsets: dict[str, int]
    """Domain to version; the standard's domain is ''."""
    ir_version: int
    producer: str
    metadata_props: dict[str, str] = field(default_factory=dict)
    functions: dict[tuple[str, str], gs.Function] = field(default_factory=dict)
    """Model-local functions by (domain, name)."""
    warnings: tuple[str, ...] = ()
    """What the model leaves open, and how it is taken."""

    def tensor_array(self, constant: gs.Constant) -> Array:
        """The constant's elements, read-only, in its own shape and dtype; not copied where the file holds them plainly.

        Copied are elements of less than a byte, those stored as varints (int32_data, int64_data, uint64_data), tensors
        under a kilobyte, and all tensors of a model that came as a ModelProto.
        """
        return cast(Array, constant.values)


def load_graph(source: str | os.PathLike[str] | bytes | onnx.ModelProto) -> LoadedModel:
    """Reads an ONNX model from a path, from its serialised bytes, or from a ModelProto (which is left as it is).

    Raises InputError for what is no readable ONNX model, and CompileError with every structural problem of one that is:
    cycles, undefined or doubly defined names, missing outputs, opsets out of range, tensors whose data contradict their
    dimensions.
    """
    if isinstance(source, onnx.ModelProto):
        name = "the given ModelProto"
        return _load(source, name, TensorReader(name, None, frozenset(), None), is_own=False)
    if isinstance(source, bytes):
        return _load_buffer(source, "the given bytes", None)
    if not isinstance(source, str | os.PathLike):
        raise InputError(f"A model is a path, bytes or an onnx.ModelProto, not {type(source).__name__}.")
    path = os.fsdecode(source)
    return _load_buffer(map_file(path, "The model cannot be read"), path, os.path.dirname(path))


def _load_buffer(buffer: Buffer, name: str, folder: str | None) -> LoadedModel:
    if len(buffer) == 0:
        raise InputError(f"{name}: the file is empty.")
    try:
        stripped = strip_payloads(buffer)
        model = onnx.ModelProto.FromString(stripped.model)
    except WireError as error:
        is_cut_off = isinstance(error, TruncatedError) and _begins_like_onnx(buffer)
        verdict = "is truncated" if is_cut_off else "is not an ONNX model"
        raise InputError(_not_onnx(buffer, name, f"the file {verdict}: it {error}")) from None
    except Exception as error:  # protobuf's DecodeError, whose package has no types; nothing else runs in there
        raise InputError(_not_onnx(buffer, name, f"the file is not an ONNX model ({error})")) from None
    if not model.HasField("graph"):
        raise InputError(_not_onnx(buffer, name, "the file is not an ONNX model: it holds no graph"))
    return _load(model, name, TensorReader(name, buffer, stripped.ranges, folder), is_own=True)


def _load(model: onnx.ModelProto, name: str, reader: TensorReader, *, is_own: bool) -> LoadedModel:
    try:
        if len(model.graph.node) == 0 and len(model.graph.output) == 0:
            raise InputError(f"{name}: the graph has no nodes and no outputs, so there is nothing to compile.")
        structure = examine(model, reader)
        if structure.repairs and not structure.reasons and not is_own:
            copied = onnx.ModelProto()
            copied.CopyFrom(model)
            return _load(copied, name, reader, is_own=True)
        if structure.reasons:
            raise CompileError(structure.reasons, name)
        for repair in structure.repairs:
            repair()
        return _import(model, name, reader, structure.warnings)
    except (UnicodeDecodeError, NotTextError):  # versions of protobuf differ in which
        raise InputError(f"{name}: the file is damaged: a name in it is not UTF-8 text.") from None


def _import(model: onnx.ModelProto, name: str, reader: TensorReader, warnings: Sequence[str]) -> LoadedModel:
    try:
        with G_LOGGER.suppress(_SILENT):
            graph = gs.import_onnx(model)
    except UnicodeDecodeError:
        raise
    except Exception as error:  # whatever graphsurgeon trips over in a model that passed the examination
        raise CompileError([f"onnx-graphsurgeon cannot read the graph: {error}."], name) from error
    _adopt(graph, reader)
    for function in graph.functions:
        _adopt(function, reader)
    loaded = LoadedModel(
        source=name,
        graph=graph,
        opsets=model_opsets(model),
        ir_version=model.ir_version,
        producer=f"{_text(model.producer_name)} {_text(model.producer_version)}".strip(),
        metadata_props={_text(entry.key): _text(entry.value) for entry in model.metadata_props},
        functions={(normal_domain(function.domain), function.name): function for function in graph.functions},
        warnings=tuple(warnings),
    )
    annotate_blocks(graph, loaded.tensor_array, name)
    return loaded


def _text(text: str | bytes) -> str:
    """Free text of the model, which protobuf hands out as bytes where it is not UTF-8."""
    return text if isinstance(text, str) else text.decode(errors="replace")


def _adopt(graph: gs.Graph, reader: TensorReader) -> None:
    """Gives the constants of the graph and its subgraphs our values, and every node its normal domain."""
    for tensor in graph.outputs:
        _adopt_constant(tensor, reader)
    for node in graph.nodes:
        node.domain = normal_domain(node.domain or "")
        for tensor in node.inputs:
            _adopt_constant(tensor, reader)
        for value in node.attrs.values():
            if isinstance(value, gs.Graph):
                _adopt(value, reader)
            else:
                _adopt_constant(value, reader)


def _adopt_constant(tensor: object, reader: TensorReader) -> None:
    if not isinstance(tensor, gs.Constant):
        return
    # Asking for `.values` would make graphsurgeon decode them; it has no other way to say that they are still encoded.
    lazy = tensor._values
    if not isinstance(lazy, MappedValues | np.ndarray):
        tensor.values = MappedValues(lazy.tensor, reader)


def _begins_like_onnx(buffer: Buffer) -> bool:
    """Whether the first bytes look like a ModelProto: its ir_version, or its graph, opsets or producer."""
    return buffer[:1] in (b"\x08", b"\x12", b"\x3a", b"\x42") and _other_format(buffer[:_SNIFFED_BYTES]) is None


def _not_onnx(buffer: Buffer, name: str, reason: str) -> str:
    other = _other_format(buffer[:_SNIFFED_BYTES])
    return (
        f"{name}: {reason}."
        if other is None
        else f"{name}: the file is no model that glmc reads; it looks like {other}."
    )


def _other_format(head: bytes) -> str | None:
    """What a file that begins with `head` looks like, if that is something known."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    known = (
        (head.startswith(b"PK\x03\x04"), "a PyTorch archive (.pt, .pt2) or another zip file"),
        (head[4:8] == b"TFL3", "a TFLite model"),
        (head[4:8] == b"ORTM", "an ORT model of onnxruntime; give the ONNX model that it was made of"),
        (head[8:10] == b'{"' and head[4:8] == b"\0\0\0\0", "a safetensors file, which holds weights but no graph"),
        (head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5"), "a Python pickle (an old .pt or .pkl)"),
        (head.startswith(b"\x89HDF"), "an HDF5 file (a Keras .h5)"),
        (head.startswith(b"GGUF"), "a GGUF file"),
        (head.startswith(b"\x1f\x8b"), "a gzip archive; unpack it"),
        (head.startswith(b"\x93NUMPY"), "a numpy array"),
        (head.startswith(b"version https://git-lfs"), "a Git LFS pointer: the model itself was not fetched"),
        (text.startswith((b"<!doctype html", b"<html")), "an HTML page: the download failed"),
        (_is_text(head), "a text file"),
    )
    return next((description for applies, description in known if applies), None)


def _is_text(head: bytes) -> bool:
    return bool(head) and all(0x20 <= byte < 0x7F or byte in b"\t\r\n" for byte in head)
