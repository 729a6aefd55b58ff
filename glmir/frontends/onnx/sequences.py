"""Sequences and optionals of ONNX, which fold away while a model is imported: a sequence is a list of values, or one
tensor whose rows are its elements, and an optional is a value or nothing.

https://onnx.ai/onnx/operators/, Sequence* and Optional*. Operators on them are imported here, by functions from the
node to what its one output stands for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...dims import Dim, known_equal
from ...ir import Value
from ...ops import tensor
from ..values import reshape, size_of, sliced
from .control import Loop
from .node import Node, Unsupported, check_axis, constant
from .run_time_bounds import parts_at_run_time


@dataclass(frozen=True)
class Listed:
    """A sequence of so many values."""

    items: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Stacked:
    """A sequence of the rows of a tensor, along its first axis: of tensors alike, in any number."""

    rows: Value


@dataclass(frozen=True)
class Collected:
    """Inside a loop, the sequence that the rounds before have made, and what this one appends to it."""

    loop: Loop
    appended: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Nothing:
    """An optional without an element."""


@dataclass(frozen=True)
class Growing:
    """Inside a loop, a tensor that each round only makes longer along an axis, and what this one appends to it."""

    loop: Loop
    axis: int
    added: Value | None = None


Container = Listed | Stacked | Collected | Growing | Nothing
Item = Value | Container
"""What a name in a model stands for."""


def values_of(item: Item | None) -> tuple[Value, ...]:
    """The values that an item is made of."""
    match item:
        case Value():
            return (item,)
        case Listed(items=items) | Collected(appended=items):
            return items
        case Stacked(rows=value) | Growing(added=Value() as value):
            return (value,)
    return ()


def like(item: Item, values: Sequence[Value]) -> Item:
    """An item as ``item``, made of other values."""
    match item:
        case Listed():
            return Listed(tuple(values))
        case Stacked():
            return Stacked(values[0])
        case Collected(loop=loop):
            return Collected(loop, tuple(values))
        case Growing(loop=loop, axis=axis):
            return Growing(loop, axis, values[0] if values else None)
        case Nothing():
            return item
    return values[0]


def agreed(a: Item, b: Item) -> tuple[Item, Item]:
    """What two branches give for one result, in one form; refuses what has no form in common."""
    if isinstance(a, Stacked) and isinstance(b, Listed) and b.items:
        b = Stacked(stacked(b.items))
    if isinstance(b, Stacked) and isinstance(a, Listed) and a.items:
        a = Stacked(stacked(a.items))
    if type(a) is not type(b) or len(values_of(a)) != len(values_of(b)):
        raise Unsupported(f"a result is {described(a)} if its condition holds, and {described(b)} if not")
    return a, b


def described(item: Item) -> str:
    """The item as a reason names it."""
    match item:
        case Listed(items=items):
            return f"a sequence of {len(items)}"
        case Stacked() | Collected():
            return "a sequence"
        case Growing():
            return "a tensor that grows"
        case Nothing():
            return "an optional without an element"
    return f"{item.type}"


@dataclass
class SequenceNode:
    """A node of which some operands are no tensors."""

    node: Node
    items: tuple[Item | None, ...]

    def item(self, index: int) -> Item:
        item = self.items[index] if index < len(self.items) else None
        if item is None:
            raise Unsupported(f"input {index} is missing")
        return item

    def sequence(self, index: int) -> Listed | Stacked | Collected:
        item = self.item(index)
        if isinstance(item, Value | Growing | Nothing):
            raise Unsupported(f"input {index} is {described(item)}, not a sequence")
        return item

    def position(self, index: int, count: int) -> int | None:
        """A place among ``count``, counted from the front; None where running the model shows it."""
        contents = self.node.dims(index)
        if contents is None or len(contents) != 1 or not isinstance(contents[0], int):
            return None
        return check_axis(contents[0], count)


SequenceImporter = Callable[[SequenceNode], Item]


@dataclass
class _Table:
    entries: dict[str, SequenceImporter] = field(default_factory=dict)

    def imports(self, op_type: str) -> Callable[[SequenceImporter], SequenceImporter]:
        def register(importer: SequenceImporter) -> SequenceImporter:
            self.entries[op_type] = importer
            return importer

        return register


TABLE = _Table()
SEQUENCE_IMPORTERS = TABLE.entries


def stacked(values: Sequence[Value]) -> Value:
    """Values of one type as the rows of a tensor."""
    types = [v.type for v in values]
    alike = all(t.dtype is types[0].dtype and t.rank == types[0].rank for t in types)
    if not alike or not all(known_equal(a, b) for t in types for a, b in zip(t.shape, types[0].shape, strict=True)):
        raise Unsupported(f"its elements differ, {', '.join(map(str, types[:4]))}, and which one is meant is not known")
    return tensor.Concat(tuple([_row(v) for v in values]), 0).result


def _row(x: Value) -> Value:
    return tensor.Reshape(x, None, (1, *x.type.shape)).result


def appended(sequence: Listed | Stacked, more: Value) -> Stacked:
    """A sequence with the rows of a tensor behind its elements."""
    first = sequence.rows if isinstance(sequence, Stacked) else stacked(sequence.items) if sequence.items else None
    return Stacked(more if first is None else tensor.Concat((first, more), 0).result)


@TABLE.imports("SequenceEmpty")
def _empty(node: SequenceNode) -> Item:
    return Listed()


@TABLE.imports("SequenceConstruct")
def _construct(node: SequenceNode) -> Item:
    return Listed(node.node.present)


@TABLE.imports("SequenceInsert")
def _insert(node: SequenceNode) -> Item:
    sequence, new = node.sequence(0), node.node.operand(1)
    if isinstance(sequence, Listed):
        count = len(sequence.items)
        place = count if node.node.optional(2) is None else _only_int(node, 2)
        if place is None:
            raise Unsupported("where it inserts is known only when the model runs")
        if place != count:
            # From the end it counts as what is there does: -1 is before the last.
            place = check_axis(place, count)
        return Listed((*sequence.items[:place], new, *sequence.items[place:]))
    if node.node.optional(2) is not None and not _is_end(node, sequence):
        raise Unsupported("it inserts elsewhere than at the end of a sequence whose length is not known")
    if isinstance(sequence, Collected):
        return Collected(sequence.loop, (*sequence.appended, new))
    return appended(sequence, _row(new))


def _is_end(node: SequenceNode, sequence: Stacked | Collected) -> bool:
    dims = node.node.dims(2)
    if isinstance(sequence, Collected) or dims is None or len(dims) != 1 or dims[0] is None:
        return False
    return known_equal(dims[0], sequence.rows.type.shape[0])


@TABLE.imports("SequenceErase")
def _erase(node: SequenceNode) -> Item:
    sequence = node.sequence(0)
    if isinstance(sequence, Listed):
        count = len(sequence.items)
        place = node.position(1, count) if node.node.optional(1) is not None else count - 1
        if place is None or count == 0:
            raise Unsupported("what it erases is known only when the model runs, or not there")
        return Listed((*sequence.items[:place], *sequence.items[place + 1 :]))
    if isinstance(sequence, Collected):
        raise Unsupported("it erases from a sequence that a loop makes")
    size = sequence.rows.type.shape[0]
    place = -1 if node.node.optional(1) is None else _only_int(node, 1)
    if place not in (0, -1):
        raise Unsupported("it erases elsewhere than at an end of a sequence whose length is not known")
    return Stacked(sliced(sequence.rows, 0, 1 if place == 0 else 0, size - 1))


def _only_int(node: SequenceNode, index: int) -> int | None:
    dims = node.node.dims(index)
    return dims[0] if dims is not None and len(dims) == 1 and isinstance(dims[0], int) else None


@TABLE.imports("SequenceAt")
def _at(node: SequenceNode) -> Item:
    sequence = node.sequence(0)
    if isinstance(sequence, Collected):
        raise Unsupported("it reads a sequence that a loop makes, before the loop has ended")
    if isinstance(sequence, Listed):
        place = node.position(1, len(sequence.items)) if sequence.items else None
        if place is not None:
            return sequence.items[place]
        if not sequence.items:
            raise Unsupported("the sequence is empty")
    rows = sequence.rows if isinstance(sequence, Stacked) else stacked(sequence.items)
    index = node.node.operand(1)
    return tensor.Gather(rows, reshape(index, ()), 0).result


@TABLE.imports("SequenceLength")
def _length(node: SequenceNode) -> Item:
    sequence = node.sequence(0)
    if isinstance(sequence, Collected):
        raise Unsupported("it counts a sequence that a loop makes, before the loop has ended")
    count = len(sequence.items) if isinstance(sequence, Listed) else sequence.rows.type.shape[0]
    return size_of(count)


@TABLE.imports("SplitToSequence")
def _split(node: SequenceNode) -> Item:
    x = node.node.operand(0)
    axis = node.node.axis("axis", 0, x.type.rank)
    size, drops = x.type.shape[axis], False
    if node.node.optional(1) is None:
        drops = not node.node.int("keepdims", 1)
        sizes: Sequence[Dim | None] | None = (1,) * size if isinstance(size, int) else None
    elif node.node.type(1).rank == 1:
        sizes = node.node.entries(1)
    else:
        sizes = _equal_sizes(size, node.node.only_int(1))
    if sizes is None:
        return _rows_along(x, axis, drops)
    known = tuple(s for s in sizes if s is not None)
    if not sizes:
        return Listed()
    if len(known) < len(sizes):
        return Listed(tuple(parts_at_run_time(node.node, x, axis, [None] * len(sizes))))
    parts = tensor.Split(x, axis, known).results if len(known) > 1 else (x,)
    return Listed(tuple([_without(part, axis) for part in parts] if drops else parts))


def _equal_sizes(size: Dim, each: int) -> tuple[int, ...] | None:
    """The sizes of parts of ``each``, the last of what is left; None for an unknown number of parts of 1."""
    if each < 1:
        raise Unsupported(f"it splits into parts of {each}")
    if not isinstance(size, int):
        if each == 1:
            return None
        raise Unsupported(f"into how many parts of {each} it splits {size} is known only when the model runs")
    return tuple([min(each, size - start) for start in range(0, size, each)])


def _rows_along(x: Value, axis: int, drops: bool) -> Stacked:
    others = tuple(i for i in range(x.type.rank) if i != axis)
    rows = tensor.Transpose(x, (axis, *others)).result if axis else x
    if drops:
        return Stacked(rows)
    size, *rest = rows.type.shape
    return Stacked(tensor.Reshape(rows, None, (size, *rest[:axis], 1, *rest[axis:])).result)


def _without(x: Value, axis: int) -> Value:
    return tensor.Reshape(x, None, (*x.type.shape[:axis], *x.type.shape[axis + 1 :])).result


@TABLE.imports("ConcatFromSequence")
def _concat(node: SequenceNode) -> Item:
    sequence, is_new = node.sequence(0), bool(node.node.int("new_axis", 0))
    if isinstance(sequence, Collected):
        raise Unsupported("it reads a sequence that a loop makes, before the loop has ended")
    if isinstance(sequence, Stacked):
        rank = sequence.rows.type.rank - 1
        axis = node.node.axis("axis", None, rank + is_new)
        return _stacked_along(sequence.rows, axis) if is_new else _merged_along(sequence.rows, axis)
    if not sequence.items:
        raise Unsupported("the sequence is empty")
    axis = node.node.axis("axis", None, sequence.items[0].type.rank + is_new)
    items = [_with_axis(v, axis) for v in sequence.items] if is_new else sequence.items
    return tensor.Concat(tuple(items), axis).result if len(items) > 1 else items[0]


def _with_axis(x: Value, axis: int) -> Value:
    return tensor.Reshape(x, None, (*x.type.shape[:axis], 1, *x.type.shape[axis:])).result


def _stacked_along(rows: Value, axis: int) -> Value:
    order = list(range(1, rows.type.rank))
    order.insert(axis, 0)
    return tensor.Transpose(rows, tuple(order)).result if axis else rows


def _merged_along(rows: Value, axis: int) -> Value:
    x = _stacked_along(rows, axis)
    shape = x.type.shape
    return tensor.Reshape(x, None, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :])).result


@TABLE.imports("Optional")
def _optional(node: SequenceNode) -> Item:
    return node.item(0) if node.items and node.items[0] is not None else Nothing()


@TABLE.imports("OptionalHasElement")
def _has_element(node: SequenceNode) -> Item:
    item = node.items[0] if node.items else None
    return constant(np.array(item is not None and not isinstance(item, Nothing)))


@TABLE.imports("OptionalGetElement")
def _get_element(node: SequenceNode) -> Item:
    item = node.item(0)
    if isinstance(item, Nothing):
        raise Unsupported("the optional holds nothing")
    return item


@TABLE.imports("Identity")
def _identity(node: SequenceNode) -> Item:
    return node.item(0)


@TABLE.imports("Concat")
def _grown(node: SequenceNode) -> Item:
    growing, *others = node.items
    values = [item for item in others if isinstance(item, Value)]
    if not isinstance(growing, Growing) or not values or len(values) < len(others):
        raise Unsupported("a tensor is needed, but an operand is none")
    added = tensor.Concat(tuple(values), growing.axis).result if len(values) > 1 else values[0]
    return Growing(growing.loop, growing.axis, added)


def in_loop(
    loop: Loop, initial: Sequence[Item], are_handed_on: Sequence[bool], axes: Sequence[int | None]
) -> list[Item]:
    """What the body of a loop takes for its values: sequences that it hands on as they are it may read.

    ``axes``: those along which tensors only grow. They are no values of the loop.
    """
    values = iter(loop.values)
    given: list[Item] = []
    for item, is_handed_on, axis in zip(initial, are_handed_on, axes, strict=True):
        if isinstance(item, Value) and axis is not None:
            given.append(Growing(loop, axis))
        elif isinstance(item, Value):
            given.append(next(values))
        elif is_handed_on or isinstance(item, Nothing):
            given.append(item)
        else:
            given.append(Collected(loop))
    return given


def row_of_loop(given: Item, after: Item) -> Value | None:
    """What a round appends to a sequence, one element or several as rows of one; None for nothing."""
    if isinstance(given, Collected) and isinstance(after, Collected) and given.loop is after.loop:
        more = after.appended
        return None if not more else more[0] if len(more) == 1 else stacked(more)
    if isinstance(given, Growing) and isinstance(after, Growing) and after.added is not None:
        return after.added
    if given != after:
        raise Unsupported(f"a value of the loop is {described(given)} at first and {described(after)} after a round")
    return None


def after_loop(
    initial: Sequence[Item], given: Sequence[Item], after: Sequence[Item], ended: Sequence[Value]
) -> list[Item]:
    """The results of a loop, of which ``ended`` are the values, the rows of sequences, and the scan outputs."""
    count = sum(isinstance(item, Value) for item in given)
    values, rest = iter(ended[:count]), list(ended[count:])
    results: list[Item] = []
    for before, taken, item in zip(initial, given, after, strict=True):
        if isinstance(taken, Value):
            results.append(next(values))
        elif isinstance(before, Value) and isinstance(item, Growing):
            more = _merged_along(rest.pop(0), item.axis)
            results.append(tensor.Concat((before, more), item.axis).result)
        elif isinstance(item, Collected) and item.appended:
            rows = rest.pop(0)
            if not isinstance(before, Listed | Stacked):
                raise Unsupported(f"a value of the loop is {described(before)} at first and a sequence after a round")
            results.append(appended(before, rows if len(item.appended) == 1 else _merged_along(rows, 0)))
        else:
            results.append(before)
    return [*results, *rest]
