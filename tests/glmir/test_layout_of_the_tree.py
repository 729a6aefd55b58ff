"""The shape of the repository: links, wheel contents, file and function sizes, dependencies of the layers."""

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(p for folder in ("glmir", "passes", "backends") for p in (ROOT / folder).rglob("*.py"))
MAX_LINES = 500
MAX_FUNCTION_LINES = 60
LAYERS = {"glmir": ("passes", "backends"), "passes": ("backends",)}


def real_sources() -> list[Path]:
    return [p for p in SOURCES if not any(part.is_symlink() for part in p.parents)]


@pytest.mark.parametrize("name", ["passes", "backends"])
def test_links_are_relative_and_resolve(name: str) -> None:
    link = ROOT / "glmir" / name
    assert link.is_symlink()
    assert link.readlink() == Path("..") / name
    assert link.resolve() == ROOT / name


@pytest.mark.parametrize("path", real_sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_are_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", real_sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_lower_layers_do_not_import_higher_ones(path: Path) -> None:
    relative = path.relative_to(ROOT)
    if relative.parts[:2] == ("glmir", "driver"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported = node.module.removeprefix("glmir.").split(".")[0]
            assert imported not in LAYERS.get(relative.parts[0], ()), f"{relative} imports {node.module}"


@pytest.mark.parametrize("path", real_sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_pages_that_sources_point_to_are_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "DESIGN" not in text, "the design is said in spec/"
    missing = [page for page in re.findall(r"\bspec/[\w/]+\.md\b", text) if not (ROOT / page).exists()]
    assert not missing


def test_a_pass_is_called_as_its_file() -> None:
    from glmir import passes

    for pass_ in passes.PASSES:
        assert pass_.function.__module__.rpartition(".")[2] == pass_.function.__name__


@pytest.mark.slow
def test_the_wheel_holds_one_package(tmp_path: Path) -> None:
    # In a copy: the build leaves folders of its own beside the sources.
    copy = tmp_path / "glmc"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")
    shutil.copytree(ROOT, copy, symlinks=True, ignore=ignored)
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {n.split("/")[0] for n in names if ".dist-info" not in n} == {"glmir"}
    needed = ("grammar.lark", "py.typed", "passes/pipelines.py", "backends/tflite/schema.py")
    assert {f"glmir/{name}" for name in needed} <= set(names)
