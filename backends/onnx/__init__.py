"""ONNX, written through onnx-graphsurgeon and run in onnxruntime."""
