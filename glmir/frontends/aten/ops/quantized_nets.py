"""``quantized::``: normalizations, pools, embeddings and recurrent layers.

Layers that are quantized dynamically (``quantized_lstm``) run in floats on the numbers that their weights stand for:
PyTorch also rounds what it multiplies them with, at every step by the range that it has then, to save time. That the
results differ by this rounding, a hundredth or less of their range, is what a float layer is.
"""

from collections.abc import Sequence

from ....ir import Value
from ....ops import math, tensor
from ..building import as_indices
from ..quantization import QuantizedTensor, known_scales, quantized
from ..registry import Table
from ..scalars import Int
from ..scope import Scope
from ..tensors import Tensor, values_of
from . import normalization
from .embedding import embedding_bag
from .packed_weights import PackedCell, cell_of, embedding_of, linear_of, real_of, real_value
from .recurrent import (
    RUN_GRU,
    RUN_LSTM,
    RUN_RELU,
    RUN_TANH,
    Run,
    Stack,
    Weights,
    cell,
    refuse_dropout,
    run_packed,
    run_padded,
)

TABLE = Table()


@TABLE.imports("quantized::layer_norm")
def layer_norm(
    scope: Scope,
    input: QuantizedTensor,
    normalized_shape: Sequence[Int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    output_scale: float,
    output_zero_point: int,
) -> QuantizedTensor:
    y = normalization.layer_norm(input.real, normalized_shape, weight, bias, eps)
    return quantized(scope, y, known_scales(output_scale, output_zero_point, input.scales.code))


@TABLE.imports("quantized::group_norm")
def group_norm(
    scope: Scope,
    input: QuantizedTensor,
    num_groups: int,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    output_scale: float,
    output_zero_point: int,
) -> QuantizedTensor:
    y = normalization.group_norm(input.real, num_groups, weight, bias, eps)
    return quantized(scope, y, known_scales(output_scale, output_zero_point, input.scales.code))


@TABLE.imports("quantized::instance_norm")
def instance_norm(
    scope: Scope,
    input: QuantizedTensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    output_scale: float,
    output_zero_point: int,
) -> QuantizedTensor:
    y = normalization.instance_norm(input.real, weight, bias, None, None, True, 0.0, eps, False)
    return quantized(scope, y, known_scales(output_scale, output_zero_point, input.scales.code))


# Embeddings


@TABLE.imports("quantized::embedding_byte", "quantized::embedding_4bit")
def embedding(weight: object, indices: Tensor, pruned_weights: bool = False) -> Value:
    table = real_value(embedding_of(weight).weight)
    return tensor.Gather(table, as_indices(indices.value), 0).result


@TABLE.imports("quantized::embedding_bag_byte", "quantized::embedding_bag_4bit")
def quantized_embedding_bag(
    scope: Scope,
    weight: object,
    indices: Tensor,
    offsets: Tensor | None = None,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    pruned_weights: bool = False,
    per_sample_weights: Tensor | None = None,
    compressed_indices_mapping: None = None,
    include_last_offset: bool = False,
) -> Value:
    table = real_of(embedding_of(weight).weight)
    if offsets is None:
        rows = tensor.Gather(table.value, as_indices(indices.value), 0).result
        return math.ReduceSum(rows, (1,)).result
    # PyTorch ignores the mode: it always adds up.
    return embedding_bag(scope, table, indices, offsets, False, 0, False, per_sample_weights, include_last_offset)[0]


# Recurrent layers


def _weights(params: Sequence[object]) -> list[Weights]:
    return [cell_of(p).weights for p in params]


@TABLE.imports("quantized_lstm")
def quantized_lstm(
    input: Tensor,
    hx: Sequence[Tensor],
    params: Sequence[object],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
    *,
    dtype: object = None,
    use_dynamic: bool = False,
) -> tuple[Value, ...]:
    refuse_dropout(train, dropout)
    return run_padded(Stack(RUN_LSTM, _weights(params), 1 + bidirectional), input, hx, batch_first)


@TABLE.imports("quantized_lstm")
def quantized_lstm_packed(
    scope: Scope,
    data: Tensor,
    batch_sizes: Tensor,
    hx: Sequence[Tensor],
    params: Sequence[object],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    *,
    dtype: object = None,
    use_dynamic: bool = False,
) -> tuple[Tensor | Value, ...]:
    refuse_dropout(train, dropout)
    return run_packed(scope, Stack(RUN_LSTM, _weights(params), 1 + bidirectional), data, hx)


@TABLE.imports("quantized_gru")
def quantized_gru(
    input: Tensor,
    hx: Tensor,
    params: Sequence[object],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Value, ...]:
    refuse_dropout(train, dropout)
    return run_padded(Stack(RUN_GRU, _weights(params), 1 + bidirectional), input, (hx,), batch_first)


@TABLE.imports("quantized_gru")
def quantized_gru_packed(
    scope: Scope,
    data: Tensor,
    batch_sizes: Tensor,
    hx: Tensor,
    params: Sequence[object],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> tuple[Tensor | Value, ...]:
    refuse_dropout(train, dropout)
    return run_packed(scope, Stack(RUN_GRU, _weights(params), 1 + bidirectional), data, (hx,))


@TABLE.imports("quantized::quantized_lstm_cell_dynamic")
def quantized_lstm_cell(
    input: Tensor, hx: Sequence[Tensor], w_ih: object, w_hh: object, bias_ih: Tensor, bias_hh: Tensor
) -> tuple[Value, ...]:
    return cell(RUN_LSTM, input.value, values_of(hx), PackedCell(linear_of(w_ih), linear_of(w_hh)).weights)


def _cell_importer(name: str, run: Run) -> None:
    @TABLE.imports(f"quantized::quantized_{name}_cell_dynamic")
    def step(input: Tensor, hx: Tensor, w_ih: object, w_hh: object, b_ih: Tensor, b_hh: Tensor) -> Value:
        return cell(run, input.value, (hx.value,), PackedCell(linear_of(w_ih), linear_of(w_hh)).weights)[0]


for _name, _run in (("gru", RUN_GRU), ("rnn_tanh", RUN_TANH), ("rnn_relu", RUN_RELU)):
    _cell_importer(_name, _run)
