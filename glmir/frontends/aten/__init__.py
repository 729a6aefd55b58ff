"""ATen, the operations of PyTorch: tensors, views, the table of importers. Both PyTorch frontends use it."""
