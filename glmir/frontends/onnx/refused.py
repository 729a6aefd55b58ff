"""Operators that are refused whatever their operands, and why: the end of a sentence that names the node.

What is neither here nor imported has a body of other operators in the standard; a test checks that.
"""

_STRINGS = "it computes on strings, which no target has; do that outside and take what it makes of them as an input"

_IN_DOMAIN = {
    "ai.onnx.ml": "it is one of classical machine learning (trees, kernels, encoders), not of networks; run it outside",
    "ai.onnx.preview.training": "it trains, and only inference can be compiled; remove the optimiser from the graph",
    "ai.onnx.training": "it trains, and only inference can be compiled; remove the optimiser from the graph",
    "org.pytorch.aten": "it is PyTorch's own; export the model without the fallback to ATen",
}

_REFUSED = {
    "ATen": "it is PyTorch's own; export the model without the fallback to ATen",
    "RegexFullMatch": _STRINGS,
    "StringConcat": _STRINGS,
    "StringNormalizer": _STRINGS,
    "StringSplit": _STRINGS,
}


def refusal(domain: str, op_type: str) -> str | None:
    """Why an operator cannot be imported, None for one that this does not decide."""
    return _IN_DOMAIN.get(domain) if domain else _REFUSED.get(op_type)
