"""The folder: the manifest, the files that it names, and the weight files."""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from uuid import UUID

from ..executor.blobs import WeightFiles
from ..protobuf import MalformedMessageError
from ..schema import Model

_AUTHOR = "com.apple.CoreML"
_FORMAT_VERSION = "1.0.0"
_HEADER = struct.Struct("<II56x")
_METADATA = struct.Struct("<IIQQQ32x")
_SENTINEL = 0xDEADBEEF
_ALIGNMENT = 64


@dataclass(frozen=True)
class Package:
    """What was read of a package."""

    model: Model
    weights: WeightFiles


def check_folder(path: Path) -> tuple[list[str], Package | None]:
    """What is wrong with the folder, and its model; None when it cannot be read."""
    try:
        manifest = json.loads((path / "Manifest.json").read_text("utf-8"))
    except OSError:
        return ["the package has no Manifest.json"], None
    except ValueError as error:
        return [f"Manifest.json is not JSON: {error}"], None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("itemInfoEntries"), dict):
        return ["Manifest.json lists no items"], None
    found = list(_check_manifest(manifest, path))
    root = manifest["itemInfoEntries"].get(manifest.get("rootModelIdentifier"))
    model_path = path / "Data" / PurePosixPath(root["path"]) if isinstance(root, dict) and "path" in root else None
    if model_path is None or not model_path.is_file():
        return [*found, "Manifest.json names no model: its rootModelIdentifier is that of no file"], None
    try:
        model = Model.parse(model_path.read_bytes())
    except MalformedMessageError as error:
        return [*found, f"{model_path.name}: {error}"], None
    weights = model_path.parent / "weights"
    for file in sorted(weights.glob("*")):
        found += [f"{file.name}: {problem}" for problem in _check_weights(file.read_bytes())]
    return found, Package(model, WeightFiles(model_path.parent))


def _check_manifest(manifest: Mapping[str, object], path: Path) -> Iterator[str]:
    if manifest.get("fileFormatVersion") != _FORMAT_VERSION:
        yield f"Manifest.json has the fileFormatVersion {manifest.get('fileFormatVersion')!r}, not {_FORMAT_VERSION!r}"
    entries = manifest["itemInfoEntries"]
    assert isinstance(entries, dict)
    listed = set()
    for key, entry in entries.items():
        if not _is_uuid(key):
            yield f"Manifest.json: the identifier {key!r} is no UUID"
        if not isinstance(entry, dict) or not all(entry.get(k) for k in ("author", "description", "name", "path")):
            yield f"Manifest.json: item {key} lacks an author, a description, a name or a path"
            continue
        if entry["author"] != _AUTHOR:
            yield f"Manifest.json: item {entry['name']} is of {entry['author']!r}, not {_AUTHOR!r}"
        listed.add(entry["path"])
        if not (path / "Data" / PurePosixPath(entry["path"])).exists():
            yield f"Manifest.json lists {entry['path']}, which is not there"
    if (path / "Data" / _AUTHOR / "weights").is_dir() and f"{_AUTHOR}/weights" not in listed:
        yield "Manifest.json does not list the folder of the weights"


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _check_weights(data: bytes) -> Iterator[str]:
    """That the file is a header and as many blobs as it says, one behind the other."""
    if len(data) < _HEADER.size:
        yield "it is too short for a header"
        return
    count, version = _HEADER.unpack_from(data)
    if version != 2:
        yield f"it is of version {version}, not 2"
        return
    position = _HEADER.size
    for index in range(count):
        position += -position % _ALIGNMENT
        if position + _METADATA.size > len(data):
            yield f"it has {index} blobs, its header says {count}"
            return
        sentinel, _, size, start, _ = _METADATA.unpack_from(data, position)
        if sentinel != _SENTINEL or start != position + _METADATA.size or start + size > len(data):
            yield f"the metadata at {position} is none, or its data is out of place"
            return
        position = start + size
    if len(data) - position >= _ALIGNMENT:
        yield f"{len(data) - position} bytes stand behind its last blob"
