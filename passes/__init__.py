"""The passes: one a file, the file's name is the pass's.

``PASSES`` lists them all, ``BY_NAME`` has them by their names. Both are loaded on first use: to compile a model takes
the passes of its pipeline only.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .all_passes import BY_NAME, PASSES

__all__ = ["BY_NAME", "PASSES"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from . import all_passes

        return getattr(all_passes, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
