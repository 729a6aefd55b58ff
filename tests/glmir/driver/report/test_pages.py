"""Reports as pages and files: complete, the same bytes for the same facts, safe whatever a model calls its nodes."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from glmir.driver.report.facts import (
    Advice,
    Measured,
    OpFacts,
    OutputFacts,
    Report,
    TargetFacts,
    TargetOp,
    TensorFacts,
    WeightFacts,
)
from glmir.driver.report.html_page import html_page
from glmir.driver.report.json_file import read_report, to_json
from glmir.driver.report.markdown import markdown
from glmir.driver.report.summary import summary
from glmir.driver.report.writing import write_report
from glmir.errors import InputError

EVIL = "<script>alert('x')</script> | `a` \x1b[31m"

REPORT = Report(
    source="model.onnx",
    recipe="int8",
    options="int8{symmetric=true}",
    source_bytes=15_000_000,
    source_weight_bytes=14_200_000,
    calibration_samples=32,
    measured=Measured(4, is_random=False),
    outputs=(OutputFacts("y", 38.04), OutputFacts("index", None)),
    ops=(
        OpFacts("v1", ("conv1",), "nn.conv", True, True, "", 9_000, 30.0, 21.0, 0.4),
        OpFacts("v2", (EVIL,), "nn.gelu", False, False, "such ops lose too much in integers", 0, 25.0, float("inf")),
        OpFacts("v3", (), "nn.linear", True, True, "", 1_000, 24.0, 33.0, 0.1),
    ),
    tensors=(TensorFacts("v1", ("conv1",), "i8", 0.5, -3, -62.5, 65.0, -70.0, 66.0, 0.01, 31.0, 30.5),),
    weights=(WeightFacts("w", "v1", (4, 3, 3, 3), "8 bits, one scale", 8, None, None, 0.25, 40.5, ""),),
    targets=(
        TargetFacts(
            "tflite", "model.tflite", 3_700_000, 3_600_000, 55, 2, 2, 1, 0.9,
            (TargetOp("v1", "integers"), TargetOp("v2", "floats"), TargetOp("v3", "floats", "the target needs luck")),
            ("expected to take about 1.5 times as long as float: because; do that",),
        ),
    ),
    advice=(Advice("v1", "it has outliers", "keep it in float: keep=v1"),),
    notes=("a note",),
)  # fmt: skip


class _Page(HTMLParser):
    """The text of a page, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_says_all_and_needs_nothing_else() -> None:
    page = _Page(html_page(REPORT))
    for said in ("model.onnx, int8{symmetric=true}", "38.0 dB", "Try: keep it in float: keep=v1.", "a note", "14.2 MB",
                 "the target needs luck", "such ops lose too much", "1.5 times", "1.000 %", "-70 … 66"):  # fmt: skip
        assert said in page.text, said
    assert "script" not in page.tags and "link" not in page.tags and "img" not in page.tags
    assert not [value for name, value in page.attributes if name in ("src", "href", "onclick")]
    assert ("name", "viewport") in page.attributes


def test_names_are_text() -> None:
    assert "<script>" not in html_page(REPORT)
    assert "\x1b" not in html_page(REPORT) and "\x1b" not in markdown(REPORT)
    rows = [line for line in markdown(REPORT).splitlines() if "alert" in line]
    assert rows and all("\\<script\\>" in row for row in rows)


def test_the_worst_come_first() -> None:
    assert [op.name for op in REPORT.worst_ops()] == ["v1", "v3", "v2"]
    section = markdown(REPORT).partition("## Worst layers")[2]
    assert section.index("conv1") < section.index("v3")


def test_tables_have_as_many_cells_as_headings() -> None:
    for table in markdown(REPORT).split("\n\n"):
        lines = [line.replace("\\|", "") for line in table.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1, table


def test_json_keeps_everything(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path / "r.json")
    assert read_report(tmp_path / "r.json") == REPORT
    assert json.loads(to_json(REPORT))["format"] == "glmc report"
    assert to_json(REPORT) == to_json(replace(REPORT))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "it is not JSON"),
        ("[]", "no report that glmc wrote"),
        ('{"format": "glmc report", "version": 99}', "version 99"),
        ('{"format": "glmc report", "version": 2}', "damaged"),
        (to_json(REPORT).replace('"ops": [', '"ops": [3, '), "damaged"),
        (to_json(REPORT).replace('"source_bytes": 15000000', '"source_bytes": "many"'), "damaged"),
    ],
)
def test_what_is_no_report(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        read_report(path)


def test_summary() -> None:
    first, second = summary(REPORT)
    assert first == (
        "int8{symmetric=true}: 2 of 2 layers on integers (100.0 % of multiplications); weights 14.2 MB -> 3.6 MB; "
        "SQNR 38.0 dB on 4 samples; worst: conv1 (40 % of the error)"
    )
    assert second == "tflite: 1 op that the recipe quantizes stays float: the target needs luck"
