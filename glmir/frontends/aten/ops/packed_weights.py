"""Packed weights of quantized layers: made by a program, or held by an archive as the state of PyTorch's own classes.

The states are those of ``__getstate__`` in ATen/native/quantized (fbgemm_utils.cpp, conv_serialization.h) and RNN.cpp.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ....ir import Value
from ....ops import tensor
from ...torch_archives.objects import ScriptObject
from ..quantization import QuantizedTensor
from ..registry import Table
from ..tensors import Tensor, Unsupported
from .recurrent import Weights

TABLE = Table()

AnyTensor = QuantizedTensor | Tensor


@dataclass(frozen=True, eq=False)
class PackedLinear:
    """A weight [out, in], quantized or of halves, and a bias."""

    weight: AnyTensor
    bias: Tensor | None


@dataclass(frozen=True, eq=False)
class PackedConv:
    """A weight, a bias and what the convolution does."""

    weight: AnyTensor
    bias: Tensor | None
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    is_transposed: bool = False
    output_padding: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class PackedEmbedding:
    """A table of rows."""

    weight: AnyTensor


@dataclass(frozen=True, eq=False)
class PackedCell:
    """The weights of one layer of a recurrent net in one direction.

    The biases are those of the two linear layers: PyTorch also keeps others beside them and computes nothing with them.
    """

    input: PackedLinear
    hidden: PackedLinear

    @property
    def weights(self) -> Weights:
        input_bias, hidden_bias = (None if b is None else b.value for b in (self.input.bias, self.hidden.bias))
        return Weights(real_value(self.input.weight), real_value(self.hidden.weight), input_bias, hidden_bias)


def real_of(x: AnyTensor) -> Tensor:
    return x.real if isinstance(x, QuantizedTensor) else x


def real_value(x: AnyTensor) -> Value:
    return real_of(x).value


def linear_of(packed: object) -> PackedLinear:
    """The packed weights of a linear layer; raises Unsupported when it is something else."""
    match packed, _state_of(packed, "LinearPackedParams"):
        case PackedLinear(), _:
            return packed
        case _, (QuantizedTensor() | Tensor() as weight, None | Tensor() as bias, *_):
            return PackedLinear(weight, bias)
    raise _unknown(packed, "a linear layer")


def conv_of(packed: object) -> PackedConv:
    """The packed weights of a convolution."""
    if isinstance(packed, PackedConv):
        return packed
    state = _state_of(packed, "Conv2dPackedParams") or _state_of(packed, "Conv3dPackedParams")
    match state:
        case (str(), [Tensor() as settings, weight], [bias]):
            numbers = _known_integers(settings)
        case (int(), [*numbers], [_, weight, bias]):
            pass
        case _:
            raise _unknown(packed, "a convolution")
    if not isinstance(weight, QuantizedTensor | Tensor) or not isinstance(bias, Tensor | None):
        raise _unknown(packed, "a convolution")
    return _conv_with(numbers, weight, bias)


def _conv_with(settings: Sequence[object], weight: AnyTensor, bias: Tensor | None) -> PackedConv:
    """Settings are the rank, stride, padding, dilation and output padding for each axis, groups and flags."""
    numbers = [n for n in settings if isinstance(n, int)]
    rank = numbers[0] if numbers else 0
    if len(numbers) != len(settings) or not 1 <= rank <= 3 or len(numbers) != 4 * rank + 3:
        raise Unsupported("the settings of its packed weights are not understood")
    stride, padding, dilation, output_padding = (tuple(numbers[1 + i * rank : 1 + (i + 1) * rank]) for i in range(4))
    groups, flags = numbers[-2:]
    return PackedConv(weight, bias, stride, padding, dilation, groups, bool(flags & 1), output_padding)


def embedding_of(packed: object) -> PackedEmbedding:
    """The packed table of an embedding."""
    match packed, _state_of(packed, "EmbeddingPackedParams"):
        case PackedEmbedding(), _:
            return packed
        case _, (_, [QuantizedTensor() as weight, *_], *_):
            return PackedEmbedding(weight)
    raise _unknown(packed, "an embedding")


def cell_of(packed: object) -> PackedCell:
    """The packed weights of a recurrent layer in one direction."""
    match packed, _state_of(packed, "CellParams"):
        case PackedCell(), _:
            return packed
        case _, ("quantized_dynamic" | "quantized_fp16", _, _, _, [first, second]):
            return PackedCell(linear_of(first), linear_of(second))
    raise _unknown(packed, "a recurrent layer")


def _state_of(packed: object, class_name: str) -> tuple[object, ...] | None:
    """The state of an object of one of PyTorch's own classes."""
    if not isinstance(packed, ScriptObject) or not packed.class_name.rpartition(".")[2].startswith(class_name):
        return None
    return packed.state if isinstance(packed.state, tuple) else None


