"""The rewriter: rules on op classes, applied from a worklist to a fixpoint (spec/passes_guide.md).

A rule is a function from one op to what replaces it: None (the rule does not apply), an op, a value, or a value per
result. It only builds; the driver inserts what is new, hands names and locations on, removes what died, and visits what
changed again.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from .dead_code import is_dead
from .ir import Function, Location, Module, Op, Value
from .types import compatible

OpT = TypeVar("OpT", bound=Op)
Replacement = Op | Value | Sequence[Value] | None
AnyRule = Callable[[Op], Replacement]

REWRITES_PER_OP = 50
"""A function of n ops may be rewritten this many times n before the rules are taken to run in circles."""


class FixpointError(Exception):
    """The rules keep rewriting each other's results: a defect of the rules, which the message names."""


class RewriteError(Exception):
    """A rule returned something that cannot take its op's place: a defect of the rule, which the message names."""


@dataclass(frozen=True)
class Rule(Generic[OpT]):
    """One rule. Its name is its function's; its docstring's first line states the algebra."""

    name: str
    op_class: type[OpT]
    apply: Callable[[OpT], Replacement]

    @property
    def summary(self) -> str:
        return (self.apply.__doc__ or "").strip().split("\n")[0]


class RuleSet:
    """An ordered set of rules; ``@rules.on(nn.Relu)`` adds one. A rule on a family holds for all its members."""

    def __init__(self, *parts: "RuleSet", only: Callable[[Op], bool] | None = None, is_optional: bool = False) -> None:
        self.rules: list[Rule[Op]] = [rule for part in parts for rule in part.rules]
        self.applies_to = only
        """When given, the rules are tried only on ops for which it is true: legalisation, on what is not legal. Modules
        need those rewrites, so that they spend no fuel and cannot be switched off, unless ``is_optional`` says so."""
        self._is_optional = is_optional
        self._by_class: dict[type[Op], tuple[Rule[Op], ...]] = {}

    def on(self, op_class: type[OpT]) -> Callable[[Callable[[OpT], Replacement]], Callable[[OpT], Replacement]]:
        def register(function: Callable[[OpT], Replacement]) -> Callable[[OpT], Replacement]:
            if not function.__doc__:
                raise TypeError(f"rule {function.__name__} needs a docstring that states its algebra")
            self.rules.append(cast(Rule[Op], Rule(function.__name__, op_class, function)))
            self._by_class.clear()
            return function

        return register

    def is_optional_in(self, session: "RewriteSession") -> bool:
        """Whether modules are right without these rewrites: those of a needed pass only if the set itself says so."""
        return self._is_optional or (self.applies_to is None and not session.is_needed)

    def for_class(self, op_class: type[Op]) -> tuple[Rule[Op], ...]:
        found = self._by_class.get(op_class)
        if found is None:
            found = tuple(rule for rule in self.rules if issubclass(op_class, rule.op_class))
            self._by_class[op_class] = found
        return found


@dataclass
class RewriteSession:
    """What holds for all rewrites of a run: fuel left (None: no limit), rules switched off, what fired how often."""

    fuel: int | None = None
    disabled: frozenset[str] = frozenset()
    disabled_passes: frozenset[str] = frozenset()
    fired: Counter[str] = field(default_factory=Counter)
    known: set[str] = field(default_factory=set)
    """The names of all rules that took part and could have been switched off, whether they fired or not."""
    needed: set[str] = field(default_factory=set)
    """The names of all rules that took part because modules need them."""
    is_needed: bool = False
    """Whether what runs now is needed: then no rewrite spends fuel, and none can be switched off."""
    remarks: list[str] = field(default_factory=list)
    """What passes have to say beside that: sentences for ``--statistics``."""

    def spend(self) -> bool:
        """Takes a unit of fuel; False when there is none left."""
        if self.fuel is None:
            return True
        if self.fuel <= 0:
            return False
        self.fuel -= 1
        return True


_SESSION: ContextVar[RewriteSession] = ContextVar("session")


@contextmanager
def rewrite_session(session: RewriteSession) -> Iterator[RewriteSession]:
    """Makes ``session`` govern the rewrites inside the block."""
    token = _SESSION.set(session)
    try:
        yield session
    finally:
        _SESSION.reset(token)


def is_allowed(name: str) -> bool:
    """Whether a pass that edits without rules may make a change that goes by this name: there is fuel, and nobody
    switched it off."""
    session = _SESSION.get(None) or RewriteSession()
    if session.is_needed:
        session.needed.add(name)
        return True
    session.known.add(name)
    return name not in session.disabled and session.fuel != 0


def record_rewrite(name: str) -> None:
    """Counts a change that ``is_allowed``, which spends fuel."""
    session = _SESSION.get(None) or RewriteSession()
    if not session.is_needed:
        session.spend()
    session.fired[name] += 1


def remark(sentence: str) -> None:
    """Leaves a sentence on what a pass has found or done, for ``--statistics``."""
    session = _SESSION.get(None)
    if session is not None:
        session.remarks.append(sentence)


def apply_rules(module: Module, rules: RuleSet) -> bool:
    """Applies the rules to every function until none applies; returns whether anything changed.

    Raises FixpointError when they do not come to an end.
    """
    session = _SESSION.get(None) or RewriteSession()
    names = session.known if rules.is_optional_in(session) else session.needed
    names.update(rule.name for rule in rules.rules)
    changed = False
    for function in module.functions.values():
        changed |= _Worklist(function, rules, session).run()
    return changed


