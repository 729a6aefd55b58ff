"""Zip archives: what is read, what stays mapped, and what is refused."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from glmir.errors import InputError
from glmir.frontends.torch_archives import open_archive
from glmir.frontends.torch_archives.members import MAX_INFLATED_BYTES
from tests.glmir.frontends.torch_archives.building import STREAMED, Entry, archive, archive_of, refusal, zip_of

CODE = b"def forward(self): pass\n" * 50


def test_members_are_named_below_the_root_and_sorted() -> None:
    opened = archive(Entry("m/version", b"3\n"), Entry("m/code/"), Entry("m/code/a.py", CODE, deflated=True))
    assert opened.root == "m"
    assert opened.names == ["code/a.py", "version"]
    assert "version" in opened and "m/version" not in opened and 3 not in opened
    assert opened.read("version") == b"3\n"
    assert opened.read("code/a.py") == CODE
    assert opened.size("code/a.py") == len(CODE)


def test_members_without_a_common_folder_keep_their_names() -> None:
    assert archive(Entry("a/x"), Entry("b/x")).names == ["a/x", "b/x"]
    assert archive(Entry("version"), Entry("m/x")).root == ""


@pytest.mark.parametrize("zip64", [False, True])
def test_stored_members_are_views_of_the_mapped_file(tmp_path: Path, zip64: bool) -> None:
    weights = np.arange(1000, dtype=np.float32)
    path = tmp_path / "model.pt"
    entries = [Entry("m/a", b"a"), Entry("m/data/0", weights.tobytes(), flags=STREAMED)]
    path.write_bytes(zip_of(entries, zip64=zip64))
    opened = open_archive(path)
    view = opened.raw("data/0")
    assert not view.flags.writeable and not view.flags.owndata
    assert np.shares_memory(view, opened.raw("data/0"))
    assert view.ctypes.data % 64 == 0
    assert np.array_equal(view.view(np.float32), weights)


def test_deflated_weights_are_unpacked() -> None:
    assert archive(Entry("m/data/0", b"\x01" * 999, deflated=True)).raw("data/0").tobytes() == b"\x01" * 999


def test_an_archive_inside_an_archive() -> None:
    inner = zip_of([Entry("inner/data/0", b"weights")])
    opened = archive(Entry("m/a.pt", inner))
    nested = opened.nested("a.pt")
    assert nested.read("data/0") == b"weights"
    assert np.shares_memory(nested.raw("data/0"), opened.raw("a.pt"))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives_of_other_zip_writers(method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as writer:
        writer.mkdir("m")
        writer.writestr("m/é.py", CODE)
        with writer.open("m/large", "w", force_zip64=True) as member:
            member.write(CODE)
        writer.comment = b"PK\x05\x06 is no end here"
    opened = open_archive(buffer.getvalue())
    assert opened.names == ["large", "é.py"]
    assert opened.read("large") == opened.read("é.py") == CODE


def test_sizes_of_zip64_fields_are_read() -> None:
    extra = struct.pack("<2H2Q", 1, 16, 5, 5)
    huge = Entry("m/a", b"hello", packed=0xFFFFFFFF, size=0xFFFFFFFF, extra=struct.pack("<2H", 9, 0) + extra)
    assert archive(huge).read("a") == b"hello"


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (Entry("m/../../etc/passwd"), "lead out of a folder"),
        (Entry("/etc/passwd"), "lead out of a folder"),
        (Entry("m\\..\\x"), "lead out of a folder"),
        (Entry("C:/x"), "lead out of a folder"),
        (Entry("m/./x"), "lead out of a folder"),
        (Entry("m//x"), "lead out of a folder"),
        (Entry("m/x\0.py"), "lead out of a folder"),
        (Entry("m/x\n\x1b[2J"), "lead out of a folder"),
        (Entry("m/" + "x" * 2000), "2002 characters"),
        (Entry(""), "lead out of a folder"),
        (Entry("", raw_name=b"m/\xff\xfe"), "not UTF-8"),
        (Entry("m/x", b"abc", flags=0x801), "is encrypted"),
        (Entry("m/x", b"abc", flags=0x840), "is encrypted"),
        (Entry("m/x", b"abc", flags=0x2800), "is encrypted"),
        (Entry("m/x", b"abc", method=12), "zip method 12"),
        (Entry("m/x", b"abc", local_name="m/y"), "stands something else"),
        (Entry("m/x", b"abc", local_method=8), "contradicts the directory"),
        (Entry("m/x", b"abc", local_size=4), "contradicts the directory"),
        (Entry("m/x", b"abc", packed=1 << 30, size=1 << 30), "run over the end"),
        (Entry("m/x", b"abc", size=5), "has two sizes"),
        (Entry("m/x", b"abc", packed=0xFFFFFFFF), "zip64 sizes of member 'm/x' are missing"),
        (Entry("m/x", b"abc", packed=0xFFFFFFFF, extra=struct.pack("<2HL", 1, 4, 5)), "are missing"),
        (Entry("m/x", b"abc", packed=0xFFFFFFFF, extra=struct.pack("<2HQ", 1, 8, 1 << 62)), "run over the end"),
        (Entry("m/x", b"abc", offset=0xFFFF), "lies outside the data"),
        (Entry("m/x", b"abc", offset=3), "stands something else"),
        (Entry("m/x/", b"abc"), "has content"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_members_that_mislead_are_refused(entry: Entry, sentence: str) -> None:
    message = refusal(zip_of([entry]))
    assert sentence in message and "\0" not in message and "\x1b" not in message


def test_two_members_of_one_name_are_refused() -> None:
    assert "two members named 'm/x'" in refusal(zip_of([Entry("m/x", b"1"), Entry("m/x", b"2")]))


def test_members_on_the_same_bytes_are_refused() -> None:
    # One kernel of data, quoted by every member before it (a "better zip bomb").
    inner = zip_of([Entry("m/b", b"kernel" * 10)], aligned=False)[: 30 + 3 + 60]
    data = zip_of([Entry("m/a", inner), Entry("m/b", b"kernel" * 10, offset=33)], aligned=False)
    assert "members 'm/a' and 'm/b' overlap" in refusal(data)


def test_directories_that_lie_are_refused() -> None:
    data = zip_of([Entry("m/x", b"1")])
    assert "its end is missing" in refusal(data[:-1])
    assert "its end is missing" in refusal(b"")
    assert "its end is missing" in refusal(b"PK\x03\x04 and nothing else")
    end = len(data) - 22
    for at, values, sentence in (
        (end + 4, (1,), "split"),
        (end + 8, (2, 2), "ends before its 2 members do"),
        (end + 8, (0, 0), "longer than its members need"),
        (end + 12, (9, 0), "does not end where"),
    ):
        layout = f"<{len(values)}H"
        assert sentence in refusal(data[:at] + struct.pack(layout, *values) + data[at + 2 * len(values) :])
    assert "has no signature" in refusal(data.replace(b"PK\x01\x02", b"PK\x01\x03"))


def test_zip64_records_that_lie_are_refused() -> None:
    data = zip_of([Entry("m/x", b"1")], zip64=True)
    record = data.index(b"PK\x06\x06")
    assert "two end records disagree" in refusal(data[: record + 40] + b"\x01" + data[record + 41 :])
    assert "wrong length" in refusal(data[: record + 4] + b"\x2d" + data[record + 5 :])
    locator = data.index(b"PK\x06\x07")
    assert "not where it should be" in refusal(data[: locator + 8] + b"\x01" + data[locator + 9 :])
    assert "split" in refusal(data[: locator + 16] + b"\x02" + data[locator + 17 :])


def test_a_directory_of_too_many_members_is_refused() -> None:
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1 << 40, 1 << 40, 46, 0)
    end += struct.pack("<4sLQL", b"PK\x06\x07", 0, 46, 1)
    data = bytes(46) + end + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 46, 0, 0)
    assert "more than any model has" in refusal(data)


def test_every_truncation_is_refused() -> None:
    data = archive_of(b"\x80\x02N.", {"0": b"1234"}, version=b"3\n")
    for length in range(len(data)):
        with pytest.raises(InputError):
            open_archive(data[:length])


def test_contents_that_contradict_the_directory_are_refused() -> None:
    wrong = archive(
        Entry("m/stored", CODE, crc=1),
        Entry("m/deflated", CODE, deflated=True, crc=1),
        Entry("m/short", CODE, deflated=True, size=len(CODE) + 1),
        Entry("m/long", CODE, deflated=True, size=len(CODE) - 1),
        Entry("m/garbage", b"\xff" * 9, method=8, size=9),
        Entry("m/bomb", b"", deflated=True, size=MAX_INFLATED_BYTES + 1),
    )
    for name, sentence in (
        ("stored", "checksum of member 'stored' is wrong"),
        ("deflated", "checksum of member 'deflated' is wrong"),
        ("short", "does not unpack to the 1201 bytes"),
        ("long", "does not unpack to the 1199 bytes"),
        ("garbage", "cannot be unpacked"),
        ("bomb", "unpacks to more than 256 MB"),
        ("absent", "no member 'absent'"),
    ):
        with pytest.raises(InputError, match=sentence):
            wrong.read(name)


def test_unpacking_the_same_member_again_counts_once() -> None:
    opened = archive(Entry("m/a", bytes(MAX_INFLATED_BYTES // 4), deflated=True))
    for _ in range(5):
        assert opened.raw("a").size == MAX_INFLATED_BYTES // 4


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_archive(tmp_path / "absent.pt")
    with pytest.raises(InputError, match="is a directory"):
        open_archive(tmp_path)
    (tmp_path / "empty.pt").touch()
    with pytest.raises(InputError, match="end is missing"):
        open_archive(tmp_path / "empty.pt")
