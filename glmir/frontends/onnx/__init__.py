"""The ONNX frontend, on top of onnx-graphsurgeon."""
