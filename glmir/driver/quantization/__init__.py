"""Quantization and compression: the recipe, the data, what is measured on them, and what is done with it."""
