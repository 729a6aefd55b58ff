"""Reference results from onnxruntime, for one node."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import helper

Array = NDArray[Any]


def onnx_outputs(
    op_type: str, inputs: Mapping[str, Array], outputs: int = 1, opset: int = 18, **attributes: Any
) -> list[Array]:
    """The node's results; an input whose name starts with "_" is left out."""
    names = ["" if name.startswith("_") else name for name in inputs]
    results = [f"result{i}" for i in range(outputs)]
    node = helper.make_node(op_type, names, results, **attributes)
    given = {name: array for name, array in inputs.items() if not name.startswith("_")}
    graph = helper.make_graph(
        [node],
        "node",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in given.items()
        ],
        [helper.make_empty_tensor_value_info(name) for name in results],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(result) for result in session.run(None, dict(given))]
