"""What the rules for operators look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ....types import Array
from ..executor.kinds import DeclaredType, Operand

DECOMPRESSING = "constexpr_"
"""What the names of operators begin with that decompress constants."""


class Value(Protocol):
    """What is known of an argument."""

    @property
    def type(self) -> DeclaredType: ...
    @property
    def constant(self) -> Operand | None: ...
    @property
    def maker(self) -> str: ...


@dataclass(frozen=True)
class Given:
    """An operation whose parameters fit its signature. ``opset`` is an iOS release."""

    operator: str
    opset: int
    one: Mapping[str, Value]
    many: Mapping[str, Sequence[Value]]
    results: tuple[DeclaredType, ...]

    def rank(self, name: str) -> int:
        return len(self.one[name].type.dims)

    def dims(self, name: str) -> tuple[int | None, ...]:
        return self.one[name].type.dims

    def array(self, name: str) -> Array | None:
        """A constant tensor; None for one that is computed, or not given."""
        value = self.one.get(name)
        constant = value.constant if value is not None else None
        return constant.array if constant is not None and constant.kind not in ("str", "list") else None

    def is_known(self, name: str) -> bool:
        """Whether a tensor is constant, in whatever form it is stored."""
        value = self.one[name]
        return value.constant is not None or value.maker.startswith(DECOMPRESSING)

    def integers(self, name: str) -> list[int] | None:
        array = self.array(name)
        return None if array is None else [int(n) for n in array.reshape(-1)]

    def word(self, name: str) -> str | None:
        value = self.one.get(name)
        constant = value.constant if value is not None else None
        return constant.value if constant is not None and isinstance(constant.value, str) else None
