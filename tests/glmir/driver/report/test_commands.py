"""``glmc --report``, its summary and its warnings, and ``glmir report``."""

from pathlib import Path

import pytest

from ..commands import DIGITS, glmc, glmir

CALIBRATION = DIGITS.with_name("digits_calibration.npz")
INT8 = ("--quantize", "int8", "--calibrate", CALIBRATION)


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_summary(tmp_path: Path) -> None:
    outcome = glmc(DIGITS, *INT8)
    assert outcome.code == 0
    assert outcome.out.startswith("int8: 6 of 6 layers on integers (100.0 % of multiplications); weights 78.8 KB -> ")
    assert "dB on 4 samples; worst: " in outcome.out
    assert glmc(DIGITS, *INT8, "--quiet").out == ""
    assert "layers" not in glmc(DIGITS).out


@pytest.mark.parametrize("suffix", ["html", "md", "json"])
def test_reports_are_the_same_bytes_each_time(suffix: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert glmc(DIGITS, *INT8, "--report", f"{name}.{suffix}", "--quiet").code == 0
    assert Path(f"a.{suffix}").read_bytes() == Path(f"b.{suffix}").read_bytes()


def test_all_targets_side_by_side() -> None:
    targets = [part for name in ("tflite", "mnn", "coreml", "onnx") for part in ("--target", name)]
    assert glmc(DIGITS, *INT8, *targets, "--report", "r.md").code == 0
    text = Path("r.md").read_text()
    (heading,) = [line for line in text.splitlines() if line.startswith("| op ") and "coreml" in line]
    assert [cell.strip() for cell in heading.strip("|").split("|")] == ["op", "kind", "tflite", "mnn", "coreml", "onnx"]


def test_without_quantization_sizes_and_ops_are_told() -> None:
    outcome = glmc(DIGITS, "--report", "r.md")
    assert outcome.code == 0
    assert "layers" not in outcome.out
    text = Path("r.md").read_text()
    assert "## Sizes and targets" in text and "## All ops" in text and "dB" not in text


def test_pruning_is_told() -> None:
    outcome = glmc(DIGITS, "--prune", "0.5", "--report", "r.md")
    assert outcome.code == 0
    assert outcome.out.startswith("pruned: weights ")
    assert "zeros" in Path("r.md").read_text().partition("## Weights")[2]


def test_glmir_report_shows_and_converts() -> None:
    assert glmc(DIGITS, *INT8, "--report", "r.json", "--report", "r.json").code == 0
    assert glmc(DIGITS, *INT8, "--report", "r.html").code == 0
    assert glmc(DIGITS, *INT8, "--report", "r.md").code == 0
    assert glmir("report", "r.json").out == Path("r.md").read_text()
    assert glmir("report", "r.json", "-o", "again.html").code == 0
    assert Path("again.html").read_bytes() == Path("r.html").read_bytes()


def test_warnings_of_what_is_slower() -> None:
    outcome = glmc(DIGITS, "--quantize", "int16", "--calibrate", CALIBRATION)
    assert "warning: tflite: expected to take about" in outcome.err
    assert "times as long as float: the runtime has no fast kernels for activations of 16 bits" in outcome.err
    assert "warning" not in glmc(DIGITS, *INT8).err
    assert glmc(DIGITS, "--quantize", "int16", "--calibrate", CALIBRATION, "--quiet").err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--report", "r.pdf"), "--report writes .html, .json, .md, and r.pdf ends in none of these"),
        (("--report", "missing/r.html"), "the folder missing does not exist"),
        (("--report", "folder.html"), "cannot write folder.html: it is a folder"),
        (("--report", "r.html", "--emit", "ir"), "--report tells of artifacts, and --emit ir writes none"),
    ],
)
def test_reports_that_cannot_be_written(arguments: tuple[str, ...], said: str) -> None:
    Path("folder.html").mkdir()
    outcome = glmc(DIGITS, *INT8, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert [p.name for p in Path().iterdir()] == ["folder.html"]


def test_glmir_report_of_what_is_none() -> None:
    Path("r.json").write_text("{}")
    for arguments in (("r.json",), ("missing.json",), (DIGITS,)):
        outcome = glmir("report", *arguments)
        assert outcome.code == 2 and outcome.err.startswith("error: ")


def test_the_memory_of_activations_is_told() -> None:
    outcome = glmc(DIGITS, "--target", "tflite", "--target", "onnx", "--report", "r.md", "--statistics")
    assert outcome.code == 0
    assert outcome.err.count("peak of live activations ") == 2
    text = Path("r.md").read_text()
    assert "## Memory" in text and "tflite: the peak stands at " in text
    assert glmc(DIGITS, "--report", "r.json").code == 0
    assert "## Memory" in glmir("report", "r.json").out
