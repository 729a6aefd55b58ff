"""Archives made to run something, or to take memory or time without end. Each is a few MB at most."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from glmir.frontends.torch_archives.unpickling import MAX_STEPS
from tests.glmir.frontends.torch_archives.building import (
    REBUILD,
    Entry,
    archive_of,
    call,
    name,
    script_object,
    storage,
    tensor,
    text,
    tuple_of,
    zip_of,
)

MARKER = "owned-by-a-pickle"
_COMMAND = text(f"touch {MARKER}")
_STEPS = MAX_STEPS - 100


def _pickled(content: bytes, storages: dict[str, bytes] | None = None) -> bytes:
    return archive_of(b"\x80\x02" + content + b".", storages)


def _memoised(value: bytes) -> bytes:
    """Makes a value that ``h\\x00`` names from then on, and takes it off the stack."""
    return value + b"q\x000"


def _running() -> dict[str, bytes]:
    """Pickles that would run something under Python's unpickler."""
    evil = name("os", "system") + _COMMAND + b"\x85R"
    return {
        "os.system": _pickled(evil),
        "posix.system": _pickled(name("posix", "system") + _COMMAND + b"\x85R"),
        "eval": _pickled(name("builtins", "eval") + text(f"open('{MARKER}', 'w')") + b"\x85R"),
        "import": _pickled(name("builtins", "__import__") + text("antigravity") + b"\x85R"),
        "getattr": _pickled(name("builtins", "getattr") + name("os", "path") + text("os") + b"\x86R"),
        "in a state dict": _pickled(b"}" + text("weight") + evil + b"s"),
        "in an attribute": _pickled(script_object("__torch__.Net", b"}(" + text("weight") + evil + b"u")),
        "in a persistent id": _pickled(tuple_of(text("storage"), evil, text("0"), text("cpu"), b"K\x01") + b"Q"),
        "as a persistent id": _pickled(evil + b"Q"),
        "as backward hooks": _pickled(call(REBUILD, storage(0), b"K\x00", b")", b")", b"\x89", evil)),
        "instance": _pickled(b"(" + _COMMAND + b"ios\nsystem\n"),
        "object": _pickled(b"(" + name("os", "system") + _COMMAND + b"o"),
        "new object": _pickled(name("subprocess", "Popen") + _COMMAND + b"\x85\x81"),
        "new object with keywords": _pickled(name("subprocess", "Popen") + _COMMAND + b"\x85}\x92"),
        "stack global": _pickled(text("os") + text("system") + b"\x93" + _COMMAND + b"\x85R"),
        "extension registry": _pickled(b"\x82\x01" + _COMMAND + b"\x85R"),
        "setstate of a function": _pickled(REBUILD + b"}(" + text("__code__") + evil + b"ub"),
        "setstate of a class": _pickled(name("torch", "Tensor") + b"}(" + text("__setstate__") + evil + b"ub"),
        "setstate of a dict": _pickled(b"}}(" + text("__class__") + name("os", "system") + b"ubK\x01" + evil + b"s"),
        "slots state": _pickled(name("__torch__", "A") + b")\x81N}(" + text("__class__") + evil + b"u\x86b"),
        "dunder attributes": _pickled(
            script_object("__torch__.A", b"}(" + text("__class__") + evil + text("__reduce__") + evil + b"u")
        ),
        "dotted name": _pickled(name("torch._utils", "_rebuild_tensor_v2.__globals__") + b")R"),
        "script class of a module": _pickled(name("__torch__", "os\x00.system") + _COMMAND + b"R" + evil),
        "pickle in bytes": _pickled(name("torch.storage", "_load_from_bytes") + text("cos\nsystem\n") + b"\x85R"),
        "after the stop": archive_of(b"\x80\x02N." + evil + b"."),
    }


def _zip_bombs() -> dict[str, bytes]:
    zeros = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(zeros.compress(bytes(1 << 20)) for _ in range(300)) + zeros.flush()
    said = Entry("m/data.pkl", bomb, method=8, size=300 << 20)
    kernel = zip_of([Entry("m/data.pkl", b"kernel")], aligned=False)[: 30 + 10 + 6]
    return {
        "bomb": zip_of([said]),
        "bomb that says it is small": zip_of([Entry("m/data.pkl", bomb, method=8, size=100)]),
        "bomb that says it is huge": zip_of([Entry("m/data.pkl", b"", deflated=True, size=0xFFFFFFFE)]),
        "quoted bomb": zip_of([Entry("m/a", kernel), Entry("m/data.pkl", b"kernel", offset=33)], aligned=False),
        "path": zip_of([Entry("m/../../data.pkl", b"\x80\x02N.")]),
        "many members": zip_of([Entry(f"m/{i}") for i in range(30_000)], aligned=False),
        "empty directory entries": struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, 0, 0, 0),
    }


