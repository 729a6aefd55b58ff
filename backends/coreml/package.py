"""The folder that a model is: the manifest, the model's message, and the weights beside it."""

import hashlib
import json
import uuid
from pathlib import Path
from typing import BinaryIO, cast

from . import schema
from .protobuf import serialize
from .weights import WeightFile

AUTHOR = "com.apple.CoreML"
MODEL_PATH = f"{AUTHOR}/model.mlmodel"
WEIGHTS_PATH = f"{AUTHOR}/weights"
WEIGHTS_FILE = "weight.bin"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, AUTHOR)


def write_package(model: schema.Model, weights: WeightFile, path: Path) -> None:
    """Writes the ``.mlpackage`` folder at ``path``, where nothing may be. Raises OSError.

    The manifest's identifiers are made from the contents, so that equal models are equal folders.
    """
    data = path / "Data"
    (data / WEIGHTS_PATH).mkdir(parents=True)
    message = serialize(model)
    (data / MODEL_PATH).write_bytes(message)
    # A program may have no weights; the file is there all the same, as in the packages of Apple's own exporter.
    with (data / WEIGHTS_PATH / WEIGHTS_FILE).open("xb") as stream:
        hashed = _HashingStream(stream)
        weights.write(cast(BinaryIO, hashed))
    entries = [
        ("model.mlmodel", "CoreML Model Specification", MODEL_PATH, hashlib.sha256(message).hexdigest()),
        ("weights", "CoreML Model Weights", WEIGHTS_PATH, hashed.digest.hexdigest()),
    ]
    (path / "Manifest.json").write_text(_manifest(entries), encoding="utf-8")


def _manifest(entries: list[tuple[str, str, str, str]]) -> str:
    """The manifest of files (name, description, path, content hash), of which the first is the model."""
    identifiers = [str(uuid.uuid5(_NAMESPACE, f"{name} {content}")).upper() for name, _, _, content in entries]
    items = {
        identifier: {"author": AUTHOR, "description": description, "name": name, "path": path}
        for identifier, (name, description, path, _) in zip(identifiers, entries, strict=True)
    }
    manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": items, "rootModelIdentifier": identifiers[0]}
    return json.dumps(manifest, indent=4) + "\n"


class _HashingStream:
    """Hashes what it hands on."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        self.digest.update(data)
        return self._stream.write(data)
