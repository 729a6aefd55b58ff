"""Golden files of the ONNX frontend: models in ONNX's own text form, and the modules that they become.

A file has a case for each model, the ONNX text behind ``#`` and then the module as it is imported:

    # ---- onnx
    # <ir_version: 8, opset_import: ["": 17]>
    # relu (float[n, 3] x) => (float[n, 3] y) { y = Relu(x) }
    func @main(%x: f32[n, 3]) -> (%y: f32[n, 3]) {
      ...

``pytest --update-golden`` writes the modules. Each is verified, carried through its text, and held against onnxruntime.
"""

from pathlib import Path

import onnx.parser
import pytest

from glmir.frontends.onnx.importer import import_model
from glmir.printer import print_module
from tests.glmir.frontends.onnx.harness import check_model
from tests.golden import random_inputs

FOLDER = Path(__file__).parent / "golden"
CASE = "# ---- onnx\n"


def cases(path: Path) -> list[tuple[str, str]]:
    """The ONNX text and the expected module of each case."""
    found = []
    for part in path.read_text(encoding="utf-8").split(CASE)[1:]:
        lines = part.splitlines(keepends=True)
        source = [line for line in lines if line.startswith("#")]
        found.append(("".join(source), "".join(line for line in lines if not line.startswith("#")).strip("\n")))
    return found


def model_of(source: str) -> onnx.ModelProto:
    return onnx.parser.parse_model("".join(line.removeprefix("#") for line in source.splitlines(keepends=True)))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.glir")), ids=lambda p: p.stem)
def test_golden_file(path: Path, update_golden: bool) -> None:
    produced = []
    for source, expected in cases(path):
        model = model_of(source)
        check_model(model, random_inputs(import_model(model).main), "f32-sums")
        text = print_module(import_model(model)).strip("\n")
        produced.append(f"{CASE}{source}{text}\n")
        assert update_golden or text == expected, f"{path.name}: run pytest --update-golden and read the diff"
    assert produced
    if update_golden:
        path.write_text("\n".join(produced), encoding="utf-8")
