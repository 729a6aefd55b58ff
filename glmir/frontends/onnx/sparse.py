"""Sparse tensors of a model, spelled out: what reads the graph knows dense ones alone.

onnx.proto, message SparseTensorProto: ``values`` holds the elements that are not zero, ``indices`` their places, either
as numbers in row-major order, shape [NNZ], or as coordinates, shape [NNZ, rank]; ``dims`` is the dense shape.
"""

import math

import numpy as np
import onnx

from .tensor_data import Array, TensorReader

LARGEST = 2**30
"""How many elements a spelled-out tensor may have."""


def sparse_problem(sparse: onnx.SparseTensorProto, reader: TensorReader) -> str | None:
    """Why the tensor cannot be spelled out, completing a sentence that starts with its name; None if it can.

    Raises InputError where its external data file cannot be read.
    """
    for tensor in (sparse.values, sparse.indices):
        if problem := reader.problem(tensor):
            return problem
    dims, count = list(sparse.dims), len(_flat(reader.array(sparse.values)))
    if sparse.values.data_type == onnx.TensorProto.STRING:
        return "is a sparse tensor of strings, which is not supported"
    if any(d < 0 for d in dims) or math.prod(dims) > LARGEST:
        return f"is sparse with the dimensions {dims}, which are not supported"
    if sparse.indices.data_type != onnx.TensorProto.INT64 and count:
        return "is sparse, but its indices are not 64-bit integers"
    if list(sparse.indices.dims) not in ([count], [count, len(dims)]) and count:
        return f"is sparse with {count} values, but its indices have the dimensions {list(sparse.indices.dims)}"
    if not _are_inside(reader.array(sparse.indices), dims):
        return f"is sparse with the dimensions {dims}, but an index lies outside of them"
    return None


def dense(sparse: onnx.SparseTensorProto, reader: TensorReader) -> onnx.TensorProto:
    """The tensor with all its elements and the name of the values; it must have no problem."""
    values, dims = _flat(reader.array(sparse.values)), tuple(sparse.dims)
    elements = np.zeros(dims, values.dtype)
    if len(values):
        indices = reader.array(sparse.indices)
        if indices.ndim == 1:
            elements.reshape(-1)[indices] = values
        else:
            elements[tuple(indices.T)] = values
    made = onnx.numpy_helper.from_array(elements, sparse.values.name)
    # Of the same bits, numpy may know another type than the tensor's.
    made.data_type = sparse.values.data_type
    return made


def spell_out_initializers(graph: onnx.GraphProto, reader: TensorReader) -> None:
    """Makes ordinary initializers of the graph's sparse ones."""
    graph.initializer.extend(dense(sparse, reader) for sparse in graph.sparse_initializer)
    graph.ClearField("sparse_initializer")


def spell_out_attribute(node: onnx.NodeProto, name: str, reader: TensorReader) -> None:
    """Makes the value of a Constant node of its sparse one."""
    attributes = [a for a in node.attribute if a.name != name]
    (sparse,) = (a.sparse_tensor for a in node.attribute if a.name == name)
    value = onnx.helper.make_attribute("value", dense(sparse, reader))
    del node.attribute[:]
    node.attribute.extend([*attributes, value])


def _flat(values: Array) -> Array:
    return values.reshape(-1)


def _are_inside(indices: Array, dims: list[int]) -> bool:
    bounds = np.array([math.prod(dims)] if indices.ndim == 1 else dims)
    places = indices.astype(np.int64).reshape(-1, bounds.size)
    return bool((places >= 0).all() and (places < bounds).all())