def _floods() -> dict[str, bytes]:
    """Pickles whose every byte costs as much as it can."""
    put = [b"r" + struct.pack("<I", i) for i in range(200_000)]
    big = {"0": bytes(1 << 20)}
    shape = b"(" + b"K\x01" * 1000 + b"tq\x000"
    view = REBUILD + b"q\x010" + storage(1 << 18) + b"q\x020"
    crowded = b"(h\x02K\x00h\x00h\x00\x89Ntq\x030"
    arguments = b"(h\x02K\x00K\x01\x85K\x01\x85\x89Ntq\x000"
    return {
        "lists": _pickled(b"(" + b"]" * _STEPS + b"l"),
        "dicts": _pickled(b"(" + b"}" * _STEPS + b"l"),
        "marks": _pickled(b"(" * _STEPS),
        "objects": _pickled(name("__torch__", "A") + b"q\x000(" + b"h\x00)\x81" * (_STEPS // 3) + b"l"),
        "tensors": _pickled(view + arguments + b"(" + b"h\x01h\x00R" * (_STEPS // 3) + b"l", big),
        "storages": _pickled(storage(0).replace(b"Q", b"q\x000") + b"(" + b"h\x00Q" * (_STEPS // 2) + b"l", {"0": b""}),
        "shapes": _pickled(view + shape + crowded + b"(" + b"h\x01h\x03R" * (_STEPS // 3) + b"l", big),
        "memo": _pickled(b"N" + b"".join(put)),
        "memo index": _pickled(b"Nr\xff\xff\xff\xff"),
        "long string": _pickled(b"X\xff\xff\xff\x7f"),
        "long integer": _pickled(b"\x8b\xff\xff\xff\x7f"),
        "wide characters": _pickled(text("\U0001f600" + "a" * (30 << 20))),
        "ordered dicts": _pickled(
            _memoised(b"(" + b"K\x01" * 100_000 + b"l") + (name("collections", "OrderedDict") + b"h\x00\x85R0") * 9
        ),
        "long storage key": _pickled(
            _memoised(tuple_of(text("storage"), name("torch", "FloatStorage"), text("x" * 4_000_000), text(""), b"K\0"))
            + b"h\x00Q0" * 100_000
        ),
        "long device": _pickled(
            _memoised(text("x" * 4_000_000) + b"K\x01\x86")
            + name("torch", "device")
            + b"q\x010("
            + b"h\x01h\x00R" * 100_000
            + b"l"
        ),
        "long name": _pickled(name("x" * 8_000_000, "y" * 8_000_000)),
        "shared state": _pickled(
            _memoised(b"}(" + b"".join(text(str(i)) + b"N" for i in range(100_000)) + b"u")
            + b"("
            + (name("__torch__", "A") + b")\x81h\x00b") * 10_000
            + b"l"
        ),
    }


def _tangles() -> dict[str, bytes]:
    doubling = b"K\x01\x85" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(100))
    return {
        "billion laughs": _pickled(doubling),
        "billion laughs as a key": _pickled(b"}" + doubling + b"Ns"),
        "billion laughs as a shape": _pickled(call(REBUILD, storage(0), b"K\x00", doubling, doubling, b"\x89", b"N")),
        "nested tuples": _pickled(b")" + b"\x85" * _STEPS),
        "nested objects": _pickled(b"N" + b"".join(b"q\x000c__torch__\nA\n)\x81h\x00\x85b" for _ in range(200_000))),
        "list in itself": _pickled(b"]q\x00h\x00a"),
        "object in itself": _pickled(name("__torch__", "A") + b")\x81q\x00}(" + text("a") + b"h\x00ub"),
        "huge storage": _pickled(tensor((1,), (1,), source=storage((1 << 62) - 1)), {"0": bytes(4)}),
        "expanded tensor": _pickled(tensor((1 << 60,), (0,)), {"0": bytes(24)}),
        "tensor outside its storage": _pickled(tensor((2,), (1 << 60,)), {"0": bytes(24)}),
    }


CORPUS: dict[str, Callable[[], dict[str, bytes]]] = {
    "running": _running,
    "zip bombs": _zip_bombs,
    "floods": _floods,
    "tangles": _tangles,
}
"""By family; built at need."""

HARMLESS = frozenset(("after the stop", "dicts", "lists", "memo", "memo index", "objects", "wide characters"))
"""Those that may be read, for they do no harm."""
