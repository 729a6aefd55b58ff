"""Which members of an archive are the program and its payloads, in both layouts."""

from dataclasses import dataclass

from ...errors import InputError
from ..torch_archives import Archive
from ..torch_archives.storages import require_little_endian
from .payloads import Payloads, read_json, read_nested, read_payloads
from .records import Record
from .schema import SCHEMA_MAJOR

_OLD_PROGRAM = "serialized_exported_program.json"


@dataclass(frozen=True)
class StoredProgram:
    """The JSON of a program, and its tensors."""

    record: Record
    payloads: Payloads


def read_program(archive: Archive) -> StoredProgram:
    """The only program of an archive; raises InputError when there is none, or when there are several."""
    if _OLD_PROGRAM in archive:
        record = _of_known_version(read_json(archive, _OLD_PROGRAM))
        payloads = Payloads()
        for member in ("serialized_state_dict.pt", "serialized_constants.pt"):
            if member in archive:
                read_nested(archive, member, payloads)
        return StoredProgram(record, payloads)
    models = [n.removeprefix("models/").removesuffix(".json") for n in archive.names if _is_model(n)]
    if not models:
        raise InputError("The archive holds no exported program: it has no member models/<name>.json.")
    if len(models) > 1:
        raise InputError(
            f"The archive holds {len(models)} programs ({', '.join(models)}), and glmc compiles one at a time: "
            "save each into an archive of its own with torch.export.save."
        )
    require_little_endian(archive)
    name = f"models/{models[0]}.json"
    record = _of_known_version(read_json(archive, name))
    return StoredProgram(record, read_payloads(archive, models[0]))


def _is_model(name: str) -> bool:
    return name.startswith("models/") and name.endswith(".json") and name.count("/") == 1


def _of_known_version(record: Record) -> Record:
    version = record.record("schema_version")
    major = version.integer("major")
    if major != SCHEMA_MAJOR:
        torch = record.text("torch_version") if "torch_version" in record else "another version"
        advice = "Export it with PyTorch 2.5 or later." if major < SCHEMA_MAJOR else "A newer glmc may read it."
        raise InputError(
            f"The program was exported by PyTorch {torch} in version {major} of its format; glmc reads version "
            f"{SCHEMA_MAJOR}. {advice}"
        )
    return record
