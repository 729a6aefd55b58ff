"""What the targets of nodes are called in the ATen table, and those that the table does not need to know."""

from collections.abc import Callable, Sequence
from functools import reduce

from ...dims import Dim, SymInt, dim_max, dim_min
from ...ops import math
from ..aten.ops import TABLE as ATEN
from ..aten.promotion import promoted, result_type
from ..aten.registry import Table
from ..aten.scalars import Int, Number, Scalar, SymFloat
from ..aten.scope import Scope
from ..aten.tensors import Tensor, Unsupported

_MAX_POWER = 8

IGNORED = frozenset(
    (
        "_assert_async",
        "_assert_scalar",
        "_assert_tensor_metadata",
        "sym_constrain_range",
        "sym_constrain_range_for_size",
        "_functional_assert_async",
        "_functional_sym_constrain_range",
        "_functional_sym_constrain_range_for_size",
        "_linalg_check_errors",
        "_log_api_usage_once",
    )
)
"""What a program asserts or records: it computes nothing."""

_PYTHON = {
    "_operator.floordiv": "floordiv",
    "_operator.truediv": "div",
    "_operator.mod": "remainder",
    "_operator.and_": "__and__",
    "_operator.or_": "__or__",
    "_operator.xor": "__xor__",
    "_operator.lshift": "__lshift__",
    "_operator.rshift": "__rshift__",
    "_operator.not_": "__not__",
    "torch.sym_not": "__not__",
    "torch.sym_int": "Int",
    "torch.sym_float": "Float",
    "math.ceil": "ceil",
    "math.floor": "floor",
    "math.trunc": "Int",
    "builtins.round": "round",
    "builtins.abs": "abs",
}
"""Functions of Python on numbers, by the names of TorchScript's operations for them."""

_SIZES = {"sym_size": "size", "sym_stride": "stride", "sym_numel": "numel", "sym_storage_offset": "storage_offset"}


def operation_name(target: str) -> str:
    """A target's name in the table: ``conv2d`` for ``torch.ops.aten.conv2d.default``; others keep their namespace."""
    if target in _PYTHON:
        return _PYTHON[target]
    if target.startswith("torch.ops."):
        namespace, _, rest = target.removeprefix("torch.ops.").partition(".")
        name = rest.partition(".")[0]
        return _SIZES.get(name, name) if namespace == "aten" else f"{namespace}::{name}"
    owner, _, name = target.rpartition(".")
    if target not in NUMBERS and owner in ("_operator", "math", "builtins"):
        return name
    return target


def with_tensor_first(scope: Scope, args: list[object]) -> list[object]:
    """The arguments of an elementwise operation on tensors: decompositions give it numbers too, as in ``1 - x``.

    A number has the dtype of the tensor beside it, unless it is of a higher kind.
    """
    match args:
        case [int() | float() | SymInt() | SymFloat() | Scalar() as number, Tensor() as other, *_]:
            return [scope.tensor(scope.scalar(number, result_type((number, other)))), *args[1:]]
    return args


NUMBERS = Table()
"""Functions of ``torch`` on symbolic numbers that TorchScript has not."""


@NUMBERS.imports("torch.sym_max")
def sym_max(scope: Scope, a: Number, b: Number) -> Number:
    return _extremum(scope, a, b, dim_max, max, math.Maximum)


@NUMBERS.imports("torch.sym_min")
def sym_min(scope: Scope, a: Number, b: Number) -> Number:
    return _extremum(scope, a, b, dim_min, min, math.Minimum)


def _extremum(
    scope: Scope,
    a: Number,
    b: Number,
    of_dims: Callable[[Dim, Dim], Dim],
    of_numbers: Callable[[float, float], float],
    op: type[math.Maximum | math.Minimum],
) -> Number:
    if isinstance(a, int | SymInt) and isinstance(b, int | SymInt):
        return of_dims(a, b)
    if isinstance(a, int | float) and isinstance(b, int | float):
        return of_numbers(a, b)
    x, y = promoted(scope, (a, b))
    return Scalar(op(x, y).result)


@NUMBERS.imports("torch.sym_sum")
def sym_sum(scope: Scope, args: Sequence[Int]) -> Number:
    if not any(isinstance(n, Scalar) for n in args):
        zero: Dim = 0
        return reduce(lambda a, b: a + b, [n for n in args if not isinstance(n, Scalar)], zero)
    return Scalar(reduce(lambda x, y: math.Add(x, y).result, promoted(scope, args)))


@NUMBERS.imports("torch.sym_ite")
def sym_ite(scope: Scope, condition: Number, a: Number, b: Number) -> Number:
    if isinstance(condition, bool):
        return a if condition else b
    if not isinstance(condition, Scalar):
        raise Unsupported("its condition is no boolean")
    x, y = promoted(scope, (a, b))
    return Scalar(math.Select(condition.value, x, y).result)


@NUMBERS.imports("_operator.pos")
def positive(a: Number) -> Number:
    return a


@NUMBERS.imports("_operator.pow")
def power(scope: Scope, a: Number, b: Number) -> Number:
    """Of integers an integer, where TorchScript's ``pow`` gives a float."""
    if isinstance(a, int | SymInt) and isinstance(b, int) and 0 <= b <= _MAX_POWER:
        one: Dim = 1
        return reduce(lambda x, y: x * y, [a] * b, one)
    x, y = promoted(scope, (a, b))
    return Scalar(math.Pow(x, y).result)


_VMAP = "torch._functorch.predispatch"


@NUMBERS.imports(*(f"{_VMAP}.{name}" for name in ("_vmap_increment_nesting", "_vmap_decrement_nesting")))
@NUMBERS.imports(f"{_VMAP}.lazy_load_decompositions", f"{_VMAP}._remove_batch_dim")
def vmap_bookkeeping(*args: object) -> None:
    return None


@NUMBERS.imports(f"{_VMAP}._add_batch_dim")
def add_batch_dim(*args: object) -> None:
    raise Unsupported(
        "it begins a region of torch.vmap, whose operations are written for one element: "
        "save what run_decompositions() of the exported program returns"
    )


TABLE = Table(ATEN, NUMBERS)
"""Every operation that a node can name."""
