"""Tests of the reader of PyTorch archives."""
