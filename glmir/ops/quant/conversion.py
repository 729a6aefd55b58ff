"""Between a float and the integers that its quantized type stores."""

from ...ir import Array, Op, Value
from ...opdef import constraint, op
from ...types import TensorType


@op
class Convert(Op):
    """The same numbers, stored as the result's type says

    Where a float meets a quantized type, or two quantizations meet: the result is rounded to what its type can hold
    (TFLite QUANTIZE and DEQUANTIZE). The result's type is the operand's until a quantization is given to it.

    ```
    %y = quant.convert(%x: f32[n, 3]) : quant<f32, i8, scales=[0.5], zero_points=[3]>[n, 3]
    ```
    """

    x: Value

    @constraint
    def is_float(self) -> bool:
        """x is a float, stored as such or as integers"""
        return self.x.type.dtype.is_float

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.x.type.shape)

    def evaluate(self, x: Array) -> Array:
        return x
