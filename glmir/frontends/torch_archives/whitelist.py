"""The globals that a PyTorch pickle may name, and what each stands for here. Nothing is ever imported or looked up.

The list is what PyTorch's writers use: torch/csrc/jit/serialization/pickler.cpp, torch/_utils.py and the reductions of
torch.Tensor, torch.nn.Parameter, torch.Size, torch.device and torch.dtype. What a global builds never copies its
arguments: a pickle can name one argument a million times, so that a copy each time would be a bomb.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ...errors import InputError
from ...types import DType
from .storages import DTYPES, MAX_RANK, STORAGE_CLASSES, NumpyDType, Quantization, Storage, Storages, StoredTensor

MAX_NAME = 1024
SCRIPT_PACKAGE = "__torch__"
_MAX_SHOWN_NAME = 120

Arguments: TypeAlias = tuple[object, ...]


class UnknownGlobalError(InputError):
    """A pickle names something that is not on the list."""

    def __init__(self, pickle: str, name: str) -> None:
        self.name = name
        super().__init__(
            f"{pickle} asks for {name[:_MAX_SHOWN_NAME]}, which is not among the few things a PyTorch model may name: "
            "nothing of it was run, and the file is refused. If you trust it, load it with PyTorch and save the model "
            "with torch.jit.save or torch.export.save."
        )


@dataclass(frozen=True, slots=True)
class ScriptClass:
    """A class that the archive's ``code/`` defines."""

    name: str


@dataclass(frozen=True, slots=True)
class StorageClass:
    """A storage class of torch, which says the dtype of a persistent id."""

    name: str


@dataclass(frozen=True, slots=True)
class TensorClass:
    """torch.Tensor or one of the classes that are nothing but tensors."""

    name: str


@dataclass(frozen=True, slots=True)
class Constructor:
    """Something that a pickle may call. ``build`` raises MalformedError for arguments that PyTorch does not write."""

    name: str
    build: Callable[[Arguments], object]


class MalformedError(Exception):
    """Arguments that no writer of PyTorch gives; the message says what is wrong with them."""


