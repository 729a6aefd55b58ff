"""Between floats and quantized values, and between two quantizations."""

from ....ops import quant
from ..graph import Graph, TfliteTable
from ..integer_kernels import is_convertible, is_storable_weight
from ..schema_enums import BuiltinOperator

TABLE = TfliteTable()


@TABLE.emits(quant.Convert, stored=is_convertible)
def convert(op: quant.Convert, graph: Graph) -> None:
    operator = BuiltinOperator.DEQUANTIZE if op.result.type.quantization is None else BuiltinOperator.QUANTIZE
    graph.add(operator, [op.x], [op.result])


@TABLE.emits(quant.Dequantize, when=(is_storable_weight,))
def dequantize(op: quant.Dequantize, graph: Graph) -> None:
    """Compressed weights are written where they are used, in the order of axes that is wanted there."""
