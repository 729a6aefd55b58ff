"""What tensors are (dtype, shape, device), their conversion, and what a program asks of the runtime."""

from ....dims import Dim, product
from ....ir import Value
from ....types import DType
from ..dtypes import code_of_dtype
from ..promotion import promote, result_type
from ..registry import Table
from ..scalars import Int, Number
from ..scope import cast
from ..tensors import Tensor, Unsupported

TABLE = Table()

_DEVICE = "cpu"
"""The device that all tensors are said to be on."""


def axis_of(self: Tensor, dim: Int) -> int:
    """An axis counted from the front; raises Unsupported when it is not known."""
    if not isinstance(dim, int):
        raise Unsupported("the axis depends on the shapes or the data")
    if not -self.rank <= dim < self.rank:
        raise Unsupported(f"there is no axis {dim} of {self.rank}")
    return dim % self.rank


# Conversion.


def _converted(self: Tensor, dtype: DType | None, copy: bool) -> Tensor | Value:
    """As PyTorch, the tensor itself where nothing is to be changed."""
    if (dtype is None or dtype is self.dtype) and not copy:
        return self
    return cast(self.value, dtype or self.dtype)


@TABLE.imports("to")
def to_like(
    self: Tensor, other: Tensor, non_blocking: bool = False, copy: bool = False, memory_format: object = None
) -> Tensor | Value:
    return _converted(self, other.dtype, copy)


@TABLE.imports("to")
def to_dtype(
    self: Tensor, dtype: DType, non_blocking: bool = False, copy: bool = False, memory_format: object = None
) -> Tensor | Value:
    return _converted(self, dtype, copy)


@TABLE.imports("to")
def to_nothing_else(self: Tensor, non_blocking: bool = False, copy: bool = False) -> Tensor | Value:
    return _converted(self, None, copy)


@TABLE.imports("to")
def to_device(
    self: Tensor, device: object, dtype: DType | None = None, non_blocking: bool = False, copy: bool = False,
    memory_format: object = None,
) -> Tensor | Value:  # fmt: skip
    return _converted(self, dtype, copy)


@TABLE.imports("to")
def to_nothing(self: Tensor, dtype: None, non_blocking: bool = False, copy: bool = False) -> Tensor | Value:
    return _converted(self, None, copy)


@TABLE.imports("to", "_to_copy")
def to_options(
    self: Tensor, *, dtype: DType | None = None, layout: object = None, device: object = None,
    pin_memory: object = None, non_blocking: bool = False, copy: bool = False, memory_format: object = None,
) -> Tensor | Value:  # fmt: skip
    return _converted(self, dtype, copy)


@TABLE.imports("as_tensor")
def as_tensor(data: Tensor, *, dtype: DType | None = None, device: object = None) -> Tensor | Value:
    return _converted(data, dtype, copy=False)


@TABLE.imports("tensor")
def copy_of_tensor(
    data: Tensor, *, dtype: DType | None = None, device: object = None, requires_grad: bool = False
) -> Value:
    return cast(data.value, dtype or data.dtype)


@TABLE.imports("type_as")
def type_as(self: Tensor, other: Tensor) -> Tensor | Value:
    return _converted(self, other.dtype, copy=False)


@TABLE.imports("clone")
def clone(self: Tensor, *, memory_format: object = None) -> Value:
    return self.value


@TABLE.imports("cpu", "cuda", "pin_memory", "requires_grad_", "prim::data", "data", "_autocast_to_reduced_precision")
def unchanged(self: Tensor, *ignored: object, **options: object) -> Tensor:
    return self


_CASTS = {
    "_cast_Float": DType.F32,
    "_cast_Double": DType.F64,
    "_cast_Half": DType.F16,
    "_cast_Int": DType.I32,
    "_cast_Long": DType.I64,
    "_cast_Short": DType.I16,
    "_cast_Char": DType.I8,
    "_cast_Byte": DType.U8,
}


def _register_cast(name: str, dtype: DType) -> None:
    def importer(self: Tensor, non_blocking: bool = False) -> Tensor | Value:
        return _converted(self, dtype, copy=False)

    TABLE.imports(name)(importer)


for _name, _dtype in _CASTS.items():
    _register_cast(_name, _dtype)


# Shape.


@TABLE.imports("size", "sym_size")
def size(self: Tensor, dim: Int) -> Dim:
    return self.shape[axis_of(self, dim)]


@TABLE.imports("size", "sym_size", "prim::shape")
def sizes(self: Tensor) -> list[Dim]:
    return list(self.shape)


@TABLE.imports("numel", "sym_numel")
def numel(self: Tensor) -> Dim:
    return self.elements


@TABLE.imports("dim", "ndimension", "prim::ndim")
def dim(self: Tensor) -> int:
    return self.rank


