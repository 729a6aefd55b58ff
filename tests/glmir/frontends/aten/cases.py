"""Cases of the ATen table: calls whose results PyTorch itself recorded; the tests run without PyTorch.

A family's cases stand in ``cases_<family>.py`` as a list named ``CASES``. No file lists the families.

    from .cases import A, Case, Operations, T, program
    from glmir.types import DType

    CASES = [
        Case("add", T(2, 3), T(3), alpha=2),               # aten::add; arguments as in the schema
        Case("relu_", T(2, 3)),                            # in place: the result is the first argument
        Case("to", T(4, low=0, high=9), DType.I64),        # dtypes as the IR's
        Case("sqrt", T("n=2", 3, low=0)),                  # the first axis is declared as the symbol n, and runs with 2
        Case("sum", T(2, 3, dtype="i32"), [0], True),      # T's elements are uniform in [low, high), by default [-3, 3)
        Case("linear", T(2, 3), T(4, 3, constant=True)),   # the second is a weight, not an input of the model
        Case("isnan", A([1.0, float("nan")], "f32")),      # these very elements
        Case("exp", T(9, high=50)).within("approximate"),  # a row of tests/tolerances.py; default: by dtype
        Case("rand", [2, 3]).refused("random"),            # raises Unsupported, whose message has this in it
        Case("floordiv", 7, 2).gives(3),                   # a number, string or list that is known when importing
        program("copy to a view", _copy_to_view, T(2, 3)), # several calls, see below
    ]

    def _copy_to_view(ops: Operations, x: Any) -> Any:
        ops.relu_(ops.select(x, 0, 1))                     # aten::select, aten::relu_; ops["torchvision::nms"]
        n = ops.size(x, 0)                                 # an int for PyTorch; for us what the table returns
        m = ops["Int.float"](ops.sqrt(n))                  # which overload PyTorch takes: of numbers it takes any
        return x, n, m

Results may be tensors, numbers, tuples and lists of those; None is left out. After a change of cases, record and test
(the recording is committed; a case is found in it by its whole text, so a changed case has no recording, and fails):

    PYTHONPATH=. <python with torch> tests/glmir/frontends/aten/record.py <family> …
    pytest -n0 -q tests/glmir/frontends/aten -k <family>

Keep tensors small (2 to 5 along an axis): each family's recording is to stay below 100 kB.
"""

import importlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from glmir.dims import Dim, symbol
from glmir.types import DType

Array = NDArray[Any]

FOLDER = Path(__file__).parent
RECORDED = FOLDER / "recorded"


class Operations(Protocol):
    """What a program calls: PyTorch's operations, or the table's."""

    def __getattr__(self, name: str) -> Callable[..., Any]: ...

    def __getitem__(self, name: str) -> Callable[..., Any]: ...


Program: TypeAlias = Callable[..., Any]
"""``(ops, *args) -> results``"""


@dataclass(frozen=True, init=False)
class T:
    """A tensor of seeded elements, uniform in [low, high). ``"n=2"`` declares an axis as a symbol that runs with 2."""

    axes: tuple[int | str, ...]
    dtype: str = "f32"
    low: float = -3
    high: float = 3
    constant: bool = False
    seed: int = 0

    def __init__(
        self,
        *axes: int | str,
        dtype: str = "f32",
        low: float = -3,
        high: float = 3,
        constant: bool = False,
        seed: int = 0,
    ) -> None:
        self.__dict__.update(axes=axes, dtype=dtype, low=low, high=high, constant=constant, seed=seed)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(a if isinstance(a, int) else int(a.split("=")[1]) for a in self.axes)

    @property
    def dims(self) -> tuple[Dim, ...]:
        return tuple(a if isinstance(a, int) else symbol(a.split("=")[0]) for a in self.axes)

    def array(self, place: int) -> Array:
        """The elements, when the tensor is the ``place``-th of its case."""
        key = f"{self.shape} {self.dtype} {self.low} {self.high} {self.seed} {place}"
        random = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()))).random(self.shape)
        dtype = DType(self.dtype)
        if dtype is DType.BOOL:
            return np.asarray(random < 0.5)
        scaled = np.asarray(self.low + random * (self.high - self.low))
        return (scaled if dtype.is_float else np.floor(scaled)).astype(dtype.numpy)

    def __str__(self) -> str:
        options = {"low": -3, "high": 3, "constant": False, "seed": 0}
        given = [f"{name}={getattr(self, name)}" for name, default in options.items() if getattr(self, name) != default]
        axes = f"{self.dtype}[{','.join(map(str, self.axes))}]"
        return f"{axes}({', '.join(given)})" if given else axes


