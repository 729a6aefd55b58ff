"""Lists of names in the options of passes and recipes."""


def names(text: str) -> frozenset[str]:
    """The names in a text that separates them by semicolons: those of nodes and weights may hold commas."""
    return frozenset(name.strip() for name in text.split(";") if name.strip())


__all__ = ["names"]
