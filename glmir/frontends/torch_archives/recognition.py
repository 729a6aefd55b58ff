"""What kind of model file something is, told from its first bytes and its members; no pickle is read for it."""

from __future__ import annotations

import enum
import json
import os

from ...errors import InputError
from ..file_mapping import map_file
from .members import Archive
from .zip_directory import Buffer


class Kind(enum.Enum):
    """What PyTorch and its kin write."""

    TORCHSCRIPT = "TorchScript archive"
    EXPORTED = "torch.export archive"
    STATE_DICT = "state dict"
    PICKLED_MODULE = "pickled module"
    PACKAGE = "torch.package archive"
    AOT_INDUCTOR = "AOTInductor package"
    OLD_TORCHSCRIPT = "TorchScript archive of PyTorch before 1.4"
    MOBILE_FLATBUFFER = "mobile flatbuffer module"
    LEGACY = "file of torch.save before PyTorch 1.6"
    SAFETENSORS = "safetensors file"


READABLE = frozenset((Kind.TORCHSCRIPT, Kind.EXPORTED))
"""The kinds that hold a whole model."""

_LEGACY_MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
_TAR_MEMBERS = frozenset((b"sys_info", b"pickle", b"storages", b"tensors"))
_MAX_HEADER = 100 << 20
_SNIFFED_BYTES = 1 << 20


def recognize(source: str | os.PathLike[str] | bytes) -> Kind | None:
    """The kind of a file or of bytes; None for what PyTorch did not write (ONNX among it).

    Raises InputError for files that cannot be read and zip archives that are damaged.
    """
    data = source if isinstance(source, bytes) else map_file(os.fsdecode(source), "The model cannot be read")
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return kind_of_archive(Archive(data))
    if _is_safetensors(data):
        return Kind.SAFETENSORS
    if data[4:8] == b"PTMF":
        return Kind.MOBILE_FLATBUFFER
    # torch.save once began with a pickle of its magic number: PROTO, perhaps FRAME, LONG1, the ten bytes.
    is_legacy = data[:1] == b"\x80" and _LEGACY_MAGIC in data[:32]
    is_tar = data[257:262] == b"ustar" and data[:100].rstrip(b"\0").split(b"/")[-1] in _TAR_MEMBERS
    return Kind.LEGACY if is_legacy or is_tar else None


def kind_of_archive(archive: Archive) -> Kind | None:
    """The kind of an archive that is open already; None for what PyTorch did not write."""
    names = archive.names
    has_program = any(name.startswith("models/") and name.endswith(".json") for name in names)
    if not has_program and any(name.startswith("data/aotinductor/") for name in names):
        return Kind.AOT_INDUCTOR
    if has_program or "serialized_exported_program.json" in archive or _format(archive) == b"pt2":
        return Kind.EXPORTED
    if any(name.startswith(".data/extern_modules") for name in names):
        return Kind.PACKAGE
    has_code = any(name.startswith("code/") for name in names)
    if has_code and "data.pkl" in archive:
        return Kind.TORCHSCRIPT
    if has_code and "model.json" in archive:
        return Kind.OLD_TORCHSCRIPT
    if "data.pkl" not in archive:
        return None
    return Kind.PICKLED_MODULE if _pickles_a_module(archive) else Kind.STATE_DICT


def _format(archive: Archive) -> bytes:
    return archive.raw("archive_format")[:16].tobytes().strip() if "archive_format" in archive else b""


def _pickles_a_module(archive: Archive) -> bool:
    """Whether a pickle's value is an object of some class, or names classes of modules further inside."""
    pickle = archive.raw("data.pkl")[:_SNIFFED_BYTES].tobytes()
    begins_with_class = pickle[2:3] == b"c" and not pickle.startswith((b"ccollections\n", b"ctorch._utils\n"), 2)
    return begins_with_class or b"torch.nn.modules." in pickle


def _is_safetensors(data: Buffer) -> bool:
    """Whether the data begin as the format says: a length in 8 bytes, then a JSON object of that length."""
    length = int.from_bytes(data[:8], "little")
    if data[8:9] != b"{" or not 2 <= length <= min(_MAX_HEADER, len(data) - 8):
        return False
    if length > _SNIFFED_BYTES:
        return True
    try:
        return isinstance(json.loads(bytes(data[8 : 8 + length])), dict)
    except (ValueError, RecursionError):
        return False


_NOT_A_PROGRAM = "not the program that uses them"
_REASONS = {
    Kind.STATE_DICT: f"it holds weights only (a state dict or checkpoint), {_NOT_A_PROGRAM}",
    Kind.SAFETENSORS: f"it holds weights only (safetensors), {_NOT_A_PROGRAM}",
    Kind.PICKLED_MODULE: "it is a module pickled by torch.save: the Python code that it names is not in the file",
    Kind.PACKAGE: "it is a torch.package archive, which holds Python code, and glmc runs no code of a model",
    Kind.AOT_INDUCTOR: "it is an AOTInductor package: machine code, from which no program can be read back",
    Kind.OLD_TORCHSCRIPT: "it is a TorchScript archive of PyTorch 1.3 or older",
    Kind.MOBILE_FLATBUFFER: "it is a mobile module in flatbuffer form, which holds bytecode only",
    Kind.LEGACY: "it is a file of torch.save as it was before PyTorch 1.6, which holds weights or a pickled module",
}
_BUILD = "MyModel(…)"
_HOW_TO_LOAD = {
    Kind.STATE_DICT: f'{_BUILD}; model.load_state_dict(torch.load("{{name}}"))',
    Kind.SAFETENSORS: f'{_BUILD}; model.load_state_dict(safetensors.torch.load_file("{{name}}"))',
    Kind.PICKLED_MODULE: 'torch.load("{name}", weights_only=False)  # runs code: only if you trust the file',
    Kind.PACKAGE: 'torch.package.PackageImporter("{name}").load_pickle(…)  # runs code: only if you trust the file',
    Kind.OLD_TORCHSCRIPT: 'torch.jit.load("{name}")',
    Kind.LEGACY: f'{_BUILD}; model.load_state_dict(torch.load("{{name}}"))',
}
_HOW_TO_SAVE = 'torch.jit.trace(model.eval(), example).save("model.pt")'
_HOW_TO_EXPORT = 'torch.export.save(torch.export.export(model.eval(), (example,)), "model.pt2")'


def refusal(kind: Kind, name: str) -> str:
    """Why a file of a kind that glmc does not read cannot be compiled, and what to do. ``name`` is the file's."""
    if kind in READABLE:
        raise ValueError(f"a {kind.value} can be read")
    load = _HOW_TO_LOAD.get(kind, _BUILD).replace("{name}", name)
    save = 'model.save("model.pt")' if kind is Kind.OLD_TORCHSCRIPT else f"{_HOW_TO_SAVE}  # or {_HOW_TO_EXPORT}"
    return (
        f"{name}: {_REASONS[kind]}. Where PyTorch is installed, run these lines and compile what they save:\n"
        f"  model = {load}\n  {save}"
    )


def require_readable(kind: Kind, name: str) -> None:
    """Raises InputError, with what to do, unless glmc reads files of that kind."""
    if kind not in READABLE:
        raise InputError(refusal(kind, name))
