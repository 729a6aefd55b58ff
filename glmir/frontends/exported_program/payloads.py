"""The parameters, buffers and constants of an exported program: raw bytes of the archive, mapped and never copied."""

from dataclasses import dataclass, field

from ...errors import InputError
from ...types import Array, DType
from ...weights import Weight
from ..aten.tensors import Unsupported
from ..torch_archives import Archive, StoredTensor, unpickle
from ..torch_archives.storages import Storage, Storages
from .records import Record, malformed, parse_json
from .schema import TensorMeta

MAX_JSON_BYTES = 128 << 20
"""Programs of large language models take a few MB; parsed, JSON takes ten times as much memory."""

_UNPLAIN = (
    "is no plain tensor but an object that only PyTorch can restore (such as torchao's quantized tensors): "
    "dequantize the model before it is exported"
)


@dataclass
class Payloads:
    """The tensors of a program by their qualified names, as weights; those of equal memory are the same weight."""

    tensors: dict[str, Weight] = field(default_factory=dict)
    complexes: dict[str, tuple[Weight, Weight]] = field(default_factory=dict)
    """Real and imaginary parts of the complex tensors."""
    refused: dict[str, str] = field(default_factory=dict)
    """Names of what is no tensor that the IR can hold, and why, as the end of a sentence."""
    memory: dict[str, str] = field(default_factory=dict)
    """The storage that each tensor views."""

    def weight(self, name: str) -> Weight:
        """The weight of that name; raises InputError when there is none, Unsupported when the IR cannot hold it."""
        if name in self.refused:
            raise Unsupported(self.refused[name])
        if name in self.complexes:
            raise Unsupported("complex tensors can be read, but not be written to")
        if name not in self.tensors:
            raise InputError(
                f"The archive has no values for {name!r}, which its program needs: it is incomplete. Save it again."
            )
        return self.tensors[name]

    def sharing(self, name: str) -> list[str]:
        """The other names whose tensors view the same memory."""
        mine = self.memory.get(name)
        return [other for other, storage in self.memory.items() if storage == mine and other != name]


def read_payloads(archive: Archive, model: str) -> Payloads:
    """The payloads of the model of that name (torch 2.8 and later); raises InputError.

    Early archives name the configuration otherwise, or hold all weights in one nested archive.
    """
    payloads = Payloads()
    for folder, kind in (("data/weights", "weights"), ("data/constants", "constants")):
        nested = f"{folder}/{model}.pt"
        configurations = [f"{folder}/{model}_{kind}_config.json", f"{folder}/{model}_model_param_config.json"]
        found = next((name for name in configurations if name in archive), None)
        if found is not None:
            _read_configured(archive, folder, read_json(archive, found), payloads)
        elif nested in archive:
            read_nested(archive, nested, payloads)
    return payloads


def read_json(archive: Archive, member: str) -> Record:
    """The JSON object in a member; raises InputError, also for one larger than any program."""
    if archive.size(member) > MAX_JSON_BYTES:
        raise malformed(member, f"is larger than {MAX_JSON_BYTES >> 20} MB")
    return parse_json(archive.read(member), member)


def read_nested(archive: Archive, member: str, payloads: Payloads) -> None:
    """Adds the tensors of a dict that ``torch.save`` wrote into a member; raises InputError."""
    if archive.size(member) == 0:
        return
    saved = unpickle(archive.nested(member))
    if not isinstance(saved, dict):
        raise malformed(member, "holds no dict of tensors")
    weights: dict[tuple[object, ...], Weight] = {}
    for name, value in saved.items():
        if not isinstance(name, str) or not isinstance(value, StoredTensor) or value.quantized is not None:
            payloads.refused[str(name)] = f"the constant {_UNPLAIN}"
            continue
        key = (value.storage, value.offset, value.strides, value.array.shape, value.array.dtype)
        _add(payloads, name, key, value.array, f"{member}/{value.storage}", weights)


def _read_configured(archive: Archive, folder: str, configuration: Record, payloads: Payloads) -> None:
    storages = Storages(archive, folder)
    weights: dict[tuple[object, ...], Weight] = {}
    for name, entry in configuration.record("config").items():
        record = Record(entry, f"{configuration.where}.config.{name}")
        if record.flag("use_pickle", False) or "tensor_meta" not in record:
            payloads.refused[name] = f"the constant {_UNPLAIN}"
            continue
        meta = TensorMeta.read(record.record("tensor_meta"))
        member = f"{folder}/{record.text('path_name')}"
        try:
            dtype = meta.numpy_dtype
        except Unsupported as error:
            payloads.refused[name] = str(error)
            continue
        shape, strides, (offset,) = (_numbers(d, record.where) for d in (meta.shape, meta.strides, (meta.offset,)))
        if len(shape) != len(strides):
            raise malformed(record.where, f"has {len(shape)} sizes and {len(strides)} strides")
        key = (member, offset, strides, shape, dtype)
        view = storages.view(Storage(member, dtype), dtype, offset, shape, strides)
        _add(payloads, name, key, view, member, weights)


def _add(
    payloads: Payloads,
    name: str,
    key: tuple[object, ...],
    array: Array,
    memory: str,
    weights: dict[tuple[object, ...], Weight],
) -> None:
    payloads.memory[name] = memory
    if array.dtype.kind == "c":
        payloads.complexes[name] = Weight(array.real, f"{name}.real"), Weight(array.imag, f"{name}.imag")
        return
    try:
        DType.of(array.dtype)
    except ValueError:
        payloads.refused[name] = f"tensors of dtype {array.dtype} are not supported"
        return
    payloads.tensors[name] = weights.setdefault(key, Weight(array, name))


def _numbers(dims: tuple[object, ...], where: str) -> tuple[int, ...]:
    numbers = tuple(d for d in dims if isinstance(d, int))
    if len(numbers) < len(dims):
        raise malformed(where, "is a stored tensor of symbolic sizes")
    if any(n >= 1 << 62 or n < 0 for n in numbers):
        raise malformed(where, "has impossible sizes")
    return numbers
