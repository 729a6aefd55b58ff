"""Calls of operations while a program is imported: what fails is noted, and the rest goes on, so that all is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ...opdef import ConstraintError
from .registry import Table
from .scope import Scope
from .tensors import Unsupported


class Failed:
    """Stands for what could not be computed; operations on it fail silently, for the reason is told."""

    def __repr__(self) -> str:
        return "<failed>"


FAILED = Failed()

_MALFORMED = (ValueError, IndexError, TypeError, KeyError, ArithmeticError, AssertionError, AttributeError)
"""What an importer raises on arguments that PyTorch would have refused."""

_MAX_REASONS = 200


@dataclass
class Caller:
    """Calls the operations of a table; ``reasons`` holds why calls failed, each once, with its operation and place."""

    scope: Scope
    table: Table
    reasons: list[str] = field(default_factory=list)

    def call(self, name: str, args: Sequence[object], kwargs: Mapping[str, object], where: Callable[[], str]) -> object:
        """What the operation returns, or FAILED; ``where`` says where it stands, for a reason."""
        if any(map(has_failed, args)) or any(map(has_failed, kwargs.values())):
            return FAILED
        try:
            return self.table.call(self.scope, name, args, kwargs)
        except (Unsupported, ConstraintError) as error:
            self.fail(f"{name}, {where()}: {error}")
        except _MALFORMED as error:
            self.fail(f"{name}, {where()}: its arguments do not fit it ({error})")
        return FAILED

    def fail(self, reason: str) -> None:
        if reason not in self.reasons and len(self.reasons) < _MAX_REASONS:
            self.reasons.append(reason)


def has_failed(argument: object) -> bool:
    if isinstance(argument, list | tuple):
        return any(map(has_failed, argument))
    return argument is FAILED
