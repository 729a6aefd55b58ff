"""Compression: weights in fewer bits, in tables, or without their zeros."""