class Whitelist:
    """What the pickles of one archive may name."""

    def __init__(self, pickle: str, storages: Storages) -> None:
        self._pickle = pickle
        self._storages = storages
        tensors: dict[str, Callable[[Arguments], object]] = {
            "torch._utils._rebuild_tensor": self._rebuild_tensor_v2,
            "torch._utils._rebuild_tensor_v2": self._rebuild_tensor_v2,
            "torch._utils._rebuild_tensor_v3": self._rebuild_tensor_v3,
            "torch._utils._rebuild_qtensor": self._rebuild_qtensor,
            "torch._tensor._rebuild_from_type_v2": self._rebuild_from_type,
        }
        self._constructors = {name: Constructor(name, build) for name, build in {**_BUILDERS, **tensors}.items()}

    def find(self, module: str, name: str) -> object:
        """What ``module.name`` stands for. Raises UnknownGlobalError if it is not on the list, InputError if long."""
        if len(module) + len(name) > MAX_NAME:
            raise UnknownGlobalError(self._pickle, f"{module[:_MAX_SHOWN_NAME]}…")
        full = f"{module}.{name}"
        if module == SCRIPT_PACKAGE or module.startswith(f"{SCRIPT_PACKAGE}."):
            return ScriptClass(full)
        if full in self._constructors:
            return self._constructors[full]
        if module in ("torch", "torch.storage") and name in STORAGE_CLASSES:
            return StorageClass(name)
        if full in _TENSOR_CLASSES:
            return TensorClass(full)
        if module == "torch" and name in _TORCH_CONSTANTS:
            return _TORCH_CONSTANTS[name]
        if full in _REFUSED:
            raise InputError(f"{self._pickle} holds {_REFUSED[full]}.")
        raise UnknownGlobalError(self._pickle, full)

    def load_storage(self, persistent_id: object) -> Storage:
        """The storage of ``("storage", class, key, location, elements)``; raises MalformedError, InputError."""
        match persistent_id:
            case ("storage", StorageClass(name), str(key), str(), int(elements)) if len(key) <= MAX_NAME:
                return self._storages.find(key, name, elements)
        raise MalformedError("a persistent id is not that of a storage")

    def _view(self, storage: Storage, dtype: NumpyDType | None, rest: Arguments, trained: object) -> StoredTensor:
        match rest:
            case (int(offset), tuple(shape), tuple(strides)) if len(shape) == len(strides) <= MAX_RANK:
                sizes, steps = _integers(shape), _integers(strides)
            case _:
                raise MalformedError("a tensor has no offset, shape and strides")
        if dtype is None:
            raise MalformedError("a tensor over an untyped storage does not say its dtype")
        array = self._storages.view(storage, dtype, offset, sizes, steps)
        return StoredTensor(array, storage.member, offset, steps, trained is True)

    def _rebuild_tensor_v2(self, arguments: Arguments) -> StoredTensor:
        match arguments:
            case (Storage() as storage, *rest) if len(rest) in (3, 5, 6):
                _refuse_lazy_bits(rest[5:])
                return self._view(storage, storage.dtype, tuple(rest[:3]), rest[3] if len(rest) > 3 else False)
        raise MalformedError("a tensor is not rebuilt from a storage, offset, shape and strides")

    def _rebuild_tensor_v3(self, arguments: Arguments) -> StoredTensor:
        match arguments:
            case (Storage() as storage, offset, shape, strides, trained, _, DType() | str() as dtype, *rest):
                _refuse_lazy_bits(rest)
                return self._view(storage, _numpy_dtype(dtype), (offset, shape, strides), trained)
        raise MalformedError("a tensor is not rebuilt from a storage, offset, shape, strides and dtype")

    def _rebuild_qtensor(self, arguments: Arguments) -> StoredTensor:
        match arguments:
            case (Storage() as storage, offset, shape, strides, tuple(quantizer), trained, _):
                plain = self._view(storage, storage.dtype, (offset, shape, strides), trained)
            case _:
                raise MalformedError("a quantized tensor is not rebuilt from a storage, shape and quantizer")
        quantization = _quantization(quantizer, plain.array.shape)
        return StoredTensor(plain.array, plain.storage, plain.offset, plain.strides, plain.requires_grad, quantization)

    def _rebuild_from_type(self, arguments: Arguments) -> object:
        match arguments:
            case (Constructor(build=build), TensorClass(), tuple(inner), _):
                return build(inner)
        raise MalformedError("a tensor of some class is not rebuilt from a function, class, arguments and state")


def _quantization(quantizer: Arguments, shape: tuple[int, ...]) -> Quantization:
    match quantizer:
        case ("per_tensor_affine" as scheme, float(scale), int(zero_point)) if abs(zero_point) < 1 << 31:
            return Quantization(scheme, np.array([scale]), np.array([zero_point], np.int64), None)
        case (
            ("per_channel_affine" | "per_channel_affine_float_qparams") as scheme,
            StoredTensor(array=scales),
            StoredTensor(array=zero_points),
            int(axis),
        ) if 0 <= axis < len(shape) and scales.shape == zero_points.shape == (shape[axis],):
            return Quantization(scheme, scales, zero_points, axis)
    raise MalformedError("the scales and zero points of a quantized tensor do not fit it")


def _numpy_dtype(dtype: DType | str) -> NumpyDType:
    if isinstance(dtype, DType):
        return dtype.numpy
    if dtype not in DTYPES:
        raise MalformedError("a tensor has a dtype that torch has not")
    return DTYPES[dtype]


def _integers(values: Arguments) -> tuple[int, ...]:
    integers = tuple(value for value in values if isinstance(value, int))
    if len(integers) != len(values):
        raise MalformedError("a shape is not made of integers")
    return integers


def _refuse_lazy_bits(metadata: list[object]) -> None:
    """A tensor may be marked as the conjugate or the negative of its storage."""
    if metadata and metadata[0]:
        raise InputError("A tensor is marked as conjugate or negated: save x.resolve_conj().resolve_neg().")


def _build_parameter(arguments: Arguments) -> object:
    match arguments:
        case (StoredTensor() as tensor, _, _) | (StoredTensor() as tensor, _, _, _):
            return tensor
    raise MalformedError("a parameter is not rebuilt from a tensor")


def _build_ordered_dict(arguments: Arguments) -> object:
    if arguments:
        raise MalformedError("an OrderedDict is built with arguments")
    return {}


