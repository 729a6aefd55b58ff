"""The types that a model declares for its inputs and outputs."""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from ...dims import Dim, known_different, symbol
from ...types import DType, TensorType

_NO_NAMES = frozenset(("", "?", "*", "-1", "None", "none", "unknown"))
"""What exporters write for a dim they know nothing of: two dims with such a name need not be equal."""

_ELEMENTWISE = (
    "Abs", "Add", "Cast", "Ceil", "Celu", "Clip", "Div", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid",
    "HardSwish", "Hardmax", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Log", "LogSoftmax", "Mish", "Mul", "Neg", "Not",
    "Pow", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Softmax", "Softplus", "Softsign", "Sqrt", "Sub",
    "Swish", "Tanh", "ThresholdedRelu",
)  # fmt: skip

_LIKE_THEIR_FIRST = ("CastLike", "Dropout", "QuantizeLinear", "DequantizeLinear")
"""Operators whose result has the shape of their first operand, whatever the others are."""

_BFLOAT16: int = onnx.TensorProto.BFLOAT16


def input_type(tensor: gs.Tensor) -> TensorType:
    """The declared type of a graph input, with a symbol for every dim that is no number.

    A dim without a name gets one from the input's name, as an identifier, and its place. Raises ValueError, whose
    message says why, for what is no tensor of known element type and rank.
    """
    dtype = _dtype(tensor)
    if dtype is None or tensor.shape is None:
        raise ValueError("its dtype and rank must be known; give them with --input")
    prefix = re.sub(r"\W|^(?=\d)", "_", tensor.name, flags=re.ASCII)
    dims = (_dim(dim, f"{prefix}_dim{place}") for place, dim in enumerate(tensor.shape))
    return TensorType(dtype, tuple(dims))


DeclaredShapes = Mapping[str, Sequence[object] | None]
"""Shapes by tensor name."""


def declared_shapes(graph: gs.Graph | gs.Function, outputs: Iterable[Sequence[object] | None]) -> DeclaredShapes:
    """The shapes of the graph's outputs, as the model declares them, and those that follow from them.

    An elementwise operator of one tensor, or of one and a scalar constant, leaves the shape as it is.
    """
    pairs = zip(graph.outputs, outputs, strict=False)
    shapes: dict[str, Sequence[object] | None] = {t.name: shape for t, shape in pairs if shape is not None}
    if not shapes:
        return shapes
    constants = (node for node in graph.nodes if node.op == "Constant" and node.outputs)
    scalars = {node.outputs[0].name for node in constants if _is_scalar(node.attrs.get("value"))}
    for node in reversed(graph.nodes):
        shape = shapes.get(node.outputs[0].name) if node.outputs and not node.domain else None
        if shape is None:
            continue
        if node.op in _LIKE_THEIR_FIRST and node.inputs:
            shapes.setdefault(node.inputs[0].name, shape)
        elif node.op in _ELEMENTWISE:
            others = {t.name for t in node.inputs if t.name not in scalars and not _is_scalar(t)}
            if len(others) == 1:
                shapes.setdefault(others.pop(), shape)
    return shapes


def shapes_in_loop(
    outputs: Sequence[gs.Tensor], types: Sequence[TensorType | None], results: Sequence[Sequence[object] | None]
) -> list[Sequence[object] | None]:
    """The shapes of what the body of a loop gives: the condition, values, which had the ``types``, and rows.

    Those of values are the body's own, where they are what the values began with, those of rows follow from the
    ``results`` of the loop.
    """
    shapes: list[Sequence[object] | None] = [None]
    for tensor, type_ in zip(outputs[1:], types, strict=False):
        keeps = type_ is not None and tensor.shape is not None and list(tensor.shape) == list(type_.shape)
        shapes.append(tensor.shape if keeps else None)
    return [*shapes, *(shape[1:] if shape else None for shape in results[len(types) :])]


def keeps_sizes(tensors: Sequence[gs.Tensor], types: Mapping[str, TensorType]) -> bool:
    """Whether the inputs have the sizes that the model declares: else what it declares of its outputs holds no more."""
    return not any(
        isinstance(size, int) and size >= 0 and known_different(size, dim)
        for t in tensors
        if t.name in types and t.shape is not None
        for size, dim in zip(t.shape, types[t.name].shape, strict=False)
    )


def _is_scalar(tensor: object) -> bool:
    return isinstance(tensor, gs.Constant) and tensor.shape is not None and len(tensor.shape) == 0


def dtype_contradiction(tensor: gs.Tensor, type_: TensorType) -> str | None:
    """How the declared dtype of a graph output differs from that of ``type_``, what its nodes compute."""
    try:
        dtype = _dtype(tensor)
    except ValueError as error:
        return str(error)
    if dtype is not None and dtype is not type_.dtype:
        return f"it is declared as {dtype.value}, but its nodes compute {type_}"
    return None


def shape_contradiction(tensor: gs.Tensor, type_: TensorType) -> str | None:
    """How the declared shape of a graph output differs from that of ``type_``; None if it need not.

    Exporters declare wrong shapes, and runtimes take what is computed. Names of dims are not compared: outputs' dims
    get names of their own, or those of unrelated dims.
    """
    if tensor.shape is None:
        return None
    declared = [_dim(dim, "?") for dim in tensor.shape]
    is_possible = len(declared) == type_.rank and not any(
        isinstance(a, int) and known_different(a, b) for a, b in zip(declared, type_.shape, strict=True)
    )
    if is_possible:
        return None
    text = ", ".join(str(raw) if isinstance(raw, int | str) and raw != -1 else "?" for raw in tensor.shape)
    return f"it is declared as [{text}], but its nodes compute {type_}"


def _dtype(tensor: gs.Tensor) -> DType | None:
    """None when it is not declared; raises ValueError for what the IR has no type for."""
    kind = getattr(tensor, "type", "tensor_type")
    if kind not in (None, "tensor_type"):
        raise ValueError(f"its type is {kind.removesuffix('_type')}; only tensors can be compiled")
    dtype = tensor.dtype
    if dtype is None or dtype == onnx.TensorProto.UNDEFINED:
        return None
    if isinstance(dtype, int):
        # graphsurgeon keeps the number of an element type that plain numpy lacks.
        if dtype != _BFLOAT16:
            raise ValueError(f"elements of type {onnx.TensorProto.DataType.Name(dtype)} are not supported")
        return DType.BF16
    if np.dtype(dtype) == np.object_:
        raise ValueError("strings are not supported")
    return DType.of(dtype)


def _dim(dim: object, default_name: str) -> Dim:
    if isinstance(dim, int) and dim >= 0:
        return dim
    is_name = isinstance(dim, str) and dim not in _NO_NAMES
    return symbol(str(dim) if is_name else default_name)
