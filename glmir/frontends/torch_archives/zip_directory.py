"""The directory of a zip file, read strictly: what two readers could understand differently is refused.

Layout and field names: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3 (zip64). Only what PyTorch and common zip
tools write is accepted: one disk, no encryption, members stored or deflated, nothing before the first member's header
that a header points to, no two members on the same bytes.
"""

from __future__ import annotations

import itertools
import mmap
import struct
from dataclasses import dataclass
from typing import TypeAlias

from ...errors import InputError

Buffer: TypeAlias = "bytes | mmap.mmap | memoryview"

STORED = 0
DEFLATED = 8

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")

_MAX_NAME = 1024
_MAX_COMMENT = 0xFFFF
_MAX_MEMBERS = 200_000
_MAX_DIRECTORY_BYTES = 64 << 20
_IS_ENCRYPTED = 0x2041  # bits 0 (encrypted), 6 (strongly), 13 (header masked)
_SIZES_FOLLOW = 0x8
_IS_UTF8 = 0x800
_IN_ZIP64 = 0xFFFFFFFF
_ZIP64_EXTRA = 1


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its bytes stand at ``start:start + packed`` of the file and are ``size`` bytes when unpacked."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    header: int
    start: int

    @property
    def end(self) -> int:
        return self.start + self.packed


def damaged(reason: str) -> InputError:
    """The error for a zip file that contradicts itself."""
    return InputError(f"The archive is damaged or was made to mislead: {reason}. Save or download the model again.")


def read_directory(data: Buffer) -> list[Member]:
    """The members of a zip file in the order of its directory, folders left out.

    Raises InputError for what is no zip file, is damaged, encrypted or split, holds unsafe or repeated names, or has
    members that overlap or leave the file.
    """
    count, offset, size = _find_directory(data)
    directory = bytes(data[offset : offset + size])
    members: list[Member] = []
    at = 0
    for _ in range(count):
        if at + _CENTRAL.size > size:
            raise damaged(f"its directory ends before its {count} members do")
        member, at = _read_member(data, directory, at, offset)
        if member is not None:
            members.append(member)
    if at != size:
        raise damaged("its directory is longer than its members need")
    _refuse_repeated_names(members)
    _refuse_overlaps(members, offset)
    return members


def _find_directory(data: Buffer) -> tuple[int, int, int]:
    """How many members the directory has, where it begins, and its length in bytes."""
    end = _find_end(data)
    _, disk, first_disk, here, count, size, offset, _ = _END.unpack_from(data, end)
    if disk or first_disk or here != count:
        raise InputError("The archive is one part of a split zip file. Join the parts first.")
    limit = end
    locator = end - _LOCATOR_64.size
    if locator >= 0 and data[locator : locator + 4] == b"PK\x06\x07":
        saturated = (count, size, offset)
        limit, count, size, offset = _find_directory_64(data, locator)
        for short, full, top in zip(saturated, (count, size, offset), (0xFFFF, _IN_ZIP64, _IN_ZIP64), strict=True):
            if short not in (full, top):
                raise damaged("its two end records disagree")
    if offset + size != limit:
        raise damaged("its directory does not end where the end record begins")
    if count > _MAX_MEMBERS or size > _MAX_DIRECTORY_BYTES:
        raise InputError(f"The archive lists {count} members in {size} bytes, more than any model has.")
    return count, offset, size


def _find_end(data: Buffer) -> int:
    """Where the end-of-directory record begins: it and its comment are the last bytes of the file."""
    first = max(0, len(data) - _END.size - _MAX_COMMENT)
    tail = bytes(data[first:])
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0:
        if at + _END.size <= len(tail) and at + _END.size + _END.unpack_from(tail, at)[-1] == len(tail):
            return first + at
        at = tail.rfind(b"PK\x05\x06", 0, at)
    raise InputError("It is no whole zip archive: its end is missing. Save or download the model again.")


def _find_directory_64(data: Buffer, locator: int) -> tuple[int, int, int, int]:
    """From a zip64 locator: where the zip64 end record begins, then members, bytes and start of the directory."""
    _, disk, at, disks = _LOCATOR_64.unpack_from(data, locator)
    if disk or disks > 1:
        raise InputError("The archive is one part of a split zip file. Join the parts first.")
    if at + _END_64.size > locator or data[at : at + 4] != b"PK\x06\x06":
        raise damaged("its zip64 end record is not where it should be")
    _, length, _, _, _, _, here, count, size, offset = _END_64.unpack_from(data, at)
    if at + 12 + length != locator or here != count:
        raise damaged("its zip64 end record has the wrong length")
    return at, count, size, offset


