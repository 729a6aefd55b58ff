"""Calls of operations while a program is imported: what fails is noted, and the rest goes on, so that all is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ...opdef import ConstraintError
from .registry import Table, unsupported
from .scope import Scope
from .tensors import Unsupported
from .work import CALL, require_modest


class Failed:
    """Stands for what could not be computed; operations that are supported fail on it silently."""

    def __repr__(self) -> str:
        return "<failed>"


FAILED = Failed()

_MALFORMED = (ValueError, LookupError, TypeError, ArithmeticError, AssertionError, AttributeError, StopIteration)
"""What an importer raises on arguments that PyTorch would have refused."""

_MAX_REASONS = 200
_MAX_REASON = 600
"""How many characters of a reason are told: names and texts in it are the program's."""


@dataclass
class Caller:
    """Calls the operations of a table; ``reasons`` holds why calls failed, each once, with its operation and place."""

    scope: Scope
    table: Table
    reasons: list[str] = field(default_factory=list)

    def call(self, name: str, args: Sequence[object], kwargs: Mapping[str, object], where: Callable[[], str]) -> object:
        """What the operation returns, or FAILED; ``where`` says where it stands, for a reason."""
        work = self.scope.work
        work.spend(CALL)
        if any(work.holds(a, Failed) for a in (*args, *kwargs.values())):
            # Why it fails is told already; but whoever mends that wants to know what comes next.
            if name not in self.table:
                self.fail(f"{name}, {where()}: {unsupported(name)}")
            return FAILED
        try:
            result = self.table.call(self.scope, name, args, kwargs)
            require_modest(result)
            return result
        except (Unsupported, ConstraintError) as error:
            self.fail(f"{name}, {where()}: {error}")
        except _MALFORMED as error:
            self.fail(f"{name}, {where()}: its arguments do not fit it ({error})")
        except MemoryError:
            self.fail(f"{name}, {where()}: it takes more memory than there is")
        return FAILED

    def fail(self, reason: str) -> None:
        reason = reason if len(reason) <= _MAX_REASON else f"{reason[:_MAX_REASON]}…"
        if reason not in self.reasons and len(self.reasons) < _MAX_REASONS:
            self.reasons.append(reason)


def has_failed(argument: object) -> bool:
    if isinstance(argument, list | tuple):
        return any(map(has_failed, argument))
    return argument is FAILED
