"""Which activations live when: the buffers of a function, and which op makes and which use each.

Weights are no activations. Inputs live from the first op to the last, as they do in every runtime that leaves them to
its caller, and so do outputs from the op that makes them. A reshape gives no buffer of its own: runtimes let it share
its operand's, but for inputs and outputs, which stay apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...dims import SymInt, evaluate, free_symbols
from ...ir import Function, Op, Value
from ...ops import tensor
from ...types import TensorType
from ..nominal_sizes import NOMINAL_SIZE
from ..patterns import is_known


@dataclass
class Buffer:
    """Memory of one value, or of several that are views of one another.

    ``maker`` and ``users`` are positions in the list of ops; -1 makes inputs. ``stays``: it is needed to the end.
    """

    values: list[Value]
    size: int
    maker: int
    users: set[int] = field(default_factory=set)
    stays: bool = False

    @property
    def last_user(self) -> int:
        return max(self.users, default=self.maker)


def byte_size(type_: TensorType, sizes: Mapping[str, int] | None = None) -> int:
    """What a tensor takes, in bytes; symbols that ``sizes`` lacks count as NOMINAL_SIZE."""
    elements = type_.elements
    if isinstance(elements, SymInt):
        given = sizes or {}
        elements = evaluate(elements, {s: given.get(s, NOMINAL_SIZE) for s in free_symbols(elements)})
    return -(-max(elements, 0) * type_.stored.bits // 8)


def computing_ops(function: Function) -> list[Op]:
    """The function's ops but for its weights, in order."""
    return [op for op in function.ops if not (op.results and all(map(is_known, op.results)))]


def buffers_of(function: Function, ops: Sequence[Op], sizes: Mapping[str, int] | None = None) -> list[Buffer]:
    """The buffers of a function's inputs and of the results of ``ops``, in order of their making."""
    outputs = set(function.outputs)
    inputs = set(function.inputs)
    found: dict[Value, Buffer] = {}
    buffers: list[Buffer] = []

    def make(value: Value, maker: int) -> None:
        found[value] = Buffer([value], byte_size(value.type, sizes), maker, stays=maker < 0 or value in outputs)
        buffers.append(found[value])

    for value in function.inputs:
        make(value, -1)
    for position, op in enumerate(ops):
        for operand in op.operands:
            if operand in found:
                found[operand].users.add(position)
        viewed = viewed_operand(op)
        if viewed is not None and viewed in found and viewed not in inputs and not outputs & {viewed, op.results[0]}:
            found[op.results[0]] = found[viewed]
            found[viewed].values.append(op.results[0])
            continue
        for result in op.results:
            make(result, position)
    return buffers


def viewed_operand(op: Op) -> Value | None:
    """The operand whose elements, in their order, are the op's result."""
    return op.x if isinstance(op, tensor.Reshape) else None


__all__ = ["Buffer", "buffers_of", "byte_size", "computing_ops", "viewed_operand"]
