"""The TorchScript frontend."""
