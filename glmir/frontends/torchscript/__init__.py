"""TorchScript archives, read and interpreted without PyTorch."""
