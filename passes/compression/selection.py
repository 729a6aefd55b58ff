"""Which ops a user names to be left alone."""

from collections.abc import Callable
from fnmatch import fnmatchcase

from ...ir import Op, Value
from ...ops import tensor


def named(patterns: str) -> Callable[[Op], bool]:
    """Whether an op is one that a list of names, separated by commas, names; ``*`` stands for anything.

    An op goes by the names of its source nodes, of its results and of the weights that it takes.
    """
    wanted = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    return lambda op: any(fnmatchcase(name, pattern) for pattern in wanted for name in _names(op))


def _names(op: Op) -> list[str]:
    weights = [weight_name(value) for value in op.operands]
    return [*op.location, *(result.name for result in op.results), *(name for name in weights if name)]


def weight_name(value: Value) -> str:
    """The name that a constant's weight has in the source; empty for anything else."""
    return value.owner.value.name if isinstance(value.owner, tensor.Constant) else ""
