"""Archives of ``torch.export`` (.pt2), read without PyTorch: a program in JSON and raw weights."""
