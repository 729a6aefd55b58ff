"""onnxruntime's operators (com.microsoft) that no phone format can express, each with its reason and the way out."""

from ..node import Imported, Importer, ImporterTable, Node, Unsupported

TABLE = ImporterTable("com.microsoft")

_SEARCH = "it searches for text with a decoder inside; export the decoder alone and search outside of the model"
_PACKED = "its tokens are packed without padding, on a GPU only; export the model without packing (enable_packing)"
_PAGED = "its cache is held in pages by a server; export the model with GroupQueryAttention"
_SPARSE = "it attends to blocks that a table names; export the model with dense attention"
_TRAINING = "it is for training; export the model for inference"

REASONS = {
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
    "Tokenizer": "its operand is text, which no target takes; split the text outside and give the model the numbers",
    "WhisperBeamSearch": _SEARCH,
}


def _refusing(reason: str) -> Importer:
    def refuse(node: Node) -> Imported:
        raise Unsupported(reason)

    return refuse


for _op_type, _reason in REASONS.items():
    TABLE.imports(_op_type)(_refusing(_reason))
