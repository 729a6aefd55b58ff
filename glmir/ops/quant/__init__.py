"""``quant.*``: numbers to small integers and back, by scales and zero points."""

from .pairs import Dequantize, Quantize, Scaled

__all__ = ["Dequantize", "Quantize", "Scaled"]
