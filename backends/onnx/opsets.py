"""The versions of ONNX's operator set that are written."""

NEWEST_OPSET = 26
"""The newest that onnxruntime 1.31, of November 2026, loads as stable: ``kMaxSupportedOpset`` of its model loader."""

OLDEST_OPSET = 11
"""Older ones keep in attributes what later ones take as operands (Pad, Clip) and know no numeric Resize."""

_IR_VERSIONS = ((11, 6), (12, 7), (15, 8), (19, 9), (21, 10), (23, 11), (24, 12), (25, 13))
"""From which opset on which version of the file format was released with it (onnx.helper.VERSION_TABLE)."""


def ir_version(opset: int) -> int:
    """The version of the file format that was released with an opset: every reader of the one reads the other."""
    return next(version for first, version in reversed(_IR_VERSIONS) if first <= opset)
