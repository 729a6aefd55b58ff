"""TorchScript archives written here, from code and attributes, as torch.jit.save lays them out."""

import struct
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import glmir
from glmir.interpreter import run
from glmir.ir import Module
from glmir.states import Memory
from tests.glmir.frontends.torch_archives.building import Entry, zip_of

Array = NDArray[Any]

_STORAGES = {
    "float32": "FloatStorage",
    "int64": "LongStorage",
    "bool": "BoolStorage",
    "float16": "HalfStorage",
    "complex64": "ComplexFloatStorage",
}


@dataclass
class Instance:
    """An object of a class of the code: ``Instance("Net", weight=array)``."""

    name: str
    attributes: dict[str, object] = field(default_factory=dict)


@dataclass
class Shown:
    """A tensor that shows elements of a storage, which others may show too."""

    storage: Array
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Pickler:
    """Writes the protocol 2 pickles of archives."""

    def __init__(self) -> None:
        self.storages: list[bytes] = []
        self._keys: dict[int, str] = {}

    def pickled(self, value: object) -> bytes:
        return b"\x80\x02" + self._value(value) + b"."

    def _value(self, value: object) -> bytes:
        match value:
            case None:
                return b"N"
            case bool():
                return b"\x88" if value else b"\x89"
            case int():
                return b"J" + struct.pack("<i", value)
            case float():
                return b"G" + struct.pack(">d", value)
            case str():
                return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
            case list():
                return b"](" + b"".join(map(self._value, value)) + b"e"
            case tuple():
                return b"(" + b"".join(map(self._value, value)) + b"t"
            case dict():
                return b"}(" + b"".join(self._value(k) + self._value(v) for k, v in value.items()) + b"u"
            case Instance():
                return f"c__torch__\n{value.name}\n".encode() + b")\x81" + self._value(value.attributes) + b"b"
            case np.ndarray():
                strides = tuple(s // value.itemsize for s in value.copy(order="C").strides)
                return self._tensor(Shown(np.ascontiguousarray(value), 0, value.shape, strides))
            case Shown():
                return self._tensor(value)
            case _:
                raise TypeError(f"{value!r} cannot be stored")

    def _tensor(self, shown: Shown) -> bytes:
        array = shown.storage
        key = self._keys.setdefault(id(array), str(len(self.storages)))
        if key == str(len(self.storages)):
            self.storages.append(array.tobytes())
        storage = f"ctorch\n{_STORAGES[str(array.dtype)]}\n".encode()
        persistent = b"(" + self._value("storage") + storage + b"".join(map(self._value, (key, "cpu", array.size)))
        rest = b"".join(map(self._value, (shown.offset, shown.shape, shown.strides, False)))
        hooks = b"ccollections\nOrderedDict\n)R"
        return b"ctorch._utils\n_rebuild_tensor_v2\n(" + persistent + b"tQ" + rest + hooks + b"tR"


def archive(
    code: str,
    attributes: Mapping[str, object] | None = None,
    *,
    constants: tuple[object, ...] = (),
    version: int = 10,
    name: str = "Net",
) -> bytes:
    """An archive whose module is an object of the class ``name`` of the code."""
    data, kept = _Pickler(), _Pickler()
    entries = [
        Entry("m/data.pkl", data.pickled(Instance(name, dict(attributes or {})))),
        Entry("m/code/__torch__.py", textwrap.dedent(code).encode(), deflated=True),
        Entry("m/constants.pkl", kept.pickled(constants)),
        Entry("m/version", f"{version}\n".encode()),
        Entry("m/byteorder", b"little"),
    ]
    entries += [Entry(f"m/data/{i}", storage) for i, storage in enumerate(data.storages)]
    entries += [Entry(f"m/constants/{i}", storage) for i, storage in enumerate(kept.storages)]
    return zip_of(entries)


def forward(body: str, parameters: str = "x: Tensor", result: str = "Tensor", more: str = "") -> str:
    """The code of a class Net with a method forward of the given body; ``more`` follows it at the left margin."""
    head = f"class Net(Module):\n  def forward(self: __torch__.Net, {parameters}) -> {result}:\n"
    return head + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n" + textwrap.dedent(more)


class Loaded:
    """A module of an archive, called as PyTorch would call it."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self._memory = Memory(module)

    def __call__(self, **inputs: Array) -> list[Array]:
        """The outputs of one call, states handed on from the last."""
        return list(self._memory.call(lambda given: run(self.module, given), inputs).values())


def load(data: bytes, **inputs: object) -> Loaded:
    """The module, with its inputs' types or values by name."""
    return Loaded(glmir.load(data, inputs=inputs))


def floats(*shape: int) -> Array:
    """Seeded numbers around zero, all different."""
    return np.random.default_rng(7).standard_normal(shape).astype(np.float32)
