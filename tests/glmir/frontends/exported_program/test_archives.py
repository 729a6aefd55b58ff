"""Archives that torch.export.save wrote, held against what PyTorch computed (tests/models/torch)."""

from pathlib import Path

import pytest

from glmir.printer import print_module
from tests.glmir.frontends.exported_program.comparing import check_archive

ARCHIVES = Path(__file__).parents[3] / "models" / "torch" / "archives"
GOLDEN = Path(__file__).parent / "golden"

TOLERANCES = {"exported_bfloat16": "bf16", "exported_float16": "f16", "halves": "f16"}
"""Rows of tests/tolerances.py; the others are in single precision."""


@pytest.mark.parametrize("path", sorted(ARCHIVES.glob("*.pt2")), ids=lambda p: p.name.removesuffix(".pt2"))
def test_computes_what_pytorch_does(path: Path, update_golden: bool) -> None:
    name = path.name.removesuffix(".pt2")
    module = check_archive(path, TOLERANCES.get(name.split(".")[0], "f32-sums"))
    golden = GOLDEN / f"{name}.glir"
    if update_golden and golden.exists():
        golden.write_text(print_module(module), encoding="utf-8")
    if golden.exists():
        assert print_module(module) == golden.read_text(encoding="utf-8"), "run pytest --update-golden, read the diff"
