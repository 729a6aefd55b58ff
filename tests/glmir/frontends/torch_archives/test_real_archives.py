"""Archives that PyTorch wrote, which stand beside the tests: every pickle in them is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from glmir.frontends.torch_archives import Kind, ScriptObject, StoredTensor, open_archive, recognize, unpickle

FOLDER = Path(__file__).parents[3] / "models" / "torch" / "archives"
SCRIPTED = sorted(path for pattern in ("*.pt", "*.ptl") for path in FOLDER.glob(pattern))
OTHERS = {
    "before_2_8.pt2": Kind.EXPORTED,
    "checkpoint.pt": Kind.STATE_DICT,
    "module.pt": Kind.PICKLED_MODULE,
    "module_legacy.pt": Kind.LEGACY,
    "state_dict.pt": Kind.STATE_DICT,
    "state_dict.safetensors": Kind.SAFETENSORS,
    "state_dict_legacy.pt": Kind.LEGACY,
    "tensor.pt": Kind.STATE_DICT,
}


@pytest.mark.parametrize("path", SCRIPTED, ids=lambda path: path.name)
def test_torchscript(path: Path) -> None:
    assert recognize(path) is Kind.TORCHSCRIPT
    archive = open_archive(path)
    assert isinstance(unpickle(archive), ScriptObject)
    assert isinstance(unpickle(archive, "constants.pkl", storages="constants"), tuple)
    for member in archive.names:
        if member.endswith(".debug_pkl"):
            assert isinstance(unpickle(archive, member), tuple)
    if "traced_inputs.pkl" in archive:
        inputs = unpickle(archive, "traced_inputs.pkl", storages=None)
        assert isinstance(inputs, dict) and "forward" in inputs


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.pt2")), ids=lambda path: path.name)
def test_exported(path: Path) -> None:
    assert recognize(path) is Kind.EXPORTED
    assert all(open_archive(path).raw(member).size >= 0 for member in open_archive(path).names)


@pytest.mark.parametrize("name", OTHERS)
def test_others(name: str) -> None:
    assert recognize(FOLDER / "other" / name) is OTHERS[name]


def test_a_state_dict() -> None:
    weights = unpickle(open_archive(FOLDER / "other" / "state_dict.pt"))
    assert isinstance(weights, dict) and weights
    assert all(isinstance(value, StoredTensor) for value in weights.values())
