"""Indexing operators of ONNX."""

from ..node import ImporterTable

TABLE = ImporterTable()