def _build_size(arguments: Arguments) -> object:
    match arguments:
        case (tuple(sizes),):
            return sizes
    raise MalformedError("a torch.Size is not built from a tuple")


def _build_device(arguments: Arguments) -> object:
    match arguments:
        case (str(device),) if len(device) < MAX_NAME:
            return device
        case (str(device), int(index)) if len(device) < MAX_NAME:
            return f"{device}:{index}"
    raise MalformedError("a torch.device is not built from its name")


def _build_complex(arguments: Arguments) -> object:
    match arguments:
        case (float(real), float(imaginary)):
            return complex(real, imaginary)
    raise MalformedError("a complex number is not built from two floats")


def _build_list(arguments: Arguments) -> object:
    match arguments:
        case (list(items),):
            return items
    raise MalformedError("a typed list is not built from a list")


def _build_tagged(arguments: Arguments) -> object:
    match arguments:
        case ((list() | dict()) as value, str()):
            return value
    raise MalformedError("a type tag is not that of a list or dict")


def _build_layout(arguments: Arguments) -> object:
    match arguments:
        case (str(layout),):
            return layout.removeprefix("torch.")
    raise MalformedError("a layout is not built from its name")


_BUILDERS: dict[str, Callable[[Arguments], object]] = {
    "__builtin__.complex": _build_complex,
    "builtins.complex": _build_complex,
    "collections.OrderedDict": _build_ordered_dict,
    "torch.Size": _build_size,
    "torch._utils._rebuild_parameter": _build_parameter,
    "torch._utils._rebuild_parameter_with_state": _build_parameter,
    "torch.device": _build_device,
    "torch.jit._pickle.build_boollist": _build_list,
    "torch.jit._pickle.build_doublelist": _build_list,
    "torch.jit._pickle.build_intlist": _build_list,
    "torch.jit._pickle.build_tensorlist": _build_list,
    "torch.jit._pickle.restore_type_tag": _build_tagged,
    "torch.serialization._get_layout": _build_layout,
}

_TENSOR_CLASSES = frozenset(("torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"))

_IR_DTYPES = {
    "float16": DType.F16,
    "float32": DType.F32,
    "float64": DType.F64,
    "bfloat16": DType.BF16,
    "bool": DType.BOOL,
    **{
        f"{sign}int{bits}": DType(f"{letter}{bits}")
        for sign, letter in (("", "i"), ("u", "u"))
        for bits in (8, 16, 32, 64)
    },
}
_SCHEMES = ("per_tensor_affine", "per_channel_affine", "per_channel_affine_float_qparams", "per_tensor_symmetric")
_FORMATS = ("contiguous_format", "preserve_format", "channels_last", "channels_last_3d", "strided")
_TORCH_CONSTANTS: dict[str, DType | str] = {
    **{name: name for name in (*DTYPES, *_SCHEMES, *_FORMATS)},
    **_IR_DTYPES,
}
"""What ``torch.<name>`` stands for: dtypes of the IR as such, the rest by name."""

_UNREAD = "which glmc does not read"
_REFUSED = {
    "torch.QUInt2x4Storage": f"weights of 2 bits (quint2x4), {_UNREAD}; quantize the float model with glmc",
    "torch.QUInt4x2Storage": f"weights of 4 bits (quint4x2), {_UNREAD}; quantize the float model with glmc",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": f"tensors of an accelerator, {_UNREAD}; save from the CPU",
    "torch._utils._rebuild_device_tensor_from_numpy": f"tensors of an accelerator, {_UNREAD}; save from the CPU",
    "torch._utils._rebuild_meta_tensor_no_storage": "tensors without weights (device meta); load the weights first",
    "torch._utils._rebuild_nested_tensor": f"nested tensors, {_UNREAD}; save padded ones",
    "torch._utils._rebuild_sparse_tensor": f"sparse tensors, {_UNREAD}; call .to_dense() on them before you save",
    "torch._utils._rebuild_wrapper_subclass": f"tensors of a class of their own, {_UNREAD}; save plain tensors",
    "torch.jit._pickle.build_tensor_from_id": "tensors of a table that is not in the archive; save the model again",
    "torch.storage._load_from_bytes": "a pickle inside the pickle, which is refused; save the model again",
}
