"""What nothing needs: ops without an effect whose results are not used, and whose sizes no other op mentions."""

from .dims import SymInt, free_symbols
from .ir import Function, Op


def is_dead(op: Op) -> bool:
    """Whether the op can go. What alone shows a symbol, as the number of elements found, stays while others use it."""
    return not op.has_uses and not op.has_effect and not _shows_needed_symbol(op)


def erase_dead_ops(function: Function) -> bool:
    """Takes the dead ops out of the function; returns whether there were any."""
    changed = False
    # From the end: when an op goes, its operands' ops come next.
    for op in reversed(function.ops):
        if is_dead(op):
            op.erase()
            changed = True
    return changed


def _shows_needed_symbol(op: Op) -> bool:
    shown = {s for r in op.results for s in r.type.symbols}
    shown -= {s for v in op.operands for s in v.type.symbols}
    if not shown or op.function is None:
        return False
    shown -= set(op.function.symbols)
    return bool(shown) and any(shown & mentioned_symbols(other) for other in op.function.ops if other is not op)


def mentioned_symbols(op: Op) -> set[str]:
    """The symbols in the op's attributes and in its results' types."""
    found = {s for r in op.results for s in r.type.symbols}
    for attribute in op.definition.attributes_of(op).values():
        dims = attribute if isinstance(attribute, tuple) else (attribute,)
        found |= {s for d in dims if isinstance(d, SymInt) for s in free_symbols(d)}
    return found
