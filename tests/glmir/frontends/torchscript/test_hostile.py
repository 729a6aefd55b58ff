"""Hostile and broken programs are refused with a sentence, after a bounded amount of work, and nothing of them runs."""

import os
import random
import re
import zipfile
from pathlib import Path

import pytest

import glmir
from glmir.errors import GlmirError
from glmir.frontends.aten import work
from tests.glmir.frontends.torch_archives.building import Entry, zip_of
from tests.glmir.frontends.torchscript.building import archive, floats
from tests.glmir.frontends.torchscript.hostile import ATTRIBUTES, FAMILIES, HARMLESS, MARKER
from tests.models.torch.archives import TINY, archives_in

INPUTS = {"x": "f32[2, 3]"}
EXAMPLES = int(os.environ.get("GLMIR_FUZZ_EXAMPLES", "300"))
PROGRAMS = [(family, name) for family, programs in FAMILIES.items() for name in programs]


@pytest.fixture(autouse=True)
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be done is cut to a hundredth: how it is counted is what is tested."""
    monkeypatch.setattr(work, "MAX_WORK", work.MAX_WORK // 100)


def outcome(code: str) -> str:
    """What is said of a program: nothing when it can be imported."""
    data = archive(code, ATTRIBUTES | {"weight": floats(2, 3)}, constants=(5,))
    try:
        glmir.load(data, inputs=INPUTS)
    except GlmirError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("family", "name"), PROGRAMS)
def test_hostile_programs_are_refused(family: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = outcome(FAMILIES[family][name])
    assert bool(said) is (name not in HARMLESS)
    assert len(said) < 5000 and said.replace("\n", "").isprintable()
    assert not (tmp_path / MARKER).exists()


def test_work_is_counted_over_all_runs_of_a_program() -> None:
    code = "class Net(Module):\n  def forward(self, x):\n    self.weight = torch.unsqueeze(self.weight, 0)\n"
    code += "    while True:\n      x = torch.add(x, 1)\n    return x"
    assert "does more than can be imported" in outcome(code)


def test_mutated_programs() -> None:
    """Programs with tokens exchanged, repeated and lost either are imported or refused with a sentence."""
    generator = random.Random(11)
    sources = [code for programs in FAMILIES.values() for code in programs.values() if 0 < len(code) < 2000]
    tokens = sorted({token for code in sources for token in re.findall(r"\w+|\S|\n *", code)})
    for _ in range(EXAMPLES):
        code = _mutated(generator, generator.choice(sources), tokens)
        try:
            outcome(code)
        except Exception as error:
            pytest.fail(f"{type(error).__name__}: {error} for\n{code}")


def test_mutated_code_of_archives() -> None:
    """As above, with the code of what PyTorch has written."""
    generator = random.Random(12)
    archives = [archive for archive in archives_in(TINY) if archive.path.suffix == ".pt"]
    for _ in range(EXAMPLES // 3):
        chosen = generator.choice(archives)
        with zipfile.ZipFile(chosen.path) as file:
            members = {name: file.read(name) for name in file.namelist()}
        codes = sorted(name for name, content in members.items() if name.endswith(".py") and content)
        tokens = sorted({token for name in codes for token in re.findall(r"\w+|\S|\n *", members[name].decode())})
        member = generator.choice(codes)
        code = _mutated(generator, members[member].decode(), tokens)
        data = zip_of([Entry(name, code.encode() if name == member else members[name]) for name in members])
        try:
            glmir.load(data, inputs=chosen.given)
        except GlmirError:
            pass
        except Exception as error:
            pytest.fail(f"{type(error).__name__}: {error} for {chosen} with {member}\n{code}")


def _mutated(generator: random.Random, code: str, tokens: list[str]) -> str:
    parts = re.findall(r"\w+|\s+|[^\w\s]", code)
    for _ in range(generator.randint(1, 4)):
        place = generator.randrange(len(parts))
        match generator.randrange(4):
            case 0:
                parts[place] = generator.choice(tokens)
            case 1:
                del parts[place : place + generator.randint(1, 3)]
                parts = parts or ["x"]
            case 2:
                parts[place:place] = parts[place : place + generator.randint(1, 8)]
            case _:
                other = generator.randrange(len(parts))
                parts[place], parts[other] = parts[other], parts[place]
    return "".join(parts)
