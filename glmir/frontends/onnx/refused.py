"""Operators that are refused whatever their operands, and why: the end of a sentence that names the node.

What is neither here nor imported has a body of other operators in the standard; a test checks that.
"""

from collections.abc import Mapping

_STRINGS = "it computes on strings, which no target has; do that outside and take what it makes of them as an input"
_ATEN = "it is PyTorch's own; export the model without the fallback to ATen"
_OPTIMISER = "it trains, and only inference can be compiled; remove the optimiser from the graph"
_SEARCH = "it searches for text with a decoder inside; export the decoder alone and search outside of the model"
_PACKED = "its tokens are packed without padding, on a GPU only; export the model without packing (enable_packing)"
_PAGED = "its cache is held in pages by a server; export the model with GroupQueryAttention"
_SPARSE = "it attends to blocks that a table names; export the model with dense attention"
_TRAINING = "it is for training; export the model for inference"

DOMAINS: Mapping[str, str] = {
    "ai.onnx.ml": "it is one of classical machine learning (trees, kernels, encoders), not of networks; run it outside",
    "ai.onnx.preview.training": _OPTIMISER,
    "ai.onnx.training": _OPTIMISER,
    "org.pytorch.aten": _ATEN,
}
"""Domains all of whose operators are refused that have no importer."""

_STANDARD: Mapping[str, str] = {
    "ATen": _ATEN,
    "GRUUnit": "onnxruntime has its name only, and no meaning of it; export the layer as GRU",
    "ImageDecoder": "no target decodes compressed images; decode them before the model, and feed it the pixels",
    "RegexFullMatch": _STRINGS,
    "StringConcat": _STRINGS,
    "StringNormalizer": _STRINGS,
    "StringSplit": _STRINGS,
}

_MICROSOFT: Mapping[str, str] = {
    "AttnLSTM": "its cell attends to a memory; export the layer as LSTM and attention",
    "BeamSearch": _SEARCH,
    "BifurcationDetector": "it is part of a search for text; leave it out of the model and do it outside",
    "BitmaskBiasDropout": _TRAINING,
    "BitmaskDropout": _TRAINING,
    "DecoderAttention": "its operands say only when the model runs whether there is a cache; export MultiHeadAttention",
    "DecoderMaskedSelfAttention": "it is for a GPU; export the model with DecoderMaskedMultiHeadAttention",
    "DynamicSparseAttention": _SPARSE,
    "DynamicTimeWarping": "its path's length depends on the data; leave it out of the model and align outside",
    "EPContext": "it holds a program that is compiled for another processor; compile the model that it was made of",
    "GreedySearch": _SEARCH,
    "LongformerAttention": "it attends to a band of its own layout, on a GPU only; export the model as plain operators",
    "MaxpoolWithMask": "onnxruntime keeps its meaning to itself; export a pool behind Where",
    "MurmurHash3": "it computes in integers that wrap around; hash outside of the model and give it the numbers",
    "NGramRepeatBlock": "it is part of a search for text; leave it out of the model and do it outside",
    "PackedAttention": _PACKED,
    "PackedMultiHeadAttention": _PACKED,
    "PackedSparseAttentionIndexer": _SPARSE,
    "PagedAttention": _PAGED,
    "RemovePadding": _PACKED,
    "RestorePadding": _PACKED,
    "Sampling": _SEARCH,
    "Snpe": "it holds a program that is compiled for another processor; compile the model that it was made of",
    "SparseAttention": _SPARSE,
    "SparseAttentionIndexer": _SPARSE,
    "SparsePagedAttention": _PAGED,
    "SparseToDenseMatMul": "its operand is a sparse tensor, which no target takes; export the product with a dense one",
    "Tokenizer": "its operand is text, which no target takes; split the text outside and give the model the numbers",
    "WhisperBeamSearch": _SEARCH,
}

_CLASSICAL: Mapping[str, str] = {
    "ZipMap": "it makes maps of a tensor, which no target has; export the model without it (zipmap=False)",
}

OPERATORS: Mapping[str, Mapping[str, str]] = {"": _STANDARD, "ai.onnx.ml": _CLASSICAL, "com.microsoft": _MICROSOFT}
"""By domain, then by type."""


def refusal(domain: str, op_type: str) -> str | None:
    """Why an operator cannot be imported, None for one that this does not decide."""
    return OPERATORS.get(domain, {}).get(op_type) or DOMAINS.get(domain)
