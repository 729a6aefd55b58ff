"""Runs glmc and glmir inside the test's process, and makes the small models that the driver's tests compile."""

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from glmir.driver import glmc as glmc_module
from glmir.driver import workbench

DIGITS = Path(__file__).parents[3] / "examples" / "digits.onnx"


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def glmc(*arguments: object) -> Outcome:
    return _run(glmc_module.main, arguments)


def glmir(*arguments: object) -> Outcome:
    return _run(workbench.main, arguments)


def _run(main: Callable[[list[str]], int], arguments: Sequence[object]) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as leave:
            code = int(leave.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


def tensor(name: str, *dims: int | str, dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, dims)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto | str],
    constants: Mapping[str, NDArray[Any]] | None = None,
) -> onnx.ModelProto:
    """A model of opset 17; outputs given by name alone have no declared type."""
    infos = [onnx.ValueInfoProto(name=o) if isinstance(o, str) else o for o in outputs]
    initializers = [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(nodes, "g", inputs, infos, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def relu_model(x: str = "x", y: str = "y", dims: Sequence[int | str] = ("n", 3)) -> onnx.ModelProto:
    return model([helper.make_node("Relu", [x], [y], "relu")], [tensor(x, *dims)], [y])


def conv_model(channels: int = 3) -> onnx.ModelProto:
    """image [n, channels, h, w] through a convolution to features [n, 4, h, w]."""
    weight = np.random.default_rng(0).standard_normal((4, channels, 3, 3)).astype(np.float32)
    conv = helper.make_node("Conv", ["image", "weight"], ["features"], "conv", pads=[1, 1, 1, 1])
    return model([conv], [tensor("image", "n", channels, "h", "w")], ["features"], {"weight": weight})


def saved(path: Path, proto: onnx.ModelProto) -> Path:
    path.write_bytes(proto.SerializeToString())
    return path
