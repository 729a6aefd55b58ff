"""Hostile archives are refused with a sentence, within bounded time and memory, and nothing of them runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.glmir.frontends.torch_archives.hostile import CORPUS, HARMLESS, MARKER

MAX_SECONDS = 10
ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to limit memory")
@pytest.mark.parametrize("family", CORPUS)
def test_hostile_archives_are_refused(family: str, tmp_path: Path) -> None:
    archives = CORPUS[family]()
    arguments = []
    for number, (name, content) in enumerate(archives.items()):
        path = tmp_path / f"{number}.pt"
        path.write_bytes(content)
        arguments.append(f"{name}={path}")
    command = [sys.executable, str(Path(__file__).with_name("examine.py")), *arguments]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes: dict[str, tuple[str, float]] = json.loads(done.stdout)
    assert outcomes.keys() == archives.keys()
    assert not (tmp_path / MARKER).exists()
    for name, (outcome, seconds) in outcomes.items():
        assert seconds < MAX_SECONDS, name
        assert name in HARMLESS or outcome.endswith("."), f"{name}: {outcome}"
        assert len(outcome) < 600 and "Traceback" not in outcome and outcome.isprintable(), name
