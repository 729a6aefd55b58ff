"""Operations whose meaning has changed since an archive was written (torch/csrc/jit/operator_upgraders).

Operations that merely gained arguments with defaults need nothing: their importers take the old calls too.
"""

from collections.abc import Callable, Mapping, Sequence

from ..aten.tensors import Tensor

Call = tuple[str, Sequence[object], Mapping[str, object]]

_Upgrade = Callable[[Sequence[object], Mapping[str, object]], Call]


def upgraded(name: str, args: Sequence[object], kwargs: Mapping[str, object], version: int) -> Call:
    """The call that means today what the given one meant in an archive of that version."""
    base = name.removesuffix("_")
    if base in _UPGRADES and version < _UPGRADES[base][0]:
        new, new_args, new_kwargs = _UPGRADES[base][1](args, kwargs)
        return (f"{new}_" if name != base else new), new_args, new_kwargs
    return name, args, kwargs


def _div(args: Sequence[object], kwargs: Mapping[str, object]) -> Call:
    """Up to version 3 the quotient of integer tensors was an integer, rounded towards zero."""
    involved = [*args, *kwargs.values()]
    is_integer = all(not isinstance(a, float) for a in involved) and all(
        not a.dtype.is_float for a in involved if isinstance(a, Tensor)
    )
    if is_integer and any(isinstance(a, Tensor) for a in involved) and "rounding_mode" not in kwargs:
        return "div", args, {**kwargs, "rounding_mode": "trunc"}
    return "div", args, kwargs


def _full(args: Sequence[object], kwargs: Mapping[str, object]) -> Call:
    """Up to version 4 a tensor filled with an integer was of floats unless it said otherwise."""
    if kwargs.get("dtype") is None and "out" not in kwargs and len(args) == 2 and isinstance(args[1], int):
        return "full", (args[0], float(args[1])), kwargs
    return "full", args, kwargs


def _steps(name: str) -> _Upgrade:
    """Up to version 7 the number of steps could be left out: 100."""

    def upgrade(args: Sequence[object], kwargs: Mapping[str, object]) -> Call:
        if len(args) > 2:
            return name, (*args[:2], 100 if args[2] is None else args[2], *args[3:]), kwargs
        return name, args, {**kwargs, "steps": 100 if kwargs.get("steps") is None else kwargs["steps"]}

    return upgrade


_UPGRADES: dict[str, tuple[int, _Upgrade]] = {
    "div": (4, _div),
    "full": (5, _full),
    "linspace": (8, _steps("linspace")),
    "logspace": (9, _steps("logspace")),
}
"""Operation -> the first version with today's meaning, and what makes today's call of an older one."""
