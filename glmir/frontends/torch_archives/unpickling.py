"""Pickles of PyTorch archives, read by a machine of our own: it knows the opcodes PyTorch writes and calls nothing.

The standard library's unpickler imports what it is told to, grows its memo to whatever index is named, and has fifty
opcodes that no writer of PyTorch uses. This one has thirty (protocol 2, pickletools.opcodes; those of
torch/csrc/jit/serialization/pickler.cpp and of torch.save), resolves names in a fixed list (whitelist.py), does work in
proportion to the bytes it reads, and hands out nothing that refers to itself or is nested without end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from ...errors import InputError
from ...types import DType
from .members import Archive
from .objects import ScriptObject
from .storages import Storage, Storages, StoredTensor, require_little_endian
from .whitelist import Constructor, MalformedError, ScriptClass, StorageClass, TensorClass, Whitelist

MAX_PICKLE_BYTES = 32 << 20
MAX_STEPS = 2_000_000
MAX_DEPTH = 128
"""How deep lists, dicts, tuples and objects may nest: modules nest a dozen deep."""
MAX_UNFOLDED = 8_000_000
"""How many values a reader meets that follows every reference: shared ones count as often as they are referred to."""

_MARK, _STOP, _PROTO = b"("[0], b"."[0], 0x80
_HIGHEST_PROTOCOL = 2
_MAX_LONG_BYTES = 9


def unpickle(
    archive: Archive,
    name: str = "data.pkl",
    *,
    storages: str | None = "data",
    has_setstate: Callable[[str], bool] = lambda class_name: False,
) -> object:
    """The value that a pickle of the archive holds; tensors view the members of the folder ``storages``.

    Without a folder (None) tensors have shapes and dtypes but read as zeros, which take no memory: the storages of
    ``traced_inputs.pkl`` are left out of archives.
    It is made of None, bool, int, float, complex, str, tuple, list, dict (keys are scalars or strings), StoredTensor,
    ScriptObject, DType, and names of devices, layouts and the dtypes that the IR has not. A ScriptObject keeps its
    state for ``__setstate__`` if ``has_setstate`` says so of its class, or if the state is no dict of attributes.
    Raises InputError for pickles that are damaged, name anything that is not on the list, refer to themselves, are
    nested too deep or too large, and for tensors that their storages do not hold.
    """
    if archive.size(name) > MAX_PICKLE_BYTES:
        raise InputError(f"{name} is larger than {MAX_PICKLE_BYTES >> 20} MB, more than any model's: it is refused.")
    require_little_endian(archive)
    machine = _Machine(archive.read(name), name, Whitelist(name, Storages(archive, storages)), has_setstate)
    value = machine.run()
    _refuse_tangles(value, name)
    return value


class _Machine:
    """The pickle machine: a stack, marks on it, and a memo."""

    def __init__(self, data: bytes, name: str, whitelist: Whitelist, has_setstate: Callable[[str], bool]) -> None:
        self.data = data
        self.at = 0
        self.stack: list[object] = []
        # Where each mark stands in the stack; the first is its bottom.
        self.marks = [0]
        self.memo: dict[int, object] = {}
        self.name = name
        self.whitelist = whitelist
        self.has_setstate = has_setstate
        self.used_states: set[int] = set()

    def run(self) -> object:
        """Reads up to STOP."""
        data, operations = self.data, _OPCODES
        try:
            for _ in range(MAX_STEPS):
                code = data[self.at]
                self.at += 1
                if code == _STOP:
                    return self.result()
                operation = operations.get(code)
                if operation is None:
                    raise MalformedError(f"no PyTorch pickle has opcode 0x{code:02x}")
                operation(self)
        except (IndexError, struct.error):
            raise self.damaged("it ends too early") from None
        except UnicodeDecodeError:
            raise self.damaged("a string is not UTF-8") from None
        except MalformedError as error:
            raise self.damaged(str(error)) from None
        raise InputError(f"{self.name} has more than {MAX_STEPS} instructions, more than any model's: it is refused.")

    def result(self) -> object:
        if len(self.stack) != 1 or len(self.marks) != 1:
            raise MalformedError("it does not leave one value")
        return self.stack[0]

    def damaged(self, reason: str) -> InputError:
        return InputError(
            f"{self.name} is damaged or not a PyTorch pickle: {reason} (at byte {self.at}). "
            "Save or download the model again."
        )

    def take(self, size: int) -> bytes:
        taken = self.data[self.at : self.at + size]
        if len(taken) != size:
            raise MalformedError("it ends too early")
        self.at += size
        return taken

    def pop(self) -> object:
        if self.marks[-1] == len(self.stack):
            raise MalformedError("it takes a value that is not there")
        return self.stack.pop()

    def top(self) -> object:
        if self.marks[-1] == len(self.stack):
            raise MalformedError("it takes a value that is not there")
        return self.stack[-1]

    def pop_to_mark(self) -> list[object]:
        if len(self.marks) == 1:
            raise MalformedError("it takes a mark that is not there")
        start = self.marks.pop()
        taken = self.stack[start:]
        del self.stack[start:]
        return taken


def _proto(machine: _Machine) -> None:
    (protocol,) = machine.take(1)
    if protocol > _HIGHEST_PROTOCOL:
        raise MalformedError(f"it has pickle protocol {protocol}, PyTorch writes 2")


def _mark(machine: _Machine) -> None:
    machine.marks.append(len(machine.stack))


def _constant(value: object) -> Callable[[_Machine], None]:
    return lambda machine: machine.stack.append(value)


def _number(layout: str) -> Callable[[_Machine], None]:
    format_ = struct.Struct(layout)

    def push(machine: _Machine) -> None:
        machine.stack.append(format_.unpack_from(machine.data, machine.at)[0])
        machine.at += format_.size

    return push


def _long1(machine: _Machine) -> None:
    (size,) = machine.take(1)
    if size > _MAX_LONG_BYTES:
        raise MalformedError("an integer has more than 64 bits")
    machine.stack.append(int.from_bytes(machine.take(size), "little", signed=True))


def _binunicode(machine: _Machine) -> None:
    size = int.from_bytes(machine.take(4), "little")
    machine.stack.append(machine.take(size).decode())


def _binput(machine: _Machine) -> None:
    machine.memo[machine.data[machine.at]] = machine.top()
    machine.at += 1


def _long_binput(machine: _Machine) -> None:
    machine.memo[int.from_bytes(machine.take(4), "little")] = machine.top()


def _get(machine: _Machine, index: int) -> None:
    if index not in machine.memo:
        raise MalformedError(f"it refers to value {index} before there is one")
    machine.stack.append(machine.memo[index])


def _binget(machine: _Machine) -> None:
    index = machine.data[machine.at]
    machine.at += 1
    _get(machine, index)


def _long_binget(machine: _Machine) -> None:
    _get(machine, int.from_bytes(machine.take(4), "little"))


def _pop(machine: _Machine) -> None:
    machine.pop()


def _pop_mark(machine: _Machine) -> None:
    machine.pop_to_mark()


def _empty_list(machine: _Machine) -> None:
    machine.stack.append([])


def _empty_dict(machine: _Machine) -> None:
    machine.stack.append({})


def _tuple(machine: _Machine) -> None:
    items = tuple(machine.pop_to_mark())
    machine.stack.append(items)


def _tuple_of(size: int) -> Callable[[_Machine], None]:
    def push(machine: _Machine) -> None:
        stack = machine.stack
        start = len(stack) - size
        if start < machine.marks[-1]:
            raise MalformedError("it takes a value that is not there")
        stack[start:] = [tuple(stack[start:])]

    return push


def _list(machine: _Machine) -> None:
    items = machine.pop_to_mark()
    machine.stack.append(items)


def _dict(machine: _Machine) -> None:
    items = machine.pop_to_mark()
    machine.stack.append({})
    _set_items(machine, items)


def _append(machine: _Machine) -> None:
    _extend(machine, [machine.pop()])


def _appends(machine: _Machine) -> None:
    _extend(machine, machine.pop_to_mark())


def _extend(machine: _Machine, items: list[object]) -> None:
    target = machine.top()
    if not isinstance(target, list):
        raise MalformedError("it appends to what is no list")
    target.extend(items)


def _setitem(machine: _Machine) -> None:
    value, key = machine.pop(), machine.pop()
    _set_items(machine, [key, value])


def _setitems(machine: _Machine) -> None:
    _set_items(machine, machine.pop_to_mark())


def _set_items(machine: _Machine, items: list[object]) -> None:
    target = machine.top()
    if not isinstance(target, dict) or len(items) % 2:
        raise MalformedError("it sets items of what is no dict")
    for key, value in zip(items[::2], items[1::2], strict=True):
        # Tuples that share parts take for ever to hash, so only plain values may be keys.
        if not isinstance(key, str | int | float | DType | None):
            raise MalformedError("a dict has a key that is neither text nor a number")
        target[key] = value


def _global(machine: _Machine) -> None:
    module, name = _line(machine), _line(machine)
    machine.stack.append(machine.whitelist.find(module, name))


def _line(machine: _Machine) -> str:
    end = machine.data.find(b"\n", machine.at)
    if end < 0:
        raise MalformedError("it ends too early")
    text = machine.data[machine.at : end].decode()
    machine.at = end + 1
    return text


def _newobj(machine: _Machine) -> None:
    arguments, class_ = machine.pop(), machine.pop()
    if not isinstance(class_, ScriptClass) or arguments != ():
        raise MalformedError("it makes an object of what is no class of the archive's code")
    machine.stack.append(ScriptObject(class_.name))


def _reduce(machine: _Machine) -> None:
    arguments, function = machine.pop(), machine.pop()
    match function:
        case Constructor(build=build) if isinstance(arguments, tuple):
            machine.stack.append(build(arguments))
        case ScriptClass(name):
            # How TorchScript writes a member of an enum.
            machine.stack.append(ScriptObject(name, {"value": arguments}))
        case _:
            raise MalformedError("it calls what cannot be called")


def _build(machine: _Machine) -> None:
    state, target = machine.pop(), machine.top()
    if isinstance(target, dict) and isinstance(state, dict):
        # The attributes of an OrderedDict: state_dict() notes versions there, which no weight depends on.
        return
    if not isinstance(target, ScriptObject) or target.attributes or target.state is not None:
        raise MalformedError("it sets the state of what has none")
    if not isinstance(state, dict) or machine.has_setstate(target.class_name):
        target.state = state
        return
    if id(state) in machine.used_states:
        raise MalformedError("two objects share their attributes")
    if not all(isinstance(key, str) for key in state):
        raise MalformedError("an attribute has no name")
    machine.used_states.add(id(state))
    target.attributes = state


def _binpersid(machine: _Machine) -> None:
    machine.stack.append(machine.whitelist.load_storage(machine.pop()))


_OPCODES: dict[int, Callable[[_Machine], None]] = {
    _PROTO: _proto,
    _MARK: _mark,
    b"0"[0]: _pop,
    b"1"[0]: _pop_mark,
    b"N"[0]: _constant(None),
    0x88: _constant(True),
    0x89: _constant(False),
    b"K"[0]: _number("<B"),
    b"M"[0]: _number("<H"),
    b"J"[0]: _number("<i"),
    b"G"[0]: _number(">d"),
    0x8A: _long1,
    b"X"[0]: _binunicode,
    b"q"[0]: _binput,
    b"r"[0]: _long_binput,
    b"h"[0]: _binget,
    b"j"[0]: _long_binget,
    b"]"[0]: _empty_list,
    b"l"[0]: _list,
    b"a"[0]: _append,
    b"e"[0]: _appends,
    b"}"[0]: _empty_dict,
    b"d"[0]: _dict,
    b"s"[0]: _setitem,
    b"u"[0]: _setitems,
    b")"[0]: _constant(()),
    b"t"[0]: _tuple,
    0x85: _tuple_of(1),
    0x86: _tuple_of(2),
    0x87: _tuple_of(3),
    b"c"[0]: _global,
    0x81: _newobj,
    b"R"[0]: _reduce,
    b"b"[0]: _build,
    b"Q"[0]: _binpersid,
}

_LEAVES = frozenset((type(None), bool, int, float, str, complex, StoredTensor, DType))
_CONTAINERS = frozenset((tuple, list, dict))
_LEFTOVERS = (Storage, StorageClass, ScriptClass, TensorClass, Constructor)

_Extent = tuple[int, int]
"""How many values a value unfolds to, and how deep they nest in it."""


def _refuse_tangles(value: object, name: str) -> None:
    """Raises InputError for values that refer to themselves, are nested too deep, or unfold to too much."""
    # Of values that hold others, by identity; None while one is being looked at.
    measured: dict[int, _Extent | None] = {}
    too_deep = InputError(f"{name} nests its values more than {MAX_DEPTH} deep: it is refused.")

    def measure(item: object, depth: int) -> _Extent:
        """The extent of a value that is no leaf."""
        key = id(item)
        known = measured.get(key, (0, 0))
        if known is None:
            raise InputError(f"{name} holds a value that contains itself; no model can be made of it.")
        if depth + known[1] > MAX_DEPTH:
            raise too_deep
        if key in measured:
            return known
        measured[key] = None
        total, height = 1, 0
        for part in _parts(item, name):
            if type(part) in _LEAVES or (type(part) in _CONTAINERS and not part):
                total += 1
                continue
            size, below = measure(part, depth + 1)
            total += size
            height = max(height, below + 1)
        if total > MAX_UNFOLDED:
            raise InputError(f"{name} repeats its values to more than {MAX_UNFOLDED} of them: it is refused.")
        measured[key] = total, height
        return total, height

    if type(value) not in _LEAVES:
        measure(value, 0)


def _parts(item: object, name: str) -> Iterable[object]:
    """The values that a value holds."""
    match item:
        case tuple() | list():
            return item
        case dict():
            return item.values()
        case ScriptObject(attributes=attributes, state=state):
            return [*attributes.values(), state]
        case _ if isinstance(item, _LEFTOVERS):
            raise InputError(f"{name} holds a class or storage where a value should be: it is damaged.")
    raise AssertionError(f"the machine made a {type(item).__name__}")
