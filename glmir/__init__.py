"""glmir: the typed, textual, executable IR of glmc, its passes, frontends and backends.

``glmir.compile`` is the whole compiler as one call. It is loaded on first use, so that importing the IR alone stays
cheap and imports neither passes nor backends.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .driver.compilation import Artifact, compile
    from .driver.sources import load

__all__ = ["Artifact", "compile", "load"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name in __all__:
        from .driver import compilation, sources

        return getattr(sources if name == "load" else compilation, name)
    raise AttributeError(f"module 'glmir' has no attribute {name!r}")
