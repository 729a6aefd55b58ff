"""What kind of file something is, and what is said of kinds that hold no program."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile

import pytest

from glmir.errors import InputError
from glmir.frontends.torch_archives import Kind, recognize, refusal
from tests.glmir.frontends.torch_archives.building import Entry, name, zip_of

MAGIC = 0x1950A86A20F9469CFC6C
STATE_DICT = b"\x80\x02}."
MODULE = b"\x80\x02" + name("my.model", "Net") + b")\x81}b."


def members(*names: str, pickle: bytes = STATE_DICT) -> bytes:
    return zip_of([Entry(f"m/{name}", pickle if name == "data.pkl" else b"pt2") for name in names])


def tar_of(member: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as writer:
        writer.addfile(tarfile.TarInfo(member))
    return buffer.getvalue()


def safetensors_of(header: object) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (members("data.pkl", "code/__torch__.py", "constants.pkl"), Kind.TORCHSCRIPT),
        (members("data.pkl", "code/__torch__.py", "bytecode.pkl"), Kind.TORCHSCRIPT),
        (members("archive_format", "models/model.json"), Kind.EXPORTED),
        (members("archive_format", "version"), Kind.EXPORTED),
        (members("models/model.json", "data/aotinductor/model/x.so", "archive_format"), Kind.EXPORTED),
        (members("serialized_exported_program.json", "version"), Kind.EXPORTED),
        (members("data/aotinductor/model/x.so", "archive_format"), Kind.AOT_INDUCTOR),
        (members("data.pkl", "data/0", "version"), Kind.STATE_DICT),
        (members("data.pkl", pickle=b"\x80\x02" + name("collections", "OrderedDict") + b")R."), Kind.STATE_DICT),
        (members("data.pkl", pickle=MODULE), Kind.PICKLED_MODULE),
        (
            members("data.pkl", pickle=b"\x80\x02}K\x01" + name("torch.nn.modules.linear", "Linear") + b"s."),
            Kind.PICKLED_MODULE,
        ),
        (members("data.pkl", ".data/extern_modules"), Kind.PACKAGE),
        (members("model.json", "code/x.py", "tensors/0"), Kind.OLD_TORCHSCRIPT),
        (members("word/document.xml"), None),
        (pickle.dumps(MAGIC, 2) + pickle.dumps(1001, 2), Kind.LEGACY),
        (pickle.dumps(MAGIC, 4), Kind.LEGACY),
        (tar_of("storages"), Kind.LEGACY),
        (tar_of("something"), None),
        (b"\x28\0\0\0PTMF", Kind.MOBILE_FLATBUFFER),
        (safetensors_of({"w": {"dtype": "F32"}}), Kind.SAFETENSORS),
        (b"\x05\0\0\0\0\0\0\0{nope", None),
        (b"\x08\x07\x12\x07pytorch", None),
        (b"", None),
    ],
)
def test_kinds(data: bytes, kind: Kind | None) -> None:
    assert recognize(data) is kind


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.TORCHSCRIPT, Kind.EXPORTED}, key=lambda kind: kind.name))
def test_kinds_without_a_program_are_answered_with_what_to_do(kind: Kind) -> None:
    lines = refusal(kind, "net.pth").splitlines()
    assert lines[0].startswith("net.pth: it is ") or lines[0].startswith("net.pth: it holds ")
    assert lines[1].startswith("  model = ") and ".save(" in lines[2] and len(lines) == 3


def test_a_state_dict_is_answered_with_two_lines_of_python() -> None:
    text = refusal(Kind.STATE_DICT, "net{0}.pth")
    assert 'model.load_state_dict(torch.load("net{0}.pth"))' in text
    assert 'torch.jit.trace(model.eval(), example).save("model.pt")' in text and "torch.export.export(" in text


def test_readable_kinds_are_not_refused() -> None:
    with pytest.raises(ValueError, match="can be read"):
        refusal(Kind.TORCHSCRIPT, "net.pt")


def test_damaged_archives_are_said_to_be() -> None:
    with pytest.raises(InputError, match="its end is missing"):
        recognize(members("data.pkl", "code/x.py")[:-5])
