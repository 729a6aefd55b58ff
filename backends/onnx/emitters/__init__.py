"""What ONNX, and onnxruntime, can express: one emitter an op (or several, under conditions), by family."""

from ..graph import OnnxTable
from . import elementwise, indexing, neural, quantization, recurrent, reduction, resize, sampling, spatial, structure

TABLE: OnnxTable = OnnxTable(
    elementwise.TABLE,
    indexing.TABLE,
    neural.TABLE,
    quantization.TABLE,
    recurrent.TABLE,
    reduction.TABLE,
    resize.TABLE,
    sampling.TABLE,
    spatial.TABLE,
    structure.TABLE,
    version="--opset {}",
)
