"""Exported programs put together by hand, so that they can be wrong in every way."""

import json
from collections.abc import Mapping, Sequence

import numpy as np

from glmir.ir import Array
from tests.glmir.frontends.torch_archives.building import Entry, zip_of

Json = dict[str, object]

FLOAT = 7
INT64 = 5


def meta(sizes: Sequence[int | str], dtype: int = FLOAT, **changes: object) -> Json:
    """A TensorMeta of a contiguous tensor; a size that is text is an expression."""
    dims = [{"as_int": s} if isinstance(s, int) else {"as_expr": {"expr_str": s, "hint": None}} for s in sizes]
    strides = [1]
    for size in reversed(sizes[1:]):
        strides.insert(0, strides[0] * (size if isinstance(size, int) else 1))
    return {
        "dtype": dtype,
        "sizes": dims,
        "requires_grad": False,
        "device": {"type": "cpu", "index": None},
        "strides": [{"as_int": s} for s in strides[: len(sizes)]],
        "storage_offset": {"as_int": 0},
        "layout": 7,
        **changes,
    }


def tensor(name: str) -> Json:
    return {"as_tensor": {"name": name}}


def node(target: str, outputs: str | Sequence[Json], *args: Json, **kwargs: Json) -> Json:
    """A call of an ATen operation (or, with a dot in it, of another target)."""
    named = [tensor(outputs)] if isinstance(outputs, str) else list(outputs)
    positional = [{"name": "", "arg": arg, "kind": 1} for arg in args]
    return {
        "target": target if "." in target else f"torch.ops.aten.{target}.default",
        "inputs": [*positional, *({"name": n, "arg": a, "kind": 2} for n, a in kwargs.items())],
        "outputs": named,
        "metadata": {},
    }


def graph(inputs: Mapping[str, Json], nodes: Sequence[Json], outputs: Sequence[Json]) -> Json:
    """A graph whose inputs are tensors of the given metas."""
    return {
        "inputs": [tensor(name) for name in inputs],
        "outputs": list(outputs),
        "nodes": list(nodes),
        "tensor_values": dict(inputs),
        "sym_int_values": {},
        "sym_bool_values": {},
    }


def user(name: str) -> Json:
    return {"user_input": {"arg": tensor(name)}}


def returned(argument: Json) -> Json:
    return {"user_output": {"arg": argument}}


def program(
    inputs: Mapping[str, Json],
    nodes: Sequence[Json],
    outputs: Sequence[Json],
    input_specs: Sequence[Json] | None = None,
    output_specs: Sequence[Json] | None = None,
) -> Json:
    """A program; unless specs are given, all inputs and outputs are the user's."""
    return {
        "graph_module": {
            "graph": graph(inputs, nodes, outputs),
            "signature": {
                "input_specs": list(input_specs) if input_specs is not None else [user(name) for name in inputs],
                "output_specs": list(output_specs) if output_specs is not None else [returned(o) for o in outputs],
            },
            "module_call_graph": [],
        },
        "opset_version": {"aten": 10},
        "range_constraints": {},
        "schema_version": {"major": 8, "minor": 99},
        "torch_version": "2.99",
    }


def relu_program(*sizes: int | str, **changes: object) -> Json:
    """y = relu(x)"""
    return program({"x": meta(sizes)}, [node("relu", "y", tensor("x"))], [tensor("y")]) | changes


def payload(path: str, array: Array, **changes: object) -> Json:
    """The entry of a weight that fills its member."""
    codes = {"float32": FLOAT, "int64": INT64, "bool": 12}
    described = meta(array.shape, codes[str(array.dtype)])
    return {"path_name": path, "is_param": True, "use_pickle": False, "tensor_meta": described, **changes}


def archive(
    content: Json | bytes,
    weights: Mapping[str, Json] | None = None,
    constants: Mapping[str, Json] | None = None,
    **members: bytes | Array,
) -> bytes:
    """A .pt2 file; ``members`` are those of data/weights, but for names that begin with ``tensor_``."""
    encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
    files = {
        "archive_format": b"pt2",
        "byteorder": b"little",
        "models/model.json": encoded,
        "data/weights/model_weights_config.json": json.dumps({"config": dict(weights or {})}).encode(),
        "data/constants/model_constants_config.json": json.dumps({"config": dict(constants or {})}).encode(),
    }
    for name, member in members.items():
        folder = "constants" if name.startswith("tensor_") else "weights"
        files[f"data/{folder}/{name}"] = member if isinstance(member, bytes) else np.ascontiguousarray(member).tobytes()
    return zip_of([Entry(f"m/{name}", data) for name, data in files.items()])