def insert_new_ops(values: Iterable[Value], insert: Callable[[Op], None]) -> list[Op]:
    """Inserts the ops behind ``values`` that stand in no function yet, operands first; returns them in that order."""
    return _insert_trees([v.owner for v in values if v.owner is not None], insert)


def _insert_trees(roots: Sequence[Op], insert: Callable[[Op], None]) -> list[Op]:
    inserted: list[Op] = []
    stack = list(reversed(roots))
    while stack:
        op = stack[-1]
        if op.function is not None:
            stack.pop()
            continue
        waiting = [v.owner for v in op.operands if v.owner is not None and v.owner.function is None]
        if waiting:
            stack.extend(reversed(waiting))
            continue
        stack.pop()
        insert(op)
        inserted.append(op)
    return inserted


def erase_if_dead(op: Op) -> list[Op]:
    """Erases ``op`` if nothing uses it and it has no effect, and then its operands' ops likewise; returns them."""
    erased: list[Op] = []
    stack = [op]
    while stack:
        candidate = stack.pop()
        if candidate.function is None or not is_dead(candidate):
            continue
        candidate.erase()
        erased.append(candidate)
        stack.extend(v.owner for v in candidate.operands if v.owner is not None)
    return erased


class _Worklist:
    """Applies rules to one function. Ops are visited in order; what a rewrite touches is visited again."""

    def __init__(self, function: Function, rules: RuleSet, session: RewriteSession) -> None:
        self._function = function
        self._rules = rules
        self._session = session
        self._queue: deque[Op] = deque()
        self._queued: set[Op] = set()
        self._push(function.ops)
        self._limit = REWRITES_PER_OP * (len(function.ops) + 2)
        self._recent: deque[str] = deque(maxlen=4)

    def run(self) -> bool:
        rewrites = 0
        while self._queue:
            op = self._queue.popleft()
            self._queued.discard(op)
            if op.function is not self._function or not self._visit(op):
                continue
            rewrites += 1
            if rewrites > self._limit:
                rules = ", ".join(dict.fromkeys(self._recent))
                raise FixpointError(f"no end after {rewrites} rewrites of @{self._function.name}, the last by {rules}")
        return rewrites > 0

    def _push(self, ops: Iterable[Op]) -> None:
        for op in ops:
            if op not in self._queued and op is not self._function.ret:
                self._queued.add(op)
                self._queue.append(op)

    def _visit(self, op: Op) -> bool:
        rules = self._rules.for_class(type(op))
        if rules and self._rules.applies_to is not None and not self._rules.applies_to(op):
            return False
        is_optional = self._rules.is_optional_in(self._session)
        for rule in rules:
            if is_optional and rule.name in self._session.disabled:
                continue
            replacement = rule.apply(op)
            if replacement is None:
                continue
            if is_optional and not self._session.spend():
                return False
            self._session.fired[rule.name] += 1
            self._recent.append(rule.name)
            self._replace(op, rule.name, replacement)
            return True
        return False

    def _replace(self, op: Op, rule: str, replacement: Op | Value | Sequence[Value]) -> None:
        values = _values_of(replacement)
        _check(op, rule, values)
        roots = [replacement] if isinstance(replacement, Op) else [v.owner for v in values if v.owner is not None]
        inserted = _insert_trees(roots, lambda new: self._insert(new, op, rule))
        for old, new in zip(op.results, values, strict=True):
            # An op that was there before keeps its name; a name goes to what newly computes the same tensor.
            if new.owner in inserted and not new.name:
                new.name, old.name = old.name, ""
            self._push(old.users)
            old.replace_all_uses_with(new)
        erased = self._erase(op)
        location = _joined(erased)
        for new_op in inserted:
            new_op.location = _joined_locations((new_op.location, location))
        self._push(inserted)
        self._push(user for value in values for user in value.uses)
        self._push(v.owner for dead in erased for v in dead.operands if v.owner is not None)
        # Many rules ask that nothing else uses a value.
        self._push(user for dead in erased for v in dead.operands if v.has_one_use for user in v.uses)

    def _erase(self, op: Op) -> list[Op]:
        if op.has_uses:
            # The rule kept some of its results as they are.
            return []
        # The rule has replaced it: it goes even if it has an effect.
        op.erase()
        return [op, *(dead for v in op.operands if v.owner is not None for dead in erase_if_dead(v.owner))]

    def _insert(self, new: Op, old: Op, rule: str) -> None:
        if any(v.owner is old for v in new.operands):
            raise RewriteError(f"{rule} replaced {old!r} by {new!r}, which uses its result")
        self._function.ops.insert_before(old, new)


def _values_of(replacement: Op | Value | Sequence[Value]) -> Sequence[Value]:
    if isinstance(replacement, Op):
        return replacement.results
    return (replacement,) if isinstance(replacement, Value) else replacement


def _check(op: Op, rule: str, values: Sequence[Value]) -> None:
    if len(values) != len(op.results):
        raise RewriteError(f"{rule} replaced {op!r} by {len(values)} values")
    if values and all(old is new for old, new in zip(op.results, values, strict=True)):
        raise RewriteError(f"{rule} replaced {op!r} by itself")
    for old, new in zip(op.results, values, strict=True):
        if not compatible(new.type, old.type):
            raise RewriteError(f"{rule} replaced {old!r} by a value of type {new.type}")


def _joined(ops: Sequence[Op]) -> Location:
    # Constants keep their own locations out of it: the fused op came from the nodes, not from the weights.
    return _joined_locations([op.location for op in reversed(ops) if op.operands])


def _joined_locations(locations: Iterable[Location]) -> Location:
    return tuple(dict.fromkeys(part for location in locations for part in location))
