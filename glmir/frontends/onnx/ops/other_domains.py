"""The importers of domains other than the standard's, by family."""

from . import (
    microsoft_activation,
    microsoft_attention,
    microsoft_blocked,
    microsoft_experts,
    microsoft_grouped_attention,
    microsoft_layers,
    microsoft_nhwc,
    microsoft_normalization,
    microsoft_packed_weights,
    microsoft_quantization,
    microsoft_rotary,
    microsoft_tensors,
    traditional,
)

TABLES = (
    microsoft_activation.TABLE,
    microsoft_attention.TABLE,
    microsoft_grouped_attention.TABLE,
    microsoft_layers.TABLE,
    microsoft_nhwc.TABLE,
    microsoft_normalization.TABLE,
    microsoft_rotary.TABLE,
    microsoft_tensors.TABLE,
    microsoft_experts.TABLE,
    microsoft_blocked.TABLE,
    microsoft_quantization.TABLE,
    microsoft_packed_weights.TABLE,
    traditional.TABLE,
)
