"""Readers of model files: each turns one source format into a module of the IR."""
