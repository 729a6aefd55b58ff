"""The tests of glmir/frontends/onnx."""
