"""``quant.*``: numbers to small integers and back, by scales and zero points; weights in compressed forms."""

from .compressed import Densify, Depalettize
from .conversion import Convert
from .integer_products import DynamicQuantize, IntegerConv, IntegerMatMul, IntegerProduct
from .pairs import Dequantize, Quantize, Scaled

__all__ = [
    "Convert",
    "Densify",
    "Depalettize",
    "Dequantize",
    "DynamicQuantize",
    "IntegerConv",
    "IntegerMatMul",
    "IntegerProduct",
    "Quantize",
    "Scaled",
]
