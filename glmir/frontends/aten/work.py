"""What importing a program may cost.

A program can loop for ever, double a list until memory ends, or ask for a tensor of 2**60 elements. So all that it does
is counted, in units of some microseconds and some hundred bytes each, and it is refused when they are used up. The
count is of what the program does, not of time: the same program is always imported, or always refused.
"""

from ...dim_terms import terms
from ...dims import Dim, SymInt
from ...errors import CompileError
from ...types import TensorType
from ..values import MAX_CONSTANT as MAX_CONSTANT
from .tensors import Unsupported

MAX_WORK = 3_000_000
"""Units: some seconds, some hundred megabytes. A traced vision transformer takes 20,000."""

OP, CALL = 24, 12
"""What an op of the module and a call of an operation cost; a statement or an operand costs 1."""

MAX_NESTING = 32
"""How deep lists, tuples and dicts may nest: types that a program writes nest half a dozen deep."""

MAX_LENGTH = 1 << 16
"""How many elements a list may have."""

MAX_TEXT = 1 << 16
"""How many characters a text may have."""

MAX_ELEMENTS = 1 << 33
"""How many elements a tensor may have: more than any device holds, and than any format can."""

MAX_PARTS = 1 << 13
"""How many ops or tensors an importer may make of one call (the parts of a split, the powers of a number)."""

_MAX_FACTORS = 256
"""How many terms and factors the formula of a size may have: real ones have a handful."""

_ELEMENTS_A_UNIT, _CHARACTERS_A_UNIT = 16, 64
_LARGEST_INT = 1 << 64


class TooMuchWork(CompileError):
    """The program does more than any model."""


class Work:
    """What the import of one program may still cost."""

    def __init__(self) -> None:
        self._left = MAX_WORK

    def spend(self, units: int) -> None:
        """Raises TooMuchWork when that was more than is left."""
        self._left -= units
        if self._left < 0:
            raise TooMuchWork(["the program does more than can be imported; its loops are too long to unroll"])

    def holds(self, value: object, kind: type, depth: int = 0) -> bool:
        """Whether the value is or holds one of a class; raises TooMuchWork for values that nest or unfold too far."""
        if isinstance(value, str):
            self.spend(len(value) // _CHARACTERS_A_UNIT)
            return False
        if not isinstance(value, list | tuple | dict):
            return isinstance(value, kind)
        if depth > MAX_NESTING:
            raise TooMuchWork([f"lists of the program nest over {MAX_NESTING} deep"])
        self.spend(1 + len(value) // _ELEMENTS_A_UNIT)
        elements = [*value, *value.values()] if isinstance(value, dict) else value
        kinds = set(map(type, elements))
        if not any(issubclass(k, list | tuple | dict | str) for k in kinds):
            return kind in kinds
        return any(self.holds(element, kind, depth + 1) for element in elements)

    def survey(self, value: object) -> None:
        """Raises TooMuchWork for values that nest or unfold too far to be followed."""
        self.holds(value, Work)


def require_modest(value: object) -> None:
    """Raises Unsupported for numbers, texts and lists that TorchScript has not, or that only grow."""
    if isinstance(value, int) and abs(value) >= _LARGEST_INT:
        raise Unsupported("it gives an integer of more than 64 bits")
    if isinstance(value, SymInt):
        _require_modest_dim(value)
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise Unsupported(f"it gives a text of more than {MAX_TEXT} characters")
    if isinstance(value, list | tuple | dict) and len(value) > MAX_LENGTH:
        raise Unsupported(f"it gives a list of more than {MAX_LENGTH} elements")


def require_modest_type(type_: TensorType) -> None:
    """Raises Unsupported for a tensor that nothing could hold."""
    elements = 1
    for dim in type_.shape:
        if isinstance(dim, int):
            elements *= dim
        else:
            _require_modest_dim(dim)
    if elements > MAX_ELEMENTS:
        raise Unsupported("it makes a tensor larger than any device can hold")


def _require_modest_dim(dim: SymInt) -> None:
    if _length(dim) > _MAX_FACTORS:
        raise Unsupported("the formula of a size becomes too long")


def _length(dim: Dim) -> int:
    """How many terms and factors a formula has; those that are checked are made of such as were."""
    if isinstance(dim, int):
        return 1 if abs(dim) < _LARGEST_INT else _MAX_FACTORS + 1
    length = 0
    for coefficient, factors in terms(dim):
        length += _length(coefficient)
        length += sum(1 if isinstance(f, str) else _length(f[1]) + _length(f[2]) for f in factors)
    return length


def require_small(count: Dim, what: str) -> None:
    """Raises Unsupported when an importer would have to make a constant of too many elements."""
    if isinstance(count, int) and count > MAX_CONSTANT:
        raise Unsupported(f"{what} would be a constant of more than {MAX_CONSTANT} elements")


def require_few(count: Dim, what: str) -> None:
    """Raises Unsupported when an importer would have to write out too many ops."""
    if isinstance(count, int) and count > MAX_PARTS:
        raise Unsupported(f"{what} would be more than {MAX_PARTS}")
