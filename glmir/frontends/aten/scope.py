"""What is being built while a program is imported: the function that ops go to, names, constants, locations."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import numpy as np

from ...dims import Dim, SymInt, free_symbols, symbol
from ...ir import Array, Function, Location, Value
from ...ops import math, tensor
from ...rewriter import insert_new_ops
from ...symbolic import ELEMENT_LIMIT, SymbolicContents
from ...types import DType
from ...weights import Weight
from ..values import cast as cast
from ..values import constant as constant
from ..values import expand as expand
from ..values import reshape as reshape
from ..values import size_of
from .journal import Journal
from .known import KnownArrays
from .scalars import Int, Number, Scalar, SymFloat
from .tensors import Storage, Tensor, Unsupported
from .work import OP, Work, require_modest_type


class Scope:
    """Where a program's operations insert their ops.

    ``location`` is what the ops inserted next come from. Inside a branch or a loop's body ``function`` is the function
    that this becomes; values of the enclosing functions may be used there, and become its inputs when it is finished
    (branches.py).
    """

    def __init__(self, root: Function, numbers: Iterator[int] | None = None, work: Work | None = None) -> None:
        """``numbers`` tell the functions of branches and loops apart, also from those of other scopes.

        ``work`` is what may be done, together with other scopes.
        """
        self.work = work or Work()
        self.journal = Journal()
        self.contents = SymbolicContents()
        self._known = KnownArrays(ELEMENT_LIMIT)
        self.location: Location = ()
        self.callees: dict[str, Function] = {}
        """The functions of branches and loops, by name."""
        self._functions = [root]
        self._constants: dict[int, tuple[Weight, Value]] = {}
        self._fresh = map("u{}".format, count())
        self._function_numbers = numbers or count(1)

    @property
    def function(self) -> Function:
        return self._functions[-1]

    def is_visible(self, function: Function) -> bool:
        return any(f is function for f in self._functions)

    @contextmanager
    def inside(self, function: Function) -> Iterator[None]:
        """Inserts ops into another function, one that the current one calls."""
        self._functions.append(function)
        try:
            yield
        finally:
            self._functions.pop()

    def new_function(self, kind: str, inputs: Sequence[Value] = ()) -> Function:
        """An empty function for a branch or a loop (``body``), with a name of its own."""
        return Function(f"{kind}{next(self._function_numbers)}", inputs)

    def visible_values(self) -> Iterator[Value]:
        """What ops inserted now could use, those of the outermost function first."""
        for function in self._functions:
            self.work.spend(len(function.ops) // 4)
            yield from function.values()

    def insert(self, value: Value) -> Value:
        self.insert_all((value,))
        return value

    def insert_all(self, values: Sequence[Value]) -> None:
        """Puts the ops behind the values that stand in no function yet into the current one."""
        for op in insert_new_ops(values, self.function.ops.append):
            op.location = op.location or self.location
            self.work.spend(OP)
            for result in op.results:
                require_modest_type(result.type)

    def tensor(self, value: Value) -> Tensor:
        """A new tensor that holds the value."""
        return Tensor(Storage(self.insert(value), self))

    def weight(self, weight: Weight) -> Value:
        """The constant of a weight, made once: in the outermost function, where every branch can see it."""
        known = self._constants.get(id(weight))
        if known is None:
            op = tensor.Constant(weight)
            op.location = self.location
            self._functions[0].ops.append(op)
            known = self._constants[id(weight)] = (weight, op.result)
        return known[1]

    def fresh_symbol(self) -> Dim:
        """A symbol for a size that only running the model shows: u0, u1, …"""
        taken = self._functions[0].symbols
        return symbol(next(name for name in self._fresh if name not in taken))

    def scalar(self, number: Number, dtype: DType) -> Value:
        """A number as a tensor without axes."""
        if isinstance(number, Scalar):
            return cast(number.value, dtype)
        if isinstance(number, SymFloat):
            quotient = math.Div(
                self.scalar(number.dim, DType.F64), constant(np.array(float(number.divisor), np.float64))
            )
            return cast(quotient.result, dtype)
        if isinstance(number, SymInt):
            return size_of(number, dtype)
        return constant(_array_of(number, dtype))

    def vector(self, numbers: Sequence[Int]) -> Value:
        """Integers as i64[k]."""
        if not any(isinstance(n, Scalar) for n in numbers):
            dims = tuple(n for n in numbers if not isinstance(n, Scalar))
            if all(isinstance(d, int) for d in dims):
                return constant(np.array(dims, np.int64))
            return tensor.Dims(dims).result
        parts = [tensor.Reshape(self.scalar(n, DType.I64), None, (1,)).result for n in numbers]
        return parts[0] if len(parts) == 1 else tensor.Concat(tuple(parts), 0).result

    def number(self, x: Value) -> Number:
        """The only element of a tensor as a number of the program: known, symbolic, or a ``Scalar``.

        Raises Unsupported when the tensor has several elements.
        """
        if x.type.is_static and x.type.elements != 1:
            raise Unsupported(f"a tensor of type {x.type} is used as one number")
        self.insert(x)
        contents = self.contents.of(x)
        element = None if contents is None else contents.reshape(-1)[0]
        if element is None and (array := self._known.of(x)) is not None:
            element = array.reshape(-1)[0].item()
        if element is not None:
            return _number_of(element, x.type.dtype)
        return Scalar(self.insert(tensor.Reshape(x, None, ()).result if x.type.rank else x))

    def dims(self, numbers: Sequence[Int]) -> tuple[tuple[Dim, ...], Value | None]:
        """Sizes as dims, with fresh symbols for those that only running the model shows; then also all as i64[k]."""
        if not any(isinstance(n, Scalar) for n in numbers):
            return tuple(n for n in numbers if not isinstance(n, Scalar)), None
        return tuple(self.fresh_symbol() if isinstance(n, Scalar) else n for n in numbers), self.vector(numbers)


def known_dims(numbers: Sequence[Int], what: str) -> tuple[Dim, ...]:
    """The numbers as dims; raises Unsupported when one depends on the data."""
    return tuple(known_dim(n, what) for n in numbers)


def known_dim(number: Int, what: str) -> Dim:
    if isinstance(number, Scalar):
        raise Unsupported(f"{what} depends on the data")
    return number


def known_int(number: Int, what: str) -> int:
    """The number; raises Unsupported when it is symbolic or depends on the data."""
    number = known_dim(number, what)
    if isinstance(number, SymInt):
        raise Unsupported(f"{what} must be known, but it is the symbolic size {number}")
    return number


def known_ints(numbers: Sequence[Int], what: str) -> tuple[int, ...]:
    return tuple(known_int(n, what) for n in numbers)


def known_float(number: Number, what: str) -> float:
    """The number; raises Unsupported when it is symbolic or depends on the data."""
    if isinstance(number, Scalar | SymInt | SymFloat):
        raise Unsupported(f"{what} must be known, but it depends on the shapes or the data")
    return float(number)


def require_fixed(x: Value, axis: int, wanted: Dim, order: str) -> None:
    """Raises Unsupported where an open size of an input stands for one that weights fix: axes may be mixed up."""
    size = x.type.shape[axis]
    is_open = isinstance(size, SymInt) and str(size) in free_symbols(size)
    # What only running the model shows (u0, u1, …) may well be that size.
    if is_open and not re.fullmatch(r"u\d+", str(size)):
        raise Unsupported(
            f"axis {axis % x.type.rank} of its input {x.type} has the open size {size}, and its weight takes {wanted}: "
            f"fix that size; axes stand in the order {order}"
        )


def _array_of(number: float, dtype: DType) -> Array:
    if dtype.is_float or dtype is DType.BOOL:
        with np.errstate(over="ignore"):
            return np.array(number).astype(dtype.numpy)
    if number != number or number in (float("inf"), float("-inf")):
        raise Unsupported(f"{number} is no {dtype.value}")
    # As in C, and as PyTorch does: towards zero, and modulo the dtype's range.
    return np.array(int(number) & ((1 << 64) - 1), np.uint64).astype(dtype.numpy)


def _number_of(element: object, dtype: DType) -> Number:
    if isinstance(element, SymInt):
        return element
    assert isinstance(element, int | float)
    return bool(element) if dtype is DType.BOOL else float(element) if dtype.is_float else int(element)
