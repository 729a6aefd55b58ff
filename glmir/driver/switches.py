"""What the user forbids the passes: some altogether, some of their rules, more than so many rewrites."""

import difflib
from collections.abc import Collection, Mapping, Sequence

from .. import passes
from ..backends.target import TARGETS, load_target
from ..errors import InputError
from ..pass_manager import Pass
from ..rewriter import RewriteSession


def known_passes() -> Mapping[str, Pass]:
    """All passes by name: those of passes/ and the targets' own."""
    own = (instance.pass_ for name in TARGETS for instance in load_target(name).legalize)
    return {**passes.BY_NAME, **{p.name: p for p in own}}


def rewrite_switches(
    disable_passes: Sequence[str] = (), disable_rules: Sequence[str] = (), fuel: int | None = None
) -> RewriteSession:
    """The session of a run under these switches.

    Raises InputError for passes that do not exist or that modules need, and for fuel below 0. Which rules exist, only
    the passes that run can tell: see ``check_rules``.
    """
    if fuel is not None and fuel < 0:
        raise InputError(f"the fuel is a number of rewrites, 0 or more, not {fuel}")
    known = known_passes() if disable_passes else {}
    for name in disable_passes:
        if name not in known:
            raise InputError(f"cannot disable pass {name}: there is no such pass{_hint(name, known)}")
        if known[name].is_needed:
            raise InputError(f"cannot disable pass {name}: targets could not express every model without it")
    return RewriteSession(fuel, frozenset(disable_rules), frozenset(disable_passes))


def check_rules(session: RewriteSession) -> None:
    """Raises InputError, after the passes have run, for switched-off rules that none of them has, or that are needed: a
    misspelt name would go unnoticed."""
    for name in sorted(session.disabled - session.known):
        if name in session.needed:
            raise InputError(f"cannot disable rule {name}: targets could not express every model without it")
        reason = "the passes that ran have no such rule"
        raise InputError(f"cannot disable rule {name}: {reason}{_hint(name, session.known)}")


def _hint(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