@TABLE.imports("stride", "sym_stride")
def strides(self: Tensor) -> list[Dim]:
    if not self.is_contiguous:
        raise Unsupported("the strides of a view are used, which it has only in PyTorch")
    return [product(self.shape[axis + 1 :]) for axis in range(self.rank)]


@TABLE.imports("stride", "sym_stride")
def stride(self: Tensor, dim: Int) -> Dim:
    return strides(self)[axis_of(self, dim)]


@TABLE.imports("is_contiguous", "sym_is_contiguous")
def is_contiguous(self: Tensor, memory_format: object = None) -> bool:
    return self.is_contiguous


@TABLE.imports("storage_offset", "sym_storage_offset")
def storage_offset(self: Tensor) -> int:
    if self.path:
        raise Unsupported("the place of a view in its memory is used, which it has only in PyTorch")
    return 0


@TABLE.imports("is_same_size")
def is_same_size(self: Tensor, other: Tensor) -> bool:
    return self.shape == other.shape


# Dtype and device.


@TABLE.imports("prim::dtype")
def dtype_of(a: Tensor) -> int:
    return code_of_dtype(a.dtype)


@TABLE.imports("prim::device", "prim::type")
def device_of(a: object) -> str:
    return _DEVICE


@TABLE.imports("device")
def device(a: str, index: int | None = None) -> str:
    return _DEVICE


@TABLE.imports("prim::index", "prim::grad", "prim::name")
def nothing(a: object) -> None:
    return None


@TABLE.imports("get_device")
def get_device(self: Tensor) -> int:
    return -1


@TABLE.imports("prim::layout", "layout")
def layout_of(a: Tensor) -> int:
    """c10::Layout: strided."""
    return 0


@TABLE.imports("prim::itemsize", "element_size")
def item_size(a: Tensor) -> int:
    return max(a.dtype.bits // 8, 1)


@TABLE.imports("prim::nbytes")
def byte_size(a: Tensor) -> Dim:
    return a.elements * item_size(a)


@TABLE.imports("is_floating_point", "prim::is_floating_point")
def is_floating_point(self: Tensor) -> bool:
    return self.dtype.is_float


@TABLE.imports("is_signed")
def is_signed(self: Tensor) -> bool:
    return self.dtype.is_float or self.dtype.is_signed_integer


@TABLE.imports("prim::is_cpu", "is_leaf")
def always(self: Tensor) -> bool:
    return True


@TABLE.imports(
    "is_inference", "is_pinned", "is_coalesced", "is_distributed",
    "is_vulkan_available", "_is_zerotensor", "prim::is_cuda", "prim::is_ipu", "prim::is_maia",
    "prim::is_meta", "prim::is_mkldnn", "prim::is_mps", "prim::is_mtia", "prim::is_nested",
    "prim::is_sparse", "prim::is_sparse_csr", "prim::is_vulkan", "prim::is_xla", "prim::is_xpu",
    "prim::requires_grad", "requires_grad", "is_sparse", "is_nested",
)  # fmt: skip
def never(*ignored: object, **options: object) -> bool:
    return False


@TABLE.imports("result_type")
def type_of_result(a: Tensor | Number, b: Tensor | Number) -> int:
    return code_of_dtype(result_type((a, b)))


@TABLE.imports("promote_types")
def promote_types(type1: DType, type2: DType) -> int:
    return code_of_dtype(promote(type1, type2))


@TABLE.imports("can_cast")
def can_cast(from_: DType, to: DType) -> bool:
    kinds = [0 if d is DType.BOOL else 2 if d.is_float else 1 for d in (from_, to)]
    return kinds[0] <= kinds[1]


# The runtime.


@TABLE.imports("is_scripting", "prim::is_scripting")
def is_scripting() -> bool:
    return True


@TABLE.imports(
    "is_grad_enabled", "is_autocast_enabled", "is_autocast_cpu_enabled", "_get_tracing_state", "_nnpack_available",
    "_use_cudnn_rnn_flatten_weight", "has_torch_function", "prim::is_tracing", "is_tracing",
)  # fmt: skip
def not_so(*ignored: object, **options: object) -> bool:
    return False


@TABLE.imports(
    "warn", "_print", "prim::Print", "set_grad_enabled", "manual_seed", "_assert_scalar", "_assert_async",
    "_assert_tensor_metadata", "_functional_assert_async", "_functional_assert_scalar", "sym_constrain_range",
    "sym_constrain_range_for_size", "_functional_sym_constrain_range", "_functional_sym_constrain_range_for_size",
    "backward", "retain_grad", "record_stream", "prim::AddStatValue",
)  # fmt: skip
def without_effect(*ignored: object, **options: object) -> None:
    """What changes no result."""