@dataclass(frozen=True)
class A:
    """A tensor of these elements."""

    elements: Any
    dtype: str = "f32"
    constant: bool = False

    @property
    def dims(self) -> tuple[Dim, ...]:
        return self.array(0).shape

    def array(self, place: int) -> Array:
        return np.array(self.elements).astype(DType(self.dtype).numpy)

    def __str__(self) -> str:
        return f"{self.dtype}({self.elements})" + (" constant" if self.constant else "")


class Case:
    """A call of one operation, or a program of several."""

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        self.name, self.args, self.kwargs = name, args, kwargs
        self.body: Program | None = None
        self.tolerance: str | None = None
        self.refusal: str | None = None
        self.known: list[Any] = []
        """The result that ``gives`` told, if any."""

    def within(self, tolerance: str) -> "Case":
        self.tolerance = tolerance
        return self

    def refused(self, reason: str) -> "Case":
        self.refusal = reason
        return self

    def gives(self, result: Any) -> "Case":
        self.known = [result]
        return self

    @property
    def is_recorded(self) -> bool:
        return self.refusal is None and not self.known

    def run(self, ops: Operations, args: Any, kwargs: Any) -> Any:
        if self.body is not None:
            return self.body(ops, *args, **kwargs)
        return ops[self.name](*args, **kwargs)

    @cached_property
    def id(self) -> str:
        given = [*map(_text, self.args), *(f"{k}={_text(v)}" for k, v in self.kwargs.items())]
        return f"{self.name}({', '.join(given)})"


def program(name: str, body: Program, *args: Any, **kwargs: Any) -> Case:
    """A case of several calls; the name, which is of free choice, tells it from others of the family."""
    case = Case(name, *args, **kwargs)
    case.body = body
    return case


def _text(argument: Any) -> str:
    if isinstance(argument, list | tuple):
        return f"[{', '.join(map(_text, argument))}]"
    if isinstance(argument, DType):
        return argument.value
    return repr(argument) if isinstance(argument, str) else str(argument)


def tensors_replaced(argument: Any, make: Callable[[T | A, int], Any], places: Iterator[int]) -> Any:
    """The argument with its tensors, in lists too, replaced by what ``make`` gives for each and its place."""
    if isinstance(argument, T | A):
        return make(argument, next(places))
    if isinstance(argument, list | tuple):
        return type(argument)(tensors_replaced(a, make, places) for a in argument)
    if isinstance(argument, dict):
        return {k: tensors_replaced(a, make, places) for k, a in argument.items()}
    return argument


def leaves(result: Any) -> Iterator[Any]:
    """The tensors and numbers of a result, in order."""
    if isinstance(result, list | tuple):
        for part in result:
            yield from leaves(part)
    elif isinstance(result, dict):
        yield from leaves(list(result.values()))
    elif result is not None:
        yield result


def families() -> list[str]:
    return sorted(p.stem.removeprefix("cases_") for p in FOLDER.glob("cases_*.py"))


def cases_of(family: str) -> list[Case]:
    cases: list[Case] = importlib.import_module(f"{__package__}.cases_{family}").CASES
    return cases


def save(family: str, results: Mapping[str, list[Array]]) -> Path:
    """Writes a family's recording: one index, all elements in one array, as thousands of members would be large."""
    index: dict[str, list[Any]] = {}
    data = bytearray()
    for case, arrays in results.items():
        index[case] = []
        for array in arrays:
            index[case].append([DType.of(array.dtype).value, list(array.shape), len(data)])
            data += array.tobytes()
    path = RECORDED / f"{family}.npz"
    RECORDED.mkdir(exist_ok=True)
    text = json.dumps(index, separators=(",", ":")).encode()
    np.savez_compressed(path, index=np.frombuffer(text, np.uint8), data=np.frombuffer(bytes(data), np.uint8))
    return path


@lru_cache
def recording(family: str) -> dict[str, list[Array]]:
    """The recorded results of a family's cases, by the cases' ids."""
    path = RECORDED / f"{family}.npz"
    if not path.exists():
        return {}
    with np.load(path) as members:
        index, data = json.loads(members["index"].tobytes()), members["data"].tobytes()
    return {case: [_array(data, *leaf) for leaf in arrays] for case, arrays in index.items()}


def _array(data: bytes, dtype: str, shape: list[int], start: int) -> Array:
    return np.frombuffer(data, DType(dtype).numpy, prod(shape), start).reshape(shape)