def _read_member(data: Buffer, directory: bytes, at: int, limit: int) -> tuple[Member | None, int]:
    """The member that the directory entry at ``at`` lists (None for a folder), and where the next entry begins."""
    fields = _CENTRAL.unpack_from(directory, at)
    signature, _, _, flags, method, _, _, crc, packed, size, *lengths = fields[:13]
    header = fields[-1]
    if signature != b"PK\x01\x02":
        raise damaged("an entry of its directory has no signature")
    name_at = at + _CENTRAL.size
    extra_at = name_at + lengths[0]
    after = extra_at + lengths[1] + lengths[2]
    if after > len(directory):
        raise damaged("an entry of its directory runs over the end")
    raw_name = directory[name_at:extra_at]
    name = _decode_name(raw_name, flags)
    if flags & _IS_ENCRYPTED:
        raise InputError(f"The archive is encrypted (member {name!r}). Decrypt it first.")
    if method not in (STORED, DEFLATED):
        raise InputError(f"Member {name!r} is packed by zip method {method}. Pack the archive again with 'zip -0'.")
    if _IN_ZIP64 in (packed, size, header):
        extra = directory[extra_at : extra_at + lengths[1]]
        size, packed, header = _read_zip64_extra(name, extra, size, packed, header)
    start = _check_local_header(data, name, raw_name, header, flags, method, (crc, packed, size), limit)
    if start + packed > limit:
        raise damaged(f"member {name!r} is said to have {packed} bytes, which run over the end of the data")
    if method == STORED and packed != size:
        raise damaged(f"member {name!r} is stored plainly yet has two sizes, {packed} and {size} bytes")
    if name.endswith("/"):
        if size:
            raise damaged(f"folder {name!r} has content")
        return None, after
    return Member(name, method, crc, packed, size, header, start), after


def _decode_name(raw: bytes, flags: int) -> str:
    try:
        name = raw.decode("utf-8" if flags & _IS_UTF8 else "cp437")
    except UnicodeDecodeError:
        raise damaged("the name of a member is not UTF-8") from None
    if len(name) > _MAX_NAME:
        raise InputError(f"The archive has a member whose name has {len(name)} characters: it is refused.")
    parts = name.removesuffix("/").split("/")
    is_plain = name.isprintable() and "\\" not in name and ":" not in parts[0]
    if not is_plain or any(part in ("", ".", "..") for part in parts):
        raise InputError(f"The archive has a member named {name!r}: such names lead out of a folder, so it is refused.")
    return name


def _read_zip64_extra(name: str, extra: bytes, size: int, packed: int, header: int) -> tuple[int, int, int]:
    """Size, packed size and header offset, those that the entry leaves out read from its zip64 field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        at += 4
        if kind != _ZIP64_EXTRA:
            at += length
            continue
        values = iter(struct.unpack_from(f"<{min(length, len(extra) - at) // 8}Q", extra, at))
        try:
            full = [next(values) if value == _IN_ZIP64 else value for value in (size, packed, header)]
        except StopIteration:
            break
        return full[0], full[1], full[2]
    raise damaged(f"the zip64 sizes of member {name!r} are missing")


def _check_local_header(
    data: Buffer, name: str, raw_name: bytes, at: int, flags: int, method: int, sums: tuple[int, int, int], limit: int
) -> int:
    """Where the member's bytes begin; its own header has to say what the directory says of it."""
    if at + _LOCAL.size > limit:
        raise damaged(f"the header of member {name!r} lies outside the data")
    signature, _, own_flags, own_method, _, _, *own_sums, name_length, extra_length = _LOCAL.unpack_from(data, at)
    name_at = at + _LOCAL.size
    if signature != b"PK\x03\x04" or data[name_at : name_at + name_length] != raw_name:
        raise damaged(f"where member {name!r} should begin stands something else")
    if own_method != method or (own_flags ^ flags) & (_IS_ENCRYPTED | _SIZES_FOLLOW):
        raise damaged(f"the header of member {name!r} contradicts the directory")
    # A writer that streams knows neither checksum nor sizes yet and writes zeros; one that does not leaves sizes of
    # 4 GB and more to its zip64 field.
    for own, listed in zip(own_sums, sums, strict=True):
        is_unknown = own == _IN_ZIP64 or (own == 0 and flags & _SIZES_FOLLOW)
        if own != listed and not is_unknown:
            raise damaged(f"the header of member {name!r} contradicts the directory")
    return int(name_at + name_length + extra_length)


def _refuse_repeated_names(members: list[Member]) -> None:
    seen: set[str] = set()
    for member in members:
        if member.name in seen:
            raise damaged(f"it has two members named {member.name!r}")
        seen.add(member.name)


def _refuse_overlaps(members: list[Member], limit: int) -> None:
    """Members that share bytes are how a small file inflates without end."""
    ordered = sorted(members, key=lambda member: member.header)
    for before, after in itertools.pairwise(ordered):
        if before.end > after.header:
            raise damaged(f"members {before.name!r} and {after.name!r} overlap")
