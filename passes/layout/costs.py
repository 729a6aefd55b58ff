"""What transposes cost: the bytes that they move in one run."""

from collections.abc import Iterator
from dataclasses import dataclass

from ...call_graph import callers_first, calls_of
from ...dims import SymInt, evaluate, free_symbols
from ...ir import Function, Module, Op
from ...ops import control, quant, tensor
from ...ops.nn.activation import SoftmaxFamily
from ...types import TensorType
from .channels_last import moves_only_ones
from .free_transposes import is_absorbed

NOMINAL_SIZES = (16, 64, 256, 1024, 4096, 16384, 65536)
"""What symbols count for: the first of these with which no size of the module is empty (a second of sound has more
samples than its convolutions take away)."""

NOMINAL_TRIPS = 16
"""How often a loop's body counts as run."""

TRANSPOSE_OVERHEAD = 256
"""What any transpose costs beside its bytes, so that of cuts with equal bytes the one with fewer transposes wins."""

RESHAPE_COST = 16
"""What a transpose costs that moves no bytes, and so becomes a reshape: an op to run nevertheless."""


@dataclass(frozen=True)
class Costs:
    """``softmax_along_last`` says that softmax is computed along the last axis: along another one it is transposed
    before and behind. ``symbol`` is what a symbol counts for, ``runs`` how often a function is run."""

    symbol: int
    runs: dict[Function, int]
    softmax_along_last: bool = True

    def bytes(self, type_: TensorType) -> int:
        """The bytes of a tensor; those of sizes not known are a guess."""
        elements = 1
        for dim in type_.shape:
            elements *= dim if isinstance(dim, int) else max(_nominal(dim, self.symbol), 1)
        return elements * max(type_.dtype.bits // 8, 1)

    def transpose(self, type_: TensorType, permutation: tuple[int, ...]) -> int:
        if permutation == tuple(range(len(permutation))):
            return 0
        if moves_only_ones(type_.shape, permutation):
            return RESHAPE_COST
        return self.bytes(type_) + TRANSPOSE_OVERHEAD

    def softmax(self, type_: TensorType, axis: int) -> int:
        if not self.softmax_along_last:
            return 0
        swap = [*range(type_.rank)]
        swap[axis], swap[-1] = swap[-1], swap[axis]
        return 2 * self.transpose(type_, tuple(swap))


def costs_of(module: Module, softmax_along_last: bool = True) -> Costs:
    """The costs for a module: its functions' runs, and what its symbols count for."""
    dims = {d for f in module.functions.values() for v in f.values() for d in v.type.shape if isinstance(d, SymInt)}
    symbol = next((n for n in NOMINAL_SIZES if all(_nominal(d, n) >= 1 for d in dims)), NOMINAL_SIZES[-1])
    return Costs(symbol, _runs(module), softmax_along_last)


def transposed_bytes(module: Module, costs: Costs) -> int:
    """What the module's transposes cost in one run, as the cut counts them."""
    total = 0
    for function, op in _ops(module):
        if isinstance(op, SoftmaxFamily):
            total += costs.runs[function] * costs.softmax(op.x.type, op.axis)
        elif isinstance(op, tensor.Transpose) and not isinstance(op.x.owner, tensor.Constant) and not is_absorbed(op):
            total += costs.runs[function] * costs.transpose(moved_type(op), op.permutation)
    return total


def moved_type(op: tensor.Transpose) -> TensorType:
    """What the transpose moves: the integers where pairs of quantize and dequantize stand on both sides of it."""
    before = op.x.owner
    if not isinstance(before, quant.Dequantize) or before.axis is not None:
        return op.x.type
    is_before_pair = op.result.is_used and all(isinstance(user, quant.Quantize) for user in op.result.uses)
    return before.x.type if is_before_pair else op.x.type


def moving_transposes(module: Module) -> Iterator[tuple[Function, tensor.Transpose]]:
    """The transposes that move bytes when the model runs."""
    for function, op in _ops(module):
        if not isinstance(op, tensor.Transpose) or isinstance(op.x.owner, tensor.Constant):
            continue
        if not moves_only_ones(op.x.type.shape, op.permutation):
            yield function, op


def _ops(module: Module) -> Iterator[tuple[Function, Op]]:
    for function in module.functions.values():
        for op in function.ops:
            yield function, op


def _runs(module: Module) -> dict[Function, int]:
    """How often each function counts as run: once if nothing calls it, a loop's functions for each trip."""
    runs = dict.fromkeys(module.functions.values(), 0)
    for function in callers_first(module):
        runs[function] = max(runs[function], 1)
        for op, call in calls_of(function):
            if call.function in module.functions:
                trips = NOMINAL_TRIPS if isinstance(op, control.While) else 1
                runs[module.functions[call.function]] += runs[function] * trips
    return runs


def _nominal(dim: SymInt, size: int) -> int:
    return int(evaluate(dim, dict.fromkeys(free_symbols(dim), size)))
