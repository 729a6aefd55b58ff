"""How much a user wants to be pruned, and which ops to be left alone."""

from collections.abc import Callable
from fnmatch import fnmatchcase

from ...errors import InputError
from ...ir import Op, Value
from ...ops import tensor
from ..names import names


def check_share(option: str, share: float) -> None:
    """Raises InputError unless ``share`` is a part of a whole."""
    if not 0 <= share <= 1:
        raise InputError(f"{option} is a share between 0 and 1, not {share}")


def named(patterns: str) -> Callable[[Op], bool]:
    """Whether an op is one that a list of names, separated by ``;``, names; ``*`` stands for anything.

    An op goes by the names of its source nodes, of its results and of the weights that it takes.
    """
    wanted = names(patterns)
    return lambda op: any(fnmatchcase(name, pattern) for pattern in wanted for name in _names(op))


def _names(op: Op) -> list[str]:
    weights = [weight_name(value) for value in op.operands]
    return [*op.location, *(result.name for result in op.results), *(name for name in weights if name)]


def weight_name(value: Value) -> str:
    """The name that a constant's weight has in the source; empty for anything else."""
    return value.owner.value.name if isinstance(value.owner, tensor.Constant) else ""
