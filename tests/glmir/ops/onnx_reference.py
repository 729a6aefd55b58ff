"""One-op programs, in onnxruntime and in the interpreter, for comparing what an op computes with what ONNX says."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx
import onnxruntime

from glmir.interpreter import run
from glmir.ir import Array, Function, Module, Op, Value
from glmir.ops.enums import Layout
from glmir.parser import parse_type
from glmir.types import DType, TensorType
from glmir.verifier import verify

OPSET = 22


def run_onnx(op_type: str, inputs: Sequence[Array | None], opset: int = OPSET, **attributes: object) -> Array:
    """The first output of one ONNX node in onnxruntime; None stands for an input left out."""
    while inputs[-1] is None:
        inputs = inputs[:-1]
    names = ["" if a is None else f"input{i}" for i, a in enumerate(inputs)]
    arrays = {name: a for name, a in zip(names, inputs, strict=True) if a is not None}
    node = onnx.helper.make_node(op_type, names, ["y"], **attributes)
    infos = [
        onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for name, a in arrays.items()
    ]
    element = onnx.helper.np_dtype_to_tensor_dtype(next(iter(arrays.values())).dtype)
    graph = onnx.helper.make_graph([node], "g", infos, [onnx.helper.make_tensor_value_info("y", element, None)])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (y,) = session.run(None, arrays)
    return np.asarray(y)


Build = Callable[..., Op]
"""Makes the op from the operands' values, None for an absent one."""


def run_op(build: Build, arrays: Sequence[Array | None], types: Mapping[int, str] | None = None) -> Array:
    """The only result of the op on ``arrays``, verified and interpreted, which also holds its shape against ``infer``.

    ``types`` gives operands, by position, a type that is not the array's own: one with symbolic dims.
    """
    values = [None if a is None else Value(_type_of(a, (types or {}).get(i)), f"v{i}") for i, a in enumerate(arrays)]
    function = Function("main", [v for v in values if v is not None])
    op = build(*values)
    function.ops.append(op)
    function.set_outputs([op.result], ["y"])
    module = Module([function])
    verify(module)
    inputs = {v.name: a for v, a in zip(values, arrays, strict=True) if v is not None and a is not None}
    return run(module, inputs)["y"]


def _type_of(array: Array, text: str | None) -> TensorType:
    return TensorType(DType.of(array.dtype), array.shape) if text is None else parse_type(text)


def symbolic_type(array: Array, layout: Layout = Layout.NCHW) -> str:
    """The type of an image batch with the batch and the spatial sizes unknown."""
    free = {0: "n"} | dict(zip(layout.spatial_axes(array.ndim), "dhw", strict=False))
    dims = [free.get(i, str(d)) for i, d in enumerate(array.shape)]
    return f"{DType.of(array.dtype).value}[{', '.join(dims)}]"


def to_nhwc(x: Array) -> Array:
    return np.moveaxis(x, 1, -1)


def to_nchw(x: Array) -> Array:
    return np.moveaxis(x, -1, 1)


def random_array(shape: Sequence[int], seed: int = 0, dtype: "type[np.generic]" = np.float32) -> Array:
    """Seeded, normally distributed numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def assert_close(actual: Array, expected: Array, relative: float = 1e-5) -> None:
    """Equal dtype and shape, elements within ``relative`` of the largest magnitude."""
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    scale = float(np.max(np.abs(np.asarray(expected, np.float64)), initial=1e-30))
    np.testing.assert_allclose(
        np.asarray(actual, np.float64), np.asarray(expected, np.float64), rtol=0, atol=relative * scale
    )
