"""Runs an ONNX file in onnxruntime."""

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...dims import Dim, symbol
from ...errors import GlmirError, InputError
from ...types import Array, DType, TensorType
from .initializers import ONNX_TYPES

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, NodeArg, OrtValue

_TYPES = {
    "tensor(bool)": DType.BOOL,
    "tensor(int8)": DType.I8,
    "tensor(int16)": DType.I16,
    "tensor(int32)": DType.I32,
    "tensor(int64)": DType.I64,
    "tensor(uint8)": DType.U8,
    "tensor(uint16)": DType.U16,
    "tensor(uint32)": DType.U32,
    "tensor(uint64)": DType.U64,
    "tensor(float16)": DType.F16,
    "tensor(bfloat16)": DType.BF16,
    "tensor(float)": DType.F32,
    "tensor(double)": DType.F64,
}
_FATAL = 4


def run(path: Path, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The model's outputs for named arrays.

    Raises InputError when onnxruntime is not installed or the inputs do not fit, GlmirError when the runtime fails.
    """
    with _failures(path):
        session = _session(path)
        arrays = _checked(_types(session), inputs)
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, run_session(session, names, arrays), strict=True))


def input_types(path: Path) -> dict[str, TensorType]:
    """The types of the model's inputs by name.

    Raises InputError when onnxruntime is not installed, GlmirError when it cannot read the model.
    """
    with _failures(path):
        return _types(_session(path))


def _session(path: Path) -> "InferenceSession":
    try:
        import onnxruntime
    except ImportError:
        raise InputError("running a .onnx file needs onnxruntime: pip install 'glmc[onnxruntime]'") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _types(session: "InferenceSession") -> dict[str, TensorType]:
    return {argument.name: _type(argument) for argument in session.get_inputs()}


def _type(argument: "NodeArg") -> TensorType:
    if argument.type not in _TYPES:
        raise InputError(f"input {argument.name} is a {argument.type}, of which there are no arrays")
    return TensorType(_TYPES[argument.type], tuple(_dim(d, i, argument.name) for i, d in enumerate(argument.shape)))


def _dim(dim: int | str | None, axis: int, name: str) -> Dim:
    return dim if isinstance(dim, int) else symbol(dim or f"{name}_dim{axis}")


def _checked(types: Mapping[str, TensorType], inputs: Mapping[str, Array]) -> dict[str, Array]:
    if set(types) != set(inputs):
        raise InputError(f"the inputs are {_list(types)}, not {_list(inputs)}")
    for name, type_ in types.items():
        array = np.asarray(inputs[name])
        if array.dtype != type_.dtype.numpy:
            raise InputError(f"input {name} is {type_.dtype.numpy}, not {array.dtype}")
        pairs = zip(type_.shape, array.shape, strict=False)
        if type_.rank != array.ndim or any(isinstance(d, int) and d != size for d, size in pairs):
            raise InputError(f"input {name} has shape {_sizes(type_)}, not {list(array.shape)}")
    return {name: np.asarray(array) for name, array in inputs.items()}


def _sizes(type_: TensorType) -> str:
    return f"[{', '.join(str(d) if isinstance(d, int) else '?' for d in type_.shape)}]"


def _list(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "none"


def run_session(session: "InferenceSession", names: Sequence[str], arrays: Mapping[str, Array]) -> list[Array]:
    """The outputs of these names for named arrays of any dtype; raises what onnxruntime raises."""
    from onnxruntime import OrtValue

    types = [*(a.type for a in session.get_inputs()), *(a.type for a in session.get_outputs())]
    if _BFLOAT16 not in types:
        return list(session.run(names, dict(arrays)))
    # Neither numpy nor DLPack for numpy has the dtype: such arrays go in and out by their bytes.
    values = {
        name: OrtValue.ortvalue_from_numpy_with_onnx_type(array.view(np.uint16), ONNX_TYPES[DType.BF16])
        if DType.of(array.dtype) is DType.BF16
        else OrtValue.ortvalue_from_numpy(array)
        for name, array in arrays.items()
    }
    return [_array(value) for value in session.run_with_ort_values(list(names), values)]


_BFLOAT16 = "tensor(bfloat16)"


def _array(value: "OrtValue") -> Array:
    if value.data_type() != _BFLOAT16:
        return np.asarray(value.numpy())
    shape = tuple(value.shape())
    if 0 in shape:
        return np.zeros(shape, DType.BF16.numpy)
    content = (ctypes.c_uint16 * prod(shape)).from_address(value.data_ptr())
    return np.array(content, np.uint16).view(DType.BF16.numpy).reshape(shape)


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    """Turns what the runtime raises into a GlmirError."""
    try:
        yield
    except (GlmirError, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        # onnxruntime has an exception class per status code, and no public base of them.
        reason = str(error).strip().split("\n")[0]
        raise GlmirError(f"onnxruntime cannot run {path}: {reason}") from error
