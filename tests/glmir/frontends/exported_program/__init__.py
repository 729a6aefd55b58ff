"""The frontend of torch.export archives."""
