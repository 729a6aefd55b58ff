"""Quantization: from ranges of values and weights to integers, scales and zero points."""
