"""Zip archives that PyTorch writes, read without PyTorch and without running anything in them."""

from .members import Archive, open_archive
from .objects import ScriptObject
from .recognition import Kind, kind_of_archive, recognize, refusal
from .storages import Quantization, StoredTensor
from .unpickling import unpickle

__all__ = [
    "Archive",
    "Kind",
    "Quantization",
    "ScriptObject",
    "StoredTensor",
    "kind_of_archive",
    "open_archive",
    "recognize",
    "refusal",
    "unpickle",
]