def _unknown(packed: object, what: str) -> Unsupported:
    name = packed.class_name if isinstance(packed, ScriptObject) else type(packed).__name__
    return Unsupported(f"it takes packed weights of {what}; those of {name} are not supported in this form")


def _known_integers(x: Tensor) -> list[int]:
    match x.value.owner:
        case tensor.Constant(value=weight):
            return [int(n) for n in weight.array.ravel()]
    raise Unsupported("the settings of its packed weights are not known")


# Packing and unpacking in programs


@TABLE.imports("quantized::linear_prepack", "quantized::linear_prepack_fp16")
def linear_prepack(W: AnyTensor, B: Tensor | None = None) -> PackedLinear:  # noqa: N803
    return PackedLinear(W, B)


@TABLE.imports("quantized::linear_unpack", "quantized::linear_unpack_fp16")
def linear_unpack(W_prepack: object) -> tuple[object, object]:  # noqa: N803
    packed = linear_of(W_prepack)
    return packed.weight, packed.bias


@TABLE.imports(
    "quantized::conv1d_prepack", "quantized::conv2d_prepack", "quantized::conv3d_prepack", "quantized::conv_prepack"
)
def conv_prepack(
    weight: QuantizedTensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> PackedConv:
    return PackedConv(weight, bias, tuple(stride), tuple(padding), tuple(dilation), groups)


@TABLE.imports(
    "quantized::conv_transpose1d_prepack", "quantized::conv_transpose2d_prepack", "quantized::conv_transpose3d_prepack"
)
def conv_transpose_prepack(
    weight: QuantizedTensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> PackedConv:
    extra = tuple(output_padding)
    return PackedConv(weight, bias, tuple(stride), tuple(padding), tuple(dilation), groups, True, extra)


_CONVS = ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


@TABLE.imports("quantized::conv_unpack", *(f"quantized::{name}_unpack" for name in _CONVS))
def conv_unpack(packed_weights: object) -> tuple[object, object]:
    packed = conv_of(packed_weights)
    return packed.weight, packed.bias


@TABLE.imports(*(f"quantized::{name}_stride" for name in _CONVS))
def conv_stride(packed_weights: object) -> list[int]:
    return list(conv_of(packed_weights).stride)


@TABLE.imports(*(f"quantized::{name}_padding" for name in _CONVS))
def conv_padding(packed_weights: object) -> list[int]:
    return list(conv_of(packed_weights).padding)


@TABLE.imports(*(f"quantized::{name}_output_padding" for name in _CONVS))
def conv_output_padding(packed_weights: object) -> list[int]:
    packed = conv_of(packed_weights)
    return list(packed.output_padding or (0,) * len(packed.stride))


@TABLE.imports(*(f"quantized::{name}_dilation" for name in _CONVS))
def conv_dilation(packed_weights: object) -> list[int]:
    return list(conv_of(packed_weights).dilation)


@TABLE.imports(*(f"quantized::{name}_groups" for name in _CONVS))
def conv_groups(packed_weights: object) -> int:
    return conv_of(packed_weights).groups


@TABLE.imports(*(f"quantized::{name}_transpose" for name in _CONVS))
def conv_transpose(packed_weights: object) -> int:
    return int(conv_of(packed_weights).is_transposed)


@TABLE.imports("quantized::embedding_bag_prepack")
def embedding_prepack(weight: QuantizedTensor) -> PackedEmbedding:
    return PackedEmbedding(weight)


@TABLE.imports("quantized::embedding_bag_unpack")
def embedding_unpack(W_prepack: object) -> object:  # noqa: N803
    return embedding_of(W_prepack).weight


@TABLE.imports("quantized::make_quantized_cell_params_dynamic")
def make_cell_params_dynamic(
    w_ih: object, w_hh: object, bias_ih: Tensor, bias_hh: Tensor, reduce_range: bool = False
) -> PackedCell:
    return PackedCell(linear_of(w_ih), linear_of(w_hh))


@TABLE.imports("quantized::make_quantized_cell_params_fp16")
def make_cell_params_fp16(w_ih: object, w_hh: object) -> PackedCell:
    return PackedCell(linear_of(w_ih), linear_of(w_hh))
