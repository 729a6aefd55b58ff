"""Models larger than memory should hold twice: weights stay in their files until they are written.

The test of the real size takes twice that size of disk, and runs with --all-cases; the others show the same on small
models.
"""

import resource
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import glmir
from glmir import weights
from glmir.backends.target import TARGETS
from glmir.frontends.file_mapping import map_file

PRECISIONS = ("fp32", "fp16")


def write_layers(folder: Path, width: int, layers: int) -> Path:
    """A model of rectified products with square matrices, which stand in a file beside it."""
    rows = np.random.default_rng(0).standard_normal((width // 8, width)).astype(np.float32) / width
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, width])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, width])]
    names = ["x", *(f"t{i}" for i in range(1, layers)), "y"]
    nodes = []
    for i in range(layers):
        nodes.append(helper.make_node("MatMul", [names[i], f"w{i}"], [f"p{i}"]))
        nodes.append(helper.make_node("Relu", [f"p{i}"], [names[i + 1]]))
    tensors = []
    with (folder / "weights.bin").open("xb") as stream:
        for i in range(layers):
            tensor = TensorProto(name=f"w{i}", dims=[width, width], data_type=TensorProto.FLOAT)
            tensor.data_location = TensorProto.EXTERNAL
            place = {"location": "weights.bin", "offset": stream.tell(), "length": 4 * width * width}
            for key, entry in place.items():
                tensor.external_data.add(key=key, value=str(entry))
            tensors.append(tensor)
            for part in range(8):
                stream.write((rows * np.float32(1 + i + part / 8)).tobytes())
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


@pytest.mark.parametrize("target", TARGETS)
def test_weights_are_not_held_in_memory(tmp_path: Path, target: str) -> None:
    path = write_layers(tmp_path, 640, 10)
    size = (tmp_path / "weights.bin").stat().st_size
    for precision, share in (("fp32", 0.3), ("fp16", 1.4)):
        # What is imported on first use would be counted.
        glmir.compile(path, target=target, precision=precision).save(tmp_path / f"first-{precision}")
        tracemalloc.start()
        glmir.compile(path, target=target, precision=precision).save(tmp_path / precision)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < share * size, precision


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's account of memory")
def test_what_was_read_of_a_file_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 2**25
    with (tmp_path / "zeros").open("xb") as stream:
        stream.truncate(size)
    array = np.frombuffer(map_file(str(tmp_path / "zeros"), ""), np.uint8)
    monkeypatch.setattr(weights, "RELEASED_FROM", size)

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    assert array.max() == 0
    before = resident()
    weights.release(array[1:-1].reshape(2, -1).T)
    assert before - resident() > size * 0.9
    assert array.max() == 0
    weights.release(np.zeros(size, np.uint8))


@pytest.mark.slow
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("target", TARGETS)
def test_beyond_two_gigabytes(request: pytest.FixtureRequest, tmp_path: Path, target: str, precision: str) -> None:
    if not request.config.getoption("--all-cases"):
        pytest.skip("writes five gigabytes: with --all-cases")
    path = write_layers(tmp_path, 8192, 9)
    size = (tmp_path / "weights.bin").stat().st_size
    assert size > 2**31
    code = (
        "import resource, sys; from glmir.driver.glmc import main; code = main(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
    )
    options = ["--target", target, "--precision", precision, "-o", str(tmp_path / "out")]
    run = subprocess.run([sys.executable, "-c", code, str(path), *options], capture_output=True, text=True, check=True)
    assert int(run.stdout.split()[-1]) * 1024 < 1.5 * size
